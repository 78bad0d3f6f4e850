"""Whatever became of a run, its last step leaves a report that says so."""

from __future__ import annotations

import errno
import os
import re
import shutil
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from airflow.sdk.exceptions import AirflowFailException
from tests.segment_exports_airflow.planned_run import PlannedRuns, context_of

from segment_exports.errors import DefinitionError, LedgerError
from segment_exports.records.problems import Reason, record_problem
from segment_exports_airflow.operators.export import CheckDestinationOperator
from segment_exports_airflow.operators.settle import SettleRunOperator
from segment_exports_airflow.staging_root import run_files

if TYPE_CHECKING:
    from segment_exports.records.staging import RunFiles

DEFINITION = "name: newsletter\nsource: {type: lake, path: lake}\nsegments: [Gold]\nmapping: {Email: EMail}\n"


@pytest.fixture
def definition(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "exports"
    folder.mkdir()
    file = folder / "newsletter.yaml"
    file.write_text(DEFINITION)
    monkeypatch.setenv("SEGMENT_EXPORTS_DEFINITIONS", str(folder))
    monkeypatch.setenv("SEGMENT_EXPORTS_STAGING", str(tmp_path / "staging"))
    return file


def ended(context: Any, **states: str) -> Any:
    """Return the context with what settling asks of Airflow: the states of the run's tasks."""
    run_id = context["run_id"]
    context["ti"] = SimpleNamespace(
        **vars(context["ti"])
        | {
            "task_id": "settle_run",
            "run_id": run_id,
            "get_task_states": lambda *_, **__: {run_id: states},
        }
    )
    context["dag"] = SimpleNamespace(task_dict=dict.fromkeys(states))
    context["dag_run"] = SimpleNamespace(logical_date=None, start_date=None, conf=context["params"])
    return context


def settle(context: Any) -> dict[str, Any]:
    """Settle a run that turns red, and return its report."""
    with pytest.raises(AirflowFailException, match="The run is red"):
        SettleRunOperator(task_id="settle_run", export="newsletter").execute(context)
    return dict(files(context).store.read_json("report.json"))


def files(context: Any) -> RunFiles:
    return run_files("newsletter", context["run_id"])


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ({"snapshot": "garbage"}, "check_destination: snapshot: can't be read as a time"),
        ({"segments": ["Bronze"]}, "check_destination: segments: Bronze not in this export"),
        ({"dryrun": True}, "check_destination: the run's configuration: dryrun isn't known"),
    ],
)
def test_a_run_that_asked_for_what_cannot_be_is_told_in_its_report(
    definition: Path, asked: dict[str, Any], told: str
) -> None:
    context = context_of(**asked)
    context["ti"].task_id = "check_destination"
    with pytest.raises(DefinitionError):
        CheckDestinationOperator(task_id="check_destination", export="newsletter").execute(context)

    report = settle(ended(context, check_destination="failed"))

    assert report["state"] == "stopped"
    assert report["red"]
    assert len(report["red_reasons"]) == 1
    assert report["red_reasons"][0].startswith(told)


def test_a_definition_that_broke_meanwhile_is_told_once(definition: Path) -> None:
    definition.write_text("name: newsletter\n")
    context = context_of()
    context["ti"].task_id = "check_destination"
    with pytest.raises(DefinitionError):
        CheckDestinationOperator(task_id="check_destination", export="newsletter").execute(context)

    report = settle(ended(context, check_destination="failed"))

    assert (report["state"], report["account"]) == ("stopped", "unknown")
    (reason,) = report["red_reasons"]
    assert reason.startswith("check_destination: newsletter.yaml has 3 errors")


def test_a_staging_that_cannot_be_used_is_told_and_no_report_that_was_not_written(
    tmp_path: Path, account: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    context = PlannedRuns(tmp_path, monkeypatch).plan()
    shutil.rmtree(tmp_path / "staging")
    (tmp_path / "staging").write_text("a file where the folder should be")

    with pytest.raises(AirflowFailException) as red:
        SettleRunOperator(task_id="settle_run", export="newsletter").execute(
            ended(context, upload_0="failed")
        )

    told = str(red.value)
    assert "SEGMENT_EXPORTS_STAGING names the staging" in told
    assert "failed and left no reason in the staging: upload_0; see the log of that task" in told
    assert re.search(r"Report: could not be written to .*report\.json$", told)
    assert "without a word" not in told


def test_a_definition_that_was_deleted_after_all_was_planned(
    tmp_path: Path, account: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    context = PlannedRuns(tmp_path, monkeypatch).plan()
    (tmp_path / "exports" / "newsletter.yaml").unlink()

    report = settle(ended(context, upload_0="failed"))

    assert report["red_reasons"] == [
        f"settle_run: there is no export newsletter any more in {tmp_path / 'exports'}",
        "failed and left no reason in the staging: upload_0; see the log of that task",
    ]


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (LedgerError("the ledger is no ledger"), "settle_run: the ledger is no ledger"),
        (KeyError("ann@example.com"), "settle_run: KeyError; see its log"),
    ],
)
def test_whatever_stops_the_settling_is_told_and_what_was_sent_is_not_passed_over(
    definition: Path, monkeypatch: pytest.MonkeyPatch, error: Exception, told: str
) -> None:
    def fails(*_: Any) -> None:
        raise error

    monkeypatch.setattr("segment_exports.settling.settle_run.settle_run", fails)
    context = ended(context_of())
    files(context).store.write_bytes("receipts/0001/1.parquet", b"")

    report = settle(context)

    assert (report["state"], report["account"]) == ("failed", "autopilot_default")
    assert report["red_reasons"][0] == told
    assert report["red_reasons"][1].startswith("what was sent is not counted here; the next run counts it")
    assert files(context).export.names("history/runs")


def test_problems_that_cannot_be_read_are_no_reason_to_leave_no_report(definition: Path) -> None:
    context = ended(context_of())
    files(context).store.write_bytes("problems/extract.json", b"{")

    report = settle(context)

    (reason,) = report["red_reasons"]
    assert reason.endswith(
        "problems/extract.json can't be believed: it is no whole JSON. "
        "It is for the report alone: move it away and clear settle_run"
    )


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EROFS, errno.EACCES])
def test_reasons_are_told_also_where_no_report_can_be_written(
    tmp_path: Path, account: str, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    """As it is where the disk fills up, or turns read-only, while a run goes on."""
    context = PlannedRuns(tmp_path, monkeypatch).plan()
    record_problem(files(context).store, "upload 1", Reason("the key was revoked"))

    def refuse(path: Path, *_: object, **__: object) -> None:
        raise OSError(number, os.strerror(number), str(path))

    for name in ("write_bytes", "replace", "unlink"):
        monkeypatch.setattr(Path, name, refuse)
    with pytest.raises(AirflowFailException) as told:
        SettleRunOperator(task_id="settle_run", export="newsletter").execute(ended(context, upload="failed"))

    assert "- upload 1: the key was revoked" in str(told.value)
    assert "SEGMENT_EXPORTS_STAGING names the staging" in str(told.value)


def test_a_refused_file_that_cannot_be_written_leaves_the_figures(
    tmp_path: Path, account: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    context = PlannedRuns(tmp_path, monkeypatch).plan()
    files(context).store.write_bytes("invalid.parquet", b"no Parquet")

    report = settle(ended(context))

    assert report["red_reasons"][0].startswith("settle_run: refused.csv could not be written: ")
    assert report["contacts"]["not_sent"] == report["contacts"]["total"] > 0
