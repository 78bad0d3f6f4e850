"""Three refreshes without a fault: what all other tests of this folder compare with is right."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.faults.scenario import Scenario


@pytest.mark.ways("list", "bulk", "auto", "field")
@pytest.mark.parametrize("leaving", ["keep", "remove"])
def test_three_refreshes(scenario: Scenario, way: str, leaving: str) -> None:
    scenario.begin(membership=way, when_member_leaves=leaving)

    for number in (1, 2, 3):
        scenario.refresh(number)

        scenario.check()


@pytest.mark.ways("list", "bulk", "field")
def test_whoever_withdraws_is_unsubscribed_for_good(scenario: Scenario, way: str) -> None:
    scenario.begin(membership=way, when_permission_withdrawn="unsubscribe")

    for number in (1, 2, 3):
        scenario.refresh(number)

        scenario.check()


@pytest.mark.ways("list", "bulk", "field")
def test_contacts_are_given_their_new_addresses(scenario: Scenario, way: str) -> None:
    """What can't be moved (its new address is taken, it unsubscribed) leaves our lists in the same run."""
    scenario.begin(membership=way, when_email_changes="move")

    for number in (1, 2, 3):
        scenario.refresh(number)

        scenario.check()
