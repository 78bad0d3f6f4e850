"""A refresh that ends late, fails, never comes, or starts again while a run reads: what becomes of the run.

Real operators against emulated services; the clock of the waiting is the test's.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from tests.faults.export_run import RunningExport, RunResult
from tests.stands.alone import Why

from segment_emulators.customer_insights import CustomerInsights
from segment_emulators.customer_insights.serving import serve
from segment_emulators.customer_insights.state import Faults
from segment_emulators.tenant import Tenant
from segment_exports.records.report import RunReport, RunState
from segment_exports.records.wait_record import RefreshState, kept_wait

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.stands.account_stand import AccountStand

pytestmark = pytest.mark.alone(Why.PLANNING)

SOURCES: dict[str, dict[str, Any]] = {
    "api": {"type": "api", "connection": "ci", "page_size": 100},
    "dataverse": {"type": "dataverse", "connection": "dv", "page_size": 100},
}
MINUTES_BETWEEN_LOOKS = 10


@dataclass
class Course:
    """An export whose run stands for the second refresh of a tenant, and what happens minute by minute."""

    folder: Path
    insights: CustomerInsights
    stand: AccountStand
    monkeypatch: pytest.MonkeyPatch
    now: datetime = field(init=False)

    def __post_init__(self) -> None:
        self.insights.reset()
        self.insights.faults = Faults()
        self.scheduled = self.now = self.insights.tenant.snapshot_time(1)
        self.monkeypatch.setattr("segment_exports_airflow.sensors.refresh.utc_now", lambda: self.now)

    def export_from(self, source: str, **wait: int) -> None:
        self.export = RunningExport(
            self.folder,
            self.stand,
            self.monkeypatch,
            {
                "source": SOURCES[source],
                "segments": ["ChurnProne"],
                "mapping": {"Email": "EMail"},
                "guards": {"stop_above_invalid": 0.9},
                "first_run": "deliver",
                "refresh": {"timezone": "UTC", "times": [f"{self.scheduled:%H:%M}"]},
                "wait_for_refresh": wait,
            },
        )
        self.export.scheduled = self.scheduled

    def run(self, events: dict[int, Callable[[], object]] | None = None) -> RunResult:
        """Do a run; ``events`` happen so many minutes after the scheduled time, if it still waits then."""

        def between_looks() -> None:
            assert self.writes == 0
            self.now += timedelta(minutes=MINUTES_BETWEEN_LOOKS)
            for minute in [one for one in due if self.scheduled + timedelta(minutes=one) <= self.now]:
                due.pop(minute)()

        due = dict(events or {})
        return self.export.run(between_looks=between_looks)

    def begin(self) -> None:
        self.insights.begin_refresh(self.now)

    def end(self, status: str = "successful") -> None:
        self.insights.end_refresh(self.now, status=status)

    @property
    def writes(self) -> int:
        return len(self.stand.writes())


@pytest.fixture(scope="module")
def served_insights(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[CustomerInsights, Any]]:
    insights = CustomerInsights(Tenant(600, seed=5))
    with serve(insights, tmp_path_factory.mktemp("insights")) as addresses:
        yield insights, addresses


@pytest.fixture
def course(
    served_insights: tuple[CustomerInsights, Any],
    tmp_path: Path,
    stand: AccountStand,
    monkeypatch: pytest.MonkeyPatch,
    short_waits: None,
) -> Course:
    insights, addresses = served_insights
    extra = {
        "tenant": insights.tenant_id,
        "authority": addresses.authority,
        "ca_bundle": addresses.ca_bundle,
        "instance_id": insights.instance_id,
        "subscription_api_key": insights.subscription_key,
    }
    for name, kind, host in (
        ("CI", "customer_insights", addresses.api_url),
        ("DV", "dataverse", addresses.environment_url),
    ):
        connection = {
            "conn_type": kind,
            "host": host,
            "login": insights.client_id,
            "password": insights.client_secret,
            "extra": extra,
        }
        monkeypatch.setenv(f"AIRFLOW_CONN_{name}", json.dumps(connection))
    return Course(tmp_path, insights, stand, monkeypatch)


def red_without_a_write(course: Course, result: RunResult) -> tuple[RunReport, str]:
    """Return the report of a run that was stopped before it sent anything, and its one reason."""
    report = result.report
    assert report is not None
    assert (report.state, report.red, course.writes) == (RunState.STOPPED, True, 0)
    (reason,) = report.red_reasons
    return report, reason


def test_a_refresh_that_ends_20_minutes_late_is_waited_for_and_delivered(course: Course) -> None:
    course.export_from("api")
    course.begin()

    report = course.run({40: course.end}).report

    assert report is not None
    assert (report.state, report.red, report.warnings) == (RunState.DELIVERED, False, ())
    assert report.snapshot == course.insights.tenant.snapshot_time(1).isoformat()
    assert report.contacts.delivered == report.contacts.total > 0
    assert report.refresh is not None
    assert (report.refresh.state, report.refresh.seconds) == (RefreshState.ENDED, 40 * 60)
    assert report.refresh.scheduled == course.scheduled


def test_a_refresh_that_failed_is_red_when_it_was_not_tried_again(course: Course) -> None:
    course.export_from("api")
    course.begin()

    report, reason = red_without_a_write(course, course.run({10: lambda: course.end("failed")}))

    assert reason.startswith("wait_for_refresh: the refresh job-2 is failed since ")
    assert "(first failed task: Segments): look at Customer Insights" in reason
    assert report.refresh is not None
    assert (report.refresh.state, report.refresh.seconds) == (RefreshState.FAILED, 30 * 60)


def test_a_refresh_that_failed_and_was_tried_again_is_delivered(course: Course) -> None:
    course.export_from("api")
    course.begin()

    result = course.run({10: lambda: course.end("failed"), 20: course.begin, 50: course.end})

    assert result.report is not None
    assert (result.report.state, result.red) == (RunState.DELIVERED, False)


@pytest.mark.parametrize("source", list(SOURCES))
def test_a_throttled_service_is_looked_at_again_later_and_holds_no_worker(
    course: Course, source: str
) -> None:
    course.export_from(source)
    course.insights.begin_refresh(course.now)
    course.insights.end_refresh(course.now)
    course.now += timedelta(minutes=30)
    course.insights.faults.throttle_every, course.insights.faults.retry_after = 1, "12"
    seen = []

    def calm_down() -> None:
        course.insights.faults.throttle_every = 0
        seen.append(kept_wait(course.export.files(course.export.last_run).store))

    report = course.run({40: calm_down}).report

    assert report is not None
    assert (report.state, report.red) == (RunState.DELIVERED, False)
    assert [(one.state, "asks to wait for longer than 10 s" in one.text) for one in seen if one] == [
        (RefreshState.WAITING, True)
    ]


def test_a_segment_whose_evaluation_failed_is_red_in_a_refresh_that_succeeded(course: Course) -> None:
    course.export_from("api")
    course.begin()

    def end_with_a_failed_segment() -> None:
        course.end()
        told = course.insights.evaluation("ChurnProne")
        course.insights.evaluations["ChurnProne"] = {**told, "jobStatus": "CompletedFailure"}

    report, reason = red_without_a_write(course, course.run({20: end_with_a_failed_segment}))

    assert "the evaluation of the segments ChurnProne failed" in reason
    assert report.refresh is not None
    assert report.refresh.state is RefreshState.FAILED


def test_a_refresh_that_never_comes_is_red_after_the_runs_own_limit(course: Course) -> None:
    course.export_from("api", timeout_minutes=60)

    report, reason = red_without_a_write(course, course.run())

    assert reason.startswith("wait_for_refresh: gave up after 60 minutes of waiting")
    assert "no refresh has started since" in reason
    assert report.refresh is not None
    assert (report.refresh.state, report.refresh.seconds) == (RefreshState.LATE, 60 * 60)


@pytest.mark.parametrize(
    ("source", "told"),
    [
        ("api", "extract: The segment ChurnProne was refreshed again"),
        ("dataverse", "extract: Dataverse was refreshed again"),
    ],
)
def test_a_refresh_that_starts_again_while_reading_voids_what_was_read(
    course: Course, source: str, told: str
) -> None:
    course.export_from(source)
    course.begin()
    course.end()
    course.now += timedelta(minutes=30)
    course.insights.faults.refresh_after_pages = course.insights.pages + 2

    report, reason = red_without_a_write(course, course.run())

    assert reason.startswith(told)
    assert report.refresh is not None
    assert report.refresh.state is RefreshState.ENDED


@pytest.mark.parametrize("source", list(SOURCES))
def test_a_backfilled_run_of_a_source_without_history_says_that_it_reads_the_present(
    course: Course, source: str
) -> None:
    course.export_from(source)
    course.export.scheduled = course.scheduled - timedelta(days=30)

    report = course.run().report

    assert report is not None
    assert (report.state, report.red) == (RunState.DELIVERED, False)
    assert report.warnings == (
        "The run stands for the refresh of 2025-12-07 05:00 UTC, but its source has no history: it reads the "
        "present",
    )


def test_a_refresh_in_which_no_row_changed_is_read_and_told_as_assumed(course: Course) -> None:
    course.export_from("dataverse", assumed_after_minutes=60)

    report = course.run().report

    assert report is not None
    assert (report.state, report.red) == (RunState.DELIVERED, False)
    assert report.refresh is not None
    assert report.refresh.seconds == 60 * 60
    assert report.refresh.text.endswith("so the end of the refresh is assumed, not seen")
