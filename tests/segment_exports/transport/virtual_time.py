"""Time that passes only when all that run in it wait for it: hours in no time, and the same each time."""

from __future__ import annotations

import asyncio
import heapq
import itertools
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Coroutine

_IDLE_AFTER = 10
"""Turns of the event loop after which whoever could go on has."""


class VirtualTime:
    """A clock and a sleep; what is awaited must be nothing else than this sleep, or what others do."""

    def __init__(self) -> None:
        self.now = 1000.0
        self._sleeping: list[tuple[float, int, asyncio.Future[None]]] = []
        self._order = itertools.count()

    def clock(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        future = asyncio.get_running_loop().create_future()
        heapq.heappush(self._sleeping, (self.now + seconds, next(self._order), future))
        await future

    async def run(self, *coroutines: Coroutine[Any, Any, Any]) -> list[Any]:
        done = asyncio.gather(*coroutines)
        while not done.done():
            for _ in range(_IDLE_AFTER):
                await asyncio.sleep(0)
            if not done.done() and self._sleeping:
                self.now, _, future = heapq.heappop(self._sleeping)
                if not future.done():
                    future.set_result(None)
        return done.result()


def most_in(seconds: float, moments: list[float]) -> int:
    """Return how many of these moments lie within any so many seconds, at most."""
    moments = sorted(moments)
    most = first = 0
    for last, moment in enumerate(moments):
        while moment - moments[first] >= seconds:
            first += 1
        most = max(most, last - first + 1)
    return most
