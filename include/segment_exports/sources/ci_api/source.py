"""Customer Insights' REST API: segments with state and size, members by OData, jobs of the refresh.

Old, still documented, and slow (100 rows a page by default). What is not documented is found out or can
be set: which of two job URLs works, how paging goes on, how many rows a page may have.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pyarrow as pa

from segment_exports.errors import SourceError, SourceNotReadyError
from segment_exports.records.outcomes import counted
from segment_exports.records.profiles import CUSTOMER_ID
from segment_exports.sieve.net import names_told
from segment_exports.sieve.signs import id_told
from segment_exports.sources import ReadUnit, SegmentInfo
from segment_exports.sources.attribute_names import AttributeNames
from segment_exports.sources.ci_api import answers
from segment_exports.sources.ci_api.member_pages import PATH, Paging, member_pages
from segment_exports.sources.refresh_evidence import Evidence
from segment_exports.sources.seen_columns import ColumnUse, SeenColumns
from segment_exports.sources.snapshot_marks import SnapshotChangedError, ensure_unchanged, sign_of
from segment_exports.sources.web.answer_status import NoSuchRouteError
from segment_exports.sources.web.http_reading import JsonReader
from segment_exports.sources.web.json_columns import text_column
from segment_exports.sources.web.membership_join import id_hashes
from segment_exports.sources.web.odata import SeenKeys, quoted, rows_of
from segment_exports.sources.web.page_guard import RowsAgainError
from segment_exports.sources.web.patience import Patience, Waits
from segment_exports.sources.web.read_ahead import read_ahead
from segment_exports.sources.web.tokens import EntraTokens

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from segment_exports import definition
    from segment_exports.sources.ci_api.answers import SegmentMetadata
    from segment_exports.sources.refresh_evidence import Job
    from segment_exports.sources.web.connections import CiApiConnection
    from segment_exports.sources.web.odata import Row
    from segment_exports.sources.web.tokens import TokenSource

log = logging.getLogger(__name__)

SERVICE, CUSTOMERS = "Customer Insights", "Customer"
JOB_ROUTES = ("workflows/main/jobs", "manage/workflows/main/jobs")
"""Microsoft's client library has the first, its page of OData examples the second."""
JOBS_LOOKED_AT = 50
HINT = (
    "give the app registration the application permission api.access with admin consent, add it as a user in "
    "Customer Insights, and check the subscription key (docs/sources.md)"
)


@dataclass(frozen=True)
class CiApiSettings:
    """What is not documented, with a default.

    :param page_size: ``$top`` of each page; 100 is the documented default of the service.
    :param count_tolerance: share by which the rows that were read may differ from the announced count.
    """

    page_size: int = 100
    paging: Paging = Paging.AUTO
    count_tolerance: float = 0.01

    @classmethod
    def of(cls, source: definition.ApiSource) -> CiApiSettings:
        """Return the settings in a definition."""
        return cls(source.page_size, Paging(source.paging), source.count_tolerance)

    def __post_init__(self) -> None:
        if not 1 <= self.page_size <= 100_000:
            raise SourceError(f"page_size of the API source is {self.page_size}; it must be 1 to 100,000")


class CiApiSource:
    """Segments over Customer Insights' REST API, as they are now."""

    has_history = False

    def __init__(
        self,
        connection: CiApiConnection,
        settings: CiApiSettings | None = None,
        *,
        tokens: TokenSource | None = None,
        patience: Patience | None = None,
        waits: Waits | None = None,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        seen: SeenColumns | None = None,
    ) -> None:
        self._settings = settings or CiApiSettings()
        self._now = now
        self._seen = seen or SeenColumns()
        self.unread: frozenset[str] = frozenset()
        self.reader = JsonReader(
            service=SERVICE,
            root=connection.service_root,
            tokens=tokens or EntraTokens(connection.app, connection.scope),
            hint=HINT,
            headers={"Ocp-Apim-Subscription-Key": connection.subscription_key},
            verify=connection.app.ca_bundle or True,
            patience=patience or Patience(),
            waits=waits or Waits(),
        )
        self.doubts: list[str] = self.reader.warnings

    def check(self) -> str:
        """Say that the instance answers and how many segments it has.

        :raises SourceError: it doesn't; the text says what to do.
        """
        found = f"Customer Insights answers; the instance has {counted(len(self._metadata()), 'segment')}"
        return "; ".join([found, *self.reader.warnings])

    def segments(self) -> list[SegmentInfo]:
        """Return all segments with state, member count and last evaluation.

        :raises SourceError: the API can't be read.
        """
        attributes = self._names().announced()
        return [one.info(attributes) for _, one in sorted(self._metadata().items())]

    def unknown_attributes(self, wanted: Sequence[str]) -> list[str]:
        """Return the names for which no attribute is found.

        :raises SourceError: the API can't be read, or several attributes fit a name.
        """
        return self._names().unknown(wanted)

    def describe(self, segments: Sequence[str]) -> list[SegmentInfo]:
        """Return what is announced of some segments, without their attributes.

        :raises SourceError: one isn't there; the text names those that are.
        """
        return [self._segment(name).info(()) for name in segments]

    def snapshots(self, segment: str) -> list[datetime]:
        """Return the time of the segment's last evaluation, or the present where there is none.

        :raises SourceError: no such segment; the text names those that are.
        """
        return [self._segment(segment).evaluated_at or self._now()]

    def read_units(self, snapshots: Mapping[str, datetime]) -> list[ReadUnit]:
        """Return one unit per segment, with what marks its present state and the jobs that have ended.

        :raises SourceNotReadyError: a refresh runs, or a segment was evaluated again since its snapshot was
            chosen.
        """
        jobs = self._jobs()
        if running := [id_told(job.id) for job in jobs or () if job.status.is_active]:
            raise SourceNotReadyError(f"A refresh ({', '.join(running)}) runs in Customer Insights")
        ended = None if jobs is None else [_mark(job) for job in jobs]
        units = []
        for segment, chosen in snapshots.items():
            one = self._segment(segment)
            if one.evaluated_at not in (None, chosen):
                raise SourceNotReadyError(
                    f"The segment {segment} was evaluated again at {one.evaluated_at}, after its snapshot "
                    "was chosen"
                )
            detail = {"mark": one.mark, "members": one.members, "jobs": ended}
            units.append(ReadUnit(segment, {segment: chosen.isoformat()}, detail))
        return units

    def refresh_evidence(self, segments: Sequence[str]) -> Evidence:
        """Return the workflow's last jobs, where a job URL answers, and the segments' evaluations."""
        evaluations = tuple(self._segment(name).as_evaluation() for name in segments)
        return Evidence(jobs=self._jobs(), evaluations=evaluations)

    def read(self, unit: ReadUnit, attributes: Sequence[str]) -> Iterator[tuple[str, pa.RecordBatch]]:
        """Read the unit's segment page by page; the ids once more where some members didn't come.

        :raises SourceError: an unknown attribute, one that is another column than in a run before, a broken
            page, fewer or more rows than announced.
        :raises SnapshotChangedError: the segment was evaluated again, or a refresh ran, since the unit was
            made.
        """
        (segment,) = unit.segments
        keys = self._columns(attributes)
        select = dict.fromkeys([CUSTOMER_ID, *keys.values()])
        seen = SeenKeys(SERVICE, f"{PATH} of the segment {segment}", select)
        self._ensure_same(unit, segment)
        count = without_id = hashes = 0
        params = {"$select": ",".join(select), "$filter": f"IsMemberOfSegment({quoted(segment)})"}
        try:
            for rows in read_ahead([self._pages(params)]):
                seen.add(rows)
                count += len(rows)
                ids = text_column(rows, CUSTOMER_ID)
                without_id += ids.null_count
                hashes += _sum_of_hashes(ids)
                columns_read = [text_column(rows, key) for key in keys.values()]
                yield segment, pa.RecordBatch.from_arrays(columns_read, names=list(keys))
        except RowsAgainError:
            self._ensure_same(unit, segment)  # where a refresh is to blame, that is what is told
            raise
        seen.require_all()
        if count < (unit.detail["members"] or 0):
            self._hold_against_again(segment, params, count, hashes)
        if without_id:
            self.doubts.append(
                f"The segment {segment} has {counted(without_id, 'row')} without a {CUSTOMER_ID}: they are "
                f"known by their address alone"
            )
        self.doubts += self.reader.counts.doubts(SERVICE)
        self._ensure_same(unit, segment)
        self._seen.keep(CUSTOMERS, {name: ColumnUse(key) for name, key in keys.items()}, metadata=True)
        self._check_count(segment, unit.detail["members"], count)

    def sample(self, segment: str, attributes: Sequence[str], rows: int) -> pa.RecordBatch:
        """Return the first members of a segment.

        :raises SourceError: an unknown attribute, an answer of another shape.
        """
        keys = self._columns(attributes)
        condition = f"IsMemberOfSegment({quoted(segment)})"
        params = {"$select": ",".join(dict.fromkeys(keys.values())), "$filter": condition, "$top": str(rows)}
        found = rows_of(self.reader.get(PATH, params), SERVICE, PATH, asked=rows)
        seen = SeenKeys(SERVICE, PATH, keys.values())
        seen.add(found)
        seen.require_all()
        return pa.RecordBatch.from_arrays(
            [text_column(found, key) for key in keys.values()], names=list(keys)
        )

    def _pages(self, params: Mapping[str, str]) -> Iterator[list[Row]]:
        size, paging = self._settings.page_size, self._settings.paging
        return member_pages(self.reader, params, page_size=size, paging=paging)

    def _hold_against_again(self, segment: str, params: dict[str, str], count: int, hashes: int) -> None:
        """Read the ids again: where others come, rows moved between pages, and a member may be overlooked."""
        for rows in self._pages({**params, "$select": CUSTOMER_ID}):
            count -= len(rows)
            hashes -= _sum_of_hashes(text_column(rows, CUSTOMER_ID))
        self.unread = frozenset({segment} if count or hashes else ())
        if self.unread:
            self.doubts.append(
                f"Not all members of the segment {segment} came, and others when they were read again: who "
                f"isn't among them may be in it all the same, so that nobody leaves its list for that"
            )

    def _check_count(self, segment: str, announced: int | None, came: int) -> None:
        if announced is None:
            self.doubts.append(
                f"{SERVICE} doesn't tell how many members the segment {segment} has: {came} came, and "
                f"nothing shows whether that is all"
            )
            return
        told = (
            f"The segment {segment} was announced with {counted(announced, 'member')}, but "
            f"{counted(came, 'different one')} came"
        )
        if abs(came - announced) > self._settings.count_tolerance * announced:
            raise SourceError(
                f"{told} (tolerance {self._settings.count_tolerance:.1%}): the paging left some out, or the "
                f"service stops at a largest $skip; a lake export has no such limit"
            )
        if came != announced:
            self.doubts.append(f"{told}; within source.count_tolerance that is read")

    def _ensure_same(self, unit: ReadUnit, segment: str) -> None:
        ensure_unchanged(f"The segment {segment}", unit.detail["mark"], self._segment(segment).mark)
        known = unit.detail["jobs"]
        if known is None:
            return
        # A job that ended before the segment was evaluated is no news: it had dropped out of the list.
        chosen = datetime.fromisoformat(unit.snapshots[segment])
        later = [job for job in self._jobs() or () if job.ended is None or job.ended >= chosen]
        if new := [id_told(job.id) for job in later if job.status.is_active or _mark(job) not in known]:
            raise SnapshotChangedError(
                f"A refresh ({', '.join(new)}) began after this run chose what to read. Nothing of it is "
                "delivered, since it may be half of each; start the run again when it has ended"
            )

    def _jobs(self) -> tuple[Job, ...] | None:
        """Return the last jobs from the first job URL that answers, None where neither does."""
        for route in JOB_ROUTES:
            try:
                answer = self.reader.get(route, {"top": str(JOBS_LOOKED_AT), "includeTasks": "true"})
            except NoSuchRouteError:
                continue
            return tuple(map(answers.job, answers.listed(answer, route)))
        return None

    def _segment(self, name: str) -> SegmentMetadata:
        metadata = self._metadata()
        if name not in metadata:
            raise SourceError(f"Customer Insights has no segment {name!r}; it has: {names_told(metadata)}")
        if fault := metadata[name].fault:
            raise SourceError(fault)
        return metadata[name]

    def _metadata(self) -> dict[str, SegmentMetadata]:
        route = "manage/segments"
        found = map(answers.segment, answers.listed(self.reader.get(route), route))
        return {one.name: one for one in found}

    def _columns(self, attributes: Sequence[str]) -> dict[str, str]:
        """Return what each attribute is called in a row."""
        keys = {name: one.key for name, one in self._names().resolve(attributes).items()}
        self._seen.require_same(CUSTOMERS, attributes, {name: ColumnUse(key) for name, key in keys.items()})
        return keys

    def _names(self) -> AttributeNames:
        route = "manage/entities/Customer"
        answer = self.reader.get(route)
        attributes = answer.get("attributes") if isinstance(answer, dict) else None
        found = map(answers.attribute, answers.listed(attributes, route))
        return AttributeNames(found, table=f"{SERVICE}' table {CUSTOMERS}")


def _sum_of_hashes(ids: pa.StringArray) -> int:
    """Return a number that is the same for the same ids, in whatever order and pages they come."""
    return sum(id_hashes(ids.drop_null()).tolist())


def _mark(job: Job) -> str:
    """Return what changes when a job is tried again."""
    return sign_of(job.id, job.ended)
