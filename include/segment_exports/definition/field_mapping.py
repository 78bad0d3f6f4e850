"""Which profile attribute becomes which field of the contact."""

from __future__ import annotations

from collections.abc import Callable, Mapping  # noqa: TC003 - pydantic reads it at run time
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

from pydantic import AfterValidator, Field, field_validator, model_validator

from segment_exports.contact_fields.fields import (
    FIELDS_OF_CHOICES,
    STANDARD_FIELDS,
    TYPES,
    FieldType,
    MappedField,
    checked_custom_field,
    name_of,
)
from segment_exports.contact_fields.opening import refused_fields
from segment_exports.contact_fields.text_forms import DateForm, NumberForm, checked_country_code
from segment_exports.definition.meant import kind_meant
from segment_exports.definition.problems import more_than_once, shape
from segment_exports.definition.strict import Name, StrictModel, Text
from segment_exports.settings import bounds

if TYPE_CHECKING:
    from collections.abc import Iterator


CustomFieldName = Annotated[
    Text, Field(max_length=bounds.NAME_CHARACTERS), AfterValidator(checked_custom_field)
]


_FORMS: dict[FieldType, Callable[[str], object]] = {
    FieldType.DATE: DateForm.of,
    FieldType.INTEGER: NumberForm.of,
    FieldType.FLOAT: NumberForm.of,
    FieldType.PHONE: checked_country_code,
}


class FieldSource(StrictModel):
    """The attribute that fills a custom field, and how the source writes it."""

    attribute: Name = Field(description="Name of the profile attribute.")
    format: Text | None = Field(
        default=None,
        description="How the source writes its dates, as M/d/yyyy h:mm:ss tt, or its numbers, as 1.234,56; "
        "left out, ISO 8601 and a decimal point. Of a phone, the country code of numbers without one: +61.",
    )
    values: tuple[Name, ...] = Field(
        default=(),
        max_length=bounds.DEFINITION_ITEMS,
        description="Choices of a select or multiselect, which a field is made with where it has to be made; "
        "others are refused there.",
    )

    @model_validator(mode="before")
    @classmethod
    def _from_a_name(cls, value: Any) -> Any:
        if isinstance(value, str):
            return {"attribute": value}
        if not isinstance(value, dict | FieldSource):
            raise ValueError(  # noqa: TRY004
                f"is {shape(value)}; it must be an attribute's name, or a mapping of attribute, format and "
                f"values{kind_meant('text', value)}"
            )
        return value


def _require_choices(target: str, kind: FieldType, values: tuple[str, ...]) -> None:
    if kind not in FIELDS_OF_CHOICES:
        raise ValueError(f"gives {target} values; only select and multiselect have them")
    if twice := more_than_once(values):
        raise ValueError(f"gives {target} the value {twice[0]} more than once")
    if kind is FieldType.MULTISELECT and any(";" in value for value in values):
        raise ValueError(f"gives {target} a value with a semicolon, which stands between values")


def _require_form(target: str, kind: FieldType, text: str) -> None:
    form = _FORMS.get(kind)
    if form is None:
        raise ValueError(f"gives {target} a format; only dates, numbers and phones have one")
    try:
        form(text)
    except ValueError as error:
        raise ValueError(f"gives {target} a format that {error}") from None


class FieldMapping(StrictModel):
    """Contact fields by their neutral names, which are Autopilot's; each value names a profile attribute."""

    refused_keys: ClassVar[Mapping[str, str]] = {
        name: f"can't be mapped: {why}" for name, why in refused_fields().items()
    }
    """Keys that are none, and why."""

    other_keys: ClassVar[str] = " A custom field belongs below custom, as <type>--<Name>."
    """What a key may be that is none."""

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
    custom: dict[CustomFieldName, FieldSource] = Field(
        default_factory=dict,
        max_length=bounds.DEFINITION_ITEMS,
        description="Custom fields as <type>--<Name>, blanks in the name written as --. "
        f"Types: {TYPES}. Create them in Autopilot first; of Ortto, see destination.create_fields.",
    )

    @field_validator("custom")
    @classmethod
    def _one_type_for_a_name(cls, custom: dict[str, FieldSource]) -> dict[str, FieldSource]:
        if twice := more_than_once(map(name_of, custom)):
            raise ValueError(f"gives {', '.join(twice)} more than one type; a custom field has one")
        return custom

    @field_validator("custom")
    @classmethod
    def _formats_and_values_of_their_types(cls, custom: dict[str, FieldSource]) -> dict[str, FieldSource]:
        for target, source in custom.items():
            kind = FieldType(target.partition("--")[0])
            if source.values:
                _require_choices(target, kind, source.values)
            if source.format is not None:
                _require_form(target, kind, source.format)
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
        for target, source in sorted(self.custom.items(), key=lambda one: one[0]):
            kind = FieldType(target.partition("--")[0])
            yield MappedField(
                target, source.attribute, kind, custom=True, form=source.format, values=source.values
            )
