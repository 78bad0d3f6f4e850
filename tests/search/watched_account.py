"""Every deed of the API at the emulated account, in order, and none of its staff's."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tests.faults.expected_account import field_name
from tests.search.steps import LISTS

from segment_emulators.autopilot import api

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pytest

    from segment_emulators.autopilot import AutopilotEmulator


@dataclass(frozen=True)
class Deed:
    """One thing done: ``create``, ``upsert``, ``rename``, ``join``, ``leave``, ``unsubscribe``, ``delete``.

    ``email`` is the contact's address then (the new one of a rename), ``title`` that of the list.
    """

    what: str
    contact: str
    email: str
    title: str = ""


class WatchedAccount:
    """Sees what is done to an account at the moment that it is done, also what is undone later."""

    def __init__(self, emulator: AutopilotEmulator, monkeypatch: pytest.MonkeyPatch) -> None:
        self.emulator = emulator
        self.account = emulator.account
        self.deeds: list[Deed] = []
        self._is_staff = False
        for what in ("create", "change_email", "join", "leave", "unsubscribe", "delete"):
            monkeypatch.setattr(self.account, what, self._seen(what, getattr(self.account, what)))
        monkeypatch.setattr(api, "upsert", self._seen("upsert", self._with_fields(api.upsert)))

    @contextmanager
    def staff(self) -> Iterator[Any]:
        """What is done inside is done by hand."""
        self._is_staff = True
        try:
            yield self.emulator.staff
        finally:
            self._is_staff = False

    def lists_of(self, contact_id: str) -> set[str]:
        """Return the titles of the lists that a contact is on, be it by a field."""
        contact = self.account.contacts.get(contact_id)
        if contact is None:
            return set()
        return {self.account.lists[one].title for one in (contact.lists or ())} | _by_field(contact)

    def _with_fields(self, upsert: Any) -> Any:
        """See joins and leaves in what an upsert does to the fields that stand for lists."""

        def seen(account: Any, switches: Any, sent: Any, **named: Any) -> Any:
            known = account.find(sent["Email"].strip())
            before = _by_field(known) if known else set()
            contact = upsert(account, switches, sent, **named)
            now = _by_field(contact)
            for what, titles in (("leave", before - now), ("join", now - before)):
                self.deeds += [
                    Deed(what, contact.contact_id, contact.email or "", title) for title in sorted(titles)
                ]
            return contact

        return seen

    def _seen(self, what: str, work: Any) -> Any:
        def seen(*arguments: Any, **named: Any) -> Any:
            if self._is_staff:
                return work(*arguments, **named)
            contact = None
            if what in ("unsubscribe", "delete"):
                contact = self.account.get(arguments[0])
            done = work(*arguments, **named)
            if what in ("create", "upsert"):
                contact = done
            elif contact is None:
                contact = arguments[0]
            title = arguments[1].title if what in ("join", "leave") else ""
            if done or what not in ("join", "leave"):
                name = "rename" if what == "change_email" else what
                self.deeds.append(Deed(name, contact.contact_id, contact.email or "", title))
            return done

        return seen


def _by_field(contact: Any) -> set[str]:
    custom = contact.custom or {}
    return {title for title in LISTS.values() if custom.get(field_name(title)) is True}
