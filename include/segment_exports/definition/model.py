"""The export definition: one strict model that validates, explains itself and publishes its schema."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import replace
from enum import StrEnum
from functools import cached_property
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationInfo, field_validator

from segment_exports.contact_fields.fields import MappedField, field_of, name_of
from segment_exports.contact_fields.opening import fields_of
from segment_exports.contact_fields.text_forms import DateForm
from segment_exports.definition.destination_settings import (
    DEFAULT_DESTINATION,
    DestinationSettings,
    Membership,
)
from segment_exports.definition.field_mapping import FieldMapping  # noqa: TC001 - pydantic needs it
from segment_exports.definition.refresh_settings import Refresh, WaitForRefresh
from segment_exports.definition.segment_targets import (
    ListTarget,
    SegmentTarget,
    require_no_contradiction,
    require_own_fields,
    require_own_tags,
    tag_id,
)
from segment_exports.definition.source_settings import SourceSettings  # noqa: TC001 - pydantic needs it
from segment_exports.definition.strict import Days, Name, Number, People, Share, StrictModel, Text
from segment_exports.records.profiles import CUSTOMER_ID, PREVIOUS_CUSTOMER_ID
from segment_exports.settings import bounds

EXPORT_NAME = re.compile(r"[a-z][a-z0-9_]*")


class Permission(StrictModel):
    """Who may be mailed: profiles whose attribute holds one of these values."""

    attribute: Name = Field(description="Profile attribute that holds the consent.")
    equals: tuple[Name, ...] = Field(min_length=1, description="Value or values that mean yes.")
    when_nobody: Literal["stop", "withhold"] = Field(
        default="stop",
        description="Where nobody gives permission, or nobody of a segment has a value: stop the run, or "
        "believe it and withhold them.",
    )

    @field_validator("equals", mode="before")
    @classmethod
    def _values_as_text(cls, value: Any) -> Any:
        if value is None:
            raise ValueError("is empty; write the value or the values that mean yes")
        values = value if isinstance(value, list | tuple) else [value]
        return tuple(_as_source_text(one) for one in values)


def _as_source_text(value: Any) -> Any:
    """Write true, false and whole numbers as the sources do, so that they need no quotes in the file."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, int) else value


def _membership(told: ValidationInfo) -> Membership | None:
    destination = told.data.get("destination")
    return destination.membership if destination is not None else None


class LimitScope(StrEnum):
    """What the limit counts."""

    DESTINATION = "destination"
    EXPORT = "export"


class WhenOver(StrEnum):
    """What happens above the limit."""

    FAIL = "fail"
    TRUNCATE = "truncate"


class Limit(StrictModel):
    """The most profiles that may be exported."""

    profiles: People = Field(default=100_000, ge=1, description="The most distinct addresses.")
    scope: LimitScope = Field(
        default=LimitScope.DESTINATION, description="In all exports of the account, or here."
    )
    when_over: WhenOver = Field(default=WhenOver.FAIL, description="Fail before the first request, or cut.")


class WhenTripped(StrEnum):
    """What a guard does."""

    STOP = "stop"
    ASK = "ask"


class FirstRun(StrEnum):
    """What the first delivery of an export to an account needs."""

    CONFIRM = "confirm"
    DELIVER = "deliver"


class Guards(StrictModel):
    """Shares above which a run stops or turns red."""

    stop_above_invalid: Share = Field(
        default=0.05, description="Profiles that are invalid; above it nothing is sent."
    )
    red_above_rejected: Share = Field(
        default=0.0, description="New rejections; above it the run is red after all else was sent."
    )
    stop_above_rejected: Share = Field(
        default=0.5, description="Rejections of the contacts judged, after 500; above it sending stops."
    )
    stop_above_added: Share = Field(default=0.5, description="Additions to a list; above it nothing is sent.")
    stop_above_removed: Share = Field(
        default=0.2, description="Removals from a list; above it nothing is sent."
    )
    min_count: People = Field(default=50, ge=0, description="Additions and removals up to this count pass.")
    unsubscribe_empty_up_to: People = Field(
        default=10,
        ge=0,
        description="With when_permission_withdrawn: unsubscribe, how many people at once are unsubscribed "
        "over a permission that has no value any more; if they are more, all of them only leave our lists.",
    )
    when_tripped: WhenTripped = Field(default=WhenTripped.STOP, description="Stop, or ask a person first.")


class ExportDefinition(StrictModel):
    """One export: which segments, how fields map, to which connection, when. It becomes one DAG."""

    name: Text = Field(description="Equals the file's name without .yaml; the DAG is export_<name>.")
    display_name: Name | None = Field(default=None, description="Name that people see.")
    description: Text | None = Field(default=None, description="What the export is for.")
    source: SourceSettings
    destination: DestinationSettings = DEFAULT_DESTINATION
    segments: tuple[SegmentTarget, ...] = Field(
        min_length=1, max_length=bounds.DEFINITION_ITEMS, description="In order of precedence."
    )
    mapping: FieldMapping
    permission: Permission | None = None
    recency: Name | None = Field(
        default=None, description="Attribute with a date: the newest row of an address wins within a segment."
    )
    recency_format: Text | None = Field(
        default=None, description="How the source writes that date, as M/d/yyyy; left out, ISO 8601."
    )
    refresh: Refresh | None = Field(default=None, description="Left out, the export runs on demand only.")
    wait_for_refresh: WaitForRefresh = WaitForRefresh()
    max_age_hours: Annotated[Number, Field(gt=0, le=24 * bounds.KEPT_DAYS)] | None = Field(
        default=None, description="A snapshot older than this turns the run red."
    )
    limit: Limit = Limit()
    when_member_leaves: Literal["keep", "remove"] | None = Field(
        default=None,
        description="Whether those who left a segment leave its list. Left out: remove where permission is "
        "set, since who withdraws may be gone from the segment altogether; else keep.",
    )
    when_permission_withdrawn: Literal["remove", "unsubscribe"] = Field(
        default="remove", description="Whoever withdrew leaves our lists, or is unsubscribed altogether."
    )
    when_email_changes: Literal["add", "move"] = Field(
        default="add", description="Add the new address as a contact, or move the old contact to it."
    )
    first_run: FirstRun = Field(
        default=FirstRun.CONFIRM,
        description="Whether a person has to begin the first delivery to the account, or a schedule may too.",
    )
    guards: Guards = Guards()
    retention_days: Days = Field(default=30, description="Days that runs and refused files stay.")
    history_days: Days = Field(default=bounds.HISTORY_DAYS, description="Days that the history stays.")

    @field_validator("name")
    @classmethod
    def _lower_case_name(cls, name: str) -> str:
        if not EXPORT_NAME.fullmatch(name):
            raise ValueError("must be lower-case letters, digits and _, starting with a letter")
        return name

    @field_validator("recency_format")
    @classmethod
    def _form_of_a_date(cls, form: str | None) -> str | None:
        if form is not None:
            DateForm.of(form)
        return form

    @field_validator("segments")
    @classmethod
    def _lists_apart(
        cls, segments: tuple[SegmentTarget, ...], told: ValidationInfo
    ) -> tuple[SegmentTarget, ...]:
        require_no_contradiction(segments)
        if _membership(told) is Membership.FIELD:
            require_own_fields(segments)
        if _membership(told) is Membership.TAG:
            require_own_tags(segments)
        return segments

    @field_validator("mapping")
    @classmethod
    def _no_field_of_a_list(cls, mapping: FieldMapping, told: ValidationInfo) -> FieldMapping:
        kept = _membership(told) is Membership.FIELD
        lists = {name_of(field_of(one.list)): one.list for one in told.data.get("segments", ()) if kept}
        for target in mapping.custom:
            if title := lists.get(name_of(target)):
                raise ValueError(
                    f"fills the custom field {target}, which holds who is on the list {title}; map another "
                    f"field, give the list another title, or don't set destination.membership to field"
                )
        return mapping

    @field_validator("mapping")
    @classmethod
    def _fields_of_the_destination(cls, mapping: FieldMapping, told: ValidationInfo) -> FieldMapping:
        if destination := told.data.get("destination"):
            for text in fields_of(destination.type).contradictions(mapping.fields):
                raise ValueError(text)
        return mapping

    @property
    def title(self) -> str:
        """Name that people see: ``display_name``, or the name."""
        return self.display_name or self.name

    @property
    def removes_leavers(self) -> bool:
        """Whether those who left a segment leave its list."""
        chosen = self.when_member_leaves or ("keep" if self.permission is None else "remove")
        return chosen == "remove"

    @property
    def lists(self) -> tuple[ListTarget, ...]:
        """The distinct lists, in the order of their first segment."""
        as_tags = self.destination.membership is Membership.TAG
        ids = [tag_id(one.list_id) if as_tags else one.list_id for one in self.segments]
        return tuple(
            dict.fromkeys(ListTarget(one.list, known) for one, known in zip(self.segments, ids, strict=True))
        )

    @property
    def segment_names(self) -> tuple[str, ...]:
        """Names of the segments, in order of precedence."""
        return tuple(segment.name for segment in self.segments)

    def list_of(self, segment: str) -> str:
        """Return the title of the list that a segment's members join.

        :raises KeyError: the export has no such segment.
        """
        return {one.name: one.list for one in self.segments}[segment]

    @property
    def attributes(self) -> tuple[str, ...]:
        """Every profile attribute to read, once each; CustomerId and PreviousCustomerId last."""
        wanted = [field.attribute for field in self.mapping.fields]
        wanted += [self.permission.attribute] if self.permission else []
        wanted += [self.recency] if self.recency else []
        ids = (CUSTOMER_ID, PREVIOUS_CUSTOMER_ID)
        return (*dict.fromkeys(name for name in wanted if name not in ids), *ids)

    def keys_naming(self, attribute: str) -> str:
        """Return the keys of the definition that name an attribute, for a message; empty where none does."""
        keys = [
            f"mapping.{'custom.' if field.custom else ''}{field.target}"
            for field in self.mapping.fields
            if field.attribute == attribute
        ]
        if self.permission and self.permission.attribute == attribute:
            keys.append("permission.attribute")
        if self.recency == attribute:
            keys.append("recency")
        return " and ".join(keys)

    @property
    def fields(self) -> tuple[MappedField, ...]:
        """The mapped fields, phones with the country code that the destination's settings give them."""
        code = self.destination.phone_country_code
        return tuple(
            replace(one, form=code) if code and one.is_phone and not one.form else one
            for one in self.mapping.fields
        )

    @cached_property
    def fields_there(self) -> dict[str, MappedField]:
        """The mapped fields but the address, by what they are at the destination."""
        there = fields_of(self.destination.type).there
        return {there(field).key: field for field in self.mapping.fields[1:]}

    @property
    def membership_fields(self) -> dict[str, str]:
        """The custom fields that hold who is on a list, with the lists' titles (``membership: field``)."""
        if self.destination.membership is not Membership.FIELD:
            return {}
        return {field_of(target.title): target.title for target in self.lists}

    @property
    def consent_fingerprint(self) -> str:
        """Names what is asked of whom before they are mailed: attribute, values that mean yes, segments."""
        rule = [self.permission.attribute, sorted(self.permission.equals)] if self.permission else None
        return _fingerprint([rule, sorted(self.segment_names)])

    @property
    def mapping_fingerprint(self) -> str:
        """Names the mapping: it changes with a field, its attribute, type or form, not with the order."""
        fields = [
            [one.target, one.attribute, one.type, *filter(None, (one.form, one.values))]
            for one in self.fields
        ]
        return _fingerprint(fields)


def _fingerprint(told: object) -> str:
    return hashlib.sha256(json.dumps(told).encode()).hexdigest()[:32]
