"""How the emulator behaves where nobody knows how Autopilot does: one switch per open question.

What is documented or was recorded has no switch; the emulator does it exactly. Defaults follow the
better evidence. Switches may be changed while the emulator runs.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from segment_emulators.autopilot.faults import Fault  # noqa: TC001 pydantic reads it at run time


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


class Switches(BaseModel):
    """Everything that may be changed at run time."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    bad_contact: BadContact = BadContact.LEFT_OUT
    bad_emails: frozenset[str] = frozenset()
    """Addresses (lower case) that are bad, whatever they look like."""
    bad_domains: frozenset[str] = frozenset({"bad.example.com"})
    """Domains whose addresses are all bad."""
    bad_syntax: bool = True
    """Whether an address without the shape of one is bad."""
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
    rate: int | None = Field(default=5, ge=1)
    """More arrivals than this in any rolling second are answered 429; None is no limit."""
    throttled_count: bool = True
    """Whether arrivals that were answered 429 count as arrivals."""
    retry_after: int | None = None
    """Seconds in a Retry-After header of a 429; nothing known says that Autopilot sends one."""
    quotes: tuple[str, ...] | None = None
    """Quotes back what it was sent in every refusal, and these texts; None doesn't."""
    latency: float = Field(default=0.0, ge=0.0)
    """Seconds that every call takes at least."""


class EmulatorConfig(BaseModel):
    """What an emulator starts with."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    api_key: str = Field(default="0123456789abcdef0123456789abcdef", min_length=1, repr=False)
    seed: int = 1
    """Contact and list ids are made from it."""
    switches: Switches = Switches()
    faults: tuple[Fault, ...] = ()
    custom_fields: tuple[str, ...] = ()
    """Custom fields that the account has, such as ``string--Loyalty--Tier``."""
    log_limit: int | None = None
    """The access log keeps so many arrivals (the newest); None is all."""
