"""The end of a run: what is settled, whatever happened to it before, and however often."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from tests.segment_exports.staged_run import HASHER, START, Person, Stage, definition_of, operations

from segment_exports.planning.chunk_changes import chunk_changes
from segment_exports.records import lease
from segment_exports.records.ledger import LedgerWriter
from segment_exports.records.outcomes import Outcome
from segment_exports.records.plan import Plan, PlanState
from segment_exports.records.report import RunState
from segment_exports.settling import settle_run as last_step
from segment_exports.settling.settle_plan import count_plan, has_receipts

if TYPE_CHECKING:
    from pathlib import Path

    from tests.segment_exports.staged_run import Run

ANN = Person("ann@example.com", "1", ("A",))
BOB = Person("bob@example.com", "2", ("A", "B"))


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    return Stage(tmp_path)


def only(email: str, otherwise: Outcome | None = Outcome.NOT_SENT) -> Any:
    return lambda row, *_: Outcome.DELIVERED if row["email"] == email else otherwise


def begun(stage: Stage, number: int, people: list[Person], **read: Any) -> Run:
    run = stage.run(number).read(people, **read)
    run.plan()
    run.chunks()
    return run


def history(stage: Stage) -> dict[str, bytes]:
    names = [f"history/operations/{name}" for name in stage.export.names("history/operations")]
    return {name: stage.export.read_bytes(name) for name in names}


def crash(*_: object) -> None:
    raise MemoryError


def test_settling_twice_gives_the_same_files(stage: Stage) -> None:
    run = begun(stage, 1, [ANN, BOB]).deliver(only(ANN.email))
    first, rows, done = run.settle(), stage.ledger_rows(), history(stage)
    assert run.settle() == first
    assert (stage.ledger_rows(), history(stage)) == (rows, done)
    assert first.contacts.delivered == first.contacts.not_sent == 1


@pytest.mark.parametrize("step", ["make_report", "write_refused", "write_run", "_release"])
def test_a_crash_after_the_ledger_was_written_is_mended_by_settling_again(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    run = begun(stage, 1, [ANN]).deliver()
    monkeypatch.setattr(last_step, step, crash)
    with pytest.raises(MemoryError):
        run.settle()
    assert lease.holder(stage.export) is not None
    monkeypatch.undo()
    report = run.settle()
    assert (report.red, report.contacts.delivered) == (False, 1)
    assert lease.holder(stage.export) is None
    assert stage.run(2).read([ANN]).plan().state is PlanState.NOTHING_DUE


@pytest.mark.parametrize("step", ["make_report", "write_run"])
def test_a_crash_after_the_ledger_was_written_keeps_nobody_waiting(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    run = begun(stage, 1, [ANN]).deliver()
    monkeypatch.setattr(last_step, step, crash)
    with pytest.raises(MemoryError):
        run.settle()
    assert stage.run(2).read([ANN]).plan().state is PlanState.NOTHING_DUE


def test_a_crash_while_the_ledger_is_written_is_mended_by_the_next_plan(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = begun(stage, 1, [ANN]).deliver()
    monkeypatch.setattr(LedgerWriter, "write", crash)
    with pytest.raises(MemoryError):
        run.settle()
    assert stage.ledgers.latest().info is None
    assert not stage.ledgers.is_lost()
    monkeypatch.undo()
    assert stage.run(2).read([ANN]).plan().state is PlanState.NOTHING_DUE


def test_a_plan_that_never_became_chunks_sent_nothing(stage: Stage) -> None:
    run = stage.run(5).read([ANN, BOB])
    run.plan()
    report = run.settle(failed_steps=("chunk_changes",))
    assert (report.state, report.contacts.not_sent, report.operations["join"].not_sent) == (
        RunState.FAILED,
        2,
        3,
    )
    assert stage.ledgers.latest().info is None
    # Nothing of its snapshot was delivered, so an older one takes nobody back in time.
    assert stage.run(6).read([ANN], snapshot=START).plan().state is PlanState.READY


def test_chunks_that_nobody_uploaded_sent_nothing(stage: Stage) -> None:
    begun(stage, 5, [ANN]).settle(failed_steps=("upload 1",))
    assert stage.ledgers.latest().info is None
    assert stage.run(6).read([ANN], snapshot=START).plan().state is PlanState.READY


def test_a_run_that_was_held_back_whole_supersedes_no_older_snapshot(stage: Stage) -> None:
    report = begun(stage, 5, [ANN]).deliver(lambda *_: Outcome.NOT_SENT).settle()
    assert report.red
    assert stage.run(6).read([ANN], snapshot=START).plan().state is PlanState.READY
    begun(stage, 7, [ANN, BOB]).deliver(only(BOB.email)).settle()
    assert stage.run(8).read([ANN], snapshot=START).plan().state is PlanState.SUPERSEDED


def test_a_chunk_that_was_cut_but_not_all_of_its_plan_tells_the_rest_as_not_sent(stage: Stage) -> None:
    run = stage.run(1).read([ANN, BOB])
    run.plan()
    (first, *_) = chunk_changes(run.files, most_contacts=1)
    run.files.store.remove(run.files.chunk(first.number + 1))
    report = run.settle(failed_steps=("chunk_changes",))
    assert {name: (one.planned, one.not_sent) for name, one in report.operations.items()} == {
        "upsert": (2, 2),
        "join": (3, 3),
        "leave": (0, 0),
    }


def test_an_upload_cleared_after_settling_goes_on_and_is_settled_again(stage: Stage) -> None:
    run = begun(stage, 1, [ANN, BOB]).deliver(only(ANN.email))
    assert run.settle().red
    lease.reopen(stage.export, lease.Lease(1, run.files.run))
    report = run.deliver(only(BOB.email, None)).settle()
    assert (report.red, report.contacts.delivered) == (False, 2)
    assert stage.known(BOB.email)["member_of"] == ["A", "B"]
    assert stage.run(2).read([ANN, BOB]).plan().state is PlanState.NOTHING_DUE


def test_settling_again_after_a_newer_run_changes_nothing_and_says_so(stage: Stage) -> None:
    old = begun(stage, 1, [ANN, BOB]).deliver()
    first = old.settle()
    stage.run(2).whole([ANN])
    before = stage.ledger_rows()
    again = old.settle()
    assert stage.ledger_rows() == before
    assert again.contacts == first.contacts
    assert (again.state, again.red) == (RunState.DELIVERED, False)
    assert "settled before" in again.warnings[0]


def test_a_run_that_went_on_after_a_newer_one_planned_is_red_with_its_true_counts(stage: Stage) -> None:
    slow = begun(stage, 1, [ANN, BOB]).deliver(only(ANN.email, None), ended=False)
    stage.run(2).read([ANN, BOB]).plan()
    report = slow.deliver().settle()
    assert report.contacts.delivered == 2
    assert "run_002 holds a newer one" in report.red_reasons[0]
    assert lease.holder(stage.export).run_id == "run_002"


def test_a_base_that_vanished_turns_the_run_red_with_what_it_sent(stage: Stage) -> None:
    stage.run(1).whole([ANN])
    run = begun(stage, 2, [ANN, BOB]).deliver()
    stage.staging.remove("newsletter/ledger")
    report = run.settle()
    assert report.contacts.delivered == 1
    assert "ledger 1 of export newsletter" in report.red_reasons[0]
    assert lease.holder(stage.export) is None


def test_a_receipt_that_cannot_be_read_turns_the_run_red_and_is_named(stage: Stage) -> None:
    run = begun(stage, 1, [ANN]).deliver()
    receipt = next(name for name in run.files.store.names("receipts/0001") if name.endswith(".arrow"))
    run.files.store.write_bytes(f"receipts/0001/{receipt}", b"torn")
    report = run.settle()
    assert (report.state, report.contacts.not_sent) == (RunState.STOPPED, 1)
    assert f"{receipt} can't be believed" in report.red_reasons[0]
    assert stage.ledgers.latest().info is None


def test_contacts_that_were_mapped_after_the_plan_are_told_as_not_planned(stage: Stage) -> None:
    run = begun(stage, 1, [ANN]).deliver()
    run.read([ANN, BOB])
    report = run.settle(failed_steps=("plan_changes",))
    assert (report.contacts.total, report.contacts.not_sent) == (2, 2)
    assert "plan_changes: the contacts are newer than the plan" in report.red_reasons[0]
    # What the old plan sent is known all the same.
    assert stage.known(ANN.email)["member_of"] == ["A"]


def test_counting_writes_nothing(stage: Stage) -> None:
    run = begun(stage, 1, [ANN, BOB]).deliver(only(ANN.email))
    assert has_receipts(run.files.store)
    settlement = count_plan(run.files, Plan.model_validate(run.files.store.read_json("plan.json")))
    assert settlement.contacts[Outcome.DELIVERED] == settlement.contacts[Outcome.NOT_SENT] == 1
    assert settlement.unfinished == {"A", "B"}
    assert settlement.rejected == []
    assert stage.ledgers.latest().info is None
    assert history(stage) == {}


def test_the_worst_operation_decides_a_contact_and_leavers_are_no_contacts(tmp_path: Path) -> None:
    stage = Stage(tmp_path, definition_of(when_member_leaves="remove"))
    cat = Person("cat@example.com", "3", ("A",))
    stage.run(1).whole([cat, BOB])
    run = begun(stage, 2, [ANN, BOB, Person("dan@example.com", "4", ("A", "B"), version=1)])
    fates = {"upsert": Outcome.DELIVERED, "join": Outcome.REJECTED, "leave": Outcome.FAILED}
    report = run.deliver(lambda row, operation, title: fates[operation]).settle()
    assert report.contacts.model_dump() == {
        "total": 3,
        "unchanged": 1,
        "delivered": 0,
        "rejected": 2,
        "suppressed": 0,
        "failed": 0,
        "not_sent": 0,
    }
    assert report.operations["leave"].model_dump() == {
        "planned": 1,
        "delivered": 0,
        "rejected": 0,
        "suppressed": 0,
        "failed": 1,
        "not_sent": 0,
    }


def test_a_list_is_full_once_it_was_read_whole_and_everybody_had_joined(stage: Stage) -> None:
    def filled() -> tuple[str, ...]:
        return stage.ledgers.latest().info.filled

    begun(stage, 1, [ANN, BOB], whole=False).deliver().settle()
    assert filled() == ()
    begun(stage, 2, [ANN, BOB, Person("cat@example.com", "3", ("B",))]).deliver(
        lambda row, operation, title: Outcome.NOT_SENT if title == "B" else Outcome.DELIVERED
    ).settle()
    assert filled() == ("A",)
    stage.run(3).whole([ANN, BOB, Person("cat@example.com", "3", ("B",))])
    assert filled() == ("A", "B")
    begun(stage, 4, [ANN, BOB, Person("dan@example.com", "4", ("A",))]).deliver(
        lambda *_: Outcome.FAILED
    ).settle()
    assert filled() == ("A", "B")


def test_receipts_without_any_row_leave_all_in_doubt(stage: Stage) -> None:
    run = begun(stage, 1, [ANN]).deliver(lambda *_: None, ended=False)
    report = run.settle()
    assert report.contacts.failed == 1
    row = stage.known(ANN.email)
    assert (row["uncertain_of"], row["uncertain_run"], row["payload_hash"]) == (["A"], "run_001", None)
    again = begun(stage, 2, [ANN])
    assert operations(again.chunks()) == {(ANN.email, "upsert", None): 1, (ANN.email, "join", "A"): 1}


def test_the_newest_snapshot_of_each_segment_is_remembered(stage: Stage) -> None:
    stage.run(3).whole([ANN])
    stage.run(4).whole([BOB], segments=("B",))
    begun(stage, 5, [ANN, BOB], snapshot=START + timedelta(days=1)).deliver().settle()
    run = stage.run(6).read([ANN, BOB], snapshot=START + timedelta(days=1))
    run.plan(force=True)
    run.chunks()
    run.deliver().settle()
    assert stage.ledgers.latest().info.snapshots == {
        "A": (START + timedelta(days=3)).isoformat(),
        "B": (START + timedelta(days=4)).isoformat(),
    }
    assert stage.ledgers.latest().info.secret_fingerprint == HASHER.fingerprint
