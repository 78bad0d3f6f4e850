"""A real scheduler with the LocalExecutor, a worker killed with -9, and days that were missed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections import Counter
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from segment_emulators.autopilot import Fault, FaultKind

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.scheduler.conftest import Stage

    from local_airflow import LocalAirflow
    from segment_emulators.lake_writer import LakeExport

pytestmark = [pytest.mark.scheduler, pytest.mark.timeout(1500)]

IN_FLIGHT = 4
BATCH = 100


def ended(airflow: LocalAirflow, export: str, run_id: str) -> Callable[[], bool]:
    return lambda: airflow.run_state(f"export_{export}", run_id) in ("success", "failed")


def test_an_upload_killed_with_9_is_resumed_by_the_retry(stage: Stage) -> None:
    """B, must show 3: what is sent again is counted and within the batches in flight."""
    airflow, emulator = stage.airflow, stage.emulator
    airflow.wait_for_dag("export_killed")
    emulator.log.clear()
    emulator.inject(
        # From here on so slowly that the upload is under way for long after a third of it was seen.
        Fault(kind=FaultKind.LATENCY, path="contacts$", skip=40, times=None, seconds=5),
        Fault(kind=FaultKind.LATENCY, path="contacts$", times=None, seconds=0.4),
    )
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
    """B, must show 7: five days, two of which failed; then `--reprocess-behavior failed`.

    Two runs are active at a time, so that a newer day may come to its plan before an older one: that is
    superseded then, and sends nothing.
    """
    airflow, lake = stage.airflow, stage.lake
    airflow.wait_for_dag("export_missed")
    first, last = lake.tenant.snapshot_time(0), lake.tenant.snapshot_time(4) + timedelta(minutes=1)
    window = ("--from-date", first.isoformat(), "--to-date", last.isoformat())

    with broken(lake, days=(1, 3)):
        backfill(airflow, *window, "--max-active-runs", "2")
        runs = backfilled(airflow, seconds=420)
    assert [state for _, state in runs] == ["success", "failed", "success", "failed", "success"]
    reports = [stage.report("missed", run_id) for run_id, _ in runs]
    for failed in (reports[1], reports[3]):
        assert failed["state"] == "stopped"
        assert "ChurnProne" in " ".join(failed["red_reasons"])
    before = [one["state"] for one in reports]
    assert before[4] == "delivered"
    assert {before[0], before[2]} <= {"delivered", "superseded"}
    after = stage.emulator.account.contacts_by_email()
    stage.emulator.log.clear()

    backfill(airflow, *window, "--reprocess-behavior", "failed")
    runs = backfilled(airflow, seconds=300)
    assert [state for _, state in runs] == ["success"] * 5
    reports = [stage.report("missed", run_id) for run_id, _ in runs]
    states = [one["state"] for one in reports]
    assert states == [before[0], "superseded", before[2], "superseded", "delivered"]
    assert all(one["requests"]["total"] == 0 for one in reports if one["state"] == "superseded")
    assert stage.emulator.account.contacts_by_email() == after, "an older day took contacts back in time"
    assert {one.method for one in stage.emulator.log.entries} <= {"GET"}, "something was sent"


@contextmanager
def broken(lake: LakeExport, *, days: tuple[int, ...]) -> Iterator[None]:
    """Let one file of these days be unreadable meanwhile."""
    files = {file: file.read_bytes() for file in (lake.files("ChurnProne", day)[0] for day in days)}
    for file in files:
        file.write_bytes(b'"too","few","columns"\n')
    try:
        yield
    finally:
        for file, whole in files.items():
            file.write_bytes(whole)


def backfill(airflow: LocalAirflow, *arguments: str) -> None:
    """Create a backfill as docs/airflow.md says, in a second terminal, once the one before is written off."""

    def created() -> bool:
        try:
            in_a_second_terminal(airflow, "backfill", "create", "--dag-id", "export_missed", *arguments)
        except subprocess.CalledProcessError as error:
            if "Another backfill is running" not in error.stderr:
                raise AssertionError(error.stderr[-3000:]) from error
            return False
        return True

    airflow.wait_for("the backfill to be created", created, seconds=300)


def in_a_second_terminal(airflow: LocalAirflow, *arguments: str) -> None:
    """Run a command in an environment that knows nothing of the Airflow but its home."""
    subprocess.run(
        [Path(sys.executable).with_name("airflow"), *arguments],
        env={"PATH": os.environ["PATH"], "AIRFLOW_HOME": str(airflow.home)},
        capture_output=True,
        text=True,
        check=True,
    )


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
