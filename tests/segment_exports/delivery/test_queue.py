from __future__ import annotations

import asyncio

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from segment_exports.delivery.queue import NO_LIST, Batch, BatchKind, Restore, Single, SingleKind, WorkQueue


def queue(feeds: bool = False, size: int = 100) -> WorkQueue:
    return WorkQueue(np.full(1000, size), lambda _rows: feeds, most_bytes=2_000_000)


def entries(count: int, start: int = 0) -> np.ndarray:
    return np.arange(start, start + count)


def batch_of(rows: list[int], lists: list[int], *, feeds: bool = False) -> Batch:
    return Batch(np.array(rows), np.array(lists), feeds)


async def everything(work: WorkQueue) -> list[object]:
    taken = []
    while (item := await work.take()) is not None:
        taken.append(item)
        work.done(item)
    return taken


async def test_leaves_come_first_then_halves_then_batches_then_joins_then_the_gone() -> None:
    work = queue()
    work.add_gone(7)
    work.add_join(1, 0)
    work.add_entries(entries(1))
    work.add_halves(batch_of([5, 6], [NO_LIST] * 2))
    work.add_first(Single(SingleKind.LEAVE, 9, 0))
    leave, half, other, batch, join, gone = await everything(work)

    assert isinstance(leave, Single)
    assert (leave.kind, leave.row) == (SingleKind.LEAVE, 9)
    assert [one.rows.tolist() for one in (half, other, batch)] == [[5], [6], [0]]
    assert (join.kind, join.row, join.column) == (SingleKind.JOIN, 1, 0)
    assert isinstance(gone, Restore)
    assert gone.rows == [7]


async def test_batches_hold_a_hundred_but_for_the_last() -> None:
    work = queue()
    work.add_entries(entries(250))
    assert [len(batch) for batch in await everything(work)] == [100, 100, 50]


async def test_batches_keep_below_the_largest_body() -> None:
    work = queue(size=900_000)
    work.add_entries(entries(5))
    assert [len(batch) for batch in await everything(work)] == [2, 2, 1]


async def test_a_contact_larger_than_any_body_goes_alone() -> None:
    work = queue(size=40_000_000)
    work.add_entries(entries(2))
    assert [len(batch) for batch in await everything(work)] == [1, 1]


async def test_a_batch_that_is_not_full_waits_for_what_may_fill_it() -> None:
    work = queue(feeds=True)
    work.add_entries(entries(150))
    first = await work.take()
    waiting = asyncio.create_task(work.take())
    await asyncio.sleep(0)
    assert not waiting.done()

    work.add_entries(entries(60, start=500))
    work.done(first)
    assert len(await waiting) == 100


async def test_it_waits_for_nothing_that_can_bring_no_more() -> None:
    work = queue(feeds=False)
    work.add_entries(entries(150))
    await work.take()
    assert len(await work.take()) == 50


async def test_several_wait_until_the_last_one_under_way_is_done() -> None:
    work = queue()
    work.add_join(1, 0)
    item = await work.take()
    waiting = [asyncio.create_task(work.take()) for _ in range(3)]
    await asyncio.sleep(0)
    work.add_gone(1)
    work.done(item)
    (restoring,), _ = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
    restore = restoring.result()
    assert isinstance(restore, Restore)

    work.done(restore)
    assert [one for one in await asyncio.gather(*waiting) if one is not None] == [restore]


async def test_once_closed_nothing_is_given_out() -> None:
    work = queue()
    work.add_entries(entries(10))
    waiting = [asyncio.create_task(work.take()) for _ in range(2)]
    await asyncio.sleep(0)
    work.close()
    taken = await asyncio.gather(*waiting)

    assert [type(one) for one in taken] == [Batch, type(None)]
    assert await work.take() is None


def test_halves_keep_what_they_need() -> None:
    work = queue()
    work.add_halves(batch_of([1, 2, 3], [4, 5, 6], feeds=True), max_attempts=2)
    first, second = asyncio.run(everything(work))

    assert (first.rows.tolist(), first.lists.tolist()) == ([1], [4])
    assert (second.rows.tolist(), second.lists.tolist()) == ([2, 3], [5, 6])
    assert first.feeds
    assert first.call is not second.call
    assert first.call.max_attempts == 2


def test_a_batch_of_joins_leaves_the_rest_in_order() -> None:
    work = queue()
    assert work.take_joining() is None
    work.add_entries(np.arange(4), np.array([NO_LIST, 0, NO_LIST, 1]))
    joining = work.take_joining()

    assert joining is not None
    assert (joining.rows.tolist(), joining.lists.tolist()) == ([1, 3], [0, 1])
    (batch,) = asyncio.run(everything(work))
    assert batch.rows.tolist() == [0, 2]


async def test_a_batch_of_joins_keeps_below_the_largest_body_too() -> None:
    work = queue(size=900_000)
    work.add_entries(entries(5), np.zeros(5, np.int64))
    joining = work.take_joining()

    assert joining is not None
    assert joining.rows.tolist() == [0, 1]
    assert [batch.rows.tolist() for batch in await everything(work)] == [[2, 3], [4]]


async def test_who_is_found_gone_by_several_joins_is_restored_once() -> None:
    work = queue()
    for row in (7, 8, 7):
        work.add_gone(row)
    (gone,) = await everything(work)
    assert gone.rows == [7, 8]


ROWS = st.lists(st.integers(0, 40), max_size=30)


@given(st.lists(st.one_of(ROWS.map(lambda rows: ("add", rows)), st.just(("take", []))), max_size=12))
def test_no_row_is_twice_in_what_waits_and_none_is_lost(course: list[tuple[str, list[int]]]) -> None:
    async def run() -> None:
        work = queue()
        due: set[int] = set()
        for what, rows in course:
            if what == "add":
                work.add_entries(np.array(rows, np.int64))
                due |= set(rows)
            elif due:
                batch = await work.take()
                assert len(set(batch.rows.tolist())) == len(batch)
                due -= set(batch.rows.tolist())
                work.done(batch)
        rest = [row for batch in await everything(work) for row in batch.rows.tolist()]
        assert sorted(rest) == sorted(due)

    asyncio.run(run())


LEAVES = BatchKind("leaves", ends_a_mailing=True)
PEOPLE = BatchKind("people")


def kinds_queue() -> WorkQueue:
    return WorkQueue(np.full(300, 10), lambda _rows: False, most_bytes=10**6, kinds=(LEAVES, PEOPLE))


async def test_batches_hold_one_kind_each_in_the_order_of_the_kinds() -> None:
    queue = kinds_queue()
    queue.add_entries(np.arange(150), kind=PEOPLE)
    queue.add_entries(np.arange(150, 160), kind=LEAVES)

    taken = [await queue.take() for _ in range(3)]

    assert [(one.kind, len(one)) for one in taken if isinstance(one, Batch)] == [
        (LEAVES, 10),
        (PEOPLE, 100),
        (PEOPLE, 50),
    ]


async def test_a_row_may_wait_once_in_each_kind() -> None:
    queue = kinds_queue()
    for kind in (PEOPLE, LEAVES, PEOPLE):
        queue.add_entries(np.array([7]), kind=kind)

    first, second = await queue.take(), await queue.take()

    assert [one.rows.tolist() for one in (first, second) if isinstance(one, Batch)] == [[7], [7]]


async def test_halves_are_of_the_kind_of_the_whole() -> None:
    queue = kinds_queue()
    queue.add_entries(np.arange(4), kind=LEAVES)
    whole = await queue.take()
    assert isinstance(whole, Batch)

    queue.add_halves(whole)

    halves = [await queue.take(), await queue.take()]
    assert all(isinstance(one, Batch) and one.kind is LEAVES for one in halves)
