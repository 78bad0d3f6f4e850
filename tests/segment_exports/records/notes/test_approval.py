"""What a person decided counts for the plan that they were asked about, and for no other."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from tests.segment_exports.staged_run import Person, Run, Stage, definition_of

from segment_exports.planning.chunk_changes import chunk_changes
from segment_exports.records.notes.approval import Decision, answer, approval_of, ask
from segment_exports.records.report import RunState

if TYPE_CHECKING:
    from pathlib import Path

ANN, BOB = Person("ann@example.com", "1", ("A", "B")), Person("bob@example.com", "2")
HOUR = timedelta(hours=1)


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """A run with a guard that trips, in which one person joins two lists and another one withdrew."""
    stage = Stage(tmp_path)
    stage.run(1).whole([BOB])
    stage.definition = definition_of(guards={"stop_above_invalid": 0.0})
    return stage.run(2).read([ANN], invalid=["7"], withheld=[BOB])


def decided(run: Run, decision: Decision) -> None:
    asked = ask(run.files.store, run.plan(), now=run.now, until=run.now + HOUR)
    answer(run.files.store, asked, decision, by="maria", at=run.now + HOUR)


@pytest.mark.parametrize(
    ("decision", "told"),
    [
        (Decision.REJECTED, "A person was asked and did not approve."),
        (Decision.NOT_ANSWERED, "A person was asked and nobody answered in time."),
    ],
)
def test_the_report_tells_who_was_asked_of_what_and_what_they_decided(
    run: Run, decision: Decision, told: str
) -> None:
    decided(run, decision)
    assert chunk_changes(run.files) == []
    report = run.deliver().settle()
    approval = report.approval
    assert approval is not None
    assert (approval.decision, approval.by, approval.at) == (decision, "maria", (run.now + HOUR).isoformat())
    assert (approval.upserts, approval.joins, approval.leaves) == (1, 2, 0), "who withdrew waits for nobody"
    assert "guards.stop_above_invalid allows 0.0%" in approval.guards[0]
    assert report.red_reasons[0].endswith(told)
    assert report.lists["A"].leaves == 1


def test_what_was_approved_is_sent_and_the_report_tells_by_whom(run: Run) -> None:
    decided(run, Decision.APPROVED)
    assert len(chunk_changes(run.files)) == 1
    report = run.deliver().settle()
    assert (report.state, report.red) == (RunState.DELIVERED, False)
    assert report.approval is not None
    assert report.approval.by == "maria"


def test_an_approval_of_an_earlier_plan_lets_no_other_pass(run: Run) -> None:
    decided(run, Decision.APPROVED)
    run.now += HOUR
    plan = run.plan()
    assert approval_of(run.files.store, plan) is None
    assert chunk_changes(run.files) == []
    report = run.settle()
    assert (report.state, report.approval) == (RunState.STOPPED, None)


def test_a_run_that_ended_before_anybody_answered_says_so(run: Run) -> None:
    ask(run.files.store, run.plan(), now=run.now, until=run.now + HOUR)
    assert chunk_changes(run.files) == []
    report = run.settle(failed_steps=("ask_a_person",))
    assert report.approval is not None
    assert report.approval.decision is Decision.WAITING
    assert any("nobody had answered when the run ended" in one for one in report.red_reasons)


def test_an_answer_that_an_earlier_version_wrote_down_is_read(run: Run) -> None:
    plan = run.plan()
    run.files.store.write_json("approval.json", {"approved": True, "by": "maria", "at": run.now.isoformat()})
    found = approval_of(run.files.store, plan)
    assert found is not None
    assert (found.is_given, found.by) == (True, "maria")
