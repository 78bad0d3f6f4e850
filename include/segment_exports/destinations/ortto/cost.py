"""What a plan costs at Ortto: tags ride along with what is written of a person anyway."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow.compute as pc

from segment_exports.destinations.ortto.api import BATCH_LIMIT
from segment_exports.destinations.ortto.delivering.chunk_delivery import WAY

if TYPE_CHECKING:
    import numpy.typing as npt
    import pyarrow as pa

    from segment_exports.records.plan import PlannedWork

_LOOKS = 3.0
"""Requests for a batch at the worst: its people's standing, the write, and their reading back."""


class OrttoCost:
    """What a plan costs at Ortto."""

    batch = BATCH_LIMIT

    def least(self, work: PlannedWork) -> dict[str, int]:
        """Return the least requests: one write for each batch, and a look at each of earlier people."""
        writes = self._batches(work.rows - work.nameless) + self._batches(work.nameless)
        return {WAY: writes + work.earlier_contacts}

    def at_worst(self, rows: pa.Table, _membership: str) -> npt.NDArray[np.float64]:
        """Return the requests that each row (schema CHUNK) takes at the worst, faults apart."""
        looks = np.zeros(len(rows), np.float64)
        for name in ("previous_contact_ids", "emails_now", "moved_member_of"):
            looks += pc.fill_null(pc.list_value_length(rows[name]), 0).to_numpy()
        return looks + _LOOKS / self.batch

    def _batches(self, count: int) -> int:
        return -(-count // self.batch)
