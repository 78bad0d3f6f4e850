"""People who are erased between the plan and the end of its upload: nothing is made or joined of them.

What was sent before stays: the next plan takes them off our lists. So do their leaves in this one.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from segment_exports.delivery.queue import Batch, Restore, Single, SingleKind

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy.typing as npt

    from segment_exports.delivery.chunk import Chunk
    from segment_exports.delivery.queue import Item

_ENDS_A_MAILING = frozenset({SingleKind.LEAVE, SingleKind.LEAVE_ELSEWHERE, SingleKind.UNSUBSCRIBE})


class Erasures:
    """Looks for people of a chunk who were erased.

    :param ask: returns the keyed hashes of all who were ever erased.
    """

    def __init__(self, chunk: Chunk, ask: Callable[[], frozenset[bytes]]) -> None:
        self._chunk = chunk
        self._ask = ask
        self._known: frozenset[bytes] = frozenset()

    async def look(self) -> None:
        """Hold back who was erased since the last look."""
        found = await asyncio.to_thread(self._ask)
        if new := found - self._known:
            self._known |= new
            self._chunk.hold_back(new)


def without_erased(item: Item, chunk: Chunk) -> Item | None:
    """Return an item without those who are held back; None where nothing is left of it.

    Its call is withdrawn where somebody of it is erased while it waits: then it comes here again.
    """
    match item:
        case Batch():
            return item if item.kind.ends_a_mailing else batch_without_erased(item, chunk)
        case Restore():
            rows = _allowed(item, np.array(item.rows), chunk).tolist()
            return replace(item, rows=rows) if rows else None
        case Single():
            ends = item.kind in _ENDS_A_MAILING
            return item if ends or len(_allowed(item, np.array([item.row]), chunk)) else None


def batch_without_erased(batch: Batch, chunk: Chunk) -> Batch | None:
    """Do the same with a batch."""
    rows = _allowed(batch, batch.rows, chunk)
    if len(rows) == len(batch):
        return batch
    lists = batch.lists[np.isin(batch.rows, rows)]
    return replace(batch, rows=rows, lists=lists) if len(rows) else None


def _allowed(item: Item, rows: npt.NDArray[np.int64], chunk: Chunk) -> npt.NDArray[np.int64]:
    """Return those who are not held back; the item's call is withdrawn once one of them is."""
    allowed: npt.NDArray[np.int64] = rows[~chunk.held_back[rows]]
    item.call.is_withdrawn = lambda: bool(chunk.held_back[allowed].any())
    return allowed
