"""Waits until Customer Insights' refresh has ended, and chooses what is to be read."""

from __future__ import annotations

import logging
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

from airflow.sdk.bases.sensor import PokeReturnValue

from segment_exports.errors import RefreshMissedError, SourceNotReadyError
from segment_exports.settings import bounds
from segment_exports_airflow.refresh_schedule import next_refresh
from segment_exports_airflow.sensors.export import ExportSensor
from segment_exports_airflow.steps import scheduled_time
from segment_exports_airflow.task_log import in_words, tell

if TYPE_CHECKING:
    from airflow.sdk import Context

    from segment_exports.definition import WaitForRefresh
    from segment_exports.records.wait_record import RefreshStatus, WaitRecord
    from segment_exports.sources import Source

_MARGIN = timedelta(minutes=30)
_LOOKS_FOR = bounds.LOOK.total_seconds() / 2


def utc_now() -> datetime:
    """Return the present; tests put in their own clock."""
    return datetime.now(UTC)


class _Window(NamedTuple):
    """The run's scheduled time and the one after it: snapshots in between are the run's."""

    scheduled: datetime | None
    before: datetime | None


class RefreshSensor(ExportSensor):
    """Answer the read units of the run, one per extract task, as soon as every snapshot is whole.

    Rescheduled between two looks, so it holds no worker slot. It gives up after the definition's
    ``wait_for_refresh.timeout_minutes``, and at once where the refresh failed.

    :param export: name of the definition.
    :param wait: how often it looks and for how long.
    """

    def __init__(self, *, wait: WaitForRefresh, **kwargs: Any) -> None:
        # Airflow's own timeout only backs up the limit of the core, which explains itself better.
        patience = timedelta(minutes=wait.timeout_minutes) + _MARGIN
        super().__init__(poke_interval=wait.poll_seconds, timeout=patience, **kwargs)

    def poke(self, context: Context) -> PokeReturnValue:
        """Look once; answer the read units, or that the run has to wait.

        :raises RefreshMissedError: the refresh failed or never came.
        :raises SourceError: the source can't be read.
        """
        units = self.told_in_report(context, lambda: self._units_unless_unready(context))
        return PokeReturnValue(is_done=units is not None, xcom_value=units)

    def _units_unless_unready(self, context: Context) -> list[dict[str, Any]] | None:
        from segment_exports.records.wait_record import RefreshState, RefreshStatus

        source, window = self._source(), self._window(context)
        if self.request(context).as_of is not None:
            return self._units(context, source, window)
        try:
            status = self._look(context, source, window)
            if status.state is RefreshState.ENDED:
                self._keep(context, status, window)
                return self._units(context, source, window)
        except SourceNotReadyError as error:
            status = RefreshStatus(RefreshState.WAITING, str(error))
        wait = self._keep(context, status, window)
        if wait.state is RefreshState.WAITING:
            return None
        raise RefreshMissedError(wait.text)

    def _source(self) -> Source:
        from segment_exports.sources.web.patience import Patience
        from segment_exports_airflow.source_access import open_source

        # A look that would wait longer ends: the next one comes later, and no worker is held till then.
        return open_source(
            self.definition,
            Patience(tries=2, throttled_seconds=10.0, timeout=30.0, longest_reading=_LOOKS_FOR),
        )

    def _window(self, context: Context) -> _Window:
        scheduled, refresh = scheduled_time(context), self.definition.refresh
        return _Window(scheduled, next_refresh(refresh, scheduled) if scheduled and refresh else None)

    def _look(self, context: Context, source: Source, window: _Window) -> RefreshStatus:
        from segment_exports.refresh.wait_for_refresh import RefreshRules, look

        return look(
            source,
            self.request(context).segments,
            scheduled=window.scheduled,
            before=window.before,
            now=utc_now(),
            rules=RefreshRules.of(self.definition.wait_for_refresh),
        )

    def _keep(self, context: Context, status: RefreshStatus, window: _Window) -> WaitRecord:
        """Keep for the report what was seen, and return it; what is waited for too long is late."""
        from segment_exports.records.wait_record import keep_wait, record

        began: datetime | None = context["ti"].get_first_reschedule_date(context)
        now = utc_now()
        wait = record(
            status,
            scheduled=window.scheduled,
            since=began or now,
            now=now,
            limit=timedelta(minutes=self.definition.wait_for_refresh.timeout_minutes),
        )
        self.waits_for = wait.text
        tell(self.log, f"The refresh is {in_words(wait.state)}: {wait.text}")
        keep_wait(self.files(context).store, wait)
        return wait

    def _units(self, context: Context, source: Source, window: _Window) -> list[dict[str, Any]]:
        from segment_exports.extracting.segment_checks import check_segments, history_warnings
        from segment_exports.refresh.snapshot_choice import choose_snapshots, snapshot_warnings
        from segment_exports.sources import doubts_of

        request, checks, now = self.request(context), self.definition.source.checks, utc_now()
        scheduled, before = window
        warnings = history_warnings(source, scheduled=scheduled, before=before, now=now)
        warnings += check_segments(source, request.segments, checks, scheduled=scheduled, now=now)
        within = {"not_before": scheduled, "before": before, "as_of": request.as_of}
        snapshots = choose_snapshots(source, request.segments, **within, now=now)
        warnings += snapshot_warnings(source, snapshots, **within)
        units = [unit.to_json() for unit in source.read_units(snapshots)]
        self._warn(context, warnings + doubts_of(source))
        return units

    def _warn(self, context: Context, warnings: list[str]) -> None:
        from segment_exports.records.warnings import bounded, forget_warnings, record_warnings

        for text in bounded(warnings):
            tell(self.log, text, logging.WARNING)
        run = self.files(context).store
        forget_warnings(run, but_for="check_destination")
        record_warnings(run, self.task_id, warnings)
