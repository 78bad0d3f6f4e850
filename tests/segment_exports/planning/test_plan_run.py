"""The beginning of a run's delivery: lease, earlier runs, and what a second plan of a run forgets."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from tests.segment_exports.staged_run import START, Person, Run, Stage, definition_of, operations

from segment_exports.errors import LedgerError, StagingError
from segment_exports.records import lease
from segment_exports.records.keyed_hash import KeyedHasher
from segment_exports.records.ledger import LedgerFolder
from segment_exports.records.notes import losses
from segment_exports.records.notes.losses import Loss
from segment_exports.records.outcomes import Outcome
from segment_exports.records.plan import PlanState
from segment_exports.records.problems import Reason, record_problem
from segment_exports.records.report import RunState
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
    record_problem(run.files.store, "plan_changes", Reason("it is another account"))
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
    record_problem(run.files.store, "upload 7", Reason("the key was revoked"))
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
    reconciled(stage.run(5).read([ANN])).settle()
    assert stage.run(6).whole([ANN]).red_reasons == ()


def reconciled(run: Run, outcome: Outcome = Outcome.DELIVERED, **options: bool) -> Run:
    """Plan a run that reads the lists back, and deliver it with this outcome for all."""
    run.plan(reconcile=True, **options)
    run.chunks()
    return run.deliver(lambda *_: outcome)


class TestLosses:
    """They stay open until a run that read the lists back and judged everybody has done all of its plan."""

    @pytest.fixture(params=["run", "ledger", "staging", "secret"])
    def stage(self, request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Stage:
        """Two were delivered, and then what was known of it was lost."""
        stage = Stage(tmp_path)
        stage.run(1).whole([ANN])
        run = stage.run(2).read([ANN, BOB])
        run.plan()
        run.chunks()
        run.deliver()
        match request.param:
            case "run":
                stage.export.remove("runs/run_002")
            case "ledger":
                run.settle()
                stage.export.remove("ledger")
            case "staging":
                stage.staging.remove("newsletter")
            case _:
                run.settle()
                stage.hasher = KeyedHasher("another secret of the tests")
                monkeypatch.setattr("tests.segment_exports.staged_run.HASHER", stage.hasher)
        return stage

    def is_open(self, stage: Stage, number: int) -> bool:
        try:
            reasons = stage.run(number).whole([ANN, BOB]).red_reasons
        except LedgerError as error:
            return "with full_resync" in str(error) and "with reconcile" in str(error)
        return any("Trigger a run with reconcile, which reads the lists back" in one for one in reasons)

    def test_a_whole_run_with_all_done_ends_them(self, stage: Stage) -> None:
        report = reconciled(stage.run(3).read([ANN, BOB]), full_resync=True).settle()
        assert report.red_reasons == ()
        assert not self.is_open(stage, 4)

    @pytest.mark.parametrize("stage", ["run", "staging", "secret"], indirect=True)
    def test_it_ends_them_also_where_the_next_run_has_to_settle_it(self, stage: Stage) -> None:
        reconciled(stage.run(3).read([ANN, BOB]), full_resync=True)
        assert not self.is_open(stage, 4)

    @pytest.mark.parametrize(
        "read", [{"segments": ("A",)}, {"whole": False}, {"unjudged": "it has no value"}], ids=str
    )
    def test_one_that_did_not_judge_everybody_does_not(self, stage: Stage, read: dict[str, Any]) -> None:
        report = reconciled(stage.run(3).read([ANN, BOB], **read), full_resync=True).settle()
        assert any("Trigger a run with reconcile" in one for one in report.red_reasons)
        assert self.is_open(stage, 4)
        reconciled(stage.run(5).read([ANN, BOB]), full_resync=True).settle()
        assert not self.is_open(stage, 6)

    def test_an_older_snapshot_than_the_delivered_one_does_not(self, tmp_path: Path) -> None:
        stage = Stage(tmp_path)
        stage.run(1).whole([ANN])
        losses.note(stage.export, [Loss.of_run("run_000")])
        reconciled(stage.run(2).read([ANN], snapshot=START), force=True).settle()
        assert self.is_open(stage, 3)

    @pytest.mark.parametrize("outcome", [Outcome.NOT_SENT, Outcome.FAILED])
    def test_one_that_left_something_undone_does_not(self, stage: Stage, outcome: Outcome) -> None:
        report = reconciled(stage.run(3).read([ANN, BOB]), outcome, full_resync=True).settle()
        assert any("Trigger a run with reconcile" in one for one in report.red_reasons)
        assert self.is_open(stage, 4)

    def test_one_that_a_guard_stopped_does_not(self, stage: Stage) -> None:
        given = stage.definition.guards.model_copy(update={"stop_above_invalid": 0.1, "min_count": 0})
        lenient = stage.definition
        stage.definition = lenient.model_copy(update={"guards": given})
        report = reconciled(stage.run(3).read([ANN, BOB], invalid=["5", "6"]), full_resync=True).settle()
        assert report.state is RunState.STOPPED
        stage.definition = lenient
        assert stage.ledgers.latest().info is None or self.is_open(stage, 5)

    def test_a_resync_alone_does_not_and_a_dry_run_tells_and_notes_nothing(self, tmp_path: Path) -> None:
        stage = Stage(tmp_path)
        stage.run(1).whole([ANN])
        losses.note(stage.export, [Loss.of_ledger(stage.account)])
        for number, options in ((2, {"full_resync": True}), (3, {"dry_run": True, "reconcile": True})):
            assert "the ledger for" in str(stage.run(number).read([ANN]).plan(**options).red_reasons)
        assert self.is_open(stage, 4)


@pytest.mark.parametrize("reconcile", [False, True])
def test_where_the_newest_refusals_are_gone_a_part_adds_nobody_also_after_a_reconcile(
    stage: Stage, reconcile: bool
) -> None:
    stage.definition = definition_of(permission={"attribute": "Subscriber", "equals": "Yes"})
    stage.run(1).whole([ANN, BOB])
    stage.run(2).whole([BOB], withheld=[ANN])
    *_, newest = stage.export.names("refusals")
    stage.export.remove(f"refusals/{newest}")
    run = stage.run(3).read([ANN, BOB], segments=("A",))
    plan = run.plan(reconcile=reconcile)
    assert plan.contacts.unjudged == 1
    assert "1 person is not known to give permission" in str(plan.warnings)


class TestOlderLedger:
    """One that an earlier backup brought back, of a run whose files are purged, passes not for the newest."""

    @pytest.fixture
    def stage(self, tmp_path: Path) -> Stage:
        stage = Stage(tmp_path)
        stage.run(1).whole([ANN])
        stage.run(2).whole([ANN, BOB])
        stage.ledgers._store.remove(stage.ledgers.latest().name)
        return stage

    def test_it_is_told_with_the_way_out(self, stage: Stage) -> None:
        stage.export.remove("runs/run_002")
        with pytest.raises(LedgerError, match="run run_002 was settled after it, and its files are purged"):
            stage.run(3).read([ANN]).plan(reconcile=True)
        report = reconciled(stage.run(4).read([ANN]), full_resync=True).settle()
        assert report.red_reasons == ()
        assert stage.run(5).whole([ANN]).red_reasons == ()

    def test_what_is_left_of_the_run_is_settled_again(self, stage: Stage) -> None:
        stage.run(3).whole([ANN, BOB])
        assert stage.known(BOB.email)["member_of"] == ["A"]

    def test_fences_go_on_above_what_was_settled_where_ledger_and_leases_are_lost(self, stage: Stage) -> None:
        for name in ("runs", "lease", "ledger"):
            stage.export.remove(name)
        reconciled(stage.run(3).read([ANN]), full_resync=True).settle()
        assert stage.ledgers.latest().sequence > 2
        assert stage.run(4).whole([ANN]).red_reasons == ()


class TestUnknownRuns:
    """Runs that sent and of which the staging holds nothing, as in one that was restored from a backup."""

    @pytest.mark.parametrize("options", [{}, {"dry_run": True}, {"full_resync": True}, {"reconcile": True}])
    def test_one_stops_the_plan_each_time_also_that_of_its_own_run(
        self, stage: Stage, options: dict[str, Any]
    ) -> None:
        """As where plan_changes of it is cleared, which checks nothing else."""
        stage.run(1).whole([ANN])
        stage.sent = frozenset({"run_001", "run_002"})
        for number in (2, 2, 3):
            with pytest.raises(LedgerError, match="holds nothing of run run_002 of the export"):
                stage.run(number).read([ANN]).plan(**options)

    def test_made_anew_it_is_a_loss_until_the_lists_were_read_back(self, stage: Stage) -> None:
        stage.run(1).whole([ANN])
        stage.sent = frozenset({"run_001", "run_002"})
        run = stage.run(3).read([ANN], whole=False)
        run.plan(full_resync=True, reconcile=True)
        run.chunks()
        run.deliver().settle()
        assert losses.open_losses(stage.export, stage.account) == (Loss.of_ledger(stage.account),)

        run = stage.run(4).read([ANN])
        assert run.plan(reconcile=True).mends
        run.chunks()
        assert not run.deliver().settle().red
        assert losses.open_losses(stage.export, stage.account) == ()
        assert not stage.run(5).whole([ANN]).red

    def test_a_dry_run_that_makes_it_anew_notes_nothing(self, stage: Stage) -> None:
        stage.sent = frozenset({"run_001"})
        stage.run(2).read([ANN]).plan(dry_run=True, full_resync=True, reconcile=True)

        with pytest.raises(LedgerError):
            stage.run(3).read([ANN]).plan()


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
    with pytest.raises(LedgerError, match="another AUTOPILOT_LEDGER_SECRET"):
        run.plan()
    # Restoring the key alone is not enough where the contacts were mapped in between.
    with pytest.raises(
        StagingError, match="another AUTOPILOT_LEDGER_SECRET than is set now; clear the task map"
    ):
        run.plan(full_resync=True)


@pytest.mark.parametrize("options", [{}, {"dry_run": True}])
def test_a_ledger_made_anew_under_another_key_says_what_it_does_not_know_without_a_reconcile(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, options: dict[str, bool]
) -> None:
    stage.run(1).whole([ANN])
    stage.hasher = KeyedHasher("another secret, set since")
    monkeypatch.setattr("tests.segment_exports.staged_run.HASHER", stage.hasher)
    plan = stage.run(2).read([ANN]).plan(full_resync=True, **options)
    assert "made anew: nobody knows whom the one before put on a list" in str(plan.red_reasons)


def test_each_account_has_its_own_folder(tmp_path: Path) -> None:
    stage = Stage(tmp_path, account="first")
    stage.run(1).whole([ANN])
    assert LedgerFolder(stage.export, "newsletter", "second").latest().info is None
    run = Stage(tmp_path, account="second").run(2).read([ANN])
    run.plan()
    assert operations(run.chunks()) == {(ANN.email, "upsert", None): 1, (ANN.email, "join", "A"): 1}
