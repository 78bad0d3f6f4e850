"""The ``destination`` of a definition: which account receives the contacts, and how."""

from __future__ import annotations

from collections.abc import Mapping  # noqa: TC003 - pydantic reads it at run time
from enum import StrEnum
from typing import Annotated, Any, ClassVar, Literal, TypeAlias

from pydantic import AfterValidator, BeforeValidator, Field

from segment_exports.contact_fields.text_forms import checked_country_code
from segment_exports.definition.strict import Name, StrictModel, Switch, Text, Whole


class Membership(StrEnum):
    """How contacts are put on lists."""

    AUTO = "auto"
    BULK = "bulk"
    LIST = "list"
    FIELD = "field"
    TAG = "tag"

    @property
    def kind(self) -> str:
        """``field`` or ``list``: the kinds of membership that say nothing of each other."""
        return "field" if self is Membership.FIELD else "list"


class NewPeople(StrEnum):
    """Whether whoever is made at the account may be mailed there."""

    SUBSCRIBED = "subscribed"
    UNSUBSCRIBED = "unsubscribed"


class AutopilotSettings(StrictModel):
    """An account of Autopilot, which receives the contacts."""

    missing_keys: ClassVar[Mapping[str, str]] = {}
    refused_keys: ClassVar[Mapping[str, str]] = dict.fromkeys(
        ("new_people", "create_fields", "phone_country_code"),
        "is a key of `type: ortto` only; leave it out, or write type: ortto",
    )
    """Keys of another type of destination, and why they are none here."""

    type: Literal["autopilot"] = Field(default="autopilot", description="What kind of account it is.")
    connection: Name = Field(default="autopilot_default", description="Airflow connection of the account.")
    membership: Literal[Membership.AUTO, Membership.BULK, Membership.LIST, Membership.FIELD] = Field(
        default=Membership.AUTO,
        description="auto finds out what the account can do; bulk, list and field force a way.",
    )
    requests_in_flight: Whole = Field(default=8, ge=1, le=64, description="Requests under way at once.")

    @property
    def phone_country_code(self) -> None:
        """None: phone numbers are text there."""


class OrttoSettings(StrictModel):
    """An account of Ortto, which receives the contacts. What is irreversible has no default."""

    missing_keys: ClassVar[Mapping[str, str]] = {
        "new_people": "is missing; write subscribed (whomever this export makes in Ortto may be mailed at "
        "once) or unsubscribed (they are not, before they subscribe there). Whom Ortto knows already keeps "
        "their permission",
        "create_fields": "is missing; write true (custom fields of the mapping that the account lacks are "
        "made, which nobody can undo by the API) or false (a run stops and names them, and you make them)",
    }
    """Keys that have no default, and what to write."""

    refused_keys: ClassVar[Mapping[str, str]] = {
        "membership": "is a key of `type: autopilot` only: in Ortto each list is a tag; leave it out",
    }

    type: Literal["ortto"] = Field(description="What kind of account it is.")
    connection: Name = Field(default="ortto_default", description="Airflow connection of the account.")
    new_people: NewPeople = Field(
        description="Whether people whom this export makes there may be mailed; those who exist keep what "
        "they have."
    )
    create_fields: Switch = Field(
        description="Whether custom fields that the account lacks are made; else a run stops and names them."
    )
    phone_country_code: Annotated[Text, AfterValidator(checked_country_code)] | None = Field(
        default=None,
        description="Country code of phone numbers without one, as +61; left out, their rows are refused.",
    )
    requests_in_flight: Whole = Field(default=4, ge=1, le=4, description="Requests under way at once.")

    @property
    def membership(self) -> Membership:
        """Lists are tags, which come with the person."""
        return Membership.TAG


def _autopilot_where_no_type_is_given(value: Any) -> Any:
    return {"type": "autopilot", **value} if isinstance(value, dict) and "type" not in value else value


DestinationSettings: TypeAlias = Annotated[
    AutopilotSettings | OrttoSettings,
    Field(discriminator="type"),
    BeforeValidator(_autopilot_where_no_type_is_given),
]

DEFAULT_DESTINATION = AutopilotSettings()
"""What a definition means that names no ``destination``."""
