"""Files of a lake that are not what they should be: no refuser is mailed, and nobody is lost in silence."""

from __future__ import annotations

import csv
import errno
import json
import os
from dataclasses import astuple, replace
from typing import TYPE_CHECKING, Any

import pytest
from tests.faults.lake_folder import COLUMNS, Profile
from tests.faults.people import LISTS
from tests.stands.alone import Why

if TYPE_CHECKING:
    from tests.faults.export_run import RunResult
    from tests.faults.scenario import Scenario

pytestmark = pytest.mark.alone(Why.PLANNING)

EVERYBODY = [Profile(f"c{number}", f"p{number}@example.com", Tier="No") for number in range(60)]
REFUSER = "refuser@example.com"
WARN = {"when_unaccounted": "warn"}


class FailingLook:
    """Makes one look at a folder or file below a place fail, as a network disk does for a moment."""

    def __init__(self, call: str, place: str, monkeypatch: pytest.MonkeyPatch) -> None:
        self.failed = 0
        self._place = place
        self._looks, self._at = 0, -1
        self._call = getattr(os, call)
        monkeypatch.setattr(os, call, self._look)

    def fail_at(self, number: int) -> None:
        """Let the look of that number, from 0, fail from now on."""
        self._looks, self._at = 0, number

    def _look(self, path: Any = ".", *args: Any, **kwargs: Any) -> Any:
        if isinstance(path, str) and path.startswith(self._place):
            number, self._looks = self._looks, self._looks + 1
            if number == self._at:
                self.failed += 1
                raise OSError(errno.EIO, os.strerror(errno.EIO), path)
        return self._call(path, *args, **kwargs)


def delivered(scenario: Scenario) -> set[str]:
    return scenario.stand.addresses()


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


def unnamed_part(scenario: Scenario, people: list[Profile]) -> None:
    """Leave people of Gold in a file that ``model.json`` doesn't name."""
    part = scenario.lake.file(2, "Gold").with_name("gold_2.csv")
    with part.open("w", encoding="utf-8") as file:
        csv.writer(file, lineterminator="\n").writerows(astuple(one) for one in people)


def test_nobody_leaves_a_list_whose_segment_has_a_part_that_was_not_read(scenario: Scenario) -> None:
    scenario.begin(source={"type": "lake", "path": str(scenario.folder / "lake"), "checks": WARN})
    scenario.write_segments(1, dict.fromkeys(LISTS, EVERYBODY))
    assert not scenario.export.run().red
    refuser = replace(EVERYBODY[50], Subscriber="No")
    scenario.write_segments(2, {"Gold": EVERYBODY[:10], "Churn": EVERYBODY[:50], "Readers": EVERYBODY})
    unnamed_part(scenario, [*EVERYBODY[10:50], refuser, Profile("new", "new@example.com")])

    result = scenario.export.run()

    assert not result.red
    assert [one for one in result.report.warnings if "lies beside the files that it names: Gold/" in one]
    assert scenario.members("Gold") == {one.EMail for one in EVERYBODY}
    assert scenario.members("Win-back") == {one.EMail for one in EVERYBODY[:50]}


def test_a_refusal_of_which_the_part_is_not_read_any_more_stays(scenario: Scenario) -> None:
    scenario.begin(source={"type": "lake", "path": str(scenario.folder / "lake"), "checks": WARN})
    refuser = Profile("r1", REFUSER)
    others = {name: [*EVERYBODY, refuser] for name in ("Churn", "Readers")}
    scenario.write_segments(1, {"Gold": [*EVERYBODY, replace(refuser, Subscriber="No")], **others})
    assert not scenario.export.run().red
    scenario.write_segments(2, {"Gold": EVERYBODY, **others})
    unnamed_part(scenario, [replace(refuser, Subscriber="No")])

    assert not scenario.export.run().red
    assert REFUSER not in delivered(scenario)


def test_a_part_of_another_ending_is_waited_for_and_nobody_is_lost_over_it(scenario: Scenario) -> None:
    begin(scenario)
    assert not scenario.export.run().red
    scenario.write_segments(2, dict.fromkeys(LISTS, EVERYBODY[:10]))
    scenario.lake.file(2, "Gold").with_name("Gold_2.csv.gz").write_bytes(b"\x1f\x8b")

    result = scenario.export.run()

    assert result.errors == ["AssertionError: the run waits for a refresh"]
    assert scenario.members("Gold") == {one.EMail for one in EVERYBODY}


@pytest.mark.parametrize("look", ["scandir", "stat"])
def test_one_look_at_the_lake_that_fails_does_not_make_the_snapshot_before_the_newest(
    scenario: Scenario, monkeypatch: pytest.MonkeyPatch, look: str
) -> None:
    """Whichever look of a run it is: who left is off the list, and no warning speaks of what isn't there."""
    scenario.begin()
    everybody = EVERYBODY[:40]
    scenario.write_segments(1, dict.fromkeys(LISTS, everybody))
    scenario.export.run()
    disk = FailingLook(look, str(scenario.export.lake), monkeypatch)
    for number, failing in enumerate(range(1, 72, 4), start=2):
        everybody = everybody[:-1]
        scenario.write_segments(number, dict.fromkeys(LISTS, everybody))
        disk.fail_at(failing)

        result = scenario.export.run()

        assert not result.red, (failing, result.report.red_reasons)
        assert scenario.members("Gold") == {one.EMail for one in everybody}, failing
        assert not [one for one in result.report.warnings if "snapshot" in one], failing
    assert disk.failed > 8, "the looks were counted"
