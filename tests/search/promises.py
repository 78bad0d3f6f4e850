"""What is promised to people, held against the account: nobody mailed who refused, nobody lost.

The stand-in follows contacts by their ids, so that an address corrected by hand is the same person.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from tests.search.knowledge import Knowledge, Reading, address_of, ids_of
from tests.search.steps import LISTS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.search.steps import Rules, Run
    from tests.search.watched_account import Deed
    from tests.stands.account_stand import AccountStand


class BrokenPromiseError(AssertionError):
    """What was promised and not kept; each promise is a class, so that a search tells them apart."""


class ErasedSentError(BrokenPromiseError):
    """Somebody was made a contact or joined a list after they were erased."""


class RefusedSentError(BrokenPromiseError):
    """Somebody was made a contact or joined a list who refused in the newest row that is known."""


class RefusedSentInPartError(BrokenPromiseError):
    """A subset or sample sent somebody who refused, as other rows tell that an earlier run has read."""


class UnreadSentInPartError(BrokenPromiseError):
    """A subset or sample sent somebody whose other rows no run ever read."""


class SentThoughUnsubscribedError(BrokenPromiseError):
    """Somebody who unsubscribed as one contact joined a list as another."""


class StillMailedError(BrokenPromiseError):
    """Somebody who refused or was erased is still on a list after a run that knows."""


class MailedTwiceError(BrokenPromiseError):
    """Two contacts of one person are on a list."""


class LeftBehindError(BrokenPromiseError):
    """A contact is on a list on which its person has no place any more."""


class LostError(BrokenPromiseError):
    """Somebody is missing on a list, or was taken off it, for no reason."""


class DryRunSentError(BrokenPromiseError):
    """A dry run did something."""


@dataclass
class Ours:
    """A contact that the export delivered: under which address, and for whom, by all their ids.

    ``is_forgotten``: the export lost what it knew of them. It may know the address, if that is on a list.
    """

    address: str
    ids: set[str]
    is_forgotten: bool = False


@dataclass
class Promises:
    """What is known and what was delivered so far; :meth:`hold` tells what a run has broken.

    ``given_up`` are addresses that the account refused or staff took away: nobody expects them on a list
    until a run was asked to repair. ``held`` names the promises to look at; where it is empty, all.
    """

    rules: Rules
    stand: AccountStand
    knowledge: Knowledge = field(default_factory=Knowledge)
    ours: dict[str, Ours] = field(default_factory=dict)
    given_up: set[str] = field(default_factory=set)
    held: frozenset[str] = frozenset()

    # What a run did

    def hold(
        self, run: Run, reading: Reading, deeds: list[Deed], *, erased: set[str] | None, is_done: bool
    ) -> None:
        """Take in what a run has read and done, and fail with every promise that it broke.

        :param erased: who was erased before it planned; None if it planned nothing, and so knows nothing.
        :param is_done: nothing kept it from doing all that was due.
        """
        before = {one: known.ids for one, known in self.ours.items()}
        if erased is not None and not run.dry_run:
            self.knowledge.learn(reading)
        broken: list[BrokenPromiseError] = [DryRunSentError(f"did {deed}") for deed in deeds if run.dry_run]
        for deed in deeds:
            broken += self._against(deed, reading)
        if erased is not None and not run.dry_run:
            broken += self._still_on_lists(reading, erased)
        is_done &= reading.whole and not reading.is_sample and self.knowledge.is_complete
        if is_done and not run.dry_run:
            if run.full_resync or (run.retry_rejected and run.reconcile):
                self.given_up.clear()
            broken += [*self._lost(reading), *self._twice(reading), *self._left_behind(reading, before)]
        broken = (
            [one for one in broken if type(one).__name__.removesuffix("Error") in self.held]
            if self.held
            else broken
        )
        if broken:
            worst = min(broken, key=lambda one: _WORST_FIRST.index(type(one)))
            raise type(worst)("\n".join(dict.fromkeys(str(one) for one in broken)))

    def _against(self, deed: Deed, reading: Reading) -> Iterator[BrokenPromiseError]:
        """Give what is wrong with one deed at the moment it is done."""
        known = self.ours.get(deed.contact)
        match deed.what:
            case "create":
                if not self.knowledge.may_be_mailed(deed.email, reading):
                    yield self._sent(f"{deed.email} was created", deed.email, reading)
            case "upsert":
                if reading.rows(deed.email):
                    self._look_for_mistaken(known, deed.email, reading)
                    self.ours[deed.contact] = Ours(deed.email, ids_of(reading.owner(deed.email)))
            case "join" | "rename":
                yield from self._against_joining(deed, known, reading)
            case "leave":
                if known and not self._may_leave(known, deed, reading):
                    yield LostError(f"{known.address} was taken off {deed.title} for no reason")
            case "delete":
                yield LostError(f"{deed.email} was deleted")

    def _look_for_mistaken(self, known: Ours | None, address: str, reading: Reading) -> None:
        """Take note where staff gave somebody's contact the address that another person turns out to have."""
        if known and known.address != address and not known.ids & ids_of(reading.owner(address)):
            self.gave_up(known.address, address)

    def _against_joining(
        self, deed: Deed, known: Ours | None, reading: Reading
    ) -> Iterator[BrokenPromiseError]:
        # A contact that staff gave another address is the one that was delivered.
        asked = (
            deed.email if deed.what == "rename" or reading.rows(deed.email) or not known else known.address
        )
        if not self.knowledge.may_be_mailed(asked, reading):
            yield self._sent(f"{asked}: {deed.what} {deed.title}", asked, reading)
            return
        ids = ids_of(reading.owner(asked))
        if self._is_unsubscribed(deed.contact):
            return
        for other, theirs in self.ours.items():
            if other != deed.contact and theirs.ids & ids and self._is_unsubscribed(other):
                told = f"{asked}: {deed.what} of {deed.title}, but unsubscribed as {theirs.address}"
                yield SentThoughUnsubscribedError(told)

    def _sent(self, told: str, address: str, reading: Reading) -> BrokenPromiseError:
        """Give what it is called that an address was sent."""
        if self.knowledge.is_erased(address, reading):
            return ErasedSentError(told)
        if not self.knowledge.knows_a_no(address, reading):
            return UnreadSentInPartError(told)
        return RefusedSentError(told) if reading.whole else RefusedSentInPartError(told)

    def _may_leave(self, known: Ours, deed: Deed, reading: Reading) -> bool:
        if self.knowledge.has_reason(known.address, known.ids, reading):
            return True
        if reading.is_silent:
            return False
        if deed.email != known.address and reading.rows(known.address):
            return True  # staff gave the contact another address; the one of the source gets another contact
        segment = next(one for one, title in LISTS.items() if title == deed.title)
        rows = reading.segments.get(segment)
        is_there = rows is not None and any(address_of(row) == known.address for row in rows)
        passed_on = bool(reading.rows(known.address)) and not ids_of(reading.owner(known.address)) & known.ids
        if reading.whole and not reading.is_sample:
            moved = any(address_of(row) not in (known.address, None) for row in reading.of_person(known.ids))
            if (moved and not reading.rows(known.address)) or (passed_on and not is_there):
                return True
        if self._others(deed.contact, known.address):
            return True
        if rows is None or reading.is_sample or is_there or self.rules.leavers == "keep":
            return False
        # Whoever is in the segment under an address that must wait for a whole run has not left.
        person = [address for row in rows if ids_of(row) & known.ids and (address := address_of(row))]
        return not person or any(self.knowledge.may_be_mailed(one, reading) for one in person)

    def _others(self, contact: str, address: str) -> list[str]:
        """Return the other contacts that were delivered under an address: one of them is enough."""
        return [
            one
            for one, theirs in self.ours.items()
            if one != contact and theirs.address == address and self.stand.person(one)
        ]

    # How the account is after a run

    def _still_on_lists(self, reading: Reading, erased: set[str]) -> Iterator[BrokenPromiseError]:
        known_then = replace(self.knowledge, erased=erased)
        for contact, known in self.ours.items():
            lists = self.stand.lists_of(contact)
            if lists and known_then.says_no(known.address, known.ids, reading):
                told = f"{known.address} is still on {', '.join(sorted(lists))}, but gave no permission"
                yield StillMailedError(told)

    def _lost(self, reading: Reading) -> Iterator[BrokenPromiseError]:
        for segment, rows in reading.segments.items():
            for address in sorted({one for row in rows if (one := address_of(row))}):
                if self._is_expected(address, reading) and not self._is_on(LISTS[segment], address):
                    yield LostError(f"{address} is missing on {LISTS[segment]}")

    def _is_expected(self, address: str, reading: Reading) -> bool:
        bad = self.stand.refused
        if address in self.given_up | bad or not self.knowledge.may_be_mailed(address, reading):
            return False
        ids = {one for row in reading.rows(address) for one in ids_of(row)}
        return not any(
            self._is_unsubscribed(contact) for contact, theirs in self.ours.items() if theirs.ids & ids
        )

    def _is_on(self, title: str, address: str) -> bool:
        return any(
            title in self.stand.lists_of(contact)
            for contact, theirs in self.ours.items()
            if theirs.address == address
        )

    def _twice(self, reading: Reading) -> Iterator[BrokenPromiseError]:
        """Give those who get every mail twice: two contacts of one address on one list."""
        for address in sorted(reading.addresses()):
            for title in LISTS.values():
                on = [
                    contact
                    for contact, theirs in self.ours.items()
                    if theirs.address == address and title in self.stand.lists_of(contact)
                ]
                if len(on) > 1:
                    yield MailedTwiceError(f"{address} is on {title} as {len(on)} contacts")

    def _left_behind(self, reading: Reading, before: dict[str, set[str]]) -> Iterator[BrokenPromiseError]:
        """Give contacts on our lists whose person has another address now, or is in the segment no more."""
        for contact, known in self.ours.items():
            if known.is_forgotten:
                continue  # who put them on a list nobody knows
            here = reading.rows(known.address)
            for title in sorted(self.stand.lists_of(contact)):
                segment = next(one for one, its in LISTS.items() if its == title)
                if known.address in self.given_up or self._is_unsubscribed(contact):
                    continue  # who unsubscribed gets no mail, whatever list they are on
                if here:
                    is_in = any(address_of(row) == known.address for row in reading.segments[segment])
                    if not is_in and self.rules.leavers == "remove":
                        yield LeftBehindError(f"{known.address} is still on {title}, but left the segment")
                    if not is_in and self._was_anothers(
                        before.get(contact, known.ids), known.address, reading
                    ):
                        yield LeftBehindError(
                            f"{known.address} is still on {title} for whom it belonged to before"
                        )
                    continue
                person = reading.of_person(known.ids)
                addresses = {address_of(row) for row in person}
                if addresses - {None}:
                    yield LeftBehindError(
                        f"{known.address} is still on {title}, but its person has another address"
                    )
                elif not person and self.rules.leavers == "remove":
                    yield LeftBehindError(f"{known.address} is still on {title}, but left the segment")

    @staticmethod
    def _was_anothers(before: set[str], address: str, reading: Reading) -> bool:
        """Tell whether an address is nobody's any more who had it; whose profile is invalid has not left."""
        is_here = any(ids_of(row) & before for row in reading.rows(address))
        return bool(before) and not is_here and all(address_of(row) for row in reading.of_person(before))

    # What happened by hand

    def gave_up(self, *addresses: str) -> None:
        """Take note that the account took these away by itself, or by its staff."""
        self.given_up.update(addresses)

    def lost(self) -> None:
        """Take note that nobody knows any more whom the contacts were delivered for."""
        for known in self.ours.values():
            known.ids, known.is_forgotten = set(), True

    def _is_unsubscribed(self, contact_id: str) -> bool:
        contact = self.stand.person(contact_id)
        return bool(contact and contact.unsubscribed)


_WORST_FIRST = (
    DryRunSentError,
    RefusedSentError,
    RefusedSentInPartError,
    ErasedSentError,
    UnreadSentInPartError,
    SentThoughUnsubscribedError,
    StillMailedError,
    LostError,
    MailedTwiceError,
    LeftBehindError,
)
