"""On a real scheduler: an upload whose pool has gone, which Airflow would leave ``scheduled`` for ever."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.scheduler.conftest import Stage

pytestmark = [pytest.mark.scheduler, pytest.mark.timeout(900)]

DAG = "export_unpooled"
POOL = "account_autopilot_unpooled"


def test_one_that_waits_says_for_what_and_goes_on_when_the_pool_is_deleted(stage: Stage) -> None:
    airflow = stage.airflow
    airflow.run("pools", "set", POOL, "0", "closed by hand")
    run_id = airflow.trigger(DAG)
    entries = f"/eventLogs?dag_id={DAG}&event=waits%20for%20its%20pool"

    airflow.wait_for("word of the pool", lambda: airflow.get(entries)["total_entries"], seconds=300)

    ((said),) = airflow.get(entries)["event_logs"]
    assert said["task_id"] == "upload"
    assert f"The pool {POOL} has no slot" in said["extra"]
    states = {one["task_id"]: one["state"] for one in airflow.task_instances(DAG, run_id)}
    assert states["upload"] == "scheduled"

    airflow.delete(f"/pools/{POOL}")

    assert stage.ended("unpooled", run_id)["state"] == "delivered"
    assert airflow.get(f"/pools/{POOL}")["slots"] == 1
