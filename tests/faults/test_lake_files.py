"""Files of a lake that are not what they should be: no refuser is mailed, and nobody is lost in silence."""

from __future__ import annotations

import json
from dataclasses import astuple, replace
from typing import TYPE_CHECKING

from tests.faults.lake_folder import COLUMNS, Profile
from tests.faults.people import LISTS

if TYPE_CHECKING:
    from tests.faults.export_run import RunResult
    from tests.faults.scenario import Scenario

EVERYBODY = [Profile(f"c{number}", f"p{number}@example.com", Tier="No") for number in range(60)]
REFUSER = "refuser@example.com"


def delivered(scenario: Scenario) -> set[str]:
    return {str(one.email) for one in scenario.emulator.account.contacts.values()}


def begin(scenario: Scenario) -> None:
    scenario.begin()
    scenario.write_segments(1, dict.fromkeys(LISTS, EVERYBODY))


def refused_with(result: RunResult) -> str:
    assert result.red
    (error,) = result.errors
    return error


def test_a_second_header_in_another_form_and_order_does_not_make_a_refusal_a_consent(
    scenario: Scenario,
) -> None:
    begin(scenario)
    swapped = [{"Tier": "Subscriber", "Subscriber": "Tier"}.get(name, name) for name in COLUMNS]
    values = {"CustomerId": "r", "EMail": REFUSER, "Subscriber": "No", "Tier": "Yes"}
    with scenario.lake.file(1, "Gold").open("a", encoding="utf-8") as file:
        for row in (swapped, [values.get(name, "") for name in swapped]):
            mark = "\ufeff" if row is swapped else ""
            file.write(mark + ",".join(one.lower() if row is swapped else one for one in row) + "\n")

    assert "Gold_1.csv: row 61 is a header once more" in refused_with(scenario.export.run())
    assert delivered(scenario) == set()


def test_a_first_row_in_other_words_does_not_make_a_refusal_a_consent(scenario: Scenario) -> None:
    begin(scenario)
    words = {"CustomerId": "Kunde", "EMail": "Adresse", "FirstName": "Vorname", "LastName": "Nachname"}
    swapped = words | {"Tier": "Subscriber", "Subscriber": "Tier"}
    rows = [[swapped.get(name, name) for name in COLUMNS], *([*astuple(one)] for one in EVERYBODY)]
    rows[1][COLUMNS.index("EMail")] = REFUSER
    with scenario.lake.file(1, "Gold").open("w", encoding="utf-8") as file:
        file.writelines(",".join(row) + "\n" for row in rows)

    assert "Gold_1.csv: row 1 " in refused_with(scenario.export.run())
    assert delivered(scenario) == set()


def test_a_table_that_describes_its_columns_twice_is_not_read(scenario: Scenario) -> None:
    begin(scenario)
    model = scenario.export.lake / "model.json"
    swapped = json.dumps(
        [{"name": {"Tier": "Subscriber", "Subscriber": "Tier"}.get(one, one)} for one in COLUMNS]
    )
    model.write_text(model.read_text().replace('"partitions"', f'"attributes": {swapped}, "partitions"', 1))

    assert "table Gold can't be used: it: has attributes more than once" in refused_with(
        scenario.export.run()
    )
    assert delivered(scenario) == set()


def test_a_refusal_in_a_file_of_another_encoding_is_not_read_as_another_address(scenario: Scenario) -> None:
    scenario.begin()
    refuser = Profile("r1", "rené@example.com")
    people = [*EVERYBODY, refuser]
    scenario.write_segments(
        1, {"Gold": people, "Churn": [*EVERYBODY, replace(refuser, Subscriber="No")], "Readers": people}
    )
    model = scenario.export.lake / "model.json"
    content = json.loads(model.read_text())
    content["entities"][1]["partitions"][0]["fileFormatSettings"] = {"encoding": "windows-1252"}
    model.write_text(json.dumps(content))

    told = refused_with(scenario.export.run())
    assert told.endswith("Churn_1.csv seems to be UTF-8, and model.json says windows-1252")
    assert delivered(scenario) == set()
