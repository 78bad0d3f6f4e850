"""The two steps that may have to wait: for the refresh, and for another run of the export."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from airflow.sdk.exceptions import AirflowFailException, AirflowRescheduleException

from segment_emulators.lake_writer import LakeExport
from segment_emulators.tenant import Tenant
from segment_exports.definition import WaitForRefresh
from segment_exports.destinations.check_destination import DestinationCheck
from segment_exports.errors import RefreshMissedError, SourceError, SourceNotReadyError
from segment_exports.records import lease
from segment_exports.records.problems import recorded_problems
from segment_exports.records.wait_record import RefreshState, kept_wait
from segment_exports.records.warnings import record_warnings, recorded_warnings
from segment_exports.settings import bounds
from segment_exports_airflow.operators.export import (
    CheckDestinationOperator,
    ExtractOperator,
    MapProfilesOperator,
)
from segment_exports_airflow.sensors.plan import PlanChangesSensor
from segment_exports_airflow.sensors.refresh import RefreshSensor
from segment_exports_airflow.staging_root import run_files

if TYPE_CHECKING:
    from pathlib import Path

    from segment_exports.records.staging import RunFiles
    from segment_exports.records.wait_record import WaitRecord

SCHEDULE = 'refresh: {timezone: UTC, times: ["05:00"]}\n'
MINUTES = 90


@pytest.fixture
def lake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> LakeExport:
    """A lake whose first snapshot is written, and an export of it."""
    lake = LakeExport(tmp_path / "lake", Tenant(50), partitions=2)
    lake.write(0)
    (tmp_path / "exports").mkdir()
    (tmp_path / "exports" / "newsletter.yaml").write_text(
        f"name: newsletter\nsource: {{type: lake, path: {lake.folder}}}\nsegments: [ChurnProne]\n"
        f"mapping: {{Email: EMail}}\nwait_for_refresh: {{timeout_minutes: {MINUTES}}}\n{SCHEDULE}"
    )
    monkeypatch.setenv("SEGMENT_EXPORTS_DEFINITIONS", str(tmp_path / "exports"))
    monkeypatch.setenv("SEGMENT_EXPORTS_STAGING", str(tmp_path / "staging"))
    return lake


class TaskInstance(SimpleNamespace):
    """As much of Airflow's as the steps use; ``running`` are the runs that Airflow calls running."""

    dag_id = "export_newsletter"
    map_index = -1
    waiting_for = timedelta()
    running: tuple[str, ...] = ()
    sent: tuple[str, ...] = ()

    def get_first_reschedule_date(self, _: Any) -> datetime | None:
        return datetime.now(UTC) - self.waiting_for if self.waiting_for else None

    def get_task_states(self, dag_id: str, *, map_index: int, task_ids: list[str]) -> dict[str, Any]:
        assert (dag_id, map_index, task_ids) == (self.dag_id, 0, ["upload_duties", "upload"])
        return {run_id: {"upload_0": "success"} for run_id in self.sent}

    def get_dr_count(self, dag_id: str, *, run_ids: list[str], states: list[str]) -> int:
        assert (dag_id, states) == (self.dag_id, ["running"])
        return sum(one in self.running for one in run_ids)


def context(run_id: str, *, scheduled: datetime | None = None, ti: Any = None, **params: Any) -> Any:
    kind = "scheduled" if scheduled else "manual"
    run = SimpleNamespace(logical_date=scheduled, run_type=kind, conf=params)
    return {"run_id": run_id, "dag_run": run, "params": params, "ti": ti or TaskInstance(task_id="step")}


def files(run_id: str) -> RunFiles:
    return run_files("newsletter", run_id)


def waited(run_id: str) -> WaitRecord:
    kept = kept_wait(files(run_id).store)
    assert kept is not None
    return kept


class TestRefresh:
    sensor = staticmethod(
        lambda: RefreshSensor(task_id="wait_for_refresh", export="newsletter", wait=WaitForRefresh())
    )

    def test_a_run_by_hand_reads_the_newest_whole_snapshot(self, lake: LakeExport) -> None:
        lake.write(1)

        answer = self.sensor().poke(context("manual"))

        assert answer.is_done
        assert [unit["snapshots"] for unit in answer.xcom_value] == [
            {"ChurnProne": lake.tenant.snapshot_time(1).isoformat()}
        ]

    def test_what_was_waited_for_is_kept(self, lake: LakeExport) -> None:
        self.sensor().poke(context("manual"))

        assert waited("manual").state is RefreshState.ENDED

    @pytest.mark.parametrize("content", [None, "", '{"entities": [{"na'])
    def test_a_model_that_is_being_written_is_waited_for_and_at_last_told(
        self, lake: LakeExport, content: str | None
    ) -> None:
        model = lake.folder / "model.json"
        whole = model.read_text()
        if content is None:
            model.unlink()
        else:
            model.write_text(content)

        assert not self.sensor().poke(context("manual")).is_done
        assert "Customer Insights may be writing it" in waited("manual").text

        late = TaskInstance(task_id="wait_for_refresh", waiting_for=timedelta(minutes=MINUTES))
        with pytest.raises(RefreshMissedError, match=r"gave up after 90 minutes .* may be writing it"):
            self.sensor().poke(context("manual", ti=late))

        model.write_text(whole)
        assert self.sensor().poke(context("manual")).is_done

    def test_a_run_that_has_to_wait_after_all_is_kept_as_waiting_and_then_as_late(
        self, lake: LakeExport, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def refreshed_again(*_: Any) -> None:
            raise SourceNotReadyError("refreshed again since the snapshot was chosen")

        monkeypatch.setattr("segment_exports.sources.lake.source.LakeExport.read_units", refreshed_again)

        assert not self.sensor().poke(context("manual")).is_done
        assert waited("manual").state is RefreshState.WAITING
        assert waited("manual").text == "refreshed again since the snapshot was chosen"

        late = TaskInstance(task_id="wait_for_refresh", waiting_for=timedelta(minutes=MINUTES))
        with pytest.raises(RefreshMissedError, match=r"gave up after 90 minutes .* refreshed again since"):
            self.sensor().poke(context("manual", ti=late))
        assert waited("manual").state is RefreshState.LATE

    def test_warnings_about_segments_are_kept_for_the_report_in_place_of_older_ones(
        self, lake: LakeExport
    ) -> None:
        record_warnings(files("manual").store, "extract ChurnProne", ["of an earlier reading"])

        self.sensor().poke(context("manual"))

        (told,) = recorded_warnings(files("manual").store)
        assert told.startswith("The segment ChurnProne is old; it was last evaluated ")

    def test_an_empty_file_beside_others_is_a_warning(self, lake: LakeExport) -> None:
        empty = lake.files("ChurnProne", 0)[1]
        empty.write_bytes(b"")

        self.sensor().poke(context("manual"))

        (told,) = [one for one in recorded_warnings(files("manual").store) if "0 bytes" in one]
        assert empty.relative_to(lake.folder).as_posix() in told

    def test_a_newer_snapshot_that_only_some_segments_have_is_a_warning(
        self, lake: LakeExport, tmp_path: Path
    ) -> None:
        definition = tmp_path / "exports" / "newsletter.yaml"
        definition.write_text(
            definition.read_text().replace("[ChurnProne]", "[ChurnProne, HighValueSegment]")
        )
        self.sensor().poke(context("earlier"))
        lake.write(1)
        for path in lake.files("HighValueSegment", 1):
            path.unlink()

        self.sensor().poke(context("manual", snapshot="2026-01-07T00:00:00Z"))

        (why, told) = [one for one in recorded_warnings(files("manual").store) if "newer" in one]
        assert why.startswith(
            "HighValueSegment: a newer snapshot is passed over, since it isn't whole: that of"
        )
        assert told.startswith("There are newer snapshots, but not of every segment (ChurnProne of ")

    def test_a_scheduled_run_waits_for_a_snapshot_of_its_own(self, lake: LakeExport) -> None:
        tomorrow = lake.tenant.snapshot_time(1)

        assert not self.sensor().poke(context("scheduled", scheduled=tomorrow)).is_done
        lake.write(1)
        assert self.sensor().poke(context("scheduled", scheduled=tomorrow)).is_done

    def test_a_snapshot_that_is_not_whole_yet_is_not_taken(self, lake: LakeExport) -> None:
        tomorrow = lake.tenant.snapshot_time(1)
        lake.write_data(1, partitions=1)

        assert not self.sensor().poke(context("scheduled", scheduled=tomorrow)).is_done

    def test_waiting_holds_no_worker_slot(self, lake: LakeExport) -> None:
        assert self.sensor().reschedule

    def test_waiting_is_no_problem_of_the_run(self, lake: LakeExport) -> None:
        self.sensor().poke(context("scheduled", scheduled=lake.tenant.snapshot_time(1)))

        assert recorded_problems(files("scheduled").store) == {}

    def test_it_gives_up_after_its_own_limit_and_says_so(self, lake: LakeExport) -> None:
        late = TaskInstance(task_id="wait_for_refresh", waiting_for=timedelta(minutes=MINUTES))

        with pytest.raises(RefreshMissedError, match=r"timeout_minutes"):
            self.sensor().poke(context("late", scheduled=lake.tenant.snapshot_time(1), ti=late))

        assert "timeout_minutes" in recorded_problems(files("late").store)["wait_for_refresh"].text

    def test_airflow_does_not_give_up_before(self, lake: LakeExport) -> None:
        wait = WaitForRefresh(poll_seconds=7, timeout_minutes=MINUTES)
        sensor = RefreshSensor(task_id="wait_for_refresh", export="newsletter", wait=wait)

        assert sensor.poke_interval == 7
        assert sensor.timeout > MINUTES * 60

    def test_a_snapshot_asked_for_is_not_waited_for(self, lake: LakeExport) -> None:
        with pytest.raises(SourceError, match="has no snapshot of 2020-01-01"):
            self.sensor().poke(context("manual", snapshot="2020-01-01T00:00:00Z"))

    def test_an_older_snapshot_that_a_run_saw_can_be_asked_for(self, lake: LakeExport) -> None:
        self.sensor().poke(context("earlier"))
        lake.write(1)

        answer = self.sensor().poke(context("manual", snapshot="2026-01-05T12:00:00Z"))

        assert answer.xcom_value[0]["snapshots"] == {"ChurnProne": lake.tenant.snapshot_time(0).isoformat()}

    def test_an_older_snapshot_that_nobody_saw_is_refused_with_the_way_out(self, lake: LakeExport) -> None:
        lake.write(1)

        with pytest.raises(
            SourceError, match=r"no run looked at it while model\.json named it.*unseen_snapshots"
        ):
            self.sensor().poke(context("manual", snapshot="2026-01-05T12:00:00Z"))


@pytest.fixture
def mapped(lake: LakeExport, account: str) -> Any:
    """Bring a run to the point where it can be planned."""

    def mapped(run_id: str, **params: Any) -> Any:
        step = context(run_id, **params)
        CheckDestinationOperator(task_id="check_destination", export="newsletter").execute(step)
        units = TestRefresh.sensor().poke(step).xcom_value
        for unit in json.loads(json.dumps(units)):
            ExtractOperator(task_id="extract", export="newsletter", unit=unit).execute(step)
        MapProfilesOperator(task_id="map_profiles", export="newsletter").execute(step)
        return step

    return mapped


def test_what_the_check_doubts_is_still_told_when_the_source_was_read(
    mapped: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(DestinationCheck, "warnings", ("the clock is wrong",))
    mapped("manual__1")

    assert "the clock is wrong" in recorded_warnings(run_files("newsletter", "manual__1").store)


class TestPlan:
    sensor = staticmethod(lambda: PlanChangesSensor(task_id="plan_changes", export="newsletter"))

    def test_a_run_plans_under_the_lease(self, mapped: Any) -> None:
        answer = self.sensor().poke(mapped("first"))

        assert answer.is_done
        assert files("first").store.read_json("plan.json")["state"] == "ready"
        held = lease.current_lease(files("first").export)
        assert held is not None
        assert held.run_id == "first"

    def test_what_goes_to_xcom_are_the_chunks_of_its_duties(self, mapped: Any) -> None:
        """Here nobody has withdrawn or was erased."""
        assert self.sensor().poke(mapped("first")).xcom_value == []

    def test_a_second_run_waits_while_the_first_one_runs(self, mapped: Any) -> None:
        self.sensor().poke(mapped("first"))
        second = mapped("second")

        second["ti"].running = ("first",)
        assert not self.sensor().poke(second).is_done
        assert recorded_problems(files("second").store) == {}

        second["ti"].running = ()
        assert self.sensor().poke(second).is_done

    @pytest.mark.parametrize(
        ("waited", "ends"), [(bounds.LEASE_WAIT - timedelta(minutes=1), False), (bounds.LEASE_WAIT, True)]
    )
    def test_it_waits_for_a_day_and_not_longer(self, mapped: Any, waited: timedelta, ends: bool) -> None:
        """As Airflow counts it, from its first look on. What it waited for in vain stands in the report."""
        self.sensor().poke(mapped("first"))
        second = mapped("second")
        second["ti"].running, second["ti"].waiting_for = ("first",), waited
        with pytest.raises(AirflowFailException if ends else AirflowRescheduleException):
            self.sensor().execute(second)

        told = [reason.text for reason in recorded_problems(files("second").store).values()]
        assert all("1,440 minutes. run first of this export is delivering" in one for one in told)
        assert bool(told) == ends

    def test_waiting_holds_no_worker_slot(self) -> None:
        assert self.sensor().reschedule

    def test_a_dry_run_waits_for_nobody_and_takes_nothing(self, mapped: Any) -> None:
        self.sensor().poke(mapped("first"))
        dry = mapped("dry", dry_run=True)
        dry["ti"].running = ("first",)

        assert self.sensor().poke(dry).is_done
        held = lease.current_lease(files("dry").export)
        assert held is not None
        assert held.run_id == "first"
