"""From a source to ``profiles/<segment>.parquet``: what one extract task does."""

from __future__ import annotations

import logging
import time
from contextlib import ExitStack
from itertools import product
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from segment_exports.errors import SourceError
from segment_exports.extracting.segment_checks import check_rows
from segment_exports.records.profiles import PREVIOUS_CUSTOMER_ID, WITHOUT_PROFILE
from segment_exports.records.staging import RunFiles
from segment_exports.records.warnings import record_warnings
from segment_exports.settings import bounds
from segment_exports.sources import doubts_of, perhaps_members_of, require_sure, unread_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import pyarrow.parquet as pq

    from segment_exports.definition import ExportDefinition
    from segment_exports.sources import ReadUnit, Source

log = logging.getLogger(__name__)

ROWS_PER_GROUP = 65_536
BYTES_HELD = 48 * 1024 * 1024
"""Rows wait in memory until a row group is full, or until all segments of the unit hold this much."""


def extract_unit(
    source: Source,
    unit: ReadUnit,
    definition: ExportDefinition,
    files: RunFiles,
    *,
    sample: int | None = None,
    clock: Callable[[], float] = time.monotonic,
) -> dict[str, Any]:
    """Read one unit and write a Parquet file per segment, with one string column per attribute.

    Every attribute of the definition is a column, in its order, and ``WITHOUT_PROFILE``;
    ``PreviousCustomerId`` is null where the source has none. Memory doesn't grow with the number of profiles.
    With ``sample`` only the first rows of each segment are the run's, and none counts as whole; else each is
    held against :func:`.segment_checks.check_rows`, whose warnings are kept for the report. Rows after the
    run's are there where the export asks for permission, since they may refuse for an address: those after a
    sample, and people of whom the source can't say whether they are members.

    :return: what is also written to ``extract/<unit>.json``:
        ``{"unit", "segments": {name: {"read", "snapshot", "whole", "judged"}}, "seconds"}``. ``read`` are
        rows of the run, ``judged`` tells whether all rows are in the file. A unit that may lack a part of its
        segments makes none whole.
    :raises SourceError: the source can't be read, or isn't sure what the permission says; then nothing is
        written.
    """
    started, checks = clock(), definition.source.checks
    schema = pa.schema([pa.field(name, pa.string()) for name in (*definition.attributes, WITHOUT_PROFILE)])
    keeps_all = sample is None or definition.permission is not None
    with ExitStack() as stack:
        writers = {
            segment: _ProfileWriter(
                stack.enter_context(files.store.parquet_writer(RunFiles.profiles(segment), schema)),
                None if keeps_all else sample,
            )
            for segment in unit.segments
        }
        _copy(source, unit, definition.attributes, writers)
        if definition.permission is not None:
            require_sure(source, definition.permission.attribute)
            for batch, writer in product(perhaps_members_of(source), writers.values()):
                writer.add_beside(batch)
        doubts = doubts_of(source)
        for segment, writer in writers.items():
            writer.flush()
            if sample is None and (doubt := check_rows(segment, writer.rows, unit.detail, checks)):
                log.warning("%s", doubt)
                doubts.append(doubt)
    summary = {
        "unit": unit.name,
        "segments": {
            segment: {
                "read": writer.rows if sample is None else min(writer.rows, sample),
                "snapshot": unit.snapshots[segment],
                "whole": sample is None and unit.whole and segment not in unread_of(source),
                "judged": keeps_all and unit.judged,
            }
            for segment, writer in writers.items()
        },
        "seconds": round(clock() - started, 3),
    }
    record_warnings(files.store, f"extract {unit.name}", doubts)
    files.store.write_json(RunFiles.extract(unit.name), summary)
    return summary


def _copy(
    source: Source, unit: ReadUnit, attributes: Sequence[str], writers: Mapping[str, _ProfileWriter]
) -> None:
    for segment, batch in source.read(unit, attributes):
        writers[segment].add(batch)
        if sum(writer.held_bytes for writer in writers.values()) > BYTES_HELD:
            for writer in writers.values():
                writer.flush()
        if all(writer.is_full for writer in writers.values()):
            return


class _ProfileWriter:
    """Gathers batches of one segment into row groups."""

    def __init__(self, parquet: pq.ParquetWriter, most_rows: int | None) -> None:
        self.rows = 0
        self.held_bytes = 0
        self._parquet = parquet
        self._most_rows = most_rows
        self._held: list[pa.RecordBatch] = []
        self._held_rows = 0

    @property
    def is_full(self) -> bool:
        """Whether a sample was asked for and is complete."""
        return self._most_rows is not None and self.rows >= self._most_rows

    def add(self, batch: pa.RecordBatch) -> None:
        """Take a batch; whole row groups are written."""
        if self._most_rows is not None:
            batch = batch.slice(0, self._most_rows - self.rows)
        self.rows += batch.num_rows
        if self.rows > bounds.TABLE_ROWS:
            raise SourceError(f"A segment has more than {bounds.TABLE_ROWS:,} rows, and is not read")
        self.add_beside(batch)

    def add_beside(self, batch: pa.RecordBatch) -> None:
        """Take rows, after all others, that are not the run's."""
        if not batch.num_rows:
            return
        self._held.append(_with_every_column(batch, self._parquet.schema))
        self._held_rows += batch.num_rows
        self.held_bytes += batch.nbytes
        if self._held_rows >= ROWS_PER_GROUP:
            self.flush()

    def flush(self) -> None:
        """Write what is held."""
        if self._held:
            self._parquet.write_table(pa.Table.from_batches(self._held), row_group_size=ROWS_PER_GROUP)
        self._held, self._held_rows, self.held_bytes = [], 0, 0
        pa.default_memory_pool().release_unused()


def _with_every_column(batch: pa.RecordBatch, schema: pa.Schema) -> pa.RecordBatch:
    for name in {PREVIOUS_CUSTOMER_ID, WITHOUT_PROFILE} - {*batch.schema.names}:
        batch = batch.append_column(pa.field(name, pa.string()), pa.nulls(batch.num_rows, pa.string()))
    return pa.RecordBatch.from_arrays([batch.column(name) for name in schema.names], schema=schema)
