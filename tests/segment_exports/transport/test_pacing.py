from __future__ import annotations

import asyncio
import heapq
import math
import random
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from segment_exports.transport.pacing import LEAST_DISTANCE, LEAST_LATENESS, MARGIN, UTILISATION, Pacer

NETWORK_JITTER = MARGIN - 0.001
"""How much slower than another one request may reach the server (seconds)."""


class World:
    """A clock that only sleeping moves, and requests whose headers go out some time after their start."""

    def __init__(self, rng: random.Random, *, lateness: float, connecting: float) -> None:
        self.now = 1000.0
        self._rng, self._lateness, self._connecting = rng, lateness, connecting
        self._leaving: list[tuple[float, int, Pacer]] = []
        self.sent: list[float] = []

    def clock(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.pass_to(self.now + seconds + self._rng.uniform(0, self._lateness))

    def pass_to(self, moment: float) -> None:
        while self._leaving and self._leaving[0][0] <= moment:
            self.now, ticket, pacer = heapq.heappop(self._leaving)
            pacer.sent(ticket)
            self.sent.append(self.now)
        self.now = max(self.now, moment)

    def finish(self) -> None:
        """Let all requests go out, and end at the moment when the last one does."""
        self.pass_to(max((moment for moment, _, _ in self._leaving), default=self.now))

    def leave(self, pacer: Pacer, ticket: int) -> None:
        heapq.heappush(self._leaving, (self.now + self._rng.uniform(0, self._connecting), ticket, pacer))

    def pacer(self, rate: float | None, per_minute: float | None = None) -> Pacer:
        return Pacer(rate, requests_per_minute=per_minute, clock=self.clock, sleep=self.sleep)


async def requests(
    world: World,
    rate: float | None,
    count: int,
    idle: float = 0.0,
    idle_every: int = 10**9,
    per_minute: float | None = None,
) -> None:
    pacer = world.pacer(rate, per_minute)
    for number in range(count):
        if number % idle_every == idle_every - 1:
            world.pass_to(world.now + idle)
        world.leave(pacer, await pacer.start())
    world.finish()


def most_in(seconds: float, arrivals: list[float]) -> int:
    arrivals = sorted(arrivals)
    most = first = 0
    for last, moment in enumerate(arrivals):
        while moment - arrivals[first] >= seconds:
            first += 1
        most = max(most, last - first + 1)
    return most


@settings(max_examples=60, deadline=None)
@given(
    rate=st.one_of(st.integers(1, 40), st.sampled_from([0.5, 2.5, 7.9])),
    seed=st.integers(0, 10**6),
    lateness=st.sampled_from([0.0, 0.002, 0.02, 0.3]),
    connecting=st.sampled_from([0.0, 0.004, 0.25]),
    idle=st.sampled_from([0.0, 0.3, 2.5]),
)
def test_no_rolling_second_sees_more_than_the_rate(rate, seed, lateness, connecting, idle) -> None:
    """Whatever the start, the connection and the network are late by, and also where one task's pacer
    follows another's."""
    rng = random.Random(seed)
    world = World(rng, lateness=lateness, connecting=connecting)
    count = max(4, int(4 * rate))
    asyncio.run(requests(world, rate, count, idle, idle_every=7))
    asyncio.run(requests(world, rate, count))
    arrivals = [moment + rng.uniform(0, NETWORK_JITTER) for moment in world.sent]

    assert len(arrivals) == 2 * count
    assert most_in(1.0, arrivals) <= max(rate, 1)


@settings(max_examples=60, deadline=None)
@given(
    rate=st.sampled_from([None, 2.5, 10, 30]),
    per_minute=st.one_of(st.integers(1, 90), st.sampled_from([0.5, 20.5, 300, 600, 1900])),
    seed=st.integers(0, 10**6),
    lateness=st.sampled_from([0.0, 0.02, 0.3]),
    connecting=st.sampled_from([0.0, 0.25]),
    idle=st.sampled_from([0.0, 2.5, 40.0]),
)
def test_no_rolling_minute_sees_more_than_its_rate_and_no_second_either(
    rate, per_minute, seed, lateness, connecting, idle
) -> None:
    rng = random.Random(seed)
    world = World(rng, lateness=lateness, connecting=connecting)
    count = max(4, int(1.3 * per_minute))
    asyncio.run(requests(world, rate, count, idle, idle_every=int(count / 2), per_minute=per_minute))
    asyncio.run(requests(world, rate, count, per_minute=per_minute))
    arrivals = [moment + rng.uniform(0, NETWORK_JITTER) for moment in world.sent]

    assert most_in(60.0, arrivals) <= max(per_minute, 1)
    assert most_in(1.0, arrivals) <= max(rate or math.inf, 1)


@pytest.mark.parametrize(("rate", "per_minute"), [(10, 300), (30, 900), (None, 100), (30, 20), (10, 1000)])
@pytest.mark.parametrize("lateness", [0.0, 0.02])
def test_the_slower_rate_is_used_evenly(rate, per_minute, lateness) -> None:
    world = World(random.Random(1), lateness=lateness, connecting=0.002)
    slower = min(rate or math.inf, per_minute / 60)
    asyncio.run(requests(world, rate, int(200 * slower) + 2, per_minute=per_minute))

    assert (len(world.sent) - 1) / (max(world.sent) - min(world.sent)) >= 0.96 * slower
    assert most_in(10.0, world.sent) <= 10 * slower + 1


@pytest.mark.parametrize("rate", [5, 20, 200, 3000])
@pytest.mark.parametrize("lateness", [0.0, 0.003, 0.02])
def test_lateness_costs_nothing_of_the_rate(rate, lateness) -> None:
    world = World(random.Random(1), lateness=lateness, connecting=0.002)
    asyncio.run(requests(world, rate, 20 * rate))

    assert (len(world.sent) - 1) / (max(world.sent) - min(world.sent)) >= 0.96 * rate


@pytest.mark.parametrize("idle", [0.3, 5.0])
def test_a_stall_is_not_caught_up_in_a_burst(idle) -> None:
    world = World(random.Random(1), lateness=0, connecting=0)
    asyncio.run(requests(world, 20, 100, idle=idle, idle_every=30))
    least = LEAST_DISTANCE / (20 * UTILISATION)

    for first, third in pairwise(world.sent[::2]):
        assert third - first >= 2 * least - LEAST_LATENESS - 1e-9


def test_the_first_start_comes_soon() -> None:
    world = World(random.Random(1), lateness=0, connecting=0)
    asyncio.run(requests(world, 20, 1))

    assert world.sent[0] - 1000.0 == pytest.approx(0.28, abs=0.01)


def test_a_refusal_pauses_lowers_the_pace_and_is_won_back() -> None:
    world = World(random.Random(1), lateness=0, connecting=0)
    pacer = world.pacer(20)
    asyncio.run(pacer.start())
    refused_at = world.now
    for _ in range(5):  # what was under way comes back refused as well
        pacer.throttled()
    assert pacer.share == pytest.approx(0.9)

    asyncio.run(pacer.start())
    assert world.now - refused_at >= 0.25
    pacer.accepted()
    world.pass_to(world.now + 10)
    assert pacer.share == 1.0


def test_a_storm_of_refusals_ends_in_one_request_every_eight_seconds() -> None:
    world = World(random.Random(1), lateness=0, connecting=0)
    pacer = world.pacer(20)
    starts = []
    for _ in range(20):
        asyncio.run(pacer.start())
        starts.append(world.now)
        pacer.throttled()

    assert starts[-1] - starts[-2] == pytest.approx(8.0, abs=0.6)
    assert pacer.share >= 0.1


def test_it_waits_as_long_as_it_is_asked_to() -> None:
    world = World(random.Random(1), lateness=0, connecting=0)
    pacer = world.pacer(20)
    asyncio.run(pacer.start())
    pacer.throttled(retry_after=17)
    before = world.now
    asyncio.run(pacer.start())

    assert world.now - before == pytest.approx(17, abs=0.1)


def test_without_a_rate_nothing_waits_until_a_refusal_comes() -> None:
    world = World(random.Random(1), lateness=0, connecting=0)
    pacer = Pacer(None, clock=world.clock, sleep=world.sleep)
    for _ in range(1000):
        asyncio.run(pacer.start())
    assert world.now == 1000.0

    pacer.throttled()
    asyncio.run(pacer.start())
    assert world.now >= 1000.25


async def test_starts_are_given_in_the_order_of_asking() -> None:
    pacer = Pacer(200)
    order: list[int] = []

    async def ask(number: int) -> None:
        await pacer.start()
        order.append(number)

    waiting = [asyncio.create_task(ask(number)) for number in range(10)]
    await asyncio.sleep(0)
    assert pacer.waiting == 10
    await asyncio.gather(*waiting)
    assert order == list(range(10))
    assert pacer.waiting == 0


async def test_who_stops_waiting_takes_nobodys_start() -> None:
    world = World(random.Random(1), lateness=0, connecting=0)
    asleep = asyncio.Event()

    async def sleep(seconds: float) -> None:
        if tired is asyncio.current_task():
            asleep.set()
            await asyncio.Event().wait()
        await world.sleep(seconds)

    tired = None
    pacer = Pacer(2, clock=world.clock, sleep=sleep)
    await pacer.start()
    tired = asyncio.create_task(pacer.start())
    await asleep.wait()
    tired.cancel()
    before = world.now
    await pacer.start()

    assert 0 < world.now - before < 0.9  # the next start; the one after it is 1.03 s away


@pytest.mark.parametrize("rate", [0, -1, float("nan"), float("inf")])
def test_a_rate_is_a_number_above_zero(rate) -> None:
    with pytest.raises(ValueError, match="per second must be above 0"):
        Pacer(rate)
    with pytest.raises(ValueError, match="per minute must be above 0"):
        Pacer(5, requests_per_minute=rate)
