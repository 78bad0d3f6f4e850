"""What a plan tells of lists that the definition names no more."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.segment_exports.staged_run import Person, Stage, definition_of

if TYPE_CHECKING:
    from pathlib import Path

    from segment_exports.records.plan import Plan

ANN = Person("ann@example.com", "1", ("A",))
BOB = Person("bob@example.com", "2", ("A", "B"))


def former(plan: Plan) -> list[str]:
    return [text for text in plan.warnings if "names list" in text]


@pytest.mark.parametrize("leaving", ["keep", "remove"])
def test_who_is_left_on_a_list_that_the_definition_names_no_more_is_told(
    tmp_path: Path, leaving: str
) -> None:
    stage = Stage(tmp_path, definition_of(when_member_leaves=leaving))
    stage.run(1).whole([ANN, BOB, Person("cat@example.com", "3", ("B",))])
    stage.definition = definition_of(when_member_leaves=leaving, segments=["A"])
    plan = stage.run(2).read([ANN, BOB], segments=("A",)).plan()
    (told,) = former(plan)
    assert told.startswith(
        "the definition names list B no more, but it keeps 2 people whom this export put on it"
    )
    assert plan.operations.leave == 0
    assert told in stage.run(2).settle().warnings


@pytest.mark.parametrize("leaving", ["keep", "remove"])
def test_a_segment_that_moved_to_another_list_tells_who_is_left_on_the_old_one(
    tmp_path: Path, leaving: str
) -> None:
    stage = Stage(tmp_path, definition_of(when_member_leaves=leaving))
    stage.run(1).whole([ANN, BOB])
    elsewhere = [{"name": "A", "list": "News"}, "B"]
    stage.definition = definition_of(when_member_leaves=leaving, segments=elsewhere)
    stage.run(2).whole([ANN, BOB])
    assert stage.known(ANN.email)["member_of"] == ["News", "A"]
    assert len(former(stage.run(3).read([ANN, BOB]).plan())) == 1


def test_of_a_former_list_that_is_empty_nothing_is_told(tmp_path: Path) -> None:
    stage = Stage(tmp_path, definition_of(when_member_leaves="remove"))
    stage.run(1).whole([ANN, BOB])
    stage.definition = definition_of(segments=["A"])
    # Who withdraws leaves that list too.
    stage.run(2).whole([ANN], withheld=[BOB], segments=("A",))
    assert former(stage.run(3).read([ANN], segments=("A",)).plan()) == []


def test_the_warning_ends_once_the_list_was_emptied_and_read_back(tmp_path: Path) -> None:
    lists = [{"name": "A", "list_id": "a"}, {"name": "B", "list_id": "b"}]
    stage = Stage(tmp_path, definition_of(segments=lists))
    stage.run(1).whole([ANN, BOB])
    stage.definition = definition_of(segments=lists[:1])
    stage.members = {"a": ["person_ann@example.com", "person_bob@example.com"], "b": []}
    assert len(former(stage.run(2).read([ANN, BOB], segments=("A",)).plan())) == 1
    assert former(stage.run(3).read([ANN, BOB], segments=("A",)).plan(reconcile=True)) == []


def test_the_warning_ends_once_its_field_was_cleared_and_read_back(tmp_path: Path) -> None:
    by_field = {"destination": {"connection": "autopilot_default", "membership": "field"}}
    stage = Stage(tmp_path, definition_of(**by_field))
    stage.run(1).whole([ANN, BOB])
    stage.definition = definition_of(**by_field, segments=["A"])
    stage.flags = {"A": ["person_ann@example.com", "person_bob@example.com"], "B": []}
    (told,) = former(stage.run(2).read([ANN, BOB], segments=("A",)).plan())
    assert "make its field false in them at the destination, and then trigger a run with reconcile" in told
    assert former(stage.run(3).read([ANN, BOB], segments=("A",)).plan(reconcile=True)) == []
