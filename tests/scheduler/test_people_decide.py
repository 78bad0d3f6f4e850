"""What people decide in Airflow's UI while an export runs: a guard's question, a connection's end."""

from __future__ import annotations

import json
import textwrap
import time
from typing import TYPE_CHECKING, Any

import pytest

from segment_exports.agreement import signed_agreement

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.scheduler.conftest import Stage

pytestmark = pytest.mark.scheduler

ENDED = ("success", "failed")


@pytest.fixture
def add_export(stage: Stage) -> Callable[..., str]:
    """Add a definition and, as the UI does, its connection; return the DAG's id once Airflow knows it."""

    def add(name: str, *, rate: float, definition: str) -> str:
        extra = {"requests_per_second": rate, "enabled": True, **signed_agreement("a test")}
        stage.airflow.post(
            "/connections",
            {
                "connection_id": f"autopilot_{name}",
                "conn_type": "autopilot",
                "host": stage.emulator.base_url,
                "password": stage.emulator.api_key,
                "extra": json.dumps(extra),
            },
        )
        lake = stage.lake.folder.relative_to(stage.lake.root)
        text = f"name: {name}\nsource: {{type: lake, path: {lake}}}\n" + textwrap.dedent(definition)
        (stage.staging.parent / "exports" / f"{name}.yaml").write_text(text)
        stage.airflow.wait_for_dag(f"export_{name}", seconds=180)
        return f"export_{name}"

    return add


def states(stage: Stage, dag_id: str, run_id: str) -> dict[str, str]:
    return {one["task_id"]: str(one["state"]) for one in stage.airflow.task_instances(dag_id, run_id)}


def wait_for_end(stage: Stage, dag_id: str, run_id: str) -> str:
    airflow = stage.airflow
    airflow.wait_for("the run", lambda: airflow.run_state(dag_id, run_id) in ENDED, seconds=300)
    return airflow.run_state(dag_id, run_id)


@pytest.mark.timeout(900)
def test_a_tripped_guard_asks_a_person(stage: Stage, add_export: Callable[..., str]) -> None:
    dag_id = add_export(
        "asked",
        rate=200,
        definition="""\
            destination: {connection: autopilot_asked, membership: field}
            segments: [ChurnProne]
            mapping: {Email: EMail}
            guards: {stop_above_added: 0, min_count: 0, when_tripped: ask}
        """,
    )

    def run_of_day(day: int) -> str:
        time = stage.lake.tenant.snapshot_time(day)
        return stage.airflow.trigger(dag_id, {"snapshot": time.isoformat()})

    def answer(run_id: str, option: str) -> None:
        stage.airflow.wait_for(
            "the question",
            lambda: states(stage, dag_id, run_id).get("ask_a_person") == "awaiting_input",
            seconds=180,
        )
        path = f"/dags/{dag_id}/dagRuns/{run_id}/taskInstances/ask_a_person/-1/hitlDetails"
        assert "guards.stop_above_added allows 0.0%" in stage.airflow.get(path)["body"]
        stage.airflow.patch(path, {"chosen_options": [option], "params_input": {}})

    first = run_of_day(0)
    assert wait_for_end(stage, dag_id, first) == "success", "nothing is asked at the first export"

    rejected = run_of_day(1)
    answer(rejected, "Reject")
    assert wait_for_end(stage, dag_id, rejected) == "failed"
    assert states(stage, dag_id, rejected)["chunk_changes"] == "skipped"
    assert stage.report("asked", rejected)["requests"]["total"] == 0
    assert stage.report("asked", rejected)["red"]

    approved = run_of_day(1)
    answer(approved, "Approve")
    assert wait_for_end(stage, dag_id, approved) == "success"
    report = stage.report("asked", approved)
    assert report["state"] == "delivered"
    assert report["contacts"]["delivered"] > 0


@pytest.mark.timeout(600)
def test_removing_the_connection_stops_a_running_export_within_seconds(
    stage: Stage, add_export: Callable[..., str]
) -> None:
    dag_id = add_export(
        "removed",
        rate=5,
        definition="""\
            destination: {connection: autopilot_removed, membership: list}
            segments: [{name: ChurnProne, list: Removed}]
            mapping: {Email: EMail}
        """,
    )
    before = len(stage.emulator.log)
    run_id = stage.airflow.trigger(dag_id)
    stage.airflow.wait_for("requests", lambda: len(stage.emulator.log) > before + 30, seconds=180)

    stage.airflow.delete("/connections/autopilot_removed")
    removed = time.monotonic()
    stage.airflow.wait_for(
        "the upload to end",
        lambda: states(stage, dag_id, run_id)["upload"] == "failed",
        seconds=60,
    )
    seconds = time.monotonic() - removed

    assert wait_for_end(stage, dag_id, run_id) == "failed"
    report: dict[str, Any] = stage.report("removed", run_id)
    assert seconds < 20
    assert "there is no connection autopilot_removed" in " ".join(report["red_reasons"])
    assert report["operations"]["join"]["failed"] == 0, "what was in flight was answered and written down"
    assert report["operations"]["join"]["not_sent"] > 0
    assert report["operations"]["join"]["delivered"] == len(stage.emulator.account.members("Removed"))
