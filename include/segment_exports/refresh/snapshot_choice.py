"""Which snapshot of each segment a run reads."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from segment_exports.errors import SourceError, SourceNotReadyError
from segment_exports.sources.refresh_evidence import ShowsRefresh

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from segment_exports.sources import Source

ONE_REFRESH = timedelta(hours=1)
"""How far apart the snapshots of one refresh may lie: it writes one segment after the other."""


MOST_AHEAD = timedelta(days=1)
"""How far ahead of the clock a snapshot may be: folders may be named in the time of another zone."""


@runtime_checkable
class TellsUnfinished(Protocol):
    """A source that can say why the snapshot it announces isn't whole yet."""

    def unfinished(
        self, segment: str, not_before: datetime | None = None, before: datetime | None = None
    ) -> str | None:
        """Return what the newest snapshot lacks, or the newest within bounds; None if nothing is missing."""


def choose_snapshots(
    source: Source,
    segments: Sequence[str],
    *,
    not_before: datetime | None = None,
    before: datetime | None = None,
    as_of: datetime | None = None,
    now: datetime | None = None,
) -> dict[str, datetime]:
    """Return the snapshot (UTC) to read of each segment, all of one refresh where there is such a one.

    A scheduled or backfilled run gives ``not_before`` (its time) and ``before`` (the next scheduled time)
    and gets the newest whole snapshot in [not_before, before). A manual run gets the newest, or the newest
    that is not after ``as_of``. Of a source without history there is only the present: ``before`` doesn't
    count, since nothing older can be read. A source that shows its refresh was asked whether that has ended
    (:func:`.refresh.look`): a static segment is never evaluated again, and its snapshot stays old.

    "Newest" is the newest refresh that left a snapshot of every segment; where none did, the newest of each.
    :func:`snapshot_warnings` says so.

    :raises SourceNotReadyError: a snapshot isn't there or not whole yet; it may be later.
    :raises SourceError: it will not come: the window is over, or there is no history so far back. Or it is
        of a time that is yet to come by the clock ``now``.
    """
    found = {one: _eligible(source, one, not_before, before, as_of) for one in segments}
    waiting = [f"{one}: {times}" for one, times in found.items() if isinstance(times, str)]
    if waiting:
        raise SourceNotReadyError("Not there yet: " + "; ".join(waiting))
    times_of = {one: times for one, times in found.items() if not isinstance(times, str)}
    chosen = _of_one_refresh(times_of) or {one: times[-1] for one, times in times_of.items()}
    if now is not None:
        _refuse_ahead(chosen, now)
    return chosen


def snapshot_warnings(
    source: Source,
    snapshots: Mapping[str, datetime],
    *,
    not_before: datetime | None = None,
    before: datetime | None = None,
    as_of: datetime | None = None,
) -> list[str]:
    """Return what is doubtful about snapshots that :func:`choose_snapshots` chose within the same bounds.

    They may be of different refreshes, or of an older one than some segments have. Of a source without
    history there is nothing to choose, and nothing to say.
    """
    if not source.has_history or not snapshots:
        return []
    if max(snapshots.values()) - min(snapshots.values()) > ONE_REFRESH:
        told = ", ".join(f"{one} of {_told(time)}" for one, time in snapshots.items())
        return [f"No refresh left a snapshot of every segment, so they are of different ones: {told}"]
    passed_over = [
        f"{one}: a newer snapshot is passed over, since it isn't whole: {lacking}"
        for one, time in snapshots.items()
        if (lacking := unfinished_within(source, one, time, _end(before, as_of)))
    ]
    return passed_over + _newer_of_some(source, snapshots, not_before, before, as_of)


def _end(before: datetime | None, as_of: datetime | None) -> datetime | None:
    """Return the time before which a run's snapshot lies."""
    return before if as_of is None else as_of + timedelta(microseconds=1)


def _newer_of_some(
    source: Source,
    snapshots: Mapping[str, datetime],
    not_before: datetime | None,
    before: datetime | None,
    as_of: datetime | None,
) -> list[str]:
    found = {one: _eligible(source, one, not_before, before, as_of) for one in snapshots}
    newer = [
        f"{one} of {_told(times[-1])}"
        for one, times in found.items()
        if not isinstance(times, str) and times[-1] > snapshots[one]
    ]
    if not newer:
        return []
    return [
        f"There are newer snapshots, but not of every segment ({', '.join(newer)}): all are read as of "
        f"{_told(max(snapshots.values()))}"
    ]


def _refuse_ahead(chosen: Mapping[str, datetime], now: datetime) -> None:
    """Refuse snapshots of the future: once delivered, each real one after them would count as older."""
    ahead = [f"{one} is of {_told(time)}" for one, time in chosen.items() if time - now > MOST_AHEAD]
    if ahead:
        raise SourceError(
            f"The newest snapshot of {', '.join(ahead)}, and here it is {_told(now)}. If it were delivered, "
            "all that follow until then would count as older, and nothing be sent. Look at both clocks (of a "
            "lake also at source.snapshot_timezone), and run the refresh and the export in Customer Insights "
            "again"
        )


def _of_one_refresh(times_of: Mapping[str, Sequence[datetime]]) -> dict[str, datetime] | None:
    """Return the snapshots of the newest refresh that left one of every segment."""
    for end in sorted({time for times in times_of.values() for time in times}, reverse=True):
        inside = {
            one: [time for time in times if end - ONE_REFRESH <= time <= end]
            for one, times in times_of.items()
        }
        if all(inside.values()):
            return {one: times[-1] for one, times in inside.items()}
    return None


def _eligible(
    source: Source,
    segment: str,
    not_before: datetime | None,
    before: datetime | None,
    as_of: datetime | None,
) -> list[datetime] | str:
    """Return the snapshots that a run may read, oldest first, or what is waited for."""
    times = source.snapshots(segment)
    if as_of is not None:
        return _as_of(source, segment, times, as_of)
    if not_before is not None and not isinstance(source, ShowsRefresh):
        return _in_window(source, segment, times, not_before, before if source.has_history else None)
    return _unfinished(source, segment) or times or "it has no snapshot"


def _in_window(
    source: Source, segment: str, times: list[datetime], start: datetime, end: datetime | None
) -> list[datetime] | str:
    inside = [time for time in times if time >= start and (end is None or time < end)]
    if inside:
        return inside
    lacking = unfinished_within(source, segment, start, end)
    told = f" ({lacking})" if lacking else ""
    after = [time for time in times if end is not None and time >= end]
    if after:
        raise SourceError(
            f"{segment} has no whole snapshot from {_told(start)} on and before {_told(end)}: the next is of "
            f"{_told(after[0])}{told}. That refresh failed, or what it left was deleted; run with another "
            "snapshot"
        )
    newest = f"the newest whole snapshot is of {_told(times[-1])}" if times else "it has no whole snapshot"
    if not lacking and (unfinished := _unfinished(source, segment)):
        told = f" ({unfinished})"
    return f"{newest}, wanted is one from {_told(start)} on{told}"


def _as_of(source: Source, segment: str, times: list[datetime], as_of: datetime) -> list[datetime]:
    old_enough = [time for time in times if time <= as_of]
    if old_enough:
        return old_enough
    lacking = unfinished_within(source, segment, None, _end(None, as_of))
    told = f" ({lacking})" if lacking else ""
    if not times:
        raise SourceNotReadyError(f"{segment} has no whole snapshot{told}")
    history = "the oldest" if source.has_history else "the source has no history, and the present"
    raise SourceError(
        f"{segment} has no snapshot of {_told(as_of)} or before: {history} is of {_told(times[0])}{told}"
    )


def unfinished_within(
    source: Source, segment: str, not_before: datetime | None, before: datetime | None
) -> str | None:
    """Return what the newest snapshot within bounds lacks that isn't whole, of a source that tells it."""
    if not isinstance(source, TellsUnfinished):
        return None
    return source.unfinished(segment, not_before, before)


def _unfinished(source: Source, segment: str) -> str | None:
    return source.unfinished(segment) if isinstance(source, TellsUnfinished) else None


def _told(time: datetime | None) -> str:
    return f"{time:%Y-%m-%d %H:%M} UTC" if time else "now"
