"""What an upsert does to the account, by the switches."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from segment_emulators.account_api.addresses import is_bad_address
from segment_emulators.autopilot.config import (
    AddressTaken,
    EmptyValue,
    ListOnUpsert,
    Names,
    Switches,
    UnknownCustomField,
    UnknownList,
)

if TYPE_CHECKING:
    from segment_emulators.autopilot.account import Account
    from segment_emulators.autopilot.contacts import Contact

_NAMES = ("FirstName", "LastName")
_NOT_STORED = frozenset(
    {
        "Email", "custom", "unsubscribed", "notify", "_autopilot_list", "_autopilot_session_id", "_NewEmail",
        "contact_id", "created_at", "updated_at", "lists", "custom_fields", "api_originated",
    }
)  # fmt: skip
"""Keys with a meaning of their own, and those that can only be read."""


class BadContactError(Exception):
    """The contact can't be stored. The text is the message of a 400."""


def check(account: Account, switches: Switches, sent: Any) -> None:
    """Refuse a contact that the account would not take.

    :raises BadContactError: with the reason. No text of the real API is known.
    """
    if not isinstance(sent, dict):
        raise BadContactError("contact must be an object.")
    for key in ("Email", "_NewEmail"):
        if sent.get(key) is not None and is_bad_address(switches, sent[key]):
            raise BadContactError("Invalid email address.")
    custom = sent.get("custom")
    if custom is not None and not isinstance(custom, dict):
        raise BadContactError("custom must be an object.")
    if switches.unknown_custom_field is UnknownCustomField.REFUSED:
        for key in custom or ():
            if key not in account.custom_fields:
                raise BadContactError("Unknown custom field.")
    wanted = sent.get("_autopilot_list")
    if wanted is not None and wanted not in account.lists and switches.unknown_list is UnknownList.REFUSED:
        raise BadContactError("List does not exist.")
    if switches.address_taken is AddressTaken.REFUSED and _is_taken(account, sent):
        raise BadContactError("Email address is already in use.")


def _is_taken(account: Account, sent: dict[str, Any]) -> bool:
    """Tell whether ``_NewEmail`` is the address of another contact."""
    if sent.get("_NewEmail") is None:
        return False
    taken = account.find(sent["_NewEmail"].strip())
    return taken is not None and taken is not account.find(str(sent.get("Email")).strip())


def upsert(account: Account, switches: Switches, sent: dict[str, Any], *, in_bulk: bool) -> Contact:
    """Store a contact that :func:`check` let pass; the address, in lower case, is its identity."""
    address = sent.get("Email")
    email = None if address is None else address.strip().lower()
    contact = None if email is None else account.find(email)
    is_new = contact is None
    if contact is None:
        contact = account.create(email)
    else:
        contact.updated_at = account.clock()
    _merge_fields(contact, switches, sent)
    if sent.get("custom"):
        _merge_custom(account, contact, switches, sent["custom"])
    if isinstance(sent.get("unsubscribed"), bool):
        contact.unsubscribed = sent["unsubscribed"]
    if sent.get("_NewEmail"):
        account.change_email(contact, sent["_NewEmail"].strip().lower())
    _put_on_list(account, contact, switches, sent.get("_autopilot_list"), is_new=is_new, in_bulk=in_bulk)
    return contact


def _merge_fields(contact: Contact, switches: Switches, sent: dict[str, Any]) -> None:
    fields = contact.fields
    for name, value in sent.items():
        if name in _NOT_STORED:
            continue
        if value is None or value == "":
            if switches.empty_value is EmptyValue.CLEARS:
                fields.pop(name, None)
            continue
        if switches.names is Names.KEPT and name in _NAMES and fields.get(name):
            continue
        fields[name] = value


def _merge_custom(account: Account, contact: Contact, switches: Switches, sent: dict[str, Any]) -> None:
    custom = contact.custom or {}
    for key, value in sent.items():
        if key not in account.custom_fields:
            if switches.unknown_custom_field is UnknownCustomField.IGNORED:
                continue
            account.know_custom_field(key)
        if value is None or value == "":
            if switches.empty_value is EmptyValue.CLEARS:
                custom.pop(key, None)
            continue
        custom[key] = value
    contact.custom = custom or None


def _put_on_list(
    account: Account,
    contact: Contact,
    switches: Switches,
    list_id: Any,
    *,
    is_new: bool,
    in_bulk: bool,
) -> None:
    rule = switches.list_in_bulk if in_bulk else switches.list_in_single
    if list_id not in account.lists or rule is ListOnUpsert.IGNORED:
        return
    if is_new or rule is ListOnUpsert.HONOURED:
        account.join(contact, account.lists[list_id])
