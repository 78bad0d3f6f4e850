"""The neutral names and types of contact fields, in which every mapping is written.

The names are Autopilot's own; what another destination makes of them, its module in this wing says.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum


class FieldType(StrEnum):
    """Types of contact fields; a standard field is a string.

    ``text`` is a long one; ``multiselect`` has ``;`` between its choices. A destination without such a type
    has them as strings.
    """

    STRING = "string"
    INTEGER = "integer"
    FLOAT = "float"
    BOOLEAN = "boolean"
    DATE = "date"
    TEXT = "text"
    PHONE = "phone"
    GEO = "geo"
    SELECT = "select"
    MULTISELECT = "multiselect"


FIELDS_OF_CHOICES = frozenset({FieldType.SELECT, FieldType.MULTISELECT})
_PHONES = {"Phone", "MobilePhone", "Fax"}

TYPES = ", ".join(FieldType)
"""All types, for a message."""


@dataclass(frozen=True)
class MappedField:
    """One field of the contact: ``target``, by its neutral name, comes from the profile's ``attribute``.

    ``form`` is how the source writes its dates or numbers, as :mod:`.text_forms` reads it; None for ISO 8601
    and a decimal point. Of phone numbers it is the country code of those without one, as ``+61``.
    ``values`` are the choices of a field of choices, where they are given.
    """

    target: str
    attribute: str
    type: FieldType
    custom: bool
    form: str | None = None
    values: tuple[str, ...] = ()

    @property
    def is_phone(self) -> bool:
        """Whether it holds phone numbers."""
        return self.type is FieldType.PHONE or self.target in _PHONES


STANDARD_FIELDS = (
    "Email",
    "FirstName",
    "LastName",
    "Salutation",
    "Company",
    "NumberOfEmployees",
    "Title",
    "Industry",
    "Phone",
    "MobilePhone",
    "Fax",
    "Website",
    "MailingStreet",
    "MailingCity",
    "MailingState",
    "MailingPostalCode",
    "MailingCountry",
    "owner_name",
    "LeadSource",
    "Status",
    "LinkedIn",
    "Twitter",
)
"""Fields that need not be made first, by exact name; ``Email`` is the key."""


def checked_custom_field(text: str) -> str:
    """Return the name of a custom field, ``<type>--<Name>`` with blanks in the name as ``--``.

    :raises ValueError: it is none; the text continues the name of its key.
    """
    kind, separator, name = text.partition("--")
    if not separator or kind not in set(FieldType):
        raise ValueError(f"must be <type>--<Name>, where <type> is one of {TYPES}")
    if not name.strip("-"):
        raise ValueError(f"has no name after the type; write for example {kind}--Loyalty--Tier")
    if re.search(r"\s", name):
        raise ValueError(f"has a blank in its name; write each blank as two hyphens: {kind}--Loyalty--Tier")
    if not name.isprintable() or name.startswith("-") or name.endswith("-"):
        raise ValueError("holds a control character, or a hyphen at the start or end of its name")
    return text


def written(name: str) -> str:
    """Return a custom field's name as it is sent: each blank as two hyphens."""
    return name.replace(" ", "--")


def field_of(title: str) -> str:
    """Return the name of the boolean custom field that stands for a list (``membership: field``)."""
    return f"boolean--List--{written(title)}"


def name_of(custom_field: str) -> str:
    """Return a custom field's name without its type; a name has one type at the destination."""
    return custom_field.partition("--")[2]
