"""Reads the file of a chunk."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq

from segment_exports.delivery.chunk import Chunk
from segment_exports.errors import StagingError
from segment_exports.records.staging import RunFiles
from segment_exports.records.tables.schemas import CHUNK

if TYPE_CHECKING:
    from segment_exports.records.staging import Store


def load_chunk(run: Store, number: int, fingerprint: str) -> Chunk:
    """Read a chunk file once.

    :raises StagingError: it is missing, was planned anew since, or is no chunk.
    """
    name = RunFiles.chunk(number)
    content = run.read_bytes(name)
    if hashlib.sha256(content).hexdigest() != fingerprint:
        raise StagingError(
            f"{run.path(name)} is not the chunk that was planned (its fingerprint differs); "
            f"clear chunk_changes and what follows it"
        )
    # Not pq.read_table, which loads Arrow's dataset library: a fifth of a second in every task.
    table = pq.ParquetFile(pa.BufferReader(content)).read(use_threads=False)
    missing = [column for column in CHUNK.names if column not in table.column_names]
    if missing:
        raise StagingError(f"{run.path(name)} is no chunk: it lacks the columns {', '.join(missing)}")
    return Chunk(table.combine_chunks())
