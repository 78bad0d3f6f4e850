"""Members and profiles from two tables joined on the customer's id, in flat memory.

Members come first and are written to a temporary file; of the profiles only those of members are kept,
scattered over shards by a hash of the id; then each shard alone is joined. Memory holds one shard of
members and profiles (100,000 members each), one page of rows, and eight bytes a member.
"""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from segment_exports.errors import SourceError
from segment_exports.sources import CUSTOMER_ID

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

MEMBERS_IN_A_SHARD = 100_000
ROWS_IN_A_BATCH = 16_384
_ROWS_BEFORE_SCATTERING = 32_768
_MEMBER = pa.schema([pa.field(CUSTOMER_ID, pa.string()), pa.field("segment", pa.uint16())])


@dataclass
class JoinCounts:
    """What a join found. ``without_profile`` counts members, not memberships."""

    members: dict[str, int] = field(default_factory=dict)
    distinct_members: int = 0
    without_profile: int = 0


class MembershipJoin:
    """One join: :meth:`add_members` for all members, then :meth:`add_profiles`, then :meth:`batches`.

    :param folder: an empty folder for temporary files; the caller deletes it.
    :param columns: the profile's attributes in their order; ``CustomerId`` must be one of them.
    """

    def __init__(
        self,
        folder: Path,
        segments: Sequence[str],
        columns: Sequence[str],
        *,
        members_in_a_shard: int = MEMBERS_IN_A_SHARD,
    ) -> None:
        self._folder = folder
        self._segments = tuple(segments)
        self._schema = pa.schema([pa.field(name, pa.string()) for name in columns])
        self._members_in_a_shard = members_in_a_shard
        self._hashes: NDArray[np.uint64] = np.empty(0, np.uint64)
        self.counts = JoinCounts(dict.fromkeys(self._segments, 0))

    def add_members(self, pages: Iterable[pa.RecordBatch]) -> None:
        """Take all memberships: batches of (CustomerId, number of the segment as uint16)."""
        hashes: list[NDArray[np.uint64]] = []
        plain = self._folder / "members"
        with pa.OSFile(str(plain), "wb") as sink, pa.ipc.new_stream(sink, _MEMBER) as writer:
            for page in pages:
                if page.num_rows:
                    writer.write_batch(page)
                    hashes.append(np.unique(id_hashes(page.column(0))))
        if hashes:
            self._hashes = np.unique(np.concatenate(hashes))
        self._scatter(_stream(plain), "members", _MEMBER)
        plain.unlink()

    @property
    def shards(self) -> int:
        """Number of shards for the members that were added."""
        return max(1, -(-len(self._hashes) // self._members_in_a_shard))

    def add_profiles(self, pages: Iterable[pa.RecordBatch]) -> None:
        """Take the profiles, of which those of members are kept. Batches hold the columns in their order."""
        self._scatter((self._of_members(page) for page in pages), "profiles", self._schema)

    def batches(self) -> Iterator[tuple[str, pa.RecordBatch]]:
        """Yield (segment, batch): one row per member of a segment.

        A member whose profile did not come has its ``CustomerId`` and nulls, so that it stays counted.

        :raises SourceError: a customer's profile came twice.
        """
        for shard in range(self.shards):
            members = self._shard("members", shard, _MEMBER)
            profiles = self._shard("profiles", shard, self._schema)
            yield from self._join(members, profiles)

    def _of_members(self, page: pa.RecordBatch) -> pa.RecordBatch:
        hashes = id_hashes(page.column(self._schema.get_field_index(CUSTOMER_ID)))
        place = np.searchsorted(self._hashes, hashes)
        found = (
            self._hashes[np.minimum(place, len(self._hashes) - 1)] == hashes if len(self._hashes) else None
        )
        return page.slice(0, 0) if found is None else page.filter(pa.array(found))

    def _scatter(self, batches: Iterable[pa.RecordBatch], kind: str, schema: pa.Schema) -> None:
        with ExitStack() as stack:
            writers = [
                stack.enter_context(self._writer(stack, kind, shard, schema)) for shard in range(self.shards)
            ]
            for rows in _gathered(batches, schema):
                shard_of = (id_hashes(rows.column(CUSTOMER_ID)) % np.uint64(self.shards)).astype(np.int64)
                order = np.argsort(shard_of, kind="stable")
                ends = np.cumsum(np.bincount(shard_of, minlength=self.shards))
                sorted_rows = rows.take(pa.array(order)).combine_chunks()
                start = 0
                for writer, end in zip(writers, ends.tolist(), strict=True):
                    if end > start:
                        writer.write_table(sorted_rows.slice(start, end - start))
                    start = end

    def _writer(
        self, stack: ExitStack, kind: str, shard: int, schema: pa.Schema
    ) -> pa.ipc.RecordBatchStreamWriter:
        sink = stack.enter_context(pa.OSFile(str(self._folder / f"{kind}-{shard}"), "wb"))
        return pa.ipc.new_stream(sink, schema)

    def _shard(self, kind: str, shard: int, schema: pa.Schema) -> pa.Table:
        path = self._folder / f"{kind}-{shard}"
        table = pa.Table.from_batches(_stream(path), schema=schema).combine_chunks()
        path.unlink()
        return table

    def _join(self, members: pa.Table, profiles: pa.Table) -> Iterator[tuple[str, pa.RecordBatch]]:
        ids = profiles.column(CUSTOMER_ID).combine_chunks()
        if pc.count_distinct(ids).as_py() != len(ids):
            raise SourceError(
                "A customer's profile came twice while the table was read: rows moved between pages, so "
                "others may be missing; start the run again when no refresh is running"
            )
        members = members.group_by(members.column_names).aggregate([])  # a provider may say it twice
        self._count_missing(members, ids)
        for number, segment in enumerate(self._segments):
            chosen = members.filter(pc.equal(members.column("segment"), number)).column(CUSTOMER_ID)
            self.counts.members[segment] += len(chosen)
            for start in range(0, len(chosen), ROWS_IN_A_BATCH):
                some = chosen.slice(start, ROWS_IN_A_BATCH).combine_chunks()
                yield segment, self._rows(some, profiles, ids)

    def _count_missing(self, members: pa.Table, ids: pa.Array) -> None:
        distinct = pc.unique(members.column(CUSTOMER_ID))
        self.counts.distinct_members += len(distinct)
        self.counts.without_profile += pc.sum(pc.invert(pc.is_in(distinct, value_set=ids))).as_py() or 0

    def _rows(self, members: pa.Array, profiles: pa.Table, ids: pa.Array) -> pa.RecordBatch:
        found = profiles.take(pc.index_in(members, value_set=ids))
        rows = found.set_column(self._schema.get_field_index(CUSTOMER_ID), CUSTOMER_ID, members)
        return rows.combine_chunks().to_batches()[0]


def _gathered(batches: Iterable[pa.RecordBatch], schema: pa.Schema) -> Iterator[pa.Table]:
    """Yield the rows of small batches together, so that a shard's batches aren't tiny."""
    waiting: list[pa.RecordBatch] = []
    rows = 0
    for batch in batches:
        if not batch.num_rows:
            continue
        waiting.append(batch)
        rows += batch.num_rows
        if rows >= _ROWS_BEFORE_SCATTERING:
            yield pa.Table.from_batches(waiting, schema=schema)
            waiting, rows = [], 0
    if waiting:
        yield pa.Table.from_batches(waiting, schema=schema)


def _stream(path: Path) -> Iterator[pa.RecordBatch]:
    with pa.OSFile(str(path), "rb") as source, pa.ipc.open_stream(source) as reader:
        yield from reader


def id_hashes(ids: pa.Array | pa.ChunkedArray) -> NDArray[np.uint64]:
    """Return a 64-bit hash per id, the same in every process."""
    return pd.util.hash_array(np.asarray(ids, dtype=object), categorize=False)
