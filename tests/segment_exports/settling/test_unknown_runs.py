"""What a staging knows of runs that sent: an older one, or another's, doesn't pass for the newest."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.segment_exports.staged_run import Person, Stage

from segment_exports.errors import LedgerError
from segment_exports.records.plan import RunOptions
from segment_exports.settling.retention import purge_runs
from segment_exports.settling.unknown_runs import give_up, require_known_runs

if TYPE_CHECKING:
    from pathlib import Path

ANN = Person("ann@example.com", "1", ("A",))
BOB = Person("bob@example.com", "2", ("A",))


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    return Stage(tmp_path)


def unknown(stage: Stage, *sent: str) -> tuple[str, ...]:
    """Return the runs of which the staging knows nothing, newest first."""
    making_anew = RunOptions(full_resync=True, reconcile=True)
    return require_known_runs(stage.export, stage.definition.name, sent, making_anew)


def test_a_settled_run_is_known_also_when_it_is_purged_and_its_lease_forgotten(stage: Stage) -> None:
    stage.run(1).whole([ANN])
    purge_runs(stage.export, 30, stage.run(60).now)
    stage.export.remove("lease")

    assert stage.export.names("runs") == []
    assert unknown(stage, "run_001", "run_002") == ("run_002",)


def test_one_that_could_send_nothing_of_its_plan_is_known_too(stage: Stage) -> None:
    """As with a key that is revoked: all that is left of it is its row in the history."""
    run = stage.run(1).read([ANN])
    run.plan()
    run.chunks()
    run.settle(failed_steps=("upload 1",))
    for gone in ("lease", "runs"):
        stage.export.remove(gone)

    assert stage.export.names("history/operations") == []
    assert unknown(stage, "run_001") == ()


def test_one_that_was_cut_off_is_known_by_its_lease_or_by_its_plan(stage: Stage) -> None:
    """The next run settles it, or tells that its files are lost."""
    run = stage.run(1).read([ANN])
    run.plan()
    run.chunks()
    run.deliver()
    assert unknown(stage, "run_001") == ()

    stage.export.remove("lease")
    assert unknown(stage, "run_001") == ()


def test_one_that_was_stopped_here_before_it_planned_is_not(stage: Stage) -> None:
    """It was cleared after its files had gone: the row of that stop tells nothing of what it had sent."""
    stage.run(1).whole([ANN])
    stage.run(2).settle(failed_steps=("check_destination",))

    assert stage.export.exists("history/runs/run_002.parquet")
    assert unknown(stage, "run_001", "run_002") == ("run_002",)


def test_one_that_is_given_up_is_asked_for_no_more(stage: Stage) -> None:
    give_up(stage.export, ["scheduled__2026-03-01T05:00:00+00:00"])

    assert unknown(stage, "scheduled__2026-03-01T05:00:00+00:00") == ()


def test_where_the_scheduler_remembers_nothing_nothing_is_unknown(stage: Stage) -> None:
    stage.run(1).whole([ANN])

    assert unknown(stage) == ()


def test_the_newest_are_named_with_the_end_of_what_is_known(stage: Stage) -> None:
    stage.run(1).whole([ANN])
    sent = [f"{kind}__2026-04-{day:02d}" for day, kind in enumerate(["manual", "scheduled"] * 3, 1)]

    with pytest.raises(LedgerError) as told:
        require_known_runs(stage.export, stage.definition.name, ["run_001", *sent], RunOptions())

    text = str(told.value)
    named = "scheduled__2026-04-06, manual__2026-04-05, scheduled__2026-04-04"
    assert f"holds nothing of runs {named} and 3 more of the export" in text
    assert "Its newest ledger is that of run run_001, written 20" in text
    assert "UTC: was an older backup restored, and is SEGMENT_EXPORTS_STAGING what it was then?" in text
    assert "erase everybody again who was erased since. Then a run with full_resync and reconcile" in text


@pytest.mark.parametrize("alone", ["full_resync", "reconcile", "dry_run"])
def test_nothing_but_making_it_anew_passes(stage: Stage, alone: str) -> None:
    with pytest.raises(LedgerError, match="It holds no ledger: is the volume mounted"):
        require_known_runs(stage.export, "newsletter", ["manual__1"], RunOptions(**{alone: True}))
