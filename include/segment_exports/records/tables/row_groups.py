"""Write a Parquet file in row groups of a useful size from tables of any size."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import pyarrow as pa

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pyarrow.parquet as pq

    from segment_exports.records.staging import Store

ROW_GROUP = 16_384
_REPEATING = ["segment", "segments.list.element", "field", "reason"]


class RowGroups:
    """Collects small tables and writes row groups of at most :data:`ROW_GROUP` rows."""

    def __init__(self, writer: pq.ParquetWriter) -> None:
        self._writer = writer
        self._held: list[pa.Table] = []

    def add(self, table: pa.Table) -> None:
        """Add rows at the end."""
        if sum(map(len, self._held)) + len(table) > ROW_GROUP:
            self.flush()
        if len(table):
            self._held.append(table)

    def flush(self) -> None:
        """Write the rows that are held."""
        if self._held:
            self._writer.write_table(pa.concat_tables(self._held), row_group_size=ROW_GROUP)
            self._held.clear()


@contextmanager
def writing_row_groups(store: Store, relative: str, schema: pa.Schema) -> Iterator[RowGroups]:
    """Give a file to add tables to; it appears whole at the end, or not at all on an error."""
    with store.parquet_writer(relative, schema, repeating=_REPEATING) as writer:
        groups = RowGroups(writer)
        yield groups
        groups.flush()
