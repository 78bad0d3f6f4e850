"""An emulated account of Autopilot."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from tests.stands.account_stand import AccountStand, Person, Place, Sent
from tests.stands.list_fields import FLAG, field_name

from segment_emulators.autopilot import (
    AddressTaken,
    BadContact,
    EmulatorConfig,
    ListOnUpsert,
    Switches,
    serve_autopilot,
)
from segment_exports.destinations.agreement import signed_agreement

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping

    import pytest

_PLACES: dict[Place, tuple[str | None, str]] = {
    Place.UPSERT: ("POST", "^/contacts$"),
    Place.JOIN: ("POST", "^/list/[^/]+/contact/"),
    Place.LEAVE: ("DELETE", "^/list/"),
    Place.LEAVE_APART: ("DELETE", "^/list/"),
    Place.LOOK: ("GET", "^/contact/"),
    Place.MEMBERS: ("GET", "^/list/[^/]+/contacts"),
    Place.LISTS: ("GET", "^/lists$"),
    Place.MAKE_LIST: ("POST", "^/list$"),
    Place.WRITES: ("POST", ""),
    Place.DELIVERY: (None, "^/(contact|list)"),
}
_UPSERT, _SINGLE = ("POST", "^/contacts$"), ("POST", "^/contact$")
_IN_UPSERTS: dict[tuple[Place, str], tuple[str, str]] = {
    (Place.JOIN, "bulk"): _UPSERT,
    (Place.JOIN, "field"): _UPSERT,
    (Place.LEAVE, "field"): _UPSERT,
    (Place.LEAVE_APART, "field"): _SINGLE,
}
_VARIED = (
    ("list", ListOnUpsert.IGNORED),
    ("list", ListOnUpsert.IGNORED),
    ("auto", ListOnUpsert.HONOURED),
    ("auto", ListOnUpsert.ON_CREATION),
    ("bulk", ListOnUpsert.HONOURED),
    ("field", ListOnUpsert.IGNORED),
)
_NAMES = {
    "upsert_contacts": "upsert",
    "upsert_contact": "upsert",
    "join_list": "join",
    "leave_list": "leave",
    "unsubscribe_contact": "unsubscribe",
}


class AutopilotStand(AccountStand):
    """An account of Autopilot, without a rate limit."""

    name = "autopilot"
    connection_id = "autopilot_default"
    ways = ("list", "bulk", "auto", "field")
    usual_way = "list"
    default_way = "auto"
    makes_unsubscribed = False
    leaves_in_updates = False
    permission_fields = frozenset({"unsubscribed"})

    def connection(self, rate: float, **extra: Any) -> dict[str, Any]:
        return {
            "conn_type": "autopilot",
            "host": self.url,
            "password": self.key,
            "extra": {"requests_per_second": rate, **signed_agreement("Nora Öz"), **extra},
        }

    def destination(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        return dict(asked)

    def keys_of(self, way: str, titles: Iterable[str], *, moves: bool) -> set[str]:
        keys = {"_NewEmail"} if moves else set()
        if way == "field":
            return keys | {f"custom/{field_name(title)}" for title in titles}
        return keys | ({"_autopilot_list"} if way in ("bulk", "auto") else set())

    def told(self, name: str, value: str) -> list[str]:
        return ["True" if value == "true" else value]

    def add_list(self, title: str) -> str:
        return str(self.staff.add_list(title))

    def delete_list(self, list_id: str) -> None:
        self.staff.delete_list(list_id)

    def put_on(self, title: str, email: str, way: str) -> bool:
        if way == "field":
            self.staff.set_field(email, field_name(title), True)
            return True
        return bool([self.staff.add_to_list(list_id, email) for list_id in self.list_ids(title)])

    def take_off(self, title: str, email: str, way: str) -> bool:
        if way == "field":
            self.staff.set_field(email, field_name(title), False)
            return True
        return bool([self.staff.remove_from_list(list_id, email) for list_id in self.list_ids(title)])

    def join_in_upserts(self) -> None:
        self.emulator.switch(list_in_bulk=ListOnUpsert.HONOURED)

    def refuse_taken_addresses(self) -> None:
        self.emulator.switch(address_taken=AddressTaken.REFUSED)

    def vary(self, number: int) -> str:
        way, in_bulk = _VARIED[number % len(_VARIED)]
        self.emulator.switch(list_in_bulk=in_bulk)
        return way

    def shorten_waits(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """There is none."""

    def send_few_at_once(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Joins and leaves take many requests as it is."""

    def refuse(self, emails: Collection[str], *, batch: bool = False) -> None:
        kind = BadContact.REFUSES_BATCH if batch else BadContact.LEFT_OUT
        self.emulator.switch(bad_contact=kind, bad_emails=frozenset(emails))

    def people(self) -> list[Person]:
        with self.emulator.account.lock:
            return [_person(contact) for contact in self.emulator.account.contacts.values()]

    def person(self, address_or_id: str) -> Person | None:
        found = self.emulator.account.find(address_or_id)
        return _person(found) if found else None

    def members(self, title: str, way: str | None = None) -> set[str]:
        if way != "field":
            return set(self.emulator.account.members(title))
        return {str(one.email) for one in self.people() if one.custom.get(field_name(title)) is True}

    def lists_of(self, address_or_id: str) -> set[str]:
        contact = self.emulator.account.find(address_or_id)
        if contact is None:
            return set()
        flags = {name for name, value in (contact.custom or {}).items() if value is True}
        by_field = {one.removeprefix(FLAG).replace("--", " ") for one in flags if one.startswith(FLAG)}
        return {self.emulator.account.lists[one].title for one in contact.lists or ()} | by_field

    def sent(self, since: int = 0) -> list[Sent]:
        titles = {list_id: item.title for list_id, item in self.emulator.account.lists.items()}
        found = []
        for entry in self.writes(since):
            answered = entry.status == 200 and entry.fault is None
            named = [titles.get(list_id) for list_id in entry.lists]
            what = _NAMES.get(entry.endpoint or "", str(entry.endpoint))
            for email in entry.emails:
                if what != "upsert":
                    found.append(Sent(what, email, named[0] if named else None, entry.number, answered))
                    continue
                found.append(Sent("upsert", email, None, entry.number, answered))
                found += [Sent("join", email, title, entry.number, answered) for title in named]
        return found

    def writes(self, since: int = 0) -> list[Any]:
        return list(self.emulator.log.writes(since))

    def keys_sent(self, since: int = 0) -> set[str]:
        entries = self.emulator.log.select("upsert_contacts", "upsert_contact", since=since)
        return {key for entry in entries for key in entry.body_keys}

    def at(self, place: Place, way: str | None = None) -> dict[str, str]:
        method, path = _IN_UPSERTS.get((place, way or ""), _PLACES[place])
        return {"path": path} | ({"method": method} if method else {})

    def places(self) -> tuple[dict[str, Any], ...]:
        return (
            {**self.at(Place.UPSERT), "skip": 1, "times": 1},
            {**self.at(Place.JOIN), "skip": 2, "times": 3},
            {**self.at(Place.LEAVE), "skip": 1, "times": 2},
            {**self.at(Place.MAKE_LIST), "skip": 1, "times": 1},
            {**self.at(Place.LISTS), "skip": 1, "times": 1},
            {**self.at(Place.LOOK), "times": 1},
            {"method": "POST", "path": "/unsubscribe$", "times": 1},
            {"method": "GET", "path": "^/list/[^/]+/contact/", "times": 1},
        )


def _person(contact: Any) -> Person:
    return Person(
        contact.contact_id,
        contact.email,
        dict(contact.fields),
        dict(contact.custom or {}),
        bool(contact.unsubscribed),
    )


@contextmanager
def serve(seed: int = 1) -> Iterator[AutopilotStand]:
    """Serve an account while the block runs; ``seed`` makes its ids."""
    with serve_autopilot(EmulatorConfig(switches=Switches(rate=None), seed=seed)) as emulator:
        yield AutopilotStand(emulator)
