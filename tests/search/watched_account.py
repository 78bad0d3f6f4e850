"""Every deed of the API at the emulated account, in order, and none of its staff's.

A deed is what differs after a request; an upsert is one too where it changed nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from segment_emulators.account_api.routes import RoutedRequest

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import pytest
    from tests.stands.account_stand import AccountStand


@dataclass(frozen=True)
class Deed:
    """One thing done: ``create``, ``upsert``, ``rename``, ``join``, ``leave``, ``unsubscribe``, ``delete``.

    ``email`` is the contact's address then (the new one of a rename), ``title`` that of the list.
    """

    what: str
    contact: str
    email: str
    title: str = ""


class _Held(NamedTuple):
    """What the account holds of a contact."""

    email: str
    lists: frozenset[str]
    unsubscribed: bool


class WatchedAccount:
    """Sees what each request does to an account, also what is undone later."""

    def __init__(self, stand: AccountStand, monkeypatch: pytest.MonkeyPatch) -> None:
        self.stand = stand
        self.deeds: list[Deed] = []
        for kind in RoutedRequest.__subclasses__():
            monkeypatch.setattr(kind, "perform", self._seen(kind.perform))

    def _seen(self, perform: Any) -> Any:
        def seen(request: RoutedRequest, switches: Any) -> Any:
            if request.entry.reads:
                return perform(request, switches)
            with self.stand.emulator.account.lock:
                before = self._held()
                answer = perform(request, switches)
                after = self._held()
            self.deeds += _differences(before, after)
            self.deeds += self._upserts(request.entry.number, before, after)
            return answer

        return seen

    def _held(self) -> dict[str, _Held]:
        lists_of = self.stand.lists_of
        return {
            one.id: _Held(one.email or "", frozenset(lists_of(one.id)), one.unsubscribed)
            for one in self.stand.people()
        }

    def _upserts(
        self, number: int, before: Mapping[str, _Held], after: Mapping[str, _Held]
    ) -> Iterator[Deed]:
        """Give an upsert of each contact that has the address that was sent, or had it before."""
        sent = self.stand.sent(number - 1)
        named = {one.email for one in sent if one.number == number and one.what == "upsert"}
        named -= self.stand.refused
        for contact, held in after.items():
            if held.email in named or (contact in before and before[contact].email in named):
                yield Deed("upsert", contact, held.email)


def _differences(before: Mapping[str, _Held], after: Mapping[str, _Held]) -> Iterator[Deed]:
    """Give what was done; of a contact first how it came to be, then its lists."""
    nobody = _Held("", frozenset(), unsubscribed=False)
    for contact in sorted(before.keys() | after.keys()):
        was, now = before.get(contact, nobody), after.get(contact, nobody)
        if contact not in after:
            yield Deed("delete", contact, was.email)
            continue
        if contact not in before:
            yield Deed("create", contact, now.email)
        elif was.email != now.email:
            yield Deed("rename", contact, now.email)
        yield from (Deed("leave", contact, now.email, title) for title in sorted(was.lists - now.lists))
        yield from (Deed("join", contact, now.email, title) for title in sorted(now.lists - was.lists))
        if now.unsubscribed and not was.unsubscribed:
            yield Deed("unsubscribe", contact, now.email)
