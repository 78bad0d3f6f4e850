"""Contacts that turn out to be gone at the destination are sent whole again, from ``contacts.parquet``.

A contact that is otherwise unchanged has no payload in its chunk. Its join is answered 404, or, inside
a bulk upsert, makes a bare contact of it; both are noticed, and healed in the same run.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from segment_exports.destinations.autopilot.singles import CONTACT_GONE
from segment_exports.records.staging import RunFiles

if TYPE_CHECKING:
    from collections.abc import Sequence

    from segment_exports.delivery.queue import Restore
    from segment_exports.destinations.autopilot.chunk_delivery import ChunkDelivery
    from segment_exports.records.staging import Store


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
            chunk.mark_recreated(row)
            chunk.restore(row, payloads[email_hash])
        elif chunk.contact_ids[row] is None:
            lost.append(row)
    if lost:
        await delivery.flusher.write(delivery.progress.reject_due_joins(lost, item.call, CONTACT_GONE))
    delivery.plan_contacts([row for row in item.rows if row not in lost])


def read_payloads(run: Store, hashes: Sequence[bytes]) -> dict[bytes, bytes]:
    """Return the payloads of some contacts of the run by their email hash; those unknown are left out."""
    if not run.exists(RunFiles.CONTACTS):
        return {}
    wanted = pa.array(hashes, pa.binary(16))
    found: dict[bytes, bytes] = {}
    with run.parquet_file(RunFiles.CONTACTS) as file:
        for group in range(file.num_row_groups):
            there = file.read_row_group(group, columns=["email_hash"], use_threads=False)["email_hash"]
            hits = pc.is_in(there, value_set=wanted)
            if pc.any(hits).as_py():
                payloads = file.read_row_group(group, columns=["payload"], use_threads=False)["payload"]
                texts = payloads.filter(hits).to_pylist()
                found |= zip(there.filter(hits).to_pylist(), (text.encode() for text in texts), strict=True)
    return found
