"""The fields of people: built in, and made by somebody.

Ids are ``type:namespace:name``. Which fields there are, and what the schema says of them, was recorded.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

PREFIXES = {
    "text": "str", "email": "str", "link": "str", "single_select": "str", "large_text": "txt",
    "integer": "int", "decimal": "int", "currency": "int", "date": "dtz", "time": "tme", "bool": "bol",
    "phone": "phn", "geo": "geo", "multi_select": "sst", "object": "obj",
}  # fmt: skip
"""What a custom field may be, and what its id begins with."""
SELECTS = frozenset({"single_select", "multi_select"})
CUSTOM = "cm"
"""The namespace of fields that are made in the account."""
EMAIL, PERSON_ID, EXTERNAL_ID = "str::email", "str::person_id", "str::ei"
PERMISSION, SMS_PERMISSION = "bol::p", "bol::sp"
TAGS = "u4s::t"

_BUILT_IN = """
a Archived time r
bol::gdpr GDPR bool
bol::hb Hard bounced bool rh
bol::p Email permission bool
bol::sp SMS permission bool
c Created time r
dtz::b Birthday date
e Edited time r
f First seen time r
geo::city City geo
geo::country Country geo
geo::ll Last location geo r
geo::ll-cnt Last country geo r
geo::ll-cty Last city geo r
geo::ll-r Last region geo r
geo::region Region geo
idt::o Account id r
idt::pe_ Last sticky field id rh
int::e Engagement engagement r
int::ta Total attributed currency r
int::v Total spent currency r
l Last seen time r
o SMS subscribe date time r
phn::phone Phone number phone
proximity::loc Proximity proximity r
r Restored time r
s Email subscribe date time r
str::as Archive source text r
str::ei External ID text
str::email Email email
str::first First name text
str::is Initial source text r
str::iu Initial URL text r
str::iuc Initial UTM campaign content text
str::ium Initial UTM campaign medium text
str::iun Initial UTM campaign name text
str::ius Initial UTM campaign source text
str::iut Initial UTM campaign term text
str::language Language single_select
str::last Last name text
str::lb Last browser text r
str::lt Last timezone single_select
str::name Name text
str::postal Postal code text
str::s-ctx Email subscribe context text
str::soi-ctx SMS subscribe context text
str::soo-ctx SMS unsubscribe context text r
str::su Subscribed via URL url r
str::u-ctx Email unsubscribe context text r
tme::ct Current time text r
tme::ds_ Data source text_dictionary h
tme::m_ Member of audience audience_member h
tme::sa Suppressed at time r
tme::soo SMS unsubscribe date time r
tme::ua Unsuppressed at time r
u Email unsubscribe date time r
u4s::t Tag tags r
"""
ACTIVITIES = {
    "aclk": "Ad clicked", "b": "Bounced email", "c": "Clicked email", "enter-audience": "Entered audience",
    "es": "Email suppressed", "eu": "Email unsuppressed", "i": "Invalid email", "o": "Opened email",
    "oos-all": "Unsubscribed from SMS", "r": "Received email", "s": "Sent email",
    "s-all": "Subscribed to email", "ta": "Tag added", "tr": "Tag removed",
    "u-all": "Unsubscribed from email", "us": "User session", "ws": "Website session",
}  # fmt: skip
"""Some of those that are kept of people. Each has two read-only fields: when it first and last occurred."""
_ORGANIZATION = {
    "geo:o:city": ("City", "geo"), "int:o:employees": ("Employees", "integer"),
    "str:o:industry": ("Industry", "text"), "str:o:name": ("Name", "text"),
    "str:o:website": ("Website", "link"), "u4s:o:t": ("Tag", "tags"),
}  # fmt: skip
_WRITABLE_ALL_THE_SAME = frozenset({"str::u-ctx", "str::soo-ctx"})
"""The schema calls them read-only, and the vendor's examples write them."""
_NOT_IN_SCHEMA = {
    "str::fcm_ios_token": "text", "str::apn_ios_token": "text", "str::android_token": "text",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Field:
    """A field of people."""

    field_id: str
    name: str
    display_type: str
    liquid_name: str = ""
    read_only: bool = False
    hidden: bool = False
    values: tuple[str, ...] = ()
    """The options of a select."""
    tracked: bool = False

    @property
    def namespace(self) -> str:
        """The part of the id between the colons."""
        parts = self.field_id.split(":")
        return parts[1] if len(parts) > 1 else ""

    def to_json(self) -> dict[str, Any]:
        """Return the field as the schema and the list of custom fields answer it."""
        answer: dict[str, Any] = {"id": self.field_id, "name": self.name}
        if self.read_only:
            answer["read_only"] = True
        answer["display_type"] = self.display_type
        if self.hidden:
            answer["hidden"] = True
        answer["liquid_name"] = self.liquid_name
        if self.values:
            answer["dic_items"] = list(self.values)
        return answer


def _built_in() -> dict[str, Field]:
    found = {}
    for line in _BUILT_IN.strip().splitlines():
        words = line.split()
        flags = words.pop() if words[-1] in {"r", "h", "rh"} else ""
        field_id, display_type, name = words[0], words[-1], " ".join(words[1:-1])
        liquid = f"people.{_slug(name)}"
        found[field_id] = Field(field_id, name, display_type, liquid, "r" in flags, "h" in flags)
    for key, name in ACTIVITIES.items():
        for end, when in (("f", "first"), ("l", "last")):
            told = f"{name} {when} occurred"
            field_id = f"tme::{key}!{end}"
            found[field_id] = Field(field_id, told, "time", f"people.{_slug(told)}", read_only=True)
    return found


def _slug(name: str) -> str:
    """Return what a name becomes in an id: lower case, all but letters and digits a hyphen, no ``$``."""
    return re.sub(r"[^a-z0-9]+", "-", name.replace("$", "").lower()).strip("-") or "field"


class FieldNameTakenError(Exception):
    """A custom field has this name."""


@dataclass(slots=True)
class FieldBook:
    """All fields of an account's people."""

    built_in: dict[str, Field] = field(default_factory=_built_in)
    made: dict[str, Field] = field(default_factory=dict)
    """Custom fields, and those of integrations, by id."""

    def custom(self) -> list[Field]:
        """Return the fields that were made in the account, oldest first."""
        return [one for one in self.made.values() if one.namespace == CUSTOM]

    def find(self, field_id: str) -> Field | None:
        """Return a field that people may have, be it in the schema or not."""
        found = self.built_in.get(field_id) or self.made.get(field_id)
        if found is None and field_id in _NOT_IN_SCHEMA:
            found = Field(field_id, field_id, _NOT_IN_SCHEMA[field_id])
        return found

    def is_writable(self, found: Field) -> bool:
        """Tell whether a merge may write a field."""
        return not found.read_only or found.field_id in _WRITABLE_ALL_THE_SAME

    def make(
        self,
        name: str,
        display_type: str,
        values: tuple[str, ...] = (),
        *,
        namespace: str = CUSTOM,
        read_only: bool = False,
        tracked: bool = False,
    ) -> Field:
        """Make a field; its id ends in ``-2`` and so on where another one's name gives the same.

        :raises FieldNameTakenError: a field of the namespace has this name.
        """
        if any(one.name == name for one in self.made.values() if one.namespace == namespace):
            raise FieldNameTakenError
        slug = _slug(name)
        wanted, count = slug, 1
        while any(one.field_id.split(":")[2] == wanted for one in self.made.values()):
            count += 1
            wanted = f"{slug}-{count}"
        place = "custom" if namespace == CUSTOM else namespace
        made = Field(
            f"{PREFIXES[display_type]}:{namespace}:{wanted}",
            name,
            display_type,
            f"people.{place}.{wanted}",
            read_only,
            values=values,
            tracked=tracked,
        )
        self.made[made.field_id] = made
        return made

    def schema(self) -> dict[str, dict[str, Any]]:
        """Return the namespaces; one without fields is absent."""
        spaces: dict[str, dict[str, Any]] = {"": {"id": "", "fields": {}}}
        spaces["o"] = {"id": "o", "fields": {}, "org": True}
        for field_id, (name, display_type) in _ORGANIZATION.items():
            made = Field(field_id, name, display_type, f"account.{_slug(name)}")
            spaces["o"]["fields"][field_id] = made.to_json()
        for key, name in ACTIVITIES.items():
            shown = {"id": f"act::{key}", "name": name, "display_type": "activity", "attributes": []}
            spaces[""]["fields"][shown["id"]] = shown
        for one in (*self.built_in.values(), *self.made.values()):
            space = spaces.setdefault(one.namespace, {"id": one.namespace, "fields": {}})
            space["fields"][one.field_id] = one.to_json()
        return spaces
