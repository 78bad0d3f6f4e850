"""What every step of an export shares: its definition, its run's request, its files."""

from __future__ import annotations

import logging
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeVar, cast

from airflow.sdk import ExceptionRetryPolicy, RetryAction, RetryRule
from airflow.sdk.exceptions import (
    AirflowFailException,
    AirflowRescheduleException,
    AirflowSensorTimeout,
    AirflowSkipException,
    DownstreamTasksSkipped,
)

from segment_exports import errors
from segment_exports.definition import definitions_folder, delivered_in, load_export
from segment_exports_airflow.run_form import read_form, require_conf_in_force
from segment_exports_airflow.staging_root import run_files, staging_root
from segment_exports_airflow.task_log import ForeseenTimeout, end_with, reason_at_end
from segment_exports_airflow.time_limits import is_timeout, told_timeout

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow.sdk import BaseOperator, Context

    from segment_exports.definition import ExportDefinition
    from segment_exports.destinations.opening import Destination
    from segment_exports.records.problems import Reason
    from segment_exports.records.staging import RunFiles, Store
    from segment_exports_airflow.run_form import RunRequest

T = TypeVar("T")

log = logging.getLogger(__name__)

_OF_AIRFLOW = (
    AirflowFailException,
    AirflowRescheduleException,
    AirflowSensorTimeout,
    AirflowSkipException,
    DownstreamTasksSkipped,
)
"""How a step tells Airflow what is to become of it."""

UPLOADS = ("upload_duties", "upload")
"""Ids of the tasks that send, one per chunk."""
SOURCE_RECOVERS_IN = timedelta(minutes=5)

RETRY_POLICY = ExceptionRetryPolicy(
    rules=[
        RetryRule(
            exception=errors.SourceNotReadyError,
            action=RetryAction.RETRY,
            retry_delay=SOURCE_RECOVERS_IN,
            reason="The source may be ready in some minutes",
        ),
        RetryRule(
            exception=[
                errors.AgreementMissingError,
                errors.ConnectionDisabledError,
                errors.ConnectionFieldError,
                errors.CredentialsRefusedError,
                errors.DamagedFileError,
                errors.DefinitionError,
                errors.GuardTrippedError,
                errors.LedgerError,
                errors.RequestRefusedError,
                errors.RunSupersededError,
                errors.SettingsError,
                errors.SourceError,
                errors.ListProblemError,
                errors.WrongServerError,
            ],
            action=RetryAction.FAIL,
            reason="A person has to act first",
        ),
    ]
)
"""Everything else is tried again as often as the task's ``retries`` allow."""


def definition_of(export: str) -> ExportDefinition:
    """Return the definition of an export, as its file is now.

    :raises DefinitionError: there is no such file any more, or it is broken.
    """
    return load_export(definitions_folder(), export, delivered_in(staging_root), asks=True)


class ExportStep:
    """Mixed into the operators and sensors of an export.

    :param export: name of the definition. It is read again when the task runs, so that a task that is
        cleared after its definition was corrected goes on with the correction.
    """

    export: str

    @cached_property
    def definition(self) -> ExportDefinition:
        """The definition as its file is now."""
        return definition_of(self.export)

    @cached_property
    def destination(self) -> Destination:
        """The faces of the destination that the definition names."""
        from segment_exports.destinations.opening import open_destination

        return open_destination(self.definition.destination.type)

    def request(self, context: Context) -> RunRequest:
        """Return what this run was asked for."""
        return read_form(self.definition, context["params"])

    def files(self, context: Context) -> RunFiles:
        """Return the places of this run's files."""
        return run_files(self.export, context["run_id"])

    def step_name(self, context: Context) -> str:
        """Return the name of the task, with its number where it is one of several."""
        ti = context["ti"]
        return ti.task_id if ti.map_index is None or ti.map_index < 0 else f"{ti.task_id} {ti.map_index + 1}"

    def told_in_report(self, context: Context, work: Callable[[], T]) -> T:
        """Do the work; keep what stops it for the run report, since a failed task leaves no XCom.

        Before that, what the run was triggered with must be what Airflow hands on.

        The error goes on without the frames of the core: its text says what is wrong. One that nobody foresaw
        goes on with its frames and without its words, nor those of what caused it: they may quote anything.
        """
        with reason_at_end(cast("BaseOperator", self), self.step_name(context)):
            return self._do_and_keep_problem(context, work)

    def _do_and_keep_problem(self, context: Context, work: Callable[[], T]) -> T:
        from segment_exports.records.problems import Reason, forget_problem
        from segment_exports.records.storing.trouble import in_words

        step, run = self.step_name(context), in_own_words(lambda: self.files(context).store)
        try:
            require_conf_in_force(context["params"], conf_of(context))
            done = work()
        except _OF_AIRFLOW:
            raise
        except Exception as error:  # noqa: BLE001 - whatever it is, Airflow would print its words
            told = in_words(error, run.root)
            if isinstance(told, errors.DestinationError):
                told = told.of_connection(self.definition.destination.connection)
            self.keep_problem(run, step, Reason.of(told))
            raise told from None
        except BaseException as error:
            if not is_timeout(error):
                raise
            late = told_timeout(getattr(self, "execution_timeout", None))
            self.keep_problem(run, step, late)
            end_with(cast("BaseOperator", self), f"{step} failed.", [late])
            raise ForeseenTimeout(f"{step} {late.text}") from None
        forget_problem(run, step)
        return done

    def keep_problem(self, run: Store, step: str, reason: Reason) -> None:
        """Keep what stopped a step for the run report, if that can be."""
        from segment_exports.records.problems import record_problem

        try:
            record_problem(run, step, reason)
        except errors.StagingError as error:  # the log of this task has to do
            log.warning("The run report will not tell what stopped this step: %s", error)


def in_own_words(work: Callable[[], T]) -> T:
    """Do the work; what stops it goes on in words of ours, and without what caused it."""
    try:
        return work()
    except _OF_AIRFLOW:
        raise
    except Exception as error:  # noqa: BLE001 - whatever it is, Airflow would print its words
        raise errors.own_words(error) from None


def conf_of(context: Context) -> dict[str, Any]:
    """Return what a run was triggered with, by whatever way; empty for one of the schedule."""
    return context["dag_run"].conf or {}


def runs_that_sent(context: Context) -> list[str]:
    """Return the runs of this DAG that began to send, as far as Airflow knows: all that ever had a chunk."""
    ti = context["ti"]
    return list(ti.get_task_states(ti.dag_id, map_index=0, task_ids=list(UPLOADS)))


def began_by_itself(context: Context) -> bool:
    """Tell whether the schedule or an event began a run; all others name their export."""
    return context["dag_run"].run_type in ("scheduled", "asset_triggered")


def scheduled_time(context: Context) -> datetime | None:
    """Return the time (UTC) that a scheduled or backfilled run stands for; None for a manual or event run."""
    run = context["dag_run"]
    if run.logical_date is None or run.run_type not in ("scheduled", "backfill"):
        return None
    time = run.logical_date
    return datetime.fromtimestamp(time.timestamp(), UTC)
