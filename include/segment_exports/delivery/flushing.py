"""Writes receipts while requests go on: one writer, whole files, several outcomes at a time.

A request counts as in flight until its outcomes are flushed, and its worker waits for that. So a flush
is due when 100 outcomes wait, when a second has passed, or as soon as too few workers are left that
could use the next start: nothing is written more often than the rate needs.
"""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from segment_exports.records.receipts import ROWS_PER_FILE
from segment_exports.records.tables.schemas import RECEIPT

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from segment_exports.records.outcomes import Operation, Outcome
    from segment_exports.records.receipts import ReceiptFolder, Tally

_OUTCOMES = 100
_SECONDS = 1.0
_LOOK_SECONDS = 0.01


@dataclass(frozen=True)
class Block:
    """Outcomes of one operation for some rows; ``at`` is in milliseconds since 1970, UTC."""

    rows: Sequence[int]
    operation: Operation
    list: str | None
    outcome: Outcome
    contact_ids: Sequence[str | None]
    recreated: Sequence[bool]
    reason: str | None
    http_status: int | None
    attempts: int
    at: int


class ReceiptFlusher:
    """Takes blocks of outcomes and writes them down.

    :param tally: figures of the attempt at this moment.
    :param is_starved: whether the next start may find no worker that is free.
    """

    def __init__(
        self,
        folder: ReceiptFolder,
        attempt: int,
        *,
        tally: Callable[[], Tally],
        is_starved: Callable[[], bool],
        clock: Callable[[], float],
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
    ) -> None:
        self._folder = folder
        self._attempt = attempt
        self._tally = tally
        self._is_starved = is_starved
        self._clock = clock
        self._sleep = sleep
        self._blocks: list[Block] = []
        self._rows = 0
        self._waiting: list[asyncio.Future[None]] = []
        self._wake = asyncio.Event()
        self._sequence = 1
        self._file = RECEIPT.empty_table()
        self._thread = ThreadPoolExecutor(1, "receipts")

    async def write(self, blocks: Sequence[Block]) -> None:
        """Return when these outcomes lie in the store. Whatever the store raises comes out here."""
        flushed = asyncio.get_running_loop().create_future()
        self._blocks.extend(blocks)
        self._rows += sum(len(block.rows) for block in blocks)
        self._waiting.append(flushed)
        self._wake.set()
        await flushed

    async def run(self) -> None:
        """Flush whenever it is due, until cancelled."""
        while True:
            await self._wake.wait()
            since = self._clock()
            await asyncio.sleep(0)  # answers that came together are written together
            while self._rows < _OUTCOMES and not self._is_starved() and self._clock() - since < _SECONDS:
                await self._sleep(_LOOK_SECONDS)
            await self._flush(ended=False)

    async def close(self, blocks: Sequence[Block]) -> None:
        """Write these last outcomes and that the attempt ended of itself."""
        self._blocks.extend(blocks)
        await self._flush(ended=True)

    def release(self) -> None:
        """Let go of the thread."""
        self._thread.shutdown(wait=False, cancel_futures=True)

    async def _flush(self, *, ended: bool) -> None:
        blocks, waiting = self._blocks, self._waiting
        self._blocks, self._rows, self._waiting = [], 0, []
        self._wake.clear()
        tally = replace(self._tally(), ended=ended)
        loop = asyncio.get_running_loop()
        try:
            await loop.run_in_executor(self._thread, self._write, blocks, tally)
        except Exception as error:
            for flushed in waiting:
                if not flushed.done():
                    flushed.set_exception(error)
            if not waiting:
                raise
            return
        for flushed in waiting:
            if not flushed.done():
                flushed.set_result(None)

    def _write(self, blocks: Sequence[Block], tally: Tally) -> None:
        if len(self._file) >= ROWS_PER_FILE:
            self._sequence += 1
            self._file = RECEIPT.empty_table()
        self._file = pa.concat_tables([self._file, to_table(blocks)]).combine_chunks()
        self._folder.write(self._attempt, self._sequence, self._file, tally)


def to_table(blocks: Sequence[Block]) -> pa.Table:
    """Return blocks as rows of the schema ``RECEIPT``."""
    columns: dict[str, list[Any]] = {name: [] for name in RECEIPT.names}
    for block in blocks:
        count = len(block.rows)
        columns["row"] += block.rows
        columns["operation"] += [str(block.operation)] * count
        columns["list"] += [block.list] * count
        columns["outcome"] += [str(block.outcome)] * count
        columns["contact_id"] += block.contact_ids
        columns["recreated"] += block.recreated
        columns["reason"] += [block.reason] * count
        columns["http_status"] += [block.http_status] * count
        columns["attempts"] += [block.attempts] * count
        columns["at"] += [block.at] * count
    return pa.table(columns, RECEIPT)
