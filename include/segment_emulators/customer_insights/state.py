"""What all three services of the emulated tenant share: its data, its refresh, tokens, faults, a log."""

from __future__ import annotations

import itertools
import threading
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Any
from uuid import NAMESPACE_OID, uuid5

from segment_emulators.customer_insights.tables import Tables

if TYPE_CHECKING:
    from collections.abc import Callable

    from segment_emulators.tenant import Tenant

REFRESH_LENGTH = timedelta(minutes=20)


class ListShape(StrEnum):
    """JSON in ``msdynci_segments``: not documented."""

    OBJECT = "object"
    """``{"Segments": [...]}``, which Microsoft's FSI plug-in reads."""
    LIST = "list"


class NextPage(StrEnum):
    """How the API's pages go on: the model has no next link, the query parameters have a skip token."""

    SKIP = "skip"
    LINK = "link"
    TOKEN = "token"  # noqa: S105 - no secret


@dataclass
class Switches:
    """What the documents leave open.

    :param time_marks: Dataverse's rows have ``modifiedon`` (virtual tables have none).
    :param metadata: the app may read Dataverse's ``EntityDefinitions``.
    :param labels: Dataverse's display names keep the tenant's attribute names.
    :param numbers: numbers come as JSON numbers; what is none in such a column comes as text.
    :param job_route: which of the two documented job URLs answers, None for neither.
    :param largest_page: most rows the API gives, whatever ``$top`` says.
    :param stable_order: the API cuts its pages from the same order of rows each time.
    :param semantic_types: the API tells what attributes mean.
    :param annotations: Dataverse answers labels of choices where they are asked for.
    """

    list_shape: ListShape = ListShape.OBJECT
    time_marks: bool = True
    metadata: bool = True
    labels: bool = True
    numbers: bool = True
    job_route: str | None = "workflows/main/jobs"
    next_page: NextPage = NextPage.SKIP
    largest_page: int = 5000
    stable_order: bool = True
    semantic_types: bool = True
    annotations: bool = True


@dataclass
class Faults:
    """What goes wrong; each number is used up, 0 or None is off.

    :param throttle_every: every so many data requests are answered 429.
    :param retry_after: seconds that a 429 asks for; None for no header.
    :param expire_tokens_after: after so many data requests all tokens are void.
    :param refresh_after_pages: after so many pages the next snapshot replaces the data.
    :param foreign_link_after: the next link of this page (from 1) leads to another host.
    :param repeat_page: the page after this one (from 1) is the same once more, and so on for ever.
    :param html, errors, cut: so many next answers are a page of HTML, status 500, JSON cut off.
    :param busy: so many next answers are 503 with ``retry_after``.
    :param half_emoji: so many next answers have one half of an emoji behind the first name that they hold.
    :param refused: so many next answers are ``refused_with`` (400) in place of rows.
    :param quotes: all three services quote back what they were sent in every refusal, and these texts; None
        doesn't.
    :param profiles_missing: so many customers have no profile yet (Dataverse).
    :param secured, unsent: columns of profiles that the app may not read, and that don't come (Dataverse).
    """

    throttle_every: int = 0
    retry_after: str | None = "1"
    protection_code: str = "0x80072322"
    expire_tokens_after: int | None = None
    refresh_after_pages: int | None = None
    foreign_link_after: int | None = None
    repeat_page: int | None = None
    html: int = 0
    errors: int = 0
    cut: int = 0
    busy: int = 0
    half_emoji: int = 0
    refused: int = 0
    refused_with: int = 400
    quotes: tuple[str, ...] | None = None
    profiles_missing: int = 0
    secured: frozenset[str] = frozenset()
    unsent: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Arrival:
    """One request that came."""

    service: str
    path: str
    query: dict[str, str]
    status: int


@dataclass
class CustomerInsights:
    """The tenant, at one of its snapshots, and how its services behave."""

    tenant: Tenant
    snapshot: int = 0
    switches: Switches = field(default_factory=Switches)
    faults: Faults = field(default_factory=Faults)
    tenant_id: str = "72f988bf-0000-4000-8000-2d7cd011db47"
    client_id: str = "11111111-2222-4333-8444-555555555555"
    client_secret: str = "emulated-client-secret"  # noqa: S105 - of the emulator
    subscription_key: str = "emulated-subscription-key"
    instance_id: str = "3f6c2a90-5d1e-4b7a-9c42-0e8d1b7f6a55"
    token_seconds: int = 3600
    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    inactive: set[str] = field(default_factory=set)
    jobs: list[dict[str, Any]] = field(default_factory=list)
    evaluations: dict[str, dict[str, Any]] = field(default_factory=dict)
    arrivals: list[Arrival] = field(default_factory=list)
    tokens: dict[str, tuple[str, datetime]] = field(default_factory=dict)
    tokens_given: int = 0
    pages: int = 0

    def __post_init__(self) -> None:
        self.lock = threading.RLock()
        self._cache: dict[int, Tables] = {}
        self.reset(self.snapshot)

    def reset(self, snapshot: int = 0) -> None:
        """Go back to a snapshot with a good refresh behind it; forget faults, tokens and the log."""
        with self.lock:
            self.snapshot = snapshot
            self.data_requests = self.pages = self.tokens_given = 0
            for one in (self.inactive, self.jobs, self.evaluations, self.arrivals, self.tokens):
                one.clear()
            self._numbers = itertools.count(1)
            self.marked_at = self.tenant.snapshot_time(snapshot)
            self.begin_refresh(self.marked_at)
            self.end_refresh(self.marked_at + REFRESH_LENGTH, advance=False)

    @property
    def tables(self) -> Tables:
        """The tables as they are now."""
        with self.lock:
            if self.snapshot not in self._cache:
                self._cache[self.snapshot] = Tables.of(self.tenant, self.snapshot)
            return self._cache[self.snapshot]

    def begin_refresh(self, at: datetime) -> str:
        """Start a scheduled full refresh; return its job's id."""
        job_id = f"job-{next(self._numbers)}"
        self.jobs.insert(
            0,
            {
                "jobId": job_id,
                "jobType": "full",
                "jobSubmissionKind": "scheduled",
                "jobStatus": "running",
                "operationType": "all",
                "submittedTimestamp": iso(at),
                "endTimestamp": None,
                "tasks": [],
            },
        )
        return job_id

    def end_refresh(self, at: datetime, *, status: str = "successful", advance: bool = True) -> None:
        """End the running refresh; a good one evaluates the active segments and may bring new data."""
        job = self.jobs[0]
        job.update(jobStatus=status, endTimestamp=iso(at))
        if status != "successful":
            job["tasks"] = [
                {"taskStatus": "failed", "friendlyName": "Segments", "operationType": "segmentation"}
            ]
            return
        if advance:
            self.advance()

    def advance(self) -> None:
        """Replace the data by the next snapshot's, as a refresh does."""
        with self.lock:
            self.snapshot += 1
            self.marked_at = self.tenant.snapshot_time(self.snapshot)

    def evaluation(self, segment: str) -> dict[str, Any]:
        """Return a segment's ``evaluationStatus``; a test may have put in its own."""
        if segment in self.evaluations:
            return self.evaluations[segment]
        return {
            "jobStatus": "CompletedSuccess",
            "evaluationDate": iso(self.marked_at),
            "entityCount": len(self.tables.members[segment]),
            "error": None,
            "lastSuccessfulRunId": str(uuid5(NAMESPACE_OID, f"{segment}/{self.snapshot}")),
        }

    def count_page(self) -> None:
        """Count a page of rows that goes out; a refresh may begin here."""
        with self.lock:
            self.pages += 1
            if self.faults.refresh_after_pages == self.pages:
                self.begin_refresh(self.now())
                self.advance()

    def requests_of(self, service: str, path: str = "") -> int:
        """Return how many requests came to a service whose path holds a text."""
        return sum(one.service == service and path in one.path for one in self.arrivals)


def iso(moment: datetime) -> str:
    """Return a time as the services write it."""
    return moment.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
