"""On a real scheduler: the first delivery is begun by a person, and a paused export can be tried."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.scheduler.conftest import Stage

pytestmark = [pytest.mark.scheduler, pytest.mark.timeout(900)]

EXPORT = "unmeant"
DAG = f"export_{EXPORT}"


def test_a_paused_export_is_tried_and_what_an_event_begins_delivers_only_once_a_person_did(
    stage: Stage,
) -> None:
    before = len(stage.emulator.log.writes())
    stage.airflow.run("dags", "test", DAG, "--conf", json.dumps({"dry_run": True}))
    (tried,) = stage.runs(EXPORT, "manual")
    report = stage.report(EXPORT, tried)
    assert report["state"] == "dry_run"
    assert report["contacts"]["not_sent"] == report["contacts"]["total"] > 100
    assert stage.airflow.get(f"/dags/{DAG}")["is_paused"]

    stage.airflow.patch(f"/dags/{DAG}", {"is_paused": False})
    stopped = stage.ended(EXPORT, stage.tell_of_refresh(EXPORT))
    assert stopped["state"] == "stopped"
    (reason,) = stopped["red_reasons"]
    assert reason.startswith("guard: this would be the first delivery of unmeant")
    assert len(stage.emulator.log.writes()) == before, "nobody meant it"

    assert stage.ended(EXPORT, stage.airflow.trigger(DAG))["state"] == "delivered"
    assert stage.ended(EXPORT, stage.tell_of_refresh(EXPORT))["state"] == "nothing_changed"
