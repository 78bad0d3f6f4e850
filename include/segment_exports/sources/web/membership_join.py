"""Members and profiles from two tables joined on the customer's id, in flat memory.

Members come first and are written to a temporary file; of the profiles only those of members are kept,
scattered over shards by a hash of the id; then each shard alone is joined. Memory holds one shard of
members and profiles (100,000 members each), one page of rows, and eight bytes a member. The temporary
files have no name: they vanish with the process, however that ends.
"""

from __future__ import annotations

import tempfile
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Self

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from segment_exports.errors import SourceError
from segment_exports.records.profiles import CUSTOMER_ID, WITHOUT_PROFILE

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path
    from types import TracebackType

    from numpy.typing import NDArray

MEMBERS_IN_A_SHARD = 100_000
ROWS_IN_A_BATCH = 16_384
_ROWS_BEFORE_SCATTERING = 32_768
UNSURE = np.iinfo(np.uint16).max
"""Stands for the number of the segment where nobody can tell which one a customer is in."""
_MEMBER = pa.schema([pa.field(CUSTOMER_ID, pa.string()), pa.field("segment", pa.uint16())])


@dataclass
class JoinCounts:
    """What a join found. ``without_profile`` counts members, not memberships."""

    members: dict[str, int] = field(default_factory=dict)
    distinct_members: int = 0
    without_profile: int = 0


class MembershipJoin:
    """One join: :meth:`add_members` for all members, then :meth:`add_profiles`, then :meth:`batches`.

    A context manager, which lets the temporary files go.

    :param columns: the profile's attributes in their order; ``CustomerId`` must be one of them.
    :param folder: where the temporary files lie; the system's own place by default.
    """

    def __init__(
        self,
        segments: Sequence[str],
        columns: Sequence[str],
        *,
        folder: Path | None = None,
        members_in_a_shard: int = MEMBERS_IN_A_SHARD,
    ) -> None:
        self._segments = tuple(segments)
        self._schema = pa.schema([pa.field(name, pa.string()) for name in columns])
        self._folder = folder
        self._members_in_a_shard = members_in_a_shard
        self._hashes: NDArray[np.uint64] = np.empty(0, np.uint64)
        self._members: list[_TemporaryRows] = []
        self._profiles: list[_TemporaryRows] = []
        self.counts = JoinCounts(dict.fromkeys(self._segments, 0))

    def __enter__(self) -> Self:
        """Be ready for members."""
        self._files = ExitStack()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Let the temporary files go."""
        self._files.close()

    def add_members(self, pages: Iterable[pa.RecordBatch]) -> None:
        """Take all memberships: batches of (CustomerId, number of the segment as uint16, or UNSURE)."""
        hashes: list[NDArray[np.uint64]] = []
        with _TemporaryRows(_MEMBER, self._folder) as plain:
            for page in pages:
                if page.num_rows:
                    plain.write(page)
                    hashes.append(np.unique(_form_hashes(page.column(0))))
            plain.finish()
            if hashes:
                self._hashes = np.unique(np.concatenate(hashes))
            self._members = self._scattered(plain.batches(), _MEMBER)

    @property
    def shards(self) -> int:
        """Number of shards for the members that were added."""
        return max(1, -(-len(self._hashes) // self._members_in_a_shard))

    def add_profiles(self, pages: Iterable[pa.RecordBatch]) -> None:
        """Take the profiles, of which those of members are kept. Batches hold the columns in their order."""
        self._profiles = self._scattered((self._of_members(page) for page in pages), self._schema)

    def batches(self) -> Iterator[tuple[str | None, pa.RecordBatch]]:
        """Yield (segment, batch): one row per member of a segment; None for those of whom it isn't known.

        A member whose profile did not come has its ``CustomerId``, nulls, and a value in ``WITHOUT_PROFILE``,
        a column that only batches with such members have.

        :raises SourceError: a customer's profile came twice.
        """
        for members, profiles in zip(self._members, self._profiles, strict=True):
            yield from self._join(members.table(), profiles.table())

    def _of_members(self, page: pa.RecordBatch) -> pa.RecordBatch:
        hashes = _form_hashes(page.column(self._schema.get_field_index(CUSTOMER_ID)))
        place = np.searchsorted(self._hashes, hashes)
        found = (
            self._hashes[np.minimum(place, len(self._hashes) - 1)] == hashes if len(self._hashes) else None
        )
        return page.slice(0, 0) if found is None else page.filter(pa.array(found))

    def _scattered(self, batches: Iterable[pa.RecordBatch], schema: pa.Schema) -> list[_TemporaryRows]:
        shards = [self._files.enter_context(_TemporaryRows(schema, self._folder)) for _ in range(self.shards)]
        for rows in _gathered(batches, schema):
            shard_of = (_form_hashes(rows.column(CUSTOMER_ID)) % np.uint64(len(shards))).astype(np.int64)
            order = np.argsort(shard_of, kind="stable")
            ends = np.cumsum(np.bincount(shard_of, minlength=len(shards)))
            sorted_rows = rows.take(pa.array(order)).combine_chunks()
            start = 0
            for shard, end in zip(shards, ends.tolist(), strict=True):
                if end > start:
                    shard.write(sorted_rows.slice(start, end - start))
                start = end
        for shard in shards:
            shard.finish()
        return shards

    def _join(self, members: pa.Table, profiles: pa.Table) -> Iterator[tuple[str | None, pa.RecordBatch]]:
        ids = profiles.column(CUSTOMER_ID).combine_chunks()
        if pc.count_distinct(ids).as_py() != len(ids):
            raise SourceError(
                "A customer's profile came twice while the table was read: rows moved between pages, so "
                "others may be missing; start the run again when no refresh is running"
            )
        members = members.group_by(members.column_names).aggregate([])  # a provider may say it twice
        places = _places(members.column(CUSTOMER_ID).combine_chunks(), ids)
        members = members.append_column("place", places)
        self._count_missing(members)
        for number, segment in [*enumerate(self._segments), (UNSURE, None)]:
            chosen = members.filter(pc.equal(members.column("segment"), number))
            if segment is not None:
                self.counts.members[segment] += len(chosen)
            for start in range(0, len(chosen), ROWS_IN_A_BATCH):
                yield segment, self._rows(chosen.slice(start, ROWS_IN_A_BATCH).combine_chunks(), profiles)

    def _count_missing(self, members: pa.Table) -> None:
        sure = members.filter(pc.not_equal(members.column("segment"), UNSURE))
        self.counts.distinct_members += len(pc.unique(sure.column(CUSTOMER_ID)))
        missing = sure.filter(sure.column("place").is_null())
        self.counts.without_profile += len(pc.unique(missing.column(CUSTOMER_ID)))

    def _rows(self, members: pa.Table, profiles: pa.Table) -> pa.RecordBatch:
        place = members.column("place")
        rows = profiles.take(place)
        ids = pc.coalesce(rows.column(CUSTOMER_ID), members.column(CUSTOMER_ID))
        rows = rows.set_column(self._schema.get_field_index(CUSTOMER_ID), CUSTOMER_ID, ids)
        if place.null_count:
            rows = rows.append_column(
                WITHOUT_PROFILE, pc.if_else(place.is_null(), "true", pa.scalar(None, pa.string()))
            )
        return rows.combine_chunks().to_batches()[0]


class _TemporaryRows:
    """Rows in a temporary file without a name: written, finished, then read. A context manager."""

    def __init__(self, schema: pa.Schema, folder: Path | None) -> None:
        self._schema = schema
        self._folder = folder

    def __enter__(self) -> Self:
        self._file = tempfile.TemporaryFile(prefix="segment-exports-", dir=self._folder)
        self._writer = pa.ipc.new_stream(pa.PythonFile(self._file, mode="w"), self._schema)
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def write(self, rows: pa.RecordBatch | pa.Table) -> None:
        self._writer.write(rows)

    def finish(self) -> None:
        self._writer.close()
        self._file.seek(0)

    def batches(self) -> Iterator[pa.RecordBatch]:
        yield from pa.ipc.open_stream(pa.PythonFile(self._file, mode="r"))

    def table(self) -> pa.Table:
        return pa.Table.from_batches(self.batches(), schema=self._schema).combine_chunks()


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


def _places(members: pa.StringArray, ids: pa.StringArray) -> pa.Array:
    """Return where each member's profile stands; null where it isn't there.

    That is the one with the member's id, or else the only one whose id is the same without letter case and
    blanks, which is how Dataverse compares.
    """
    forms = _forms(ids)
    counts = forms.value_counts()
    once = counts.field("values").filter(pc.equal(counts.field("counts"), 1))
    only = pc.if_else(pc.is_in(forms, value_set=once), forms, None)
    alike = pc.index_in(_forms(members), value_set=only, skip_nulls=True)
    return pc.coalesce(pc.index_in(members, value_set=ids), alike)


def _forms(ids: pa.StringArray) -> pa.StringArray:
    return pc.utf8_lower(pc.utf8_trim_whitespace(ids))


def _form_hashes(ids: pa.StringArray) -> NDArray[np.uint64]:
    return id_hashes(_forms(ids))


def id_hashes(ids: pa.Array | pa.ChunkedArray) -> NDArray[np.uint64]:
    """Return a 64-bit hash per id, the same in every process."""
    return pd.util.hash_array(np.asarray(ids, dtype=object), categorize=False)
