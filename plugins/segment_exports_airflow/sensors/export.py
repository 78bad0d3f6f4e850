"""What the sensors of an export share: how they tell that they gave up."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseSensorOperator
from airflow.sdk.exceptions import AirflowSensorTimeout

from segment_exports.errors import Advice
from segment_exports_airflow.steps import ExportStep
from segment_exports_airflow.task_log import ForeseenFailure, end_with

if TYPE_CHECKING:
    from airflow.sdk import Context


class ExportSensor(ExportStep, BaseSensorOperator):
    """A step that may have to wait, and holds no worker slot meanwhile.

    :param export: name of the definition.
    """

    waits_for = ""
    """What the last look found missing, in words."""

    def __init__(self, *, export: str, **kwargs: Any) -> None:
        super().__init__(mode="reschedule", **kwargs)
        self.export = export

    def execute(self, context: Context) -> Any:
        """Look once; where that was the last look, the log and the run report tell what was missing.

        :raises AirflowFailException: it waited as long as it may.
        """
        from segment_exports.records.problems import Reason

        try:
            return super().execute(context)
        except AirflowSensorTimeout:
            text = f"gave up after {self.timeout / 60:,.0f} minutes. {self.waits_for}".rstrip()
            reason = Reason(text, Advice.CONTINUED)
            self.keep_problem(self.files(context).store, self.task_id, reason)
            end_with(self, f"{self.task_id} failed.", [reason])
            raise ForeseenFailure(text) from None
