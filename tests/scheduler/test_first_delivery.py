"""On a real scheduler: what delivers for the first time, and what Airflow remembers of it."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING

import pytest
from tests.scheduler.exports_under_test import NOBODY_MEANT

if TYPE_CHECKING:
    from tests.scheduler.conftest import Stage

pytestmark = [pytest.mark.scheduler, pytest.mark.timeout(900)]

EXPORT = "unmeant"
DAG = f"export_{EXPORT}"


@pytest.mark.parametrize("export", NOBODY_MEANT)
def test_a_paused_export_is_tried_and_what_an_event_begins_delivers_only_once_a_person_did(
    stage: Stage, export: str
) -> None:
    dag, log = f"export_{export}", stage.account_of(export).log
    before = len(log.writes())
    stage.airflow.run("dags", "test", dag, "--conf", json.dumps({"dry_run": True}))
    (tried,) = stage.runs(export, "manual")
    report = stage.report(export, tried)
    assert report["state"] == "dry_run"
    assert report["contacts"]["not_sent"] == report["contacts"]["total"] > 100
    assert stage.airflow.get(f"/dags/{dag}")["is_paused"]

    stage.airflow.patch(f"/dags/{dag}", {"is_paused": False})
    stopped = stage.ended(export, stage.tell_of_refresh(export))
    assert stopped["state"] == "stopped"
    (reason,) = stopped["red_reasons"]
    assert reason.startswith(f"guard: this would be the first delivery of {export}")
    assert len(log.writes()) == before, "nobody meant it"

    assert stage.ended(export, stage.airflow.trigger(dag))["state"] == "delivered"
    assert stage.ended(export, stage.tell_of_refresh(export))["state"] == "nothing_changed"


def test_a_cleared_run_is_stopped_where_the_staging_holds_nothing_of_what_it_sent(stage: Stage) -> None:
    """Airflow remembers its uploads, although their states are cleared; the stop leaves nothing like it."""
    airflow, staging = stage.airflow, stage.staging / EXPORT
    airflow.patch(f"/dags/{DAG}", {"is_paused": False})
    run_id = airflow.trigger(DAG, {"full_resync": True})
    assert stage.ended(EXPORT, run_id)["state"] == "delivered"
    newest = staging.rename(staging.with_name("kept"))
    for _ in range(2):
        before = len(stage.emulator.log.entries)
        whole = {"dag_run_id": run_id, "dry_run": False, "only_failed": False, "reset_dag_runs": True}
        airflow.post(f"/dags/{DAG}/clearTaskInstances", whole)

        stopped = stage.ended(EXPORT, run_id)

        assert stopped["state"] == "stopped"
        (reason,) = stopped["red_reasons"]
        assert f"{EXPORT} holds nothing of run" in reason
        assert run_id in reason
        assert len(stage.emulator.log.entries) == before
    shutil.rmtree(staging)
    newest.rename(staging)
