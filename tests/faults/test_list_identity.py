"""A title of the definition gets another list: nobody is lost on the new one or stays on the old one."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from tests.faults.lake_folder import Profile
from tests.stands.alone import Why

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.faults.export_run import RunResult
    from tests.faults.scenario import Scenario


pytestmark = pytest.mark.alone(Why.LISTS)

ANCHOR = Profile("anchor", "anchor@example.com")
ANN = Profile("c1", "ann@example.com")
BEN = Profile("c2", "ben@example.com")
CEM = Profile("c3", "cem@example.com")
DAN = Profile("c4", "dan@example.com")
REFUSES = replace(ANN, Subscriber="No")


def refresh(gold: Sequence[Profile], churn: Sequence[Profile] = ()) -> dict[str, list[Profile]]:
    return {"Gold": [ANCHOR, *gold], "Churn": [ANCHOR, *churn], "Readers": [ANCHOR]}


def define(scenario: Scenario, **lists: tuple[str, str | None]) -> None:
    """Give segments another title and id of their list."""
    segments = [
        {"name": one["name"], "list": lists[one["name"]][0], "list_id": lists[one["name"]][1]}
        if one["name"] in lists
        else one
        for one in scenario.settings["segments"]
    ]
    scenario.export.define({**scenario.settings, "segments": segments})


def people_on(scenario: Scenario, list_id: str) -> set[str]:
    return {one.removesuffix("@example.com") for one in scenario.stand.members(list_id)}


def delivered(scenario: Scenario, **options: Any) -> RunResult:
    result = scenario.export.run(**options)
    assert not result.red, result.report.red_reasons
    return result


@pytest.mark.parametrize("begins", ["made", "adopted"])
def test_everybody_joins_the_new_list_and_who_withdraws_leaves_the_old_one(
    scenario: Scenario, begins: str
) -> None:
    scenario.begin()
    old, new = (scenario.stand.add_list(title) for title in ("Old gold", "New gold"))
    if begins == "adopted":
        define(scenario, Gold=("Gold", old))
    scenario.write_segments(1, refresh([ANN, BEN, CEM]))
    delivered(scenario)
    if begins == "made":
        (old,) = scenario.stand.list_ids("Gold")
    define(scenario, Gold=("Gold", new))
    scenario.write_segments(2, refresh([REFUSES, BEN, CEM, DAN]))

    result = delivered(scenario)

    assert people_on(scenario, new) == {"anchor", "ben", "cem", "dan"}
    assert people_on(scenario, old) == {"anchor", "ben", "cem"}
    assert f"names list Gold ({old}) no more, but it keeps 4 people" in " ".join(result.report.warnings)
    scenario.write_segments(3, refresh([REFUSES, replace(BEN, Subscriber="No"), CEM, DAN]))
    delivered(scenario)
    assert people_on(scenario, new) == {"anchor", "cem", "dan"}
    assert people_on(scenario, old) == {"anchor", "cem"}
    assert delivered(scenario).attempts == 0


def test_two_titles_swap_their_lists(scenario: Scenario) -> None:
    scenario.begin()
    one, other = (scenario.stand.add_list(title) for title in ("One", "Other"))
    define(scenario, Gold=("Gold", one), Churn=("Win-back", other))
    scenario.write_segments(1, refresh([ANN, BEN], [CEM]))
    delivered(scenario)
    define(scenario, Gold=("Gold", other), Churn=("Win-back", one))
    scenario.write_segments(2, refresh([REFUSES, BEN, DAN], [CEM]))

    delivered(scenario)

    assert people_on(scenario, one) == {"anchor", "cem"}
    assert people_on(scenario, other) == {"anchor", "ben", "dan"}
    assert delivered(scenario).attempts == 0


def test_a_list_that_vanished_is_made_by_a_person_and_adopted(scenario: Scenario) -> None:
    scenario.begin()
    scenario.write_segments(1, refresh([ANN, BEN, CEM]))
    delivered(scenario)
    (gone,) = scenario.stand.list_ids("Gold")
    scenario.stand.delete_list(gone)
    stopped = scenario.export.run()
    assert "make one there and name it by its list_id" in " ".join(stopped.report.red_reasons)
    made = scenario.stand.add_list("Gold")
    define(scenario, Gold=("Gold", made))
    scenario.write_segments(2, refresh([REFUSES, BEN, CEM, DAN]))

    delivered(scenario)

    assert people_on(scenario, made) == {"anchor", "ben", "cem", "dan"}
    assert "Gold (" not in " ".join(delivered(scenario, reconcile=True).report.warnings)


def test_a_list_that_is_another_one_while_the_run_uploads_is_planned_for_again(scenario: Scenario) -> None:
    scenario.begin()
    scenario.write_segments(1, refresh([ANN]))
    delivered(scenario)
    new = scenario.stand.add_list("New gold")
    scenario.write_segments(2, refresh([ANN, BEN]))

    result = scenario.export.run(before_upload=lambda: define(scenario, Gold=("Gold", new)))

    assert f"list 'Gold' is {new} in the definition now" in " ".join(result.report.red_reasons)
    assert people_on(scenario, new) == set()
    delivered(scenario)
    assert people_on(scenario, new) == {"anchor", "ann", "ben"}
