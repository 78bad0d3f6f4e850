"""A person is asked only where a guard tripped, and no answer means no."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from airflow.providers.standard.operators.hitl import ApprovalOperator
from tests.segment_exports_airflow.planned_run import PlannedRuns

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


@pytest.mark.parametrize(("chosen", "approved"), [("Approve", True), ("Reject", False)])
def test_the_answer_is_kept_for_the_report(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, chosen: str, approved: bool
) -> None:
    monkeypatch.setenv("SEGMENT_EXPORTS_STAGING", str(tmp_path))
    answer = {
        "chosen_options": [chosen],
        "responded_at": datetime(2026, 3, 1, tzinfo=UTC),
        "responded_by_user": {"id": "7", "name": "maria"},
    }
    monkeypatch.setattr(ApprovalOperator, "execute_complete", lambda *_: answer)
    operator = GuardApprovalOperator(task_id="ask_a_person", export="newsletter")

    told = operator.execute_complete({"run_id": "manual"}, {})  # type: ignore[typeddict-item]

    assert told == {"approved": approved, "by": "maria", "at": "2026-03-01T00:00:00+00:00"}
    assert run_files("newsletter", "manual").store.read_json("approval.json") == told
