"""What planning asks of a destination besides reading it back: what a plan costs there. Pure arithmetic."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import pyarrow as pa

    from segment_exports.records.plan import PlannedWork


class RequestCost(Protocol):
    """Requests that contacts cost at one destination."""

    @property
    def batch(self) -> int:
        """Contacts that one request takes."""

    def least(self, work: PlannedWork) -> dict[str, int]:
        """Return the least requests by way of keeping membership; first where none is decided."""

    def at_worst(self, rows: pa.Table, membership: str) -> npt.NDArray[np.float64]:
        """Return the requests that each row (schema CHUNK) takes at the worst."""
