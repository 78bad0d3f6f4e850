"""make check and a run agree on what they find in Dataverse."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from tests.segment_exports.sources.written_tables import LABEL, SEGMENT, WrittenTables, read_all

from segment_exports.commands.checking.export_check import SAMPLED_ROWS, check_export
from segment_exports.definition import ExportDefinition
from segment_exports.records.staging import Store

if TYPE_CHECKING:
    from pathlib import Path

    from segment_exports.commands.checking.check_result import CheckResult


@pytest.fixture
def tables(monkeypatch: pytest.MonkeyPatch) -> WrittenTables:
    tables = WrittenTables(people=10)
    tables.columns["ownerid"] = ("Owner", "Owner")
    tables.columns["msdynci_loyaltytier"] = ("String", "Loyalty Tier")
    for row in tables.profiles:
        row |= {"_ownerid_value": "an id", "msdynci_loyaltytier": "high"}
    tables.serve(monkeypatch)
    return tables


def check(tables: WrittenTables, store: Store | None = None, **changes: Any) -> CheckResult:
    content: dict[str, Any] = {
        "name": "newsletter",
        "source": {"type": "dataverse", "connection": "dataverse_default"},
        "segments": [SEGMENT],
        "mapping": {"Email": "EMail"},
    }
    return check_export(ExportDefinition.model_validate(content | changes), tables.source(store))


@pytest.mark.parametrize(
    "name",
    ["Owner", "ownerid", "_ownerid_value", "Loyalty Tier", "msdynci_loyaltytier", "Loyalty_x0020_Tier"],
)
def test_a_name_that_a_run_finds_is_good(tables: WrittenTables, name: str) -> None:
    assert {row[name] for row in read_all(tables.source(), (name, "CustomerId"))} <= {"an id", "high"}

    assert check(tables, mapping={"Email": "EMail", "custom": {"string--Any": name}}).problems == ()


def test_a_name_that_no_run_finds_is_told_with_its_use(tables: WrittenTables) -> None:
    (problem,) = check(tables, mapping={"Email": "EMail", "FirstName": "Vorname"}).problems

    assert problem.startswith("Gold has no attribute Vorname, wanted for mapping.FirstName.")


def test_a_name_that_fits_two_columns_is_a_problem_as_in_a_run(tables: WrittenTables) -> None:
    tables.columns |= {"msdynci_a_b": ("String", ""), "msdynci_ab": ("String", "")}

    (problem,) = check(tables, mapping={"Email": "EMail", "FirstName": "A B"}).problems
    assert "'A B' may be any of msdynci_a_b, msdynci_ab" in problem


NOBODY = {"attribute": "OptIn", "equals": "Ja"}


def test_a_permission_that_nobody_of_the_whole_table_gives_is_a_problem(tables: WrittenTables) -> None:
    result = check(tables, permission=NOBODY)

    (problem,) = result.problems
    assert problem.startswith("permission.equals matches no row: of 10 values of OptIn")
    assert any(
        note.startswith("in a sample of 10 profiles: permission OptIn: 0 yes") for note in result.notes
    )


def test_where_there_are_more_rows_than_the_sample_has_it_is_a_note(
    tables: WrittenTables, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("segment_exports.commands.checking.export_check.SAMPLED_ROWS", 5)
    result = check(tables, permission=NOBODY)

    assert SAMPLED_ROWS > 10
    assert result.is_good
    assert any("in a sample of 5 profiles: permission.equals matches no row" in note for note in result.notes)


def test_a_permission_whose_labels_come_now_and_then_is_a_problem(tables: WrittenTables) -> None:
    del tables.profiles[3]["msdynci_optin" + LABEL]

    (problem,) = check(tables, permission={"attribute": "OptIn", "equals": "Yes"}).problems
    assert "OptIn: Dataverse tells labels of some values of this choice" in problem


def test_metadata_that_are_closed_now_are_a_problem_as_in_a_run(
    tables: WrittenTables, tmp_path: Path
) -> None:
    store = Store.local(tmp_path)
    read_all(tables.source(store))
    tables.is_open = False

    (problem,) = check(tables, store).problems
    assert "can't be read now, though a run before this one did" in problem
