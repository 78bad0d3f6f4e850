"""Memberships without a time of change: whether they are still the same is told by reading them twice."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pyarrow.compute as pc

from segment_exports.records.outcomes import counted
from segment_exports.records.profiles import CUSTOMER_ID
from segment_exports.sources.dataverse.left_out import LeftOut
from segment_exports.sources.snapshot_marks import SnapshotChangedError
from segment_exports.sources.web.membership_join import UNSURE, id_hashes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    import pyarrow as pa

    from segment_exports.sources.dataverse.memberships import NumberOf

UNSEEN = (
    "Dataverse's tables tell no time of change. The memberships were the same before and after reading; "
    "a profile that changed meanwhile goes unnoticed"
)
_ONE, _SPREAD = np.uint64(1), np.uint64(0x9E3779B97F4A7C15)


@dataclass
class MembershipFingerprint:
    """Number of memberships and sum of their hashes: the same in whatever order they come."""

    memberships: int = 0
    hashes: int = 0

    def add(self, batch: pa.RecordBatch) -> None:
        """Take in a batch of (CustomerId, number of the segment)."""
        # Hashed together: two customers who change places in two segments must make a difference.
        segments = (np.asarray(batch.column("segment"), np.uint64) + _ONE) * _SPREAD
        hashes = pd.util.hash_array(id_hashes(batch.column(CUSTOMER_ID)) ^ segments)
        self.memberships += batch.num_rows
        self.hashes = (self.hashes + int(hashes.sum(dtype=np.uint64))) % (1 << 64)


class WatchedMemberships:
    """The memberships of some segments, with a fingerprint of those of all segments.

    :param read: reads the whole table, as (CustomerId, number of the segment).
    :param left_out: counts what isn't taken.
    """

    def __init__(
        self,
        read: Callable[[NumberOf, LeftOut], Iterator[pa.RecordBatch]],
        segments: Sequence[str],
        left_out: LeftOut,
    ) -> None:
        self._read = read
        self._left_out = left_out
        self._wanted = len(segments)
        self._numbers = {name: number for number, name in enumerate(segments)}
        self._seen = MembershipFingerprint()

    def wanted(self) -> Iterator[pa.RecordBatch]:
        """Yield the memberships of the segments that were asked for, and those that may be of one."""
        for batch in self._read(self._number_of, self._left_out):
            is_unsure = pc.equal(batch.column("segment"), UNSURE)
            self._seen.add(batch.filter(pc.invert(is_unsure)))
            yield batch.filter(pc.or_(is_unsure, pc.less(batch.column("segment"), self._wanted)))

    def ensure_same(self) -> None:
        """Read the table again. This can't tell whether a profile changed: see :data:`UNSEEN`.

        :raises SnapshotChangedError: another number of memberships, or others.
        """
        now = MembershipFingerprint()
        for batch in self._read(self._number_of, LeftOut(())):
            now.add(batch)
        if now != self._seen:
            raise SnapshotChangedError(
                f"Dataverse was refreshed while this run was reading: "
                f"{counted(self._seen.memberships, 'membership')} before, {now.memberships} after, and not "
                f"all the same. Nothing of it is delivered, since it may be half of each; start the run "
                f"again"
            )

    def _number_of(self, name: str) -> int:
        return self._numbers.setdefault(name, len(self._numbers))
