"""Memberships go with a list's id, whatever title it has."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from tests.segment_exports.staged_run import Person, Stage, definition_of, operations

from segment_exports.records.outcomes import Outcome
from segment_exports.records.plan import PlanState

if TYPE_CHECKING:
    from pathlib import Path

    from segment_exports.records.plan import Plan

    Operations = dict[tuple[str, str, str | None], int]

ANN = Person("ann@example.com", "1")
BOB = Person("bob@example.com", "2")
CAT = Person("cat@example.com", "3")
OLD = "A (old)"


def of(*lists: tuple[str, str, str | None], **settings: Any) -> Any:
    """Return a definition of segments with the title and the id of their list."""
    segments = [{"name": name, "list": title, "list_id": list_id} for name, title, list_id in lists]
    return definition_of(**{"when_member_leaves": "remove"} | settings, segments=segments)


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    """Ann and Bob are on list A, which has the id ``old``; then it is given the id ``new``."""
    stage = Stage(tmp_path, of(("A", "A", "old"), ("B", "B", "b")))
    stage.run(1).whole([ANN, BOB])
    stage.definition = of(("A", "A", "new"), ("B", "B", "b"))
    return stage


def due(stage: Stage, number: int, people: list[Person], **read: Any) -> Operations:
    run = stage.run(number).read(people, **read)
    run.plan()
    return operations(run.chunks())


def ids(plan: Plan) -> dict[str, str | None]:
    return {one.title: one.list_id for one in plan.lists}


def test_a_title_that_got_another_list_is_joined_by_everybody_and_left_there_by_who_withdraws(
    stage: Stage,
) -> None:
    assert due(stage, 2, [BOB, CAT], withheld=[ANN]) == {
        ("person_ann@example.com", "leave", OLD): 1,
        (BOB.email, "join", "A"): 1,
        (CAT.email, "upsert", None): 1,
        (CAT.email, "join", "A"): 1,
    }


def test_the_plan_says_which_list_each_title_is_and_that_the_old_one_keeps_people(stage: Stage) -> None:
    plan = stage.run(2).read([ANN, BOB]).plan()
    assert ids(plan) == {"A": "new", "B": "b", OLD: "old"}
    assert any(
        text.startswith("the definition names list A (old) no more, but it keeps 2 people")
        for text in plan.warnings
    )


def test_who_leaves_the_segment_stays_on_the_list_that_the_definition_names_no_more(stage: Stage) -> None:
    assert due(stage, 2, [BOB]) == {(BOB.email, "join", "A"): 1}


def test_who_withdraws_later_leaves_both_lists(stage: Stage) -> None:
    stage.run(2).whole([ANN, BOB])
    assert stage.known(ANN.email)["member_of"] == ["A", OLD]
    assert due(stage, 3, [BOB], withheld=[ANN]) == {
        ("person_ann@example.com", "leave", OLD): 1,
        ("person_ann@example.com", "leave", "A"): 1,
    }
    assert stage.run(3).deliver().settle().lists[OLD].leaves == 1
    assert stage.known(ANN.email)["member_of"] == []


def test_nothing_is_due_once_everybody_has_joined(stage: Stage) -> None:
    stage.run(2).whole([ANN, BOB])
    assert stage.run(3).read([ANN, BOB]).plan().state is PlanState.NOTHING_DUE
    assert ids(stage.run(3).plan()) == {"A": "new", "B": "b", OLD: "old"}


def test_a_list_that_comes_back_to_its_title_has_its_members_still(stage: Stage) -> None:
    stage.run(2).whole([ANN, BOB, CAT])
    stage.definition = of(("A", "A", "old"), ("B", "B", "b"))
    assert due(stage, 3, [ANN, CAT]) == {
        ("person_bob@example.com", "leave", "A"): 1,
        (CAT.email, "join", "A"): 1,
    }
    stage.run(3).deliver().settle()
    assert stage.known(ANN.email)["member_of"] == ["A", "A (new)"]


def test_a_list_that_got_another_title_keeps_its_members_under_it(stage: Stage) -> None:
    stage.definition = of(("A", "News", "old"), ("B", "B", "b"))
    run = stage.run(2).read([ANN])
    plan = run.plan()
    assert operations(run.chunks()) == {("person_bob@example.com", "leave", "News"): 1}
    assert not any("names list" in text for text in plan.warnings)


def test_two_titles_that_swap_their_lists_keep_the_members_of_each(tmp_path: Path) -> None:
    dan = Person("dan@example.com", "4", ("B",))
    stage = Stage(tmp_path, of(("A", "A", "a"), ("B", "B", "b")))
    stage.run(1).whole([ANN, BOB, dan])
    stage.definition = of(("A", "A", "b"), ("B", "B", "a"))
    assert due(stage, 2, [BOB, dan], withheld=[ANN]) == {
        ("person_ann@example.com", "leave", "B"): 1,
        (BOB.email, "join", "A"): 1,
        (BOB.email, "leave", "B"): 1,
        (dan.email, "join", "B"): 1,
        (dan.email, "leave", "A"): 1,
    }


def test_what_is_in_doubt_of_the_old_list_is_in_doubt_there(stage: Stage) -> None:
    run = stage.run(2)
    run.stage.definition = of(("A", "A", "old"), ("B", "B", "b"))
    run.read([ANN, BOB, CAT]).plan()
    run.chunks()
    run.deliver(lambda _, what, __: Outcome.FAILED if what == "join" else Outcome.DELIVERED).settle()
    stage.definition = of(("A", "A", "new"), ("B", "B", "b"))
    assert due(stage, 3, [ANN, BOB], withheld=[CAT]) == {
        (ANN.email, "join", "A"): 1,
        (BOB.email, "join", "A"): 1,
        (f"person_{CAT.email}", "leave", OLD): 1,
    }


def test_the_list_that_we_made_counts_where_the_definition_names_none(tmp_path: Path) -> None:
    stage = Stage(tmp_path, of(("A", "A", "old"), ("B", "B", "b")), made={"A": "made"})
    stage.run(1).whole([ANN])
    assert stage.ledgers.latest().info.lists == {"A": "old", "B": "b"}
    stage.definition = of(("A", "A", None), ("B", "B", "b"))
    assert due(stage, 2, [ANN]) == {(ANN.email, "join", "A"): 1}
    stage.run(2).deliver().settle()
    assert stage.ledgers.latest().info.lists == {"A": "made", "B": "b", OLD: "old"}


def test_a_list_whose_id_is_named_no_more_is_used_on(stage: Stage) -> None:
    stage.definition = of(("A", "A", None), ("B", "B", "b"))
    plan = stage.run(2).read([ANN, BOB]).plan()
    assert plan.state is PlanState.NOTHING_DUE
    assert ids(plan)["A"] == "old"


def test_a_former_list_is_the_one_of_then_whoever_has_its_title_now(stage: Stage) -> None:
    stage.made = {"A": "of another export"}
    stage.definition = of(("B", "B", "b"))
    plan = stage.run(2).read([], withheld=[ANN], segments=("B",)).plan()
    assert ids(plan)["A"] == "old"


def test_fields_have_titles_alone(tmp_path: Path) -> None:
    by_field = {"destination": {"connection": "autopilot_default", "membership": "field"}}
    stage = Stage(tmp_path, of(("A", "A", "old"), ("B", "B", "b"), **by_field))
    stage.run(1).whole([ANN])
    stage.definition = of(("A", "A", "new"), ("B", "B", "b"), **by_field)
    assert stage.run(2).read([ANN]).plan().state is PlanState.NOTHING_DUE


def test_a_dry_run_tells_the_same_and_leaves_the_ledger_as_it_is(stage: Stage) -> None:
    plan = stage.run(2).read([ANN, BOB]).plan(dry_run=True)
    assert (plan.operations.join, ids(plan)[OLD]) == (2, "old")
    assert stage.ledgers.latest().sequence == 1
    assert stage.run(2).files.store.names("dry-run") == []
    assert stage.run(3).read([ANN, BOB]).plan().operations.join == 2


@pytest.mark.parametrize("options", [{"full_resync": True}, {"reconcile": True}])
def test_what_repairs_a_ledger_looks_at_both_lists(stage: Stage, options: dict[str, bool]) -> None:
    stage.members = {"old": ["person_ann@example.com", "person_bob@example.com"], "new": []}
    run = stage.run(2).read([BOB], withheld=[ANN])
    run.plan(**options)
    found = operations(run.chunks())
    assert found[("person_ann@example.com", "leave", OLD)] == 1
    assert found[(BOB.email, "join", "A")] == 1


def test_a_plan_that_was_cut_off_in_between_is_made_again(stage: Stage) -> None:
    run = stage.run(2).read([BOB], withheld=[ANN])
    run.plan()
    run.plan()
    assert operations(run.chunks())[("person_ann@example.com", "leave", OLD)] == 1
    run.deliver().settle()
    assert stage.known(BOB.email)["member_of"] == ["A", OLD]
