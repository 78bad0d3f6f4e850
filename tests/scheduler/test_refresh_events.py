"""On a real scheduler: an event starts a run, which waits for the refresh; a second event sends nothing."""

from __future__ import annotations

import json
import re
import textwrap
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from demo import demo_settings, emulated_autopilot
from local_airflow import LocalAirflow
from segment_emulators.customer_insights import CustomerInsights
from segment_emulators.customer_insights.serving import serve
from segment_emulators.tenant import Tenant

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = [pytest.mark.scheduler, pytest.mark.timeout(900)]

FROM_API = """\
    name: from_api
    source: {type: api, connection: customer_insights_default, page_size: 500}
    segments: [HighValueSegment, ChurnProne]
    mapping: {Email: EMail, FirstName: FirstName}
    guards: {stop_above_invalid: 0.5}
    wait_for_refresh: {poll_seconds: 1, timeout_minutes: 5}
"""
TIMED = """\
    name: in_%s
    source: {type: lake, path: nowhere}
    segments: [%s]
    mapping: {Email: EMail}
    refresh: %s
"""
DEFINITIONS = {
    "from_api": FROM_API,
    "in_sao_paulo": TIMED
    % (
        "sao_paulo",
        "A",
        '{timezone: America/Sao_Paulo, times: ["05:00", "17:00"], days: [mon, tue, wed, thu, fri]}',
    ),
    "in_berlin": TIMED % ("berlin", "B", '{timezone: Europe/Berlin, times: ["02:30"]}'),
}


@dataclass
class Stage:
    airflow: LocalAirflow
    insights: CustomerInsights
    account: Any
    runs: Path

    def tell_of_refresh(self, export: str) -> str:
        """Do what docs/sources.md tells a Power Automate flow to do; return the run that it starts."""
        known = {run["dag_run_id"] for run in self._runs(export)}
        (asset,) = self.airflow.get(f"/assets?uri_pattern=segment-exports://{export}/refreshed")["assets"]
        self.airflow.post("/assets/events", {"asset_id": asset["id"]})
        self.airflow.wait_for("the event's run", lambda: len(self._runs(export)) > len(known), seconds=60)
        (started,) = {run["dag_run_id"] for run in self._runs(export)} - known
        return str(started)

    def _runs(self, export: str) -> list[dict[str, Any]]:
        return list(self.airflow.get(f"/dags/export_{export}/dagRuns?run_type=asset_triggered")["dag_runs"])

    def state_of(self, run_id: str, step: str) -> str | None:
        tasks = self.airflow.task_instances("export_from_api", run_id)
        return next((one["state"] for one in tasks if one["task_id"] == step), None)

    def finished(self, run_id: str) -> dict[str, Any]:
        """Wait for the end of a run and return its report."""
        ends = ("success", "failed")
        self.airflow.wait_for(
            f"the end of {run_id}",
            lambda: self.airflow.run_state("export_from_api", run_id) in ends,
            seconds=300,
        )
        reports = [json.loads(path.read_text()) for path in self.runs.glob("*/report.json")]
        (report,) = [one for one in reports if one["run_id"] == run_id]
        return dict(report)


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    folder = tmp_path_factory.mktemp("refresh-events")
    insights = CustomerInsights(Tenant(600, seed=5))
    (folder / "exports").mkdir()
    for name, text in DEFINITIONS.items():
        (folder / "exports" / f"{name}.yaml").write_text(textwrap.dedent(text))
    with ExitStack() as stack:
        addresses = stack.enter_context(serve(insights, folder))
        emulator = stack.enter_context(emulated_autopilot(folder))
        connection = {
            "conn_type": "customer_insights",
            "host": addresses.api_url,
            "login": insights.client_id,
            "password": insights.client_secret,
            "extra": {
                "tenant": insights.tenant_id,
                "authority": addresses.authority,
                "ca_bundle": addresses.ca_bundle,
                "instance_id": insights.instance_id,
                "subscription_api_key": insights.subscription_key,
            },
        }
        settings = demo_settings(folder, emulator.url, emulator.key) | {
            "AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION": "True",
            "SEGMENT_EXPORTS_DEFINITIONS": str(folder / "exports"),
            "AIRFLOW_CONN_CUSTOMER_INSIGHTS_DEFAULT": json.dumps(connection),
        }
        airflow = stack.enter_context(LocalAirflow(folder / "airflow", settings=settings))
        for name in DEFINITIONS:
            airflow.wait_for_dag(f"export_{name}")
        # The others stay paused: without that, Airflow would start their last missed time.
        airflow.patch("/dags/export_from_api", {"is_paused": False})
        yield Stage(airflow, insights, emulator.control, folder / "staging" / "from_api" / "runs")


def test_two_events_for_one_refresh_send_once(stage: Stage) -> None:
    stage.insights.begin_refresh(datetime.now(UTC))
    first = stage.tell_of_refresh("from_api")
    stage.airflow.wait_for(
        "the run to wait for the refresh",
        lambda: stage.state_of(first, "wait_for_refresh") == "up_for_reschedule",
        seconds=60,
    )
    assert stage.state_of(first, "extract") is None

    stage.insights.end_refresh(datetime.now(UTC))
    sent = stage.finished(first)
    again = stage.finished(stage.tell_of_refresh("from_api"))

    assert (sent["state"], again["state"]) == ("delivered", "nothing_changed")
    assert sent["snapshot"] == again["snapshot"]
    assert sent["contacts"]["delivered"] == sent["contacts"]["total"] > 100
    assert again["contacts"]["unchanged"] == again["contacts"]["total"] == sent["contacts"]["total"]
    assert again["operations"]["upsert"]["delivered"] == 0


def test_a_backfill_lists_the_refreshes_of_weekdays_in_sao_paulo(stage: Stage) -> None:
    days = ("--from-date", "2026-11-13", "--to-date", "2026-11-17")
    told = stage.airflow.run("backfill", "create", "--dag-id", "export_in_sao_paulo", *days, "--dry-run")

    assert re.findall(r"^\W*(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d):00", told, re.MULTILINE) == [
        ("2026-11-13", "08:00"),
        ("2026-11-13", "20:00"),
        ("2026-11-16", "08:00"),
        ("2026-11-16", "20:00"),
    ]


@pytest.mark.parametrize(
    ("start", "end", "refreshes"),
    [
        ("2026-03-28", "2026-03-31", ["2026-03-28T01:30", "2026-03-29T01:30", "2026-03-30T00:30"]),
        ("2026-10-24", "2026-10-27", ["2026-10-24T00:30", "2026-10-25T01:30", "2026-10-26T01:30"]),
    ],
)
def test_a_backfill_lists_one_refresh_a_night_when_clocks_change_in_berlin(
    stage: Stage, start: str, end: str, refreshes: list[str]
) -> None:
    wanted = {"dag_id": "export_in_berlin", "from_date": f"{start}T00:00:00Z", "to_date": f"{end}T00:00:00Z"}
    found = stage.airflow.post("/backfills/dry_run", wanted)["backfills"]

    assert [one["logical_date"][:16] for one in found] == refreshes
