"""What marketing staff do in Autopilot's own pages: none of it passes the API or its log."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from segment_emulators.autopilot.account import Account


ACTIONS = {
    "unsubscribe": ("contact",),
    "delete_contact": ("contact",),
    "change_email": ("contact", "email"),
    "add_list": ("title",),
    "rename_list": ("list_id", "title"),
    "delete_list": ("list_id",),
    "add_to_list": ("list_id", "contact"),
    "remove_from_list": ("list_id", "contact"),
    "add_smart_segment": ("title", "field", "value"),
    "add_journey": ("name",),
}
"""Methods of :class:`Staff` and their arguments, for the control plane."""


class Staff:
    """Changes to the account behind the API's back; contacts are named by address or id."""

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
        """Make a contact, on lists given by id, also where the address is taken; return its id."""
        with self._account.lock:
            contact = self._account.create(None if email is None else email.lower(), api_originated=False)
            contact.fields.update(fields)
            contact.custom = dict(custom) if custom else None
            for key in custom or ():
                self._account.know_custom_field(key)
            contact.unsubscribed = unsubscribed
            for list_id in lists:
                self._account.join(contact, self._account.get_list(list_id))
            return contact.contact_id

    def change_email(self, contact: str, email: str) -> None:
        """Give a contact another address."""
        with self._account.lock:
            self._account.change_email(self._account.get(contact), email.lower())

    def set_field(self, contact: str, key: str, value: Any) -> None:
        """Give a contact a value of a custom field, named as it is sent."""
        with self._account.lock:
            self._account.know_custom_field(key)
            found = self._account.get(contact)
            found.custom = {**(found.custom or {}), key: value}
            found.updated_at = self._account.clock()

    def delete_contact(self, contact: str) -> None:
        """Delete a contact for good."""
        with self._account.lock:
            self._account.delete(contact)

    def unsubscribe(self, contact: str) -> None:
        """Note that a contact unsubscribed, as the link in a mail does."""
        with self._account.lock:
            self._account.unsubscribe(contact)

    def add_list(self, title: str) -> str:
        """Make a list, also where one of this title is there; return its id."""
        with self._account.lock:
            return self._account.create_list(title).list_id

    def rename_list(self, list_id: str, title: str) -> None:
        """Give a list another title."""
        with self._account.lock:
            self._account.get_list(list_id).title = title

    def delete_list(self, list_id: str) -> None:
        """Delete a list; its contacts stay."""
        with self._account.lock:
            self._account.delete_list(list_id)

    def add_to_list(self, list_id: str, contact: str) -> bool:
        """Put a contact on a list; return whether it was not there."""
        with self._account.lock:
            return self._account.join(self._account.get(contact), self._account.get_list(list_id))

    def remove_from_list(self, list_id: str, contact: str) -> bool:
        """Take a contact off a list; return whether it was there."""
        with self._account.lock:
            return self._account.leave(self._account.get(contact), self._account.get_list(list_id))

    def add_smart_segment(self, title: str, field: str, value: Any) -> str:
        """Save a filter on a field, a custom one named as it is sent; return its id."""
        with self._account.lock:
            return self._account.add_smart_segment(title, field, value).segment_id

    def add_journey(self, name: str) -> str:
        """Make a journey that the API may start; return the id of its trigger."""
        with self._account.lock:
            return self._account.add_journey(name)
