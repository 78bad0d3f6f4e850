"""Scatter rows over shards by the leading bits of their email hash.

Rows of one address always meet in one shard, and shards follow each other in the order of the hashes,
so each shard alone can be merged and sorted. The rows lie in one temporary file without a name: it
vanishes with the process, however that ends.
"""

from __future__ import annotations

import tempfile
from typing import TYPE_CHECKING, Self

import numpy as np
import pyarrow as pa

from segment_exports.records.tables.sorted_tables import prefixes

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import TracebackType

_MOST_BITS = 8
_PREFIX_BITS = 64


def shard_bits(rows: int, rows_per_shard: int) -> int:
    """Return how many leading bits give shards of at most about ``rows_per_shard`` rows, up to 256 shards."""
    shards = -(-rows // rows_per_shard)
    return min(max(shards - 1, 0).bit_length(), _MOST_BITS)


class ShardedRows:
    """Rows on disk, written batch by batch in any order and read back shard by shard.

    A context manager. The schema must have a column ``email_hash``.
    """

    def __init__(self, schema: pa.Schema, bits: int) -> None:
        self._schema = schema
        self._bits = bits
        self._batches: list[list[int]] = [[] for _ in range(1 << bits)]
        self._written = 0

    def __enter__(self) -> Self:
        """Open the temporary file."""
        self._file = tempfile.TemporaryFile(prefix="segment-exports-")
        options = pa.ipc.IpcWriteOptions(compression="lz4", use_threads=False)
        self._writer = pa.ipc.new_file(pa.PythonFile(self._file, mode="w"), self._schema, options=options)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Let the temporary file go."""
        self._file.close()

    def add(self, rows: pa.RecordBatch) -> None:
        """Scatter a batch; the smaller its share per shard, the dearer."""
        shard = self._shard_of(rows)
        order = np.argsort(shard, kind="stable")
        bounds = np.searchsorted(shard[order], np.arange(len(self._batches) + 1))
        scattered = rows.take(pa.array(order))
        for number in np.flatnonzero(np.diff(bounds)):
            start, end = int(bounds[number]), int(bounds[number + 1])
            self._writer.write_batch(scattered.slice(start, end - start))
            self._batches[number].append(self._written)
            self._written += 1

    def shards(self) -> Iterator[pa.Table]:
        """Give each shard that has rows, lowest hashes first; nothing can be added afterwards."""
        self._writer.close()
        options = pa.ipc.IpcReadOptions(use_threads=False)
        reader = pa.ipc.open_file(pa.PythonFile(self._file, mode="r"), options=options)
        for numbers in self._batches:
            if numbers:
                batches = [reader.get_batch(number) for number in numbers]
                yield pa.Table.from_batches(batches, self._schema).combine_chunks()

    def _shard_of(self, rows: pa.RecordBatch) -> np.ndarray[tuple[int], np.dtype[np.uint64]]:
        if self._bits == 0:
            return np.zeros(len(rows), dtype=np.uint64)
        return prefixes(rows.column("email_hash")) >> np.uint64(_PREFIX_BITS - self._bits)
