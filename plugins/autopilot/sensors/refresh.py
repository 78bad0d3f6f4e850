"""Waits until Customer Insights' refresh has ended, and chooses what is to be read."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseSensorOperator
from airflow.sdk.bases.sensor import PokeReturnValue

from autopilot.refresh_schedule import next_refresh
from autopilot.steps import ExportStep, scheduled_time
from segment_exports.errors import RefreshMissedError, SourceNotReadyError

if TYPE_CHECKING:
    from airflow.sdk import Context

    from segment_exports.definition import WaitForRefresh
    from segment_exports.sources import Source

_MARGIN = timedelta(minutes=30)


class RefreshSensor(ExportStep, BaseSensorOperator):
    """Answer the read units of the run, one per extract task, as soon as every snapshot is whole.

    Rescheduled between two looks, so it holds no worker slot. It gives up after the definition's
    ``wait_for_refresh.timeout_minutes``, and at once where the refresh failed.

    :param export: name of the definition.
    :param wait: how often it looks and for how long.
    """

    def __init__(self, *, export: str, wait: WaitForRefresh, **kwargs: Any) -> None:
        # Airflow's own timeout only backs up the limit of the core, which explains itself better.
        patience = timedelta(minutes=wait.timeout_minutes) + _MARGIN
        super().__init__(mode="reschedule", poke_interval=wait.poll_seconds, timeout=patience, **kwargs)
        self.export = export

    def poke(self, context: Context) -> PokeReturnValue:
        """Look once; answer the read units, or that the run has to wait.

        :raises RefreshMissedError: the refresh failed or never came.
        :raises SourceError: the source can't be read.
        """
        units = self.told_in_report(context, lambda: self._units_unless_unready(context))
        return PokeReturnValue(is_done=units is not None, xcom_value=units)

    def _units_unless_unready(self, context: Context) -> list[dict[str, Any]] | None:
        try:
            return self._units(context)
        except SourceNotReadyError as error:
            if self.request(context).as_of is not None:
                raise
            limit = timedelta(minutes=self.definition.wait_for_refresh.timeout_minutes)
            if datetime.now(UTC) - self._began(context) >= limit:
                raise RefreshMissedError(f"{error}. Gave up after wait_for_refresh.timeout_minutes") from None
            self.log.info("Not yet: %s", error)
            return None

    @staticmethod
    def _began(context: Context) -> datetime:
        """Return when this run began to wait."""
        began: datetime | None = context["ti"].get_first_reschedule_date(context)
        return began or datetime.now(UTC)

    def _units(self, context: Context) -> list[dict[str, Any]]:
        from autopilot.source_access import open_source
        from segment_exports.segment_checks import check_segments
        from segment_exports.snapshot_choice import choose_snapshots

        definition, request = self.definition, self.request(context)
        source = open_source(definition)
        scheduled = scheduled_time(context)
        before = next_refresh(definition.refresh, scheduled) if scheduled and definition.refresh else None
        if request.as_of is None:
            self._look(context, source, scheduled, before)
        now, checks = datetime.now(UTC), definition.source.checks
        warnings = check_segments(source, request.segments, checks, scheduled=scheduled, now=now)
        snapshots = choose_snapshots(
            source, request.segments, not_before=scheduled, before=before, as_of=request.as_of
        )
        units = [unit.to_json() for unit in source.read_units(snapshots)]
        self._warn(context, warnings)
        return units

    def _warn(self, context: Context, warnings: list[str]) -> None:
        from segment_exports.run_warnings import forget_warnings, record_warnings

        for text in warnings:
            self.log.warning("%s", text)
        run = self.files(context).store
        forget_warnings(run)
        record_warnings(run, self.task_id, warnings)

    def _look(
        self, context: Context, source: Source, scheduled: datetime | None, before: datetime | None
    ) -> None:
        """Look at the refresh and keep for the report what was seen.

        :raises SourceNotReadyError: it has not ended yet.
        :raises RefreshMissedError: it failed, or did not end in time.
        """
        from segment_exports.refresh import look
        from segment_exports.refresh_wait import RefreshState, keep_wait

        seen = look(
            source,
            self.request(context).segments,
            scheduled=scheduled,
            before=before,
            since=self._began(context),
            now=datetime.now(UTC),
            limit=timedelta(minutes=self.definition.wait_for_refresh.timeout_minutes),
        )
        self.log.info("Refresh is %s: %s", seen.state, seen.text)
        keep_wait(self.files(context).store, seen)
        if seen.state is RefreshState.WAITING:
            raise SourceNotReadyError(seen.text)
        if seen.state is not RefreshState.ENDED:
            raise RefreshMissedError(seen.text)
