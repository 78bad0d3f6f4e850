"""How far an upload has come, for its log: done of all, how fast, how long yet, what it waits for."""

from __future__ import annotations

import logging
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

from segment_exports.definition import Membership
from segment_exports.delivery.chunk import State, is_due
from segment_exports.delivery.queue import MOST_CONTACTS

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

    from segment_exports.delivery.chunk import Chunk
    from segment_exports.delivery.destination import ChunkOnItsWay
    from segment_exports.delivery.progress import Progress
    from segment_exports.transport.transport import Transport

log = logging.getLogger(__name__)

EVERY = 10.0
"""Seconds between two lines."""
_LATELY = 30.0
"""Seconds that the speed is that of: an upload that is slowed down says so, and forgets it again."""
_LEAST_SPEED = 0.05
_PEOPLE = "contact"


@dataclass(frozen=True)
class _Part:
    """Operations of one kind, of which so many are to be done in all."""

    noun: str
    done: int
    total: int

    @property
    def told(self) -> str:
        share = 100 * self.done // self.total
        return f"{self.done:,} of {self.total:,} {self.noun}{'' if self.total == 1 else 's'} ({share} %)"


@dataclass(frozen=True)
class _Moment:
    at: float
    parts: tuple[_Part, ...]
    requests: int
    throttled: int


class Course:
    """Tells in the log, every ten seconds, how far one attempt at a chunk has come.

    What an earlier attempt had done counts as done, and not for the speed.

    :param delivery: the attempt, at its destination.
    :param clock: seconds that never go back.
    """

    def __init__(
        self,
        chunk: Chunk,
        delivery: ChunkOnItsWay,
        transport: Transport,
        progress: Progress,
        *,
        clock: Callable[[], float],
        sleep: Callable[[float], Awaitable[object]],
    ) -> None:
        self._chunk, self._delivery, self._transport, self._progress = chunk, delivery, transport, progress
        self._clock, self._sleep = clock, sleep
        self._began = self._last = self._now()
        self._moments = deque([self._began])

    async def run(self) -> None:
        """Tell it every ten seconds, until cancelled."""
        while True:
            await self._sleep(EVERY)
            for line in self.lines():
                log.info("%s", line)

    def end(self) -> None:
        """Tell what was done in the end."""
        now = self._now()
        seconds = now.at - self._began.at
        used = now.requests - self._began.requests
        if now.parts:
            speed = _speed(self._began, now)
            requests = f"{used:,} request{'' if used == 1 else 's'}"
            log.info("%s", ", ".join([*self._told(now), *speed, f"{requests} in {_time(seconds)}"]))

    def lines(self) -> Iterator[str]:
        """Yield what is to be told now."""
        now = self._now()
        while len(self._moments) > 1 and now.at - self._moments[0].at > _LATELY:
            self._moments.popleft()
        before = self._moments[0]
        self._moments.append(now)
        waits = self._transport.waits.told()
        if now.parts:
            left = () if waits else self._left(before, now)
            yield ", ".join([*self._told(now), *_speed(before, now), *left])
        if throttled := now.throttled - before.throttled:
            answered = throttled + now.requests - before.requests
            yield (
                f"{throttled:,} of {answered:,} requests of the last {_time(now.at - before.at)} were "
                f"answered 429 (too many requests): the account takes fewer than the connection's Requests "
                f"per second, or others use it too"
            )
        if waits:
            yield waits
        elif (silent := now.at - self._answered_at(now)) >= EVERY:
            yield f"No request was answered for {_time(silent)}"

    def _answered_at(self, now: _Moment) -> float:
        """Return when the last answer came, or the attempt began, as far as was looked at."""
        if now.requests != self._last.requests:
            self._last = now
        return self._last.at

    def _told(self, now: _Moment) -> Iterator[str]:
        parts = ", ".join(part.told for part in now.parts)
        yield f"{'Uploaded' if now.parts[0].noun == _PEOPLE else 'Done:'} {parts}"
        if self._progress.rejected:
            yield f"{self._progress.rejected:,} refused"

    def _now(self) -> _Moment:
        counters = self._transport.counters
        answered = counters.total - counters.throttled - counters.retried
        parts = tuple(part for part in self._parts() if part.total)
        return _Moment(self._clock(), parts, answered, counters.throttled)

    def _parts(self) -> Iterator[_Part]:
        chunk = self._chunk
        # Joins that a request for each is needed for come after all upserts; others go along with them.
        own_joins = self._delivery.way == Membership.LIST
        rows, due = chunk.is_planned_upsert, is_due(chunk.upsert)
        if not own_joins:
            rows, due = rows | chunk.is_planned_join.any(axis=1), due | is_due(chunk.join).any(axis=1)
        yield _Part(_PEOPLE, int((rows & ~due).sum()), int(rows.sum()))
        if own_joins:
            joins = chunk.is_planned_join
            yield _Part("join", int((joins & ~is_due(chunk.join)).sum()), int(joins.sum()))
        leaves = chunk.leave != State.ABSENT
        yield _Part("leave", int((leaves & ~is_due(chunk.leave)).sum()), int(leaves.sum()))

    def _left(self, before: _Moment, now: _Moment) -> Iterator[str]:
        """Yield how long it takes yet: the requests that are left, as fast as they were answered lately."""
        answered, seconds = now.requests - before.requests, now.at - before.at
        queue, undone = self._delivery.queue, {part.noun: part.total - part.done for part in now.parts}
        batches = -(-undone.get(_PEOPLE, 0) // MOST_CONTACTS)
        left = max(queue.requests_left, batches + undone.get("join", 0))
        if left and answered > 0 and seconds > 0:
            yield f"about {_time(left * seconds / answered)} left"


def _speed(before: _Moment, now: _Moment) -> Iterator[str]:
    """Yield how many a second were done, of the first kind of which any are left, or else of the last."""
    seconds = now.at - before.at
    part = next((one for one in now.parts if one.done < one.total), now.parts[-1])
    done = part.done - sum(one.done for one in before.parts if one.noun == part.noun)
    speed = done / seconds if seconds > 0 else 0.0
    if speed >= _LEAST_SPEED:
        yield f"{speed:,.0f} {part.noun}s/s" if speed >= 10 else f"{speed:,.1f} {part.noun}s/s"


def _time(seconds: float) -> str:
    """Return a time as people say it."""
    for size, noun, until in ((1, "second", 90), (60, "minute", 5400), (3600, "hour", float("inf"))):
        if seconds < until:
            count = max(1, round(seconds / size))
            return f"{count:,} {noun}{'' if count == 1 else 's'}"
    raise AssertionError
