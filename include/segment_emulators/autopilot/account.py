"""The account behind the API: contacts, lists and who is in them.

The methods are what the API and the account's own staff can do; what the API's protocol makes of them
stands in ``api.py``. Whoever calls them from another thread than the server's holds ``lock``.
"""

from __future__ import annotations

import hashlib
import threading
import time
from bisect import bisect_right
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from segment_emulators.account_api.control_plane import NotThereError
from segment_emulators.autopilot.contacts import Contact, CustomField, parse_custom_key

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

PAGE = 100


class ContactNotFoundError(NotThereError):
    """No contact of this id or address."""


class ListNotFoundError(NotThereError):
    """No list of this id."""


class SegmentNotFoundError(NotThereError):
    """No smart segment of this id."""


class OrderedIds:
    """A set of ids that can be paged through in ascending order."""

    def __init__(self) -> None:
        self._ids: set[str] = set()
        self._ordered: list[str] | None = []

    def __len__(self) -> int:
        return len(self._ids)

    def __contains__(self, item: str) -> bool:
        return item in self._ids

    def add(self, item: str) -> bool:
        """Put an id in; return whether it was not there."""
        before = len(self._ids)
        self._ids.add(item)
        if len(self._ids) == before:
            return False
        self._ordered = None
        return True

    def discard(self, item: str) -> bool:
        """Take an id out; return whether it was there."""
        if item not in self._ids:
            return False
        self._ids.remove(item)
        self._ordered = None
        return True

    def ordered(self) -> list[str]:
        """Return all ids, ascending."""
        if self._ordered is None:
            self._ordered = sorted(self._ids)
        return self._ordered

    def page(self, after: str | None) -> tuple[list[str], str | None]:
        """Return the next ids after a bookmark, and the bookmark of the page after (None on the last)."""
        ordered = self.ordered()
        start = 0 if after is None else bisect_right(ordered, after)
        ids = ordered[start : start + PAGE]
        return ids, ids[-1] if start + PAGE < len(ordered) else None


@dataclass(slots=True)
class ContactList:
    """A list of contacts."""

    list_id: str
    title: str
    members: OrderedIds = field(default_factory=OrderedIds)


@dataclass(frozen=True, slots=True)
class SmartSegment:
    """A saved filter, made in Autopilot's pages: contacts are in it while a field of theirs has a value."""

    segment_id: str
    title: str
    field: str
    """A standard field, or a custom one named as it is sent."""
    value: Any

    def holds(self, contact: Contact) -> bool:
        """Tell whether a contact is in it."""
        held = {**contact.fields, **(contact.custom or {})}
        return self.field in held and held[self.field] == self.value


class Account:
    """All that the emulated account holds."""

    def __init__(
        self,
        *,
        api_key: str,
        seed: int,
        custom_fields: Iterable[str] = (),
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.lock = threading.RLock()
        self.clock = clock
        self.api_key: str | None = api_key
        """The key that is valid now; None while it is revoked."""
        self._seed = seed
        self._first_custom_fields = tuple(custom_fields)
        self.clear()

    def clear(self) -> None:
        """Empty the account; the key stays."""
        self.contacts: dict[str, Contact] = {}
        self.lists: dict[str, ContactList] = {}
        self.smart_segments: dict[str, SmartSegment] = {}
        self.journeys: dict[str, str] = {}
        """Journeys that the API may start: the id of the trigger → the journey's name."""
        self.custom_fields: dict[str, CustomField] = {}
        for key in self._first_custom_fields:
            self.know_custom_field(key)
        self.contact_ids = OrderedIds()
        self._by_email: dict[str, list[str]] = {}
        self._ids_made: Counter[str] = Counter()
        self._unnamed = 0

    # Contacts

    def find(self, contact_id_or_email: str) -> Contact | None:
        """Return a contact by id or by address (in any case); the oldest where an address stands twice."""
        contact = self.contacts.get(contact_id_or_email)
        if contact is None:
            ids = self._by_email.get(contact_id_or_email.lower())
            contact = self.contacts[ids[0]] if ids else None
        return contact

    def get(self, contact_id_or_email: str) -> Contact:
        """Return a contact by id or by address.

        :raises ContactNotFoundError: there is none.
        """
        contact = self.find(contact_id_or_email)
        if contact is None:
            raise ContactNotFoundError
        return contact

    def create(self, email: str | None, *, api_originated: bool = True) -> Contact:
        """Make a contact; ids depend on the seed, the address and how often it was made before."""
        if email is None:
            self._unnamed += 1
        now = self.clock()
        contact = Contact(
            self._new_id("person", email or f"unnamed {self._unnamed}"), email, now, now, api_originated
        )
        self.contacts[contact.contact_id] = contact
        self.contact_ids.add(contact.contact_id)
        if email is not None:
            self._by_email.setdefault(email, []).append(contact.contact_id)
        return contact

    def change_email(self, contact: Contact, email: str) -> None:
        """Give a contact another address."""
        self._forget_email(contact)
        contact.email = email
        self._by_email.setdefault(email, []).append(contact.contact_id)

    def delete(self, contact_id_or_email: str) -> None:
        """Delete a contact for good; by address every contact that has it.

        :raises ContactNotFoundError: there is none.
        """
        contact = self.get(contact_id_or_email)
        ids = [contact.contact_id]
        if contact.email is not None and contact_id_or_email != contact.contact_id:
            ids = list(self._by_email[contact.email])
        for contact_id in ids:
            doomed = self.contacts.pop(contact_id)
            self.contact_ids.discard(contact_id)
            self._forget_email(doomed)
            for list_id in doomed.lists or ():
                self.lists[list_id].members.discard(contact_id)

    def unsubscribe(self, contact_id_or_email: str) -> None:
        """Unsubscribe a contact, which stays on its lists.

        :raises ContactNotFoundError: there is none.
        """
        contact = self.get(contact_id_or_email)
        contact.unsubscribed = True
        contact.updated_at = self.clock()

    def know_custom_field(self, key: str) -> None:
        """Make the account have a custom field, named as it is sent."""
        self.custom_fields.setdefault(key, parse_custom_key(key))

    # Lists

    def get_list(self, list_id: str) -> ContactList:
        """Return a list.

        :raises ListNotFoundError: there is none.
        """
        found = self.lists.get(list_id)
        if found is None:
            raise ListNotFoundError
        return found

    def has_title(self, title: str) -> bool:
        """Tell whether a list has this title."""
        return any(item.title == title for item in self.lists.values())

    def create_list(self, title: str) -> ContactList:
        """Make a list, also where one of this title is there."""
        item = ContactList(self._new_id("contactlist", f"list {title}"), title)
        self.lists[item.list_id] = item
        return item

    def delete_list(self, list_id: str) -> None:
        """Delete a list, as staff can; the API has no call for it."""
        for contact_id in self.get_list(list_id).members.ordered():
            self._drop_list(self.contacts[contact_id], list_id)
        del self.lists[list_id]

    def join(self, contact: Contact, item: ContactList) -> bool:
        """Put a contact on a list; return whether it was not there."""
        if not item.members.add(contact.contact_id):
            return False
        if contact.lists is None:
            contact.lists = []
        contact.lists.append(item.list_id)
        contact.updated_at = self.clock()
        return True

    def leave(self, contact: Contact, item: ContactList) -> bool:
        """Take a contact off a list; return whether it was there."""
        if not item.members.discard(contact.contact_id):
            return False
        self._drop_list(contact, item.list_id)
        contact.updated_at = self.clock()
        return True

    @staticmethod
    def _drop_list(contact: Contact, list_id: str) -> None:
        remaining = [other for other in contact.lists or () if other != list_id]
        contact.lists = remaining or None

    # What staff set up in Autopilot's pages, and the API only reads

    def add_smart_segment(self, title: str, field_name: str, value: Any) -> SmartSegment:
        """Save a filter."""
        number = int(self._digest("segment", title)[:12], 16) % 10**12
        made = SmartSegment(f"contactlist_sseg1{number:012d}", title, field_name, value)
        self.smart_segments[made.segment_id] = made
        return made

    def in_smart_segment(self, segment_id: str) -> OrderedIds:
        """Return who is in a smart segment now.

        :raises SegmentNotFoundError: there is none.
        """
        segment = self.smart_segments.get(segment_id)
        if segment is None:
            raise SegmentNotFoundError
        found = OrderedIds()
        for contact in self.contacts.values():
            if segment.holds(contact):
                found.add(contact.contact_id)
        return found

    def add_journey(self, name: str) -> str:
        """Let the API start a journey; return the id of its trigger, such as ``0003``."""
        trigger_id = f"{len(self.journeys) + 1:04d}"
        self.journeys[trigger_id] = name
        return trigger_id

    # Reading it back

    def contacts_by_email(self) -> dict[str, dict[str, Any]]:
        """Return every contact that has an address, as ``GET /contact`` answers it."""
        with self.lock:
            return {contact.email: contact.to_json() for contact in self.contacts.values() if contact.email}

    def list_ids(self, title: str) -> list[str]:
        """Return the ids of the lists of a title."""
        with self.lock:
            return [item.list_id for item in self.lists.values() if item.title == title]

    def members(self, title_or_id: str) -> set[str]:
        """Return the addresses on a list; on all lists of a title."""
        with self.lock:
            ids = [title_or_id] if title_or_id in self.lists else self.list_ids(title_or_id)
            return {
                self.contacts[contact_id].email or contact_id
                for list_id in ids
                for contact_id in self.lists[list_id].members.ordered()
            }

    def unsubscribed(self) -> set[str]:
        """Return the addresses of those who are unsubscribed."""
        with self.lock:
            return {
                contact.email
                for contact in self.contacts.values()
                if contact.is_unsubscribed and contact.email
            }

    # Inside

    def _forget_email(self, contact: Contact) -> None:
        if contact.email is None:
            return
        remaining = [other for other in self._by_email[contact.email] if other != contact.contact_id]
        if remaining:
            self._by_email[contact.email] = remaining
        else:
            del self._by_email[contact.email]

    def _new_id(self, kind: str, name: str) -> str:
        text = self._digest(kind, name).upper()
        return f"{kind}_{text[:8]}-{text[8:12]}-4{text[13:16]}-A{text[17:20]}-{text[20:]}"

    def _digest(self, kind: str, name: str) -> str:
        key = f"{kind}/{name}"
        self._ids_made[key] += 1
        made = f"{self._seed}/{self._ids_made[key]}/{key}"
        return hashlib.blake2b(made.encode(), digest_size=16).hexdigest()
