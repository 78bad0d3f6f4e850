"""Faults at most requests, until the upload task fails: a retry, a cleared task or the next run heals it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from tests.faults.fault_kinds import KINDS
from tests.stands.account_stand import Place

from segment_emulators.autopilot import Fault, FaultKind

if TYPE_CHECKING:
    from tests.faults.scenario import Scenario

PEOPLE = 40
STORMS = [name for name in KINDS if name not in ("latency", "done after the client gave up")]
"""Those that make requests fail; of the two that make clients wait, one is enough."""


@pytest.mark.parametrize("fault", STORMS)
def test_airflows_retry_finishes_what_a_storm_left(scenario: Scenario, fault: str) -> None:
    scenario.begin(people=PEOPLE)
    scenario.strike(fault)
    scenario.refresh(1)

    result = scenario.refresh(
        2,
        before_upload=lambda: scenario.storm(fault, seed=2),
        between_attempts=lambda: scenario.emulator.inject(),
    )

    assert result.attempts == 3 or fault == "429", "the duties first: of two chunks one is tried again"
    assert not result.red, result.report.red_reasons
    scenario.check()


@pytest.mark.parametrize(
    "fault",
    [
        "429",
        "500 after the work",
        "reset before the work",
        "reset after the work",
        "truncated JSON",
        "HTML 200 before the work",
    ],
)
@pytest.mark.parametrize("settled", [True, False], ids=["settled", "unsettled"])
def test_the_next_run_finishes_what_a_storm_left(scenario: Scenario, fault: str, settled: bool) -> None:
    """The task is given up; its run is settled red, or dies with its worker before it is settled."""
    scenario.begin(people=PEOPLE)
    scenario.refresh(1)
    given_up = scenario.refresh(
        2,
        retries=0,
        settle=settled,
        before_upload=lambda: scenario.storm(fault, seed=1),
    )
    assert given_up.errors or fault == "429"
    assert not settled or given_up.red == bool(given_up.errors)
    scenario.emulator.inject()

    result = scenario.refresh(3)

    assert not result.red, result.report.red_reasons
    scenario.check()


@pytest.mark.ways("auto", "field")
@pytest.mark.parametrize("fault", ["500 after the work", "reset before the work", "HTML 200 after the work"])
def test_storms_in_the_other_ways_of_membership(scenario: Scenario, way: str, fault: str) -> None:
    scenario.stand.join_in_upserts()
    scenario.begin(people=PEOPLE, membership=way)
    scenario.refresh(1)
    scenario.refresh(
        2,
        retries=1,
        settle=False,
        before_upload=lambda: scenario.storm(fault, seed=4),
    )
    scenario.emulator.inject()

    assert not scenario.refresh(3).red

    scenario.check()


@pytest.mark.ways("list", "auto", "field")
def test_a_storm_at_the_first_export_makes_no_list_twice(scenario: Scenario, way: str) -> None:
    scenario.stand.join_in_upserts()
    scenario.begin(people=PEOPLE, membership=way)

    result = scenario.refresh(
        1,
        before_upload=lambda: scenario.storm("reset after the work", seed=3, probability=0.7),
        between_attempts=lambda: scenario.emulator.inject(),
    )

    assert not result.red, result.report.red_reasons
    scenario.check()


def test_a_retry_restores_a_deleted_contact_whose_restoring_failed(scenario: Scenario) -> None:
    """A deleted contact that joins a list is sent whole; the payload isn't in its chunk."""
    scenario.begin(people=PEOPLE)
    scenario.refresh(1)
    fails = Fault(kind=FaultKind.ERROR, skip=1, times=None, **scenario.stand.at(Place.UPSERT))

    result = scenario.refresh(
        2,
        before_upload=lambda: scenario.emulator.inject(fails),
        between_attempts=lambda: scenario.emulator.inject(),
    )

    assert result.attempts == 3, "the duties first: of two chunks one is tried again"
    scenario.check()


@pytest.mark.parametrize("taken", range(1, 6))
@pytest.mark.ways("list", "auto")
def test_the_next_run_restores_a_deleted_contact_that_a_join_made_anew(
    scenario: Scenario, way: str, taken: int
) -> None:
    """The run is given up after so many bulk upserts: one of them made somebody anew, without fields."""
    scenario.stand.join_in_upserts()
    scenario.begin(people=PEOPLE, membership=way)
    scenario.refresh(1)
    gone = Fault(kind=FaultKind.RESET, skip=taken, times=None, **scenario.stand.at(Place.UPSERT))
    scenario.refresh(2, retries=0, before_upload=lambda: scenario.emulator.inject(gone))
    scenario.emulator.inject()

    assert not scenario.refresh(3).red

    scenario.check()


def test_a_page_that_answers_404_says_nothing_of_a_contact(scenario: Scenario) -> None:
    """Some proxies say 404 for the whole host: nobody has left a list because of that."""
    scenario.begin(people=PEOPLE)
    scenario.refresh(1)
    page = Fault(kind=FaultKind.HTML, status=404, times=None, **scenario.stand.at(Place.LEAVE))

    given_up = scenario.refresh(2, before_upload=lambda: scenario.emulator.inject(page))

    assert given_up.red
    deleted = 0 if scenario.membership == "list" else 1
    assert given_up.report.operations["leave"].delivered <= deleted, "who is read to be gone has left"
    scenario.emulator.inject()
    # Of whom something is in doubt, id and address are asked to leave: they may be two contacts.
    scenario.leave_by_both_names |= {"withdraws@example.com"}
    assert not scenario.refresh(3).red
    scenario.check()


def test_a_revoked_key_stops_the_run_at_once_and_a_cleared_task_goes_on_with_the_new_one(
    scenario: Scenario,
) -> None:
    scenario.begin(people=PEOPLE)
    scenario.refresh(1)
    revoked = Fault(kind=FaultKind.KEY_REVOKED, skip=3, **scenario.stand.at(Place.JOIN))

    result = scenario.refresh(2, before_upload=lambda: scenario.emulator.inject(revoked))

    assert result.attempts == 2, "of two chunks, the duties first, none is tried again"
    assert result.red
    assert any(re.search("API key .* is wrong.* or was revoked", one) for one in result.report.red_reasons)
    refused = scenario.emulator.log.select(status=401)
    assert 1 <= len(refused) <= 16  # what was in flight, and what set out before the first answer came
    scenario.emulator.rotate_key("another-key")
    scenario.export.connect()
    cleared = scenario.export.clear_upload(result.run_id)
    assert not cleared.red, cleared.report.red_reasons
    scenario.check()
    scenario.refresh(3)
    scenario.check()


def test_after_a_revoked_key_the_next_run_goes_on(scenario: Scenario) -> None:
    scenario.begin(people=PEOPLE)
    scenario.refresh(1)
    revoked = Fault(kind=FaultKind.KEY_REVOKED, skip=2, **scenario.stand.at(Place.JOIN))
    assert scenario.refresh(2, before_upload=lambda: scenario.emulator.inject(revoked)).red
    scenario.emulator.rotate_key("another-key")
    scenario.export.connect()

    assert not scenario.refresh(3).red

    scenario.check()


def test_a_task_that_is_cleared_after_a_newer_run_sends_nothing(scenario: Scenario) -> None:
    """The older plan would take people back in time."""
    scenario.begin(people=PEOPLE)
    scenario.refresh(1)
    outage = Fault(kind=FaultKind.RESET, times=None, **scenario.stand.at(Place.DELIVERY))
    older = scenario.refresh(2, retries=0, before_upload=lambda: scenario.emulator.inject(outage))
    scenario.emulator.inject()
    scenario.refresh(3)
    before = len(scenario.emulator.log)

    cleared = scenario.export.clear_upload(older.run_id)

    assert cleared.red
    assert any("newer" in reason for reason in cleared.report.red_reasons)
    assert scenario.stand.writes(before) == []
    scenario.check()
    assert scenario.export.run_until_calm().attempts == 0


def test_a_disabled_connection_stops_the_run_and_an_enabled_one_goes_on(scenario: Scenario) -> None:
    scenario.begin(people=PEOPLE)

    result = scenario.refresh(1, before_upload=lambda: scenario.export.connect(enabled=False))

    assert result.attempts == 1
    assert result.red
    assert scenario.stand.writes() == []
    scenario.export.connect()
    assert not scenario.export.clear_upload(result.run_id).red
    scenario.check()
