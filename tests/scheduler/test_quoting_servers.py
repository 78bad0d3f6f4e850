"""Servers at both ends quote back address, name, key and token in every refusal, and Airflow logs at DEBUG.

Nothing of it stands outside the staging's data files: neither after a green run, nor a red one, nor one of
which a task was killed.
"""

from __future__ import annotations

import json
import os
import signal
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
from tests.planted import DATA_FILES, Planted
from tests.scheduler.exports_under_test import account, api_connection

from local_airflow import LocalAirflow
from segment_emulators.autopilot import EmulatorConfig, Fault, FaultKind, Switches, serve_autopilot
from segment_emulators.customer_insights import CustomerInsights
from segment_emulators.customer_insights.serving import serve
from segment_emulators.tenant import Tenant
from segment_exports.records.storing.file_names import file_name
from segment_exports.settings.names import LEDGER_SECRET_VARIABLE

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from segment_emulators.autopilot import AutopilotEmulator

pytestmark = [pytest.mark.scheduler, pytest.mark.timeout(1500)]

DEFINITION = """\
name: quoted
source: {type: api, connection: quoting_source, page_size: 500}
destination: {connection: quoting_account, requests_in_flight: 2, membership: list}
segments: [HighValueSegment, ChurnProne]
mapping: {Email: EMail, FirstName: FirstName, LastName: LastName}
guards: {stop_above_invalid: 0.5, stop_above_added: 1.0}
first_run: deliver
wait_for_refresh: {poll_seconds: 1, timeout_minutes: 5}
"""
DAG = "export_quoted"
ADDRESS = "ann.quandtmeier@planted-address.example"
NAME = "Quandtmeier"
KEY = "9f8e7d6c5b4a39281706f5e4d3c2b1a0"
LEDGER_SECRET = "planted-ledger-secret-8w6Jx2LqT4vB9mZr"
CLIENT_SECRET = "planted~client.secret-Qk7"
SUBSCRIPTION_KEY = "0a1b2c3d4e5f60718293a4b5c6d7e8f9"
PROXY_PASSWORD = "planted-proxy-password"


@dataclass(frozen=True)
class Quoted:
    """What the test works with."""

    airflow: LocalAirflow
    emulator: AutopilotEmulator
    insights: CustomerInsights
    staging: Path
    connections: dict[str, dict[str, Any]]

    def begin(self, **conf: Any) -> str:
        return self.airflow.trigger(DAG, conf)

    def ended(self, run_id: str) -> tuple[str, dict[str, Any]]:
        """Wait for the end of a run; return its state and its report."""
        ends = ("success", "failed")
        self.airflow.wait_for(
            f"the end of {run_id}", lambda: self.airflow.run_state(DAG, run_id) in ends, seconds=300
        )
        report = self.staging / "quoted" / "runs" / file_name(run_id) / "report.json"
        return self.airflow.run_state(DAG, run_id), json.loads(report.read_text())

    def tested(self, connection: str) -> str:
        """Return what the test button says of a connection."""
        fields = self.connections[connection]
        body = {"connection_id": connection, **fields, "extra": json.dumps(fields["extra"])}
        return json.dumps(self.airflow.post("/connections/test", body))


@pytest.fixture(scope="module")
def quoted(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Quoted]:
    folder = tmp_path_factory.mktemp("quoted")
    (folder / "exports").mkdir()
    (folder / "exports" / "quoted.yaml").write_text(DEFINITION)
    known = (f"The row of {ADDRESS} ({NAME})", NAME, ADDRESS)
    insights = CustomerInsights(
        Tenant(600, seed=5), client_secret=CLIENT_SECRET, subscription_key=SUBSCRIPTION_KEY
    )
    insights.faults.quotes = known
    with ExitStack() as stack:
        config = EmulatorConfig(api_key=KEY, switches=Switches(rate=None, quotes=known))
        emulator = stack.enter_context(serve_autopilot(config))
        addresses = stack.enter_context(serve(insights, folder))
        connections = {
            "quoting_account": account(emulator, rate=100),
            "quoting_source": api_connection(insights, addresses),
        }
        settings = {
            "AIRFLOW__LOGGING__LOGGING_LEVEL": "DEBUG",
            "SEGMENT_EXPORTS_DEFINITIONS": str(folder / "exports"),
            "SEGMENT_EXPORTS_STAGING": str(folder / "staging"),
        }
        # As somebody has them who starts it; what is given as a setting is written into the home.
        of_the_caller = {
            **{f"AIRFLOW_CONN_{name.upper()}": json.dumps(one) for name, one in connections.items()},
            LEDGER_SECRET_VARIABLE: LEDGER_SECRET,
            "https_proxy": f"http://user:{PROXY_PASSWORD}@127.0.0.1:9",
            "no_proxy": "127.0.0.1,localhost",
        }
        with pytest.MonkeyPatch.context() as environment:
            for name, value in of_the_caller.items():
                environment.setenv(name, value)
            airflow = LocalAirflow(folder / "airflow", settings=settings)
        stack.enter_context(airflow)
        airflow.wait_for_dag(DAG)
        yield Quoted(airflow, emulator, insights, folder / "staging", connections)


def planted(quoted: Quoted, tokens: set[str]) -> Planted:
    people = quoted.insights.tables.profiles.column("EMail").drop_null().to_pylist()
    return Planted(
        {
            "the planted address": [ADDRESS],
            "the planted name": [NAME],
            "the API key": [KEY],
            "the ledger's secret": [LEDGER_SECRET],
            "the client secret": [CLIENT_SECRET],
            "the subscription key": [SUBSCRIPTION_KEY],
            "the proxy's password": [PROXY_PASSWORD],
            "a bearer token": tokens,
        },
        addresses=people,
    )


def test_nothing_that_is_quoted_back_stands_outside_the_data_files_of_the_staging(quoted: Quoted) -> None:
    emulator, faults, tokens = quoted.emulator, quoted.insights.faults, set()
    states: dict[str, str] = {}
    told: list[str] = []

    # Green: what is refused is asked again.
    faults.errors, faults.busy = 2, 1
    emulator.inject(
        Fault(kind=FaultKind.ERROR, status=500, path="contacts$", times=2),
        Fault(kind=FaultKind.THROTTLED, times=2),
    )
    states["green"], _ = quoted.ended(quoted.begin())
    tokens |= set(quoted.insights.tokens)

    # Killed: an upload ends by kill -9, and its next attempt settles what it left.
    emulator.inject(
        Fault(kind=FaultKind.ERROR, status=500, path="contacts$", times=1),
        Fault(kind=FaultKind.LATENCY, path="contacts$", times=None, seconds=3),
    )
    run_id = quoted.begin(full_resync=True)
    kill_upload(quoted, run_id)
    emulator.inject()
    states["killed"], _ = quoted.ended(run_id)
    tokens |= set(quoted.insights.tokens)

    # Red: by what each end refuses.
    for status in (403, 409):
        emulator.inject(Fault(kind=FaultKind.ERROR, status=status, path="contacts$", times=None))
        states[f"destination {status}"], report = quoted.ended(quoted.begin(full_resync=True))
        told.append(json.dumps(report["red_reasons"]))
    emulator.inject()
    for status in (400, 404):
        faults.refused, faults.refused_with = 100, status
        states[f"source {status}"], report = quoted.ended(quoted.begin())
        told.append(json.dumps(report["red_reasons"]))
        told.append(quoted.tested("quoting_source"))
    faults.refused = 0
    tokens |= set(quoted.insights.tokens)
    quoted.insights.client_secret = "another since"
    emulator.revoke_key()
    told.append(quoted.tested("quoting_account"))
    states["destination 401"], _ = quoted.ended(quoted.begin())
    emulator.rotate_key(KEY)
    states["token"], report = quoted.ended(quoted.begin())
    told += [json.dumps(report["red_reasons"]), quoted.tested("quoting_source")]

    assert states == dict.fromkeys(states, "failed") | {"green": "success", "killed": "success"}
    assert "AADSTS7000215" in told[-1], "an engineer can act on it"
    wanted = planted(quoted, tokens)
    assert wanted.in_text(" ".join(told)) == set()
    assert wanted.in_folder(quoted.staging, but_for=DATA_FILES) == {}
    assert wanted.in_folder(quoted.airflow.home) == {}
    assert wanted.in_text(json.dumps(through_the_api(quoted))) == set()
    assert "an address" in wanted.in_folder(quoted.staging)["quoted/" + contacts_of(quoted)], (
        "it can be found"
    )
    assert logs_at_debug(quoted) > 0


def kill_upload(quoted: Quoted, run_id: str) -> None:
    """Kill the process of the upload with -9, while requests of it are in flight."""

    def upload() -> dict[str, Any] | None:
        tasks = quoted.airflow.task_instances(DAG, run_id)
        return next((one for one in tasks if one["task_id"] == "upload" and one["state"] == "running"), None)

    before = len(quoted.emulator.log.select("upsert_contacts"))
    quoted.airflow.wait_for(
        "an upload under way",
        lambda: len(quoted.emulator.log.select("upsert_contacts")) > before and upload() is not None,
        seconds=180,
    )
    running = upload()
    assert running is not None
    os.kill(running["pid"], signal.SIGKILL)


def through_the_api(quoted: Quoted) -> list[Any]:
    """Return what Airflow's API shows of all runs: XCom, rendered fields, logs."""
    airflow, found = quoted.airflow, []
    for run in airflow.get(f"/dags/{DAG}/dagRuns?limit=100")["dag_runs"]:
        where = f"/dags/{DAG}/dagRuns/{run['dag_run_id']}"
        found.append(airflow.get(f"{where}/taskInstances?limit=1000"))
        found.append(airflow.get(f"{where}/taskInstances/~/xcomEntries?limit=1000"))
    return found


def contacts_of(quoted: Quoted) -> str:
    runs = quoted.staging / "quoted" / "runs"
    return next(
        file.relative_to(quoted.staging / "quoted").as_posix() for file in runs.rglob("contacts.parquet")
    )


def logs_at_debug(quoted: Quoted) -> int:
    """Return how many logs of tasks have lines of level DEBUG: else silence would prove nothing."""
    return sum(
        '"level":"debug"' in file.read_text() for file in (quoted.airflow.home / "logs").rglob("*.log")
    )
