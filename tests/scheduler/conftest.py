"""One real Airflow (scheduler, LocalExecutor) for all tests here, with emulated services and a lake."""

from __future__ import annotations

import json
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
from tests.scheduler.exports_under_test import (
    LEDGER_SECRET,
    PAUSED,
    account,
    api_connection,
    write_definitions,
)

from local_airflow import LocalAirflow
from segment_emulators.autopilot import EmulatorConfig, Switches, serve_autopilot
from segment_emulators.customer_insights import CustomerInsights
from segment_emulators.customer_insights.serving import serve
from segment_emulators.lake_writer import CsvFormat, LakeExport
from segment_emulators.ortto import EmulatorConfig as OrttoConfig
from segment_emulators.ortto import Switches as OrttoSwitches
from segment_emulators.ortto import serve_ortto
from segment_emulators.tenant import Tenant
from segment_exports.records.storing.file_names import file_name

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from segment_emulators.autopilot import AutopilotEmulator
    from segment_emulators.ortto import OrttoEmulator

DAYS = 5


@dataclass(frozen=True)
class Stage:
    """What a test of the scheduler works with."""

    airflow: LocalAirflow
    emulator: AutopilotEmulator
    insights: CustomerInsights
    staging: Path
    lake: LakeExport
    ortto: OrttoEmulator

    def account_of(self, export: str) -> AutopilotEmulator | OrttoEmulator:
        """Return the account that an export delivers to."""
        return self.ortto if export.endswith("_in_ortto") else self.emulator

    def tell_of_refresh(self, export: str) -> str:
        """Do what docs/sources.md tells a Power Automate flow to do; return the run that it starts."""
        known = self.runs(export, "asset_triggered")
        (asset,) = self.airflow.get(f"/assets?uri_pattern=segment-exports://{export}/refreshed")["assets"]
        self.airflow.post("/assets/events", {"asset_id": asset["id"]})
        self.airflow.wait_for(
            "the event's run", lambda: len(self.runs(export, "asset_triggered")) > len(known), seconds=180
        )
        (started,) = self.runs(export, "asset_triggered") - known
        return started

    def runs(self, export: str, kind: str) -> set[str]:
        """Return the ids of an export's runs of one kind."""
        runs = self.airflow.get(f"/dags/export_{export}/dagRuns?run_type={kind}")["dag_runs"]
        return {str(run["dag_run_id"]) for run in runs}

    def ended(self, export: str, run_id: str) -> dict[str, Any]:
        """Wait for the end of a run and return its report."""
        ends = ("success", "failed")
        self.airflow.wait_for(
            f"the end of {run_id}",
            lambda: self.airflow.run_state(f"export_{export}", run_id) in ends,
            seconds=300,
        )
        return self.report(export, run_id)

    def report(self, export: str, run_id: str) -> dict[str, Any]:
        folder = self.staging / export / "runs" / file_name(run_id)
        return json.loads((folder / "report.json").read_text())


@pytest.fixture(scope="session")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    folder = tmp_path_factory.mktemp("scheduler")
    lake = LakeExport(folder / "lake", Tenant(12_000, dirt=False), partitions=2, csv=CsvFormat(header=True))
    for day in range(DAYS):
        lake.write(day)
    definitions = write_definitions(folder / "exports", lake.folder.relative_to(folder / "lake"))
    insights = CustomerInsights(Tenant(600, seed=5))
    with ExitStack() as stack:
        emulator = stack.enter_context(serve_autopilot(EmulatorConfig(switches=Switches(rate=None))))
        ortto = stack.enter_context(serve_ortto(OrttoConfig(switches=OrttoSwitches(rate=None))))
        addresses = stack.enter_context(serve(insights, folder))
        accounts = {
            f"AIRFLOW_CONN_AUTOPILOT_{name.upper()}": json.dumps(account(emulator, rate=200))
            for name in ("killed", "ended", "missed", "from_api", "unmeant", "agreed", "unpooled")
        }
        nobody_agreed = account(emulator, rate=200)
        nobody_agreed["extra"] = {"requests_per_second": 200}
        settings = {
            **accounts,
            "AIRFLOW_CONN_AUTOPILOT_UNAGREED": json.dumps(nobody_agreed),
            "AIRFLOW_CONN_ORTTO_UNMEANT": json.dumps(account(ortto, rate=200, service="Ortto")),
            "AIRFLOW_CONN_CUSTOMER_INSIGHTS_DEFAULT": json.dumps(api_connection(insights, addresses)),
            "AIRFLOW_VAR_AUTOPILOT_LEDGER_SECRET": LEDGER_SECRET,
            "AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION": "True",
            "SEGMENT_EXPORTS_DEFINITIONS": str(folder / "exports"),
            "SEGMENT_EXPORTS_LAKE": str(folder / "lake"),
            "SEGMENT_EXPORTS_STAGING": str(folder / "staging"),
        }
        airflow = stack.enter_context(LocalAirflow(folder / "airflow", settings=settings))
        for name in definitions:
            airflow.wait_for_dag(f"export_{name}")
            if name not in PAUSED:
                airflow.patch(f"/dags/export_{name}", {"is_paused": False})
        yield Stage(airflow, emulator, insights, folder / "staging", lake, ortto)
