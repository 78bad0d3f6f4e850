"""A fault at a few requests of every kind: the task rides it out, or is tried again, and nothing differs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from tests.faults.fault_kinds import KINDS, here_and_there

from segment_emulators.autopilot import ListOnUpsert

if TYPE_CHECKING:
    from tests.faults.scenario import Scenario

PEOPLE = 80

WAYS: dict[str, tuple[str, dict[str, Any]]] = {
    "list": ("list", {}),
    "bulk": ("auto", {"list_in_bulk": ListOnUpsert.HONOURED}),
    "field": ("field", {}),
}
"""Way of keeping membership → what the definition says, and what the account does."""


@pytest.mark.parametrize("fault", KINDS)
@pytest.mark.parametrize("way", WAYS)
def test_the_account_is_what_it_must_be(scenario: Scenario, way: str, fault: str) -> None:
    """In the first export, and again in the one after it."""
    membership, switches = WAYS[way]
    scenario.strike(fault)
    scenario.emulator.switch(**switches)
    scenario.begin(membership=membership, people=PEOPLE)
    for number in (1, 2):
        scenario.emulator.inject(*here_and_there(fault))

        result = scenario.refresh(number)

        struck = {rule.path for rule, hits in scenario.emulator.faults.counts() if hits}
        assert "^/contacts$" in struck
        assert not result.red, result.report.red_reasons
        scenario.check()
