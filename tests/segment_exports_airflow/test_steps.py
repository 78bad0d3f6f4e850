"""What the steps share: the definition, the problem told in the report, what is tried again."""

from __future__ import annotations

import errno
import re
import signal
import tempfile
import traceback
from datetime import timedelta
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from airflow.sdk import RetryAction
from airflow.sdk.exceptions import AirflowSkipException, AirflowTaskTimeout
from airflow.sdk.execution_time.timeout import TimeoutPosix

from segment_exports import errors
from segment_exports.delivery.job import ChunkResult, Stop, StopKind
from segment_exports.errors import ListProblemError
from segment_exports.records.problems import recorded_problems
from segment_exports.settings import bounds
from segment_exports_airflow.operators.export import ExportOperator
from segment_exports_airflow.operators.upload import _error_of
from segment_exports_airflow.staging_root import run_files
from segment_exports_airflow.steps import RETRY_POLICY, began_by_itself, definition_of, scheduled_time
from segment_exports_airflow.time_limits import time_limit

if TYPE_CHECKING:
    from pathlib import Path

RUN_ID = "manual__1"
PASSING = (StopKind.UNREACHABLE, StopKind.DEADLINE)


@pytest.fixture(autouse=True)
def definition(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "exports"
    folder.mkdir()
    file = folder / "newsletter.yaml"
    file.write_text(
        "name: newsletter\nsource: {type: lake, path: lake}\nsegments: [Gold]\nmapping: {Email: EMail}\n"
    )
    monkeypatch.setenv("SEGMENT_EXPORTS_DEFINITIONS", str(folder))
    monkeypatch.setenv("SEGMENT_EXPORTS_STAGING", str(tmp_path / "staging"))
    return file


def context(map_index: int = -1, **params: Any) -> Any:
    ti = SimpleNamespace(task_id="extract", map_index=map_index)
    run = SimpleNamespace(conf=params)
    return {"ti": ti, "run_id": RUN_ID, "params": params, "dag_run": run}


class Step(ExportOperator):
    def __init__(self, *, error: Exception | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.error = error

    def perform(self, context: Any) -> str:
        if self.error:
            raise self.error
        return "done"


class TakesLonger(ExportOperator):
    def perform(self, context: Any) -> None:
        signal.raise_signal(signal.SIGALRM)


def step(error: Exception | None = None) -> Step:
    return Step(task_id="extract", export="newsletter", error=error)


def problems() -> dict[str, str]:
    known = recorded_problems(run_files("newsletter", RUN_ID).store)
    return {step: reason.text for step, reason in known.items()}


class TestDefinition:
    def test_it_is_read_again_when_a_task_runs(self, definition: Path) -> None:
        assert definition_of("newsletter").segment_names == ("Gold",)
        definition.write_text(definition.read_text().replace("Gold", "Silver"))
        assert definition_of("newsletter").segment_names == ("Silver",)

    def test_one_that_was_deleted_meanwhile(self, definition: Path) -> None:
        definition.unlink()
        with pytest.raises(errors.DefinitionError, match="no export newsletter any more"):
            definition_of("newsletter")

    def test_one_that_was_broken_meanwhile(self, definition: Path) -> None:
        definition.write_text("name: newsletter\n")
        with pytest.raises(errors.DefinitionError, match=r"newsletter\.yaml"):
            definition_of("newsletter")


class TestProblems:
    def test_what_stops_a_step_is_kept_for_the_report(self) -> None:
        with pytest.raises(errors.SourceError):
            step(errors.SourceError("no such table")).execute(context())

        assert problems() == {"extract": "no such table"}

    def test_mapped_steps_are_told_apart_as_people_count(self) -> None:
        for index in (0, 1):
            with pytest.raises(errors.SourceError):
                step(errors.SourceError(f"unit {index}")).execute(context(map_index=index))

        assert problems() == {"extract 1": "unit 0", "extract 2": "unit 1"}

    def test_it_is_forgotten_when_the_step_succeeds(self) -> None:
        with pytest.raises(errors.SourceError):
            step(errors.SourceError("no such table")).execute(context())

        assert step().execute(context()) == "done"
        assert problems() == {}

    @pytest.mark.parametrize(
        ("task_id", "limit"),
        [
            ("check_destination", bounds.LOOK),
            ("map_profiles", bounds.WORK),
            ("plan_changes", bounds.LISTING + bounds.WORK),
            ("extract", timedelta(seconds=bounds.SOURCE_READING_SECONDS) + bounds.WORK),
        ],
    )
    def test_that_it_took_longer_than_it_may_is_told_with_its_limit(
        self, task_id: str, limit: timedelta
    ) -> None:
        """The signal by which Airflow ends it comes while it works."""
        late = TakesLonger(task_id=task_id, export="newsletter", execution_timeout=time_limit(task_id))
        told = f"took longer than {limit.total_seconds() / 60:.0f} minutes (execution_timeout) and was ended"

        with (
            TimeoutPosix(time_limit(task_id).total_seconds()),
            pytest.raises(AirflowTaskTimeout, match=re.escape(told)),
        ):
            late.execute(context())

        assert problems()["extract"].startswith(told)

    def test_the_error_comes_without_the_frames_of_the_core(self) -> None:
        with pytest.raises(errors.SourceError) as caught:
            step(errors.SourceError("no such table")).execute(context())

        assert not any(entry.name == "perform" for entry in caught.traceback)

    @pytest.mark.parametrize(
        "conf",
        [{"dry_run": True}, {"segments": ["Gold"]}, {"sample": 7}, {"snapshot": "2026-03-01T05:00:00"}],
    )
    def test_a_step_does_nothing_where_airflow_drops_what_the_run_was_triggered_with(
        self, conf: dict[str, Any]
    ) -> None:
        dropped = context(dry_run=False, segments=[], sample=None, snapshot=None)
        dropped["dag_run"].conf = conf
        with pytest.raises(errors.SettingsError, match="AIRFLOW__CORE__DAG_RUN_CONF_OVERRIDES_PARAMS"):
            step(ZeroDivisionError()).execute(dropped)

        (told,) = problems().values()
        assert told.startswith(f"{next(iter(conf))}: this run was triggered with other values")

    def test_a_mistyped_key_is_refused_also_where_airflow_drops_it(self) -> None:
        dropped = context(dry_run=False)
        dropped["dag_run"].conf = {"dryrun": True}
        with pytest.raises(errors.DefinitionError, match=r"Did you mean dry_run\?"):
            step(ZeroDivisionError()).execute(dropped)

    def test_a_run_of_the_schedule_was_triggered_with_nothing(self) -> None:
        scheduled = context(dry_run=False)
        scheduled["dag_run"].conf = None

        assert step().execute(scheduled) == "done"

    def test_trouble_of_a_disk_is_told_in_words(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(tempfile, "tempdir", "/gone")
        root = run_files("newsletter", RUN_ID).store.root
        told = {
            OSError(
                errno.ENOSPC, "no space"
            ): "no temporary file can be written in /gone: the disk is full. TMPDIR",
            FileNotFoundError(errno.ENOENT, "none", "/gone/x"): "in /gone: there is no such folder. TMPDIR",
            PermissionError(
                errno.EACCES, "no", f"{root}/plan.json"
            ): "is not permitted to. SEGMENT_EXPORTS_STAGING",
            OSError(
                errno.EROFS, "no", "/lake/file"
            ): "/lake/file can't be written or read: it is on a read-only",
        }
        for error, text in told.items():
            with pytest.raises(errors.StagingError, match=re.escape(text)):
                step(error).execute(context())
            assert text in problems()["extract"]

    def test_a_network_that_fails_is_no_disk(self) -> None:
        with pytest.raises(errors.UnforeseenError, match="ConnectionResetError, Connection reset by peer at"):
            step(ConnectionResetError(errno.ECONNRESET, "reset")).execute(context())

    def test_a_problem_that_cannot_be_kept_hides_no_other(self, tmp_path: Path) -> None:
        (tmp_path / "staging").write_text("a file where the folder should be")
        with pytest.raises(errors.SourceError, match="no such table"):
            step(errors.SourceError("no such table")).execute(context())

    def test_an_error_that_nobody_foresaw_goes_on_without_its_words(
        self,
    ) -> None:
        quoting = KeyError("ann@example.com")
        quoting.__cause__ = OSError("Ann Quandtmeier")
        with pytest.raises(errors.UnforeseenError) as raised:
            step(quoting).execute(context())

        told = problems()["extract"]
        assert told.startswith("KeyError at segment_exports_airflow/test_steps.py:")
        shown = "".join(traceback.format_exception(raised.value))
        assert "test_steps.py" in shown
        assert "ann@example" not in shown + told
        assert "Quandtmeier" not in shown + told

    def test_what_a_step_asks_of_airflow_goes_on_as_it_is(self) -> None:
        with pytest.raises(AirflowSkipException):
            step(AirflowSkipException("nothing to do")).execute(context())

        assert problems() == {}


class TestRetries:
    @pytest.mark.parametrize(
        "error",
        [
            errors.AgreementMissingError("x"),
            errors.ConnectionDisabledError("x"),
            errors.ConnectionFieldError("x"),
            errors.CredentialsRefusedError("x", status=401),
            errors.RequestRefusedError("x", status=400),
            errors.DefinitionError("x"),
            errors.GuardTrippedError("x"),
            errors.LedgerError("x"),
            errors.RunSupersededError("x"),
            errors.SettingsError("x"),
            errors.SourceError("x"),
            errors.RefreshMissedError("x"),
            ListProblemError("x"),
            errors.WrongServerError("x", status=405),
        ],
    )
    def test_what_only_a_person_can_mend_fails_at_once(self, error: Exception) -> None:
        assert RETRY_POLICY.evaluate(error, 1, 4).action is RetryAction.FAIL

    @pytest.mark.parametrize(
        "error",
        [
            errors.DestinationUnreachableError("x"),
            errors.OutcomeUnknownError("x", status=500),
            errors.ThrottledError("x", status=429),
            errors.StagingError("x"),
            OSError("disk"),
        ],
    )
    def test_what_may_pass_is_tried_again(self, error: Exception) -> None:
        assert RETRY_POLICY.evaluate(error, 1, 4).action is RetryAction.DEFAULT

    def test_a_source_that_is_not_ready_is_given_minutes(self) -> None:
        decision = RETRY_POLICY.evaluate(errors.SourceNotReadyError("x"), 1, 2)

        assert decision.action is RetryAction.RETRY
        assert decision.retry_delay == timedelta(minutes=5)


def result(stop: StopKind | None) -> ChunkResult:
    return ChunkResult(
        chunk=3,
        attempt=1,
        counts={"join": {"failed": 2, "not_sent": 5}},
        requests={},
        membership="list",
        membership_note=None,
        recreated=0,
        rejoined=0,
        delivered_before=0,
        stopped=Stop(stop, "because") if stop else None,
        seconds=1.0,
    )


class TestUploadErrors:
    @pytest.mark.parametrize("kind", list(StopKind))
    def test_every_early_end_is_an_error_with_its_reason(self, kind: StopKind) -> None:
        assert str(_error_of(result(kind))) == "because"

    @pytest.mark.parametrize("kind", PASSING)
    def test_an_account_that_does_not_answer_is_tried_again(self, kind: StopKind) -> None:
        assert RETRY_POLICY.evaluate(_error_of(result(kind)), 1, 4).action is RetryAction.DEFAULT

    @pytest.mark.parametrize("kind", [one for one in StopKind if one not in PASSING])
    def test_all_others_need_a_person(self, kind: StopKind) -> None:
        assert RETRY_POLICY.evaluate(_error_of(result(kind)), 1, 4).action is RetryAction.FAIL

    def test_operations_of_unknown_fate_are_counted_and_tried_again(self) -> None:
        error = _error_of(result(None))

        assert "2 operations have an unknown fate and 5 were not sent" in str(error)
        assert RETRY_POLICY.evaluate(error, 1, 4).action is RetryAction.DEFAULT


@pytest.mark.parametrize(
    ("kind", "by_itself"),
    [
        ("scheduled", True),
        ("asset_triggered", True),
        ("manual", False),
        ("backfill", False),
        ("operator_triggered", False),
    ],
)
def test_who_names_an_export_means_it(kind: str, by_itself: bool) -> None:
    assert began_by_itself({"dag_run": SimpleNamespace(run_type=kind)}) == by_itself  # type: ignore[typeddict-item]


@pytest.mark.parametrize(
    ("kind", "is_scheduled"), [("scheduled", True), ("backfill", True), ("manual", False)]
)
def test_only_scheduled_and_backfilled_runs_stand_for_a_time(kind: str, is_scheduled: bool) -> None:
    import pendulum

    run = SimpleNamespace(logical_date=pendulum.datetime(2026, 3, 1, 5), run_type=kind)

    assert (scheduled_time({"dag_run": run}) is not None) == is_scheduled  # type: ignore[typeddict-item]
