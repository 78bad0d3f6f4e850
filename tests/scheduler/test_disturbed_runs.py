"""A real scheduler with the LocalExecutor, a worker killed with -9, and days that were missed."""

from __future__ import annotations

import os
import signal
from collections import Counter
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from local_airflow import LocalAirflowError
from segment_emulators.autopilot import Fault, FaultKind

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.scheduler.conftest import Stage

    from local_airflow import LocalAirflow

pytestmark = [pytest.mark.scheduler, pytest.mark.timeout(540)]

IN_FLIGHT = 4
BATCH = 100


def ended(airflow: LocalAirflow, export: str, run_id: str) -> Callable[[], bool]:
    return lambda: airflow.run_state(f"export_{export}", run_id) in ("success", "failed")


def test_an_upload_killed_with_9_is_resumed_by_the_retry(stage: Stage) -> None:
    """B, must show 3: what is sent again is counted and within the batches in flight."""
    airflow, emulator = stage.airflow, stage.emulator
    airflow.wait_for_dag("export_killed")
    emulator.log.clear()
    emulator.inject(Fault(kind=FaultKind.LATENCY, path="contacts$", times=None, seconds=0.4))
    run_id = airflow.trigger("export_killed")

    def writes() -> list:
        return [one for one in emulator.log.select("upsert_contacts") if one.worked]

    over = ended(airflow, "killed", run_id)
    airflow.wait_for("a third of the upload", lambda: len(writes()) >= 30 or over(), seconds=180)
    tasks = airflow.task_instances("export_killed", run_id)
    upload = next(one for one in tasks if one["task_id"] == "upload")
    assert upload["state"] == "running", {one["task_id"]: one["state"] for one in tasks}
    os.kill(upload["pid"], signal.SIGKILL)
    emulator.inject()
    airflow.wait_for("the run to end", ended(airflow, "killed", run_id), seconds=300)

    assert airflow.run_state("export_killed", run_id) == "success"
    report = stage.report("killed", run_id)
    assert report["contacts"]["delivered"] == report["contacts"]["total"] > 8_000
    tries = {one["task_id"]: one["try_number"] for one in airflow.task_instances("export_killed", run_id)}
    assert tries["upload"] == 2
    sent = Counter(email for one in emulator.log.select("upsert_contacts") for email in one.emails)
    again = sum(count - 1 for count in sent.values())
    print(f"\nkill -9 after {30}+ batches: {again} of {len(sent)} contacts were sent again")
    assert again <= BATCH * IN_FLIGHT
    assert len(emulator.account.contacts_by_email()) == report["contacts"]["total"]


def test_missed_days_are_backfilled(stage: Stage) -> None:
    """B, must show 7: five days, two of which failed; then `--reprocess-behavior failed`."""
    airflow, lake = stage.airflow, stage.lake
    airflow.wait_for_dag("export_missed")
    broken = [lake.files("ChurnProne", day)[0] for day in (1, 3)]
    whole = [file.read_bytes() for file in broken]
    for file in broken:
        file.write_bytes(b'"too","few","columns"\n')
    first, last = lake.tenant.snapshot_time(0), lake.tenant.snapshot_time(4) + timedelta(minutes=1)
    window = ("--from-date", first.isoformat(), "--to-date", last.isoformat())

    backfill(airflow, *window, "--max-active-runs", "2")
    runs = backfilled(airflow, seconds=420)
    assert [state for _, state in runs] == ["success", "failed", "success", "failed", "success"]
    reports = [stage.report("missed", run_id) for run_id, _ in runs]
    assert [one["state"] for one in reports] == ["delivered", "stopped", "delivered", "stopped", "delivered"]
    assert "ChurnProne" in " ".join(reports[1]["red_reasons"])
    after = stage.emulator.account.contacts_by_email()

    for file, data in zip(broken, whole, strict=True):
        file.write_bytes(data)
    backfill(airflow, *window, "--reprocess-behavior", "failed")
    runs = backfilled(airflow, seconds=300)
    assert [state for _, state in runs] == ["success"] * 5
    states = [stage.report("missed", run_id)["state"] for run_id, _ in runs]
    assert states == ["delivered", "superseded", "delivered", "superseded", "delivered"]
    assert stage.emulator.account.contacts_by_email() == after, "an older day took contacts back in time"


def backfill(airflow: LocalAirflow, *arguments: str) -> None:
    """Create a backfill from the command line, as soon as the one before is written off.

    On SQLite the scheduler may hold the database just then; days that were made are made.
    """

    def created() -> bool:
        try:
            airflow.run("backfill", "create", "--dag-id", "export_missed", *arguments)
        except LocalAirflowError as error:
            if not any(text in str(error) for text in ("Another backfill is running", "database is locked")):
                raise
            return False
        return True

    airflow.wait_for("the backfill to be created", created, seconds=300)


def backfilled(airflow: LocalAirflow, *, seconds: float) -> list[tuple[str, str]]:
    """Wait until five backfilled runs have ended; answer (run_id, state) by date."""

    def runs() -> list[dict]:
        found = airflow.get("/dags/export_missed/dagRuns?run_type=backfill&limit=50")["dag_runs"]
        return sorted(found, key=lambda run: run["logical_date"])

    airflow.wait_for(
        "five days",
        lambda: len(runs()) == 5 and all(run["state"] in ("success", "failed") for run in runs()),
        seconds=seconds,
    )
    return [(run["dag_run_id"], run["state"]) for run in runs()]
