"""What a run comes to and what makes it red, from the figures that its steps left."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from tests.segment_exports.staged_run import HASHER, START, Person, Stage, definition_of

from segment_exports.commands.erasing.erasure import erase
from segment_exports.errors import Advice, CredentialsRefusedError
from segment_exports.records.outcomes import Operation, Outcome
from segment_exports.records.problems import Reason, forget_problem, record_problem
from segment_exports.records.report import RunState
from segment_exports.records.wait_record import RefreshState, RefreshStatus, keep_wait, record
from segment_exports.records.warnings import record_warnings

if TYPE_CHECKING:
    from pathlib import Path

ANN = Person("ann@example.com", "1", ("A",))
BOB = Person("bob@example.com", "2", ("A", "B"))


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    return Stage(tmp_path)


def test_a_run_that_did_not_even_read_is_red(stage: Stage) -> None:
    run = stage.run(1)
    report = run.settle()
    assert (report.state, report.profiles.read, report.contacts.total) == (RunState.FAILED, 0, 0)
    assert report.red_reasons == ("nothing was planned; clear the task plan_changes",)


def test_a_run_that_was_mapped_and_not_planned_tells_all_as_not_sent(stage: Stage) -> None:
    run = stage.run(1).read([ANN, BOB], invalid=["7"], withheld=[Person("cat@example.com", "3")])
    report = run.settle(failed_steps=("plan_changes",))
    assert (report.profiles.read, report.contacts.not_sent) == (4, 2)
    assert report.red_reasons == (
        "failed and left no reason in the staging: plan_changes; see the log of that task",
    )


def test_a_problem_is_told_in_its_own_words_and_forgotten_when_it_is_over(stage: Stage) -> None:
    run = stage.run(1)
    record_problem(run.files.store, "extract 1/2", Reason("there is no entity C"))
    assert run.settle(failed_steps=("extract 1/2",)).red_reasons == ("extract 1/2: there is no entity C",)
    forget_problem(run.files.store, "extract 1/2")
    forget_problem(run.files.store, "extract 1/2")
    run.read([ANN]).plan()
    run.chunks()
    assert not run.deliver().settle().red


def test_what_to_do_stands_beside_each_reason(tmp_path: Path) -> None:
    stage = Stage(tmp_path, definition_of(guards={"stop_above_invalid": 0.0}))
    run = stage.run(1).read([ANN], invalid=["7"])
    run.plan()
    record_problem(run.files.store, "upload 1", Reason.of(CredentialsRefusedError("the key was revoked")))
    report = run.settle(failed_steps=("extract 1",))

    assert dict(zip(report.red_reasons, report.what_to_do, strict=True)) == {
        "upload 1: the key was revoked": Advice.KEY,
        "failed and left no reason in the staging: extract 1; see the log of that task": Advice.FAULT,
        next(one for one in report.red_reasons if one.startswith("guard: ")): Advice.GUARD,
    }


def test_a_problem_of_an_older_version_has_no_advice_of_its_own(stage: Stage) -> None:
    run = stage.run(1)
    run.files.store.write_json("problems/extract.json", {"step": "extract", "message": "no table C"})
    report = run.settle(failed_steps=("extract",))

    assert (report.red_reasons, report.what_to_do) == (("extract: no table C",), (Advice.AS_SAID,))


def test_a_dry_run_is_green_with_all_that_it_would_send(stage: Stage) -> None:
    run = stage.run(1).read([ANN, BOB])
    run.plan(dry_run=True)
    assert run.chunks() == []
    report = run.settle()
    assert (report.state, report.red, report.contacts.not_sent) == (RunState.DRY_RUN, False, 2)
    assert report.operations[Operation.JOIN].model_dump() == {
        "planned": 3,
        "delivered": 0,
        "rejected": 0,
        "suppressed": 0,
        "failed": 0,
        "not_sent": 3,
    }
    assert stage.ledger_rows() == {}
    assert (report.requests.least, report.requests.least_seconds) == (1 + 3, 1)


@pytest.mark.parametrize(
    ("outcome", "state", "reason"),
    [
        (Outcome.FAILED, RunState.FAILED, "of unknown fate"),
        (Outcome.NOT_SENT, RunState.DELIVERED, "were not sent"),
        (Outcome.REJECTED, RunState.DELIVERED, "1 of 2 contacts was rejected by the destination (50.0%)"),
    ],
)
def test_what_was_not_delivered_turns_the_run_red(
    stage: Stage, outcome: Outcome, state: RunState, reason: str
) -> None:
    run = stage.run(1).read([ANN, BOB])
    run.plan()
    run.chunks()
    report = run.deliver(lambda row, *_: outcome if row["email"] == ANN.email else Outcome.DELIVERED).settle()
    assert (report.state, report.red) == (state, True)
    assert reason in report.red_reasons[0]


def test_a_suppressed_contact_is_no_reason_to_be_red(stage: Stage) -> None:
    run = stage.run(1).read([ANN])
    run.plan()
    run.chunks()
    report = run.deliver(
        lambda row, what, title: Outcome.SUPPRESSED if what == "join" else Outcome.DELIVERED
    ).settle()
    assert (report.red, report.contacts.suppressed) == (False, 1)
    again = stage.run(2).read([ANN])
    again.plan()
    assert again.settle().contacts.suppressed == 1


def refuse(*people: Person):
    refused = {one.email for one in people}
    return lambda row, *_: Outcome.REJECTED if row["email"] in refused else Outcome.DELIVERED


def test_who_is_held_back_is_told_with_since_when_until_when_and_the_way_out(stage: Stage) -> None:
    first = stage.run(1).read([ANN, BOB])
    first.plan()
    first.chunks()
    first.deliver(refuse(ANN)).settle()
    again = stage.run(2).read([ANN, BOB])
    again.plan()
    report = again.settle()

    (told,) = [one for one in report.warnings if "held back" in one]
    refused_at = stage.known(ANN.email)["rejected_at"]
    assert told.startswith("1 contact is held back after a refusal")
    assert f"{refused_at:%Y-%m-%d %H:%M} UTC" in told
    assert f"after {refused_at + timedelta(days=7):%Y-%m-%d %H:%M} UTC" in told
    assert "Send rejected contacts again" in told
    assert not report.red, "others are there"


def test_a_run_in_which_everybody_is_held_back_is_not_green(stage: Stage) -> None:
    first = stage.run(1).read([ANN, BOB])
    first.plan()
    first.chunks()
    first.deliver(refuse(ANN, BOB)).settle()
    again = stage.run(2).read([ANN, BOB])
    again.plan()
    report = again.settle()

    assert report.red
    (reason,) = report.red_reasons
    assert reason.startswith("nobody could be delivered: 2 contacts are held back")
    asked = stage.run(3).read([ANN, BOB])
    asked.plan(retry_rejected=True)
    asked.chunks()
    assert not asked.deliver().settle().warnings


def test_rejections_up_to_the_share_allowed_are_green(tmp_path: Path) -> None:
    stage = Stage(tmp_path, definition_of(guards={"red_above_rejected": 0.5}))
    run = stage.run(1).read([ANN, BOB])
    run.plan()
    run.chunks()
    report = run.deliver(
        lambda row, *_: Outcome.REJECTED if row["email"] == ANN.email else Outcome.DELIVERED
    ).settle()
    assert (report.red, report.rejected.new) == (False, 1)


@pytest.mark.parametrize(
    ("approved", "told"), [(None, ""), (False, " A person was asked and did not approve.")]
)
def test_a_tripped_guard_is_told_with_the_answer_of_who_was_asked(
    tmp_path: Path, approved: bool | None, told: str
) -> None:
    stage = Stage(tmp_path, definition_of(guards={"stop_above_invalid": 0.0}))
    run = stage.run(1).read([ANN], invalid=["7"])
    run.plan()
    report = run.settle(approved=approved)
    assert (report.state, report.red) == (RunState.STOPPED, True)
    assert report.red_reasons[0].endswith(f"Nothing was sent.{told}")


def test_an_empty_segment_is_a_warning(stage: Stage) -> None:
    assert "segment B is empty: it brought no profile" in stage.run(1).whole([ANN]).warnings


def test_what_the_steps_warned_of_and_what_was_waited_for_stand_in_the_report(stage: Stage) -> None:
    run = stage.run(1).read([ANN])
    waited = record(
        RefreshStatus(RefreshState.ENDED, "the refresh j1 ended"),
        scheduled=run.now,
        since=run.now,
        now=run.now + timedelta(minutes=40),
        limit=timedelta(hours=6),
    )
    keep_wait(run.files.store, waited)
    record_warnings(run.files.store, "wait_for_refresh", ["The segment A is inactive"])

    report = run.settle()

    assert report.refresh == waited
    assert report.warnings[0] == "The segment A is inactive"


def test_a_run_that_waited_for_nothing_tells_of_no_refresh(stage: Stage) -> None:
    assert stage.run(1).settle().refresh is None


def test_the_snapshot_of_a_report_is_the_newest_whatever_its_time_zone(stage: Stage) -> None:
    run = stage.run(1).read([ANN])
    extract = run.files.store.read_json("extract/all.json")
    extract["segments"]["A"]["snapshot"] = "2026-11-02T09:00:00+05:00"
    extract["segments"]["B"]["snapshot"] = "2026-11-02T05:00:00+00:00"
    run.files.store.write_json("extract/all.json", extract)
    run.plan(dry_run=True)
    report = run.settle()
    assert report.snapshot == "2026-11-02T05:00:00+00:00"
    assert report.settled_at == run.now.isoformat()


def test_a_list_tells_what_was_done_to_it_and_not_what_was_planned(stage: Stage) -> None:
    run = stage.run(1).read([ANN, BOB])
    run.plan()
    run.chunks()
    report = run.deliver(refuse(ANN)).settle()

    told = {title: (one.held_before, one.joins, one.held_after) for title, one in report.lists.items()}
    assert told == {"A": (0, 1, 1), "B": (0, 1, 1)}
    of_a = report.lists["A"].operations[Operation.JOIN]
    assert (of_a.planned, of_a.delivered, of_a.rejected) == (2, 1, 1)


def test_a_run_that_was_cut_off_tells_what_its_lists_got_till_then(stage: Stage) -> None:
    run = stage.run(1).read([ANN, BOB])
    run.plan()
    run.chunks()
    run.deliver(lambda row, *_: Outcome.DELIVERED if row["email"] == BOB.email else None, ended=True)
    of_a = run.settle(failed_steps=("upload 1",)).lists["A"]
    assert (of_a.joins, of_a.held_after) == (1, 1)
    assert of_a.operations[Operation.JOIN].not_sent == 1


def test_the_lists_of_a_dry_run_tell_what_is_planned_as_not_sent(stage: Stage) -> None:
    run = stage.run(1).read([ANN, BOB])
    run.plan(dry_run=True)
    of_a = run.settle().lists["A"]
    assert (of_a.joins, of_a.leaves, of_a.held_after) == (0, 0, None)
    assert of_a.operations[Operation.JOIN].not_sent == of_a.operations[Operation.JOIN].planned == 2


def test_the_run_that_made_a_list_tells_its_id(stage: Stage) -> None:
    run = stage.run(1).read([ANN])
    run.plan()
    run.chunks()
    assert stage.made == {}, "nothing was made when it was planned"
    stage.made = {"A": "list_7"}
    lists = run.deliver().settle().lists
    assert (lists["A"].list_id, lists["B"].list_id) == ("list_7", None)


def test_who_is_unsubscribed_stands_beside_the_lists(tmp_path: Path) -> None:
    stage = Stage(tmp_path, definition_of(when_permission_withdrawn="unsubscribe"))
    stage.run(1).whole([ANN, BOB])
    run = stage.run(2).read([ANN], withheld=[BOB])
    run.plan()
    run.chunks()
    report = run.deliver().settle()
    assert {title: one.leaves for title, one in report.lists.items()} == {"A": 1, "B": 1}
    assert (report.unsubscribes.delivered, report.operations[Operation.LEAVE].delivered) == (1, 3)


def test_an_erasure_is_seen_in_the_report_of_the_run_that_took_the_person_off(stage: Stage) -> None:
    stage.run(1).whole([ANN, BOB])
    erase(stage.staging, HASHER, emails=[ANN.email], customer_ids=[ANN.customer], now=START)
    run = stage.run(2).read([ANN, BOB])
    run.plan()
    run.chunks()
    told = run.deliver().settle().erasures
    assert (told.tombstones, told.new, told.leaving, told.left) == (2, 2, 1, 1)
    assert (told.forgotten > 0, told.waiting) == (True, 0)

    again = stage.run(3).read([BOB])
    again.plan()
    told = again.settle().erasures
    assert (told.tombstones, told.new, told.leaving, told.left) == (2, 0, 0, 0)


def test_who_was_erased_and_is_on_a_list_still_is_told_as_waiting(stage: Stage) -> None:
    stage.run(1).whole([ANN, BOB])
    erase(stage.staging, HASHER, emails=[ANN.email], now=START)
    run = stage.run(2).read([BOB])
    run.plan()
    run.chunks()
    fates = {"leave": Outcome.REJECTED}
    told = run.deliver(lambda row, what, title: fates.get(what, Outcome.DELIVERED)).settle().erasures
    assert (told.leaving, told.left, told.waiting) == (1, 0, 1)


def test_who_withdrew_is_no_erasure(stage: Stage) -> None:
    stage.run(1).whole([ANN, BOB])
    erase(stage.staging, HASHER, emails=["zoe@example.com"], now=START)
    run = stage.run(2).read([BOB], withheld=[ANN])
    run.plan()
    run.chunks()
    told = run.deliver().settle().erasures
    assert (told.new, told.leaving, told.left) == (1, 0, 0)
