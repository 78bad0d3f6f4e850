"""Customer Insights' refresh: when it runs, and whether the one that a run waits for has ended.

Pure: sources say what they see (:class:`.refresh_evidence.Evidence`), :func:`judge` says what that
means. Each source sees something else: the API the workflow's jobs and the segments' evaluations, the
lake whole snapshots, Dataverse only the time of the last change.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from segment_exports.records.outcomes import counted
from segment_exports.records.wait_record import RefreshState, RefreshStatus
from segment_exports.refresh.snapshot_choice import unfinished_within
from segment_exports.sieve.signs import id_told
from segment_exports.sources.refresh_evidence import (
    EvaluationStatus,
    Evidence,
    JobStatus,
    SegmentState,
    ShowsRefresh,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime

    from segment_exports.definition import Refresh, WaitForRefresh
    from segment_exports.sources import Source
    from segment_exports.sources.refresh_evidence import Evaluation, Job

_CRON_DAYS = {"mon": 1, "tue": 2, "wed": 3, "thu": 4, "fri": 5, "sat": 6, "sun": 0}


def crons(refresh: Refresh) -> list[str]:
    """Return the schedule as cron expressions in its own time zone, one per time of day.

    ``MultipleCronTriggerTimetable(*crons(refresh), timezone=refresh.timezone)`` is periodic, so Airflow
    can backfill it.
    """
    days = sorted(_CRON_DAYS[day] for day in refresh.days)
    on_days = "*" if len(days) == len(_CRON_DAYS) else ",".join(map(str, days))
    clock = (time.split(":") for time in sorted(refresh.times))
    return [f"{int(minute)} {int(hour)} * * {on_days}" for hour, minute in clock]


@dataclass(frozen=True)
class RefreshRules:
    """How evidence is read.

    :param early_start: a refresh that was submitted so long before the scheduled time still counts.
    :param retry_grace: Customer Insights tries a failed refresh again; so long is waited for that.
    :param quiet: a time mark must have stood still for so long (Dataverse).
    :param assumed_after: without a time mark since the scheduled time, so long after it the refresh is
        taken for ended (Dataverse).
    """

    early_start: timedelta
    retry_grace: timedelta
    quiet: timedelta
    assumed_after: timedelta

    @classmethod
    def of(cls, wait: WaitForRefresh) -> RefreshRules:
        """Return the rules of a definition."""
        return cls(
            early_start=timedelta(minutes=wait.early_start_minutes),
            retry_grace=timedelta(minutes=wait.retry_grace_minutes),
            quiet=timedelta(minutes=wait.quiet_minutes),
            assumed_after=timedelta(minutes=wait.assumed_after_minutes),
        )


def look(
    source: Source,
    segments: Sequence[str],
    *,
    scheduled: datetime | None,
    before: datetime | None = None,
    now: datetime,
    rules: RefreshRules,
) -> RefreshStatus:
    """Ask the source once and say whether the run may read, must wait, or gives up.

    :param scheduled: the run's scheduled time; None for a run by hand or by an event, which only waits
        until no refresh is running.
    :param before: the next scheduled time; only older snapshots belong to this run.
    :raises SourceError: the source can't be asked.
    """
    if isinstance(source, ShowsRefresh):
        evidence = source.refresh_evidence(segments)
    else:
        evidence = Evidence(
            snapshots={segment: source.snapshots(segment) for segment in segments},
            unfinished={
                segment: lacking
                for segment in segments
                if (lacking := unfinished_within(source, segment, scheduled, before))
            },
        )
    return judge(evidence, scheduled=scheduled, before=before, now=now, rules=rules)


def judge(
    evidence: Evidence,
    *,
    scheduled: datetime | None,
    now: datetime,
    rules: RefreshRules,
    before: datetime | None = None,
) -> RefreshStatus:
    """Say what the evidence means for a run of this scheduled time."""
    if evidence.jobs is not None:
        return _by_jobs(evidence.jobs, evidence.evaluations or (), scheduled, now, rules)
    if evidence.evaluations is not None:
        return _by_evaluations(evidence.evaluations, scheduled)
    if evidence.by_mark:
        return _by_mark(evidence.mark, scheduled, now, rules)
    return _by_snapshots(evidence.snapshots or {}, evidence.unfinished, scheduled, before)


def _by_jobs(
    jobs: Sequence[Job],
    evaluations: Sequence[Evaluation],
    scheduled: datetime | None,
    now: datetime,
    rules: RefreshRules,
) -> RefreshStatus:
    active = [job for job in jobs if job.status.is_active]
    if active:
        job = max(active, key=lambda one: one.submitted)
        return _waiting(f"{_named(job)} is {job.status} since {_clock(job.submitted)}")
    running = [one.segment for one in evaluations if one.status is EvaluationStatus.RUNNING]
    if running:
        return _waiting(f"being evaluated: {', '.join(running)}")
    if scheduled is None:
        return _ended("no refresh is running")
    whole = [job for job in jobs if job.whole and job.submitted >= scheduled - rules.early_start]
    if not whole:
        return _waiting(f"no refresh has started since {_clock(scheduled)}")
    told = _by_last_job(max(whole, key=lambda one: one.submitted), now, rules)
    if told.state is not RefreshState.ENDED:
        return told
    return _failed_evaluations(_due(evaluations)) or told


def _by_last_job(job: Job, now: datetime, rules: RefreshRules) -> RefreshStatus:
    ended = job.ended or job.submitted
    if job.status is JobStatus.SUCCESSFUL:
        return _ended(f"{_named(job)} ended at {_clock(ended)}")
    if job.status is JobStatus.UNKNOWN:
        return _waiting(f"{_named(job)} has a status that is not known here")
    if now - ended < rules.retry_grace:
        return _waiting(
            f"{_named(job)} is {job.status} since {_clock(ended)}; Customer Insights may try it again"
        )
    reason = f" ({job.error})" if job.error else ""
    return RefreshStatus(
        RefreshState.FAILED,
        f"{_named(job)} is {job.status} since {_clock(ended)}{reason}: look at Customer Insights, "
        "Settings > System > Status; nothing was read",
    )


def _named(job: Job) -> str:
    return f"the refresh {id_told(job.id)}"


def _by_evaluations(evaluations: Sequence[Evaluation], scheduled: datetime | None) -> RefreshStatus:
    running = [one.segment for one in evaluations if one.status is EvaluationStatus.RUNNING]
    if running:
        return _waiting(f"being evaluated: {', '.join(running)}")
    if scheduled is None:
        return _ended("no segment is being evaluated")
    due = _due(evaluations)
    late = [one.segment for one in due if one.evaluated_at is None or one.evaluated_at < scheduled]
    if late:
        return _waiting(
            f"not evaluated since {_clock(scheduled)}: {', '.join(late)} (a static segment never is)"
        )
    return _failed_evaluations(due) or _ended(f"all segments are evaluated since {_clock(scheduled)}")


def _due(evaluations: Sequence[Evaluation]) -> list[Evaluation]:
    """Return those that a refresh makes: the others are judged by :mod:`.segment_checks`."""
    never = (SegmentState.INACTIVE, SegmentState.INVALID)
    return [one for one in evaluations if one.state not in never]


def _failed_evaluations(due: Sequence[Evaluation]) -> RefreshStatus | None:
    failed = [one.segment for one in due if one.status is EvaluationStatus.FAILED]
    if not failed:
        return None
    return RefreshStatus(
        RefreshState.FAILED,
        f"the evaluation of the segments {', '.join(failed)} failed: look at them in Customer Insights, "
        "Segments; nothing was read",
    )


def _by_mark(
    mark: datetime | None, scheduled: datetime | None, now: datetime, rules: RefreshRules
) -> RefreshStatus:
    if mark is None or (scheduled is not None and mark < scheduled):
        return _without_mark(mark, scheduled, now, rules)
    if now - mark < rules.quiet:
        return _waiting(f"the last change is of {_clock(mark)}; it must be {_minutes(rules.quiet)} old")
    return _ended(f"the last change is of {_clock(mark)}")


def _without_mark(
    last: datetime | None, scheduled: datetime | None, now: datetime, rules: RefreshRules
) -> RefreshStatus:
    """Judge a refresh of which nothing is seen: it may have changed no row."""
    seen = f"nothing changed since {_clock(last)}" if last else "the source has no time mark"
    if scheduled is None or now - scheduled >= rules.assumed_after:
        return _ended(f"{seen}, so the end of the refresh is assumed, not seen")
    return _waiting(
        f"{seen}; the refresh of {_clock(scheduled)} is taken for ended at "
        f"{_clock(scheduled + rules.assumed_after)}"
    )


def _by_snapshots(
    snapshots: Mapping[str, Sequence[datetime]],
    unfinished: Mapping[str, str],
    scheduled: datetime | None,
    before: datetime | None,
) -> RefreshStatus:
    def fits(moment: datetime) -> bool:
        return (scheduled is None or moment >= scheduled) and (before is None or moment < before)

    def told(segments: Iterable[str]) -> str:
        return ", ".join(f"{one} ({unfinished[one]})" if one in unfinished else one for one in segments)

    missing = {segment: times for segment, times in snapshots.items() if not any(map(fits, times))}
    since = f" since {_clock(scheduled)}" if scheduled else ""
    missed = [one for one, times in missing.items() if before and any(time >= before for time in times)]
    if missed:
        return RefreshStatus(
            RefreshState.FAILED,
            f"no whole snapshot{since} of {told(missed)}, but one of a later refresh: this one failed, "
            "or what it left was deleted; nothing was read",
        )
    if missing:
        return _waiting(f"no whole snapshot{since} of {told(missing)}")
    return _ended("a whole snapshot of every segment is there")


def _waiting(text: str) -> RefreshStatus:
    return RefreshStatus(RefreshState.WAITING, text)


def _ended(text: str) -> RefreshStatus:
    return RefreshStatus(RefreshState.ENDED, text)


def _clock(moment: datetime) -> str:
    return moment.isoformat(timespec="minutes").replace("+00:00", "Z")


def _minutes(length: timedelta) -> str:
    return counted(round(length.total_seconds() / 60), "minute")
