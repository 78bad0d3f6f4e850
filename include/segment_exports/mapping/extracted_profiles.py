"""The profiles of a run, read back from what the extract tasks left."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pyarrow as pa

from segment_exports.errors import StagingError
from segment_exports.mapping.column_counts import ColumnCounts, Consent
from segment_exports.mapping.permission import consents_of, judge_permission
from segment_exports.records.profiles import PREVIOUS_CUSTOMER_ID, WITHOUT_PROFILE, has_profile
from segment_exports.records.staging import RunFiles

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from segment_exports.definition import ExportDefinition
    from segment_exports.records.step_counts import SegmentReads


@dataclass(frozen=True)
class ExtractedProfiles:
    """The profiles that extract left, in batches of ``rows``."""

    definition: ExportDefinition
    files: RunFiles
    reads: SegmentReads | None
    rows: int

    def count(self, segments: Sequence[str]) -> int:
        """Return how many profiles some segments have, the run's or not."""
        rows = 0
        for name in segments:
            with self.files.store.parquet_file(RunFiles.profiles(name)) as file:
                rows += file.metadata.num_rows
        return rows

    def of(self, segment: str) -> Iterator[tuple[pa.RecordBatch, bool]]:
        """Give a segment in batches, and whether they are the run's or read only to be judged."""
        left = self.reads.read[segment] if self.reads else None
        for batch in self._read(segment, (*self.definition.attributes, WITHOUT_PROFILE)):
            own = len(batch) if left is None else min(len(batch), left)
            left = None if left is None else left - own
            if own:
                yield batch.slice(0, own), True
            if own < len(batch):
                yield batch.slice(own), False

    def permission_of(self, segment: str) -> ColumnCounts:
        """Count what all rows of a segment say of permission, before any person is judged by it.

        Members without a profile say nothing and don't count.
        """
        counts, permission = ColumnCounts(), self.definition.permission
        if permission is None:
            return counts
        for batch in self._read(segment, (permission.attribute, WITHOUT_PROFILE)):
            batch = batch.filter(pa.array(has_profile(batch)))
            consents = consents_of(judge_permission(batch.column(0), permission))
            counts.add(ColumnCounts(len(batch), consents=consents))
        counts.empty[permission.attribute] = counts.consents[Consent.EMPTY]
        return counts

    def _read(self, segment: str, wanted: Sequence[str]) -> Iterator[pa.RecordBatch]:
        path = RunFiles.profiles(segment)
        with self.files.store.parquet_file(path) as file:
            names = set(file.schema_arrow.names)
            missing = [name for name in wanted if name not in {*names, PREVIOUS_CUSTOMER_ID, WITHOUT_PROFILE}]
            if missing:
                raise StagingError(
                    f"{self.files.store.path(path)} has no column {', '.join(missing)}, which the definition "
                    "needs; clear the extract task"
                )
            columns = [name for name in wanted if name in names]
            schema = pa.schema([pa.field(name, pa.string()) for name in columns])
            for batch in file.iter_batches(self.rows, columns=columns, use_threads=False):
                yield batch.select(columns).cast(schema)
