"""When a run may read: a refresh that ends late, one that fails, one that never comes."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from segment_exports.definition import Refresh, WaitForRefresh
from segment_exports.records.wait_record import RefreshState, RefreshStatus, WaitRecord, record
from segment_exports.refresh.wait_for_refresh import RefreshRules, crons, judge, look
from segment_exports.sources.refresh_evidence import (
    Evaluation,
    EvaluationStatus,
    Evidence,
    Job,
    JobStatus,
    SegmentState,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

AT_FIVE = datetime(2026, 3, 2, 5, tzinfo=UTC)
LIMIT = timedelta(hours=6)
RULES = RefreshRules.of(WaitForRefresh())


def after(minutes: float) -> datetime:
    return AT_FIVE + timedelta(minutes=minutes)


def job(status: JobStatus, submitted: float, ended: float | None = None, *, whole: bool = True) -> Job:
    return Job("j1", status, after(submitted), None if ended is None else after(ended), whole)


def evaluation(
    minutes: float | None,
    status: EvaluationStatus = EvaluationStatus.SUCCEEDED,
    state: SegmentState = SegmentState.ACTIVE,
) -> Evaluation:
    return Evaluation("Churn", state, status, None if minutes is None else after(minutes))


def state(evidence: Evidence, at: float, *, scheduled: bool = True, before: float | None = None) -> str:
    status = judge(
        evidence,
        scheduled=AT_FIVE if scheduled else None,
        before=None if before is None else after(before),
        now=after(at),
        rules=RULES,
    )
    return status.state.value


# The schedule


@pytest.mark.parametrize(
    ("refresh", "expressions"),
    [
        (
            Refresh(
                timezone="America/Sao_Paulo",
                times=("17:00", "05:00"),
                days=("fri", "mon", "tue", "wed", "thu"),
            ),
            ["0 5 * * 1,2,3,4,5", "0 17 * * 1,2,3,4,5"],
        ),
        (Refresh(timezone="Europe/Berlin", times=("02:30",)), ["30 2 * * *"]),
        (Refresh(timezone="UTC", times=("00:00",), days=("sun", "sat")), ["0 0 * * 0,6"]),
    ],
)
def test_a_schedule_is_a_cron_expression_per_time_of_day(refresh: Refresh, expressions: list[str]) -> None:
    assert crons(refresh) == expressions


# By the jobs of the workflow (API)


class RefreshThatEndsLate:
    """Starts at 05:00, usually takes 20 minutes, today 40."""

    has_history = False

    def __init__(self) -> None:
        self.now = 0.0

    def refresh_evidence(self, segments: Sequence[str]) -> Evidence:
        done = self.now >= 40
        status = JobStatus.SUCCESSFUL if done else JobStatus.RUNNING
        return Evidence(
            jobs=(job(status, 0.1, 40 if done else None), job(JobStatus.SUCCESSFUL, -1440, -1420))
        )

    def look_at(self, minutes: float) -> RefreshStatus:
        self.now = minutes
        return look(self, ["Churn"], scheduled=AT_FIVE, now=after(minutes), rules=RULES)  # type: ignore[arg-type]


def test_a_refresh_that_ends_20_minutes_late_is_waited_for() -> None:
    source = RefreshThatEndsLate()

    seen = [source.look_at(minutes) for minutes in (0, 20, 39, 41)]

    assert [one.state for one in seen] == [*[RefreshState.WAITING] * 3, RefreshState.ENDED]
    assert seen[1].text == "the refresh j1 is running since 2026-03-02T05:00Z"
    assert seen[3].text == "the refresh j1 ended at 2026-03-02T05:40Z"


@pytest.mark.parametrize(
    "status", [JobStatus.FAILED, JobStatus.TIMED_OUT, JobStatus.ABORTED, JobStatus.DELETED, JobStatus.SKIPPED]
)
def test_a_failed_refresh_is_given_time_to_be_tried_again_and_then_told(status: JobStatus) -> None:
    evidence = Evidence(jobs=(job(status, 0, 10),))

    assert state(evidence, 12) == "waiting"
    assert state(evidence, 26) == "failed"
    told = judge(evidence, scheduled=AT_FIVE, now=after(26), rules=RULES).text
    assert told.startswith(f"the refresh j1 is {status} since 2026-03-02T05:10Z: look at Customer Insights")


def test_a_failed_refresh_that_was_tried_again_is_forgiven() -> None:
    evidence = Evidence(jobs=(job(JobStatus.SUCCESSFUL, 20, 35), job(JobStatus.FAILED, 0, 10)))

    assert state(evidence, 36) == "ended"


def test_the_refresh_before_the_schedule_is_not_the_one() -> None:
    assert state(Evidence(jobs=(job(JobStatus.SUCCESSFUL, -60, -30),)), 5) == "waiting"
    assert state(Evidence(jobs=(job(JobStatus.SUCCESSFUL, -4, 15),)), 16) == "ended"


def test_a_refresh_of_a_part_is_not_the_one_but_is_waited_for() -> None:
    assert state(Evidence(jobs=(job(JobStatus.SUCCESSFUL, 1, 3, whole=False),)), 5) == "waiting"
    running = (job(JobStatus.RUNNING, 30, whole=False), job(JobStatus.SUCCESSFUL, 0, 20))
    assert state(Evidence(jobs=running), 31) == "waiting"


def test_a_run_by_hand_waits_only_while_a_refresh_runs() -> None:
    assert state(Evidence(jobs=()), 0, scheduled=False) == "ended"
    assert state(Evidence(jobs=(job(JobStatus.QUEUED, -1),)), 0, scheduled=False) == "waiting"
    assert state(Evidence(jobs=(job(JobStatus.FAILED, -9, -5),)), 0, scheduled=False) == "ended"


def test_a_segment_that_is_evaluated_by_hand_is_waited_for_too() -> None:
    done = job(JobStatus.SUCCESSFUL, 0, 20)
    running = evaluation(25, EvaluationStatus.RUNNING)

    assert state(Evidence(jobs=(done,), evaluations=(running,)), 30) == "waiting"


@pytest.mark.parametrize(
    ("seen", "expected"),
    [
        (evaluation(15), "ended"),
        (evaluation(15, EvaluationStatus.FAILED), "failed"),
        (evaluation(-30, EvaluationStatus.FAILED), "failed"),
        (evaluation(-30, EvaluationStatus.FAILED, SegmentState.INACTIVE), "ended"),
        (evaluation(-30, EvaluationStatus.FAILED, SegmentState.INVALID), "ended"),
    ],
)
def test_a_segment_whose_evaluation_failed_fails_the_refresh_that_called_itself_successful(
    seen: Evaluation, expected: str
) -> None:
    evidence = Evidence(jobs=(job(JobStatus.SUCCESSFUL, 0, 20),), evaluations=(seen,))

    assert state(evidence, 30) == expected
    assert state(evidence, 30, scheduled=False) == "ended"


def test_a_failed_job_is_waited_for_even_if_an_evaluation_failed() -> None:
    failed = evaluation(5, EvaluationStatus.FAILED)

    assert state(Evidence(jobs=(job(JobStatus.FAILED, 0, 10),), evaluations=(failed,)), 12) == "waiting"


def test_a_status_from_the_future_is_no_permission() -> None:
    assert state(Evidence(jobs=(job(JobStatus.UNKNOWN, 0, 10),)), 300) == "waiting"


# By the segments' evaluations (API without a job URL)


@pytest.mark.parametrize(
    ("seen", "expected"),
    [
        (evaluation(15), "ended"),
        (evaluation(-30), "waiting"),
        (evaluation(None), "waiting"),
        (evaluation(5, EvaluationStatus.RUNNING), "waiting"),
        (evaluation(15, EvaluationStatus.FAILED), "failed"),
        (evaluation(-30, EvaluationStatus.FAILED), "waiting"),
        (evaluation(-9000, state=SegmentState.INACTIVE), "ended"),
        (evaluation(None, state=SegmentState.INVALID), "ended"),
    ],
)
def test_without_jobs_the_evaluations_tell(seen: Evaluation, expected: str) -> None:
    assert state(Evidence(evaluations=(seen,)), 30) == expected


# By whole snapshots (lake)


def test_a_whole_snapshot_of_every_segment_ends_the_waiting() -> None:
    assert state(Evidence(snapshots={"A": [after(-1440), after(33)], "B": [after(33)]}), 60) == "ended"
    assert state(Evidence(snapshots={"A": [after(33)], "B": [after(-1440)]}), 60) == "waiting"
    assert state(Evidence(snapshots={"A": []}), 60, scheduled=False) == "waiting"
    assert state(Evidence(snapshots={"A": [after(-9)]}), 60, scheduled=False) == "ended"


def test_a_refresh_that_left_nothing_before_the_next_one_did_has_failed() -> None:
    missed = Evidence(snapshots={"A": [after(-1440), after(750)], "B": [after(33), after(750)]})

    assert state(missed, 800, before=720) == "failed"
    assert state(Evidence(snapshots={"A": [after(33), after(750)]}), 800, before=720) == "ended"
    assert state(Evidence(snapshots={"A": [after(-1440)]}), 800, before=720) == "waiting"


# By a time mark (Dataverse)


def test_a_time_mark_must_be_new_and_stand_still() -> None:
    assert state(Evidence(mark=after(-60), by_mark=True), 30) == "waiting"
    assert state(Evidence(mark=after(25), by_mark=True), 30) == "waiting"
    assert state(Evidence(mark=after(25), by_mark=True), 41) == "ended"
    assert state(Evidence(mark=after(-60), by_mark=True), 0, scheduled=False) == "ended"


def test_without_a_time_mark_the_end_is_assumed_and_the_record_says_so() -> None:
    unmarked = Evidence(by_mark=True)

    assert state(unmarked, 60) == "waiting"
    assert state(unmarked, 181) == "ended"
    told = judge(unmarked, scheduled=AT_FIVE, now=after(181), rules=RULES).text
    assert told == "the source has no time mark, so the end of the refresh is assumed, not seen"


def test_a_refresh_in_which_no_row_changed_is_assumed_to_have_ended_too() -> None:
    unchanged = Evidence(mark=after(-1440), by_mark=True)

    assert state(unchanged, 179) == "waiting"
    assert state(unchanged, 181) == "ended"
    told = judge(unchanged, scheduled=AT_FIVE, now=after(181), rules=RULES).text
    assert told == "nothing changed since 2026-03-01T05:00Z, so the end of the refresh is assumed, not seen"


# The definition's own rules


@pytest.mark.parametrize(
    ("key", "evidence"),
    [
        ("early_start_minutes", Evidence(jobs=(job(JobStatus.SUCCESSFUL, -60, -30),))),
        ("retry_grace_minutes", Evidence(jobs=(job(JobStatus.FAILED, 0, 5),))),
        ("quiet_minutes", Evidence(mark=after(5), by_mark=True)),
        ("assumed_after_minutes", Evidence(mark=after(-60), by_mark=True)),
    ],
)
def test_every_rule_can_be_set_in_the_definition(key: str, evidence: Evidence) -> None:
    def seen(minutes: int) -> RefreshState:
        rules = RefreshRules.of(WaitForRefresh.model_validate({key: minutes}))
        return judge(evidence, scheduled=AT_FIVE, now=after(65), rules=rules).state

    assert seen(0) is not seen(70)


# A refresh that never comes


@pytest.mark.parametrize(
    "evidence",
    [
        Evidence(jobs=()),
        Evidence(evaluations=(evaluation(-600),)),
        Evidence(snapshots={"Churn": [after(-600)]}),
    ],
)
def test_a_refresh_that_never_comes_is_given_up_after_the_runs_own_limit(evidence: Evidence) -> None:
    def at(minutes: float) -> WaitRecord:
        status = judge(evidence, scheduled=AT_FIVE, now=after(minutes), rules=RULES)
        return record(status, scheduled=AT_FIVE, since=AT_FIVE, now=after(minutes), limit=LIMIT)

    assert at(359).state is RefreshState.WAITING
    assert at(360).state is RefreshState.LATE
    assert at(360).text.startswith(
        "gave up after 360 minutes of waiting (wait_for_refresh.timeout_minutes): "
    )
    assert "2026-03-0" in at(360).text


class LakeLike:
    """A source that shows no more than its snapshots."""

    has_history = True

    def snapshots(self, segment: str) -> list[datetime]:
        return [after(12)] if segment == "A" else []


def test_a_source_that_shows_only_snapshots_is_asked_for_those() -> None:
    def seen(*segments: str) -> RefreshStatus:
        return look(LakeLike(), segments, scheduled=AT_FIVE, now=after(30), rules=RULES)  # type: ignore[arg-type]

    assert seen("A").state is RefreshState.ENDED
    assert seen("A", "B").text == "no whole snapshot since 2026-03-02T05:00Z of B"


def test_what_a_snapshot_of_the_lake_lacks_is_told() -> None:
    lacking = {"A": "that of 2026-01-05 05:00 UTC: T_5.csv is missing"}
    for before in (None, after(24 * 60)):
        evidence = Evidence(snapshots={"A": [before] if before else []}, unfinished=lacking)
        status = judge(evidence, scheduled=AT_FIVE, before=before, now=after(24 * 60), rules=RULES)
        assert "no whole snapshot since" in status.text
        assert f"of A ({lacking['A']})" in status.text
