"""Which snapshot of each segment a run reads."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, runtime_checkable

from segment_exports.errors import SourceError, SourceNotReadyError
from segment_exports.refresh_evidence import ShowsRefresh

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from segment_exports.sources import Source


@runtime_checkable
class TellsUnfinished(Protocol):
    """A source that can say why the snapshot it announces isn't whole yet."""

    def unfinished(self, segment: str) -> str | None:
        """Return what is missing; None if nothing is."""


def choose_snapshots(
    source: Source,
    segments: Sequence[str],
    *,
    not_before: datetime | None = None,
    before: datetime | None = None,
    as_of: datetime | None = None,
) -> dict[str, datetime]:
    """Return the snapshot (UTC) to read of each segment.

    A scheduled or backfilled run gives ``not_before`` (its time) and ``before`` (the next scheduled time)
    and gets the newest whole snapshot in [not_before, before). A manual run gets the newest, or the newest
    that is not after ``as_of``. Of a source without history there is only the present: ``before`` doesn't
    count, since nothing older can be read. A source that shows its refresh was asked whether that has ended
    (:func:`.refresh.look`): a static segment is never evaluated again, and its snapshot stays old.

    :raises SourceNotReadyError: a snapshot isn't there or not whole yet; it may be later.
    :raises SourceError: it will not come: the window is over, or there is no history so far back.
    """
    if as_of is not None:
        return {one: _as_of(source, one, as_of) for one in segments}
    end = before if source.has_history else None
    chosen = {one: _newest(source, one, not_before, end) for one in segments}
    waiting = [f"{one}: {why}" for one, why in chosen.items() if isinstance(why, str)]
    if waiting:
        raise SourceNotReadyError("Not there yet: " + "; ".join(waiting))
    return {one: time for one, time in chosen.items() if not isinstance(time, str)}


def _newest(
    source: Source, segment: str, not_before: datetime | None, end: datetime | None
) -> datetime | str:
    """Return the snapshot, or what is waited for."""
    times = source.snapshots(segment)
    if not_before is not None and not isinstance(source, ShowsRefresh):
        return _in_window(source, segment, times, not_before, end)
    return _unfinished(source, segment) or (times[-1] if times else "it has no snapshot")


def _in_window(
    source: Source, segment: str, times: list[datetime], start: datetime, end: datetime | None
) -> datetime | str:
    inside = [time for time in times if time >= start and (end is None or time < end)]
    if inside:
        return inside[-1]
    after = [time for time in times if end is not None and time >= end]
    if after:
        raise SourceError(
            f"{segment} has no whole snapshot from {_told(start)} on and before {_told(end)}: the next is of "
            f"{_told(after[0])}. That refresh failed, or what it left was deleted; run with another snapshot"
        )
    newest = f"the newest whole snapshot is of {_told(times[-1])}" if times else "it has no whole snapshot"
    lacking = _unfinished(source, segment)
    return f"{newest}, wanted is one from {_told(start)} on" + (f" ({lacking})" if lacking else "")


def _as_of(source: Source, segment: str, as_of: datetime) -> datetime:
    times = source.snapshots(segment)
    old_enough = [time for time in times if time <= as_of]
    if old_enough:
        return old_enough[-1]
    if not times:
        raise SourceNotReadyError(f"{segment} has no whole snapshot")
    history = "the oldest" if source.has_history else "the source has no history, and the present"
    raise SourceError(
        f"{segment} has no snapshot of {_told(as_of)} or before: {history} is of {_told(times[0])}"
    )


def _unfinished(source: Source, segment: str) -> str | None:
    return source.unfinished(segment) if isinstance(source, TellsUnfinished) else None


def _told(time: datetime | None) -> str:
    return f"{time:%Y-%m-%d %H:%M} UTC" if time else "now"
