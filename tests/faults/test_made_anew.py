"""A contact that staff deleted and a refresh made anew: what nobody answered or wrote down counts too."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from tests.faults.lake_folder import Profile
from tests.faults.simulated_kills import Kill, Killer, Moment
from tests.stands.account_stand import Place

from segment_emulators.autopilot import Fault, FaultKind

if TYPE_CHECKING:
    from tests.faults.scenario import Scenario

ANCHOR = Profile("anchor", "anchor@example.com")
NORA = Profile("c1", "p1@example.com", "Nora")
CHANGED = replace(NORA, Tier="gold")
WITHDRAWN = replace(NORA, Subscriber="No")


def refresh(*gold: Profile, churn: tuple[Profile, ...] = ()) -> dict[str, list[Profile]]:
    return {"Gold": [ANCHOR, *gold], "Churn": [ANCHOR, *churn], "Readers": [ANCHOR]}


def deleted_by_staff(scenario: Scenario, way: str, **settings: str) -> None:
    """Deliver Nora as a member of Gold; then staff delete her."""
    scenario.begin(membership=way, **settings)
    scenario.stand.join_in_upserts()
    scenario.write_segments(1, refresh(NORA))
    assert not scenario.export.run().red
    scenario.stand.staff.delete_contact(NORA.EMail)


def made_anew_without_an_answer(scenario: Scenario) -> None:
    """She changed and joins another list: both is done, and never acknowledged."""
    scenario.write_segments(2, refresh(CHANGED, churn=(CHANGED,)))
    unanswered = Fault(kind=FaultKind.RESET, work_done=True, times=None, **scenario.stand.at(Place.UPSERT))
    scenario.emulator.inject(unanswered)
    assert scenario.export.run(retries=0).red
    scenario.emulator.inject()
    assert "Win-back" in memberships(scenario)


def memberships(scenario: Scenario) -> set[str]:
    """Return the lists that she is on."""
    return scenario.stand.lists_of(NORA.EMail)


@pytest.mark.parametrize("withdrawn", ["remove", "unsubscribe"])
@pytest.mark.ways("bulk", "field")
def test_who_was_made_anew_without_an_answer_and_withdraws_leaves_every_list(
    scenario: Scenario, way: str, withdrawn: str
) -> None:
    """The ledger knows the id of the contact that is gone; the new one is found by its address."""
    deleted_by_staff(scenario, way, when_permission_withdrawn=withdrawn)
    made_anew_without_an_answer(scenario)
    scenario.write_segments(3, refresh(WITHDRAWN, churn=(WITHDRAWN,)))

    assert not scenario.export.run().red

    assert memberships(scenario) == set()
    contact = scenario.stand.person(NORA.EMail)
    assert bool(contact.unsubscribed) is (withdrawn == "unsubscribe")
    assert scenario.export.run().attempts == 0


@pytest.mark.ways("bulk", "field")
def test_who_was_made_anew_without_an_answer_and_left_one_list_stays_on_the_other(
    scenario: Scenario, way: str
) -> None:
    deleted_by_staff(scenario, way)
    made_anew_without_an_answer(scenario)
    scenario.write_segments(3, refresh(CHANGED))

    assert not scenario.export.run().red

    assert memberships(scenario) == {"Gold"}


@pytest.mark.parametrize("answers", range(1, 6))
@pytest.mark.ways("list", "bulk", "field")
def test_who_withdraws_after_a_kill_between_the_contact_and_its_memberships_leaves_every_list(
    scenario: Scenario, monkeypatch: pytest.MonkeyPatch, way: str, answers: int
) -> None:
    """The upload that made her anew dies after some of its answers, and its run is never settled."""
    killer = Killer(monkeypatch)
    deleted_by_staff(scenario, way)
    scenario.write_segments(2, refresh(CHANGED))
    kill = Kill(Moment.AFTER_ANSWER, answers)
    scenario.export.run(retries=0, settle=False, before_upload=lambda: killer.arm(kill))
    killer.arm(None)
    scenario.write_segments(3, refresh(WITHDRAWN))

    assert not scenario.export.run().red

    contact = scenario.stand.person(NORA.EMail)
    assert contact is None or memberships(scenario) == set()


@pytest.mark.parametrize("mode", ["add", "move"])
def test_whose_new_address_is_refused_gets_no_mail_at_the_old_one(scenario: Scenario, mode: str) -> None:
    """With ``move`` the run that learns of the refusal is the last with the old address on a list."""
    scenario.begin(when_email_changes=mode)
    scenario.write_segments(1, refresh(NORA))
    assert not scenario.export.run().red
    scenario.write_segments(2, refresh(replace(NORA, EMail="p1@bad.example.com")))
    scenario.export.run()

    scenario.export.run()

    assert scenario.stand.members("Gold") == {ANCHOR.EMail}
    assert scenario.export.run().attempts == 0


def test_who_was_moved_but_whose_values_are_refused_stays_on_the_list(scenario: Scenario) -> None:
    """The contact has the new address already: leaving under the old one would end its mailing."""
    scenario.begin(when_email_changes="move")
    scenario.write_segments(1, refresh(NORA))
    assert not scenario.export.run().red
    moved = replace(NORA, EMail="new@example.com", FirstName="Nora Anders")
    scenario.write_segments(2, refresh(moved))
    upserts = scenario.stand.at(Place.UPSERT)
    scenario.emulator.inject(Fault(kind=FaultKind.ERROR, status=400, times=None, **upserts))
    scenario.export.run()
    assert scenario.stand.members("Gold") == {ANCHOR.EMail, moved.EMail}

    scenario.export.run()

    assert scenario.stand.members("Gold") == {ANCHOR.EMail, moved.EMail}
