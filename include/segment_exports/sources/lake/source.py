"""Customer Insights' lake export as a source: CSV files per snapshot and one ``model.json``.

Which snapshots are whole, :mod:`.wholeness` says. What a run chose, files and columns alike, goes with its
read unit: it is what is read, or the run says that it changed.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import pyarrow.compute as pc

from segment_exports.definition.meant import near
from segment_exports.errors import SourceError, SourceNotReadyError
from segment_exports.records.profiles import PREVIOUS_CUSTOMER_ID
from segment_exports.settings import bounds
from segment_exports.sieve.net import names_told
from segment_exports.sources import ReadUnit, SegmentInfo
from segment_exports.sources.lake.csv_files import CsvFile, OneOrder
from segment_exports.sources.lake.cultures import culture_of
from segment_exports.sources.lake.listing import Listing
from segment_exports.sources.lake.locations import SnapshotFile, data_file, located_files
from segment_exports.sources.lake.model_json import (
    MODEL_FILE,
    CsvFormat,
    LakeEntity,
    LakeModel,
    parse_model,
)
from segment_exports.sources.lake.seen_snapshots import SeenFile, SeenSnapshot
from segment_exports.sources.lake.wholeness import (
    CUT_OFF,
    WRITTEN_IN,
    KnownSnapshots,
    LakeRules,
    Wholeness,
    empty_files,
)
from segment_exports.sources.snapshot_marks import SnapshotChangedError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    import pyarrow as pa

    from segment_exports.sources.lake.cultures import Culture
    from segment_exports.sources.lake.seen_snapshots import SeenSnapshots
    from segment_exports.sources.lake.storage import ExportFolder


class LakeExport:
    """Reads one export's folder on any fsspec file system.

    :param folder: the one that holds ``model.json``.
    :param snapshot_timezone: time zone of the folders ``<YYYY>/<MM>/<DD>/<HHMM>``.
    :param rules: what the definition says beyond ``model.json``.
    :param seen: remembers what ``model.json`` said, so that earlier snapshots can be read; nothing is kept
        where it is left out.
    """

    has_history = True

    def __init__(
        self,
        folder: ExportFolder,
        *,
        snapshot_timezone: str = "UTC",
        rules: LakeRules = LakeRules(),  # noqa: B008 - frozen
        seen: SeenSnapshots | None = None,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._folder = folder
        self._zone = ZoneInfo(snapshot_timezone)
        self._rules = rules
        self._seen = seen
        self._now = now
        self.doubts: list[str] = []

    def segments(self) -> list[SegmentInfo]:
        """Return every table of the export, by name: ``model.json`` doesn't tell which are segments.

        :raises SourceError: ``model.json`` is missing or broken.
        """
        model = self._model()
        return [self._info(model, name) for name in sorted([*model.names, *model.without_columns])]

    def snapshots(self, segment: str) -> list[datetime]:
        """Return the times (UTC) of the whole snapshots, oldest first.

        :raises SourceError: ``model.json`` is missing or broken, or has no such table.
        """
        return sorted(self._known(segment).whole)

    def unfinished(
        self, segment: str, not_before: datetime | None = None, before: datetime | None = None
    ) -> str | None:
        """Say what the snapshot that ``model.json`` names still lacks; None if it is whole.

        With bounds: what the newest snapshot within them lacks.

        :raises SourceError: as :meth:`snapshots`.
        """
        known = self._known(segment)
        if not_before is None and before is None:
            return known.newest_lacks
        inside = [
            time
            for time in known.lacking
            if (not_before is None or time >= not_before) and (before is None or time < before)
        ]
        newest = max(inside, default=None)
        return f"that of {newest:%Y-%m-%d %H:%M} UTC: {known.lacking[newest]}" if newest else None

    def read_units(self, snapshots: Mapping[str, datetime]) -> list[ReadUnit]:
        """Return one unit per segment, with the files of its snapshot.

        :raises SourceNotReadyError: a snapshot isn't there or not whole.
        """
        return [self._unit(segment, time) for segment, time in snapshots.items()]

    def read(self, unit: ReadUnit, attributes: Sequence[str]) -> Iterator[tuple[str, pa.RecordBatch]]:
        """Read the files of a unit one after the other; see :class:`segment_exports.sources.Source`."""
        for segment in unit.segments:
            snapshot = SeenSnapshot.from_json(segment, unit.detail)
            for path in (snapshot.file(one).path for one in snapshot.files):
                if data_file(path, segment) is None:
                    raise SourceError(f"{path} isn't a file of {segment}")
            self._refuse_if_described_anew(snapshot)
            wanted = self._known_attributes(snapshot, attributes)
            columns = None if snapshot.attributes is None else [one.name for one in snapshot.attributes]
            one_order = OneOrder(columns)
            for seen in snapshot.files:
                path = snapshot.file(seen).path
                layout = replace(seen.layout, by_backslash=self._rules.by_backslash)
                file = CsvFile(self._folder, path, columns, layout, state=seen.state)
                yield from self._batches(snapshot, file, wanted, self._culture(layout.culture))
                one_order.add(file)
                self.doubts += file.doubts
                if file.is_blank and len(snapshot.files) > 1 and seen.state and seen.state.size:
                    self.doubts.append(f"{file.path} holds nothing but line ends: {CUT_OFF}")

    def _batches(
        self, snapshot: SeenSnapshot, file: CsvFile, wanted: Sequence[str], culture: Culture | None
    ) -> Iterator[tuple[str, pa.RecordBatch]]:
        attributes = snapshot.attributes
        if attributes is None:  # of that day nobody knows the types; names seldom get another
            attributes = self._model().table(snapshot.table).attributes
        types = {attribute.name: attribute.data_type.lower() for attribute in attributes}
        booleans = [name for name in wanted if types.get(name) == "boolean"]
        for batch in file.read(wanted):
            for name in booleans:
                index = batch.schema.get_field_index(name)
                batch = batch.set_column(index, name, pc.utf8_lower(batch.column(index)))
            yield snapshot.table, culture.rewrite(batch, types) if culture else batch

    def _culture(self, name: str) -> Culture | None:
        culture = culture_of(name) if name else None
        if name and culture is None:
            self.doubts.append(
                f"model.json names the culture {name[:20]!r}, which isn't known here: its dates and numbers "
                f"are taken as they are. A field of the definition may name its format"
            )
        return culture

    def _refuse_if_described_anew(self, snapshot: SeenSnapshot) -> None:
        """Refuse a snapshot of which ``model.json`` says something else now than when it was chosen."""
        model = self._model()
        if snapshot.attributes is None or snapshot.table not in model.names:
            return
        now = self._current(model, model.table(snapshot.table))
        if now is None or now.folder != snapshot.folder:
            return
        was_described, is_described = (
            (one.attributes, {file.name: file.layout for file in one.files}) for one in (snapshot, now)
        )
        if was_described != is_described:
            raise SnapshotChangedError(
                f"model.json describes the snapshot {snapshot.folder} of {snapshot.table} otherwise than "
                "when this run chose it: other columns, files or file settings. Nothing of it is delivered, "
                "since a column may be taken for another one; start the run again"
            )

    def _known_attributes(self, snapshot: SeenSnapshot, attributes: Sequence[str]) -> list[str]:
        if snapshot.attributes is None:
            return list(attributes)
        known = {one.name for one in snapshot.attributes}
        unknown = [name for name in attributes if name not in known and name != PREVIOUS_CUSTOMER_ID]
        if unknown:
            hint = near(unknown[0], known) if len(unknown) == 1 else ""
            raise SourceError(
                f"{snapshot.table} has no attribute {', '.join(unknown)} in its snapshot {snapshot.folder}."
                f"{hint} It has: {names_told(known)}"
            )
        return [name for name in attributes if name in known]

    def _unit(self, segment: str, time: datetime) -> ReadUnit:
        known = self._known(segment)
        if time not in known.whole:
            lacks = f": {known.lacking[time]}" if time in known.lacking else ""
            raise SourceNotReadyError(f"{segment} has no whole snapshot of {time:%Y-%m-%d %H:%M} UTC{lacks}")
        snapshot = self._as_it_is(known.whole[time])
        self.doubts += known.doubts.get(time, [])
        if known.elsewhere:
            self.doubts.append(
                f"{names_told(known.elsewhere)} lies in no folder <YYYY>/<MM>/<DD>/<HHMM>, and is not read: "
                f"if it holds members of {segment}, they are missing"
            )
        self.doubts += empty_files(snapshot)
        return ReadUnit(
            segment,
            {segment: time.astimezone(UTC).isoformat()},
            snapshot.to_json(),
            whole=time not in known.unread,
            judged=not known.unread.get(time),
        )

    def _as_it_is(self, snapshot: SeenSnapshot) -> SeenSnapshot:
        """Return a snapshot with the states of its files, asked for one by one: a listing may tell less."""
        try:
            states = self._folder.states(snapshot.file(one).path for one in snapshot.files)
        except FileNotFoundError as error:
            raise SourceNotReadyError(f"{error.filename} isn't there any more") from None
        files = zip(snapshot.files, states, strict=True)
        return replace(snapshot, files=tuple(replace(one, state=state) for one, state in files))

    def _known(self, segment: str) -> KnownSnapshots:
        """Return what is known of the snapshots of a table, and remember what ``model.json`` says now."""
        model = self._model()
        current = self._current(model, model.table(segment))
        listing = Listing.of(self._folder, segment)
        found = listing.snapshots
        seen = self._seen.of(segment) if self._seen else {}
        if current is not None and self._seen is not None:
            there = found.get(current.folder, {})
            files = tuple(replace(one, state=there.get(one.name)) for one in current.files)
            current = replace(current, files=files).held_against(seen.get(current.folder))
            self._seen.keep(current, seen)
        known = Wholeness(segment, found, self._rules, self._zone).judge(current, seen)
        return replace(known, elsewhere=listing.elsewhere)

    def _current(self, model: LakeModel, entity: LakeEntity) -> SeenSnapshot | None:
        """Return the snapshot that ``model.json`` names; None where it names none."""
        files = self._located(entity)
        if len({file.folder for file, _ in files}) > 1:
            raise SourceError(f"model.json: the partitions of {entity.name} stand in more than one snapshot")
        folder = files[0][0].folder if files else None
        if folder is None:
            folder = self._refresh_without(model, entity.name)
        if folder is None:
            return None
        seen = tuple(SeenFile(file.name, None, layout) for file, layout in files)
        return SeenSnapshot(entity.name, folder, entity.attributes, seen)

    def _refresh_without(self, model: LakeModel, table: str) -> str | None:
        """Return the newest snapshot of the other tables, if one without a file is empty in it by now.

        Where files of the table lie in a folder of that refresh, that is the one: nobody named them.
        """
        files: list[SnapshotFile] = []
        for name in model.names:
            with suppress(SourceError):  # a fault of another table
                files += [file for file, _ in self._located(model.table(name))]
        age = self._rules.absent_is_empty_after
        newest = max(files, key=lambda file: file.folder, default=None)
        if newest is None or age is None or self._now() - newest.time(self._zone) < age:
            return None
        begun = newest.time(self._zone) - WRITTEN_IN
        seen = self._seen.of(table) if self._seen else {}
        own = [
            folder
            for folder in Listing.of(self._folder, table).snapshots
            if not (folder in seen and seen[folder].files)
            and SnapshotFile(table, folder, "").time(self._zone) >= begun
        ]
        return max(own, default=newest.folder)

    def _located(self, entity: LakeEntity) -> list[tuple[SnapshotFile, CsvFormat]]:
        files = located_files([location for location, _ in entity.files], self._folder.root, entity.name)
        # A file that is named twice is read once.
        return list(dict(zip(files, (layout for _, layout in entity.files), strict=True)).items())

    def _info(self, model: LakeModel, name: str) -> SegmentInfo:
        try:
            entity = model.table(name)
        except SourceError as error:
            return SegmentInfo(name, (), fault=str(error))
        try:
            files = [file for file, _ in self._located(entity)]
            sizes = [self._folder.state(file.path).size for file in files]
        except (SourceError, FileNotFoundError):
            return SegmentInfo(name, entity.attributes)
        time = files[0].time(self._zone) if files else None
        return SegmentInfo(name, entity.attributes, evaluated_at=time, size_bytes=sum(sizes))

    def _model(self) -> LakeModel:
        path = self._folder.path(MODEL_FILE)
        try:
            raw = self._folder.read(MODEL_FILE, bounds.MODEL_BYTES + 1)
        except FileNotFoundError:
            raise self._without_model(path) from None
        if len(raw) > bounds.MODEL_BYTES:
            raise SourceError(f"{path} has more than {bounds.MODEL_BYTES:,} bytes, and is not read")
        if not raw:
            raise SourceNotReadyError(f"{path} is empty; Customer Insights may be writing it")
        return parse_model(raw, path)

    def _without_model(self, path: str) -> SourceError:
        """Return what a missing ``model.json`` means: it is being replaced, or this is another folder."""
        nearby = self._folder.found(f"CustomerInsights_*/*/{MODEL_FILE}")
        if manifests := self._folder.found("*manifest.cdm.json"):
            return SourceError(
                f"{path} isn't there, but {names_told(manifests)}, which isn't read: it is of another "
                f"program than Customer Insights' export, which writes {MODEL_FILE}. Name the folder of that"
            )
        if not nearby and self._folder.is_there():
            return SourceNotReadyError(f"{path} isn't there; Customer Insights may be writing it")
        folders = names_told(place.rsplit("/", 1)[0] for place in nearby)
        return SourceError(
            f"{path} isn't there; source.path must be the export's folder, with {MODEL_FILE}"
            + (f". Below it there are: {folders}" if nearby else "")
        )
