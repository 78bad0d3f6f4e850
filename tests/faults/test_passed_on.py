"""An address that passes from one person to another: its lists are those of the one who has it now."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from tests.faults.lake_folder import Profile
from tests.stands.account_stand import Place

from segment_emulators.autopilot import Fault, FaultKind

if TYPE_CHECKING:
    from tests.faults.scenario import Scenario

ANCHOR = Profile("anchor", "anchor@example.com")
NORA = Profile("c1", "office@example.com", "Nora", Tier="gold")
OMAR = Profile("c2", NORA.EMail, "Omar")
"""He has her address after her."""

WAYS = pytest.mark.ways("list", "bulk", "field")


def refresh(
    gold: tuple[Profile, ...] = (), churn: tuple[Profile, ...] = (), readers: tuple[Profile, ...] = ()
) -> dict[str, list[Profile]]:
    return {"Gold": [ANCHOR, *gold], "Churn": [ANCHOR, *churn], "Readers": [ANCHOR, *readers]}


def on_lists(scenario: Scenario) -> set[str]:
    return scenario.stand.lists_of(NORA.EMail)


@pytest.fixture(params=["keep", "remove"])
def begun(scenario: Scenario, request: pytest.FixtureRequest, way: str) -> Scenario:
    """Nora was delivered to two lists."""
    scenario.begin(membership=way, when_member_leaves=request.param)
    scenario.stand.join_in_upserts()
    scenario.write_segments(1, refresh(gold=(NORA,), churn=(NORA,)))
    assert not scenario.export.run().red
    return scenario


@WAYS
def test_he_is_on_none_of_her_lists_but_where_he_belongs(begun: Scenario, way: str) -> None:
    begun.write_segments(2, refresh(churn=(OMAR,), readers=(OMAR,)))

    result = begun.export.run()

    assert not result.red, result.report.red_reasons
    assert on_lists(begun) == {"Win-back", "Readers"}
    assert "1 address passed from one person to another" in " ".join(result.report.warnings)
    again = begun.export.run()
    assert again.attempts == 0
    assert "passed" not in " ".join(again.report.warnings)


@WAYS
def test_her_lists_are_left_in_the_next_run_where_they_could_not_be_in_this_one(
    begun: Scenario, way: str
) -> None:
    begun.write_segments(2, refresh(readers=(OMAR,)))
    leaves = begun.stand.at(Place.LEAVE, way)
    begun.emulator.inject(Fault(kind=FaultKind.ERROR, status=503, times=None, **leaves))
    assert begun.export.run(retries=0).red
    begun.emulator.inject()

    assert not begun.export.run().red

    assert on_lists(begun) == {"Readers"}


@WAYS
def test_her_new_address_joins_her_lists_and_his_address_leaves_them(begun: Scenario, way: str) -> None:
    moved = replace(NORA, EMail="nora@example.com")
    begun.write_segments(2, refresh(gold=(moved,), readers=(OMAR,)))

    assert not begun.export.run().red

    assert on_lists(begun) == {"Readers"}
    assert moved.EMail in begun.stand.listed("Gold")


@pytest.mark.ways("list")
def test_people_who_share_an_address_take_nothing_from_each_other(begun: Scenario, way: str) -> None:
    """Whose row wins changes with each refresh."""
    for number, gold, readers in ((2, OMAR, NORA), (3, NORA, OMAR)):
        begun.write_segments(number, refresh(gold=(gold,), readers=(readers,)))
        result = begun.export.run()
        assert not result.red
        assert on_lists(begun) >= {"Gold", "Readers"}
        assert "passed" not in " ".join(result.report.warnings)
