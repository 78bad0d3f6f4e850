"""What the sources see of a refresh of Customer Insights."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol, runtime_checkable

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime


class SegmentState(StrEnum):
    """State of a segment in Customer Insights, as far as the source tells."""

    ACTIVE = "active"
    INACTIVE = "inactive"
    INVALID = "invalid"
    UNKNOWN = "unknown"


class JobStatus(StrEnum):
    """Status of a workflow job (``GraphJobInfo.jobStatus`` of Microsoft's client library)."""

    QUEUED = "queued"
    NEEDS_UPDATE = "needsUpdate"
    RUNNING = "running"
    FAILED = "failed"
    TIMED_OUT = "timedOut"
    ABORTED = "aborted"
    DELETED = "deleted"
    SUCCESSFUL = "successful"
    SKIPPED = "skipped"
    UNKNOWN = "unknown"

    @property
    def is_active(self) -> bool:
        """Whether the job may still change data."""
        return self in (JobStatus.QUEUED, JobStatus.RUNNING, JobStatus.NEEDS_UPDATE)


@dataclass(frozen=True)
class Job:
    """One job of the workflow. ``whole`` tells a refresh of everything from one of a part."""

    id: str
    status: JobStatus
    submitted: datetime
    ended: datetime | None
    whole: bool
    error: str = ""


class EvaluationStatus(StrEnum):
    """``evaluationStatus.jobStatus`` of a segment, as far as it matters here."""

    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Evaluation:
    """When a segment was last evaluated, and how that ended."""

    segment: str
    state: SegmentState
    status: EvaluationStatus
    evaluated_at: datetime | None


@dataclass(frozen=True)
class Evidence:
    """What a source sees of a refresh; None for what it can't see.

    :param snapshots: segment → times of its whole snapshots, oldest first.
    :param unfinished: segment → what a snapshot lacks that would be the run's, and isn't whole.
    :param by_mark: the source shows no more than ``mark``, the time of its last change (None: not even).
    """

    jobs: tuple[Job, ...] | None = None
    evaluations: tuple[Evaluation, ...] | None = None
    snapshots: Mapping[str, Sequence[datetime]] | None = None
    unfinished: Mapping[str, str] = field(default_factory=dict)
    mark: datetime | None = None
    by_mark: bool = False


@runtime_checkable
class ShowsRefresh(Protocol):
    """A source that sees more of a refresh than its snapshots."""

    def refresh_evidence(self, segments: Sequence[str]) -> Evidence:
        """Return what is to be seen now.

        :raises SourceError: the source can't be asked.
        """
