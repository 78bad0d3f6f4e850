"""Parquet files sorted by ``email_hash``, read side by side one hash range at a time.

Contacts, changes and ledgers share this order, so that planning and settling are merge joins which
hold one range of each file and no more.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import numpy.typing as npt
    import pyarrow.parquet as pq

ROWS_PER_RANGE = 16_384
_PREFIX_BITS = 64


def key_array(column: pa.ChunkedArray | pa.Array) -> npt.NDArray[np.bytes_]:
    """Return 16-byte hashes (no nulls) as a numpy array that sorts and compares bytewise."""
    array = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    if len(array) == 0:
        return np.empty(0, dtype="S16")
    return np.frombuffer(array.buffers()[1], dtype="S16", count=len(array), offset=array.offset * 16)


def prefixes(column: pa.ChunkedArray | pa.Array) -> npt.NDArray[np.uint64]:
    """Return the leading 64 bits of 16-byte hashes as numbers; a null gives an arbitrary number."""
    array = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    if len(array) == 0:
        return np.empty(0, dtype=np.uint64)
    if array.null_count == len(array):
        return np.zeros(len(array), dtype=np.uint64)
    words = np.frombuffer(array.buffers()[1], dtype=">u8", count=len(array) * 2, offset=array.offset * 16)
    return words[::2].astype(np.uint64)


def match(left: npt.NDArray[np.bytes_], right: npt.NDArray[np.bytes_]) -> npt.NDArray[np.int64]:
    """Return for each key of ``left`` its position in the sorted ``right``, or -1."""
    if len(right) == 0:
        return np.full(len(left), -1, dtype=np.int64)
    position = np.searchsorted(right, left)
    position[position == len(right)] = len(right) - 1
    return np.where(right[position] == left, position, -1)


def hash_ranges(rows: int, rows_per_range: int = ROWS_PER_RANGE) -> list[int | None]:
    """Return the exclusive upper bounds of the ranges that cut ``rows`` hashes into equal parts.

    A bound is the number that :func:`prefixes` gives; the last is None, for "to the end".
    """
    count = max(1, -(-rows // rows_per_range))
    return [*((part << _PREFIX_BITS) // count for part in range(1, count)), None]


def read_columns(file: pq.ParquetFile, schema: pa.Schema) -> Iterator[pa.Table]:
    """Give the rows of a file piece by piece; columns that it lacks are null."""
    lacking = [name for name in schema.names if name not in file.schema_arrow.names]
    for batch in file.iter_batches(ROWS_PER_RANGE // 2, columns=schema.names, use_threads=False):
        table = pa.Table.from_batches([batch])
        for name in lacking:
            table = table.append_column(name, pa.nulls(len(table), schema.field(name).type))
        yield table.select(schema.names).cast(schema)


class SortedReader:
    """Gives the rows of sorted tables from start to end in pieces below growing bounds."""

    def __init__(self, tables: Iterator[pa.Table], schema: pa.Schema) -> None:
        """Take tables that together are sorted by ``email_hash``."""
        self._schema = schema
        self._tables = tables
        self._held: list[pa.Table] = []

    @classmethod
    def of_file(
        cls, file: pq.ParquetFile | None, schema: pa.Schema, columns: Sequence[str] | None = None
    ) -> SortedReader:
        """Read ``columns`` of a Parquet file, all of ``schema`` by default; no file reads as an empty one.

        Columns that a file lacks, since it was written before there were any, are null.
        """
        wanted = schema if columns is None else pa.schema([schema.field(name) for name in columns])
        if file is None:
            return cls(iter(()), wanted)
        return cls(read_columns(file, wanted), wanted)

    def below(self, bound: int | None) -> pa.Table:
        """Return the next rows whose hash lies below ``bound``; all that are left for None."""
        taken: list[pa.Table] = []
        while True:
            if not self._held and not self._read_more():
                break
            table = self._held.pop()
            cut = len(table) if bound is None else _rows_below(table, bound)
            if cut:
                taken.append(table.slice(0, cut))
            if cut < len(table):
                self._held.append(table.slice(cut))
                break
        if not taken:
            return self._schema.empty_table()
        return pa.concat_tables(taken).combine_chunks()

    def _read_more(self) -> bool:
        for table in self._tables:
            if len(table):
                self._held.append(table)
                return True
        return False


def _rows_below(table: pa.Table, bound: int) -> int:
    # A plain int would make numpy compare in floating point: slow, and wrong close to the bound.
    return int(np.searchsorted(prefixes(table.column("email_hash")), np.uint64(bound)))
