"""The account behind the API: people, their tags, fields, and who may not be mailed.

The methods are what the API and the account's own staff can do; what the API's protocol makes of them
stands in ``merging.py`` and the operations. Whoever calls them from another thread than the server's holds
``lock``.
"""

from __future__ import annotations

import hashlib
import itertools
import threading
import time
from collections import Counter
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from segment_emulators.account_api.control_plane import NotThereError
from segment_emulators.ortto.config import Case
from segment_emulators.ortto.cursors import Cursors
from segment_emulators.ortto.fields import EMAIL, PERMISSION, PREFIXES, FieldBook
from segment_emulators.ortto.people import Activity, Before, Person, Tag, time_text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from segment_emulators.ortto.audiences import Audience

_REMEMBERED = 3600.0
"""Seconds for which it is known what a person was before a change."""


class PersonNotFoundError(NotThereError):
    """No person of this id or address."""


class TagNotFoundError(NotThereError):
    """No tag of this id."""


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
        self._staff_is_at_work = False
        self._first_custom_fields = tuple(custom_fields)
        self.arrivals = itertools.count(1)
        """Counts requests and people made, so that it is known which came first."""
        self.clear()

    @contextmanager
    def by_staff(self) -> Iterator[None]:
        """Hold the lock; what is done inside is done in Ortto's own pages."""
        with self.lock:
            self._staff_is_at_work = True
            try:
                yield
            finally:
                self._staff_is_at_work = False

    def clear(self) -> None:
        """Empty the account, but for what every new one has; the key stays."""
        self.contacts: dict[str, Person] = {}
        self.archive_of: dict[str, Person] = {}
        """Archived people by id."""
        self.fields = FieldBook()
        self.tags: dict[int, Tag] = {1: Tag(1, "My team")}
        """Those of people, by id."""
        self.other_tags = [Tag(1, "My organization", "organization")]
        self.suppressed: dict[str, None] = {}
        """Addresses (lower case) of the suppression list."""
        self.audiences: dict[str, Audience] = {}
        self.activities: list[Activity] = []
        self.cursors = Cursors()
        self._newest_tag = max(self.tags)
        self._by_email: dict[str, dict[str, None]] = {}
        self._ids_made: Counter[str] = Counter()
        for described in self._first_custom_fields:
            self.make_field(described)

    # People

    def find(self, contact_id_or_email: str, *, case: Case = Case.FOLDED) -> Person | None:
        """Return a person by id or by address; the oldest where an address stands twice."""
        found = self.contacts.get(contact_id_or_email)
        return found or next(self.with_email(contact_id_or_email, case), None)

    def with_email(self, email: str, case: Case = Case.FOLDED) -> Iterator[Person]:
        """Return the people who have an address, oldest first."""
        for contact_id in list(self._by_email.get(email.lower(), ())):
            person = self.contacts[contact_id]
            if case is Case.FOLDED or person.email == email:
                yield person

    def get(self, contact_id_or_email: str) -> Person:
        """Return a person by id or by address.

        :raises PersonNotFoundError: there is none.
        """
        found = self.find(contact_id_or_email)
        if found is None:
            raise PersonNotFoundError
        return found

    def create(self, email: str | None) -> Person:
        """Make a person; ids depend on the seed, the address and how often it was made before.

        They have the form of Ortto's, and are in no order.
        """
        now = self.clock()
        name = (email or "").lower()
        self._ids_made[name] += 1
        digest = hashlib.blake2b(f"{self._seed}/{self._ids_made[name]}/{name}".encode(), digest_size=9)
        person = Person(f"0069{digest.hexdigest()}00", now, now, next(self.arrivals))
        person.before.append(Before(now, None, ()))
        self.contacts[person.contact_id] = person
        if email is not None:
            self.set_field(person, EMAIL, email)
        self.happened("created", person)
        return person

    def changing(self, person: Person) -> None:
        """Remember what a person was, for readers who see changes late."""
        now = self.clock()
        while person.before and person.before[0].changed_at < now - _REMEMBERED:
            person.before.pop(0)
        person.before.append(Before(now, dict(person.fields), tuple(person.tags)))
        person.edited_at = now

    def set_field(self, person: Person, field_id: str, value: Any) -> None:
        """Store a value; None clears the field."""
        before = person.email
        if field_id == EMAIL:
            self._forget_email(person)
        if value is None:
            person.fields.pop(field_id, None)
        else:
            person.fields[field_id] = value
        if field_id == EMAIL and isinstance(value, str):
            self._by_email.setdefault(value.lower(), {})[person.contact_id] = None
            if before not in (None, value):
                self.happened("address_changed", person, str(before))

    def change_email(self, person: Person, email: str) -> None:
        """Give a person another address."""
        self.changing(person)
        self.set_field(person, EMAIL, email)

    def permit(self, person: Person, *, may_mail: bool, reason: str | None = None) -> None:
        """Subscribe or unsubscribe a person, who keeps all tags.

        :param reason: what is shown for it.
        """
        was = person.fields.get(PERMISSION)
        if was is may_mail:
            return
        now = time_text(self.clock())
        self.set_field(person, PERMISSION, may_mail)
        self.set_field(person, "s" if may_mail else "u", now)
        self.set_field(person, "str::s-ctx" if may_mail else "str::u-ctx", reason)
        subscribed = "subscribed" if was is not None else "first_subscribed"
        self.happened(subscribed if may_mail else "unsubscribed", person, reason or "")

    def unsubscribe(self, contact_id_or_email: str) -> None:
        """Unsubscribe a person.

        :raises PersonNotFoundError: there is none.
        """
        person = self.get(contact_id_or_email)
        self.changing(person)
        self.permit(person, may_mail=False, reason="Unsubscribed by link")

    def archive(self, contact_id: str) -> bool:
        """Put a person into the archive; return whether it was among the people."""
        person = self.contacts.get(contact_id)
        if person is None:
            return False
        self._forget_email(person)
        del self.contacts[contact_id]
        for tag_id in person.tags:
            self.tags[tag_id].members.pop(contact_id, None)
        self.archive_of[contact_id] = person
        self.happened("archived", person)
        return True

    def restore(self, contact_id: str) -> bool:
        """Take a person out of the archive; return whether it was there."""
        person = self.archive_of.pop(contact_id, None)
        if person is None:
            return False
        self.contacts[contact_id] = person
        if person.email is not None:
            self._by_email.setdefault(person.email.lower(), {})[contact_id] = None
        for tag_id in list(person.tags):
            if tag_id in self.tags:
                self.tags[tag_id].members[contact_id] = None
            else:
                person.tags.remove(tag_id)
        self.happened("restored", person)
        return True

    def delete(self, contact_id_or_email: str) -> None:
        """Delete a person for good, archived or not.

        :raises PersonNotFoundError: there is none.
        """
        contact_id = contact_id_or_email
        if contact_id not in self.archive_of:
            contact_id = self.get(contact_id_or_email).contact_id
            self.archive(contact_id)
        self.happened("deleted", self.archive_of.pop(contact_id))

    # Fields and tags

    def make_field(self, described: str) -> str:
        """Make the account have a custom field: ``name``, ``type/name``, ``type/name/value/…``."""
        kind, *rest = described.split("/")
        if kind not in PREFIXES or not rest:
            return self.fields.make(described, "text").field_id
        return self.fields.make(rest[0], kind, tuple(rest[1:])).field_id

    @property
    def lists(self) -> dict[str, Tag]:
        """The tags of people by their ids as text."""
        with self.lock:
            return {tag.list_id: tag for tag in self.tags.values()}

    def get_tag(self, tag_id: str) -> Tag:
        """Return a tag of people.

        :raises TagNotFoundError: there is none.
        """
        found = self.tags.get(int(tag_id)) if tag_id.isdecimal() else None
        if found is None:
            raise TagNotFoundError
        return found

    def find_tag(self, title: str, case: Case = Case.EXACT) -> Tag | None:
        """Return the tag of people that has a name."""
        folded = title.lower() if case is Case.FOLDED else None
        found = (one for one in self.tags.values() if one.title == title or one.title.lower() == folded)
        return next(found, None)

    def make_tag(self, title: str) -> Tag:
        """Make a tag of people."""
        now = self.clock()
        self._newest_tag += 1  # the id of one that was deleted is given to no other
        tag = Tag(self._newest_tag, title, created_at=now, last_used=now)
        self.tags[tag.tag_id] = tag
        return tag

    def delete_tag(self, tag_id: str) -> None:
        """Delete a tag, as staff can; the API has no call for it."""
        tag = self.get_tag(tag_id)
        for contact_id in tag.members:
            self.contacts[contact_id].tags.remove(tag.tag_id)
        del self.tags[tag.tag_id]

    def join(self, person: Person, tag: Tag) -> bool:
        """Tag a person; return whether it was not tagged."""
        if person.contact_id in tag.members:
            return False
        tag.members[person.contact_id] = None
        tag.last_used = self.clock()
        person.tags.append(tag.tag_id)
        self.happened("tag_added", person, tag.title)
        return True

    def leave(self, person: Person, tag: Tag) -> bool:
        """Untag a person; return whether it was tagged."""
        if person.contact_id not in tag.members:
            return False
        del tag.members[person.contact_id]
        person.tags.remove(tag.tag_id)
        self.happened("tag_removed", person, tag.title)
        return True

    def happened(self, what: str, person: Person, detail: str = "") -> None:
        """Keep an activity."""
        self.activities.append(
            Activity(what, person.contact_id, person.email, detail, self.clock(), self._staff_is_at_work)
        )

    def members_of(self, audience: Audience) -> list[Person]:
        """Return the people who are in an audience now."""
        return audience.members(self.contacts.values(), self.fields)

    # Reading it back

    def contacts_by_email(self) -> dict[str, dict[str, Any]]:
        """Return everybody who has an address, with all fields."""
        with self.lock:
            return {one.email: one.to_json() for one in self.contacts.values() if one.email}

    def list_ids(self, title: str) -> list[str]:
        """Return the ids of the tags of a name: one, or none."""
        with self.lock:
            return [tag.list_id for tag in self.tags.values() if tag.title == title]

    def members(self, title_or_id: str) -> set[str]:
        """Return the addresses of who has a tag, named by its name, else by its id."""
        with self.lock:
            tag = self.find_tag(title_or_id) or self.lists.get(title_or_id)
            return {self.contacts[one].email or one for one in tag.members} if tag else set()

    def unsubscribed(self) -> set[str]:
        """Return the addresses of those who may not be mailed."""
        with self.lock:
            return {one.email for one in self.contacts.values() if one.is_unsubscribed and one.email}

    # Inside

    def _forget_email(self, person: Person) -> None:
        if person.email is None:
            return
        holders = self._by_email.get(person.email.lower(), {})
        holders.pop(person.contact_id, None)
        if not holders:
            self._by_email.pop(person.email.lower(), None)
