"""What single answers of the API mean."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from segment_exports.sources.ci_api import answers
from segment_exports.sources.refresh_evidence import EvaluationStatus, SegmentState


def segment(**answer: Any) -> answers.SegmentMetadata:
    return answers.segment({"name": "Churn", **answer})


@pytest.mark.parametrize(
    ("told", "state"),
    [
        ("active", SegmentState.ACTIVE),
        ("inactive", SegmentState.INACTIVE),
        ("invalid", SegmentState.INVALID),
        ("validationError", SegmentState.INVALID),
        ("validating", SegmentState.UNKNOWN),
        (None, SegmentState.UNKNOWN),
    ],
)
def test_every_state_of_a_segment_is_known(told: str | None, state: SegmentState) -> None:
    assert segment(state=told).info(()).state is state


def test_how_the_last_evaluation_ended_is_announced() -> None:
    failed = segment(evaluationStatus={"jobStatus": "CompletedFailure"})

    assert failed.info(()).evaluation is EvaluationStatus.FAILED
    assert segment().info(()).evaluation is EvaluationStatus.UNKNOWN


@pytest.mark.parametrize(
    ("told", "whole"),
    [
        ({"operationType": "all", "jobType": "full"}, True),
        ({"operationType": "all"}, True),
        ({"jobType": "full"}, True),
        ({"operationType": "segmentation", "jobType": "full"}, False),
        ({"jobType": "incremental"}, False),
        ({}, False),
    ],
)
def test_a_job_of_a_part_is_no_whole_refresh_even_if_it_is_full(told: dict[str, str], whole: bool) -> None:
    job = answers.job({"jobStatus": "running", "submittedTimestamp": "2026-03-02T05:00:00Z", **told})

    assert job.whole is whole
    assert job.submitted == datetime(2026, 3, 2, 5, tzinfo=UTC)


@pytest.mark.parametrize("odd", ["ann@example.com", "\x1b[2J", None, {"id": 1}])
def test_an_id_of_a_job_that_cant_be_one_is_not_repeated(odd: object) -> None:
    found, other = (answers.job({"jobId": one, "jobStatus": "running"}) for one in (odd, "another@x.example"))
    assert found.id.startswith("hash ")
    assert str(odd) not in found.id
    assert found.id != other.id
