"""Everybody of the export was deleted at the destination, with or without the lists: the advice works."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from tests.faults.scenario import Scenario

    Segments = list[dict[str, Any]]


def nothing_more(scenario: Scenario) -> Segments:
    return list(scenario.settings["segments"])


def other_titles(scenario: Scenario) -> Segments:
    return [one | {"list": f"{one['list']} anew"} for one in scenario.settings["segments"]]


def lists_by_hand(scenario: Scenario) -> Segments:
    add = scenario.stand.add_list
    return [one | {"list_id": add(one["list"])} for one in scenario.settings["segments"]]


@pytest.mark.ways("list", "bulk")
@pytest.mark.parametrize(
    ("lists_gone", "mend"), [(False, nothing_more), (True, other_titles), (True, lists_by_hand)]
)
def test_an_emptied_account_is_filled_again_by_the_advice(
    scenario: Scenario, way: str, lists_gone: bool, mend: Callable[[Scenario], Segments]
) -> None:
    scenario.begin(people=30, membership=way)
    scenario.refresh(1)
    held = {title: len(scenario.stand.members(title)) for title in ("Gold", "Win-back", "Readers")}
    empty(scenario, lists_gone=lists_gone)

    reason = scenario.export.run().report.red_reasons[0]

    assert "none of" in reason
    assert reason.endswith("trigger a run with full_resync")
    assert ("give each list that is gone another title" in reason) == lists_gone
    segments = mend(scenario)
    scenario.export.define({**scenario.settings, "segments": segments})
    result = scenario.export.run(full_resync=True)
    assert not result.red, result.report.red_reasons
    for one in segments:
        members = scenario.stand.members(one["list"])
        assert len(members) == held[one["list"].removesuffix(" anew")] > 0
    assert scenario.export.run().report.state == "nothing_changed"


def empty(scenario: Scenario, *, lists_gone: bool) -> None:
    stand = scenario.stand
    for contact in stand.people():
        stand.staff.delete_contact(contact.id)
    for title in ("Gold", "Win-back", "Readers") if lists_gone else ():
        for list_id in stand.list_ids(title):
            stand.delete_list(list_id)
