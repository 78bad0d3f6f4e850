"""Contacts and addresses that part ways: who is to be given an address that another contact has, and whose
contact was given the new one there first while somebody else has the old one."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from tests.faults.lake_folder import Profile
from tests.faults.simulated_kills import run_killed
from tests.faults.test_changed_there import NORA, THERE, WAYS, changed_there, on_lists, refresh, slowly
from tests.stands.account_stand import Place

from segment_emulators.autopilot import Fault, FaultKind
from segment_exports.planning.chunk_changes import chunk_changes

if TYPE_CHECKING:
    from tests.faults.scenario import Scenario

MOVED = replace(NORA, EMail=THERE)
BEN = Profile("c2", "ben@example.com", "Ben")
HAS_HER_OLD_ONE = replace(BEN, EMail=NORA.EMail)
LEAVING = pytest.mark.parametrize("leaving", ["keep", "remove"])
KILLED = pytest.mark.parametrize(
    ("answers", "goes_on"), [(number, number % 3 != 0) for number in range(1, 9)]
)


def begin(scenario: Scenario, way: str, **settings: str) -> None:
    """Deliver Nora as a member of Gold and Win-back, contacts being moved."""
    scenario.begin(membership=way, when_email_changes="move", **settings)
    scenario.stand.join_in_upserts()
    scenario.write_segments(1, refresh(NORA, churn=(NORA,)))
    assert not scenario.export.run().red


# The new address is another contact's


@WAYS
@LEAVING
@pytest.mark.parametrize("refused", [False, True])
def test_who_cannot_be_moved_leaves_in_the_run_that_joins_the_contact_of_the_new_address(
    scenario: Scenario, way: str, leaving: str, refused: bool
) -> None:
    """Or every mail would come twice until the next run."""
    begin(scenario, way, when_member_leaves=leaving)
    if refused:
        scenario.stand.refuse_taken_addresses()
    scenario.stand.staff.add_contact(THERE)
    scenario.write_segments(2, refresh(MOVED))

    assert not scenario.export.run().red

    assert (on_lists(scenario, NORA.EMail), on_lists(scenario, THERE)) == (set(), {"Gold"})
    assert scenario.export.run().attempts == 0
    scenario.write_segments(3, refresh(replace(MOVED, Subscriber="No")))
    assert not scenario.export.run().red
    assert on_lists(scenario, THERE) == set()


@WAYS
def test_what_cannot_be_left_at_once_is_left_later(scenario: Scenario, way: str) -> None:
    begin(scenario, way)
    scenario.stand.staff.add_contact(THERE)
    scenario.write_segments(2, refresh(MOVED))
    leaves = scenario.stand.at(Place.LEAVE_APART, way)
    scenario.emulator.inject(Fault(kind=FaultKind.ERROR, status=503, times=None, **leaves))
    assert scenario.export.run(retries=0).red
    assert on_lists(scenario, NORA.EMail) == {"Gold", "Win-back"}
    scenario.emulator.inject()

    assert not scenario.export.run().red

    assert (on_lists(scenario, NORA.EMail), on_lists(scenario, THERE)) == (set(), {"Gold"})
    assert scenario.export.run().attempts == 0


@WAYS
@KILLED
def test_who_cannot_be_moved_leaves_after_a_kill_at_any_answer(
    scenario: Scenario, monkeypatch: pytest.MonkeyPatch, way: str, answers: int, goes_on: bool
) -> None:
    begin(scenario, way)
    scenario.stand.staff.add_contact(THERE)
    scenario.write_segments(2, refresh(MOVED))
    run_killed(scenario.export, monkeypatch, answers, goes_on=goes_on)
    if not goes_on:
        assert not scenario.export.run().red

    assert (on_lists(scenario, NORA.EMail), on_lists(scenario, THERE)) == (set(), {"Gold"})
    scenario.export.run()
    assert scenario.export.run().attempts == 0


@WAYS
def test_who_unsubscribed_and_so_is_not_moved_leaves_at_once(scenario: Scenario, way: str) -> None:
    begin(scenario, way)
    scenario.stand.staff.unsubscribe(NORA.EMail)
    scenario.write_segments(2, refresh(MOVED))

    assert not scenario.export.run().red

    assert (on_lists(scenario, NORA.EMail), on_lists(scenario, THERE)) == (set(), set())
    assert scenario.export.run().attempts == 0


# Somebody else has the old address


def her_contact_was_given_the_new_one(scenario: Scenario, way: str, mode: str) -> None:
    """Nora stays in Gold; Ben, who has her old address, stays in Win-back, which she left."""
    scenario.begin(membership=way, when_email_changes=mode)
    scenario.stand.join_in_upserts()
    scenario.write_segments(1, refresh(NORA, churn=(NORA, BEN)))
    assert not scenario.export.run().red
    scenario.stand.staff.change_email(NORA.EMail, THERE)
    scenario.write_segments(2, refresh(MOVED, churn=(HAS_HER_OLD_ONE,)))


def require_each_on_their_own(scenario: Scenario) -> None:
    assert on_lists(scenario, THERE) == {"Gold"}
    assert on_lists(scenario, NORA.EMail) == {"Win-back"}
    assert on_lists(scenario, BEN.EMail) == set()


@WAYS
@pytest.mark.parametrize("mode", ["add", "move"])
@pytest.mark.parametrize("apart", [False, True])
@pytest.mark.parametrize("slow", [False, True])
def test_each_is_on_their_own_lists_after_that_run(
    scenario: Scenario, monkeypatch: pytest.MonkeyPatch, way: str, mode: str, apart: bool, slow: bool
) -> None:
    """Also where every contact is in a chunk of its own."""
    her_contact_was_given_the_new_one(scenario, way, mode)
    if apart:
        monkeypatch.setitem(chunk_changes.__kwdefaults__, "most_contacts", 1)
    if slow:
        slowly(scenario)

    result = scenario.export.run()

    assert not result.red, result.report.red_reasons
    require_each_on_their_own(scenario)
    scenario.emulator.inject()
    scenario.export.run()
    require_each_on_their_own(scenario)
    assert scenario.export.run().attempts == 0


@WAYS
@KILLED
def test_each_is_on_their_own_lists_after_a_kill_at_any_answer(
    scenario: Scenario, monkeypatch: pytest.MonkeyPatch, way: str, answers: int, goes_on: bool
) -> None:
    her_contact_was_given_the_new_one(scenario, way, "add")
    run_killed(scenario.export, monkeypatch, answers, goes_on=goes_on)
    if not goes_on:
        assert not scenario.export.run().red

    require_each_on_their_own(scenario)
    scenario.export.run()
    require_each_on_their_own(scenario)
    assert scenario.export.run().attempts == 0


@WAYS
@KILLED
def test_who_has_the_old_one_may_belong_on_the_same_list(
    scenario: Scenario, monkeypatch: pytest.MonkeyPatch, way: str, answers: int, goes_on: bool
) -> None:
    """Also where each of them is in a chunk of its own."""
    changed_there(scenario, way)
    scenario.write_segments(2, refresh(MOVED, HAS_HER_OLD_ONE))
    monkeypatch.setitem(chunk_changes.__kwdefaults__, "most_contacts", 1)
    run_killed(scenario.export, monkeypatch, answers, goes_on=goes_on)
    if not goes_on:
        assert not scenario.export.run().red

    assert (on_lists(scenario, NORA.EMail), on_lists(scenario, THERE)) == ({"Gold"}, {"Gold"})
    scenario.export.run()
    assert (on_lists(scenario, NORA.EMail), on_lists(scenario, THERE)) == ({"Gold"}, {"Gold"})
    assert scenario.export.run().attempts == 0


def test_a_join_alone_is_of_who_has_the_old_address_now(scenario: Scenario) -> None:
    """Nothing else is due for them: their names are the same, and their contact is not known yet."""
    scenario.begin()
    scenario.write_segments(1, refresh(NORA))
    assert not scenario.export.run().red
    scenario.stand.staff.change_email(NORA.EMail, THERE)
    twin = replace(NORA, CustomerId="c9")
    scenario.write_segments(2, refresh(MOVED, churn=(twin,)))

    assert not scenario.export.run().red

    assert (on_lists(scenario, NORA.EMail), on_lists(scenario, THERE)) == ({"Win-back"}, {"Gold"})
    scenario.export.run()
    assert scenario.export.run().attempts == 0
