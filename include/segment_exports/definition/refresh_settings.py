"""When Customer Insights refreshes, and how a run waits for the end of that."""

from __future__ import annotations

import re
from enum import StrEnum
from typing import Annotated

from pydantic import BeforeValidator, Field, field_validator

from segment_exports.definition.meant import days_meant, time_meant
from segment_exports.definition.problems import shape
from segment_exports.definition.source_settings import TimeZone  # noqa: TC001 - pydantic needs it
from segment_exports.definition.strict import StrictModel, Text, Whole

MOST_REFRESHES_A_DAY = 4
_TIME_OF_DAY = re.compile(r"([01][0-9]|2[0-3]):[0-5][0-9]")


class Weekday(StrEnum):
    """Days of the week as the definition writes them."""

    MON = "mon"
    TUE = "tue"
    WED = "wed"
    THU = "thu"
    FRI = "fri"
    SAT = "sat"
    SUN = "sun"


def _time_of_day(value: object) -> object:
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return value
    if not isinstance(value, str) or not _TIME_OF_DAY.fullmatch(value):
        meant = time_meant(value)
        raise ValueError(f'must be a time from "00:00" to "23:59", with two digits each.{meant}'.rstrip("."))
    return value


def _weekday(value: object) -> object:
    if isinstance(value, str) and value not in set(Weekday):
        days = ", ".join(days_meant(value))
        meant = f" Did you mean {days}?" if days else ""
        raise ValueError(f"is {shape(value)}; allowed: {', '.join(Weekday)}.{meant}".rstrip("."))
    return value


TimeOfDay = Annotated[
    Text,
    BeforeValidator(_time_of_day),
    Field(json_schema_extra={"pattern": f"^({_TIME_OF_DAY.pattern})$"}),
]


class Refresh(StrictModel):
    """Customer Insights' own refresh schedule, copied from Settings > System > Schedule."""

    timezone: TimeZone = Field(description="IANA time zone of the schedule.")
    times: tuple[TimeOfDay, ...] = Field(
        min_length=1, max_length=MOST_REFRESHES_A_DAY, description="Up to four times a day, HH:MM."
    )
    days: tuple[Annotated[Weekday, BeforeValidator(_weekday)], ...] = Field(
        default=tuple(Weekday), min_length=1, description="Days of a weekly schedule; every day if left out."
    )

    @field_validator("days", mode="before")
    @classmethod
    def _days_of_a_text(cls, value: object) -> object:
        if isinstance(value, str) and (days := days_meant(value)):
            told = f"write [{', '.join(days)}]" if len(days) < len(Weekday) else "leave it out for every day"
            raise ValueError(f"is {shape(value)}; it must be a list; {told}")
        return value

    @field_validator("times", "days")
    @classmethod
    def _once_each(cls, values: tuple[str, ...]) -> tuple[str, ...]:
        if len(set(values)) < len(values):
            raise ValueError("names one more than once")
        return values


class WaitForRefresh(StrictModel):
    """How a run waits for the refresh to end."""

    poll_seconds: Whole = Field(default=60, ge=1, le=3600, description="Seconds between two looks.")
    timeout_minutes: Whole = Field(default=360, ge=1, le=10080, description="Minutes until the run gives up.")
    early_start_minutes: Whole = Field(
        default=5,
        ge=0,
        le=1440,
        description="A refresh submitted up to so many minutes before the scheduled time is the run's (API).",
    )
    retry_grace_minutes: Whole = Field(
        default=15,
        ge=0,
        le=1440,
        description="Minutes that Customer Insights has to try a failed refresh again, before the run is red "
        "(API).",
    )
    quiet_minutes: Whole = Field(
        default=15,
        ge=0,
        le=1440,
        description="Minutes that the last change must lie back, before it counts as the end (Dataverse).",
    )
    assumed_after_minutes: Whole = Field(
        default=180,
        ge=0,
        le=10080,
        description="Minutes after the scheduled time until a refresh that changed nothing, or leaves no "
        "time of change, is taken for ended (Dataverse).",
    )
