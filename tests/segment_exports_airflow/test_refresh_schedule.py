from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise

import pendulum
import pytest
from airflow.serialization.decoders import decode_timetable
from airflow.serialization.encoders import encode_timetable
from airflow.timetables.base import DataInterval, TimeRestriction

from segment_exports.definition import Refresh
from segment_exports_airflow.refresh_schedule import next_refresh, timetable

WEEKDAYS = Refresh(
    timezone="America/Sao_Paulo", times=("05:00", "17:00"), days=("mon", "tue", "wed", "thu", "fri")
)
BERLIN_NIGHTS = Refresh(timezone="Europe/Berlin", times=("02:30",))


def runs_of_airflow(refresh: Refresh, start: datetime, end: datetime) -> list[datetime]:
    """The times at which Airflow's scheduler itself would run the timetable."""
    serialized = decode_timetable(encode_timetable(timetable(refresh)))
    restriction = TimeRestriction(pendulum.instance(start), pendulum.instance(end), catchup=True)
    found: list[datetime] = []
    last: DataInterval | None = None
    while info := serialized.next_dagrun_info(last_automated_data_interval=last, restriction=restriction):
        found.append(datetime.fromtimestamp(info.run_after.timestamp(), UTC))
        last = info.data_interval
    return found


def times_of_ours(refresh: Refresh, start: datetime, end: datetime) -> list[datetime]:
    found, time = [], start - timedelta(seconds=1)
    while (time := next_refresh(refresh, time)) <= end:
        found.append(time)
    return found


@pytest.mark.parametrize(
    ("refresh", "start"),
    [
        (WEEKDAYS, date(2026, 11, 12)),
        (BERLIN_NIGHTS, date(2026, 3, 27)),
        (BERLIN_NIGHTS, date(2026, 10, 23)),
        (Refresh(timezone="Asia/Kathmandu", times=("00:00", "06:15", "12:30", "23:59")), date(2026, 1, 1)),
        (Refresh(timezone="UTC", times=("05:00",), days=("sun",)), date(2026, 2, 3)),
    ],
)
def test_the_next_refresh_is_airflows_next_run(refresh: Refresh, start: date) -> None:
    first = datetime(start.year, start.month, start.day, tzinfo=UTC)
    last = first + timedelta(days=20)

    assert times_of_ours(refresh, first, last) == runs_of_airflow(refresh, first, last)


def test_weekday_refreshes_in_sao_paulo() -> None:
    thursday = datetime(2026, 11, 12, tzinfo=UTC)

    assert times_of_ours(WEEKDAYS, thursday, thursday + timedelta(days=5)) == [
        datetime(2026, 11, 12, 8, tzinfo=UTC),
        datetime(2026, 11, 12, 20, tzinfo=UTC),
        datetime(2026, 11, 13, 8, tzinfo=UTC),
        datetime(2026, 11, 13, 20, tzinfo=UTC),
        datetime(2026, 11, 16, 8, tzinfo=UTC),
        datetime(2026, 11, 16, 20, tzinfo=UTC),
    ]


@pytest.mark.parametrize("change", [datetime(2026, 3, 29, tzinfo=UTC), datetime(2026, 10, 25, tzinfo=UTC)])
def test_a_night_of_changing_clocks_has_one_refresh(change: datetime) -> None:
    times = times_of_ours(BERLIN_NIGHTS, change - timedelta(days=2), change + timedelta(days=3))

    assert [time for time in times if time.date() == change.date()] == [change + timedelta(hours=1.5)]
    gaps = [later - earlier for earlier, later in pairwise(times)]
    assert all(timedelta(hours=22) < gap < timedelta(hours=26) for gap in gaps)


def test_the_schedule_can_be_backfilled() -> None:
    assert decode_timetable(encode_timetable(timetable(WEEKDAYS))).periodic
