"""Whose permission has no value any more leaves our lists; too many at once are not unsubscribed."""

from __future__ import annotations

import os
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest
from tests.faults.lake_folder import Profile

from segment_exports.commands.erasing.erasure import erase
from segment_exports.records.keyed_hash import KeyedHasher
from segment_exports.records.staging import Store

if TYPE_CHECKING:
    from tests.faults.scenario import Scenario

ALLOWED = 3
ANCHOR = Profile("anchor", "anchor@example.com")
PEOPLE = tuple(Profile(f"c{number}", f"p{number}@example.com") for number in range(8))
SAYS_NO, ERASED, SAYS_NO_ELSEWHERE, *SILENT = PEOPLE


def silent(*people: Profile) -> list[Profile]:
    return [replace(one, Subscriber="") for one in people]


def addresses(*people: Profile) -> set[str]:
    return {one.EMail for one in people}


def on_gold(scenario: Scenario) -> set[str]:
    return scenario.stand.members("Gold")


def unsubscribed(scenario: Scenario) -> set[str]:
    return scenario.stand.unsubscribed()


def write(scenario: Scenario, number: int, *gold: Profile, readers: tuple[Profile, ...] = ()) -> None:
    scenario.write_segments(
        number, {"Gold": [ANCHOR, *gold], "Churn": [ANCHOR], "Readers": [ANCHOR, *readers]}
    )


@pytest.fixture
def delivered(scenario: Scenario) -> Scenario:
    guards = {"unsubscribe_empty_up_to": ALLOWED, "stop_above_invalid": 1.0, "min_count": 1000}
    scenario.begin(when_permission_withdrawn="unsubscribe", guards=guards)
    write(scenario, 1, *PEOPLE)
    assert not scenario.export.run().red
    assert on_gold(scenario) == addresses(ANCHOR, *PEOPLE)
    return scenario


def test_a_few_are_unsubscribed(delivered: Scenario) -> None:
    gone, here = PEOPLE[:ALLOWED], PEOPLE[ALLOWED:]
    write(delivered, 2, *silent(*gone), *here)
    assert not delivered.export.run().red
    assert on_gold(delivered) == addresses(ANCHOR, *here)
    assert unsubscribed(delivered) == addresses(*gone)


def test_of_many_those_are_unsubscribed_who_said_no_or_were_erased(delivered: Scenario) -> None:
    no = [replace(one, Subscriber="No") for one in (SAYS_NO, replace(SAYS_NO_ELSEWHERE, EMail="new@x.com"))]
    write(delivered, 2, no[0], *silent(ERASED, SAYS_NO_ELSEWHERE, *SILENT), readers=(no[1],))
    hasher = KeyedHasher(os.environ["AIRFLOW_VAR_AUTOPILOT_LEDGER_SECRET"])
    staging = Store.local(delivered.export.staging)
    erase(staging, hasher, emails=[ERASED.EMail], customer_ids=[], now=datetime.now(UTC))

    result = delivered.export.run()

    assert on_gold(delivered) == addresses(ANCHOR)
    assert unsubscribed(delivered) == addresses(SAYS_NO, ERASED, SAYS_NO_ELSEWHERE)
    assert result.red
    (reason,) = result.report.red_reasons
    assert reason.startswith(
        "5 people on our lists gave permission before and have no value in Subscriber now"
    )
    assert "guards.unsubscribe_empty_up_to allows 3 at once" in reason


@pytest.mark.parametrize(
    "broken", [{"EMail": ""}, {"EMail": "nobody"}, {"Points": "many"}, {"EMail": "new@x.com"}]
)
def test_that_is_so_whatever_else_is_broken_in_their_profiles(
    delivered: Scenario, broken: dict[str, str]
) -> None:
    write(delivered, 2, *(replace(one, Subscriber="", **broken) for one in PEOPLE))
    assert delivered.export.run().red
    assert on_gold(delivered) == addresses(ANCHOR)
    assert unsubscribed(delivered) == set()


def test_when_the_column_is_back_they_are_on_their_lists_again(delivered: Scenario) -> None:
    write(delivered, 2, *silent(*PEOPLE))
    assert delivered.export.run().red
    write(delivered, 3, *PEOPLE)
    assert not delivered.export.run().red
    assert on_gold(delivered) == addresses(ANCHOR, *PEOPLE)


def test_who_was_silent_before_is_not_counted_again(delivered: Scenario) -> None:
    write(delivered, 2, *silent(*PEOPLE[:ALLOWED]), *PEOPLE[ALLOWED:])
    assert not delivered.export.run().red
    write(delivered, 3, *silent(*PEOPLE[: ALLOWED + 1]), *PEOPLE[ALLOWED + 1 :])
    assert not delivered.export.run().red
    assert unsubscribed(delivered) == addresses(*PEOPLE[: ALLOWED + 1])
