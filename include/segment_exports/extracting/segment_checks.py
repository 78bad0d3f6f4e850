"""What is held against a segment before and after it is read.

An inactive segment is not evaluated any more and a static one never is: their tables keep people who
were erased or withdrew since (Microsoft: "Static segments aren't included in a full refresh"). And a
table that a person downloads ends at 100,000 rows without a word.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from segment_exports.errors import SourceError
from segment_exports.sieve.net import names_told
from segment_exports.sources.refresh_evidence import EvaluationStatus, SegmentState

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from segment_exports.definition import SegmentChecks
    from segment_exports.sources import SegmentInfo, Source

DOWNLOADED_ROWS = 100_000
"""Where Customer Insights cuts the download of a table."""


@runtime_checkable
class DescribesSegments(Protocol):
    """A source that can tell of some segments without looking at all of them."""

    def describe(self, segments: Sequence[str]) -> list[SegmentInfo]:
        """Return what is announced of these segments; attributes may be left out."""


def check_segments(
    source: Source,
    segments: Sequence[str],
    checks: SegmentChecks,
    *,
    scheduled: datetime | None,
    now: datetime,
) -> list[str]:
    """Look at the segments before they are read; return warnings, one sentence each.

    :param scheduled: the run's scheduled time; None for a run by hand.
    :raises SourceError: a segment isn't there, is invalid, or is too old and the definition refuses that.
    """
    described = source.describe(segments) if isinstance(source, DescribesSegments) else source.segments()
    infos = {info.name: info for info in described}
    missing = [name for name in segments if name not in infos]
    if missing:
        raise SourceError(f"The source has no segment {', '.join(missing)}; it has: {names_told(infos)}")
    return judge_segments([infos[name] for name in segments], checks, scheduled=scheduled, now=now)


def judge_segments(
    infos: Sequence[SegmentInfo], checks: SegmentChecks, *, scheduled: datetime | None, now: datetime
) -> list[str]:
    """Return what is doubtful about segments that are there.

    :raises SourceError: one is invalid, or too old and the definition refuses that.
    """
    refuse_unusable(infos)
    warnings: list[str] = []
    refusals: list[str] = []
    for info in infos:
        told = _standing_still(info, scheduled)
        if old := _why_stale(info, told, checks, now):
            (refusals if checks.when_stale == "refuse" else warnings).append(f"The segment {info.name} {old}")
        elif told:
            warnings.append(f"The segment {info.name} {told}")
    if refusals:
        raise SourceError(
            ". ".join(refusals)
            + f" (source.checks.stale_after_days: {checks.stale_after_days:g}). Activate or "
            "evaluate it in Customer Insights, or set source.checks.when_stale to warn"
        )
    return warnings


def history_warnings(
    source: Source, *, scheduled: datetime | None, before: datetime | None, now: datetime
) -> list[str]:
    """Return what is doubtful about a run whose refresh is not the last one any more, as in a backfill.

    :param before: the scheduled time after the run's.
    """
    if source.has_history or scheduled is None or before is None or now < before:
        return []
    return [
        f"The run stands for the refresh of {scheduled:%Y-%m-%d %H:%M} UTC, but its source has no history: "
        "it reads the present"
    ]


def refuse_unusable(infos: Sequence[SegmentInfo]) -> None:
    """Refuse segments that Customer Insights calls invalid, or describes wrongly.

    :raises SourceError: there is one.
    """
    if faults := [info.fault for info in infos if info.fault]:
        raise SourceError("; ".join(faults))
    if invalid := [info.name for info in infos if info.state is SegmentState.INVALID]:
        raise SourceError(
            f"Customer Insights calls the segment {', '.join(invalid)} invalid and doesn't evaluate it. "
            "Correct it there under Segments, or take it out of the definition"
        )


def check_rows(segment: str, rows: int, detail: Mapping[str, object], checks: SegmentChecks) -> str | None:
    """Look at a segment after it was read whole; return a warning, or None.

    :param detail: of the read unit; a lake's has the ``files`` that were read.
    :raises SourceError: it is a download that was cut off.
    """
    files = detail.get("files")
    if rows != DOWNLOADED_ROWS or not isinstance(files, list) or len(files) != 1:
        return None
    told = (
        f"The segment {segment} has one file of exactly {DOWNLOADED_ROWS:,} rows, which is where Customer "
        "Insights cuts a download: the rest of the segment may be missing"
    )
    if checks.when_truncated == "refuse":
        raise SourceError(
            f"{told}. Export it to the lake, or set source.checks.when_truncated to warn if it really has "
            "so many members"
        )
    return told


def _standing_still(info: SegmentInfo, scheduled: datetime | None) -> str:
    if info.state is SegmentState.INACTIVE:
        return "is inactive, so no refresh evaluates it"
    if scheduled is not None and info.evaluated_at is not None and info.evaluated_at < scheduled:
        return "was not evaluated by the refresh of this run (a static segment never is)"
    return ""


def _why_stale(info: SegmentInfo, told: str, checks: SegmentChecks, now: datetime) -> str:
    """Return why a segment may hold people who were erased since, or nothing."""
    if info.evaluation is EvaluationStatus.FAILED:
        return "failed in its last evaluation: its members are of the one before, whenever that was"
    if info.evaluated_at is None:
        return "was never evaluated, as far as Customer Insights tells" if info.evaluation else ""
    age = now - info.evaluated_at
    if age <= timedelta(days=checks.stale_after_days):
        return ""
    return (
        f"{told or 'is old'}; it was last evaluated {age.days} days ago and may hold people who were erased "
        "since"
    )
