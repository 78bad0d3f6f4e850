"""Which profile attribute becomes which field of the contact."""

from __future__ import annotations

from collections.abc import Mapping  # noqa: TC003 - pydantic reads it at run time
from typing import TYPE_CHECKING, Annotated, ClassVar

from pydantic import AfterValidator, Field, field_validator

from segment_exports.contact_fields.fields import (
    STANDARD_FIELDS,
    TYPES,
    FieldType,
    MappedField,
    checked_custom_field,
    name_of,
)
from segment_exports.contact_fields.opening import refused_fields
from segment_exports.definition.strict import LONGEST_NAME, Name, StrictModel, Text

if TYPE_CHECKING:
    from collections.abc import Iterator


CustomFieldName = Annotated[Text, Field(max_length=LONGEST_NAME), AfterValidator(checked_custom_field)]


class FieldMapping(StrictModel):
    """Contact fields by Autopilot's exact names; each value is the name of a profile attribute."""

    refused_keys: ClassVar[Mapping[str, str]] = refused_fields()
    """Keys that can't be mapped, and why."""

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
        f"Types: {TYPES}. Create them in Autopilot first.",
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
