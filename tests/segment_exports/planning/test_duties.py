"""Who withdrew or was erased leaves our lists first, whatever holds the rest of a plan back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.segment_exports.staged_run import HASHER, START, Person, Run, Stage, definition_of, operations

from segment_exports.errors import LedgerError
from segment_exports.records.outcomes import UNSUBSCRIBE, Operation, Outcome
from segment_exports.records.plan import Plan, PlanState
from segment_exports.records.report import RunState
from segment_exports.records.tombstones import TOMBSTONES, write_tombstones

if TYPE_CHECKING:
    from pathlib import Path

ANN = Person("ann@example.com", "1")
BOB = Person("bob@example.com", "2")
CAT = Person("cat@example.com", "3")
NEW = Person("new@example.com", "4")
GUARDS = {"stop_above_invalid": 0.0, "min_count": 10**6}
LEAVE_OF_BOB = {("person_bob@example.com", "leave", "A"): 1}


def stage_of(folder: Path, **changes: Any) -> Stage:
    """A stage where Ann, Bob and Cat are members, and the definition then is this one."""
    stage = Stage(folder)
    stage.run(1).whole([ANN, BOB, CAT])
    stage.definition = definition_of(**changes)
    return stage


def sent(run: Run) -> dict[tuple[str, str, str | None], int]:
    """What the chunks of a run hold, if nobody approves of it."""
    return operations(run.chunks())


def test_who_withdrew_leaves_although_a_column_of_the_run_means_nothing(tmp_path: Path) -> None:
    """Neither who has which address nor whose row is the newest can be told; who refuses can."""
    stage = stage_of(tmp_path)
    run = stage.run(2).read([ANN, CAT, NEW], withheld=[BOB])
    mapped = run.files.store.read_json(run.files.MAP)
    run.files.store.write_json(run.files.MAP, mapped | {"implausible": ["recency: none can be read"]})
    assert run.plan().state is PlanState.STOPPED
    assert sent(run) == LEAVE_OF_BOB
    (reason,) = run.deliver().settle().red_reasons
    assert reason.startswith("guard: recency: none can be read. Nothing was sent but 1 leave")


HELD_BACK: dict[str, tuple[dict[str, Any], dict[str, Any], str]] = {
    "too many are invalid": ({"guards": GUARDS}, {"invalid": ["77"]}, "guard: 1 of"),
    "the limit is exceeded": ({"limit": {"profiles": 3}}, {}, "limit: 4 profiles"),
}


@pytest.mark.parametrize("why", HELD_BACK)
def test_who_withdrew_leaves_although_the_plan_is_stopped(tmp_path: Path, why: str) -> None:
    definition, read, told = HELD_BACK[why]
    stage = stage_of(tmp_path, **definition)
    run = stage.run(2).read([ANN, CAT, NEW], withheld=[BOB], **read)
    assert run.plan().state is PlanState.STOPPED
    assert sent(run) == LEAVE_OF_BOB

    report = run.deliver().settle()

    assert (report.state, report.red) == (RunState.STOPPED, True)
    (reason,) = report.red_reasons
    assert reason.startswith(told)
    assert "Nothing was sent but 1 leave of people who withdrew or were erased" in reason
    assert report.operations[Operation.LEAVE].delivered == 1
    assert report.operations[Operation.JOIN].not_sent == report.operations[Operation.UPSERT].not_sent == 1
    assert stage.known(BOB.email)["member_of"] == []


def test_a_stopped_plan_whose_duties_were_sent_is_not_delivered(tmp_path: Path) -> None:
    """Its snapshot doesn't count, no list got all members, and the next run sends what is missing."""
    stage = stage_of(tmp_path, guards=GUARDS)
    before = stage.ledgers.latest().info
    run = stage.run(2).read([Person(ANN.email, "8"), CAT, NEW], withheld=[BOB], invalid=["77"])
    run.plan()
    run.chunks()
    run.deliver().settle()
    after = stage.ledgers.latest().info
    assert before is not None
    assert after is not None
    assert (after.snapshots, after.filled) == (before.snapshots, before.filled)
    assert after.members == {"A": 2, "B": 0} or after.members == {"A": 2}
    assert stage.known(ANN.email)["customer_hash"] == HASHER.text(ANN.customer)

    again = stage.run(3).read([ANN, CAT, NEW], withheld=[BOB])
    again.plan()
    assert sent(again) == {(NEW.email, "upsert", None): 1, (NEW.email, "join", "A"): 1}


def test_a_run_whose_chunks_were_never_cut_is_not_delivered(tmp_path: Path) -> None:
    stage = stage_of(tmp_path)
    before = stage.ledgers.latest().info
    run = stage.run(2).read([ANN, CAT, NEW], withheld=[BOB])
    run.plan()
    report = run.deliver().settle(failed_steps=("chunk_changes",))
    after = stage.ledgers.latest().info
    assert report.red
    assert report.operations[Operation.LEAVE].delivered == 1
    assert before is not None
    assert after is not None
    assert after.snapshots == before.snapshots


def test_who_withdrew_leaves_before_anything_else_in_an_ordinary_run(tmp_path: Path) -> None:
    stage = stage_of(tmp_path)
    run = stage.run(2).read([ANN, CAT, NEW], withheld=[BOB])
    plan = run.plan()
    duties, rest = run.chunks()
    assert [one.number for one in plan.duty_chunks] == [1]
    assert operations([duties]) == LEAVE_OF_BOB
    assert operations([rest]) == {(NEW.email, "upsert", None): 1, (NEW.email, "join", "A"): 1}
    report = run.deliver().settle()
    assert (report.state, report.red) == (RunState.DELIVERED, False)
    assert stage.run(3).read([ANN, CAT, NEW], withheld=[BOB]).plan().state is PlanState.NOTHING_DUE


def test_a_run_of_duties_alone_delivers_its_snapshot(tmp_path: Path) -> None:
    stage = stage_of(tmp_path)
    run = stage.run(2).read([ANN, CAT], withheld=[BOB])
    assert run.plan().state is PlanState.READY
    run.chunks()
    report = run.deliver().settle()
    assert (report.state, report.red) == (RunState.DELIVERED, False)
    info = stage.ledgers.latest().info
    assert info is not None
    assert set(info.snapshots.values()) == {run.now.isoformat()}


def test_who_was_erased_leaves_although_a_guard_trips(tmp_path: Path) -> None:
    stage = stage_of(tmp_path, guards=GUARDS)
    write_tombstones(stage.staging, HASHER, [HASHER.text(BOB.customer)], START)
    run = stage.run(2).read([ANN, CAT], invalid=["77"])
    run.plan()
    assert sent(run) == LEAVE_OF_BOB


def test_who_just_left_waits_for_the_guards(tmp_path: Path) -> None:
    stage = stage_of(tmp_path, guards=GUARDS, when_member_leaves="remove")
    run = stage.run(2).read([ANN, CAT], invalid=["77"])
    assert run.plan().operations.leave == 1
    assert sent(run) == {}


def test_after_an_approval_the_rest_follows(tmp_path: Path) -> None:
    stage = stage_of(tmp_path, guards=GUARDS)
    run = stage.run(2).read([ANN, CAT, NEW], withheld=[BOB], invalid=["77"])
    run.plan()
    run.chunks()
    run.deliver()
    first = run.files.store.read_bytes(run.files.chunk(1))
    run.chunks(approved=True)
    assert run.files.store.read_bytes(run.files.chunk(1)) == first, "its receipts are of that content"
    report = run.deliver(numbers=[2]).settle(approved=True)
    assert (report.state, report.red) == (RunState.DELIVERED, False)
    assert report.operations[Operation.LEAVE].delivered == report.operations[Operation.JOIN].delivered == 1


def test_a_dry_run_sends_no_duties_but_counts_them(tmp_path: Path) -> None:
    stage = stage_of(tmp_path, guards=GUARDS)
    run = stage.run(2).read([ANN, CAT], withheld=[BOB], invalid=["77"])
    plan = run.plan(dry_run=True)
    assert plan.duty_chunks == ()
    assert sent(run) == {}
    assert run.settle().operations[Operation.LEAVE].not_sent == 1


def test_who_withdrew_in_a_snapshot_that_was_overtaken_is_no_duty(tmp_path: Path) -> None:
    stage = stage_of(tmp_path)
    run = stage.run(2).read([ANN, CAT], withheld=[BOB], snapshot=START)
    assert run.plan().state is PlanState.SUPERSEDED
    assert sent(run) == {}


def test_who_was_erased_leaves_in_a_run_whose_snapshot_was_overtaken(tmp_path: Path) -> None:
    stage = stage_of(tmp_path)
    stage.run(5).whole([ANN, BOB, CAT])
    before = stage.ledgers.latest().info
    write_tombstones(stage.staging, HASHER, [HASHER.text(BOB.email)], START)
    run = stage.run(6).read([ANN, BOB, CAT, NEW], snapshot=START)
    assert run.plan().state is PlanState.SUPERSEDED
    assert sent(run) == LEAVE_OF_BOB
    report = run.deliver().settle()
    assert (report.state, report.red, report.contacts.not_sent) == (RunState.SUPERSEDED, False, 4)
    assert "Nothing was sent but 1 leave" in " ".join(report.warnings)
    after = stage.ledgers.latest().info
    assert before is not None
    assert after is not None
    assert after.snapshots == before.snapshots
    assert HASHER.text(BOB.email) not in stage.ledger_rows()


def test_a_withdrawal_that_unsubscribes_is_a_duty_too(tmp_path: Path) -> None:
    stage = stage_of(tmp_path, guards=GUARDS, when_permission_withdrawn="unsubscribe")
    run = stage.run(2).read([ANN, CAT], withheld=[BOB], invalid=["77"])
    run.plan()
    assert sent(run) == LEAVE_OF_BOB | {("person_bob@example.com", "leave", UNSUBSCRIBE): 1}


def test_duties_are_not_judged_by_the_guard_on_removals_but_many_of_them_are_told(tmp_path: Path) -> None:
    people = [Person(f"p{number}@example.com", str(number)) for number in range(20)]
    stage = Stage(tmp_path)
    stage.run(1).whole(people)
    stage.definition = definition_of(guards={"min_count": 2}, when_member_leaves="remove")
    plan = stage.run(2).read(people[10:], withheld=people[:10]).plan()
    assert (plan.state, plan.tripped_guards) == (PlanState.READY, ())
    assert any(
        "10 of 20 members withdrew their permission or were erased (50.0%)" in t for t in plan.warnings
    )
    assert any(
        "10 of 20 members would be removed" in t for t in stage.run(3).read(people[10:]).plan().tripped_guards
    )


def test_a_duty_of_unknown_fate_is_repeated_under_the_address_that_its_run_kept(tmp_path: Path) -> None:
    """The contact's id was never learnt: the join of the first run was not answered."""
    stage = Stage(tmp_path)
    first = stage.run(1).read([ANN, BOB])
    first.plan()
    first.chunks()
    first.deliver(lambda row, *_: None if row["email"] == BOB.email else Outcome.DELIVERED, ended=False)
    first.settle()
    for number in (2, 3):
        run = stage.run(number).read([ANN], withheld=[BOB])
        run.plan()
        assert sent(run) == {(BOB.email, "leave", "A"): 1}
        run.deliver(lambda *_: Outcome.FAILED).settle()


def test_a_run_that_was_killed_after_its_duties_is_settled_by_the_next_plan(tmp_path: Path) -> None:
    stage = stage_of(tmp_path, guards=GUARDS)
    killed = stage.run(2).read([ANN, CAT, NEW], withheld=[BOB], invalid=["77"])
    killed.plan()
    killed.deliver()
    run = stage.run(3).read([ANN, CAT, NEW], withheld=[BOB])
    run.plan()
    assert stage.known(BOB.email)["member_of"] == []
    assert sent(run) == {(NEW.email, "upsert", None): 1, (NEW.email, "join", "A"): 1}


FATES = ("contact", "withdrawn", "erased", "left", "changed")


@settings(deadline=None, max_examples=40)
@given(st.lists(st.sampled_from(FATES), min_size=1, max_size=12), st.booleans(), st.booleans())
def test_whatever_holds_a_plan_back_all_who_withdrew_or_were_erased_leave(
    tmp_path_factory: pytest.TempPathFactory, fate_of: list[str], tripped: bool, approved: bool
) -> None:
    stage = Stage(tmp_path_factory.mktemp("stage"))
    people = [Person(f"p{number}@example.com", str(number)) for number in range(len(fate_of))]
    stage.run(1).whole(people)
    stage.definition = definition_of(guards=GUARDS, when_member_leaves="remove")
    by_fate = {
        fate: [one for one, its in zip(people, fate_of, strict=True) if its == fate] for fate in fate_of
    }
    gone = [HASHER.text(one.email) for one in by_fate.get("erased", [])]
    write_tombstones(stage.staging, HASHER, gone, START)
    present = by_fate.get("contact", []) + [
        Person(one.email, one.customer, version=1) for one in by_fate.get("changed", [])
    ]
    run = stage.run(2).read(
        present,
        withheld=by_fate.get("withdrawn", []),
        invalid=["77"] if tripped else [],
    )
    plan: Plan = run.plan()
    run.chunks(approved=approved)
    report = run.deliver().settle(approved=approved if tripped else None)

    ledger = {one: stage.ledger_rows().get(HASHER.text(one.email)) for one in people}
    assert [one for one, row in ledger.items() if row is None] == by_fate.get("erased", [])
    members = {one.email for one, row in ledger.items() if row and row["member_of"]}
    stays = {"contact", "changed"} | (set() if plan.state is PlanState.READY or approved else {"left"})
    assert members == {one.email for one, its in zip(people, fate_of, strict=True) if its in stays}
    for operation in Operation:
        assert report.operations[operation].planned == getattr(plan.operations, operation.value)


@pytest.mark.parametrize("lost", [1, 2])
def test_lost_tombstones_stop_the_run_until_they_are_back(tmp_path: Path, lost: int) -> None:
    stage = stage_of(tmp_path)
    hashes = [HASHER.text(BOB.email), HASHER.text(CAT.email)]
    write_tombstones(stage.staging, HASHER, hashes, START)
    first = stage.run(2).read([ANN])
    first.plan()
    first.deliver().settle()
    folder = stage.staging.sub(f"{TOMBSTONES}/{HASHER.fingerprint}")
    for one in hashes[:lost]:
        folder.remove(one.hex())
    with pytest.raises(
        LedgerError, match=f"2 were known .*, and {2 - lost} (is|are) left in .*erase the same"
    ):
        stage.run(3).read([ANN, BOB, CAT]).plan()
    assert stage.run(4).read([ANN, BOB, CAT]).plan(full_resync=True).state is PlanState.READY
    write_tombstones(stage.staging, HASHER, hashes, START)
    run = stage.run(5).read([ANN, BOB, CAT])
    run.plan()
    assert sent(run) == {}
