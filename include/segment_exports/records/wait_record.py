"""What a run waited for: the state of its refresh, and the record that its report shows."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

from pydantic import BaseModel, ConfigDict, Field, PlainSerializer

from segment_exports.records.outcomes import counted
from segment_exports.records.staging import RunFiles
from segment_exports.records.storing.damage import ASIDE
from segment_exports.sieve.telling import as_told

if TYPE_CHECKING:
    from segment_exports.records.staging import Store


class RefreshState(StrEnum):
    """What is known of the refresh that a run waits for."""

    WAITING = "waiting"
    ENDED = "ended"
    FAILED = "failed"
    LATE = "late"
    """It did not end within the run's own limit: the run gives up."""


@dataclass(frozen=True)
class RefreshStatus:
    """The state, and in one sentence what was seen and is waited for."""

    state: RefreshState
    text: str


UtcTime = Annotated[datetime, PlainSerializer(datetime.isoformat, return_type=str, when_used="json")]


class WaitRecord(BaseModel):
    """What a run waited for before it read; times are ISO 8601 in UTC."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    state: RefreshState
    text: str = Field(description="What the last look saw, and what is waited for.")
    scheduled: UtcTime | None = Field(
        description="Scheduled time of the refresh; null for a run by hand or by an event."
    )
    since: UtcTime = Field(description="When the run began to wait.")
    until: UtcTime = Field(description="When it looked last.")
    seconds: float = Field(description="How long it waited.")


def record(
    status: RefreshStatus, *, scheduled: datetime | None, since: datetime, now: datetime, limit: timedelta
) -> WaitRecord:
    """Return the record of a look; a refresh still waited for after ``limit`` is late."""
    state, text, waited = status.state, as_told(status.text), now - since
    if state is RefreshState.WAITING and waited >= limit:
        state = RefreshState.LATE
        text = (
            f"gave up after {counted(round(waited.total_seconds() / 60), 'minute')} of waiting "
            f"(wait_for_refresh.timeout_minutes): {text}. "
            "Clear this task once the refresh has ended, or look at the schedule in Customer Insights"
        )
    return WaitRecord(
        state=state,
        text=text,
        scheduled=scheduled,
        since=since,
        until=now,
        seconds=round(waited.total_seconds(), 1),
    )


def keep_wait(run: Store, wait: WaitRecord) -> None:
    """Keep what a run waited for, until its report is made."""
    run.write_json(RunFiles.REFRESH, wait.model_dump(mode="json"))


def kept_wait(run: Store) -> WaitRecord | None:
    """Return what a run waited for; None if it did not come so far or asked for an older snapshot."""
    if not run.exists(RunFiles.REFRESH):
        return None
    return run.read_model(RunFiles.REFRESH, WaitRecord, advice=ASIDE)
