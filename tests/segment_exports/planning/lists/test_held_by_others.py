"""Lists on which a ledger that no run looks at any more has people are red until they were read back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from tests.segment_exports.staged_run import ACCOUNT, Person, Stage, definition_of, operations

if TYPE_CHECKING:
    from pathlib import Path

    from segment_exports.definition import ExportDefinition

ANN = Person("ann@example.com", "1")
BOB = Person("bob@example.com", "2")
CAT = Person("cat@example.com", "3")
ON_BOTH = ["person_ann@example.com", "person_bob@example.com"]


def of(name: str = "newsletter", **settings: Any) -> ExportDefinition:
    segments = [{"name": "A", "list_id": "a"}, {"name": "B", "list_id": "b"}]
    return definition_of(**{"name": name, "segments": segments} | settings)


BY_FIELD = {"destination": {"connection": ACCOUNT, "membership": "field"}}
KINDS = pytest.mark.parametrize("settings", [{}, BY_FIELD], ids=["list", "field"])


def filled(folder: Path, **settings: Any) -> None:
    """Let an export put Ann and Bob on list A."""
    Stage(folder, of(**settings), account="before").run(1).whole([ANN, BOB])


@KINDS
@pytest.mark.parametrize("name", ["newsletter", "news"], ids=["another connection", "another export"])
def test_every_run_is_red_until_a_reconcile_which_takes_off_who_refuses(
    tmp_path: Path, name: str, settings: dict[str, Any]
) -> None:
    filled(tmp_path, **settings)
    stage = Stage(tmp_path, of(name, **settings), members={"a": ON_BOTH, "b": []}, flags={"A": ON_BOTH})
    for number in (2, 3):
        stage.run(number).read([BOB, CAT], withheld=[ANN]).plan()
        stage.run(number).chunks()
        (told,) = stage.run(number).deliver().settle().red_reasons
        assert told.startswith(
            "2 people are on list A whom export newsletter put there through the connection before"
        )
        assert "Trigger a run with reconcile" in told
    run = stage.run(4).read([BOB, CAT], withheld=[ANN])
    run.plan(reconcile=True)
    assert operations(run.chunks())[("person_ann@example.com", "leave", "A")] == 1
    assert not run.deliver().settle().red
    assert not stage.run(5).whole([BOB, CAT], withheld=[ANN]).red


def test_a_first_run_that_reconciles_is_red_for_nothing(tmp_path: Path) -> None:
    filled(tmp_path)
    stage = Stage(tmp_path, of(), members={"a": ON_BOTH, "b": []})
    assert stage.run(2).read([ANN, BOB]).plan(reconcile=True).red_reasons == ()
    stage.run(2).chunks()
    stage.run(2).deliver().settle()
    assert stage.run(3).read([ANN, BOB]).plan().red_reasons == ()


def test_a_dry_run_tells_it_and_notes_nothing(tmp_path: Path) -> None:
    filled(tmp_path)
    stage = Stage(tmp_path, of())
    assert len(stage.run(2).read([ANN]).plan(dry_run=True).red_reasons) == 1
    assert not stage.export.exists("lists-of-others")


def test_lists_that_others_have_nobody_on_or_that_are_others_are_no_matter(tmp_path: Path) -> None:
    filled(tmp_path)
    elsewhere = [{"name": "A", "list_id": "another"}, {"name": "B", "list_id": "b"}]
    assert Stage(tmp_path, of(segments=elsewhere)).run(2).read([ANN]).plan().red_reasons == ()


def test_a_list_that_the_export_begins_to_write_later_is_told_too(tmp_path: Path) -> None:
    filled(tmp_path)
    elsewhere = [{"name": "A", "list_id": "another"}, {"name": "B", "list_id": "b"}]
    stage = Stage(tmp_path, of("news", segments=elsewhere))
    stage.run(2).whole([ANN])
    stage.definition = of("news")
    assert len(stage.run(3).read([ANN]).plan().red_reasons) == 1


def test_an_export_that_goes_back_to_its_first_connection_is_told_whom_the_other_put_there(
    tmp_path: Path,
) -> None:
    filled(tmp_path)
    stage = Stage(tmp_path, of(), members={"a": ON_BOTH, "b": []})
    stage.run(2).read([ANN, BOB]).plan(reconcile=True)
    stage.run(2).chunks()
    stage.run(2).deliver().settle()
    back = Stage(tmp_path, of(), account="before")
    (told,) = back.run(3).read([ANN, BOB]).plan().red_reasons
    assert f"through the connection {ACCOUNT}" in told
