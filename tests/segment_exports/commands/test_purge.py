from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest
from tests.segment_exports.commands_given import open_staging
from tests.segment_exports.staged_run import Person, Stage, definition_of

from segment_exports.commands.purge import main
from segment_exports.records import lease
from segment_exports.records.notes.losses import open_losses
from segment_exports.records.outcomes import Outcome
from segment_exports.records.staging import Store

if TYPE_CHECKING:
    from pathlib import Path

    from tests.segment_exports.staged_run import Run

ANN = Person("ann@example.com", "1", ("A",))
BOB = Person("bob@example.com", "2", ("A", "B"))


def purge(arguments: list[str]) -> int:
    return main(arguments, open_staging=open_staging)


def test_the_command_purges_all_exports_also_those_without_a_definition(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("first", "second"):
        stage = Stage(tmp_path, definition_of(name=name, retention_days=3650))
        stage.run(-300).whole([ANN])
        stage.run(-200).whole([ANN])
    Store.local(tmp_path).write_json("_accounts/x/lists.json", {})
    assert purge(["--staging", str(tmp_path), "--keep-days", "1"]) == 0
    assert capsys.readouterr().out == "first: 2 runs purged\nsecond: 2 runs purged\n"
    assert purge(["--staging", str(tmp_path), "--keep-days", "1", "--history-days", "1"]) == 0
    assert capsys.readouterr().out.splitlines()[1] == "second: 0 runs purged, the history of 2 runs too"
    assert purge(["--staging", str(tmp_path / "nowhere")]) == 1
    assert "is no folder" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        purge(["--staging", str(tmp_path), "--keep-days", "-1"])


def test_everything_that_is_settled_can_go_at_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    stage = Stage(tmp_path)
    stage.run(-1).whole([ANN])
    run = stage.run(0).read([ANN, BOB])
    run.plan()
    run.chunks()
    assert purge(["--staging", str(tmp_path), "--keep-days", "0"]) == 0
    told = capsys.readouterr().out
    assert told.startswith("newsletter: 1 run purged\nnewsletter: run_000 is kept: it holds the lease")
    assert "--ended run_000 purges it" in told
    assert stage.export.names("runs") == ["run_000"]


def left_by_a_killed_worker(stage: Stage) -> Run:
    run = stage.run(1).read([ANN, BOB])
    run.plan()
    run.chunks()
    run.deliver(ended=False)
    return run


def test_a_run_under_a_lease_goes_only_if_somebody_says_that_it_has_ended(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A command line can't ask Airflow, and a run that lives would go on sending."""
    stage = Stage(tmp_path)
    run = stage.run(1).read([ANN, BOB])
    run.now = datetime.now(UTC)
    run.plan()
    run.chunks()
    run.deliver(ended=False)
    given = ["--staging", str(tmp_path), "--keep-days", "0"]

    assert purge([*given, "--even-unfinished"]) == 0
    assert run.files.store.exists("contacts.parquet")
    assert "run_001 is kept: it holds the lease" in capsys.readouterr().out
    assert purge([*given, "--ended", "run_001"]) == 0
    assert "nobody knows any more what run_001 sent" in capsys.readouterr().out
    assert stage.export.names("runs") == []
    assert not holds(tmp_path, ANN.email)


def test_receipts_that_no_ledger_has_are_named_and_their_loss_turns_runs_red_until_a_reconcile(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    stage = Stage(tmp_path)
    left_by_a_killed_worker(stage)
    lease.release(stage.export, lease.Lease(1, "run_001"))
    given = ["--staging", str(tmp_path), "--keep-days", "0"]

    assert purge(given) == 0
    assert "run_001 is kept: no ledger has its receipts yet" in capsys.readouterr().out
    assert purge([*given, "--even-unfinished"]) == 0
    assert not holds(tmp_path, ANN.email)
    losses = [loss.told for loss in open_losses(stage.export, stage.account)]
    assert len(losses) == 1
    assert "run_001" in losses[0]
    report = stage.run(2).whole([BOB])
    assert report.red
    assert losses[0] in " ".join(report.red_reasons)


def test_a_run_that_may_be_under_way_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    stage = Stage(tmp_path)
    run = stage.run(1).read([ANN])
    given = ["--staging", str(tmp_path), "--keep-days", "0"]

    assert purge(given) == 0
    assert "run_001 is kept: it has no report and gave a sign of life within" in capsys.readouterr().out
    assert run.files.store.exists("contacts.parquet")
    assert purge([*given, "--even-unfinished"]) == 0
    assert not holds(tmp_path, ANN.email)


def test_the_one_address_that_is_still_needed_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    stage = Stage(tmp_path)
    run = stage.run(1).read([ANN, BOB])
    run.plan()
    run.chunks()
    run.deliver(lambda row, *_: None if row["email"] == ANN.email else Outcome.DELIVERED, ended=False)
    run.settle()
    given = ["--staging", str(tmp_path), "--keep-days", "0"]

    for _ in range(2):
        assert purge(given) == 0
        assert "run_001 is kept: only its changes tell the address" in capsys.readouterr().out
    assert purge([*given, "--even-unfinished"]) == 0
    assert not holds(tmp_path, ANN.email)
    assert stage.run(2).whole([BOB]).red


@pytest.mark.parametrize("days", ["-1", "nan", "1.5", "1e3", "3651", "99999", "9" * 5000, "", "٣"])
@pytest.mark.parametrize("option", ["--keep-days", "--history-days"])
def test_days_that_nobody_means_are_refused_in_words(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], option: str, days: str
) -> None:
    Stage(tmp_path).run(-300).whole([ANN])
    with pytest.raises(SystemExit) as ended:
        purge(["--staging", str(tmp_path), f"{option}={days}"])
    assert ended.value.code != 0
    assert "must be a whole number of days from 0 to 3650" in capsys.readouterr().err
    assert (tmp_path / "newsletter/runs").is_dir()


def holds(folder: Path, text: str) -> list[str]:
    return [one.name for one in folder.rglob("*") if one.is_file() and text.encode() in one.read_bytes()]
