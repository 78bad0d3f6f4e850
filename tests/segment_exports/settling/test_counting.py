"""One truth of every operation: what the report counts, the refused file names and the ledger remembers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from tests.segment_exports.books_agree import require_books_agree
from tests.segment_exports.staged_run import Person, Stage, definition_of, operations

from segment_exports.records.outcomes import Outcome
from segment_exports.records.plan import PlanState

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from segment_exports.records.report import RunReport

ANN = Person("ann@example.com", "1", ("A",))
BOB = Person("bob@example.com", "2", ("A", "B"))
CAT = Person("cat@example.com", "3", ("B",))


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    return Stage(tmp_path, definition_of(when_member_leaves="remove"))


def done(
    stage: Stage, number: int, people: list[Person], fate: Callable[..., Outcome], **options: Any
) -> RunReport:
    run = stage.run(number).read(people)
    run.plan(**options)
    run.chunks(approved=True)
    return run.deliver(fate).settle()


def refusing(*refused: tuple[str, str, str | None], outcome: Outcome = Outcome.REJECTED) -> Any:
    """Refuse some (address, operation, list), deliver all else."""
    return lambda row, operation, title: (
        outcome if (row["email"], operation, title) in refused else Outcome.DELIVERED
    )


ALL_WELL = refusing()


def named(stage: Stage, number: int) -> list[str]:
    """Return the lines of the refused file."""
    return stage.run(number).files.store.read_bytes("refused.csv").decode().splitlines()[1:]


def test_a_join_that_was_refused_and_then_delivered_is_refused_no_more(stage: Stage) -> None:
    report = done(stage, 1, [ANN, BOB], refusing((BOB.email, "join", "B")))
    assert (report.rejected.new, report.contacts.rejected) == (1, 1)
    report = done(stage, 2, [ANN, BOB], ALL_WELL, retry_rejected=True)
    assert (report.contacts.delivered, report.contacts.unchanged, report.contacts.rejected) == (1, 1, 0)
    assert stage.known(BOB.email)["rejected_at"] is None
    run = stage.run(3).read([ANN, BOB])
    assert run.plan().state is PlanState.NOTHING_DUE
    report = run.settle()
    assert (report.contacts.unchanged, report.rejected.before, named(stage, 3)) == (2, 0, [])


def test_who_was_given_at_last_what_was_refused_may_join_another_list_at_once(stage: Stage) -> None:
    bob = Person(BOB.email, "2", ("A",))
    done(stage, 1, [bob], refusing((BOB.email, "join", "A")))
    done(stage, 2, [bob], ALL_WELL, retry_rejected=True)
    run = stage.run(3).read([BOB])
    run.plan()
    assert operations(run.chunks()) == {(BOB.email, "join", "B"): 1}


def test_who_needs_nothing_any_more_of_what_was_refused_is_unchanged(stage: Stage) -> None:
    done(stage, 1, [BOB], refusing((BOB.email, "join", "B")))
    run = stage.run(2).read([Person(BOB.email, "2", ("A",))])
    assert run.plan().contacts.unchanged == 1
    report = run.settle()
    assert (report.rejected.before, named(stage, 2)) == (0, [])


def test_whose_data_stay_refused_is_not_delivered_by_leaving_a_list(stage: Stage) -> None:
    done(stage, 1, [CAT, BOB], ALL_WELL)
    changed = Person(BOB.email, "2", ("A", "B"), version=1)
    done(stage, 2, [CAT, changed], refusing((BOB.email, "upsert", None)))
    report = done(stage, 3, [CAT, Person(BOB.email, "2", ("A",), version=1)], ALL_WELL)
    assert report.operations["leave"].delivered == 1
    assert (report.contacts.delivered, report.contacts.rejected) == (0, 1)
    assert (report.rejected.new, report.rejected.before, report.red) == (0, 1, False)
    assert [line.split(",")[-1] for line in named(stage, 3)] == ['"rejected before"']


def test_who_unsubscribed_is_not_delivered_by_a_change_of_their_data(stage: Stage) -> None:
    suppressing = refusing((BOB.email, "join", "A"), (BOB.email, "join", "B"), outcome=Outcome.SUPPRESSED)
    assert done(stage, 1, [ANN, BOB], suppressing).contacts.suppressed == 1
    report = done(stage, 2, [ANN, Person(BOB.email, "2", ("A", "B"), version=1)], ALL_WELL)
    assert report.operations["upsert"].delivered == 1
    assert (report.contacts.delivered, report.contacts.suppressed) == (0, 1)


def test_the_reason_that_is_remembered_is_the_one_that_was_told(stage: Stage) -> None:
    run = stage.run(1).read([BOB])
    run.plan()
    run.chunks()
    refused = (BOB.email, "upsert", None), (BOB.email, "join", "A"), (BOB.email, "join", "B")
    run.deliver(refusing(*refused), reason=lambda operation: f"no {operation} for you").settle()
    assert "no upsert for you" in named(stage, 1)[0]
    stage.run(2).whole([BOB])
    assert "no upsert for you" in named(stage, 2)[0]


def test_a_join_that_a_new_contact_was_refused_counts_although_nobody_planned_it(stage: Stage) -> None:
    done(stage, 1, [BOB], ALL_WELL)
    run = stage.run(2).read([Person(BOB.email, "2", ("A", "B"), version=1)])
    run.plan()
    run.chunks()
    report = run.deliver(refusing((BOB.email, "join", "B")), contact_id=lambda email: f"new {email}").settle()
    assert (report.recreated, report.contacts.delivered, report.contacts.rejected) == (1, 0, 1)
    assert (report.operations["join"].planned, report.operations["join"].rejected) == (2, 1)
    assert (report.rejected.new, len(named(stage, 2))) == (1, 1)


def test_a_joins_unknown_fate_turns_the_run_red_although_nobody_planned_it(stage: Stage) -> None:
    done(stage, 1, [BOB], ALL_WELL)
    run = stage.run(2).read([Person(BOB.email, "2", ("A", "B"), version=1)])
    run.plan()
    run.chunks()
    unsure = refusing((BOB.email, "join", "B"), outcome=Outcome.FAILED)
    report = run.deliver(unsure, contact_id=lambda email: f"new {email}").settle()
    assert (report.contacts.failed, report.red) == (1, True)


def test_a_leave_that_was_refused_to_somebody_else_names_no_contact(stage: Stage) -> None:
    people = [ANN, CAT]
    done(stage, 1, [*people, BOB], ALL_WELL)
    run = stage.run(2).read(people)
    run.plan()
    run.chunks()
    report = run.deliver(lambda *_: Outcome.REJECTED).settle()
    assert (report.operations["leave"].rejected, report.rejected.new, named(stage, 2)) == (2, 0, [])


def test_books_that_differ_are_told(stage: Stage) -> None:
    done(stage, 1, [ANN, BOB], refusing((BOB.email, "join", "B")))
    files = stage.run(1).files
    require_books_agree(files)
    text = files.store.read_bytes("refused.csv").decode()
    files.store.write_bytes("refused.csv", text.splitlines(keepends=True)[0].encode())
    with pytest.raises(AssertionError, match=r"rejected.new and refused.csv: 1 and 0"):
        require_books_agree(files)
    files.store.write_bytes("refused.csv", text.replace('"2"', '"1"', 1).encode())
    with pytest.raises(AssertionError, match="customers rejected"):
        require_books_agree(files)
