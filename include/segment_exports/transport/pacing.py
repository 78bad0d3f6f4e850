"""Pacing: evenly spaced starts that keep any rolling second at the server within the account's rate.

The destination refuses more than N arrivals in any rolling second. Two rules keep below that:

* Starts are planned at even distances d with N·d = 1 s / ``UTILISATION``. A start that comes late does
  not move the plan, so nothing of the rate is lost; later ones make up for it, but no
  faster than at distances of ``LEAST_DISTANCE`` · d, so that there is no burst.
* No request starts earlier than 1 s + ``MARGIN`` after the moment at which the request N before it,
  or any before that one, was really sent (connecting may take its time). So more than N can reach the
  server within one second only if the network is slower with one of them by more than ``MARGIN``.

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
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
    ) -> None:
        """Take the account's rate; None means that nothing is held back until a 429 comes.

        :raises ValueError: the rate is not a number above zero.
        """
        if requests_per_second is not None and not 0 < requests_per_second < math.inf:
            raise ValueError(f"requests per second must be above 0, not {requests_per_second}")
        self.waiting = 0
        self._clock = clock
        self._sleep = sleep
        self._queue = asyncio.Lock()
        self._window, self._distance = _window_of(requests_per_second), 0.0
        now = clock()
        self._plan = self._fastest = self._paused_until = now
        self._sent: deque[float] = deque()
        self._oldest = -math.inf
        self._started = 0
        if requests_per_second is not None:
            self._follow_another(requests_per_second, now)
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
        if not self._distance:
            return
        place = number - (self._started - len(self._sent))
        if place >= 0:
            self._sent[place] = self._clock()
        else:
            self._oldest = max(self._oldest, self._clock())

    def throttled(self, retry_after: float | None = None) -> None:
        """Take in a 429; ``retry_after`` (seconds) is what the destination asked for."""
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

    def accepted(self) -> None:
        """Take in an answer that is no 429."""
        self._refusals = 0

    def _follow_another(self, rate: float, now: float) -> None:
        """Begin as if another pacer had used the whole rate evenly until a moment from now.

        It may have made up for lateness and sent its last requests at less than even distances; that
        moment is long enough after now for its last second to be no denser than the even one.
        """
        count, seconds = self._window
        self._distance = max(1 / (rate * UTILISATION), seconds * (1 + MARGIN) / count)
        densest = LEAST_DISTANCE * count * self._distance - LEAST_LATENESS
        begin = now + max(0.0, seconds * (1 + MARGIN) - densest)
        self._sent.extend(begin - (count - 1 - place) * self._distance for place in range(count))
        self._started = count
        self._plan = self._fastest = begin + self._distance

    def _next(self) -> float:
        """Return when the next request may start."""
        if not self._distance:
            return self._paused_until
        window = max(self._oldest, self._sent[0]) + self._window[1] * (1 + MARGIN)
        return max(self._plan, self._fastest, window, self._paused_until)

    def _note_start(self) -> int:
        number = self._started
        self._started += 1
        if self._distance:
            now, distance = self._clock(), self._distance / self.share
            self._plan = max(self._plan, now - MOST_LATENESS) + distance
            self._fastest = max(self._fastest, now - LEAST_LATENESS) + distance * LEAST_DISTANCE
            self._oldest = max(self._oldest, self._sent.popleft())
            self._sent.append(now)
        return number

    def _pause_until(self, moment: float) -> None:
        self._paused_until = max(self._paused_until, moment)
        self._plan = max(self._plan, moment)


def _window_of(rate: float | None) -> tuple[int, float]:
    """Return (N, seconds): N requests in so many seconds are the rate, one second if N may be large."""
    if rate is None:
        return 1, 1.0
    count = min(_MOST_REMEMBERED, max(1, math.floor(rate)))
    return count, max(1.0, count / rate) if rate <= _MOST_REMEMBERED else count / rate
