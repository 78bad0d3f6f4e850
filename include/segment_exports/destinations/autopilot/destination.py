"""Autopilot's side of the delivery: a chunk's lists, then which step an item of the queue is the work of."""

from __future__ import annotations

from typing import TYPE_CHECKING

from segment_exports.definition import Membership
from segment_exports.delivery.queue import Batch, Single
from segment_exports.destinations.autopilot.batches import send_batch
from segment_exports.destinations.autopilot.chunk_delivery import ChunkDelivery
from segment_exports.destinations.autopilot.lists import ensure_lists, refuse_shared_lists
from segment_exports.destinations.autopilot.look_ups import LOOK_UPS, look_up
from segment_exports.destinations.autopilot.membership import MembershipWay
from segment_exports.destinations.autopilot.probing import check_joins, choose_way, send_canary
from segment_exports.destinations.autopilot.restoring import restore
from segment_exports.destinations.autopilot.singles import send_single
from segment_exports.destinations.gone_lists import settle_gone_lists, titles_to_make
from segment_exports.destinations.list_registry import ListRegistry

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
        make=titles_to_make(delivery),
        former=job.former_lists,
        now=delivery.now,
        sleep=delivery.sleep,
    )
    await settle_gone_lists(delivery, ids)
    return ids
