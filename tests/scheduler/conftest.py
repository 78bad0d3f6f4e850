"""One real Airflow (scheduler, LocalExecutor) for all tests here, with an emulated account and a lake."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from local_airflow import LocalAirflow
from segment_emulators.autopilot import EmulatorConfig, Switches, serve_autopilot
from segment_emulators.lake_writer import LakeExport
from segment_emulators.tenant import Tenant
from segment_exports.agreement import signed_agreement
from segment_exports.staging import folder_name

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from segment_emulators.autopilot import AutopilotEmulator

DAYS = 5
DEFINITION = """\
name: {name}
source: {{type: lake, path: {path}}}
destination: {{connection: autopilot_{name}, membership: field, requests_in_flight: {in_flight}}}
segments: [HighValueSegment, ChurnProne, NewsletterReaders]
mapping: {{Email: EMail, FirstName: FirstName, MailingCity: City}}
permission: {{attribute: Email Subscriber, equals: "Yes"}}
when_member_leaves: remove
guards: {{stop_above_invalid: 1.0}}
"""
SCHEDULE = 'refresh: {timezone: UTC, times: ["05:00"]}\n'
IN_FLIGHT = 4


@dataclass(frozen=True)
class Stage:
    """What a test of the scheduler works with."""

    airflow: LocalAirflow
    emulator: AutopilotEmulator
    staging: Path
    lake: LakeExport

    def report(self, export: str, run_id: str) -> dict[str, Any]:
        folder = self.staging / export / "runs" / folder_name(run_id)
        return json.loads((folder / "report.json").read_text())


@pytest.fixture(scope="session")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    folder = tmp_path_factory.mktemp("scheduler")
    lake = LakeExport(folder / "lake", Tenant(12_000, dirt=False), partitions=2)
    for day in range(DAYS):
        lake.write(day)
    definitions = folder / "exports"
    definitions.mkdir()
    path = lake.folder.relative_to(folder / "lake")
    for name, schedule in (("killed", ""), ("missed", SCHEDULE)):
        text = DEFINITION.format(name=name, path=path, in_flight=IN_FLIGHT)
        (definitions / f"{name}.yaml").write_text(text + schedule)
    with serve_autopilot(EmulatorConfig(switches=Switches(rate=None))) as emulator:
        connections = {
            f"AIRFLOW_CONN_{name.upper()}": json.dumps(
                {
                    "conn_type": "autopilot",
                    "host": emulator.base_url,
                    "password": emulator.api_key,
                    "extra": {"requests_per_second": 200, "enabled": True, **signed_agreement("a test")},
                }
            )
            for name in ("autopilot_killed", "autopilot_missed")
        }
        settings = {
            **connections,
            "AIRFLOW_VAR_AUTOPILOT_LEDGER_KEY": "a secret of the scheduler tests",
            "SEGMENT_EXPORTS_DEFINITIONS": str(definitions),
            "SEGMENT_EXPORTS_LAKE": str(folder / "lake"),
            "SEGMENT_EXPORTS_STAGING": str(folder / "staging"),
        }
        with LocalAirflow(folder / "airflow", settings=settings) as airflow:
            yield Stage(airflow, emulator, folder / "staging", lake)
