"""Whatever happens to runs, in the end the destination holds what the last plan says."""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING, Any

import pytest
from tests.segment_exports.staged_run import Person, Stage, definition_of, operations

from segment_exports.records.outcomes import Outcome
from segment_exports.records.plan import PlanState

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

NAMES = "abcdef"


def population(random: Random) -> tuple[list[Person], list[Person]]:
    """People of one run: each name is one customer, who may be absent, withheld, or have a new address."""
    present, withheld = [], []
    for name in NAMES:
        if random.random() < 0.4:
            continue
        address = random.choice([f"{name}@example.com", f"{name}@new.example.com"])
        segments = tuple(sorted(random.sample("AB", random.randint(1, 2))))
        person = Person(address, name, segments, random.randint(0, 2))
        (withheld if random.random() < 0.2 else present).append(person)
    return present, withheld


class Destination:
    """What an account would hold."""

    def __init__(self) -> None:
        self.payloads: dict[str, str] = {}
        self.lists: dict[str, set[str]] = {}

    def do(self, row: dict[str, Any], operation: str, title: str | None) -> None:
        email = row["email"] or row["contact_id"].removeprefix("person_")
        if operation == "upsert":
            self.payloads[email] = row["payload"]
        elif operation == "join":
            self.lists.setdefault(email, set()).add(str(title))
        else:
            self.lists.get(email, set()).discard(str(title))


def fate(random: Random, destination: Destination, *, killed: bool) -> Callable[..., Outcome | None]:
    """Answer each operation by chance; one of unknown fate may have been done.

    Only a killed task leaves operations without a receipt.
    """
    fates = [*[Outcome.DELIVERED] * 3, Outcome.FAILED, None if killed else Outcome.NOT_SENT]

    def decide(row: dict[str, Any], operation: str, title: str | None) -> Outcome | None:
        outcome = random.choice(fates)
        if outcome is Outcome.DELIVERED or (outcome is not Outcome.NOT_SENT and random.random() < 0.5):
            destination.do(row, operation, title)
        return outcome

    return decide


def well(destination: Destination) -> Callable[..., Outcome]:
    def deliver(row: dict[str, Any], operation: str, title: str | None) -> Outcome:
        destination.do(row, operation, title)
        return Outcome.DELIVERED

    return deliver


@pytest.mark.parametrize("seed", range(30))
def test_in_the_end_the_destination_holds_what_the_last_plan_says(seed: int, tmp_path: Path) -> None:
    random = Random(seed)
    leaving = random.choice(["keep", "remove"])
    stage = Stage(tmp_path, definition_of(when_member_leaves=leaving))
    destination = Destination()
    for number in range(1, random.randint(2, 4)):
        present, withheld = population(random)
        run = stage.run(number).read(present, withheld=withheld)
        run.plan()
        run.chunks(approved=True)
        killed = random.random() < 0.5
        run.deliver(fate(random, destination, killed=killed), ended=not killed)
        if random.random() < 0.5:
            run.settle(approved=True)
    present, withheld = population(random)
    last = stage.run(8).read(present, withheld=withheld)
    last.plan()
    last.chunks(approved=True)
    report = last.deliver(well(destination)).settle(approved=True)
    assert report.contacts.failed == report.contacts.not_sent == 0

    for person in present:
        assert destination.payloads[person.email] == person.payload
        held = destination.lists.get(person.email, set())
        assert held == set(person.segments) if leaving == "remove" else held >= set(person.segments)
    if leaving == "remove":
        gone = set(destination.lists) - {person.email for person in present}
        assert {email for email in gone if destination.lists[email]} == set()
    for person in withheld:
        assert not destination.lists.get(person.email)

    again = stage.run(9).read(present, withheld=withheld)
    assert again.plan().state is not PlanState.READY
    assert operations(again.chunks(approved=True)) == {}
