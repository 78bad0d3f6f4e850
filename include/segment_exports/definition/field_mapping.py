"""Which profile attribute becomes which field of the contact at Autopilot."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

from pydantic import AfterValidator, Field, field_validator

from segment_exports.definition.strict import LONGEST_NAME, Name, StrictModel, Text

if TYPE_CHECKING:
    from collections.abc import Iterator


class FieldType(StrEnum):
    """Types of contact fields; a standard field is a string."""

    STRING = "string"
    INTEGER = "integer"
    FLOAT = "float"
    BOOLEAN = "boolean"
    DATE = "date"


@dataclass(frozen=True)
class MappedField:
    """One field of the contact: ``target`` at the destination comes from the profile's ``attribute``."""

    target: str
    attribute: str
    type: FieldType
    custom: bool


REFUSED_FIELDS = {
    "unsubscribed": "it is never sent, so that nobody is re-subscribed; see when_permission_withdrawn",
    "Unsubscribed": "it is never sent, so that nobody is re-subscribed; see when_permission_withdrawn",
    "notify": "it is never sent",
    "_autopilot_list": "membership comes from `segments`; see destination.membership",
    "_NewEmail": "a changed address is followed by when_email_changes",
    "_autopilot_session_id": "it belongs to a web session, not to a profile",
    "contact_id": "Autopilot gives it and doesn't take it",
    "created_at": "Autopilot gives it and doesn't take it",
    "updated_at": "Autopilot gives it and doesn't take it",
    "lists": "membership comes from `segments`",
    "custom_fields": "write custom fields under `custom`, as <type>--<Name>",
}
"""Names of Autopilot's contact that a mapping may not fill, and why."""

_TYPES = ", ".join(FieldType)


def _custom_field_name(text: str) -> str:
    kind, separator, name = text.partition("--")
    if not separator or kind not in set(FieldType):
        raise ValueError(f"must be <type>--<Name>, where <type> is one of {_TYPES}")
    if not name.strip("-"):
        raise ValueError(f"has no name after the type; write for example {kind}--Loyalty--Tier")
    if re.search(r"\s", name):
        raise ValueError(f"has a blank in its name; write each blank as two hyphens: {kind}--Loyalty--Tier")
    if not name.isprintable() or name.startswith("-") or name.endswith("-"):
        raise ValueError("holds a control character, or a hyphen at the start or end of its name")
    return text


CustomFieldName = Annotated[Text, Field(max_length=LONGEST_NAME), AfterValidator(_custom_field_name)]


def field_of(title: str) -> str:
    """Return the name of the boolean custom field that stands for a list (``membership: field``)."""
    return f"boolean--List--{title.replace(' ', '--')}"


def name_of(custom_field: str) -> str:
    """Return a custom field's name without its type; a name has one type at the destination."""
    return custom_field.partition("--")[2]


class FieldMapping(StrictModel):
    """Contact fields by Autopilot's exact names; each value is the name of a profile attribute."""

    Email: Name = Field(description="Required: the attribute with the address that identifies the contact.")
    FirstName: Name | None = None
    LastName: Name | None = None
    Salutation: Name | None = None
    Company: Name | None = None
    NumberOfEmployees: Name | None = None
    Title: Name | None = None
    Industry: Name | None = None
    Phone: Name | None = None
    MobilePhone: Name | None = None
    Fax: Name | None = None
    Website: Name | None = None
    MailingStreet: Name | None = None
    MailingCity: Name | None = None
    MailingState: Name | None = None
    MailingPostalCode: Name | None = None
    MailingCountry: Name | None = None
    owner_name: Name | None = None
    LeadSource: Name | None = None
    Status: Name | None = None
    LinkedIn: Name | None = None
    Twitter: Name | None = None
    custom: dict[CustomFieldName, Name] = Field(
        default_factory=dict,
        description="Custom fields as <type>--<Name>, blanks in the name written as --. "
        f"Types: {_TYPES}. Create them in Autopilot first.",
    )

    @field_validator("custom")
    @classmethod
    def _one_type_for_a_name(cls, custom: dict[str, str]) -> dict[str, str]:
        names = [name_of(target) for target in custom]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"gives {', '.join(twice)} more than one type; a custom field has one")
        return custom

    @property
    def fields(self) -> tuple[MappedField, ...]:
        """The mapped fields in an order that doesn't depend on the file's: Email first, custom last."""
        return tuple(self._mapped())

    def _mapped(self) -> Iterator[MappedField]:
        for target in STANDARD_FIELDS:
            attribute: str | None = getattr(self, target)
            if attribute is not None:
                yield MappedField(target, attribute, FieldType.STRING, custom=False)
        for target, attribute in sorted(self.custom.items()):
            yield MappedField(target, attribute, FieldType(target.partition("--")[0]), custom=True)


STANDARD_FIELDS = tuple(name for name in FieldMapping.model_fields if name != "custom")
"""Autopilot's own writable fields, by exact name."""
