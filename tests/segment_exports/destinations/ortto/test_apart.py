"""One person stands in one request at a time, whatever asks when."""

from __future__ import annotations

import asyncio
import contextlib

from hypothesis import given
from hypothesis import strategies as st

from segment_exports.destinations.ortto.delivering.apart import Apart

NAMES = st.lists(st.sampled_from(["a", "A", "b", "c", "d", None]), max_size=4)


@given(requests=st.lists(NAMES, max_size=12), turns=st.lists(st.integers(0, 3), min_size=12, max_size=12))
def test_no_name_is_in_two_requests_and_all_come_to_their_turn(
    requests: list[list[str | None]], turns: list[int]
) -> None:
    apart, busy, done = Apart(), list[str](), list[int]()

    async def send(number: int) -> None:
        async with apart.of(requests[number]):
            names = {one.lower() for one in requests[number] if one}
            assert names.isdisjoint(busy)
            busy.extend(names)
            for _ in range(turns[number]):
                await asyncio.sleep(0)
            for name in names:
                busy.remove(name)
        done.append(number)

    async def run() -> None:
        async with asyncio.TaskGroup() as group:
            for number in range(len(requests)):
                group.create_task(send(number))

    asyncio.run(run())
    assert sorted(done) == list(range(len(requests)))


async def test_a_request_that_fails_frees_its_people() -> None:
    apart = Apart()
    with contextlib.suppress(ZeroDivisionError):
        async with apart.of(["a"]):
            1 / 0  # noqa: B018 whatever fails

    async with asyncio.timeout(10), apart.of(["a"]):
        pass
