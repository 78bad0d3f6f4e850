"""The record of what a run waited for: when it gives up, and that it reads back as it was kept."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from segment_exports.records.staging import RunFiles, Store
from segment_exports.records.wait_record import (
    RefreshState,
    RefreshStatus,
    WaitRecord,
    keep_wait,
    kept_wait,
    record,
)

if TYPE_CHECKING:
    from pathlib import Path

AT_FIVE = datetime(2026, 3, 2, 5, tzinfo=UTC)


def recorded(state: RefreshState, minutes: float) -> WaitRecord:
    return record(
        RefreshStatus(state, "what was seen"),
        scheduled=AT_FIVE,
        since=AT_FIVE,
        now=AT_FIVE + timedelta(minutes=minutes),
        limit=timedelta(minutes=90),
    )


def test_a_refresh_still_waited_for_is_late_after_the_runs_own_limit() -> None:
    assert recorded(RefreshState.WAITING, 89).state is RefreshState.WAITING

    late = recorded(RefreshState.WAITING, 90)

    assert late.state is RefreshState.LATE
    assert late.text.startswith(
        "gave up after 90 minutes of waiting (wait_for_refresh.timeout_minutes): what was seen. "
    )


def test_a_refresh_that_ended_or_failed_is_not_late_however_long_it_took() -> None:
    assert recorded(RefreshState.ENDED, 500).state is RefreshState.ENDED
    assert recorded(RefreshState.FAILED, 500).state is RefreshState.FAILED


def test_the_record_is_kept_with_times_in_iso_8601(tmp_path: Path) -> None:
    run = Store.local(tmp_path)
    assert kept_wait(run) is None

    keep_wait(run, recorded(RefreshState.ENDED, 41))

    assert kept_wait(run) == recorded(RefreshState.ENDED, 41)
    assert run.read_json(RunFiles.REFRESH) == {
        "state": "ended",
        "text": "what was seen",
        "scheduled": "2026-03-02T05:00:00+00:00",
        "since": "2026-03-02T05:00:00+00:00",
        "until": "2026-03-02T05:41:00+00:00",
        "seconds": 2460.0,
    }
