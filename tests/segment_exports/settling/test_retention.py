from __future__ import annotations

import os
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from fsspec.implementations.memory import MemoryFileSystem
from tests.segment_exports.staged_run import Person, Stage, definition_of

from segment_exports.errors import LedgerError
from segment_exports.records import lease
from segment_exports.records.outcomes import Outcome
from segment_exports.records.staging import RunFiles, Store
from segment_exports.records.storing.file_names import file_name
from segment_exports.settings import bounds
from segment_exports.settling import settle_run as last_step
from segment_exports.settling.retention import purge_runs

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.segment_exports.staged_run import Run

ANN = Person("ann@example.com", "1", ("A",))
BOB = Person("bob@example.com", "2", ("A", "B"))


@pytest.fixture(params=["disk", "object store"])
def stage(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Stage]:
    if request.param == "disk":
        yield Stage(tmp_path)
        return
    memory = Store(MemoryFileSystem(), f"/{tmp_path.name}")
    yield Stage(tmp_path, store=memory)
    memory.fs.rm(memory.root, recursive=True)


def runs(stage: Stage) -> list[str]:
    return stage.export.names("runs")


def begun(stage: Stage, number: int, people: list[Person]) -> Run:
    run = stage.run(number).read(people)
    run.plan()
    run.chunks()
    return run


def purged(stage: Stage, day: int, keep_days: int = 30) -> list[str]:
    """Purge as of a day of the stage's calendar."""
    return purge_runs(stage.export, keep_days, stage.run(day).now).gone


def test_runs_older_than_the_days_to_keep_go_and_ledger_and_history_stay(stage: Stage) -> None:
    for number in (1, 2, 30):
        stage.run(number).whole([ANN])
    assert purged(stage, 31) == []
    assert purged(stage, 32) == ["run_001"]
    assert purged(stage, 32) == []
    assert runs(stage) == ["run_002", "run_030"]
    assert stage.known(ANN.email)["member_of"] == ["A"]
    assert len(stage.export.names("history/runs")) == 3
    assert stage.run(33).read([ANN, BOB]).plan().contacts.due == 1


@pytest.mark.parametrize("run_id", ["scheduled__2026-01-01T05:00:00+00:00", "By_Ann", "a:+" * 83])
def test_run_ids_come_back_as_airflow_knows_them(tmp_path: Path, run_id: str) -> None:
    stage = Stage(tmp_path)
    run = stage.run(1)
    run.files = RunFiles(stage.export, run_id)
    run.whole([ANN])
    assert purged(stage, 60) == [run_id]


def test_of_a_run_that_came_to_no_plan_its_folder_is_told_where_its_id_is_long(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    RunFiles(stage.export, "a" * 250).store.write_bytes("extract/a.json", b"1")
    later = datetime.now(UTC) + bounds.RUN + timedelta(days=1)
    assert purge_runs(stage.export, 1, later).gone == [file_name("a" * 250)]
    assert runs(stage) == []


def test_a_folder_that_a_person_made_beside_the_runs_is_left_alone(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    stage.export.write_bytes("runs/run_1 (copy)/x", b"1")
    later = datetime.now(UTC) + bounds.RUN + timedelta(days=1)
    assert purge_runs(stage.export, 1, later).gone == []


def test_an_export_that_never_ran_has_nothing_to_purge(stage: Stage) -> None:
    stage.export.write_bytes("x", b"")
    assert purged(stage, 60) == []


def test_receipts_that_no_ledger_has_are_kept_until_one_has_them(stage: Stage) -> None:
    killed = begun(stage, 1, [ANN, BOB])
    killed.deliver(ended=False)
    lease.release(stage.export, lease.Lease(1, "run_001"))
    assert purged(stage, 60) == []
    begun(stage, 60, [ANN])
    assert purged(stage, 60) == ["run_001"]


def test_the_run_that_holds_the_lease_is_kept_however_long_it_takes(stage: Stage) -> None:
    begun(stage, 1, [ANN])
    assert purged(stage, 300) == []
    lease.release(stage.export, lease.Lease(1, "run_001"))
    assert purged(stage, 300) == ["run_001"]


def test_an_address_that_a_ledger_needs_is_kept_and_the_rest_of_its_run_is_not(stage: Stage) -> None:
    run = begun(stage, 1, [ANN, BOB])
    run.deliver(lambda row, *_: None if row["email"] == ANN.email else Outcome.DELIVERED, ended=False)
    run.settle()
    assert purged(stage, 60) == ["run_001"]
    assert run.files.store.all_files() == ["changes.parquet", "duties.parquet", "plan.json", "report.json"]
    assert purged(stage, 61) == []
    # Once a run has sent it again, nothing is uncertain any more, and its end purges the rest.
    stage.run(62).whole([ANN, BOB])
    assert runs(stage) == ["run_062"]


def test_nor_is_the_address_of_who_may_have_been_made_anew_under_another_id_than_the_ledgers(
    stage: Stage,
) -> None:
    stage.run(1).whole([ANN, BOB])
    run = begun(stage, 2, [replace(ANN, segments=("A", "B")), BOB])
    run.deliver(lambda *_: None, ended=False)
    run.settle()
    assert stage.known(ANN.email)["contact_id"]
    assert stage.known(ANN.email)["uncertain_of"] == ["B"]
    assert "run_002" in purged(stage, 60)
    assert run.files.store.all_files() == ["changes.parquet", "duties.parquet", "plan.json", "report.json"]


def test_a_run_of_which_nothing_is_known_goes_by_the_time_of_its_files(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    stage.run(1).read([ANN])
    now = datetime.now(UTC)
    stage.run(1).files.store.write_bytes(".left.by.a.killed.task", b"1")
    assert purge_runs(stage.export, 1, now + bounds.RUN - timedelta(minutes=5)).gone == []
    assert purge_runs(stage.export, 30, now + timedelta(days=29)).gone == []
    assert purge_runs(stage.export, 1, now + bounds.RUN + timedelta(minutes=5)).gone == ["run_001"]


def test_a_run_without_a_report_may_be_under_way_for_days(stage: Stage) -> None:
    stage.run(1).read([ANN]).plan(dry_run=True)
    long = bounds.RUN.days
    assert purged(stage, 1 + long, keep_days=1) == []
    assert purged(stage, 2 + long, keep_days=1) == ["run_001"]


def test_an_old_run_that_was_cleared_is_under_way_again(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    run = stage.run(1)
    run.whole([ANN])
    for path in (tmp_path / "newsletter/runs/run_001").rglob("*"):
        os.utime(path, (stage.run(1).now.timestamp(),) * 2)
    assert runs(stage) == ["run_001"]
    run.read([ANN, BOB])
    now = datetime.now(UTC)
    assert purge_runs(stage.export, 1, max(now, stage.run(5).now)).gone == []
    assert purge_runs(stage.export, 1, now + timedelta(days=10)).gone == ["run_001"]


def test_a_plan_of_another_version_is_not_judged(stage: Stage) -> None:
    killed = begun(stage, 1, [ANN])
    killed.deliver(ended=False)
    killed.files.store.write_json("plan.json", {"planned_at": stage.run(1).now.isoformat(), "fence": 1})
    lease.release(stage.export, lease.Lease(1, "run_001"))
    assert purged(stage, 60) == []


def test_nothing_is_purged_while_a_ledger_cannot_be_read(stage: Stage) -> None:
    stage.run(1).whole([ANN])
    stage.export.write_bytes("ledger/autopilot_default/0000000009-torn.parquet", b"torn")
    with pytest.raises(LedgerError, match="can't be believed"):
        purged(stage, 60)
    assert runs(stage) == ["run_001"]


def test_a_run_purges_at_its_end_what_its_definition_does_not_keep(tmp_path: Path) -> None:
    stage = Stage(tmp_path, definition_of(retention_days=3))
    for number in (1, 3, 5):
        stage.run(number).whole([ANN])
    assert runs(stage) == ["run_003", "run_005"]
    stage.run(40).read([ANN]).plan(dry_run=True)
    stage.run(40).settle()
    assert runs(stage) == ["run_003", "run_005", "run_040"]


@pytest.mark.parametrize(
    ("error", "told"), [(PermissionError("secret"), "PermissionError"), (LedgerError("torn"), "torn")]
)
def test_trouble_with_purging_is_a_warning(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception, told: str
) -> None:
    def fail(*_: object) -> None:
        raise error

    monkeypatch.setattr(last_step, "purge_runs", fail)
    report = Stage(tmp_path).run(1).whole([ANN, BOB])
    assert not report.red
    assert report.warnings == (f"old runs could not be purged, the next run tries again: {told}",)
