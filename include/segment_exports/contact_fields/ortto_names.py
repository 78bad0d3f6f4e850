"""Which field of Ortto's each neutral field is: one of its own, by id, or a custom one, by name.

Facts: help.ortto.com, ``person/merge`` (fields of its own), ``custom-field/create`` and ``a-54-fields``.
"""

from __future__ import annotations

import json
import re
import unicodedata
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import TYPE_CHECKING

from segment_exports.contact_fields.fields import FieldType, name_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from segment_exports.contact_fields.fields import MappedField

MOST_CUSTOM_FIELDS = 200
"""Of a person, in the largest plan; smaller ones have 100 or 150."""


class OrttoType(StrEnum):
    """Types of Ortto's fields, as ``custom-field/create`` names them."""

    TEXT = "text"
    LARGE_TEXT = "large_text"
    INTEGER = "integer"
    DECIMAL = "decimal"
    BOOL = "bool"
    DATE = "date"
    PHONE = "phone"
    GEO = "geo"
    SINGLE_SELECT = "single_select"
    MULTI_SELECT = "multi_select"


_TYPES = {
    FieldType.STRING: OrttoType.TEXT,
    FieldType.INTEGER: OrttoType.INTEGER,
    FieldType.FLOAT: OrttoType.DECIMAL,
    FieldType.BOOLEAN: OrttoType.BOOL,
    FieldType.DATE: OrttoType.DATE,
    FieldType.TEXT: OrttoType.LARGE_TEXT,
    FieldType.PHONE: OrttoType.PHONE,
    FieldType.GEO: OrttoType.GEO,
    FieldType.SELECT: OrttoType.SINGLE_SELECT,
    FieldType.MULTISELECT: OrttoType.MULTI_SELECT,
}

_OWN = {
    "Email": ("str::email", OrttoType.TEXT),
    "FirstName": ("str::first", OrttoType.TEXT),
    "LastName": ("str::last", OrttoType.TEXT),
    "Phone": ("phn::phone", OrttoType.PHONE),
    "MailingCity": ("geo::city", OrttoType.GEO),
    "MailingState": ("geo::region", OrttoType.GEO),
    "MailingCountry": ("geo::country", OrttoType.GEO),
    "MailingPostalCode": ("str::postal", OrttoType.TEXT),
}
_MADE = {
    "Salutation": ("Salutation", OrttoType.TEXT),
    "Company": ("Company", OrttoType.TEXT),
    "NumberOfEmployees": ("Number of employees", OrttoType.TEXT),
    "Title": ("Job title", OrttoType.TEXT),
    "Industry": ("Industry", OrttoType.TEXT),
    "MobilePhone": ("Mobile phone", OrttoType.PHONE),
    "Fax": ("Fax", OrttoType.PHONE),
    "Website": ("Website", OrttoType.TEXT),
    "MailingStreet": ("Street", OrttoType.TEXT),
    "owner_name": ("Owner name", OrttoType.TEXT),
    "LeadSource": ("Lead source", OrttoType.TEXT),
    "Status": ("Status", OrttoType.TEXT),
    "LinkedIn": ("LinkedIn", OrttoType.TEXT),
    "Twitter": ("Twitter", OrttoType.TEXT),
}
"""Standard fields that Ortto lacks: name and type of the custom field."""

_ID = re.compile(r"[a-z0-9]{2,3}:[a-z0-9]*:", re.IGNORECASE)
_PERMISSION = "it says who may be mailed; see destination.new_people and when_permission_withdrawn"
_GIVEN = "Ortto gives it and doesn't take it"
REFUSED_FIELDS: dict[str, str] = {
    **dict.fromkeys(("bol::p", "bol::sp", "bol::gdpr"), _PERMISSION),
    **dict.fromkeys(("str::u-ctx", "str::s-ctx", "str::soi-ctx", "str::soo-ctx"), _PERMISSION),
    "str::ei": "people are known by their address; map an id to a custom field",
    "str::person_id": _GIVEN,
    "u4s::t": "tags come from `segments`",
    **dict.fromkeys(
        ("str::is", "str::as", "bol::hb", "tme::sa", "tme::ua", "idt::o", "int::e", "int::v"), _GIVEN
    ),
}
"""Ids of fields of Ortto's own that a mapping may not fill, nor a custom field of such a name, and why."""


@dataclass(frozen=True)
class CustomField:
    """A custom field that the account must have.

    :param key: stands for its id in a payload; only the account knows the id.
    :param name: as people see it in Ortto.
    :param type: Ortto's, by its API.
    :param values: the choices that a field of choices is made with.
    """

    key: str
    name: str
    type: OrttoType
    values: tuple[str, ...] = ()

    @property
    def placeholder(self) -> bytes:
        """What stands for the field in the bytes of a payload."""
        return placeholder_of(self.key)


def placeholder_of(key: str) -> bytes:
    """Return what stands for a custom field in the bytes of a payload, and nowhere else in them.

    ``"@Company":``, to be replaced by ``"str:cm:company":``. A value can't hold it: no quote stands in a
    JSON string without a backslash before it, and no colon behind a value. Nor can the key of another
    field, since there is no quote in any.
    """
    return f"{json.dumps(key, ensure_ascii=False)}:".encode()


@dataclass(frozen=True)
class Place:
    """Where a field goes: by its key in the payload, and the custom field behind that, if it is one."""

    key: str
    type: OrttoType
    custom: CustomField | None


def place_of(field: MappedField) -> Place:
    """Return where a field of a mapping goes."""
    if own := _OWN.get(field.target) if not field.custom else None:
        return Place(*own, None)
    name, kind = (
        (name_of(field.target).replace("--", " "), _TYPES[field.type])
        if field.custom
        else _MADE[field.target]
    )
    # Two names that differ by their quotes are one to Ortto, and refused.
    key = f"@{field.target}".replace('"', "'")
    return Place(key, kind, CustomField(key, name, kind, field.values))


def custom_fields(fields: Sequence[MappedField]) -> tuple[CustomField, ...]:
    """Return the custom fields that the account must have, in the order of the mapping's fields."""
    return tuple(custom for field in fields if (custom := place_of(field).custom))


@lru_cache(maxsize=10_000)
def folded(name: str) -> str:
    """Return what two names have in common of which Ortto makes one id.

    In lower case, ``-`` for each character that is no letter or digit, ``$`` dropped. (What it makes of
    letters outside ASCII nobody has told; they stay apart here.)
    """
    plain = unicodedata.normalize("NFC", name).casefold().replace("$", "")
    return re.sub(r"\W|_", "-", plain)


def contradictions(fields: Sequence[MappedField]) -> Iterator[str]:
    """Tell what of a mapping Ortto can't have; each text continues the key ``mapping``."""
    places = [(field, custom) for field in fields if (custom := place_of(field).custom)]
    if len(places) > MOST_CUSTOM_FIELDS:
        yield (
            f"needs {len(places)} custom fields in Ortto, and no plan has more than {MOST_CUSTOM_FIELDS}; "
            f"map fewer"
        )
    names: dict[str, str] = {}
    for field, custom in places:
        if why := _refused(custom.name):
            yield f"fills the custom field {field.target}, which can't be mapped: {why}"
        elif (other := names.setdefault(folded(custom.name), field.target)) != field.target:
            yield (
                f"fills {other} and {field.target}, which are one custom field in Ortto ({custom.name}), "
                f"since it tells names apart by letters and digits only; leave one out or rename it"
            )


def _refused(name: str) -> str | None:
    permission = dict.fromkeys(("subscribed", "unsubscribed"), _PERMISSION)
    refused = {_words(one): why for one, why in (REFUSED_FIELDS | permission).items()}
    is_id = "it is written as an id of Ortto's; a custom field has a name, such as Loyalty--Tier"
    return refused.get(_words(name)) or (is_id if _ID.match(name) else None)


def _words(name: str) -> tuple[str, ...]:
    return tuple(filter(None, folded(name).split("-")))
