"""Brings a run of a small export to the point where it is planned, step by step, without Airflow."""

from __future__ import annotations

from dataclasses import dataclass
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from segment_emulators.lake_writer import LakeExport
from segment_emulators.tenant import Tenant
from segment_exports.definition import WaitForRefresh
from segment_exports_airflow.operators.export import ExtractOperator, MapProfilesOperator
from segment_exports_airflow.sensors.plan import PlanChangesSensor
from segment_exports_airflow.sensors.refresh import RefreshSensor

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

RUN_ID = "manual"
NAMED = {"task_id": "step", "export": "newsletter"}


@dataclass(frozen=True)
class PlannedRuns:
    """One export of a generated tenant; its connection is the caller's."""

    folder: Path
    environment: pytest.MonkeyPatch
    customers: int = 100

    def plan(self, more: str = "", **params: Any) -> Any:
        """Plan a run and return its context, as far as the steps use it."""
        lake = LakeExport(self.folder / "lake", Tenant(self.customers), partitions=1)
        lake.write(0)
        (self.folder / "exports").mkdir(exist_ok=True)
        (self.folder / "exports" / "newsletter.yaml").write_text(
            f"name: newsletter\nsource: {{type: lake, path: {lake.folder}}}\n"
            "destination: {requests_in_flight: 1}\nsegments: [NewsletterReaders]\n"
            f"mapping: {{Email: EMail}}\n{more}"
        )
        self.environment.setenv("SEGMENT_EXPORTS_DEFINITIONS", str(self.folder / "exports"))
        self.environment.setenv("SEGMENT_EXPORTS_STAGING", str(self.folder / "staging"))
        context = context_of(**params)
        for unit in RefreshSensor(**NAMED, wait=WaitForRefresh()).poke(context).xcom_value:
            ExtractOperator(**NAMED, unit=unit).execute(context)
        MapProfilesOperator(**NAMED).execute(context)
        PlanChangesSensor(**NAMED).poke(context)
        return context


def context_of(**params: Any) -> Any:
    """Return as much of a task's context as the steps use."""
    ti = SimpleNamespace(
        task_id="step",
        dag_id="export_newsletter",
        map_index=-1,
        get_first_reschedule_date=lambda _: None,
        get_dr_count=lambda *_, **__: 0,
        get_task_states=lambda *_, **__: {},
        xcom_pull=lambda **_: None,
    )
    run = SimpleNamespace(logical_date=None, run_type="manual", conf=params)
    return {"run_id": RUN_ID, "dag_run": run, "params": params, "ti": ti}
