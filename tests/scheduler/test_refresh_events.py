"""On a real scheduler: an event starts a run, which waits for the refresh; a second event sends nothing."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.scheduler.conftest import Stage

    from local_airflow import LocalAirflow

pytestmark = [pytest.mark.scheduler, pytest.mark.timeout(900)]

EXPORT = "from_api"
DAG = f"export_{EXPORT}"


def state_of(airflow: LocalAirflow, run_id: str, step: str) -> str | None:
    tasks = airflow.task_instances(DAG, run_id)
    return next((one["state"] for one in tasks if one["task_id"] == step), None)


def test_two_events_for_one_refresh_send_once(stage: Stage) -> None:
    stage.insights.begin_refresh(datetime.now(UTC))
    first = stage.tell_of_refresh(EXPORT)
    stage.airflow.wait_for(
        "the run to wait for the refresh",
        lambda: state_of(stage.airflow, first, "wait_for_refresh") == "up_for_reschedule",
        seconds=180,
    )
    assert state_of(stage.airflow, first, "extract") is None

    stage.insights.end_refresh(datetime.now(UTC))
    sent = stage.ended(EXPORT, first)
    again = stage.ended(EXPORT, stage.tell_of_refresh(EXPORT))

    assert (sent["state"], again["state"]) == ("delivered", "nothing_changed")
    assert sent["snapshot"] == again["snapshot"]
    assert sent["contacts"]["delivered"] == sent["contacts"]["total"] > 100
    assert again["contacts"]["unchanged"] == again["contacts"]["total"] == sent["contacts"]["total"]
    assert again["operations"]["upsert"]["delivered"] == 0


def test_a_backfill_lists_the_refreshes_of_weekdays_in_sao_paulo(stage: Stage) -> None:
    days = ("--from-date", "2026-11-13", "--to-date", "2026-11-17")
    told = stage.airflow.run("backfill", "create", "--dag-id", "export_in_sao_paulo", *days, "--dry-run")

    # Rows of the table only: Airflow's log lines, which begin with a time too, go to the same place.
    assert re.findall(r"^\|\W*(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d):00", told, re.MULTILINE) == [
        ("2026-11-13", "08:00"),
        ("2026-11-13", "20:00"),
        ("2026-11-16", "08:00"),
        ("2026-11-16", "20:00"),
    ]


@pytest.mark.parametrize(
    ("start", "end", "refreshes"),
    [
        ("2026-03-28", "2026-03-31", ["2026-03-28T01:30", "2026-03-29T01:30", "2026-03-30T00:30"]),
        ("2026-10-24", "2026-10-27", ["2026-10-24T00:30", "2026-10-25T01:30", "2026-10-26T01:30"]),
    ],
)
def test_a_backfill_lists_one_refresh_a_night_when_clocks_change_in_berlin(
    stage: Stage, start: str, end: str, refreshes: list[str]
) -> None:
    wanted = {"dag_id": "export_in_berlin", "from_date": f"{start}T00:00:00Z", "to_date": f"{end}T00:00:00Z"}
    found = stage.airflow.post("/backfills/dry_run", wanted)["backfills"]

    assert [one["logical_date"][:16] for one in found] == refreshes
