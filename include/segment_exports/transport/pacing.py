"""Pacing: evenly spaced starts that keep any rolling second at the server within the account's rate.

The destination refuses more than N arrivals in any rolling second, and maybe more than M in any rolling
minute. Two rules keep below that:

* Starts are planned at even distances d with N·d = 1 s / ``UTILISATION``, or M·d = 60 s / ``UTILISATION``
  if that is slower. A start that comes late does not move the plan, so nothing of the rate is lost; later
  ones make up for it, but no faster than at distances of ``LEAST_DISTANCE`` · d, so that there is no burst.
* No request starts earlier than 1 s + ``MARGIN`` after the moment at which the request N before it,
  or any before that one, was really sent (connecting may take its time). So more than N can reach the
  server within one second only if the network is slower with one of them by more than ``MARGIN``. So it is
  with M and the minute, whose margin is sixty times as long.

``docs/rate-budget.md`` tells how one budget per account is kept between tasks.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections import deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

UTILISATION = 0.968
"""Share of the rate that is planned."""

MARGIN = 0.02
"""Seconds by which the network may be slower with one request than with another."""

LEAST_DISTANCE = 0.8
"""Share of the planned distance that starts keep when they make up for lateness."""

LEAST_LATENESS = 0.04
"""Lateness (seconds) that is made up for at once: a timer on a busy machine may be as late."""

MOST_LATENESS = 0.5
"""Lateness (seconds) that is made up for; after a longer one the plan begins anew."""

_MINUTE = 60.0
_MOST_REMEMBERED = 5000
_CUT = 0.9
_LEAST_SHARE = 0.1
_RECOVERY_PER_SECOND = 0.02
_FIRST_PAUSE = 0.25
_LONGEST_PAUSE = 8.0
_BURST = 0.5


class Pacer:
    """Gives starts to the requests of one account, one after the other.

    Only one process at a time may use an account's budget. A pacer that follows another's needs to
    know nothing of it: it waits a fifth of a second before its first start and begins evenly, which is
    enough whatever the other's last second was like (see ``docs/rate-budget.md``).

    After a 429 it pauses (a quarter of a second, doubling while nothing but 429 comes; longer if told to)
    and goes on at 90 % of the pace it had, down to a tenth; it wins back 2 % of the full pace per
    second. A single 429 so costs half a second; an account that others use too is left to them.
    """

    def __init__(
        self,
        requests_per_second: float | None,
        *,
        requests_per_minute: float | None = None,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
    ) -> None:
        """Take the account's rate; without any, nothing is held back until a 429 comes.

        :param requests_per_minute: where the account has such a bound, too.
        :raises ValueError: a rate is not a number above zero.
        """
        rates = [(requests_per_second, 1.0), (requests_per_minute, _MINUTE)]
        for rate, seconds in rates:
            if rate is not None and not 0 < rate < math.inf:
                unit = "second" if seconds == 1 else "minute"
                raise ValueError(f"requests per {unit} must be above 0, not {rate}")
        self.waiting = 0
        self._clock = clock
        self._sleep = sleep
        self._queue = asyncio.Lock()
        self._windows = [_Window.of(rate, seconds) for rate, seconds in rates if rate is not None]
        now = clock()
        self._plan = self._fastest = self._paused_until = now
        self._started = 0
        self._distance = max((one.distance for one in self._windows), default=0.0)
        if self._windows:
            self._follow_another(now)
        self._share = 1.0
        self._share_since = now
        self._refusals = 0

    @property
    def share(self) -> float:
        """Share of the planned pace in use: 1 unless a 429 came lately."""
        gained = (self._clock() - self._share_since) * _RECOVERY_PER_SECOND
        return min(1.0, self._share + gained)

    async def start(self) -> int:
        """Wait for the next start, in the order of asking; return its number, for :meth:`sent`."""
        self.waiting += 1
        try:
            async with self._queue:
                while (wait := self._next() - self._clock()) > 0:
                    await self._sleep(wait)
                return self._note_start()
        finally:
            self.waiting -= 1

    def sent(self, number: int) -> None:
        """Say that the request with this start goes out only now: connecting may have taken its time."""
        for window in self._windows:
            window.moved(self._started - number, self._clock())

    def throttled(self, retry_after: float | None = None) -> float:
        """Take in a 429; return the seconds until the next start.

        :param retry_after: seconds that the destination asked for.
        """
        now = self._clock()
        asked = retry_after or 0.0
        # Refusals of what was sent before the pause are no news.
        if now >= self._paused_until and (self._share == 1 or now >= self._share_since + _BURST):
            self._share = max(_LEAST_SHARE, self.share * _CUT)
            self._share_since = now
            own = min(_LONGEST_PAUSE, _FIRST_PAUSE * 2**self._refusals)
            self._refusals += 1
            self._pause_until(now + max(own, asked))
        elif asked:
            self._pause_until(now + asked)
        return self._paused_until - now

    def accepted(self) -> None:
        """Take in an answer that is no 429."""
        self._refusals = 0

    def _follow_another(self, now: float) -> None:
        """Begin as if another pacer had used the whole rate evenly until a moment from now.

        It may have made up for lateness and sent its last requests at less than even distances; that
        moment is long enough after now for its last second, and minute, to be no denser than the even one.
        """
        begin = now + max(one.behind_another(self._distance) for one in self._windows)
        for window in self._windows:
            window.fill(begin, self._distance)
        self._plan = self._fastest = begin + self._distance

    def _next(self) -> float:
        """Return when the next request may start."""
        return max(self._plan, self._fastest, self._paused_until, *(one.free_at for one in self._windows))

    def _note_start(self) -> int:
        number = self._started
        self._started += 1
        if self._windows:
            now, distance = self._clock(), self._distance / self.share
            self._plan = max(self._plan, now - MOST_LATENESS) + distance
            self._fastest = max(self._fastest, now - LEAST_LATENESS) + distance * LEAST_DISTANCE
            for window in self._windows:
                window.add(now)
        return number

    def _pause_until(self, moment: float) -> None:
        self._paused_until = max(self._paused_until, moment)
        self._plan = max(self._plan, moment)


class _Window:
    """At most ``count`` requests in any so many ``seconds``, by when the last ones were really sent."""

    def __init__(self, count: int, seconds: float, rate: float) -> None:
        self._count, self._seconds = count, seconds * (1 + MARGIN)
        self.distance = max(1 / (rate * UTILISATION), self._seconds / count)
        self._sent: deque[float] = deque(maxlen=count)
        self._oldest = -math.inf

    @classmethod
    def of(cls, count: float, seconds: float) -> _Window:
        """Return the window of a rate: the seconds themselves, if its count is whole and not too large."""
        whole = min(_MOST_REMEMBERED, max(1, math.floor(count)))
        fit = seconds * whole / count
        return cls(whole, fit if count > _MOST_REMEMBERED else max(seconds, fit), count / seconds)

    @property
    def free_at(self) -> float:
        """When the next request may start: none of the last ``count``, nor any before, is too near."""
        return max(self._oldest, self._sent[0]) + self._seconds

    def behind_another(self, distance: float) -> float:
        """Return how long after another pacer's last start one may begin as if that had been even."""
        span = self._count * distance
        return max(0.0, self._seconds - max(LEAST_DISTANCE * span - LEAST_LATENESS, span - MOST_LATENESS))

    def fill(self, until: float, distance: float) -> None:
        """Fill it with even starts that end then."""
        self._sent.extend(until - (self._count - 1 - place) * distance for place in range(self._count))

    def add(self, now: float) -> None:
        """Take in a start."""
        self._oldest = max(self._oldest, self._sent[0])
        self._sent.append(now)

    def moved(self, back: int, now: float) -> None:
        """Say that the request of so many starts ago (1: the last) goes out only now."""
        if back <= self._count:
            self._sent[-back] = now
        else:
            self._oldest = max(self._oldest, now)
