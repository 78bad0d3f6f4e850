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


@pytest.mark.ways("list", "bulk", "auto", "field")
def test_the_run_that_made_the_lists_tells_their_ids_and_who_joined_them(
    scenario: Scenario, way: str
) -> None:
    scenario.begin(membership=way)

    for number in (1, 2):
        report = scenario.refresh(number).report

        ids = {title: next(iter(scenario.stand.list_ids(title)), None) for title in report.lists}
        assert {title: told.list_id for title, told in report.lists.items()} == ids
        assert (None in ids.values()) == (way == "field"), "a field is no list"
        if number == 1:
            joined = {title: told.joins for title, told in report.lists.items()}
            assert joined == {title: len(scenario.members(title)) for title in report.lists}
