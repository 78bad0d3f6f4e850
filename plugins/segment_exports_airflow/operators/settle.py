"""The last step of every run: ledger, history, report, and the run's colour."""

from __future__ import annotations

import logging
import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseOperator
from airflow.sdk.exceptions import AirflowTaskTimeout

from segment_exports.errors import DefinitionError, SegmentExportError, UnforeseenError
from segment_exports_airflow.run_form import asks_for_dry_run
from segment_exports_airflow.staging_root import staging_root
from segment_exports_airflow.steps import ExportStep, conf_of, in_own_words
from segment_exports_airflow.task_log import (
    ForeseenFailure,
    end_with,
    figures,
    in_words,
    reason_at_end,
    tell,
)
from segment_exports_airflow.time_limits import told_timeout

if TYPE_CHECKING:
    from airflow.sdk import Context

    from segment_exports.records.problems import Reason
    from segment_exports.records.report import RunReport
    from segment_exports.records.staging import RunFiles

_MAPPED = re.compile(r"(.+)_(\d+)")


class SettleRunOperator(ExportStep, BaseOperator):
    """Fold the receipts into the ledger, write ``report.json`` and ``refused.csv``, and judge the run.

    Runs whatever became of the steps before it (``all_done``), and is the run's only leaf: so it is this
    task that makes the run red.

    :param export: name of the definition.
    """

    def __init__(self, *, export: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.export = export

    def execute(self, context: Context) -> dict[str, Any]:
        """Settle the run and answer the counts of its report.

        :raises AirflowFailException: the run is red; the text gives the reasons and where its report lies.
        """
        from segment_exports.records.problems import Reason
        from segment_exports.settling.settle_run import where_written

        with reason_at_end(self, "settle_run"):
            files, failed_steps = in_own_words(lambda: self.files(context)), _failed_steps(context)
            try:
                report = self._settle(context, files, failed_steps)
            except AirflowTaskTimeout:
                text, advice = told_timeout(self.execution_timeout)
                late = Reason(f"settle_run {text}", advice)
                report = self._report_unsettled(files, failed_steps, late)
            except Exception as error:  # noqa: BLE001 - whatever it is, the run has to leave a report
                report = self._report_unsettled(files, failed_steps, error)
            place = where_written(files, report)
        self._tell(report)
        if report.red:
            reasons = [Reason(*one) for one in zip(report.red_reasons, report.what_to_do, strict=True)]
            end_with(self, "The run is red.", reasons, f"Report: {place}")
            told = "\n".join(f"- {one.text}" for one in reasons)
            raise ForeseenFailure(f"The run is red:\n{told}\nReport: {place}") from None
        tell(self.log, f"Report: {place}")
        counts = {"state", "profiles", "contacts", "operations", "requests"}
        return report.model_dump(mode="json", include=counts)

    def _tell(self, report: RunReport) -> None:
        profiles, contacts = report.profiles, report.contacts
        words = (
            ("Profiles", profiles.model_dump(exclude={"merged_why"})),
            ("Contacts", contacts.model_dump()),
        )
        tell(self.log, f"The run is {in_words(report.state)}.")
        for name, counts in words:
            tell(self.log, f"{name}: {figures(counts)}")
        for text in report.warnings:
            tell(self.log, text, logging.WARNING)

    def _settle(self, context: Context, files: RunFiles, failed_steps: tuple[str, ...]) -> RunReport:
        from segment_exports.settling.settle_run import Ending, settle_run
        from segment_exports_airflow.accounts import account_folder, recorded_agreement

        connection = self.definition.destination.connection
        return settle_run(
            Ending(
                staging=staging_root(),
                files=files,
                definition=self.definition,
                account=connection,
                agreement=recorded_agreement(files.store),
                list_ids=self.destination.known_lists(account_folder(connection)),
                failed_steps=failed_steps,
                dry_run=asks_for_dry_run(context["params"], conf_of(context)),
                started_at=context["dag_run"].start_date or datetime.now(UTC),
                now=datetime.now(UTC),
            )
        )

    def _report_unsettled(
        self, files: RunFiles, failed_steps: tuple[str, ...], error: Exception | Reason
    ) -> RunReport:
        from segment_exports.records.problems import Reason
        from segment_exports.settling.settle_run import report_unsettled

        if not isinstance(error, SegmentExportError | Reason):
            self.log.error("Settling failed", exc_info=UnforeseenError.of(error))
        try:
            definition = self.definition
        except DefinitionError:
            definition = None
        now = datetime.now(UTC)
        return in_own_words(
            lambda: report_unsettled(
                files, self.export, definition, error, failed_steps=failed_steps, now=now
            )
        )


def _failed_steps(context: Context) -> tuple[str, ...]:
    """Return the tasks of this run that failed, by the names that their problems are kept under."""
    ti = context["ti"]
    states = ti.get_task_states(ti.dag_id, run_ids=[ti.run_id]).get(ti.run_id, {})
    failed = sorted(name for name, state in states.items() if state == "failed" and name != ti.task_id)
    return tuple(_step(name, context) for name in failed)


def _step(name: str, context: Context) -> str:
    """Return the step of a task's name in Airflow's answer, where a mapped task is ``upload_0``."""
    mapped = _MAPPED.fullmatch(name)
    if mapped is None or name in context["dag"].task_dict:
        return name
    return f"{mapped[1]} {int(mapped[2]) + 1}"
