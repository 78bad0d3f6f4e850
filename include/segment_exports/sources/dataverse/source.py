"""Dataverse: segments from the tables that Customer Insights keeps there, over the Web API.

Two tables are read and joined here: ``msdynci_segmentmemberships``, one row per customer with all
their segments (so it is read once for all segments of an export), and ``msdynci_customerprofiles``, of
which only the wanted columns are asked for. Documented limits: 5,000 rows a page, no ``$skip``,
``@odata.nextLink`` followed unchanged, 6,000 requests in 5 minutes, 52 at once.

There is no documented table of segments and no documented sign of a finished refresh. A time mark, the
newest ``modifiedon`` of both tables, stands in for the snapshot's time. A paged read is no snapshot in
Dataverse: when the mark moved meanwhile, nothing of what was read is used. Virtual tables have no such
column: then the memberships are read a second time, after the profiles, and must be the same.
"""

from __future__ import annotations

import logging
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import numpy as np

from segment_exports.errors import SourceError, SourceNotReadyError
from segment_exports.records.outcomes import counted
from segment_exports.records.profiles import CUSTOMER_ID, WITHOUT_PROFILE
from segment_exports.sieve.net import names_told
from segment_exports.sieve.telling import as_told
from segment_exports.sources import ReadUnit, SegmentInfo
from segment_exports.sources.attribute_names import ServiceAttribute
from segment_exports.sources.dataverse.columns import first_row
from segment_exports.sources.dataverse.left_out import LeftOut
from segment_exports.sources.dataverse.membership_fingerprint import UNSEEN, WatchedMemberships
from segment_exports.sources.dataverse.memberships import (
    MEMBERSHIPS,
    member_batches,
    member_rows,
    segment_list,
    until_full,
)
from segment_exports.sources.dataverse.profiles import ID, PROFILES, SERVICE, ProfilePages
from segment_exports.sources.dataverse.settings import DataverseSettings
from segment_exports.sources.dataverse.table_names import TableNames
from segment_exports.sources.refresh_evidence import Evidence
from segment_exports.sources.seen_columns import SeenColumns
from segment_exports.sources.snapshot_marks import ensure_unchanged, parse_time
from segment_exports.sources.web.answer_status import RefusedError
from segment_exports.sources.web.http_reading import JsonReader
from segment_exports.sources.web.json_columns import text_column
from segment_exports.sources.web.membership_join import JoinCounts, MembershipJoin
from segment_exports.sources.web.odata import quoted
from segment_exports.sources.web.page_guard import RowsAgainError
from segment_exports.sources.web.patience import Patience, Waits
from segment_exports.sources.web.read_ahead import read_ahead
from segment_exports.sources.web.tokens import EntraTokens

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    import pyarrow as pa

    from segment_exports.sources.dataverse.memberships import NumberOf
    from segment_exports.sources.web.connections import DataverseConnection
    from segment_exports.sources.web.tokens import TokenSource

log = logging.getLogger(__name__)

MEMBERSHIP, PROFILE, LISTS = "msdynci_segmentmembership", "msdynci_customerprofile", "msdynci_segments"
UNIT = "dataverse"
HINT = (
    "make the app registration an application user of the environment, and give it the role Viewer on "
    "Customer Insights - Data (docs/sources.md)"
)


class DataverseSource:
    """Segments in Dataverse, as they are now."""

    has_history = False

    def __init__(
        self,
        connection: DataverseConnection,
        settings: DataverseSettings | None = None,
        *,
        tokens: TokenSource | None = None,
        patience: Patience | None = None,
        waits: Waits | None = None,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        spill_folder: Path | None = None,
        seen: SeenColumns | None = None,
    ) -> None:
        self._settings = settings or DataverseSettings()
        self._now = now
        self._spill_folder = spill_folder
        self.reader = JsonReader(
            service=SERVICE,
            root=connection.service_root,
            tokens=tokens or EntraTokens(connection.app, connection.scope),
            hint=HINT,
            headers={"OData-Version": "4.0", "OData-MaxVersion": "4.0"},
            verify=connection.app.ca_bundle or True,
            patience=patience or Patience(),
            waits=waits or Waits(),
        )
        self.doubts: list[str] = self.reader.warnings
        self.last_join: JoinCounts | None = None
        self.unsure: dict[str, str] = {}
        self.unread: frozenset[str] = frozenset()
        self.perhaps_members: list[pa.RecordBatch] = []
        self._names = TableNames(self.reader, self._settings.prefix, seen or SeenColumns(), self._doubt)

    def check(self) -> str:
        """Say that both tables can be read.

        :raises SourceError: they can't; the text says what to do.
        """
        for table in (PROFILES, MEMBERSHIPS):
            first_row(self.reader, table, {"$select": ID})
        found = "Dataverse answers, and both tables of Customer Insights can be read"
        return "; ".join([found, *self.reader.warnings])

    def segments(self) -> list[SegmentInfo]:
        """Return the segments that have members, with their number, by reading all memberships.

        :raises SourceError: a table can't be read.
        """
        attributes = self._names.of(PROFILE, PROFILES).announced()
        mark = self._mark()
        numbers: dict[str, int] = {}
        counts = np.zeros(0, np.int64)
        for batch in self._members(lambda name: numbers.setdefault(name, len(numbers)), LeftOut(())):
            found = np.bincount(np.asarray(batch.column("segment")), minlength=len(numbers))
            counts = np.pad(counts, (0, len(found) - len(counts))) + found
        return [
            SegmentInfo(name, attributes, members=int(counts[numbers[name]]), evaluated_at=mark)
            for name in sorted(numbers)
        ]

    def unknown_attributes(self, wanted: Sequence[str]) -> list[str]:
        """Return the names for which no column of the profiles is found.

        :raises SourceError: the table can't be read, or several columns fit a name.
        """
        return self._names.of(PROFILE, PROFILES).unknown(wanted)

    def describe(self, segments: Sequence[str]) -> list[SegmentInfo]:
        """Return the segments by name alone: Dataverse has no documented table of segments."""
        return [SegmentInfo(name, ()) for name in segments]

    def snapshots(self, segment: str) -> list[datetime]:
        """Return the time mark of the tables, or the present where there is none.

        :raises SourceError: no customer is in the segment, and the settings don't take that for empty.
        """
        literal = quoted(f'"{segment}"')
        if not first_row(
            self.reader, MEMBERSHIPS, {"$select": ID, "$filter": f"contains({LISTS},{literal})"}
        ):
            self._nobody_in(segment)
        return [self._mark() or self._now()]

    def _nobody_in(self, segment: str) -> None:
        found = f"Nobody in Dataverse is in a segment {segment!r}"
        if self._settings.absent_is_empty:
            self._doubt(f"{found}: it is read as empty (source.checks.when_absent)")
            return
        raise SourceError(
            f"{found}: it is empty, or that is not its output table name. Among the first "
            f"{self._settings.page_size} customers are the segments: "
            f"{names_told(self._some_names())}. If it may be empty, set source.checks.when_absent "
            "to empty: no members are read then, and the guards judge the removals"
        )

    def read_units(self, snapshots: Mapping[str, datetime]) -> list[ReadUnit]:
        """Return the one unit that brings all segments.

        :raises SourceNotReadyError: the tables changed since the snapshots were chosen.
        """
        mark = self._mark()
        if mark is not None and any(chosen != mark for chosen in snapshots.values()):
            raise SourceNotReadyError(
                f"Dataverse's tables changed at {mark.isoformat()}, after the snapshot was chosen: "
                "a refresh runs"
            )
        times = {segment: chosen.isoformat() for segment, chosen in snapshots.items()}
        return [ReadUnit(UNIT, times, {"mark": mark.isoformat() if mark else None})] if times else []

    def refresh_evidence(self, segments: Sequence[str]) -> Evidence:  # noqa: ARG002 - one mark for all
        """Return the time mark, the only sign that Dataverse gives of a refresh."""
        return Evidence(mark=self._mark(), by_mark=True)

    def read(self, unit: ReadUnit, attributes: Sequence[str]) -> Iterator[tuple[str, pa.RecordBatch]]:
        """Read all segments of the unit.

        A member without a profile comes with its ``CustomerId`` alone, and marked so, up to the share in the
        settings.

        :raises SourceError: an unknown attribute, one that is another column than before, a broken page.
        :raises SourceNotReadyError: more members without a profile than the settings allow.
        :raises SnapshotChangedError: a refresh began in between; nothing was yielded.
        """
        pages, wanted = self._profile_pages(attributes)
        self._ensure_same(unit)
        with MembershipJoin(unit.segments, tuple(wanted), folder=self._spill_folder) as join:
            left_out = LeftOut(unit.segments)
            watched = (
                WatchedMemberships(self._members, unit.segments, left_out)
                if unit.detail["mark"] is None
                else None
            )
            number_of = {name: number for number, name in enumerate(unit.segments)}
            members = watched.wanted() if watched else self._members(number_of.get, left_out)
            try:
                join.add_members(read_ahead([members]))
                self._check_members(left_out)
                self.unread, self.perhaps_members = left_out.unread, []
                join.add_profiles(pages.read(self._settings.parallel_reads))
            except RowsAgainError:
                self._ensure_same(unit)  # where a refresh is to blame, that is what is told
                raise
            self.unsure = pages.unsure()
            if watched:
                watched.ensure_same()
                self._doubt(UNSEEN)
            self._ensure_same(unit)
            self._names.keep(MEMBERSHIPS, {})
            self._names.keep(PROFILES, pages.labelled())
            for segment, rows in join.batches():
                there = set(rows.schema.names)
                batch = rows.select([one for one in (*attributes, WITHOUT_PROFILE) if one in there])
                if segment:
                    yield segment, batch
                else:
                    self.perhaps_members.append(batch)
            self.last_join = join.counts
        for text in pages.doubts():
            self._doubt(text)
        self._check_profiles(join.counts)

    def sample(self, segment: str, attributes: Sequence[str], rows: int) -> pa.RecordBatch:  # noqa: ARG002 - who is in which segment stands in another table
        """Return the first profiles of the table, whatever their segment.

        :raises SourceError: an unknown attribute, an answer of another shape.
        """
        pages, wanted = self._profile_pages(attributes)
        found = pages.first(rows).select([name for name in attributes if name in wanted])
        self.unsure = pages.unsure()
        return found

    def _profile_pages(self, attributes: Sequence[str]) -> tuple[ProfilePages, dict[str, ServiceAttribute]]:
        columns = self._names.resolve(PROFILE, PROFILES, attributes)
        wanted = {**columns, CUSTOMER_ID: ServiceAttribute(ID, "String")}
        return ProfilePages(self.reader, wanted, page_size=self._settings.page_size), wanted

    def _doubt(self, told: str) -> None:
        text = as_told(told)
        if text not in self.doubts:
            log.warning("%s", text)
            self.doubts.append(text)

    def _ensure_same(self, unit: ReadUnit) -> None:
        mark = self._mark()
        ensure_unchanged("Dataverse", unit.detail["mark"], mark.isoformat() if mark else None)

    def _check_members(self, left_out: LeftOut) -> None:
        left_out.require_some()
        if (nobody := left_out.nobody_in()) and not self._settings.absent_is_empty:
            raise SourceNotReadyError(
                f"Dataverse found somebody in {', '.join(nobody)}, but no row that it sends has that segment"
            )
        for text in left_out.doubts():
            self._doubt(text)

    def _check_profiles(self, counts: JoinCounts) -> None:
        members = counted(counts.distinct_members, "member")
        told = counted(counts.without_profile, f"of {members} has", f"of {members} have")
        if counts.without_profile > self._settings.missing_profiles * counts.distinct_members:
            raise SourceNotReadyError(
                f"{told} no profile in Dataverse. Customer Insights writes profiles later than memberships, "
                f"so its refresh hasn't ended (allowed: {self._settings.missing_profiles:.1%})"
            )
        if counts.without_profile:
            self._doubt(
                f"{told} no profile in Dataverse: what they permit isn't known, so that they are neither "
                f"sent nor taken off a list (refused.csv names them: no_profile)"
            )

    def _members(self, number_of: NumberOf, left_out: LeftOut) -> Iterator[pa.RecordBatch]:
        only, size = self._row_filter(), self._settings.page_size
        return member_batches(
            until_full(member_rows(self.reader, [ID, LISTS, *only], size), size, left_out),
            id_column=ID,
            list_column=LISTS,
            only=only,
            number_of=number_of,
            left_out=left_out,
        )

    def _row_filter(self) -> dict[str, str]:
        """Return column → value of the memberships to read. A column that isn't there can't be asked for."""
        wanted = {
            "SegmentMembershipType": self._settings.membership_type,
            "SegmentProvider": self._settings.segment_provider,
        }
        asked = {column: value for column, value in wanted.items() if value is not None}
        found = self._names.present(MEMBERSHIP, MEMBERSHIPS, list(asked))
        for column in asked.keys() - found.keys():
            self._doubt(f"{MEMBERSHIPS} has no column {column}; its rows are all read")
        return {found[column].key: value for column, value in asked.items() if column in found}

    def _mark(self) -> datetime | None:
        """Return the newest change of either table; None where Dataverse doesn't tell."""
        column = self._settings.time_mark
        marks = []
        for table in (MEMBERSHIPS, PROFILES):
            try:
                row = first_row(self.reader, table, {"$select": column, "$orderby": f"{column} desc"})
            except RefusedError as error:
                log.info("Dataverse gives no time mark of %s: %s", table, error.reason)
                return None
            if row and row.get(column):
                marks.append(parse_time(row[column], f"{column} of {table}"))
        return max(marks, default=None)

    def _some_names(self) -> list[str]:
        rows = next(member_rows(self.reader, [ID, LISTS], self._settings.page_size))
        texts = set(text_column(rows, LISTS).drop_null().to_pylist())
        return sorted({name for text in texts for name in segment_list(text)})
