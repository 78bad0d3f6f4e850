"""Accounts of Ortto that are not as they should be: a run says what to do, and the next one mends all."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from tests.faults.lake_folder import people
from tests.faults.people import LISTS
from tests.stands.alone import Why

from segment_emulators.ortto import AccountState, OverLimit

if TYPE_CHECKING:
    from tests.faults.scenario import Scenario

pytestmark = pytest.mark.alone(Why.ORTTO_INPUT)

PEOPLE = 30
NAMES = {
    "emoji": "😀 Gold 🥇",
    "200 characters": "x" * 200,
    "markup": '<b>Gold</b> & "Silver"',
    "quotes": "Gold's \\\"best\\\" 'ones'",
    "other letters": "Постоянные покупатели",
}


def stopped(scenario: Scenario, *words: str, number: int = 1) -> None:
    """Run, and see that it is red for a reason of these words, with nobody written."""
    result = scenario.refresh(number)
    told = " ".join([*result.report.red_reasons, *result.errors])
    assert result.red
    assert all(one in told for one in words), told
    assert scenario.stand.sent(scenario.log_before) == []


def mended(scenario: Scenario) -> None:
    """Run again, and see that all is as it must be and nothing is left to do."""
    result = scenario.export.run()
    assert not result.red, result.report.red_reasons
    scenario.check()
    assert scenario.export.run().attempts == 0


@pytest.mark.parametrize(
    ("switches", "words"),
    [
        ({"wrong_region": 401}, "region"),
        ({"wrong_region": 404}, "region"),
        ({"state": AccountState.EXPIRED}, "expired"),
        ({"state": AccountState.MAKER_LEFT}, "left"),
    ],
)
def test_an_account_that_cannot_be_used(scenario: Scenario, switches: dict[str, Any], words: str) -> None:
    scenario.begin(people=PEOPLE)
    scenario.emulator.switch(**switches)
    stopped(scenario, words)
    scenario.emulator.switch(wrong_region=None, state=AccountState.ACTIVE)
    mended(scenario)


@pytest.mark.parametrize("over", OverLimit)
def test_an_account_that_is_full_makes_nobody_more_and_updates_who_is_known(
    scenario: Scenario, over: OverLimit
) -> None:
    """Whoever is made beyond the limit may be billed, so that is left to a person."""
    scenario.begin(people=PEOPLE)
    assert not scenario.refresh(1).red
    limit = len(scenario.stand.people())
    scenario.happen(2)
    scenario.emulator.switch(contact_limit=limit, over_limit=over)
    scenario.write(2)

    full = scenario.export.run()

    assert full.red
    assert "507" in " ".join(full.report.red_reasons)
    changed = scenario.stand.person("changes@example.com")
    assert changed is not None
    assert changed.custom["string--Loyalty--Tier"] == "tier 2"
    assert "leaves@example.com" not in scenario.members("Win-back")
    tries = [one for one in scenario.emulator.log.entries if one.status == 507]
    assert len(tries) <= 4, "what is in flight"
    # Whether they left before or after the join that was not taken is in doubt, so they leave again.
    scenario.leave_by_both_names |= {"changed-there@example.org", "unsubscribed@example.org"}
    scenario.emulator.switch(contact_limit=None)
    mended(scenario)


def test_a_tag_of_the_name_that_others_made_is_used_where_its_id_says_so(scenario: Scenario) -> None:
    scenario.begin(people=PEOPLE)
    tag_id = scenario.stand.add_list("Gold")
    stopped(scenario, f"list_id: {tag_id}")
    segments = [{"name": name, "list": title} for name, title in LISTS.items()]
    segments[0]["list_id"] = tag_id
    scenario.export.define({**scenario.settings, "segments": segments})
    mended(scenario)


def test_a_tag_of_accounts_with_the_name_or_the_id_is_none_of_people(scenario: Scenario) -> None:
    scenario.emulator.staff.add_tag_by_hand("Gold", "organization")
    scenario.begin(people=PEOPLE)
    assert not scenario.refresh(1).red
    scenario.check()


def test_a_tag_that_differs_by_case_alone_is_told_and_not_made_beside_it(scenario: Scenario) -> None:
    scenario.begin(people=PEOPLE)
    tag_id = scenario.stand.add_list("GOLD")
    stopped(scenario, "differs by case", f"list_id: {tag_id}")
    assert scenario.stand.list_ids("Gold") == []


@pytest.mark.parametrize(
    ("made", "words"),
    [
        ({"name": "Points", "kind": "text"}, "'Points' is of type text there"),
        ({"name": "Loyalty Tier", "kind": "integer"}, "'Loyalty Tier' is of type integer there"),
        ({"name": "Loyalty Tier", "read_only": True}, "'Loyalty Tier' can only be read there"),
    ],
)
def test_a_field_that_cannot_take_what_is_mapped_to_it(
    scenario: Scenario, made: dict[str, Any], words: str
) -> None:
    scenario.begin(people=PEOPLE)
    field_id = scenario.emulator.staff.make_field(**made)
    stopped(scenario, words)
    del scenario.emulator.account.fields.made[field_id]
    mended(scenario)


def test_a_field_of_another_integration_with_the_name_is_left_alone(scenario: Scenario) -> None:
    scenario.emulator.staff.make_field("Points", "integer", namespace="sf", read_only=True)
    scenario.begin(people=PEOPLE)
    assert not scenario.refresh(1).red
    scenario.check()


def test_a_field_that_is_there_already_is_filled(scenario: Scenario) -> None:
    field_id = scenario.emulator.staff.make_field("points", "integer")
    scenario.begin(people=PEOPLE)
    assert not scenario.refresh(1).red
    found = scenario.emulator.account.find("p3@example.com")
    assert found is not None
    assert found.fields[field_id] == 3


@pytest.mark.parametrize("status", [400, 409, 507])
def test_more_custom_fields_than_the_plan_has(scenario: Scenario, status: int) -> None:
    scenario.emulator.switch(field_limit=1, full_fields=status)
    scenario.begin(people=PEOPLE)
    stopped(scenario, "lacks custom fields", "100, 150 or 200 custom fields by plan")
    scenario.emulator.switch(field_limit=100)
    mended(scenario)


def test_fields_that_a_person_is_to_make_are_named(scenario: Scenario) -> None:
    scenario.begin(people=PEOPLE, destination={"create_fields": False})
    stopped(scenario, "'Loyalty Tier' (text)", "'Points' (integer)", "create_fields")
    scenario.emulator.staff.make_field("Loyalty Tier")
    scenario.emulator.staff.make_field("Points", "integer")
    mended(scenario)


def test_new_people_may_be_made_without_permission_and_nobody_else_loses_it(scenario: Scenario) -> None:
    """Those who were there keep what they had."""
    scenario.begin(people=PEOPLE, destination={"new_people": "unsubscribed"})
    assert not scenario.refresh(1).red
    assert not scenario.refresh(2).red
    there_before = {"stranger@example.com", "p1@example.com", "moves-to-taken-new@example.com"}
    subscribed = scenario.stand.addresses() - scenario.stand.unsubscribed()
    assert subscribed == {*there_before, "signs-up-again@example.com"}


def define(scenario: Scenario, title: str) -> None:
    segments = [{"name": name, "list": title if name == "Gold" else usual} for name, usual in LISTS.items()]
    scenario.export.define({**scenario.settings, "segments": segments})


@pytest.mark.parametrize("title", NAMES.values(), ids=NAMES)
def test_a_tag_of_any_name_is_given_and_taken(scenario: Scenario, title: str) -> None:
    scenario.begin()
    define(scenario, title)
    for number, gold in ((1, people(*range(9))), (2, people(*range(4)))):
        scenario.lake.write(number, {"Gold": gold, "Churn": people(1), "Readers": people(1)})
        result = scenario.export.run()
        assert not result.red, result.report.red_reasons
        assert scenario.stand.members(title) == {one.EMail for one in gold}
    assert scenario.export.run().attempts == 0


def test_a_longer_name_is_told_before_anything_is_asked(scenario: Scenario) -> None:
    scenario.begin()
    define(scenario, "x" * 300)
    scenario.lake.write(1, {"Gold": people(1), "Churn": people(1), "Readers": people(1)})
    (error, *_) = scenario.export.run(settle=False).errors
    assert "is text of 300 characters; it may have at most 200" in error
    assert scenario.emulator.log.entries == []
