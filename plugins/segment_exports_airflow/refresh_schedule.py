"""Customer Insights' refresh schedule as Airflow's timetable, and the time of the next refresh."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pendulum
from airflow.sdk import Asset, AssetOrTimeSchedule, MultipleCronTriggerTimetable

from segment_exports.definition import Weekday

if TYPE_CHECKING:
    from collections.abc import Iterator

    from segment_exports.definition import ExportDefinition, Refresh

_DAYS = tuple(Weekday)
_DAYS_OF_A_WEEK_AND_BOTH_ENDS = 9


def schedule_of(definition: ExportDefinition) -> AssetOrTimeSchedule | list[Asset]:
    """Return when an export's DAG runs: at the times of its refresh, and at an event that tells of its end.

    With times it stays periodic, so it can be backfilled; without any it runs by event and by hand.
    """
    if definition.refresh is None:
        return [refreshed(definition.name)]
    return AssetOrTimeSchedule(timetable=timetable(definition.refresh), assets=[refreshed(definition.name)])


def refreshed(export: str) -> Asset:
    """Return the asset that stands for "Customer Insights has refreshed what this export reads".

    Somebody outside tells it to Airflow's REST API (docs/sources.md); nothing here does.
    """
    return Asset(name=f"{export}_refreshed", uri=f"segment-exports://{export}/refreshed")


def timetable(refresh: Refresh) -> MultipleCronTriggerTimetable:
    """Return the periodic timetable of a schedule: only periodic ones can be backfilled."""
    from segment_exports.refresh.wait_for_refresh import crons

    return MultipleCronTriggerTimetable(*crons(refresh), timezone=refresh.timezone)


def next_refresh(refresh: Refresh, after: datetime) -> datetime:
    """Return the first refresh (UTC) after a time, as the timetable would.

    Where clocks change, a time that doesn't exist moves forward and one that comes twice is the second.
    """
    return next(time for time in _refreshes(refresh, after) if time > after)


def _refreshes(refresh: Refresh, after: datetime) -> Iterator[datetime]:
    first = after.astimezone(pendulum.timezone(refresh.timezone)).date() - timedelta(days=1)
    for offset in range(_DAYS_OF_A_WEEK_AND_BOTH_ENDS):
        day = first + timedelta(days=offset)
        if _DAYS[day.weekday()] in refresh.days:
            for time in sorted(refresh.times):
                hour, minute = int(time[:2]), int(time[3:])
                local = pendulum.datetime(day.year, day.month, day.day, hour, minute, tz=refresh.timezone)
                yield local.astimezone(UTC)
