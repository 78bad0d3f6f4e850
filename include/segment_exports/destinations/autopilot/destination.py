"""Autopilot's side of the delivery: a chunk's lists, then which step an item of the queue is the work of."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from segment_exports.definition import Membership
from segment_exports.delivery.chunk import is_due
from segment_exports.delivery.queue import Batch, Single
from segment_exports.destinations.autopilot.batches import send_batch
from segment_exports.destinations.autopilot.chunk_delivery import ChunkDelivery
from segment_exports.destinations.autopilot.lists import ensure_lists, refuse_shared_lists
from segment_exports.destinations.autopilot.look_ups import LOOK_UPS, look_up
from segment_exports.destinations.autopilot.membership import MembershipWay
from segment_exports.destinations.autopilot.probing import check_joins, choose_way, send_canary
from segment_exports.destinations.autopilot.restoring import restore
from segment_exports.destinations.autopilot.singles import send_single
from segment_exports.destinations.list_registry import ListRegistry
from segment_exports.errors import ListProblemError
from segment_exports.records.outcomes import Operation, Outcome
from segment_exports.transport.call import Call

if TYPE_CHECKING:
    import numpy.typing as npt

    from segment_exports.delivery.destination import Attempt
    from segment_exports.delivery.queue import Item, WorkQueue
    from segment_exports.destinations.autopilot.client import AutopilotClient

LIST_GONE = "the list is not there any more"


class AutopilotDestination:
    """One account of Autopilot, to which chunks are delivered."""

    def __init__(self, client: AutopilotClient) -> None:
        self.transport = client

    def begin(self, attempt: Attempt) -> AutopilotChunk:
        """Return an attempt at a chunk; nothing is asked of the account yet."""
        return AutopilotChunk(ChunkDelivery(client=self.transport, **vars(attempt)))


class AutopilotChunk:
    """One attempt at one chunk."""

    def __init__(self, delivery: ChunkDelivery) -> None:
        self._delivery = delivery

    @property
    def queue(self) -> WorkQueue:
        """What is to be sent next."""
        return self._delivery.queue

    @property
    def way(self) -> str:
        """How membership is kept."""
        return self._delivery.way

    @property
    def note(self) -> str | None:
        """Why that is not the way that was asked for."""
        return self._delivery.note

    @property
    def joins_unchecked(self) -> bool:
        """Whether joins inside bulk upserts still have to be checked."""
        return self._delivery.joins_unchecked

    async def set_up(self) -> None:
        """Find or make the lists, decide how to keep membership, and queue what is due."""
        delivery = self._delivery
        if delivery.job.membership != Membership.FIELD:
            delivery.list_ids = await find_list_ids(delivery)
        await choose_way(delivery)
        delivery.plan()
        if delivery.way is MembershipWay.BULK:
            await send_canary(delivery)

    async def perform(self, item: Item) -> None:
        """Send an item, settle what it carried out, and queue what follows from it."""
        if isinstance(item, Batch):
            await send_batch(self._delivery, item)
        elif isinstance(item, Single) and item.kind in LOOK_UPS:
            await look_up(self._delivery, item)
        elif isinstance(item, Single):
            await send_single(self._delivery, item)
        else:
            await restore(self._delivery, item)

    async def conclude(self) -> None:
        """Check a sample of the joins inside bulk upserts; where they don't stand, all become due again."""
        await check_joins(self._delivery)


async def find_list_ids(delivery: ChunkDelivery) -> dict[str, str]:
    """Return the ids of the chunk's lists by title; those to be joined are made if need be.

    Memberships that would only be sent again for contacts made anew are left out where their list is
    not there any more. Where a list is gone that the definition names no more, everybody has left it.

    :raises ListProblemError: a list has vanished, is double, not ours, or one with another of the export.
    """
    chunk, job = delivery.chunk, delivery.job
    targets = {target.title: target for target in job.lists}
    titles = chunk.titles[: chunk.unsubscribe]
    if not titles:
        return {}
    registry = ListRegistry(job.account)
    # Of all lists: a chunk may hold leaves of the one and nothing of the other.
    refuse_shared_lists(job.lists, registry, former=job.former_lists)
    ids = await ensure_lists(
        delivery.client,
        [targets[title] for title in titles],
        registry,
        make=[titles[column] for column in _columns(chunk.is_planned_join)],
        former=job.former_lists,
        now=delivery.now,
        sleep=delivery.sleep,
    )
    chunk.forget_lists([column for column, title in enumerate(titles) if title not in ids])
    left = _columns(is_due(chunk.leave[:, : chunk.unsubscribe]))
    gone = [column for column in left if titles[column] not in ids]
    vanished = [titles[column] for column in gone if titles[column] not in job.former_lists]
    if vanished:
        raise ListProblemError(
            f"contacts are to leave lists that the account does not have: {', '.join(vanished)}"
        )
    await _settle_leaves(delivery, gone)
    return ids


async def _settle_leaves(delivery: ChunkDelivery, columns: list[int]) -> None:
    """Write down that nobody is on some lists any more."""
    blocks = [
        delivery.progress.settle(
            Operation.LEAVE,
            np.flatnonzero(is_due(delivery.chunk.leave[:, column])).tolist(),
            Outcome.DELIVERED,
            Call(),
            column=column,
            reason=LIST_GONE,
        )
        for column in columns
    ]
    if blocks:
        await delivery.flusher.write(blocks)


def _columns(states: npt.NDArray[np.bool_]) -> list[int]:
    """Return the columns in which any row is set."""
    found: list[int] = np.flatnonzero(np.any(states, axis=0)).tolist()
    return found
