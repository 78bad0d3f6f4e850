"""On a real scheduler: an event starts a run, which waits for the refresh; a second event sends nothing."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.scheduler.conftest import Stage

    from local_airflow import LocalAirflow

pytestmark = [pytest.mark.scheduler, pytest.mark.timeout(900)]

EXPORT = "from_api"
DAG = f"export_{EXPORT}"


def tell_of_refresh(airflow: LocalAirflow) -> str:
    """Do what docs/sources.md tells a Power Automate flow to do; return the run that it starts."""
    known = event_runs(airflow)
    (asset,) = airflow.get(f"/assets?uri_pattern=segment-exports://{EXPORT}/refreshed")["assets"]
    airflow.post("/assets/events", {"asset_id": asset["id"]})
    airflow.wait_for("the event's run", lambda: len(event_runs(airflow)) > len(known), seconds=180)
    (started,) = event_runs(airflow) - known
    return started


def event_runs(airflow: LocalAirflow) -> set[str]:
    runs = airflow.get(f"/dags/{DAG}/dagRuns?run_type=asset_triggered")["dag_runs"]
    return {str(run["dag_run_id"]) for run in runs}


def state_of(airflow: LocalAirflow, run_id: str, step: str) -> str | None:
    tasks = airflow.task_instances(DAG, run_id)
    return next((one["state"] for one in tasks if one["task_id"] == step), None)


def finished(stage: Stage, run_id: str) -> dict[str, Any]:
    """Wait for the end of a run and return its report."""
    ends = ("success", "failed")
    stage.airflow.wait_for(
        f"the end of {run_id}", lambda: stage.airflow.run_state(DAG, run_id) in ends, seconds=300
    )
    return stage.report(EXPORT, run_id)


def test_two_events_for_one_refresh_send_once(stage: Stage) -> None:
    stage.insights.begin_refresh(datetime.now(UTC))
    first = tell_of_refresh(stage.airflow)
    stage.airflow.wait_for(
        "the run to wait for the refresh",
        lambda: state_of(stage.airflow, first, "wait_for_refresh") == "up_for_reschedule",
        seconds=180,
    )
    assert state_of(stage.airflow, first, "extract") is None

    stage.insights.end_refresh(datetime.now(UTC))
    sent = finished(stage, first)
    again = finished(stage, tell_of_refresh(stage.airflow))

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
