"""Writes a tenant's snapshots as Customer Insights' lake export does.

    <root>/CustomerInsights_<instance>/<export>/model.json
    <root>/CustomerInsights_<instance>/<export>/<Table>/<YYYY>/<MM>/<DD>/<HHMM>/<Table>_<partition>.csv

The layout and the place of ``model.json`` are documented by Microsoft; what a ``model.json`` written
by Customer Insights looks like is not, so its shape follows the Common Data Model's specification:
``location`` is an https URL under the storage account, ``fileFormatSettings`` may be absent and then
means no header, commas, UTF-8 and every value in quotes. The data are written first and ``model.json``
is replaced last, so a snapshot that is not whole yet is data that no ``model.json`` names.

    python -m segment_emulators.lake_writer --folder lake --customers 20000 --snapshots 2
"""

from __future__ import annotations

import argparse
import codecs
import json
import sys
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO
from urllib.parse import quote

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from segment_emulators.tenant import ATTRIBUTE_NAMES, ATTRIBUTES, FIRST_SNAPSHOT, Tenant

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

CUSTOMER_TABLE = "Customer"


class Quoting(StrEnum):
    """Which values stand in quotes: the specification's ``csvStyle``."""

    ALWAYS = "CsvStyle.QuoteAlways"
    WHERE_NEEDED = "CsvStyle.QuoteAfterDelimiter"


@dataclass(frozen=True)
class CsvFormat:
    """How the files are written, and whether ``model.json`` says so (``declared``)."""

    header: bool = False
    delimiter: str = ","
    quoting: Quoting = Quoting.ALWAYS
    encoding: str = "UTF-8"
    declared: bool = True

    def settings(self) -> dict[str, Any]:
        """Return the partition's ``fileFormatSettings``."""
        return {
            "$type": "CsvFormatSettings",
            "columnHeaders": self.header,
            "delimiter": self.delimiter,
            "quoteStyle": "QuoteStyle.Csv",
            "csvStyle": self.quoting.value,
            "encoding": self.encoding,
        }


@dataclass(frozen=True)
class LakeExport:
    """One export of a tenant to a folder.

    ``tables`` are segment names and possibly ``Customer``; None means all segments.
    """

    root: Path
    tenant: Tenant
    instance: str = "3f6c2a90-5d1e-4b7a-9c42-0e8d1b7f6a55"
    export: str = "AutopilotExport"
    tables: Sequence[str] | None = None
    partitions: int = 3
    csv: CsvFormat = field(default_factory=CsvFormat)
    container_url: str = "https://contosolake.blob.core.windows.net/customerinsights"

    @property
    def folder(self) -> Path:
        """The export's own root, where ``model.json`` lies."""
        return self.root / f"CustomerInsights_{self.instance}" / self.export

    @property
    def table_names(self) -> tuple[str, ...]:
        """The tables that were ticked for the export."""
        return tuple(self.tenant.segments) if self.tables is None else tuple(self.tables)

    def files(self, table: str, snapshot: int) -> list[Path]:
        """Return where the partitions of a table lie, first to last."""
        time = self.tenant.snapshot_time(snapshot)
        folder = self.folder / table / time.strftime("%Y/%m/%d/%H%M")
        return [folder / f"{table}_{number}.csv" for number in range(1, self.partitions + 1)]

    def write(self, snapshot: int) -> None:
        """Write a whole snapshot: its data, then ``model.json``."""
        self.write_data(snapshot)
        self.publish(snapshot)

    def write_data(self, snapshot: int, *, partitions: int | None = None) -> None:
        """Write a snapshot's files, or only the first few partitions, without ``model.json``."""
        with ExitStack() as stack:
            files: dict[str, list[BinaryIO]] = {}
            for table in self.table_names:
                files[table] = []
                for path in self.files(table, snapshot)[:partitions]:
                    path.parent.mkdir(parents=True, exist_ok=True)
                    files[table].append(stack.enter_context(path.open("wb")))
            writers = {
                table: [_Encoder(file, self.csv) for file in opened] for table, opened in files.items()
            }
            for batch in self.tenant.snapshot(snapshot):
                self._write_batch(batch, writers)

    def publish(self, snapshot: int) -> None:
        """Replace ``model.json`` by one that names the files of this snapshot."""
        self.folder.mkdir(parents=True, exist_ok=True)
        temporary = self.folder / ".model.json.tmp"
        temporary.write_text(json.dumps(self.model(snapshot), indent=2) + "\n", encoding="utf-8")
        temporary.replace(self.folder / "model.json")

    def model(self, snapshot: int) -> dict[str, Any]:
        """Return ``model.json`` as it stands after a snapshot was exported."""
        time = self.tenant.snapshot_time(snapshot)
        return {
            "application": "Dynamics 365 Customer Insights (emulated)",
            "name": self.export,
            "description": "Generated customers; the shape follows the Common Data Model's specification",
            "version": "1.0",
            "modifiedTime": _iso(time + timedelta(minutes=12)),
            "annotations": [],
            "entities": [self._entity(table, snapshot) for table in self.table_names],
            "relationships": [],
        }

    def _entity(self, table: str, snapshot: int) -> dict[str, Any]:
        refreshed = _iso(self.tenant.snapshot_time(snapshot))
        return {
            "$type": "LocalEntity",
            "name": table,
            "description": "",
            "annotations": [],
            "attributes": [
                {"name": attribute.name, "dataType": attribute.data_type} for attribute in ATTRIBUTES
            ],
            "partitions": [
                {
                    "name": path.stem,
                    "refreshTime": refreshed,
                    "location": self._location(path),
                    **({"fileFormatSettings": self.csv.settings()} if self.csv.declared else {}),
                }
                for path in self.files(table, snapshot)
            ],
        }

    def _location(self, path: Path) -> str:
        return f"{self.container_url}/{quote(path.relative_to(self.root).as_posix())}"

    def _write_batch(self, batch: pa.RecordBatch, writers: dict[str, list[_Encoder]]) -> None:
        """Render a batch once and deal each table's rows out to its partitions."""
        lines = csv_lines(batch.select(list(ATTRIBUTE_NAMES)), self.csv)
        for table, encoders in writers.items():
            rows = lines if table == CUSTOMER_TABLE else lines.filter(batch[table])
            bounds = np.linspace(0, len(rows), self.partitions + 1).astype(int)
            for encoder, start, end in zip(encoders, bounds, bounds[1:], strict=False):
                encoder.write(rows.slice(start, end - start))


class _Encoder:
    """Writes rendered lines to one file in the encoding of the format, the header first."""

    def __init__(self, file: BinaryIO, csv: CsvFormat) -> None:
        self._file = file
        self._utf8 = codecs.lookup(csv.encoding).name == "utf-8"
        self._encoder = codecs.getincrementalencoder(csv.encoding)()
        if csv.header:
            names = pa.RecordBatch.from_pydict({name: [name] for name in ATTRIBUTE_NAMES})
            self.write(csv_lines(names, csv))

    def write(self, lines: pa.StringArray) -> None:
        if not len(lines):
            return
        offsets = np.frombuffer(lines.buffers()[1], dtype=np.int32)[
            lines.offset : lines.offset + len(lines) + 1
        ]
        raw = memoryview(lines.buffers()[2])[int(offsets[0]) : int(offsets[-1])]
        self._file.write(raw if self._utf8 else self._encoder.encode(bytes(raw).decode()))


def csv_lines(batch: pa.RecordBatch, csv: CsvFormat) -> pa.StringArray:
    """Return each row as one CSV line with its line feed; null is an empty value."""
    columns = [_quoted(column, csv) for column in batch.columns]
    columns[-1] = pc.binary_join_element_wise(columns[-1], "\n", "")
    return pc.binary_join_element_wise(*columns, csv.delimiter)


def _quoted(values: pa.StringArray, csv: CsvFormat) -> pa.StringArray:
    text = pc.fill_null(values, "")
    quoted = pc.binary_join_element_wise('"', pc.replace_substring(text, '"', '""'), '"', "")
    if csv.quoting is Quoting.ALWAYS:
        return quoted
    needs = pc.or_(pc.match_substring(text, csv.delimiter), pc.match_substring_regex(text, '["\r\n]'))
    return pc.if_else(needs, quoted, text)


def write_lake(export: LakeExport, snapshots: int, *, unfinished: bool = False) -> Iterator[datetime]:
    """Write so many snapshots, oldest first, and yield the time of each; the last may stay unfinished."""
    for snapshot in range(snapshots):
        if unfinished and snapshot == snapshots - 1:
            export.write_data(snapshot)
        else:
            export.write(snapshot)
        yield export.tenant.snapshot_time(snapshot)


def _iso(time: datetime) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m segment_emulators.lake_writer",
        description="Write a generated tenant as a lake export of Customer Insights.",
    )
    defaults = LakeExport(Path(), Tenant())
    parser.add_argument("--folder", type=Path, required=True, help="root of the lake (the container)")
    parser.add_argument("--customers", type=int, default=20_000, help="customers of the first snapshot")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--snapshots", type=int, default=2, help="how many snapshots, a day apart")
    parser.add_argument(
        "--first-snapshot",
        type=datetime.fromisoformat,
        default=FIRST_SNAPSHOT,
        help="time of the first snapshot with its zone, such as 2026-01-05T05:00+00:00",
    )
    parser.add_argument("--instance", default=defaults.instance)
    parser.add_argument("--export", default=defaults.export)
    parser.add_argument("--table", action="append", dest="tables", help="a segment, or Customer; repeatable")
    parser.add_argument("--partitions", type=int, default=defaults.partitions, help="files per table")
    parser.add_argument("--header", action="store_true", help="write a header row")
    parser.add_argument("--delimiter", default=",")
    parser.add_argument("--quoting", choices=[quoting.name.lower() for quoting in Quoting], default="always")
    parser.add_argument("--encoding", default="UTF-8")
    parser.add_argument("--no-format-settings", action="store_true", help="leave fileFormatSettings out")
    parser.add_argument("--no-dirt", action="store_true", help="clean customers only")
    parser.add_argument("--unfinished", action="store_true", help="leave the last snapshot out of model.json")
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the lake and print what was written."""
    parser = _parser()
    options = parser.parse_args(arguments)
    if options.first_snapshot.tzinfo is None:
        parser.error("--first-snapshot needs a time zone, such as 2026-01-05T05:00+00:00")
    for name in ("customers", "snapshots", "partitions"):
        if getattr(options, name) < 1:
            parser.error(f"--{name} must be at least 1, not {getattr(options, name)}")
    if len(options.delimiter) != 1:
        parser.error(f"--delimiter must be one character, not {len(options.delimiter)}")
    tenant = Tenant(
        options.customers,
        options.seed,
        dirt=not options.no_dirt,
        first_snapshot=options.first_snapshot,
    )
    unknown = sorted(set(options.tables or ()) - set(tenant.segments) - {CUSTOMER_TABLE})
    if unknown:
        parser.error(f"--table {unknown[0]}: there are {', '.join([*tenant.segments, CUSTOMER_TABLE])}")
    export = LakeExport(
        options.folder,
        tenant,
        instance=options.instance,
        export=options.export,
        tables=options.tables,
        partitions=options.partitions,
        csv=CsvFormat(
            header=options.header,
            delimiter=options.delimiter,
            quoting=Quoting[options.quoting.upper()],
            encoding=options.encoding,
            declared=not options.no_format_settings,
        ),
    )
    try:
        for time in write_lake(export, options.snapshots, unfinished=options.unfinished):
            sys.stdout.write(f"{export.folder}: snapshot {_iso(time)}\n")
    except UnicodeEncodeError as error:
        parser.error(f"--encoding {error.encoding} can't write some of the customers' letters")
    except (LookupError, OSError) as error:
        parser.error(str(error))
    return 0


if __name__ == "__main__":
    sys.exit(main())
