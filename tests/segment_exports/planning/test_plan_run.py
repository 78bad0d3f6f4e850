"""The beginning of a run's delivery: lease, earlier runs, and what a second plan of a run forgets."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.segment_exports.staged_run import Person, Stage, definition_of, operations

from segment_exports.errors import LedgerError, StagingError
from segment_exports.records import lease
from segment_exports.records.keyed_hash import KeyedHasher
from segment_exports.records.ledger import LedgerFolder
from segment_exports.records.outcomes import Outcome
from segment_exports.records.plan import PlanState
from segment_exports.records.problems import record_problem
from segment_exports.settling.settle_plan import has_receipts

if TYPE_CHECKING:
    from pathlib import Path

ANN = Person("ann@example.com", "1", ("A",))
BOB = Person("bob@example.com", "2", ("A",))


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    return Stage(tmp_path)


def test_a_plan_that_fails_leaves_no_earlier_one_to_pass_for_it(stage: Stage) -> None:
    run = stage.run(1).read([ANN])
    run.plan()
    run.chunks()
    run.deliver()
    run.read([ANN, BOB])
    stage.existing = lambda _: 0
    with pytest.raises(LedgerError):
        run.plan()
    record_problem(run.files.store, "plan_changes", "it is another account")
    report = run.settle(failed_steps=("plan_changes",))
    assert (report.contacts.total, report.contacts.not_sent, report.contacts.delivered) == (2, 2, 0)
    assert report.red_reasons == ("plan_changes: it is another account",)
    # What the first plan sent was settled before the second was tried.
    assert stage.known(ANN.email)["member_of"] == ["A"]
    assert lease.holder(stage.export) is None


def test_chunks_of_an_earlier_plan_are_gone_even_if_none_was_uploaded(stage: Stage) -> None:
    run = stage.run(1).read([ANN, BOB])
    run.plan()
    run.chunks()
    run.read([ANN]).plan()
    assert run.files.store.names("chunks") == []
    assert run.settle(failed_steps=("chunk_changes",)).contacts.not_sent == 1


def test_problems_of_tasks_that_the_new_plan_has_no_more_are_forgotten(stage: Stage) -> None:
    run = stage.run(1).read([ANN])
    run.plan()
    run.chunks()
    record_problem(run.files.store, "upload 7", "the key was revoked")
    run.deliver()
    run.plan()
    assert run.settle().red_reasons == ()


def test_a_dry_run_planned_again_forgets_its_first_plan(stage: Stage) -> None:
    run = stage.run(1).read([ANN])
    run.plan(dry_run=True)
    stage.hasher = KeyedHasher("another secret of the tests")
    with pytest.raises(StagingError):
        run.plan(dry_run=True)
    assert not run.files.store.exists("plan.json")


def test_a_run_cut_off_while_it_sent_to_another_account_is_settled_for_that_account(tmp_path: Path) -> None:
    first = Stage(tmp_path, account="first")
    killed = first.run(1).read([ANN])
    killed.plan()
    killed.chunks()
    killed.deliver(ended=False)
    second = Stage(tmp_path, account="second")
    run = second.run(2).read([ANN])
    plan = run.plan()
    assert plan.state is PlanState.READY
    assert first.known(ANN.email)["member_of"] == ["A"]
    assert second.ledgers.latest().info is None
    run.chunks()
    run.deliver().settle()
    assert (first.ledgers.latest().sequence, second.ledgers.latest().sequence) == (1, 2)
    assert first.run(3).read([ANN]).plan().state is PlanState.NOTHING_DUE


class TestFirstDelivery:
    """It has to be meant: unpausing for a dry run also starts the schedule's last missed time."""

    def test_one_that_nobody_asked_for_is_stopped_with_the_way_on_and_its_figures(self, stage: Stage) -> None:
        run = stage.run(1).read([ANN, BOB])
        plan = run.plan(unasked=True)

        assert plan.state is PlanState.STOPPED
        (told,) = plan.tripped_guards
        assert "the first delivery of" in told
        assert "Trigger the export by hand: with dry_run" in told
        assert "first_run: deliver" in told
        assert plan.operations.upsert == 2
        assert run.chunks() == []
        assert run.settle().red
        assert stage.ledgers.latest().info is None

    def test_it_goes_to_a_person_where_guards_ask(self, stage: Stage) -> None:
        run = stage.run(1).read([ANN])
        run.plan(unasked=True)
        assert len(run.chunks(approved=True)) == 1

    def test_one_by_hand_is_meant_and_so_are_all_after_it(self, stage: Stage) -> None:
        stage.run(1).whole([ANN])
        assert stage.run(2).read([ANN, BOB]).plan(unasked=True).state is PlanState.READY

    def test_a_dry_run_does_not_make_it_meant(self, stage: Stage) -> None:
        run = stage.run(1).read([ANN])
        run.plan(dry_run=True)
        run.settle()
        assert stage.run(2).read([ANN]).plan(unasked=True).state is PlanState.STOPPED

    def test_the_definition_may_leave_it_to_the_schedule(self, stage: Stage) -> None:
        stage.definition = definition_of(first_run="deliver")
        assert stage.run(1).read([ANN]).plan(unasked=True).state is PlanState.READY

    def test_another_account_is_another_first_delivery(self, stage: Stage) -> None:
        stage.run(1).whole([ANN])
        other = Stage(stage.folder, account="other")
        assert other.run(2).read([ANN]).plan(unasked=True).state is PlanState.STOPPED


def test_a_run_whose_files_are_lost_is_told_until_the_lists_are_read_back(stage: Stage) -> None:
    stage.run(1).whole([ANN])
    lost = stage.run(2).read([ANN, BOB])
    lost.plan()
    lost.chunks()
    lost.deliver(ended=False)
    stage.export.remove("runs/run_002")
    for number in (3, 4):
        report = stage.run(number).whole([ANN])
        (reason,) = report.red_reasons
        assert reason.startswith("the files of run run_002 are lost and it was never settled")
    stage.run(5).read([ANN]).plan(reconcile=True)
    assert stage.run(6).whole([ANN]).red_reasons == ()


def test_a_run_that_ended_before_it_was_settled_and_whose_files_are_there_is_not_lost(stage: Stage) -> None:
    run = stage.run(1).read([ANN])
    run.plan()
    run.chunks()
    assert stage.run(2).whole([ANN, BOB]).red_reasons == ()


def test_a_run_that_sent_nothing_and_was_purged_after_it_was_settled_is_not_lost(stage: Stage) -> None:
    """Such as those that a guard stopped, day by day, until the oldest of them were purged."""
    stage.run(1).whole([ANN])
    stopped = stage.run(2).read([ANN, BOB])
    stopped.plan()
    stopped.settle()
    stage.export.remove("runs/run_002")
    assert stage.run(3).whole([ANN, BOB]).red_reasons == ()


def test_a_lost_ledger_of_another_account_stops_no_run(tmp_path: Path) -> None:
    first = Stage(tmp_path, account="first")
    first.run(1).whole([ANN])
    killed = first.run(2).read([ANN, BOB])
    killed.plan()
    killed.chunks()
    killed.deliver(ended=False)
    first.export.remove("ledger/first")
    Stage(tmp_path, account="second").run(3).whole([ANN])
    with pytest.raises(LedgerError, match="for first is lost"):
        first.run(4).read([ANN]).plan()


def test_a_lost_ledger_is_not_made_anew_from_receipts_that_are_left(stage: Stage) -> None:
    run = stage.run(1).read([ANN, BOB])
    run.plan()
    run.chunks()
    run.deliver(lambda row, *_: Outcome.DELIVERED if row["email"] == ANN.email else Outcome.NOT_SENT).settle()
    stage.export.remove("ledger")
    for number in (1, 2):
        with pytest.raises(LedgerError, match="is lost"):
            stage.run(number).read([ANN]).plan()
    assert stage.ledgers.is_lost()
    # Whoever restores the ledger still finds what was answered.
    assert has_receipts(run.files.store)


def test_ledgers_count_on_where_the_leases_are_lost(stage: Stage) -> None:
    for number in (1, 2, 3):
        stage.run(number).whole([ANN])
    stage.export.remove("lease")
    stage.run(4).whole([ANN, BOB])
    assert stage.ledgers.latest().sequence == 4
    assert stage.run(5).read([ANN, BOB]).plan().state is PlanState.NOTHING_DUE


def test_only_runs_since_the_newest_ledger_are_looked_at(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(1, 9):
        stage.run(number).whole([ANN])
    looked_at = []
    monkeypatch.setattr(
        "segment_exports.planning.plan_run.has_receipts", lambda store: looked_at.append(store.root[-7:])
    )
    stage.run(9).read([ANN]).plan()
    assert looked_at == ["run_009", "run_009"]


def test_contacts_hashed_with_another_key_than_the_ledger_are_refused(stage: Stage) -> None:
    stage.run(1).whole([ANN])
    run = stage.run(2).read([ANN])
    stage.hasher = KeyedHasher("another secret, set since")
    with pytest.raises(LedgerError, match="another AUTOPILOT_LEDGER_KEY"):
        run.plan()
    # Restoring the key alone is not enough where the contacts were mapped in between.
    with pytest.raises(
        StagingError, match="another AUTOPILOT_LEDGER_KEY than is set now; clear the task map"
    ):
        run.plan(full_resync=True)


@pytest.mark.parametrize("reconcile", [False, True])
def test_a_ledger_made_anew_under_another_key_says_what_it_does_not_know_without_a_reconcile(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, reconcile: bool
) -> None:
    stage.run(1).whole([ANN])
    stage.hasher = KeyedHasher("another secret, set since")
    monkeypatch.setattr("tests.segment_exports.staged_run.HASHER", stage.hasher)
    plan = stage.run(2).read([ANN]).plan(full_resync=True, reconcile=reconcile)
    assert any("made anew" in text for text in plan.warnings) is not reconcile


def test_each_account_has_its_own_folder(tmp_path: Path) -> None:
    stage = Stage(tmp_path, account="first")
    stage.run(1).whole([ANN])
    assert LedgerFolder(stage.export, "newsletter", "second").latest().info is None
    run = Stage(tmp_path, account="second").run(2).read([ANN])
    run.plan()
    assert operations(run.chunks()) == {(ANN.email, "upsert", None): 1, (ANN.email, "join", "A"): 1}
