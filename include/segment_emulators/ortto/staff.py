"""What marketing staff do in Ortto's own pages: none of it passes the API or its log."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from segment_emulators.ortto.audiences import Audience
from segment_emulators.ortto.fields import CUSTOM, EMAIL
from segment_emulators.ortto.people import Tag

if TYPE_CHECKING:
    from segment_emulators.ortto.account import Account

ACTIONS = {
    "unsubscribe": ("contact",),
    "subscribe": ("contact",),
    "delete_contact": ("contact",),
    "archive": ("contact",),
    "restore": ("contact",),
    "change_email": ("contact", "email"),
    "set_field": ("contact", "key", "value"),
    "suppress": ("email",),
    "add_list": ("title",),
    "add_tag_by_hand": ("title", "kind"),
    "rename_list": ("list_id", "title"),
    "delete_list": ("list_id",),
    "add_to_list": ("list_id", "contact"),
    "remove_from_list": ("list_id", "contact"),
    "make_field": ("name", "kind"),
}
"""Methods of :class:`Staff` and their arguments, for the control plane."""


class Staff:
    """Changes to the account behind the API's back; people are named by address or id, tags by id."""

    def __init__(self, account: Account) -> None:
        self._account = account

    def add_contact(
        self,
        email: str | None,
        *,
        lists: tuple[str, ...] = (),
        unsubscribed: bool | None = None,
        custom: dict[str, Any] | None = None,
        **fields: Any,
    ) -> str:
        """Make a person, with tags given by id, also where the address is taken; return its id.

        :param custom: values of custom fields by field id or by name; a name that isn't there becomes a text.
        :param fields: values of other fields by field id.
        """
        with self._account.by_staff():
            person = self._account.create(None if email is None else email.lower())
            for field_id, value in fields.items():
                self._account.set_field(person, field_id, value)
            for key, value in (custom or {}).items():
                self._account.set_field(person, self._field_id(key), value)
            self._account.permit(person, may_mail=unsubscribed is not True)
            for list_id in lists:
                self._account.join(person, self._account.get_tag(list_id))
            return person.contact_id

    def change_email(self, contact: str, email: str) -> None:
        """Give a person another address."""
        with self._account.by_staff():
            self._account.change_email(self._account.get(contact), email.lower())

    def set_field(self, contact: str, key: str, value: Any) -> None:
        """Give a person a value of a field, named by id or by its own name; None clears it."""
        with self._account.by_staff():
            person = self._account.get(contact)
            self._account.changing(person)
            self._account.set_field(person, self._field_id(key), value)

    def delete_contact(self, contact: str) -> None:
        """Delete a person for good."""
        with self._account.by_staff():
            self._account.delete(contact)

    def archive(self, contact: str) -> None:
        """Put a person into the archive."""
        with self._account.by_staff():
            self._account.archive(self._account.get(contact).contact_id)

    def restore(self, contact_id: str) -> bool:
        """Take a person, named by id, out of the archive; return whether it was there."""
        with self._account.by_staff():
            return self._account.restore(contact_id)

    def unsubscribe(self, contact: str) -> None:
        """Unsubscribe a person, as the link in a mail does."""
        with self._account.by_staff():
            self._account.unsubscribe(contact)

    def subscribe(self, contact: str) -> None:
        """Subscribe a person, as a form does."""
        with self._account.by_staff():
            person = self._account.get(contact)
            self._account.changing(person)
            self._account.permit(person, may_mail=True)

    def suppress(self, email: str) -> None:
        """Put an address on the suppression list."""
        with self._account.by_staff():
            self._account.suppressed[email.strip().lower()] = None

    def add_list(self, title: str) -> str:
        """Make a tag of people; return its id. One that has the name is the one."""
        with self._account.by_staff():
            return (self._account.find_tag(title) or self._account.make_tag(title)).list_id

    def add_tag_by_hand(self, title: str, kind: str = "") -> str:
        """Make a tag of people, or one of accounts (``organization``), whose ids repeat; return its id."""
        if not kind:
            return self.add_list(title)
        with self._account.by_staff():
            others = self._account.other_tags
            now = self._account.clock()
            others.append(Tag(len(others) + 1, title, kind, now, now))
            return others[-1].list_id

    def rename_list(self, list_id: str, title: str) -> None:
        """Give a tag another name."""
        with self._account.by_staff():
            self._account.get_tag(list_id).title = title

    def delete_list(self, list_id: str) -> None:
        """Delete a tag; its people stay."""
        with self._account.by_staff():
            self._account.delete_tag(list_id)

    def add_to_list(self, list_id: str, contact: str) -> bool:
        """Tag a person; return whether it was not tagged."""
        with self._account.by_staff():
            person = self._account.get(contact)
            self._account.changing(person)
            return self._account.join(person, self._account.get_tag(list_id))

    def remove_from_list(self, list_id: str, contact: str) -> bool:
        """Untag a person; return whether it was tagged."""
        with self._account.by_staff():
            person = self._account.get(contact)
            self._account.changing(person)
            return self._account.leave(person, self._account.get_tag(list_id))

    def make_field(
        self,
        name: str,
        kind: str = "text",
        values: tuple[str, ...] = (),
        *,
        namespace: str = CUSTOM,
        read_only: bool = False,
    ) -> str:
        """Make a field, also one that an integration keeps (another namespace, read-only); return its id."""
        with self._account.by_staff():
            made = self._account.fields.make(
                name, kind or "text", values, namespace=namespace, read_only=read_only
            )
            return made.field_id

    def make_audience(self, name: str, narrowed_to: dict[str, Any]) -> str:
        """Save a filter under a name; return the audience's id."""
        with self._account.by_staff():
            audiences = self._account.audiences
            audience = Audience(f"69{len(audiences) + 1:022x}", name, narrowed_to, self._account.clock())
            audiences[audience.audience_id] = audience
            return audience.audience_id

    def _field_id(self, key: str) -> str:
        book = self._account.fields
        if key == EMAIL or book.find(key) is not None:
            return key
        named = next((one for one in book.custom() if one.name == key), None)
        return (named or book.make(key, "text")).field_id
