"""What nobody knows of Ortto, on every side of it, with a fault at one request of ten.

The numbers are those of the questions in the facts on Ortto's API. Run with ``-s`` for the table.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest
from tests.faults.fault_kinds import one_of_ten
from tests.faults.people import Event
from tests.stands.account_stand import Place
from tests.stands.alone import Why

from segment_emulators.ortto import (
    AddressWithId,
    ArchivedPerson,
    AsyncAnswer,
    BadRequests,
    BanAnswer,
    Case,
    EmptyText,
    Fault,
    FaultKind,
    IgnoredPerson,
    LongText,
    ManyMerges,
    MixedPeople,
    Order,
    OverLimit,
    PermissionOmitted,
    SamePerson,
    SkippedPerson,
    TooLarge,
)
from segment_exports.destinations.ortto.delivering import chunk_delivery

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.faults.scenario import Scenario

pytestmark = pytest.mark.alone(Why.ORTTO_SWITCHES)

PEOPLE = 50
SMALL_BODY = 3000
SHORT_WHILE = 0.03
"""Seconds until a change is seen; the tests' waits for it are as short."""

ARCHIVED = (
    Event("unsubscribe", "p13@example.com"),
    Event("archive", "p13@example.com"),
    Event("archive", "p23@example.com"),
)
"""Of both something is due in the second refresh."""


def sides(switch: str, values: Any, **more: Any) -> list[dict[str, Any]]:
    return [{switch: value, **more} for value in values]


QUESTIONS: dict[str, list[dict[str, Any]]] = {
    "1 good and bad in one request": sides("mixed", MixedPeople),
    "2 order of the items": sides("order", Order),
    "3 skip_non_existing, not there": sides("skipped", SkippedPerson),
    "4 strategy 3, is there": [
        {"ignored": word, "ignored_tags": tags} for word in IgnoredPerson for tags in (False, True)
    ],
    "5 bol::p omitted, unsubscribed": sides("permission_omitted", PermissionOmitted),
    "6 async answer": sides("async_answer", AsyncAnswer),
    "7 case of tags": sides("tag_case", Case),
    "8 which requests count, what a ban is answered": [
        {"bad_requests": bad, "ban_answer": answer, "mixed": MixedPeople.REFUSED_NAMING_BAD}
        for bad in BadRequests
        for answer in BanAnswer
    ],
    "9 a field that exists": sides("existing_field", (400, 409, 423)),
    "10 over 2 MB": sides("too_large", TooLarge, body_limit=SMALL_BODY),
    "11 text that is too long": sides("long_text", LongText),
    "12 case of addresses": sides("email_case", Case),
    "13 an archived person again": sides("archived", ArchivedPerson),
    "14 one person in two requests at once": sides("same_person", SamePerson),
    "15 many merges at once": sides("many_merges", ManyMerges, merges_at_once=1),
    "16 the account is full": sides("over_limit", OverLimit, contact_limit=30),
    "17 until a read sees a merge": [
        {"seen_after": listing, "seen_by_id_after": by_id}
        for listing, by_id in ((0.0, 0.0), (SHORT_WHILE, 0.0), (SHORT_WHILE, SHORT_WHILE))
    ],
    "18 an empty text": sides("empty_text", EmptyText),
    "+ a merge by id without an address": sides("address_with_id", AddressWithId),
}


@dataclass
class Table:
    """A line for each side that was tried."""

    lines: list[str] = field(default_factory=list)

    def add(self, question: str, side: dict[str, Any], scenario: Scenario, struck: int) -> None:
        emulator = scenario.emulator
        told = ", ".join(f"{name}={getattr(value, 'value', value)}" for name, value in side.items())
        again = [one for one in emulator.account.activities if one.what == "subscribed"]
        self.lines.append(
            f"{question:48} {told:72} {len(emulator.log):8} {struck:6} {len(emulator.bad_requests):5} "
            f"{len(emulator.bans):4} {len(again):10} as planned"
        )


@pytest.fixture(scope="module")
def table() -> Iterator[Table]:
    found = Table()
    yield found
    head = f"{'question':48} {'side':72} {'requests':8} {'faults':6} {'bad':>5} {'bans':4} {'subscribed':10}"
    print("", head, *found.lines, sep="\n")


@pytest.mark.parametrize(
    ("question", "side"),
    [
        pytest.param(question, side, id=f"{question.partition(' ')[0]}-{number}")
        for question, several in QUESTIONS.items()
        for number, side in enumerate(several)
    ],
)
def test_on_either_side_the_account_ends_as_planned(
    scenario: Scenario, monkeypatch: pytest.MonkeyPatch, table: Table, question: str, side: dict[str, Any]
) -> None:
    """Also: no ban, and nobody subscribed again, be it between two runs, before the first, or archived."""
    prepare(question, monkeypatch)
    emulator, struck = scenario.emulator, 0
    emulator.switch(**side)
    scenario.begin(people=PEOPLE, expects={"longest_text": 255})
    scenario.too_long = question.startswith("11 ")
    for number in (1, 2, 3):
        for event in ARCHIVED if number == 2 else ():
            scenario.do(event)
        scenario.without_points = {"p5@example.com"} if number == 3 else set()
        emulator.inject(*of_its_own(question, scenario), *one_of_ten(scenario.stand, seed=number))
        result = scenario.refresh(number)
        if "contact_limit" in side and number == 1:
            assert result.red
            emulator.switch(contact_limit=None)
            result = scenario.export.run()
        struck += sum(hits for _, hits in emulator.faults.counts())
        emulator.inject()
        assert not result.red, result.report.red_reasons
        scenario.check()
    assert emulator.bans == []
    assert [one for one in emulator.account.activities if one.what == "subscribed"] == []
    assert [one for one in emulator.log.entries if one.options.get("async")] == []
    assert [one for one in emulator.log.entries if one.malformed] == []
    assert {"p2@example.com", "p4@example.com", "p13@example.com"} <= scenario.stand.unsubscribed()
    table.add(question, side, scenario, struck)


def prepare(question: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let bodies be so large that they have to be cut."""
    if question.startswith("10 "):
        monkeypatch.setattr(chunk_delivery, "BATCH_LIMIT", 100)
        monkeypatch.setattr(chunk_delivery, "LARGEST_BODY", SMALL_BODY)


def of_its_own(question: str, scenario: Scenario) -> list[Fault]:
    """Return faults without which a question would not be asked."""
    if not question.startswith("9 "):
        return []
    made = {"method": "POST", "path": "^/person/custom-field/create$"}
    return [Fault(kind=FaultKind.RESET, work_done=True, times=2, **made)]


@pytest.mark.parametrize("answer", BanAnswer)
@pytest.mark.parametrize("ours", [True, False], ids=["some of ours", "none of ours"])
def test_a_ban_that_others_behind_the_address_brought_about_costs_nobody_anything(
    scenario: Scenario, answer: BanAnswer, ours: bool
) -> None:
    """It is waited out where bad requests of ours were among them, else by the next run."""
    emulator = scenario.emulator
    emulator.switch(ban_answer=answer, mixed=MixedPeople.REFUSED_NAMING_BAD)
    scenario.begin(people=PEOPLE)
    scenario.refresh(1)
    if ours:
        refused = Fault(kind=FaultKind.ERROR, status=400, times=1, **scenario.stand.at(Place.UPSERT))
        emulator.inject(refused)

    result = scenario.refresh(2, before_upload=lambda: scenario.stand.be_banned())

    assert emulator.bans
    if result.red:
        scenario.stand.let_pass(emulator.switches.ban_seconds)
        emulator.inject()
        result = scenario.export.run()
    assert not result.red, result.report.red_reasons
    scenario.check()
