"""Whole runs in a real Airflow: this project's DAG, and the plain DAG that most would write.

Both run on the same Airflow (SQLite, LocalExecutor, 2 cores), its scheduler warmed up by a small run. The
time is from the trigger to the ended state, as seen from outside.
"""

from __future__ import annotations

import json
import shutil
import sys
import time
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from benchmarks.contacts import SNAPSHOTS, make_work
from benchmarks.engine_cases import budget_used
from benchmarks.ours.definition import EXPORT, LEDGER_SECRET, write_definition
from benchmarks.processes import API_KEY, ROOT, bulk_server
from benchmarks.schedule import LIMIT
from segment_exports.destinations.agreement import signed_agreement
from segment_exports.records.staging import RunFiles, Store
from segment_exports.settings.ledger_secret import ledger_secret_alone
from segment_exports.settings.names import DEFINITIONS, STAGING

sys.path.insert(0, str(ROOT / "tools"))

from airflow_home import LocalAirflowError
from local_airflow import LocalAirflow

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from benchmarks.processes import BulkServer
    from benchmarks.results import Results
    from benchmarks.schedule import Mode

Sample = tuple[str, dict[str, Any], dict[str, Any]]
_DATA = ROOT / ".bench/data"
_FOLDER = ROOT / ".bench/airflow"
_PLAIN_DAGS = ROOT / "benchmarks/peers/plain_airflow/dags"
_PLAIN = "plain_autopilot"
_WARM = "warm_up"
_WARM_SIZE, _LARGE = 1_000, 1_000_000
_POLL_SECONDS = 0.1
_LONGEST_RUN = 3600.0
_UNLIMITED_RATE = 100_000


@dataclass(frozen=True)
class EndedRun:
    """One run: its state, the seconds from the trigger to its end, and its task instances."""

    run_id: str
    state: str
    seconds: float
    tasks: list[dict[str, Any]]


def airflow_samples(mode: Mode, results: Results, only: str) -> Iterator[Sample]:
    """Yield the samples of this part."""
    parts = (
        ("ours", _ours(mode)),
        ("limited", _limited(mode)),
        ("large", _large(mode)),
        ("plain", _plain(mode)),
    )
    for name, samples in parts:
        if only not in name and name not in only:
            continue
        try:
            for key, sample in samples:
                yield key, sample, {"part": "airflow"}
        except (LocalAirflowError, OSError) as error:
            results.fail(f"airflow/{name}", error)
            print(f"airflow/{name} FAILED {error}", file=sys.stderr, flush=True)


def _ours(mode: Mode) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield rounds of a first export and of what a refresh brings after it, nothing and one in a hundred."""
    if not mode.airflow_rounds:
        return
    with bulk_server() as server, _our_airflow(server, mode.size, rate=_UNLIMITED_RATE) as airflow:
        for number in range(mode.airflow_rounds):
            shutil.rmtree(_FOLDER / "staging", ignore_errors=True)
            _forget_runs(airflow)
            snapshots = list(SNAPSHOTS) if number < mode.airflow_nothing else ["first"]
            for snapshot in snapshots:
                yield f"airflow/{snapshot}/{mode.size}/0ms/ours", _our_run(airflow, server, snapshot)


def _forget_runs(airflow: LocalAirflow) -> None:
    """Let Airflow know of no earlier run: an export that has delivered doesn't believe an empty staging."""
    runs = f"/dags/export_{EXPORT}/dagRuns"
    for run in airflow.get(runs)["dag_runs"]:
        airflow.delete(f"{runs}/{run['dag_run_id']}")


def _limited(mode: Mode) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield rounds of a first export to a server that takes 20 requests in any second."""
    for _ in range(mode.airflow_limited):
        with bulk_server(limit=LIMIT) as server, _our_airflow(server, mode.size, rate=LIMIT) as airflow:
            yield (
                f"airflow/first/{mode.size}/{LIMIT}rps/ours",
                _our_run(airflow, server, "first", limit=LIMIT),
            )


def _large(mode: Mode) -> Iterator[tuple[str, dict[str, Any]]]:
    if mode.airflow_large:
        with bulk_server() as server, _our_airflow(server, _LARGE, rate=_UNLIMITED_RATE) as airflow:
            yield f"airflow/first/{_LARGE}/0ms/ours", _our_run(airflow, server, "first")


def _plain(mode: Mode) -> Iterator[tuple[str, dict[str, Any]]]:
    if not mode.plain_sizes:
        return
    with bulk_server() as server, _plain_airflow(server) as airflow:
        for size in mode.plain_sizes:
            before = server.stats()
            ended = run_dag(airflow, _PLAIN, {"folder": str(make_work(_DATA, size).csv())})
            _require_success(ended)
            requests = server.stats()["requests"] - before["requests"]
            sample = {"seconds": round(ended.seconds, 2), "requests": requests, "tasks": len(ended.tasks)}
            yield f"airflow/first/{size}/0ms/plain", sample


@contextmanager
def _our_airflow(server: BulkServer, size: int, *, rate: float) -> Iterator[LocalAirflow]:
    shutil.rmtree(_FOLDER, ignore_errors=True)
    exports = _FOLDER / "exports"
    write_definition(exports, EXPORT, lake=make_work(_DATA, size).lake)
    write_definition(exports, _WARM, lake=make_work(_DATA, _WARM_SIZE).lake, title=_WARM)
    connection = {
        "conn_type": "autopilot",
        "host": f"{server.url}/v1",
        "password": API_KEY,
        "extra": {"requests_per_second": rate, "enabled": True, **signed_agreement("the benchmark")},
    }
    settings = {
        "AIRFLOW_CONN_AUTOPILOT_DEFAULT": json.dumps(connection),
        **ledger_secret_alone(LEDGER_SECRET),
        DEFINITIONS: str(exports),
        STAGING: str(_FOLDER / "staging"),
    }
    with LocalAirflow(_FOLDER / "home", settings=settings) as airflow:
        for export in (EXPORT, _WARM):
            airflow.wait_for_dag(f"export_{export}")
        _require_success(run_dag(airflow, f"export_{_WARM}"))
        yield airflow


@contextmanager
def _plain_airflow(server: BulkServer) -> Iterator[LocalAirflow]:
    shutil.rmtree(_FOLDER, ignore_errors=True)
    connection = {"conn_type": "http", "host": server.url, "extra": {"autopilotapikey": API_KEY}}
    settings = {
        "AIRFLOW_CONN_AUTOPILOT_HTTP": json.dumps(connection),
        "AIRFLOW__CORE__DAGS_FOLDER": str(_PLAIN_DAGS),
    }
    with LocalAirflow(_FOLDER / "home", settings=settings) as airflow:
        airflow.wait_for_dag(_PLAIN)
        folder = str(make_work(_DATA, _WARM_SIZE).csv())
        _require_success(run_dag(airflow, _PLAIN, {"folder": folder}))
        yield airflow


def run_dag(airflow: LocalAirflow, dag_id: str, conf: Mapping[str, Any] | None = None) -> EndedRun:
    """Trigger a DAG and wait for its end.

    :raises LocalAirflowError: it didn't end within an hour.
    """
    start = time.perf_counter()
    run_id = airflow.trigger(dag_id, conf)
    while (state := airflow.run_state(dag_id, run_id)) not in {"success", "failed"}:
        if time.perf_counter() - start > _LONGEST_RUN:
            raise LocalAirflowError(f"{dag_id} was still {state} after {_LONGEST_RUN:.0f} s")
        time.sleep(_POLL_SECONDS)
    seconds = time.perf_counter() - start
    return EndedRun(run_id, state, seconds, airflow.task_instances(dag_id, run_id))


def _require_success(ended: EndedRun) -> None:
    if ended.state != "success":
        states = {f"{task['task_id']} {task['map_index']}": task["state"] for task in ended.tasks}
        raise LocalAirflowError(f"run {ended.run_id} ended {ended.state}: {states}")


def _our_run(
    airflow: LocalAirflow, server: BulkServer, snapshot: str, *, limit: int | None = None
) -> dict[str, Any]:  # fmt: skip
    before = server.stats()
    ended = run_dag(airflow, f"export_{EXPORT}", {"snapshot": SNAPSHOTS[snapshot].isoformat()})
    _require_success(ended)
    stats = server.stats()
    writes = server.writes()[before["batches"] :]
    report = _report(ended.run_id)
    on_data = sum(report["seconds"][step] for step in ("extract", "map", "upload"))
    gaps = sorted((late - early for early, late in pairwise(writes)), reverse=True)
    sample = {
        "seconds": round(ended.seconds, 2),
        "on_data": round(on_data, 2),
        "not_on_data": round(ended.seconds - on_data, 2),
        "requests": stats["requests"] - before["requests"],
        "writes": stats["contacts"] - before["contacts"],
        "throttled": stats["throttled"] - before["throttled"],
        "tasks": len(ended.tasks),
        "gaps": [round(gap, 3) for gap in gaps[:6]],
        "timeline": _timeline(ended.tasks),
    }
    if limit:
        sample["budget_used"] = round(budget_used(writes, limit), 4)
        sample["budget_in_tasks"] = round(_used_in_tasks(ended.tasks, writes, stats["epoch"], limit), 4)
    return sample


def _report(run_id: str) -> dict[str, Any]:
    files = RunFiles(Store.local(_FOLDER / "staging").sub(EXPORT), run_id)
    return dict(files.store.read_json(files.REPORT))


def _timeline(tasks: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return when each task was scheduled, queued, started and ended, in seconds from the first."""
    moments = ("scheduled_when", "queued_when", "start_date", "end_date")
    known = [
        {
            "task": task["task_id"], "map_index": task["map_index"],
            **{name.partition("_")[0]: _epoch(task[name]) for name in moments if task.get(name)},
        }
        for task in tasks
    ]  # fmt: skip
    zero = min((entry["scheduled"] for entry in known if "scheduled" in entry), default=0.0)
    shifted = [
        {name: round(value - zero, 2) if isinstance(value, float) else value for name, value in entry.items()}
        for entry in known
    ]
    return sorted(shifted, key=lambda entry: entry.get("start", 0.0))


def _used_in_tasks(
    tasks: list[dict[str, Any]], writes: list[float], epoch: float, limit: int
) -> float:  # fmt: skip
    """Return the share of the rate used between the first and the last write of each upload task."""
    requests, seconds = 0, 0.0
    for task in tasks:
        if task["task_id"] != "upload" or not task.get("end_date"):
            continue
        start, end = _epoch(task["start_date"]) - epoch, _epoch(task["end_date"]) - epoch
        inside = [moment for moment in writes if start <= moment <= end]
        if len(inside) > 1:
            requests += len(inside) - 1
            seconds += inside[-1] - inside[0]
    return requests / (limit * seconds) if seconds else 0.0


def _epoch(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()
