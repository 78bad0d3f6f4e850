"""No address stands twice in one request, whichever rows of a chunk share it."""

from __future__ import annotations

import asyncio
from itertools import groupby
from types import SimpleNamespace

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from segment_exports.delivery.queue import WorkQueue
from segment_exports.delivery.refusals import MOST_ALIKE
from segment_exports.destinations.autopilot.batches import in_long_runs, put_off_repeated


@given(st.lists(st.tuples(st.booleans(), st.integers(1, 20)), max_size=8))
def test_only_many_that_are_left_out_in_a_row_are_in_doubt(runs: list[tuple[bool, int]]) -> None:
    merged = [(value, sum(count for _, count in group)) for value, group in groupby(runs, lambda one: one[0])]
    left_out = np.repeat([value for value, _ in merged], [count for _, count in merged]).astype(np.bool_)
    expected = [value and count >= MOST_ALIKE for value, count in merged for _ in range(count)]

    assert in_long_runs(left_out).tolist() == expected


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
