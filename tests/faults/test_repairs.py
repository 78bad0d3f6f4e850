"""What a person can ask for, and what drifts behind the exporter's back: the account ends as it must."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from tests.faults.people import Event, refresh

if TYPE_CHECKING:
    from tests.faults.scenario import Scenario

PEOPLE = 40
DRIFT = (
    Event("delete", "p7@example.com"),
    Event("delete", "steady@example.com"),
    Event("remove", "p5@example.com", "Readers"),
    Event("unsubscribe", "p8@example.com"),
    Event("delete", "moves-unsubscribed@example.com"),
)
"""Contacts and memberships that are gone, and an unsubscribed old address that was cleaned up."""


def drift(scenario: Scenario, *, way: str | None = None) -> None:
    scenario.begin(people=PEOPLE, membership=way)
    for number in (1, 2, 3):
        scenario.refresh(number)
    for event in DRIFT:
        scenario.do(event)


@pytest.mark.ways("list", "auto", "field")
def test_a_reconcile_repairs_memberships(scenario: Scenario, way: str) -> None:
    drift(scenario, way=way)
    scenario.expected.reconcile()

    result = scenario.refresh(4, reconcile=True)

    assert not result.red, result.report.red_reasons
    scenario.check()


@pytest.mark.ways("list", "auto", "field")
def test_a_full_resync_brings_back_what_is_gone(scenario: Scenario, way: str) -> None:
    """But nobody who unsubscribed, be it under an address that is gone."""
    drift(scenario, way=way)
    scenario.expected.resync()

    result = scenario.refresh(4, full_resync=True)

    assert not result.red, result.report.red_reasons
    scenario.check()


@pytest.mark.ways("list", "bulk", "field")
def test_who_withdraws_after_a_run_whose_files_were_lost_leaves_by_a_reconcile(
    scenario: Scenario, way: str
) -> None:
    scenario.begin(people=PEOPLE, membership=way)
    scenario.refresh(1)
    scenario.happen(2)
    scenario.write(2)
    lost = scenario.export.run(settle=False)
    scenario.export.files(lost.run_id).export.remove(f"runs/{lost.run_id}")
    newcomer, changes = "newcomer@example.com", "changes@example.com"
    assert newcomer in scenario.members("Win-back")
    segments = refresh(2, PEOPLE)
    for name, people in segments.items():
        segments[name] = [
            replace(one, Subscriber="No") if one.EMail in (newcomer, changes) else one for one in people
        ]
    scenario.write_segments(3, segments)

    result = scenario.export.run(reconcile=True)

    assert not result.red, result.report.red_reasons
    for title in ("Gold", "Win-back", "Readers"):
        assert not {newcomer, changes} & scenario.members(title)
    assert any(
        "Win-back: 1 person was on it without giving permission" in one for one in result.report.warnings
    )
    assert "stranger@example.com" in scenario.members("Gold")


def test_a_changed_mapping_sends_every_contact_again_and_undoes_no_unsubscribe(scenario: Scenario) -> None:
    drift(scenario)
    mapping = {**scenario.settings["mapping"], "Salutation": "LastName"}
    scenario.export.define({**scenario.settings, "mapping": mapping})
    scenario.expected.rules = replace(scenario.expected.rules, salutation="LastName")

    result = scenario.refresh(4)

    assert not result.red, result.report.red_reasons
    assert result.report.comparison == "full"
    scenario.allow("Salutation")
    scenario.check()


def test_a_dry_run_sends_nothing_and_leaves_everything_to_the_next_run(scenario: Scenario) -> None:
    scenario.begin(people=PEOPLE)
    scenario.refresh(1)
    before = len(scenario.emulator.log)

    dry = scenario.refresh(2, dry_run=True)

    assert scenario.stand.writes(before) == []
    assert dry.report.state == "dry_run"
    assert not scenario.export.run().red
    scenario.check()


@pytest.mark.parametrize("settled", [True, False])
def test_a_run_that_is_cleared_from_its_start_goes_on(scenario: Scenario, settled: bool) -> None:
    """A person clears all tasks of a run that failed midway."""
    scenario.begin(people=PEOPLE)
    scenario.refresh(1)
    failed = scenario.refresh(
        2,
        retries=0,
        settle=settled,
        before_upload=lambda: scenario.storm("reset after the work", seed=5),
    )
    scenario.emulator.inject()

    cleared = scenario.export.clear_run(failed.run_id)

    assert not cleared.red, cleared.report.red_reasons
    scenario.check()
    assert scenario.export.run_until_calm().attempts == 0
