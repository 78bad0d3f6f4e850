"""What people decide in Airflow's UI while an export runs: a guard's question, a connection's end."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
from tests.scheduler.exports_under_test import LEDGER_SECRET, account

from local_airflow import USER
from segment_exports.commands.erasing.erasure import erase
from segment_exports.records.keyed_hash import KeyedHasher
from segment_exports.records.staging import RunFiles, Store

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.scheduler.conftest import Stage

pytestmark = pytest.mark.scheduler

ENDED = ("success", "failed")


def connect(stage: Stage, export: str, *, rate: float) -> str:
    """Make the connection of an export as a person does in the UI; return the id of its DAG."""
    connection = account(stage.emulator, rate=rate)
    extra = json.dumps(connection.pop("extra"))
    name = {"connection_id": f"autopilot_{export}", "extra": extra}
    stage.airflow.post("/connections", connection | name)
    return f"export_{export}"


def states(stage: Stage, dag_id: str, run_id: str) -> dict[str, str]:
    return {one["task_id"]: str(one["state"]) for one in stage.airflow.task_instances(dag_id, run_id)}


def scheduler_let_go(stage: Stage, dag_id: str, task_id: str, run_id: str) -> bool:
    """Tell whether the scheduler has noticed that the process of a task has ended."""
    log = (stage.airflow.home / "logs" / "scheduler.log").read_text(errors="replace")
    return f"TaskInstance Finished: dag_id={dag_id}, task_id={task_id}, run_id={run_id}," in log


def erase_a_contact_of(stage: Stage, export: str, run_id: str) -> str:
    """Erase somebody whom a run has delivered; return the address."""
    staging = Store.local(stage.staging)
    with RunFiles(staging.sub(export), run_id).store.parquet_file(RunFiles.CONTACTS) as contacts:
        email = str(contacts.read()["email"][0])
    erase(staging, KeyedHasher(LEDGER_SECRET), emails=[email], now=datetime.now(UTC))
    return email


def is_on_the_list(stage: Stage, email: str) -> bool:
    """Tell it by the field that stands for the list of the export ``asked``."""
    fields = stage.emulator.account.contacts_by_email()[email]["custom_fields"]
    return {one["kind"]: one["value"] for one in fields}["List Asked"] is True


def assert_decided(report: dict[str, Any], decision: str, run_id: str) -> None:
    """Hold what a report tells of the answer; the one who gives it is who the tests are signed in as."""
    told = report["approval"]
    assert (told["decision"], bool(told["by"])) == (decision, True), f"{run_id}: {told}"
    assert told["asked_at"] < told["at"] < told["until"]
    assert "guards.stop_above_added allows 0.0%" in told["guards"][0]
    assert told["joins"] > 0


def wait_for_end(stage: Stage, dag_id: str, run_id: str) -> str:
    airflow = stage.airflow
    airflow.wait_for("the run", lambda: airflow.run_state(dag_id, run_id) in ENDED, seconds=300)
    return airflow.run_state(dag_id, run_id)


@pytest.mark.timeout(900)
def test_a_tripped_guard_asks_a_person(stage: Stage) -> None:
    dag_id = connect(stage, "asked", rate=200)

    def run_of_day(day: int) -> str:
        snapshot = stage.lake.tenant.snapshot_time(day)
        return stage.airflow.trigger(dag_id, {"snapshot": snapshot.isoformat()})

    def answer(run_id: str, option: str, before: Callable[[], bool] = lambda: True) -> None:
        def asked() -> bool:
            now = states(stage, dag_id, run_id)
            assert stage.airflow.run_state(dag_id, run_id) not in ENDED, f"nobody was asked: {now}"
            return now.get("ask_a_person") == "awaiting_input"

        stage.airflow.wait_for("the question", asked, seconds=180)
        # An answer that comes before the scheduler has noticed that the task waits makes Airflow 3.3 take the
        # task for failed, and ask again. Nobody is that fast.
        stage.airflow.wait_for(
            "the scheduler to notice",
            lambda: scheduler_let_go(stage, dag_id, "ask_a_person", run_id),
            seconds=120,
        )
        now = stage.airflow.task_instances(dag_id, run_id)
        assert before(), f"who was erased has to leave before anybody is asked: {now}"
        path = f"/dags/{dag_id}/dagRuns/{run_id}/taskInstances/ask_a_person/-1/hitlDetails"
        assert "guards.stop_above_added allows 0.0%" in stage.airflow.get(path)["body"]
        stage.airflow.patch(path, {"chosen_options": [option], "params_input": {}})

    first = run_of_day(0)
    assert wait_for_end(stage, dag_id, first) == "success", "nothing is asked at the first export"
    erased = erase_a_contact_of(stage, "asked", first)
    assert is_on_the_list(stage, erased)

    rejected = run_of_day(1)
    answer(rejected, "Reject", before=lambda: not is_on_the_list(stage, erased))
    assert wait_for_end(stage, dag_id, rejected) == "failed"
    assert states(stage, dag_id, rejected)["upload_duties"] == "success"
    assert states(stage, dag_id, rejected)["chunk_changes"] == "skipped"
    report = stage.report("asked", rejected)
    assert report["red"]
    assert (report["approval"]["decision"], report["approval"]["by"]) == ("rejected", USER)
    assert report["red_reasons"][0].endswith("A person was asked and did not approve.")
    assert {name: told["delivered"] for name, told in report["operations"].items()} == {
        "upsert": 0,
        "join": 0,
        "leave": 1,
    }

    assert_decided(report, "rejected", rejected)
    assert (report["erasures"]["new"], report["erasures"]["leaving"], report["erasures"]["left"]) == (1, 1, 1)

    approved = run_of_day(1)
    answer(approved, "Approve")
    assert wait_for_end(stage, dag_id, approved) == "success"
    report = stage.report("asked", approved)
    assert report["state"] == "delivered"
    assert (report["approval"]["decision"], report["approval"]["by"]) == ("approved", USER)
    assert report["contacts"]["delivered"] > 0
    assert_decided(report, "approved", approved)


@pytest.mark.timeout(900)
def test_removing_the_connection_stops_a_running_export_within_seconds(stage: Stage) -> None:
    dag_id = connect(stage, "removed", rate=5)
    before = len(stage.emulator.log)
    run_id = stage.airflow.trigger(dag_id)
    stage.airflow.wait_for("requests", lambda: len(stage.emulator.log) > before + 30, seconds=180)

    stage.airflow.delete("/connections/autopilot_removed")
    removed = time.monotonic()
    stage.airflow.wait_for(
        "the upload to end",
        lambda: states(stage, dag_id, run_id)["upload"] == "failed",
        seconds=120,
    )

    assert wait_for_end(stage, dag_id, run_id) == "failed"
    report: dict[str, Any] = stage.report("removed", run_id)
    assert stage.emulator.log.writes()[-1].arrived - removed < 20, "seconds until nothing was sent any more"
    assert "there is no connection autopilot_removed" in " ".join(report["red_reasons"])
    assert report["operations"]["join"]["failed"] == 0, "what was in flight was answered and written down"
    assert report["operations"]["join"]["not_sent"] > 0
    assert report["operations"]["join"]["delivered"] == len(stage.emulator.account.members("Removed"))
