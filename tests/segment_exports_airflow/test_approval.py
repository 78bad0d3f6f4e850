"""A person is asked only where a guard tripped, and no answer means no."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.providers.standard.operators.hitl import ApprovalOperator
from airflow.sdk import DAG
from airflow.sdk.exceptions import DownstreamTasksSkipped
from tests.segment_exports_airflow.planned_run import PlannedRuns

from segment_exports.records.notes.approval import Decision, approval_of
from segment_exports.records.plan import planned
from segment_exports_airflow.operators.approval import GuardApprovalOperator
from segment_exports_airflow.staging_root import run_files

if TYPE_CHECKING:
    from pathlib import Path

TRIPS = "guards: {when_tripped: ask, stop_above_invalid: 0}\nrefresh: {timezone: UTC, times: ['05:00']}\n"
PASSES = "guards: {when_tripped: ask, stop_above_invalid: 1}\n"


@pytest.fixture
def runs(tmp_path: Path, account: str, monkeypatch: pytest.MonkeyPatch) -> PlannedRuns:
    return PlannedRuns(tmp_path, monkeypatch, customers=1_000)


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[GuardApprovalOperator]:
    """Operators that came so far as to ask."""
    operators: list[GuardApprovalOperator] = []
    monkeypatch.setattr(ApprovalOperator, "execute", lambda self, _: operators.append(self))
    return operators


def ask(context: Any) -> Any:
    return GuardApprovalOperator(task_id="ask_a_person", export="newsletter").execute(context)


def test_nothing_is_asked_where_no_guard_tripped(
    runs: PlannedRuns, asked: list[GuardApprovalOperator]
) -> None:
    assert ask(runs.plan(PASSES)) is None
    assert asked == []


def test_nothing_is_asked_in_a_dry_run(runs: PlannedRuns, asked: list[GuardApprovalOperator]) -> None:
    assert ask(runs.plan(TRIPS, dry_run=True)) is None
    assert asked == []


def test_the_question_gives_the_figures_and_waits_until_the_next_refresh(
    runs: PlannedRuns, asked: list[GuardApprovalOperator]
) -> None:
    ask(runs.plan(TRIPS))

    (operator,) = asked
    assert "guards.stop_above_invalid allows 0.0%" in str(operator.body)
    assert "| NewsletterReaders | 0 |" in str(operator.body)
    assert operator.defaults == ["Reject"], "no answer means no"
    assert operator.response_timeout is not None
    assert timedelta(0) < operator.response_timeout <= timedelta(days=1)


def test_who_is_invalid_can_be_looked_up_before_the_answer(
    runs: PlannedRuns, asked: list[GuardApprovalOperator]
) -> None:
    context = runs.plan(TRIPS)
    ask(context)

    store = run_files("newsletter", context["run_id"]).store
    lines = store.read_bytes("refused.csv").decode().splitlines()
    assert len(lines) > 1
    assert all(line.endswith('"invalid"') for line in lines[1:])
    assert f"`{store.path('refused.csv')}`" in str(asked[0].body)


ANN = {"id": "7", "name": "ann"}


@pytest.mark.parametrize(
    ("chosen", "person", "timed_out", "decision"),
    [
        ("Approve", ANN, False, Decision.APPROVED),
        ("Reject", ANN, False, Decision.REJECTED),
        ("Reject", None, True, Decision.NOT_ANSWERED),
    ],
)
def test_the_answer_is_kept_for_the_report_with_what_was_asked(
    runs: PlannedRuns,
    asked: list[GuardApprovalOperator],
    chosen: str,
    person: dict[str, str] | None,
    timed_out: bool,
    decision: Decision,
) -> None:
    context = runs.plan(TRIPS)
    run = run_files("newsletter", context["run_id"]).store
    ask(context)
    waiting = approval_of(run, planned(run))
    assert waiting is not None
    assert (waiting.decision, waiting.by, waiting.upserts > 0) == (Decision.WAITING, None, True)
    assert "guards.stop_above_invalid" in waiting.guards[0]
    at = datetime(2026, 3, 1, tzinfo=UTC)
    answer = {"chosen_options": [chosen], "responded_at": at, "responded_by_user": person}
    answer |= {"params_input": {}, "timedout": timed_out}
    EmptyOperator(task_id="chunk_changes", dag=DAG("newsletter", schedule=None)) << asked[0]
    context["task"] = asked[0]
    context["ti"].xcom_push = lambda **_: None

    if chosen == "Approve":
        told = asked[0].execute_complete(context, answer)
        assert told == {"decision": decision.value, "at": at.isoformat()}, "no name in XCom"
    else:
        with pytest.raises(DownstreamTasksSkipped) as skipped:
            asked[0].execute_complete(context, answer)
        assert skipped.value.tasks == ["chunk_changes"]

    kept = approval_of(run, planned(run))
    assert kept == waiting.model_copy(
        update={"decision": decision, "by": person and person["name"], "at": at.isoformat()}
    )


def test_what_was_asked_before_the_run_was_planned_anew_is_forgotten(
    runs: PlannedRuns, asked: list[GuardApprovalOperator]
) -> None:
    context = runs.plan(TRIPS)
    ask(context)
    again = runs.plan(PASSES, dry_run=True)
    assert again["run_id"] == context["run_id"]
    ask(again)
    assert not run_files("newsletter", context["run_id"]).store.exists("approval.json")
