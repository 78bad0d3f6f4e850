"""Runs that end anywhere, are planned again, settled twice or never, by a definition that changes.

The destination is a model that knows contacts by id, so that one that was given a new address is the
same contact. Whatever happened, after two undisturbed runs it holds what the last one says.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from random import Random
from typing import TYPE_CHECKING, Any

import pytest
from fsspec.implementations.memory import MemoryFileSystem
from tests.segment_exports.staged_run import HASHER, START, Person, Stage, definition_of, operations

from segment_exports.commands.erasing.erasure import erase
from segment_exports.records.outcomes import Outcome
from segment_exports.records.plan import PlanState
from segment_exports.records.staging import Store

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.segment_exports.staged_run import Run

NAMES = "abcdef"
SHARING = "ab"
SHARED = "shared@example.com"


@dataclass
class Contact:
    id: str
    email: str
    payload: str | None = None
    lists: set[str] = field(default_factory=set)


class Account:
    """An account that carries out what it is asked, and gives contacts ids.

    ``way`` is how membership is kept at the moment; lists and fields know nothing of each other.
    """

    def __init__(self, *, moves: bool) -> None:
        self.contacts: dict[str, Contact] = {}
        self.way = "list"
        self._moves = moves
        self._made = 0

    def by_email(self, email: str) -> Contact | None:
        return next((one for one in self.contacts.values() if one.email == email), None)

    def lose(self, random: Random) -> None:
        """Lose a contact, as if somebody had deleted it there."""
        if self.contacts and random.random() < 0.3:
            del self.contacts[random.choice(sorted(self.contacts))]

    def id_of(self, email: str) -> str | None:
        contact = self.by_email(email)
        return contact.id if contact else None

    def do(self, row: dict[str, Any], operation: str, title: str | None) -> bool:
        """Carry an operation out; tell whether that was possible."""
        if operation == "upsert":
            self._move(row)
            contact = self.by_email(row["email"])
            if contact is None:
                self._made += 1
                contact = Contact(f"id {self._made}", row["email"])
                self.contacts[contact.id] = contact
            contact.payload = row["payload"]
            return True
        if operation == "leave":
            # Who is to be given the address may have it already or not, so both places are left.
            ids = (row["contact_id"], row["moved_contact_id"], self.id_of(row["email"]))
            for contact in [self.contacts[one] for one in ids if one in self.contacts]:
                contact.lists.discard(f"{title} by {self.way}")
            return True
        contact = self.contacts.get(row["contact_id"]) or self.by_email(row["email"])
        if contact is not None:
            contact.lists.add(f"{title} by {self.way}")
        return contact is not None

    def _move(self, row: dict[str, Any]) -> None:
        previous = self.contacts.get(row["moved_contact_id"])
        if self._moves and previous is not None and self.by_email(row["email"]) is None:
            previous.email = row["email"]


def well(account: Account) -> Callable[..., Outcome]:
    return lambda *operation: Outcome.DELIVERED if account.do(*operation) else Outcome.NOT_SENT


def badly(random: Random, account: Account, *, killed: bool) -> Callable[..., Outcome | None]:
    """Answer by chance; what is of unknown fate may have been done."""
    fates = [*[Outcome.DELIVERED] * 3, Outcome.FAILED, None if killed else Outcome.NOT_SENT]

    def decide(*operation: Any) -> Outcome | None:
        outcome = random.choice(fates)
        if outcome is Outcome.DELIVERED:
            return outcome if account.do(*operation) else Outcome.NOT_SENT
        if outcome is not Outcome.NOT_SENT and random.random() < 0.5:
            account.do(*operation)
        return outcome

    return decide


@dataclass
class World:
    """The people of Customer Insights, and who of them was erased."""

    random: Random
    erased: set[str] = field(default_factory=set)

    def people(self, version: int | None = None) -> tuple[list[Person], list[Person]]:
        """Return (contacts, withheld) as mapping would; several customers may share one address."""
        contacts: dict[str, Person] = {}
        withheld = []
        for name in NAMES:
            if self.random.random() < 0.3:
                continue
            homes = [f"{name}@example.com", f"{name}@new.example.com", *([SHARED] if name in SHARING else [])]
            segments = tuple(sorted(self.random.sample("AB", self.random.randint(1, 2))))
            version_here = self.random.randint(0, 1) if version is None else version
            person = Person(self.random.choice(homes), name, segments, version_here)
            if name in self.erased or (name not in SHARING and self.random.random() < 0.2):
                withheld.append(person)
            else:
                contacts.setdefault(person.email, person)
        return list(contacts.values()), withheld

    def erase_somebody(self, stage: Stage) -> None:
        name = self.random.choice([one for one in NAMES if one not in SHARING])
        emails = [f"{name}@example.com", f"{name}@new.example.com"]
        erase(stage.staging, HASHER, emails=emails, customer_ids=[name], now=START)
        self.erased.add(name)


def subset(contacts: list[Person]) -> list[Person]:
    """Return what a run of segment A alone brings."""
    return [
        Person(one.email, one.customer, ("A",), one.version, one.previous)
        for one in contacts
        if "A" in one.segments
    ]


def disturbed(run: Run, world: World, account: Account) -> None:
    """Do a run that ends anywhere."""
    random = world.random
    contacts, withheld = world.people()
    reading: dict[str, Any] = {}
    if random.random() < 0.25:
        contacts, reading = subset(contacts), {"segments": ("A",)}
    run.read(contacts, withheld=withheld, whole=random.random() < 0.85, **reading)
    for _ in range(random.randint(1, 2)):
        run.plan(full_resync=random.random() < 0.1)
        if random.random() < 0.15:
            continue
        run.chunks(approved=True)
        if random.random() < 0.15:
            continue
        killed = random.random() < 0.5
        run.deliver(
            badly(random, account, killed=killed),
            contact_id=lambda email: account.id_of(email),
            ended=not killed,
        )
    for _ in range(random.choice([0, 1, 1, 2])):
        run.settle(approved=True)


def undisturbed(run: Run, people: tuple[list[Person], list[Person]], account: Account) -> None:
    contacts, withheld = people
    run.read(contacts, withheld=withheld).plan()
    run.chunks(approved=True)
    run.deliver(well(account), contact_id=lambda email: account.id_of(email))
    report = run.settle(approved=True)
    assert report.contacts.failed == report.contacts.not_sent == 0, report.red_reasons


def store_of(kind: str, folder: Path) -> Store:
    return Store.local(folder) if kind == "disk" else Store(MemoryFileSystem(), f"/{folder.name}")


@pytest.mark.parametrize("seed", range(20))
def test_two_undisturbed_runs_mend_whatever_happened(seed: int, tmp_path: Path) -> None:
    random = Random(seed)
    leaving = random.choice(["keep", "remove"])
    moving = random.choice(["add", "move"])
    kind = random.choice(["disk", "disk", "object store"])
    definition = definition_of(when_member_leaves=leaving, when_email_changes=moving)
    stage = Stage(tmp_path, definition, store=store_of(kind, tmp_path))
    account, world = Account(moves=moving == "move"), World(random)
    for number in range(1, random.randint(2, 5)):
        if random.random() < 0.3:
            world.erase_somebody(stage)
        disturbed(stage.run(number), world, account)
        account.lose(random)
    # Whose contact was lost is noticed only where it is sent something.
    people = contacts, withheld = world.people(version=7)
    for number in (20, 21):
        undisturbed(stage.run(number), people, account)

    for person in contacts:
        contact = account.by_email(person.email)
        assert contact is not None
        assert contact.payload == person.payload
        wanted = {f"{segment} by list" for segment in person.segments}
        assert contact.lists == wanted if leaving == "remove" else contact.lists >= wanted
    present = {person.email for person in contacts}
    for contact in account.contacts.values():
        if contact.email in present:
            continue
        owner = contact.email[0]
        somewhere_else = any(person.customer == owner for person in contacts)
        may_not_be_mailed = somewhere_else or owner in world.erased
        may_not_be_mailed |= any(person.customer == owner for person in withheld)
        if leaving == "remove" or (may_not_be_mailed and contact.email != SHARED):
            assert contact.lists == set(), (contact, people)

    again = stage.run(22).read(contacts, withheld=withheld)
    assert again.plan().state is PlanState.NOTHING_DUE
    assert operations(again.chunks(approved=True)) == {}


@pytest.mark.parametrize("seed", range(8))
def test_everybody_has_joined_in_the_present_way_however_often_it_changed(seed: int, tmp_path: Path) -> None:
    random = Random(seed)
    stage, world = Stage(tmp_path), World(random)
    account = Account(moves=False)

    def switch() -> None:
        account.way = random.choice(["list", "field"])
        membership = {"connection": "autopilot_default", "membership": account.way}
        stage.definition = definition_of(destination=membership)

    for number in range(1, random.randint(2, 5)):
        switch()
        disturbed(stage.run(number), world, account)
    switch()
    people = contacts, withheld = world.people()
    undisturbed(stage.run(20), people, account)
    for person in contacts:
        wanted = {f"{segment} by {account.way}" for segment in person.segments}
        assert account.by_email(person.email).lists >= wanted
    assert stage.run(21).read(contacts, withheld=withheld).plan().state is PlanState.NOTHING_DUE
