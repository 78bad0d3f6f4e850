"""Addresses that have another contact at the destination than the known one, or none.

The known contact is looked at: it is gone (deleted, or merged into another), or somebody gave it another
address there. In either case the contact that has the address now is sent whole. A contact that is
otherwise unchanged has no payload in its chunk: it is fetched from ``contacts.parquet``. Its join is
answered 404, or, inside a bulk upsert, makes a bare contact of it; both are noticed, and healed in the
same run.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from segment_exports.delivery.chunk import State
from segment_exports.delivery.payloads import read_payloads
from segment_exports.destinations.autopilot.membership import MembershipWay
from segment_exports.errors import DestinationError, OutcomeUnknownError
from segment_exports.records.outcomes import CONTACT_GONE, Outcome
from segment_exports.transport.reasons import reason_of

if TYPE_CHECKING:
    from segment_exports.delivery.content import Content
    from segment_exports.delivery.queue import Batch, Restore
    from segment_exports.destinations.autopilot.chunk_delivery import ChunkDelivery

_TAKEN_BACK_ANOTHER = "POST /contact was answered 200 with another contact than POST /contacts was"


async def meet_another(
    delivery: ChunkDelivery, batch: Batch, content: Content, contact_id: str, *, hold_joins: bool
) -> None:
    """Settle what was carried out for one contact whose address was answered with another id.

    Nothing is written down before the known contact was looked at: cut off, all is done again. Where it
    lives, it leaves our lists, and where it has unsubscribed, nobody joins them in its stead.

    :param content: of this contact alone, and in doubt.
    """
    chunk, (row,) = delivery.chunk, content.rows.tolist()
    batch.recording = False
    try:
        known = await delivery.client.contact_unless_gone(chunk.contact_ids[row] or "")
        is_unsubscribed = known is not None and known.get("unsubscribed") is True
        if is_unsubscribed:
            await _take_back(delivery, content, contact_id)
    except DestinationError as error:
        batch.recording = True
        await _leave_open(delivery, batch, content, error)
        return
    batch.recording = True
    delivery.stopping.answered()
    chunk.contact_ids[row] = contact_id
    elsewhere: list[int] = []
    if known is None:
        chunk.mark_recreated(row)
    else:
        elsewhere = chunk.mark_displaced(row)
        content = content.without_leaves()
    with_joins = not (hold_joins or is_unsubscribed)
    blocks = delivery.progress.settle_content(
        content, np.ones(1, np.bool_), Outcome.DELIVERED, batch.call, with_joins=with_joins
    )
    if is_unsubscribed:
        blocks += delivery.progress.suppress_due_joins(row, batch.call)
    await delivery.flusher.write(blocks)
    delivery.plan_leaves_elsewhere(row, elsewhere)
    if chunk.upsert[row] == State.ABSENT and row not in delivery.sought:
        delivery.queue.add_gone(row)
    elif not hold_joins:
        delivery.go_on(content.rows)


async def _take_back(delivery: ChunkDelivery, content: Content, contact_id: str) -> None:
    """Take a contact off the lists that it was put on along with its upsert."""
    columns = content.joins.columns.tolist()
    if delivery.way is MembershipWay.FIELD and columns:
        email = delivery.chunk.emails[content.rows[0]]
        if await delivery.client.upsert(delivery.bodies.leaving(email, columns)) != contact_id:
            raise OutcomeUnknownError(_TAKEN_BACK_ANOTHER, status=200)
    elif delivery.way is MembershipWay.BULK:
        for column in columns:
            await delivery.client.leave(delivery.list_id(column), contact_id)


async def _leave_open(
    delivery: ChunkDelivery, batch: Batch, content: Content, error: DestinationError
) -> None:
    if delivery.stopping.stops(error):
        return
    delivery.stopping.missed(error)
    reason = reason_of(error, content.contacts)
    await delivery.flusher.write(
        delivery.progress.leave_open(content, batch.call, reason=reason, status=error.status)
    )


async def restore(delivery: ChunkDelivery, item: Restore) -> None:
    """Make the upserts of these rows due; where there is no payload, only what can be done without."""
    chunk = delivery.chunk
    hashes = chunk.table["email_hash"].take(pa.array(item.rows)).to_pylist()
    payloads = await asyncio.to_thread(read_payloads, delivery.job.run, hashes)
    item.recording = True
    lost = []
    for row, email_hash in zip(item.rows, hashes, strict=True):
        delivery.sought.add(row)
        if email_hash in payloads:
            if not chunk.displaced[row]:
                chunk.mark_recreated(row)
            chunk.restore(row, payloads[email_hash])
        elif chunk.contact_ids[row] is None:
            lost.append(row)
    if lost:
        await delivery.flusher.write(delivery.progress.reject_due_joins(lost, item.call, CONTACT_GONE))
    delivery.plan_contacts([row for row in item.rows if row not in lost])
