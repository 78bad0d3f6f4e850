"""How the emulator behaves where nobody knows how Autopilot does: one switch per open question.

What is documented or was recorded has no switch; the emulator does it exactly. Defaults follow the
better evidence. Switches may be changed while the emulator runs.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Literal

from segment_emulators.account_api.emulator import AccountConfig, AccountSwitches


class BadContact(StrEnum):
    """What one bad contact does to a bulk upsert."""

    REFUSES_BATCH = "refuses_batch"
    LEFT_OUT = "left_out"


class ListOnUpsert(StrEnum):
    """Whether ``_autopilot_list`` in an upsert makes the contact a member."""

    HONOURED = "honoured"
    ON_CREATION = "on_creation"
    IGNORED = "ignored"


class UnknownList(StrEnum):
    """What ``_autopilot_list`` with an id that doesn't exist does."""

    IGNORED = "ignored"
    REFUSED = "refused"


class SameTitle(StrEnum):
    """What making a second list of the same title does."""

    NEW_LIST = "new_list"
    CONFLICT = "conflict"


class Names(StrEnum):
    """What an upsert does to a FirstName or LastName that is there already."""

    OVERWRITTEN = "overwritten"
    KEPT = "kept"


class UnknownCustomField(StrEnum):
    """What an upsert does with a custom field that the account doesn't have."""

    KEPT = "kept"
    IGNORED = "ignored"
    REFUSED = "refused"


class EmptyValue(StrEnum):
    """What ``""`` or ``null`` in an upsert does to a value that is there."""

    KEEPS = "keeps"
    CLEARS = "clears"


class MapKeys(StrEnum):
    """How ``email_contact_map`` writes an address."""

    STORED = "stored"
    AS_SENT = "as_sent"
    CAPITALS = "capitals"
    PUNYCODE = "punycode"
    """The domain in ASCII, as mail servers are asked for it."""
    DECOMPOSED = "decomposed"
    """Letters with marks as two characters (NFD)."""


class AddressTaken(StrEnum):
    """What ``_NewEmail`` with another contact's address does."""

    TWO_CONTACTS = "two_contacts"
    REFUSED = "refused"


class Switches(AccountSwitches):
    """Everything that may be changed at run time."""

    bad_contact: BadContact = BadContact.LEFT_OUT
    list_in_bulk: ListOnUpsert = ListOnUpsert.IGNORED
    list_in_single: ListOnUpsert = ListOnUpsert.ON_CREATION
    unknown_list: UnknownList = UnknownList.IGNORED
    same_title: SameTitle = SameTitle.NEW_LIST
    names: Names = Names.OVERWRITTEN
    unknown_custom_field: UnknownCustomField = UnknownCustomField.KEPT
    empty_value: EmptyValue = EmptyValue.KEEPS
    map_keys: MapKeys = MapKeys.STORED
    address_taken: AddressTaken = AddressTaken.TWO_CONTACTS
    delete_status: Literal[200, 204] = 200
    retry_after: int | None = None
    """Seconds in a Retry-After header of a 429; nothing known says that Autopilot sends one."""


class EmulatorConfig(AccountConfig):
    """What an emulator starts with."""

    switches: Switches = Switches()
    custom_fields: tuple[str, ...] = ()
    """Custom fields that the account has, such as ``string--Loyalty--Tier``."""
