"""Customer Insights' lake export as a source: CSV files per snapshot and one ``model.json``.

A snapshot is whole when ``model.json`` points at its files and all are there. Older ones are whole when
their files are numbered without a gap: ``model.json`` named them in their time. A folder newer than
that may still be growing and is not taken. For an older snapshot the columns are today's: a file with
another number of columns is refused.
"""

from __future__ import annotations

from collections import defaultdict
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
    LakeModel,
    names_told,
    parse_model,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    import pyarrow as pa

    from segment_exports.sources.lake.storage import ExportFolder

LARGEST_MODEL_BYTES = 64 * 1024 * 1024


class LakeExport:
    """Reads one export's folder on any fsspec file system.

    :param folder: the one that holds ``model.json``.
    :param snapshot_timezone: time zone of the folders ``<YYYY>/<MM>/<DD>/<HHMM>``.
    :param by_backslash: quotes inside quoted values are escaped by a backslash; model.json can't say so.
    """

    has_history = True

    def __init__(
        self,
        folder: ExportFolder,
        *,
        snapshot_timezone: str = "UTC",
        by_backslash: bool = False,
    ) -> None:
        self._folder = folder
        self._zone = ZoneInfo(snapshot_timezone)
        self._by_backslash = by_backslash
        self.doubts: list[str] = []

    def segments(self) -> list[SegmentInfo]:
        """Return every table of the export, by name: ``model.json`` doesn't tell which are segments.

        :raises SourceError: ``model.json`` is missing or broken.
        """
        model = self._model()
        return [self._info(model, name) for name in model.names]

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
                csv_file = CsvFile(self._folder, file.path, entity.columns, layout)
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
        empty = [path for path, size in zip(files, self._sizes(files), strict=True) if size == 0]
        if not empty or len(files) == 1:
            return []
        told = f"files of {segment} have 0 bytes ({names_told(empty)})"
        if len(empty) == len(files):
            return [f"All {len(files)} {told}: the segment counts as empty"]
        return [
            f"{len(empty)} of {len(files)} {told}: if the export was cut off, rows are missing, and the "
            f"members in them count as having left. Look at the export in Customer Insights, or run it again"
        ]

    def _sizes(self, files: Iterable[str]) -> list[int]:
        try:
            return [self._folder.state(file).size for file in files]
        except FileNotFoundError as error:
            raise SourceNotReadyError(f"{error} isn't there any more") from None

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
        for path in self._folder.files(table):
            file = listed_file(path, self._folder.root, table)
            if file is not None:
                found[file.time(self._zone)].append(file)
        return found

    def _formats(self, entity: LakeEntity) -> dict[SnapshotFile, CsvFormat]:
        files = located_files([location for location, _ in entity.files], self._folder.root, entity.name)
        return dict(zip(files, (layout for _, layout in entity.files), strict=True))

    def _info(self, model: LakeModel, name: str) -> SegmentInfo:
        try:
            entity = model.table(name)
        except SourceError as error:
            return SegmentInfo(name, (), fault=str(error))
        try:
            files = list(self._formats(entity))
            sizes = self._sizes([file.path for file in files])
        except SourceError:
            return SegmentInfo(name, entity.attributes)
        time = files[0].time(self._zone) if files else None
        return SegmentInfo(name, entity.attributes, evaluated_at=time, size_bytes=sum(sizes))

    def _entity(self, name: str) -> LakeEntity:
        return self._model().table(name)

    def _model(self) -> LakeModel:
        path = self._folder.path(MODEL_FILE)
        try:
            size = self._folder.state(MODEL_FILE).size
            if size > LARGEST_MODEL_BYTES:
                raise SourceError(f"{path} has {size:,} bytes; at most {LARGEST_MODEL_BYTES:,} are read")
            raw = self._folder.read(MODEL_FILE)
        except FileNotFoundError:
            raise self._without_model(path) from None
        if not raw:
            raise SourceNotReadyError(f"{path} is empty; Customer Insights may be writing it")
        return parse_model(raw, path)

    def _without_model(self, path: str) -> SourceError:
        """Return what a missing ``model.json`` means: it is being replaced, or this is another folder."""
        nearby = self._folder.found(f"CustomerInsights_*/*/{MODEL_FILE}")
        if not nearby and self._folder.is_there():
            return SourceNotReadyError(f"{path} isn't there; Customer Insights may be writing it")
        folders = names_told(place.rsplit("/", 1)[0] for place in nearby)
        return SourceError(
            f"{path} isn't there; source.path must be the export's folder, with {MODEL_FILE}"
            + (f". Below it there are: {folders}" if nearby else "")
        )
