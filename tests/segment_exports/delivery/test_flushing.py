from __future__ import annotations

import asyncio
import threading
import time

import pytest

from segment_exports.delivery.flushing import Block, ReceiptFlusher
from segment_exports.records.outcomes import Operation, Outcome
from segment_exports.records.receipts import ROWS_PER_FILE, ReceiptFolder, Tally
from segment_exports.records.staging import Store

CONTENT = "ab" * 32


def block(*rows: int, outcome: Outcome = Outcome.DELIVERED) -> Block:
    ids = [f"person_{row}" for row in rows]
    return Block(
        rows, Operation.UPSERT, None, outcome, ids, [False] * len(rows), None, 200, 1, 1_770_000_000_000
    )


class Notebook:
    """A folder of receipts that counts what is written, and waits until its store is ``ready``."""

    def __init__(self, tmp_path, *, starved: bool = True, clock=time.monotonic) -> None:
        self.store = Store.local(tmp_path)
        self.folder = ReceiptFolder(self.store, 1, CONTENT)
        self.attempt = self.folder.begin("now")
        self.starved = starved
        self.writes: list[int] = []
        self.ready = threading.Event()
        self.ready.set()
        write = self.folder.write

        def counted(attempt, sequence, rows, tally) -> None:
            assert self.ready.wait(30)
            self.writes.append(len(rows))
            write(attempt, sequence, rows, tally)

        self.folder.write = counted
        self.flusher = ReceiptFlusher(
            self.folder,
            self.attempt,
            tally=lambda: Tally(total=len(self.writes)),
            is_starved=lambda: self.starved,
            clock=clock,
        )

    async def __aenter__(self) -> Notebook:
        self.task = asyncio.create_task(self.flusher.run())
        return self

    async def __aexit__(self, *_: object) -> None:
        self.task.cancel()
        await asyncio.gather(self.task, return_exceptions=True)
        self.flusher.release()

    def rows(self) -> list[int]:
        return self.folder.read().table["row"].to_pylist()


async def test_outcomes_are_in_the_store_when_writing_returns(tmp_path) -> None:
    async with Notebook(tmp_path) as book:
        await book.flusher.write([block(0, 1), block(2)])
        assert book.rows() == [0, 1, 2]


async def test_while_workers_are_free_outcomes_are_gathered(tmp_path) -> None:
    async with Notebook(tmp_path, starved=False, clock=lambda: 0.0) as book:
        writing = [asyncio.create_task(book.flusher.write([block(row)])) for row in range(5)]
        await asyncio.sleep(0.1)
        assert book.writes == []
        book.starved = True
        await asyncio.gather(*writing)
        assert book.writes == [5]


async def test_a_hundred_outcomes_are_written_at_once(tmp_path) -> None:
    async with Notebook(tmp_path, starved=False, clock=lambda: 0.0) as book, asyncio.timeout(30):
        await book.flusher.write([block(*range(100))])
        assert book.writes == [100]


async def test_nothing_waits_for_longer_than_about_a_second(tmp_path) -> None:
    now = 0.0
    async with Notebook(tmp_path, starved=False, clock=lambda: now) as book, asyncio.timeout(30):
        writing = asyncio.create_task(book.flusher.write([block(0)]))
        await asyncio.sleep(0.1)
        now = 0.9
        await asyncio.sleep(0.1)
        assert book.writes == []
        now = 1.0
        await writing
        assert book.writes == [1]


async def test_what_piles_up_behind_a_slow_store_is_written_together(tmp_path) -> None:
    async with Notebook(tmp_path) as book:
        book.ready.clear()
        writing = []
        for row in range(40):
            writing.append(asyncio.create_task(book.flusher.write([block(row)])))
            await asyncio.sleep(0.005)
        book.ready.set()
        await asyncio.gather(*writing)
        assert len(book.writes) == 2
        assert book.rows() == list(range(40))


async def test_the_loop_goes_on_while_the_store_is_slow(tmp_path) -> None:
    async with Notebook(tmp_path) as book:
        book.ready.clear()
        writing = asyncio.create_task(book.flusher.write([block(0)]))
        for _ in range(10):
            await asyncio.sleep(0.01)
        assert not writing.done()
        book.ready.set()
        await writing


async def test_files_are_few_and_hold_about_two_thousand_rows(tmp_path) -> None:
    async with Notebook(tmp_path) as book:
        for start in range(0, 5000, 100):
            await book.flusher.write([block(*range(start, start + 100))])
        names = [name for name in book.store.names("receipts/0001") if name.endswith(".arrow")]
        assert len(names) == -(-5000 // ROWS_PER_FILE)
        assert book.rows() == list(range(5000))


async def test_the_last_file_says_that_the_attempt_ended_of_itself(tmp_path) -> None:
    async with Notebook(tmp_path) as book:
        await book.flusher.write([block(0)])
        assert book.folder.read().last_cut_off == 1
        await book.flusher.close([block(1, outcome=Outcome.NOT_SENT)])
        assert book.folder.read().last_cut_off == 0
        assert book.rows() == [0, 1]


async def test_ending_without_an_outcome_is_written_down_too(tmp_path) -> None:
    async with Notebook(tmp_path) as book:
        await book.flusher.close([])
        assert book.folder.read().last_cut_off == 0


async def test_a_store_that_fails_fails_those_who_wait(tmp_path) -> None:
    async with Notebook(tmp_path) as book:

        def full(*_: object) -> None:
            raise OSError(28, "No space left on device")

        book.folder.write = full
        with pytest.raises(OSError, match="No space left"):
            await book.flusher.write([block(0)])
        with pytest.raises(OSError, match="No space left"):
            await book.flusher.close([])
