"""A destination that the core has never heard of: the engine delivers its upserts over the seam alone.

It keeps a card for each address, ten at a time, and knows no lists, so this says nothing of membership.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from aiohttp import web
from tests.stands.alone import Why

from segment_exports.delivery.chunk import is_due
from segment_exports.delivery.engine import deliver_chunk
from segment_exports.delivery.job import ChunkJob, ChunkResult, StopKind
from segment_exports.delivery.queue import Batch, WorkQueue
from segment_exports.errors import CredentialsRefusedError, DestinationError
from segment_exports.records.outcomes import Operation, Outcome
from segment_exports.records.receipts import chunk_fingerprint
from segment_exports.transport.call import Answer, Request
from segment_exports.transport.json_answers import error_class
from segment_exports.transport.pacing import Pacer
from segment_exports.transport.transport import Transport

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from tests.destinations.conftest import Stand

    from segment_exports.delivery.destination import Attempt
    from segment_exports.delivery.queue import Item

pytestmark = pytest.mark.alone(Why.ENGINE)

KEY = "k" * 32
A_DRAWER = 10


class Cards(Transport):
    """The client of the card index."""

    key_header = "card-key"
    example_url = "http://cards.example.com"

    def error_of(self, request: Request, answer: Answer) -> DestinationError:
        kind = CredentialsRefusedError if answer.status == 401 else error_class(answer.status)
        return kind(f"{request.label} was answered {answer.status}", status=answer.status)


class CardIndex:
    """The destination."""

    def __init__(self, cards: Cards) -> None:
        self.transport = cards

    def begin(self, attempt: Attempt) -> CardChunk:
        return CardChunk(self.transport, attempt)


class CardChunk:
    """One chunk on its way into the drawers."""

    way = "cards"
    note = None
    joins_unchecked = False

    def __init__(self, cards: Cards, attempt: Attempt) -> None:
        self._cards = cards
        self._attempt = attempt
        self.queue = WorkQueue(
            attempt.chunk.sizes, lambda _: False, most_contacts=A_DRAWER, most_bytes=100_000
        )

    async def set_up(self) -> None:
        self.queue.add_entries(np.flatnonzero(is_due(self._attempt.chunk.upsert)))

    async def perform(self, item: Item) -> None:
        assert isinstance(item, Batch)
        attempt, rows = self._attempt, item.rows.tolist()
        body = b"\n".join(attempt.chunk.payload(row) or b"" for row in rows)
        try:
            await self._cards.send(Request("PUT", "/cards", "PUT /cards", body), lambda _: None, item.call)
        except DestinationError as error:
            if not attempt.stopping.stops(error):
                attempt.stopping.missed(error)
            return
        attempt.stopping.answered()
        item.recording = True
        block = attempt.progress.settle(Operation.UPSERT, rows, Outcome.DELIVERED, item.call, status=200)
        await attempt.flusher.write([block])

    async def conclude(self) -> None:
        """Nothing was believed."""


class Server:
    """The card index itself; ``trouble`` are the statuses of its next answers."""

    def __init__(self) -> None:
        self.drawers: list[list[bytes]] = []
        self.trouble: list[int] = []
        self.url = ""

    async def put(self, request: web.Request) -> web.Response:
        body = await request.read()
        if request.headers.get("card-key") != KEY:
            return web.Response(status=401)
        if self.trouble:
            return web.Response(status=self.trouble.pop(0))
        self.drawers.append(body.split(b"\n"))
        return web.json_response({})


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    serving = Server()
    app = web.Application()
    app.router.add_put("/cards", serving.put)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    serving.url = "http://{}:{}".format(*runner.addresses[0][:2])
    yield serving
    await runner.cleanup()


async def no_wait(_seconds: float) -> None:
    await asyncio.sleep(0)


async def deliver(
    stand: Stand,
    server: Server,
    number: int,
    key: str = KEY,
    erased: Callable[[], frozenset[bytes]] = frozenset,
) -> ChunkResult:
    job = ChunkJob(
        run=stand.run,
        number=number,
        fingerprint=chunk_fingerprint(stand.run, number),
        account=stand.folder,
        requests_in_flight=2,
        erased=erased,
    )
    async with Cards(server.url, key, pacer=Pacer(None), sleep=no_wait) as cards:
        return await deliver_chunk(job, CardIndex(cards))


def people(stand: Stand, count: int) -> list[dict[str, Any]]:
    return [stand.person(f"P{number}") for number in range(count)]


async def test_it_delivers_in_batches_of_its_own_size_and_resumes(stand: Stand, server: Server) -> None:
    number = stand.plan(*people(stand, 25))

    first = await deliver(stand, server, number)
    again = await deliver(stand, server, number)

    assert first.complete
    assert sorted(len(drawer) for drawer in server.drawers) == [5, 10, 10]
    assert (first.membership, first.requests["total"]) == ("cards", 3)
    assert (again.delivered_before, again.requests["total"]) == (25, 0)


async def test_what_is_wrong_for_a_moment_is_tried_again(stand: Stand, server: Server) -> None:
    server.trouble = [503, 429]
    result = await deliver(stand, server, stand.plan(*people(stand, 3)))

    assert result.complete
    assert [len(drawer) for drawer in server.drawers] == [3]
    assert (result.requests["total"], result.requests["throttled"]) == (3, 1)


async def test_a_wrong_key_stops_it_with_nothing_sent(stand: Stand, server: Server) -> None:
    result = await deliver(stand, server, stand.plan(*people(stand, 3)), key="f" * 32)

    assert result.stopped is not None
    assert result.stopped.kind is StopKind.CREDENTIALS
    assert result.count(Outcome.NOT_SENT) == 3
    assert server.drawers == []


async def test_it_is_given_nobody_who_was_erased(stand: Stand, server: Server) -> None:
    rows = people(stand, 25)
    gone = frozenset({rows[3]["email_hash"], rows[24]["email_hash"]})

    result = await deliver(stand, server, stand.plan(*rows), erased=lambda: gone)

    assert (result.complete, result.held_back) == (True, 2)
    assert sum(len(drawer) for drawer in server.drawers) == 23
    assert all(b"p3@" not in card for drawer in server.drawers for card in drawer)
