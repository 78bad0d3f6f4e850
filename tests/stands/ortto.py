"""An emulated account of Ortto, where a list is a tag."""

from __future__ import annotations

import asyncio
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import requests
from tests.stands.account_stand import AccountStand, Person, Place, Sent

from segment_emulators.ortto import (
    EmulatorConfig,
    IgnoredPerson,
    MixedPeople,
    Order,
    PermissionOmitted,
    SkippedPerson,
    Switches,
    serve_ortto,
)
from segment_exports.destinations.agreement import signed_agreement
from segment_exports.destinations.ortto.delivering import chunk_delivery
from segment_exports.transport.bad_requests.budget import BadRequests

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping

    import pytest

EMAIL, PERSON_ID, PERMISSION = "str::email", "str::person_id", "bol::p"
FEW = 8
SUBSCRIBES = "bol::p: true"
"""Stands among the keys that were sent where anybody was subscribed, which is never allowed."""

_OWN = {EMAIL: "Email", "str::first": "FirstName", "str::last": "LastName"}
_STANDARD = {"Salutation"}
"""Standard fields that are custom ones there."""
_TYPES = {"text": "string", "integer": "integer", "decimal": "float", "bool": "boolean", "date": "date"}

_MERGE = "^/person/merge$"
_PLACES: dict[Place, dict[str, str]] = {
    Place.UPSERT: {"path": _MERGE, "lacks_key": PERSON_ID},
    Place.JOIN: {"path": _MERGE, "has_key": "tags"},
    Place.LEAVE: {"path": _MERGE, "has_key": "unset_tags"},
    Place.LEAVE_APART: {"path": _MERGE, "has_key": "unset_tags"},
    Place.LOOK: {"path": "^/person/get-by-ids$"},
    Place.MEMBERS: {"path": "^/person/get$"},
    Place.LISTS: {"path": "^/tags/get$"},
    Place.MAKE_LIST: {"path": _MERGE, "has_key": "tags"},
    Place.WRITES: {"path": _MERGE},
    Place.DELIVERY: {"path": "^/(person|tags|instance-schema)"},
}
_VARIED: tuple[dict[str, Any], ...] = (
    {},
    {"order": Order.OTHER, "skipped": SkippedPerson.NO_ITEM},
    {"mixed": MixedPeople.REFUSED_NAMING_ALL, "ignored": IgnoredPerson.OTHER_WORD},
    {"permission_omitted": PermissionOmitted.SUBSCRIBES, "ignored_tags": True},
    {"mixed": MixedPeople.REFUSED_NAMING_BAD, "ignored": IgnoredPerson.NO_ITEM, "order": Order.OTHER},
    {"skipped": SkippedPerson.REFUSED_IF_NOBODY, "ignored": IgnoredPerson.NO_ITEM},
)


class _Clock:
    """The machine's, set forward by who would wait."""

    def __init__(self) -> None:
        self.ahead = 0.0

    def now(self) -> float:
        return time.monotonic() + self.ahead

    async def sleep(self, seconds: float) -> None:
        self.ahead += seconds
        await asyncio.sleep(0.001)


class OrttoStand(AccountStand):
    """An account of Ortto, without a rate limit; whoever is bad for long is banned, as there."""

    name = "ortto"
    connection_id = "ortto_default"
    ways = ("tag",)
    usual_way = "tag"
    default_way = "tag"
    makes_unsubscribed = True
    leaves_in_updates = True
    permission_fields = frozenset({PERMISSION, "bol::sp"})

    def connection(self, rate: float, **extra: Any) -> dict[str, Any]:
        return {
            "conn_type": "ortto",
            "host": self.url,
            "password": self.key,
            "extra": {"requests_per_second": rate, **signed_agreement("Nora Öz", receiver="Ortto"), **extra},
        }

    def destination(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        needed = {"type": self.name, "new_people": "subscribed", "create_fields": True}
        return needed | {key: value for key, value in asked.items() if key != "membership"}

    def keys_of(self, way: str, titles: Iterable[str], *, moves: bool) -> set[str]:
        return {"tags", "unset_tags", PERSON_ID, PERMISSION, "str::u-ctx"}

    def told(self, name: str, value: str) -> list[str]:
        if name in ("Phone", "MobilePhone", "Fax"):
            return [value.replace(" ", "").removeprefix("+"), "True"]
        match name.partition("--")[0]:
            case "float":
                return [str(round(float(value) * 1000))]
            case "date":
                return [str(int(part)) for part in value[:10].split("-")]
        return ["True" if value == "true" else value]

    def add_list(self, title: str) -> str:
        return str(self.staff.add_list(title))

    def delete_list(self, list_id: str) -> None:
        self.staff.delete_list(list_id)

    def put_on(self, title: str, email: str, way: str) -> bool:
        return bool([self.staff.add_to_list(list_id, email) for list_id in self.list_ids(title)])

    def take_off(self, title: str, email: str, way: str) -> bool:
        return bool([self.staff.remove_from_list(list_id, email) for list_id in self.list_ids(title)])

    def join_in_upserts(self) -> None:
        """They always do."""

    def refuse_taken_addresses(self) -> None:
        """What it does nobody knows; two people of one address are what may not come about."""

    def vary(self, number: int) -> str:
        self.emulator.switch(**_VARIED[number % len(_VARIED)])
        return self.usual_way

    def shorten_waits(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Keep time for the budget of bad requests, and for the account's bans: it passes while one waits."""
        clock = self._clock = _Clock()
        self.emulator.monotonic = clock.now
        for name, value in {"clock": clock.now, "sleep": clock.sleep}.items():
            monkeypatch.setitem(BadRequests.__init__.__kwdefaults__, name, value)

    def let_pass(self, seconds: float) -> None:
        """Let some time pass, for bans and for who counts bad requests."""
        self._clock.ahead += seconds

    def be_banned(self) -> None:
        """Send bad requests from this address, as another program does, until the account bans it."""
        before = len(self.emulator.bans)
        for _ in range(100):
            if len(self.emulator.bans) > before:
                return
            requests.post(f"{self.url}/nowhere", json={}, headers={"X-Api-Key": self.key}, timeout=10)
        raise AssertionError("a hundred bad requests, and no ban")

    def send_few_at_once(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(chunk_delivery, "BATCH_LIMIT", FEW)

    def refuse(self, emails: Collection[str], *, batch: bool = False) -> None:
        mixed = MixedPeople.REFUSED_NAMING_ALL if batch else MixedPeople.ITEMS
        self.emulator.switch(mixed=mixed, bad_emails=frozenset(emails))

    def people(self) -> list[Person]:
        with self.emulator.account.lock:
            return [self._person(one) for one in self.emulator.account.contacts.values()]

    def person(self, address_or_id: str) -> Person | None:
        found = self.emulator.account.find(address_or_id)
        return self._person(found) if found else None

    def members(self, title: str, way: str | None = None) -> set[str]:
        return set(self.emulator.account.members(title))

    def lists_of(self, address_or_id: str) -> set[str]:
        found = self.emulator.account.find(address_or_id)
        return {self.emulator.account.lists[one].title for one in found.lists} if found else set()

    def sent(self, since: int = 0) -> list[Sent]:
        """Return it; an unsubscribe counts as unanswered, since every leave says it again of who is off."""
        found = []
        for entry in self.writes(since):
            if entry.endpoint != "merge_people":
                found += [Sent(str(entry.endpoint), one, None, entry.number, True) for one in entry.emails]
                continue
            by_id = PERSON_ID in entry.options.get("merge_by", ())
            for place, email in enumerate(entry.emails):
                is_done = not entry.done or entry.done[place] in ("created", "merged")
                answered = entry.status == 200 and entry.fault is None and is_done
                asked = [("join", title) for named, title in entry.joins if named == email]
                asked += [("leave", title) for named, title in entry.leaves if named == email]
                if not by_id:
                    asked.insert(0, ("upsert", None))
                elif entry.permissions[place] is False:
                    found.append(Sent("unsubscribe", email, None, entry.number, answered=False))
                elif not asked:
                    asked.append(("move", None))
                found += [Sent(what, email, title, entry.number, answered) for what, title in asked]
        return found

    def writes(self, since: int = 0) -> list[Any]:
        return [one for one in self.emulator.log.entries if one.number > since and not one.reads]

    def keys_sent(self, since: int = 0) -> set[str]:
        entries = self.emulator.log.select("merge_people", since=since)
        keys = {self._neutral(key) for entry in entries for key in entry.body_keys}
        return keys | ({SUBSCRIBES} if any(True in entry.permissions for entry in entries) else set())

    def at(self, place: Place, way: str | None = None) -> dict[str, str]:
        return {"method": "POST", **_PLACES[place]}

    def places(self) -> tuple[dict[str, Any], ...]:
        return (
            {**self.at(Place.UPSERT), "skip": 1, "times": 1},
            {**self.at(Place.JOIN), "skip": 2, "times": 3},
            {**self.at(Place.LEAVE), "skip": 1, "times": 2},
            {**self.at(Place.LISTS), "skip": 1, "times": 1},
            {**self.at(Place.LOOK), "times": 1},
            {**self.at(Place.MEMBERS), "times": 1},
            {"method": "POST", "path": "^/instance-schema/get$", "times": 1},
            {"method": "POST", "path": "^/person/custom-field/create$", "times": 1},
        )

    def _neutral(self, key: str) -> str:
        """Return what a definition's mapping calls a field."""
        found = self.emulator.account.fields.find(key)
        if key in _OWN or found is None or found.namespace != "cm":
            return _OWN.get(key, key)
        if found.name in _STANDARD:
            return found.name
        kind = _TYPES.get(found.display_type, found.display_type)
        return f"custom/{kind}--{found.name.replace(' ', '--')}"

    def _person(self, found: Any) -> Person:
        told = {self._neutral(key): value for key, value in found.fields.items()}
        custom = {key: value for key, value in told.items() if key.startswith("custom/")}
        return Person(
            found.contact_id,
            found.email,
            {key: told[key] for key in ("FirstName", "LastName", *_STANDARD) if key in told},
            {key.removeprefix("custom/"): value for key, value in custom.items()},
            found.is_unsubscribed,
        )


@contextmanager
def serve(seed: int = 1) -> Iterator[OrttoStand]:
    """Serve an account while the block runs; ``seed`` makes its ids."""
    with serve_ortto(EmulatorConfig(switches=Switches(rate=None), seed=seed)) as emulator:
        yield OrttoStand(emulator)
