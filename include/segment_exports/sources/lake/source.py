"""Customer Insights' lake export as a source: CSV files per snapshot and one ``model.json``.

A snapshot is whole when ``model.json`` points at its files and all are there. Older ones are whole when
their files are numbered without a gap: ``model.json`` named them in their time. A folder newer than
that may still be growing and is not taken. For an older snapshot the columns are today's: a file with
another number of columns is refused.
"""

from __future__ import annotations

from collections import defaultdict
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import pyarrow.compute as pc

from segment_exports.definition.problems import near
from segment_exports.errors import SourceError, SourceNotReadyError
from segment_exports.records.profiles import PREVIOUS_CUSTOMER_ID
from segment_exports.sources import ReadUnit, SegmentInfo
from segment_exports.sources.lake.csv_files import CsvFile, OneOrder
from segment_exports.sources.lake.locations import (
    SnapshotFile,
    is_numbered_without_gap,
    listed_file,
    located_files,
)
from segment_exports.sources.lake.model_json import (
    MODEL_FILE,
    CsvFormat,
    LakeEntity,
    find_entity,
    names_told,
    parse_model,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    import pyarrow as pa
    from fsspec import AbstractFileSystem

LARGEST_MODEL_BYTES = 64 * 1024 * 1024


class LakeExport:
    """Reads one export's folder on any fsspec file system.

    :param root: the folder that holds ``model.json``, as the file system writes paths.
    :param snapshot_timezone: time zone of the folders ``<YYYY>/<MM>/<DD>/<HHMM>``.
    :param by_backslash: quotes inside quoted values are escaped by a backslash; model.json can't say so.
    """

    has_history = True

    def __init__(
        self,
        fs: AbstractFileSystem,
        root: str,
        *,
        snapshot_timezone: str = "UTC",
        by_backslash: bool = False,
    ) -> None:
        self._fs = fs
        self._root = root.rstrip("/")
        self._zone = ZoneInfo(snapshot_timezone)
        self._by_backslash = by_backslash
        self.doubts: list[str] = []

    def segments(self) -> list[SegmentInfo]:
        """Return every table of the export, by name: ``model.json`` doesn't tell which are segments.

        :raises SourceError: ``model.json`` is missing or broken.
        """
        return [self._info(entity) for _, entity in sorted(self._entities().items())]

    def snapshots(self, segment: str) -> list[datetime]:
        """Return the times (UTC) of the whole snapshots, oldest first.

        :raises SourceError: ``model.json`` is missing or broken, or has no such table.
        """
        return sorted(self._whole(self._entity(segment))[0])

    def unfinished(self, segment: str) -> str | None:
        """Say what the snapshot that ``model.json`` names still lacks; None if it is whole.

        :raises SourceError: as :meth:`snapshots`.
        """
        return self._whole(self._entity(segment))[1]

    def read_units(self, snapshots: Mapping[str, datetime]) -> list[ReadUnit]:
        """Return one unit per segment, with the files of its snapshot.

        :raises SourceNotReadyError: a snapshot isn't there or not whole.
        """
        return [self._unit(segment, time) for segment, time in snapshots.items()]

    def read(self, unit: ReadUnit, attributes: Sequence[str]) -> Iterator[tuple[str, pa.RecordBatch]]:
        """Read the files of a unit one after the other; see :class:`segment_exports.sources.Source`."""
        for segment in unit.segments:
            entity = self._entity(segment)
            wanted = self._known_attributes(entity, attributes)
            formats = self._formats(entity)
            one_order = OneOrder(entity.columns)
            for path in unit.detail["files"]:
                file = listed_file(path, "", segment)
                if file is None:
                    raise SourceError(f"{path} isn't a file of {segment}")
                layout = formats.get(file) or next(iter(formats.values()), CsvFormat())
                layout = replace(layout, by_backslash=self._by_backslash)
                csv_file = CsvFile(self._fs, self._path(file.path), entity.columns, layout)
                yield from self._batches(entity, csv_file, wanted)
                one_order.add(csv_file)
                self.doubts += csv_file.doubts

    def _batches(
        self, entity: LakeEntity, file: CsvFile, wanted: Sequence[str]
    ) -> Iterator[tuple[str, pa.RecordBatch]]:
        types = {attribute.name: attribute.data_type.lower() for attribute in entity.attributes}
        booleans = [name for name in wanted if types[name] == "boolean"]
        for batch in file.read(wanted):
            for name in booleans:
                index = batch.schema.get_field_index(name)
                batch = batch.set_column(index, name, pc.utf8_lower(batch.column(index)))
            yield entity.name, batch

    def _known_attributes(self, entity: LakeEntity, attributes: Sequence[str]) -> list[str]:
        known = set(entity.columns)
        unknown = [name for name in attributes if name not in known and name != PREVIOUS_CUSTOMER_ID]
        if unknown:
            hint = near(unknown[0], known) if len(unknown) == 1 else ""
            raise SourceError(
                f"{entity.name} has no attribute {', '.join(unknown)}.{hint} It has: {names_told(known)}"
            )
        return [name for name in attributes if name in known]

    def _unit(self, segment: str, time: datetime) -> ReadUnit:
        whole, _ = self._whole(self._entity(segment))
        if time not in whole:
            raise SourceNotReadyError(f"{segment} has no whole snapshot of {time:%Y-%m-%d %H:%M} UTC")
        files = [file.path for file in whole[time]]
        self.doubts += self._empty_files(segment, files)
        return ReadUnit(segment, {segment: time.astimezone(UTC).isoformat()}, {"files": files})

    def _empty_files(self, segment: str, files: Sequence[str]) -> list[str]:
        """Doubt files without a byte beside others: a segment that has no member may be one such file."""
        empty = [path for path, size in zip(files, self._sizes(segment, files), strict=True) if size == 0]
        if not empty or len(files) == 1:
            return []
        told = f"files of {segment} have 0 bytes ({names_told(empty)})"
        if len(empty) == len(files):
            return [f"All {len(files)} {told}: the segment counts as empty"]
        return [
            f"{len(empty)} of {len(files)} {told}: if the export was cut off, rows are missing, and the "
            f"members in them count as having left. Look at the export in Customer Insights, or run it again"
        ]

    def _sizes(self, segment: str, files: Iterable[str]) -> list[int]:
        with self._reaching(segment):
            return [int(self._fs.info(self._path(file))["size"]) for file in files]

    def _whole(self, entity: LakeEntity) -> tuple[dict[datetime, list[SnapshotFile]], str | None]:
        """Return the files of every whole snapshot, and what the one in ``model.json`` lacks."""
        current = list(self._formats(entity))
        if not current:
            return {}, f"model.json names no partition of {entity.name}"
        if len({file.folder for file in current}) > 1:
            raise SourceError(f"model.json: the partitions of {entity.name} stand in more than one snapshot")
        now = current[0].time(self._zone)
        found = self._listed(entity.name)
        whole = {
            time: files for time, files in found.items() if time < now and is_numbered_without_gap(files)
        }
        missing = [file.path for file in current if file not in set(found.get(now, []))]
        if missing:
            return whole, f"model.json names {names_told(missing)}, which isn't there"
        return {**whole, now: current}, None

    def _listed(self, table: str) -> dict[datetime, list[SnapshotFile]]:
        found: dict[datetime, list[SnapshotFile]] = defaultdict(list)
        with self._reaching(table):
            self._fs.invalidate_cache()
            paths = self._fs.find(self._path(table)) if self._fs.exists(self._path(table)) else []
        for path in sorted(paths):
            file = listed_file(path, self._root, table)
            if file is not None:
                found[file.time(self._zone)].append(file)
        return found

    def _formats(self, entity: LakeEntity) -> dict[SnapshotFile, CsvFormat]:
        files = located_files([location for location, _ in entity.files], self._root, entity.name)
        return dict(zip(files, (layout for _, layout in entity.files), strict=True))

    def _info(self, entity: LakeEntity) -> SegmentInfo:
        try:
            files = list(self._formats(entity))
            sizes = self._sizes(entity.name, [file.path for file in files])
        except SourceError:
            return SegmentInfo(entity.name, entity.attributes)
        time = files[0].time(self._zone) if files else None
        return SegmentInfo(entity.name, entity.attributes, evaluated_at=time, size_bytes=sum(sizes))

    def _entity(self, name: str) -> LakeEntity:
        return find_entity(self._entities(), name, self._path(MODEL_FILE))

    def _entities(self) -> dict[str, LakeEntity]:
        path = self._path(MODEL_FILE)
        with self._reaching(MODEL_FILE):
            self._fs.invalidate_cache()
            size = int(self._fs.info(path)["size"])
            if size > LARGEST_MODEL_BYTES:
                raise SourceError(f"{path} has {size:,} bytes; at most {LARGEST_MODEL_BYTES:,} are read")
            raw = bytes(self._fs.cat_file(path))
        if not raw:
            raise SourceNotReadyError(f"{path} is empty; Customer Insights may be writing it")
        return parse_model(raw, path)

    def _path(self, relative: str) -> str:
        return f"{self._root}/{relative}"

    @contextmanager
    def _reaching(self, relative: str) -> Iterator[None]:
        try:
            yield
        except SourceError:
            raise
        except FileNotFoundError:
            raise SourceError(self._missing(relative)) from None
        except Exception as error:  # every file system has errors of its own
            raise SourceError(f"{self._path(relative)} can't be read ({type(error).__name__})") from error

    def _missing(self, relative: str) -> str:
        text = (
            f"{self._path(relative)} isn't there; source.path must be the export's folder, with {MODEL_FILE}"
        )
        try:
            nearby = [str(path) for path in self._fs.glob(f"{self._root}/CustomerInsights_*/*/{MODEL_FILE}")]
        except Exception:  # noqa: BLE001 - only a hint is lost
            nearby = []
        hint = (
            f". Below it there are: {names_told(path.rsplit('/', 1)[0] for path in nearby)}" if nearby else ""
        )
        return text + hint
