"""The second face of a destination: it delivers one chunk over the engine's queue, progress and flusher.

The engine knows no endpoint and no way of keeping membership. It lets workers take items from the queue
until none is left, watches for reasons to stop, and closes the receipts; what an item is to the
destination, and what follows from its answer, only the destination knows. It raises its errors by what a
caller can do about them (:mod:`segment_exports.errors`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from datetime import datetime

    from segment_exports.delivery.chunk import Chunk
    from segment_exports.delivery.flushing import ReceiptFlusher
    from segment_exports.delivery.job import ChunkJob
    from segment_exports.delivery.progress import Progress
    from segment_exports.delivery.queue import Item, WorkQueue
    from segment_exports.delivery.refusals import Refusals
    from segment_exports.delivery.stopping import Stopping
    from segment_exports.transport.transport import Transport


@dataclass(kw_only=True)
class Attempt:
    """What the engine hands to a destination for one attempt at a chunk.

    :param joins_unchecked: an attempt before this one wrote memberships down as delivered, and the check
        whether they stand is still to come.
    """

    job: ChunkJob
    chunk: Chunk
    progress: Progress
    flusher: ReceiptFlusher
    stopping: Stopping
    refusals: Refusals
    now: Callable[[], datetime]
    sleep: Callable[[float], Awaitable[object]]
    uniform: Callable[[], float]
    joins_unchecked: bool = False


class ChunkOnItsWay(Protocol):
    """One attempt at one chunk, at its destination."""

    @property
    def queue(self) -> WorkQueue:
        """What is to be sent next; another one after the way of keeping membership has changed."""

    @property
    def way(self) -> str:
        """How membership is kept."""

    @property
    def note(self) -> str | None:
        """Why that is not the way that was asked for."""

    @property
    def joins_unchecked(self) -> bool:
        """Whether memberships that were written down as delivered still have to be checked.

        The receipts carry it to the next attempt.
        """

    async def set_up(self) -> None:
        """Find or make what the contacts are sent to, decide how to keep membership, queue what is due.

        :raises DestinationError: the chunk can't be begun.
        """

    async def perform(self, item: Item) -> None:
        """Send an item, settle what it carried out, and queue what follows from it."""

    async def conclude(self) -> None:
        """Check what was believed. What does not stand becomes due again.

        :raises DestinationError: the check can't be made.
        """


class DeliveryDestination(Protocol):
    """One account, to which chunks are delivered."""

    @property
    def transport(self) -> Transport:
        """Its requests: paced, counted, and open while chunks are delivered."""

    def begin(self, attempt: Attempt) -> ChunkOnItsWay:
        """Return an attempt at a chunk; nothing is asked of the account yet."""
