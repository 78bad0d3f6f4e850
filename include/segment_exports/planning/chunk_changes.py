"""``chunk_changes``: cut the changes into chunks, each the work of one upload task.

Duties are cut by ``plan_changes``, into the first chunks: they are sent before anybody is asked. All else is
cut once it may be sent.

A chunk is at most 50,000 contacts, 64 MiB of what they are given and ten minutes of the account's rate, so
that one task neither outlives its token, nor takes more memory where the mapping has many fields, nor costs
more in starting than in work. Its upserts fill whole batches, where that doesn't halve it: a run that
is mostly joins and leaves sends a few batches that aren't full.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from segment_exports.definition import DEFAULT_DESTINATION
from segment_exports.destinations.opening import open_destination
from segment_exports.records.notes.approval import approval_of
from segment_exports.records.plan import ChunkReference, Plan, PlanState, planned
from segment_exports.records.receipts import chunk_fingerprint
from segment_exports.records.staging import RunFiles
from segment_exports.records.tables.schemas import CHUNK, CHUNK_LISTS
from segment_exports.records.tables.sorted_tables import ROWS_PER_RANGE

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy.typing as npt
    import pyarrow.parquet as pq

    from segment_exports.planning.destination import RequestCost

MOST_CONTACTS = 50_000
MOST_SECONDS = 600.0
MOST_BYTES = 64 * 1024 * 1024
MOST_CHUNKS = 1_000
"""Airflow maps a task over at most 1,024 items."""


def chunk_changes(files: RunFiles, *, most_contacts: int = MOST_CONTACTS) -> list[ChunkReference]:
    """Write the chunks of all but duties and return a reference to each; none where nothing may be sent.

    :raises StagingError: the plan, or what a person decided of it, can't be believed.
    """
    plan = planned(files.store)
    approval = approval_of(files.store, plan)
    for name in files.store.names("chunks")[len(plan.duty_chunks) :]:
        files.store.remove(f"chunks/{name}")
    may_be_sent = plan.state in (PlanState.READY, PlanState.STOPPED)
    if (
        plan.dry_run
        or not may_be_sent
        or plan.is_stopped(approved=approval is not None and approval.is_given)
    ):
        return []
    return _cut(files, RunFiles.CHANGES, plan, most_contacts, first=len(plan.duty_chunks) + 1)


def chunk_duties(files: RunFiles, plan: Plan) -> tuple[ChunkReference, ...]:
    """Write the chunks of the duties, the first ones of the run, and return a reference to each."""
    return () if plan.dry_run else tuple(_cut(files, RunFiles.DUTIES, plan, MOST_CONTACTS, first=1))


def _cut(files: RunFiles, name: str, plan: Plan, most_contacts: int, *, first: int) -> list[ChunkReference]:
    with files.store.parquet_file(name, CHUNK.names) as changes:
        cutter = _Cutter(plan, changes.metadata.num_rows, most_contacts)
        return list(_write_chunks(files, _chunks(changes, cutter), cutter, first))


def _write_chunks(
    files: RunFiles, chunks: Iterator[pa.Table], cutter: _Cutter, first: int
) -> Iterator[ChunkReference]:
    for number, rows in enumerate(chunks, start=first):
        with files.store.parquet_writer(files.chunk(number), CHUNK, repeating=CHUNK_LISTS) as writer:
            writer.write_table(rows)
        pa.default_memory_pool().release_unused()
        requests = int(np.ceil(cutter.cost(rows).sum()))
        yield ChunkReference(number, chunk_fingerprint(files.store, number), len(rows), requests)


class _Cutter:
    """Decides where one chunk ends."""

    def __init__(self, plan: Plan, rows: int, most_contacts: int) -> None:
        destination = open_destination(plan.destination or DEFAULT_DESTINATION.type)
        self._cost: RequestCost = destination.request_cost()
        self._membership = plan.membership
        least = plan.least_requests.of(plan.membership)
        # A chunk is filled to half of one bound at least, so these four times keep their number. (Bytes are
        # left out: a thousand chunks hold more of them than any account.)
        self._most_requests = max(MOST_SECONDS * plan.requests_per_second, 4 * least / MOST_CHUNKS, 1.0)
        self._most_contacts = max(most_contacts, -(-4 * rows // MOST_CHUNKS))

    def cost(self, rows: pa.Table) -> npt.NDArray[np.float64]:
        """Return the requests that each row takes at the worst."""
        return self._cost.at_worst(rows, self._membership)

    def end(self, rows: pa.Table) -> int | None:
        """Return how many rows the next chunk takes, or None while more rows may still fit."""
        cost, size = np.cumsum(self.cost(rows)), np.cumsum(_sizes(rows["payload"]))
        fits = (cost <= self._most_requests) & (size <= MOST_BYTES)
        most = max(1, min(int(fits.sum()), self._most_contacts))
        if most >= len(rows):
            return None
        upserts = np.cumsum(pc.is_valid(rows["payload"]).to_numpy()[:most])
        filled = cost / self._most_requests + size / MOST_BYTES
        filled = filled[:most] + np.arange(1, most + 1) / self._most_contacts
        full = np.flatnonzero((upserts % self._cost.batch == 0) & (filled >= filled[-1] / 2))
        return int(full[-1]) + 1 if len(full) else most


def _chunks(changes: pq.ParquetFile, cutter: _Cutter) -> Iterator[pa.Table]:
    pending = CHUNK.empty_table()
    for batch in changes.iter_batches(ROWS_PER_RANGE, use_threads=False):
        pending = pa.concat_tables([pending, pa.Table.from_batches([batch]).cast(CHUNK)])
        while (end := cutter.end(pending)) is not None:
            yield pending.slice(0, end)
            pending = pending.slice(end)
    if len(pending):
        yield pending


def _sizes(payloads: pa.ChunkedArray) -> npt.NDArray[np.int64]:
    sizes: npt.NDArray[np.int64] = pc.fill_null(pc.binary_length(payloads), 0).to_numpy().astype(np.int64)
    return sizes
