"""The account's rate, measured where it counts: by the arrivals at the server."""

from __future__ import annotations

import asyncio

from segment_exports.transport.pacing import Pacer

RATE = 20


async def two_tasks_in_a_row(scene, people, first: int) -> tuple[float, int]:
    """Deliver two chunks, numbered from the first; return the used share of the rate, and refusals."""
    scene.emulator.reset()
    scene.adopt("News")
    scene.emulator.switch(rate=RATE, latency=0.05)
    for number in (first, first + 1):
        scene.chunk([people(50 * number + row, joins=["News"]) for row in range(50)], number=number)
        client = scene.client(Pacer(RATE), sleep=asyncio.sleep)
        assert (await scene.deliver(client, number=number)).complete
    arrivals = [entry.arrived for entry in scene.emulator.log.entries]
    share = (len(arrivals) - 1) / (arrivals[-1] - arrivals[0]) / RATE
    refused = len(scene.emulator.log.select(status=429))
    print(f"{len(arrivals)} requests, {share:.1%} of the rate, {refused} refused")
    assert len(scene.members("News")) == 100
    return share, refused


async def test_two_tasks_in_a_row_use_the_rate_and_stay_within_it(scene, people) -> None:
    """Single calls with several in flight, receipts flushed in between; then the next task begins.

    Something else on the machine may spoil a measurement; a wrong pace spoils all three.
    """
    for first in (1, 3, 5):
        share, refused = await two_tasks_in_a_row(scene, people, first)
        # On a quiet machine 96 % and none (docs/rate-budget.md); tests may run on a busy one.
        if share >= 0.75 and refused <= 5:
            break

    assert share >= 0.75
    assert refused <= 5


async def test_an_account_that_others_use_too_is_left_to_them(scene, people) -> None:
    """Half of the rate is somebody else's: we give way, and waiting for the limit uses up no attempt."""
    scene.adopt("News")
    scene.emulator.switch(rate=RATE)
    scene.chunk([people(row, joins=["News"]) for row in range(40)])

    async def somebody_else() -> None:
        client = scene.client(Pacer(RATE / 2), sleep=asyncio.sleep)
        async with client:
            while True:
                await client.lists()

    other = asyncio.create_task(somebody_else())
    client = scene.client(Pacer(RATE), sleep=asyncio.sleep)
    result = await scene.deliver(client)
    other.cancel()
    await asyncio.gather(other, return_exceptions=True)

    assert result.complete
    assert result.requests["throttled"] > 0
    assert result.requests["retried"] == 0
    assert client.pacer.share < 1
