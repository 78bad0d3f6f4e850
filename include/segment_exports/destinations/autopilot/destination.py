"""Autopilot's side of the delivery: which step an item of the queue is the work of."""

from __future__ import annotations

from typing import TYPE_CHECKING

from segment_exports.definition import Membership
from segment_exports.delivery.queue import Batch, Single
from segment_exports.destinations.autopilot.batches import send_batch
from segment_exports.destinations.autopilot.chunk_delivery import ChunkDelivery
from segment_exports.destinations.autopilot.membership import MembershipWay
from segment_exports.destinations.autopilot.probing import check_joins, choose_way, send_canary
from segment_exports.destinations.autopilot.restoring import restore
from segment_exports.destinations.autopilot.singles import send_single
from segment_exports.destinations.autopilot.targets import find_list_ids

if TYPE_CHECKING:
    from segment_exports.delivery.destination import Attempt
    from segment_exports.delivery.queue import Item, WorkQueue
    from segment_exports.destinations.autopilot.client import AutopilotClient


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
        elif isinstance(item, Single):
            await send_single(self._delivery, item)
        else:
            await restore(self._delivery, item)

    async def conclude(self) -> None:
        """Check a sample of the joins inside bulk upserts; where they don't stand, all become due again."""
        await check_joins(self._delivery)
