"""A small tenant, an emulated account, and runs of the export's whole DAG through ``dag.test()``."""

from __future__ import annotations

import json
import textwrap
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from segment_emulators.lake_writer import LakeExport
from segment_emulators.tenant import Tenant
from segment_exports.destinations.agreement import signed_agreement

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import pytest
    from airflow.dag_processing.dagbag import DagBag

    from segment_emulators.autopilot import AutopilotEmulator

DEFINITION = """\
    name: newsletter
    source: {{type: lake, path: {path}}}
    segments: [HighValueSegment, {{name: ChurnProne, list: Win-back}}]
    mapping:
      Email: EMail
      FirstName: FirstName
      custom: {{string--Loyalty--Tier: Loyalty Tier}}
    permission: {{attribute: Email Subscriber, equals: "Yes"}}
    guards: {{{guards}}}
"""


@dataclass
class EndedRun:
    """A run that ended: its state in Airflow, its tasks' states, and its report."""

    state: str
    tasks: dict[str, str]
    report: dict[str, Any]


@dataclass
class ExportScene:
    """One export of a generated tenant to an emulated account."""

    folder: Path
    emulator: AutopilotEmulator
    load_dags: Callable[[], DagBag]
    environment: pytest.MonkeyPatch
    customers: int = 1200
    lake: LakeExport = field(init=False)

    def __post_init__(self) -> None:
        self.lake = LakeExport(self.folder / "lake", Tenant(self.customers), partitions=2)
        self.lake.write(0)
        (self.folder / "exports").mkdir()
        self.define()
        self.connect()
        self.environment.setenv("SEGMENT_EXPORTS_DEFINITIONS", str(self.folder / "exports"))
        self.environment.setenv("SEGMENT_EXPORTS_STAGING", str(self.folder / "staging"))

    def define(
        self, more: str = "", *, instead_of: str = "", guards: str = "stop_above_invalid: 0.2"
    ) -> None:
        """Write the definition with lines added, the mapped ``instead_of`` of FirstName, and these guards."""
        text = textwrap.dedent(DEFINITION.format(path=self.lake.folder, guards=guards))
        text = text.replace("FirstName: FirstName", instead_of or "FirstName: FirstName")
        text += textwrap.dedent(more)
        (self.folder / "exports" / "newsletter.yaml").write_text(text)

    def connect(self, *, key: str | None = None, host: str | None = None, **extra: Any) -> None:
        """Make the connection to the account, signed unless ``extra`` says otherwise."""
        signed = {"requests_per_second": 2000, **signed_agreement("the tests"), **extra}
        fields = {
            "conn_type": "autopilot",
            "host": host or self.emulator.base_url,
            "password": key or self.emulator.api_key,
            "extra": signed,
        }
        self.environment.setenv("AIRFLOW_CONN_AUTOPILOT_DEFAULT", json.dumps(fields))

    def run(self, **conf: Any) -> EndedRun:
        """Run the whole DAG and return what came of it."""
        dag = self.load_dags().dags["export_newsletter"]
        run = dag.test(run_conf=conf)
        tasks: dict[str, str] = {}
        for instance in run.get_task_instances():
            tasks[instance.task_id] = str(instance.state)
        return EndedRun(str(run.state), tasks, self.report(run.run_id))

    def report(self, run_id: str) -> dict[str, Any]:
        """Return the report of a run; empty if it left none."""
        from segment_exports_airflow.staging_root import run_files

        store = run_files("newsletter", run_id).store
        return dict(store.read_json("report.json")) if store.exists("report.json") else {}

    @property
    def writes(self) -> int:
        """Requests that changed something in the account."""
        return sum(one.method != "GET" for one in self.emulator.log.entries)
