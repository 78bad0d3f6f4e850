"""No address stands twice in one request, whichever rows of a chunk share it."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from segment_exports.delivery.queue import WorkQueue
from segment_exports.destinations.autopilot.batches import put_off_repeated


@given(st.lists(st.sampled_from("abcdefg"), min_size=1, max_size=40), st.integers(1, 10))
def test_rows_that_share_an_address_go_in_different_requests_and_all_go(names: list[str], most: int) -> None:
    async def run() -> None:
        rows = np.arange(len(names))
        queue = WorkQueue(np.full(len(names), 100), lambda _: False, most_contacts=most, most_bytes=10_000)
        emails = np.array([f"{name}@example.com" for name in names], np.object_)
        delivery = SimpleNamespace(chunk=SimpleNamespace(emails=emails), queue=queue)
        queue.add_entries(rows)
        sent = []
        while (batch := await queue.take()) is not None:
            put_off_repeated(delivery, batch)
            addresses = emails[batch.rows].tolist()
            assert len(set(addresses)) == len(addresses) > 0
            sent += batch.rows.tolist()
            queue.done(batch)
        assert sorted(sent) == rows.tolist()

    asyncio.run(run())
