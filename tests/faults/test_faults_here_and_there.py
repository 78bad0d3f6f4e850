"""A fault at a few requests of every kind: the task rides it out, or is tried again, and nothing differs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.faults.fault_kinds import KINDS, here_and_there
from tests.stands.account_stand import Place

if TYPE_CHECKING:
    from tests.faults.scenario import Scenario

PEOPLE = 80


@pytest.mark.parametrize("fault", KINDS)
@pytest.mark.ways("list", "auto", "field")
def test_the_account_is_what_it_must_be(scenario: Scenario, way: str, fault: str) -> None:
    """In the first export, and again in the one after it."""
    scenario.strike(fault)
    if way == "auto":
        scenario.stand.join_in_upserts()
    scenario.begin(membership=way, people=PEOPLE)
    for number in (1, 2):
        scenario.emulator.inject(*here_and_there(scenario.stand, fault))

        result = scenario.refresh(number)

        struck = {rule.path for rule, hits in scenario.emulator.faults.counts() if hits}
        assert scenario.stand.at(Place.UPSERT)["path"] in struck
        assert not result.red, result.report.red_reasons
        scenario.check()
