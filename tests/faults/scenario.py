"""A tenant with three refreshes, an export of it, and the account that must come about."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from tests.faults import comparing
from tests.faults.expected_account import ExpectedAccount
from tests.faults.export_run import RunningExport
from tests.faults.fault_kinds import PATIENCE, TOO_LATE, storm
from tests.faults.lake_folder import LakeFolder
from tests.faults.people import EVENTS, LISTS, Event, refresh, someone
from tests.faults.refresh_reading import Rules
from tests.stands.account_stand import JOINS_IN_UPSERTS

from segment_exports.transport.transport import Transport

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    import pytest
    from tests.faults.export_run import RunResult
    from tests.faults.lake_folder import Profile
    from tests.stands.account_stand import AccountStand

LONGEST_STRAGGLER = 10.0
"""Seconds."""


LOOKED_AT = {
    (event.email, "upsert")
    for events in EVENTS.values()
    for event in events
    if event.what in ("delete", "change")
}
"""An answer with another id is written down only after the known contact was looked at: where that was cut
off, all is done again, the upsert too."""

CHANGED_THERE = {event.email for events in EVENTS.values() for event in events if event.what == "change"}
"""An unanswered request may have made a second contact under their address: it is taken off its lists by
itself, though an update under the address, where leaves go along with those, may have done so already."""


PUT_BACK_LATE = "changed-there-unsubscribed@example.com"
"""An upsert that is carried out after its client gave up puts back the join inside it that was taken back
meanwhile. README: *Semantics and limits*."""


class Scenario:
    """One test's tenant, export and account."""

    def __init__(self, folder: Path, stand: AccountStand, monkeypatch: pytest.MonkeyPatch) -> None:
        self.stand = stand
        stand.send_few_at_once(monkeypatch)
        self.emulator = stand.emulator
        self.folder = folder
        self._monkeypatch = monkeypatch
        self.may_repeat = False
        self.leave_by_both_names: set[str] = set(CHANGED_THERE if stand.leaves_in_updates else ())
        self.without_points: set[str] = set()
        self.too_long = False
        self._also_mapped: list[str] = []

    def begin(
        self,
        *,
        membership: str | None = None,
        people: int = 120,
        expects: dict[str, Any] | None = None,
        **settings: Any,
    ) -> None:
        """Define the export; ``expects`` are further :class:`Rules` of the expectation.

        :param membership: the way of keeping it; by default the destination's usual one.
        """
        membership = membership or self.stand.usual_way
        decisive = {name: value for name, value in settings.items() if name.startswith("when_")}
        decisive.setdefault("when_member_leaves", "remove")
        self.people = people
        self.membership = membership
        self.settings = {
            "destination": {"membership": membership},
            "segments": [{"name": name, "list": title} for name, title in LISTS.items()],
            "mapping": {
                "Email": "EMail",
                "FirstName": "FirstName",
                "LastName": "LastName",
                "custom": {"string--Loyalty--Tier": "Tier", "integer--Points": "Points"},
            },
            "permission": {"attribute": "Subscriber", "equals": "Yes"},
            "guards": {"stop_above_invalid": 0.5, "red_above_rejected": 1.0, "min_count": 1000},
            **settings,
            **decisive,
        }
        self.export = RunningExport(self.folder, self.stand, self._monkeypatch, self.settings)
        self.lake = LakeFolder(self.export.lake)
        way = "field" if membership == "field" else "list"
        told = {"makes_unsubscribed": self.stand.makes_unsubscribed, **decisive, **(expects or {})}
        self.expected = ExpectedAccount(Rules(lists=LISTS, membership=way, **told))

    def strike(self, fault: str) -> None:
        """Prepare for a fault: where answers come too late, clients wait for a short time only."""
        self.may_repeat = fault in TOO_LATE
        if self.may_repeat:
            self._monkeypatch.setitem(Transport.__init__.__kwdefaults__, "timeout_seconds", PATIENCE)

    def storm(self, fault: str, *, seed: int, probability: float = 0.85) -> None:
        """Let a fault strike most requests, until it is ended."""
        self.emulator.inject(*storm(self.stand, fault, seed=seed, probability=probability))

    def refresh(self, number: int, **run: Any) -> RunResult:
        """Let staff do what they did, write the refresh, and run the export; return when all is quiet."""
        self.happen(number)
        self.write(number)
        result = self.export.run(**run)
        self.settle_down()
        return result

    def members(self, title: str) -> set[str]:
        """Return who is on a list, as the export keeps it: as a member, or by a field."""
        return self.stand.members(title, self.membership)

    def settle_down(self) -> None:
        """Wait until the account has done what clients gave up or died over: refreshes are hours apart."""
        until = time.monotonic() + LONGEST_STRAGGLER
        while self.emulator.log.under_way:
            assert time.monotonic() < until, "a request is under way that nobody waits for"
            time.sleep(0.002)

    def happen(self, number: int) -> None:
        """Do at the account, and to the expectation, what is done there before a refresh."""
        for event in EVENTS.get(number, ()):
            self.do(event)

    def do(self, event: Event) -> None:
        """Do one thing that staff or a person does at the destination."""
        staff, expected = self.stand.staff, self.expected
        match event.what:
            case "add":
                staff.add_contact(event.email)
                expected.add_contact(event.email)
            case "delete":
                staff.delete_contact(event.email)
                expected.delete_contact(event.email)
            case "change":
                staff.change_email(event.email, event.to)
                expected.change_email(event.email, event.to)
            case "archive":
                staff.archive(event.email)
                expected.archive(event.email)
            case "unsubscribe":
                staff.unsubscribe(event.email)
                expected.unsubscribe(event.email)
            case "put" if self.stand.put_on(event.title, event.email, self.membership):
                expected.add_to_list(event.title, event.email)
            case "remove" if self.stand.take_off(event.title, event.email, self.membership):
                expected.remove_from_list(event.title, event.email)
            case "put" | "remove":
                """There is no such list."""
            case _:
                raise ValueError(event.what)

    def write(self, number: int) -> None:
        """Write the refresh, and take it over into the expectation."""
        segments = refresh(number, self.people, without_points=self.without_points)
        if self.too_long:
            segments["Gold"].append(someone("too-long", LastName="x" * 300))
        self.write_segments(number, segments)

    def write_segments(self, number: int, segments: Mapping[str, Iterable[Profile]]) -> None:
        """Write a refresh of other people, and take it over into the expectation."""
        self.lake.write(number, segments)
        self.log_before = len(self.emulator.log)
        self.reading = self.expected.deliver(self.lake, number)

    def differences(self) -> list[str]:
        """What differs between the account and the expectation, and what must never be sent but was."""
        found = comparing.differences(self.stand, self.expected)
        withheld = comparing.sent_to_withheld(
            self.stand, self.reading, self.log_before, leaving_is_an_upsert=self.membership == "field"
        )
        found += [f"{email} is withheld, but something was sent" for email in sorted(withheld)]
        if self.may_repeat and self.membership in JOINS_IN_UPSERTS:
            found = [one for one in found if PUT_BACK_LATE not in one]
        return found

    def check(self) -> None:
        """Fail with every difference, if there is one."""
        found = self.differences() + [f"{key} was sent" for key in sorted(self.sent_outside())]
        if self.membership == self.stand.usual_way and not self.may_repeat:
            again = comparing.sent_again(self.stand, self.log_before)
            found += [
                f"{email}: {what} {title or ''} was acknowledged {count} times"
                for (email, what, title), count in again.items()
                if (email, self._carried_by(what)) not in LOOKED_AT
                and not (email in self.leave_by_both_names and what == "leave")
            ]
        if found:
            raise AssertionError("\n".join(["the account is not what it must be:", *found]))

    def _carried_by(self, what: str) -> str:
        return "upsert" if what == "join" and self.membership in JOINS_IN_UPSERTS else what

    def sent_outside(self) -> set[str]:
        """Keys of contacts that were sent although neither the mapping nor the mode allows them."""
        moves = self.settings.get("when_email_changes") == "move"
        allowed = self.stand.keys_of(self.membership, LISTS.values(), moves=moves)
        return self.stand.keys_sent() - comparing.MAPPED - allowed - set(self._also_mapped)

    def allow(self, field: str) -> None:
        """Take note that a field is mapped that the tests of this folder don't map otherwise."""
        self._also_mapped.append(field)
