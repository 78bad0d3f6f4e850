"""A tenant's tables at one snapshot, as the services hold them: one row per customer."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from segment_emulators.tenant import ATTRIBUTE_NAMES

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from segment_emulators.tenant import Tenant


@dataclass(frozen=True)
class Tables:
    """Customers and who is in which segment; row numbers are places in ``profiles``."""

    profiles: pa.Table
    members: Mapping[str, NDArray[np.int64]]
    in_segments: NDArray[np.int64]
    """Customers that are in a segment at all."""
    found: dict[str, NDArray[np.int64]] = field(default_factory=dict)
    """Filter → rows: every page of a filtered table asks for the same."""

    @classmethod
    def of(cls, tenant: Tenant, snapshot: int) -> Tables:
        """Return the tables of a tenant's snapshot, in memory."""
        rows = pa.Table.from_batches(tenant.snapshot(snapshot)).combine_chunks()
        first = rows.append_column("row", pa.array(np.arange(rows.num_rows)))
        first = first.group_by("CustomerId", use_threads=False).aggregate([("row", "min")])
        rows = rows.take(pa.array(np.sort(first["row_min"].to_numpy())))
        members = {name: np.flatnonzero(rows[name].to_numpy()) for name in tenant.segments}
        everyone = np.unique(np.concatenate(list(members.values()))) if members else np.empty(0, np.int64)
        return cls(rows.select(list(ATTRIBUTE_NAMES)).combine_chunks(), members, everyone)

    def segments_of(self, rows: NDArray[np.int64]) -> list[list[str]]:
        """Return the segments of some customers."""
        flags = {name: np.isin(rows, members, assume_unique=True) for name, members in self.members.items()}
        return [[name for name in flags if flags[name][place]] for place in range(len(rows))]
