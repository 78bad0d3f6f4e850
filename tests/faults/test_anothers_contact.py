"""Staff gave a contact an address that turns out to be another customer's: then it is that one's contact.

Neither is lost: the one who has the address is on the lists, and the other gets a contact anew, unless they
unsubscribed as the first.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from tests.faults.lake_folder import Profile
from tests.faults.test_changed_there import (
    CHANGED,
    NORA,
    THERE,
    WAYS,
    changed_there,
    on_lists,
    refresh,
)

if TYPE_CHECKING:
    from tests.faults.scenario import Scenario

OMAR = Profile("c9", THERE, "Omar")
"""Another customer, whose address in the source is the one that Nora's contact was given."""

NORA_THEN: dict[str, tuple[Profile, ...]] = {
    "has left": (),
    "withdrew": (replace(NORA, Subscriber="No"),),
    "is as before": (NORA,),
    "has other data": (CHANGED,),
}


def contact_at(scenario: Scenario, email: str) -> str | None:
    contact = scenario.stand.person(email)
    return contact.id if contact else None


def quiet(scenario: Scenario, **run: Any) -> bool:
    """Whether one more run is green and finds nothing to do."""
    again = scenario.export.run(**run)
    return not again.red and again.attempts == 0


@WAYS
@pytest.mark.parametrize("then", NORA_THEN)
@pytest.mark.parametrize("emails", ["add", "move"])
def test_nobody_is_lost(scenario: Scenario, way: str, then: str, emails: str) -> None:
    changed_there(scenario, way, when_email_changes=emails)
    contact = contact_at(scenario, THERE)
    scenario.write_segments(2, refresh(*NORA_THEN[then], OMAR))

    assert not scenario.export.run().red
    assert not scenario.export.run().red

    assert contact_at(scenario, THERE) == contact
    assert on_lists(scenario, THERE) == {"Gold"}
    assert on_lists(scenario, NORA.EMail) == (
        {"Gold"} if then in ("is as before", "has other data") else set()
    )
    assert quiet(scenario)
    assert not scenario.export.run(reconcile=True).red
    assert quiet(scenario)


@WAYS
@pytest.mark.parametrize("then", ["is as before", "has other data"])
def test_who_unsubscribed_as_the_first_contact_gets_no_mail_as_a_second(
    scenario: Scenario, way: str, then: str
) -> None:
    changed_there(scenario, way, unsubscribed=True)
    scenario.write_segments(2, refresh(*NORA_THEN[then], OMAR))
    for _ in range(3):
        assert not scenario.export.run().red
    assert on_lists(scenario, NORA.EMail) == set()
    assert scenario.stand.person(THERE).unsubscribed


@WAYS
@pytest.mark.parametrize("leaving", ["remove", "keep"])
def test_lists_of_the_first_are_not_the_others(scenario: Scenario, way: str, leaving: str) -> None:
    changed_there(scenario, way, when_member_leaves=leaving)
    scenario.write_segments(2, refresh(NORA, churn=(OMAR,)))
    for _ in range(2):
        assert not scenario.export.run().red
    assert on_lists(scenario, THERE) == {"Win-back"}
    assert on_lists(scenario, NORA.EMail) == {"Gold"}
    assert quiet(scenario)


@WAYS
def test_what_the_first_says_later_is_not_done_to_the_other(scenario: Scenario, way: str) -> None:
    changed_there(scenario, way)
    scenario.write_segments(2, refresh(NORA, OMAR))
    for _ in range(2):
        assert not scenario.export.run().red
    scenario.write_segments(3, refresh(replace(NORA, Subscriber="No"), OMAR))
    for reconcile in (False, True, False):
        assert not scenario.export.run(reconcile=reconcile).red
        assert on_lists(scenario, THERE) == {"Gold"}
        assert on_lists(scenario, NORA.EMail) == set()


def test_it_is_told(scenario: Scenario) -> None:
    changed_there(scenario)
    scenario.write_segments(2, refresh(NORA, OMAR))
    warnings = " ".join(scenario.export.run().report.warnings)
    assert "1 contact was given the address of another person of the source" in warnings
    assert "address of another person" not in " ".join(scenario.export.run().report.warnings)


@WAYS
@pytest.mark.parametrize("unsubscribed", [False, True])
def test_who_refuses_and_was_given_the_first_ones_contact_is_taken_off_by_a_reconcile(
    scenario: Scenario, way: str, unsubscribed: bool
) -> None:
    changed_there(scenario, way, unsubscribed=unsubscribed)
    scenario.write_segments(2, refresh(NORA, replace(OMAR, Subscriber="No")))
    reconciled = scenario.export.run(reconcile=True)

    assert not reconciled.red
    assert "without giving permission" in str(reconciled.report.warnings)
    assert on_lists(scenario, THERE) == set()
    assert on_lists(scenario, NORA.EMail) == (set() if unsubscribed else {"Gold"})
    assert quiet(scenario)
    assert not scenario.export.run(reconcile=True).red
    assert quiet(scenario)


@WAYS
def test_who_refuses_and_was_given_the_first_ones_contact_is_taken_off_whatever_holds_up_the_rest(
    scenario: Scenario, way: str
) -> None:
    changed_there(scenario, way, guards={"stop_above_invalid": 0.0, "min_count": 0})
    broken = Profile("c10", "no address", "Kim")
    scenario.write_segments(2, refresh(NORA, replace(OMAR, Subscriber="No"), broken))
    assert scenario.export.run(reconcile=True).report.state == "stopped"
    assert on_lists(scenario, THERE) == set()
