"""Chunks, switches, faults, kills and Ortto's staff at random: nobody who refused may be mailed in the end.

Nor may anybody be lost or left on a list, whatever way the account has of all that isn't known of it. Set
COURSES for more of them than a test run takes; each is told by its number.
"""

from __future__ import annotations

import asyncio
import os
import random
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest

from segment_emulators.account_api.faults import Fault, FaultKind
from segment_emulators.ortto import (
    AddressWithId,
    ArchivedPerson,
    IgnoredPerson,
    MixedPeople,
    Order,
    PermissionOmitted,
    SamePerson,
    SkippedPerson,
)
from segment_exports.records.staging import RunFiles
from segment_exports.records.tables.schemas import CONTACTS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.segment_exports.destinations.ortto.conftest import Account


COURSES = int(os.environ.get("COURSES", "24"))
SWITCHES: dict[str, Any] = {
    "mixed": MixedPeople,
    "order": Order,
    "skipped": SkippedPerson,
    "ignored": IgnoredPerson,
    "ignored_tags": (False, True),
    "permission_omitted": PermissionOmitted,
    "archived": ArchivedPerson,
    "same_person": SamePerson,
    "address_with_id": AddressWithId,
}
FAULTS = (FaultKind.ERROR, FaultKind.RESET, FaultKind.HTML, FaultKind.CUT_BODY, FaultKind.TRUNCATED_JSON)
PATHS = ("merge", "merge", "get-by-ids", "person/get$", "tags/get", "")


class Course:
    """One course. ``refused`` are contact ids and addresses that may never be mailed."""

    def __init__(self, account: Account, number: int) -> None:
        self.account = account
        self.draw = random.Random(number)
        self.refused: set[str] = set()
        self.moved: set[str] = set()
        """Contacts whose address was changed by hand, and addresses that are another's since."""
        self.names = [f"P{one}" for one in range(self.draw.choice([4, 8, 30, 110]))]
        switches = {name: self.draw.choice(list(values)) for name, values in SWITCHES.items()}
        account.emulator.switch(**switches)
        account.new_people = self.draw.choice(["subscribed", "subscribed", "unsubscribed"])

    def before(self) -> dict[str, str]:
        """Fill the account with strangers and with people of ours; return the ids of ours."""
        staff, ours = self.account.emulator.staff, []
        for name in self.names:
            match self.draw.choice(["nobody", "stranger", "archived", "ours", "ours", "ours"]):
                case "ours":
                    ours.append(name)
                case "stranger":
                    self._add(name)
                case "archived":
                    staff.archive(self._add(name))
        assert self.account.send(*[self.account.person(name, joins=["News"]) for name in ours]).complete
        return {name: self.account.id_of(_email(name)) for name in ours}

    def by_staff(self) -> None:
        """Let staff, or people themselves, do something."""
        staff, there = self.account.emulator.staff, list(self.account.emulator.account.contacts.values())
        if not there:
            return
        person = self.draw.choice(there)
        what = self.draw.choice(["unsubscribe", "unsubscribe and archive", "archive", "delete", "change"])
        if "unsubscribe" in what:
            staff.unsubscribe(person.contact_id)
            self.refused |= {person.contact_id, str(person.email)}
        if "archive" in what:
            staff.archive(person.contact_id)
        elif what == "delete" and not person.is_unsubscribed:
            staff.delete_contact(person.contact_id)
        elif what == "change":
            self.moved |= {person.contact_id, str(person.email)}
            staff.change_email(person.contact_id, f"x{self.draw.random()}@elsewhere.example")

    def rows(self, ours: Mapping[str, str]) -> list[dict[str, Any]]:
        """Draw what is due for everybody."""
        person, rows = self.account.person, []
        for name in self.names:
            known = {"contact_id": ours.get(name), "first": "New"}
            match self.draw.choice(["update", "join", "exchange", "leave"]) if name in ours else "new":
                case "new":
                    rows.append(person(name, first="New", joins=["News"]))
                case "update":
                    rows.append(person(name, **known, member_of=["News"]))
                case "join":
                    rows.append(person(name, **known, member_of=["News"], joins=["Win back"]))
                case "exchange":
                    rows.append(person(name, **known, joins=["Win back"], leaves=["News"]))
                case _:
                    rows.append(self.account.leaver(ours[name], "News"))
        self.draw.shuffle(rows)
        return rows

    def disturb(self, number: int) -> None:
        """Make an attempt that meets faults, and may be killed on the way."""
        self.account.emulator.inject(*(self._fault() for _ in range(self.draw.randrange(3))))
        asyncio.run(self._killed(number, after=self.draw.choice([None, self.draw.randrange(3, 15)])))
        self.account.emulator.inject()

    async def _killed(self, number: int, after: int | None) -> None:
        log, sending = self.account.emulator.log, asyncio.create_task(self.account.delivering(number))
        limit = None if after is None else len(log) + after
        while not sending.done():
            await asyncio.sleep(0.001)
            if limit is not None and len(log) >= limit:
                sending.cancel()
        await asyncio.gather(sending, return_exceptions=True)

    def _fault(self) -> Fault:
        draw = self.draw
        kind = draw.choice(FAULTS)
        done = kind in (FaultKind.ERROR, FaultKind.RESET, FaultKind.HTML) and draw.random() < 0.5
        times = draw.choice([1, 2, 6, None])
        path = draw.choice(PATHS)
        return Fault(kind=kind, path=path, skip=draw.randrange(4), times=times, work_done=done)

    def _add(self, name: str) -> str:
        refuses = self.draw.random() < 0.5
        if refuses:
            self.refused.add(_email(name))
        return self.account.emulator.staff.add_contact(_email(name), unsubscribed=refuses)


@pytest.mark.parametrize("number", range(COURSES))
def test_nobody_is_mailed_who_refused_and_nobody_is_lost(account: Account, number: int) -> None:
    course = Course(account, number)
    ours = course.before()
    for _ in range(course.draw.randrange(4)):
        course.by_staff()
    rows = course.rows(ours)
    _contacts_of_run(account, rows)
    chunk = account.plan(*rows)
    for _ in range(course.draw.randrange(3)):
        course.disturb(chunk)

    result = account.deliver(chunk)

    assert result.complete, (result.stopped, result.trouble, result.counts)
    _hold_nobody_mailed(account, course)
    _hold_nobody_lost(account, course, rows, chunk)


def _hold_nobody_mailed(account: Account, course: Course) -> None:
    held = account.emulator.account
    assert not [one for one in held.activities if one.what == "subscribed"]
    mailed = [one for one in held.contacts.values() if not one.is_unsubscribed]
    refused = course.refused - {one for one in course.refused if "@" in one and one in course.moved}
    assert not [one for one in mailed if {one.contact_id, one.email} & refused]


def _hold_nobody_lost(account: Account, course: Course, rows: list[dict[str, Any]], chunk: int) -> None:
    held, told = account.emulator.account, account.ids_told(chunk)
    assert len({one.email for one in held.contacts.values()}) == len(held.contacts)
    for row in rows:
        if not row["is_contact"]:
            left = held.contacts.get(row["contact_id"])
            assert left is None or not left.tags
            continue
        person = held.get(row["email"])
        assert person.fields["str::first"] == "New"
        assert told[row["email"]] == person.contact_id
        tags = {held.tags[one].title for one in person.tags}
        if not {row["email"], row["contact_id"]} & course.moved:  # who refused elsewhere joins nothing
            assert tags == {*row["joins"], *row["member_of"]}


def _contacts_of_run(account: Account, rows: list[dict[str, Any]]) -> None:
    kept = dict.fromkeys(CONTACTS.names) | {"segments": [], "payload_hash": bytes(16)}
    told = [
        kept | {name: row[name] for name in ("email_hash", "email", "payload")}
        for row in rows
        if row["is_contact"]
    ]
    with account.run.parquet_writer(RunFiles.CONTACTS, CONTACTS) as writer:
        writer.write_table(pa.Table.from_pylist(told, CONTACTS))


def _email(name: str) -> str:
    return f"{name.lower()}@example.com"
