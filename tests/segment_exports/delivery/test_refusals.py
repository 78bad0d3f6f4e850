"""Rejections wait until it is known that the destination takes others."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from segment_exports.delivery.job import StopKind
from segment_exports.delivery.refusals import MOST_ALIKE, Refusals
from segment_exports.delivery.stopping import Stopping
from segment_exports.records.outcomes import Operation


class Book:
    """What was written down as rejected."""

    def __init__(self, *taken: Operation) -> None:
        self.stopping = Stopping(8)
        self.refusals = Refusals(self.stopping, dict.fromkeys(taken, 1))
        self.rows: list[int] = []

    async def refuse(
        self, row: int, reason: str = "no", operation: Operation = Operation.UPSERT, column: int = -1
    ) -> None:
        async def book() -> None:
            self.rows.append(row)

        self.refusals.refused(operation, (row, column), reason, book)


async def test_they_wait_until_many_others_are_taken() -> None:
    book = Book()
    await book.refuse(1)
    await book.refuse(2)
    await book.refusals.took(Operation.UPSERT, MOST_ALIKE - 1)
    assert book.rows == []

    await book.refusals.took(Operation.UPSERT)
    assert book.rows == [1, 2]


@pytest.mark.parametrize("exception", range(MOST_ALIKE))
async def test_one_that_is_taken_among_them_does_not_make_those_before_it_rejected(exception: int) -> None:
    """The one that lacks what the account refuses of everybody: it comes when it comes."""
    book = Book()
    for row in range(2 * MOST_ALIKE):
        if row == exception:
            await book.refusals.took(Operation.UPSERT)
        elif book.stopping.stop is None:
            await book.refuse(row)

    assert book.stopping.stop.kind is StopKind.REFUSED_ALIKE
    assert book.rows == []


@pytest.mark.parametrize(
    ("reasons", "rejected", "blamed"),
    [
        (["this", "that"], [0, 1], None),
        (["this", "that", "this", "that"], [0, 1, 2, 3], None),
        (["full", "bad", "full", "full"], [1], "full"),
    ],
)
async def test_where_nobody_is_taken_other_reasons_show_whether_contacts_are_judged_one_by_one(
    reasons: list[str], rejected: list[int], blamed: str | None
) -> None:
    book = Book()
    for row, reason in enumerate(reasons):
        await book.refuse(row, reason)
    await book.refusals.conclude()

    assert sorted(book.rows) == rejected
    assert (blamed or "") in (book.stopping.stop.message if book.stopping.stop else "")
    assert (book.stopping.stop is None) is (blamed is None)


async def test_an_answer_that_was_on_its_way_when_the_delivery_stopped_rejects_nobody() -> None:
    book = Book()
    for row in range(MOST_ALIKE):
        await book.refuse(row)
    assert book.stopping.stop.kind is StopKind.REFUSED_ALIKE

    await book.refusals.took(Operation.UPSERT, 100)

    assert book.rows == []


async def test_one_that_is_refused_for_another_reason_later_is_written_down_once() -> None:
    book = Book(Operation.UPSERT)
    await book.refuse(1, "this")
    await book.refuse(1, "that")

    await book.refusals.conclude()
    assert book.rows == [1]


async def test_what_is_taken_of_another_kind_shows_nothing() -> None:
    book = Book(Operation.UPSERT)
    for row in range(3):
        await book.refuse(row, operation=Operation.JOIN)
    await book.refusals.took(Operation.UPSERT)

    assert not await book.refusals.conclude()
    assert book.rows == []
    assert book.stopping.stop.kind is StopKind.REFUSED_ALIKE


@pytest.mark.parametrize(
    ("taken", "count", "stops"), [(True, 15, False), (False, 15, True), (False, 1, False)]
)
async def test_at_the_end_they_count_beside_others_that_were_taken(taken, count, stops) -> None:
    book = Book(*[Operation.UPSERT] * taken)
    for row in range(count):
        await book.refuse(row)

    assert await book.refusals.conclude() is not stops
    assert book.rows == ([] if stops else list(range(count)))
    assert (book.stopping.stop is not None) is stops


async def test_a_contact_that_is_refused_on_several_lists_is_one_bad_contact() -> None:
    book = Book()
    for column in range(MOST_ALIKE):
        await book.refuse(7, operation=Operation.JOIN, column=column)

    assert await book.refusals.conclude()
    assert book.rows == [7] * MOST_ALIKE
    assert book.stopping.stop is None


async def test_so_many_in_a_row_stop_whatever_was_taken_before() -> None:
    book = Book(Operation.UPSERT)
    for row in range(MOST_ALIKE):
        assert book.stopping.stop is None
        await book.refuse(row, "The plan is full")

    assert "The plan is full" in book.stopping.stop.message
    assert book.rows == []


async def test_one_that_is_refused_again_counts_once() -> None:
    book = Book()
    for _ in range(2 * MOST_ALIKE):
        await book.refuse(1)

    assert book.stopping.stop is None
    await book.refusals.conclude()
    assert book.rows == [1]


@given(st.lists(st.sampled_from(["taken", "this", "that"]), max_size=60))
def test_nobody_is_written_down_without_evidence_and_nobody_is_forgotten_with_it(course: list[str]) -> None:
    async def run() -> None:
        book = Book()
        for row, one in enumerate(course):
            if one == "taken":
                await book.refusals.took(Operation.UPSERT)
            else:
                await book.refuse(row, one)
            if book.stopping.stop is not None:
                break
        else:
            await book.refusals.conclude()
        refused = [row for row, one in enumerate(course) if one != "taken"]
        if book.stopping.stop is None:
            assert book.rows == refused
        elif course.count("taken") < MOST_ALIKE and len(set(course) - {"taken"}) == 1:
            assert book.rows == []
        assert len(book.rows) == len(set(book.rows))

    asyncio.run(run())
