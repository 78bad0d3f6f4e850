"""Answers of Customer Insights' REST API, as Microsoft's client library (1.0.8) models them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from segment_exports.errors import SourceError
from segment_exports.sieve.sifting import sift
from segment_exports.sources import SegmentInfo
from segment_exports.sources.attribute_names import ServiceAttribute
from segment_exports.sources.refresh_evidence import (
    Evaluation,
    EvaluationStatus,
    Job,
    JobStatus,
    SegmentState,
)
from segment_exports.sources.snapshot_marks import parse_time, sign_of
from segment_exports.transport.identifiers import harmless_identifier

if TYPE_CHECKING:
    from collections.abc import Mapping

    from segment_exports.sources import Attribute

_STATES = {
    "active": SegmentState.ACTIVE,
    "inactive": SegmentState.INACTIVE,
    "invalid": SegmentState.INVALID,
    "validationError": SegmentState.INVALID,
}
_EVALUATIONS = {
    "Queued": EvaluationStatus.RUNNING,
    "Running": EvaluationStatus.RUNNING,
    "CompletedSuccess": EvaluationStatus.SUCCEEDED,
    "CompletedFailure": EvaluationStatus.FAILED,
    "Cancelled": EvaluationStatus.FAILED,
    "Interrupted": EvaluationStatus.FAILED,
}


_LONG_AGO = datetime(1, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class SegmentMetadata:
    """A segment of ``GET /manage/segments``.

    :param mark: changes with each evaluation, and while one is under way; None where nothing is told.
    :param fault: why it can't be exported.
    """

    name: str
    state: SegmentState
    evaluation: EvaluationStatus
    evaluated_at: datetime | None
    members: int | None
    mark: str | None
    fault: str | None = None

    def info(self, attributes: tuple[Attribute, ...]) -> SegmentInfo:
        """Return what a source announces of it."""
        return SegmentInfo(
            self.name,
            attributes,
            state=self.state,
            members=self.members,
            evaluated_at=self.evaluated_at,
            evaluation=self.evaluation,
            fault=self.fault,
        )

    def as_evaluation(self) -> Evaluation:
        """Return what it says of a refresh."""
        return Evaluation(self.name, self.state, self.evaluation, self.evaluated_at)


def segment(answer: Mapping[str, Any]) -> SegmentMetadata:
    """Read a segment of the list (``SegmentMetadata`` of the client library); what is wrong is its fault."""
    name = str(answer.get("name"))
    found = answer.get("evaluationStatus")
    status: Mapping[str, Any] = found if isinstance(found, dict) else {}
    evaluated_at, fault = _time_or_fault(
        status.get("evaluationDate"), f"evaluationDate of the segment {name}"
    )
    members = status.get("entityCount")
    marks = [status.get(key) for key in ("evaluationDate", "lastSuccessfulRunId", "jobStatus", "entityCount")]
    return SegmentMetadata(
        name=name,
        state=_STATES.get(str(answer.get("state")), SegmentState.UNKNOWN),
        evaluation=_EVALUATIONS.get(str(status.get("jobStatus")), EvaluationStatus.UNKNOWN),
        evaluated_at=evaluated_at,
        members=members if isinstance(members, int) and not isinstance(members, bool) else None,
        mark=sign_of(*marks) if any(marks) else None,
        fault=fault,
    )


def job(answer: Mapping[str, Any]) -> Job:
    """Read a job of the workflow (``GraphJobInfo``). One that tells no time counts as submitted long ago."""
    status = str(answer.get("jobStatus"))
    submitted, _ = _time_or_fault(answer.get("submittedTimestamp"), "submittedTimestamp of a job")
    ended, _ = _time_or_fault(answer.get("endTimestamp"), "endTimestamp of a job")
    return Job(
        id=harmless_identifier(answer["jobId"]) if "jobId" in answer else "without id",
        status=JobStatus(status) if status in set(JobStatus) else JobStatus.UNKNOWN,
        submitted=submitted or _LONG_AGO,
        ended=ended,
        whole=_is_whole(answer),
        error=_first_error(answer.get("tasks")),
    )


def _time_or_fault(told: object, what: str) -> tuple[datetime | None, str | None]:
    """Return a time, None where none is told; and what is wrong with it."""
    try:
        return (parse_time(told, what) if told else None), None
    except SourceError as error:
        return None, str(error)


def _is_whole(answer: Mapping[str, Any]) -> bool:
    """Tell a refresh of everything: ``jobType`` is ``full`` also for a full segmentation alone."""
    operation = answer.get("operationType")
    return operation == "all" or (operation is None and answer.get("jobType") == "full")


def attribute(answer: Mapping[str, Any]) -> ServiceAttribute:
    """Read an attribute of the table Customer (``IAttributeMetadata``)."""
    semantic = answer.get("semanticType")
    return ServiceAttribute(
        str(answer.get("name")),
        str(answer.get("dataType", "unknown")),
        str(answer.get("friendlyName") or ""),
        semantic if isinstance(semantic, str) else None,
    )


def listed(answer: Any, route: str) -> list[Mapping[str, Any]]:
    """Return the objects of a list that stands alone or under ``value``.

    :raises SourceError: there is none.
    """
    found = answer.get("value") if isinstance(answer, dict) else answer
    if not isinstance(found, list) or not all(isinstance(one, dict) for one in found):
        raise SourceError(f"Customer Insights answers {route} without a list")
    return found


def _first_error(tasks: Any) -> str:
    """Return the name of the first task that failed."""
    for one in tasks if isinstance(tasks, list) else []:
        if isinstance(one, dict) and one.get("taskStatus") in ("failed", "timedOut"):
            named = sift(str(one.get("friendlyName") or one.get("operationType")), of_service=True)
            return f"first failed task: {named or 'one whose name is not repeated here'}"
    return ""
