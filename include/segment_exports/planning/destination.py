"""The third face of a destination: what planning reads back of an account, and what a plan costs there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import numpy as np
    import numpy.typing as npt
    import pyarrow as pa

    from segment_exports.records.plan import PlannedWork


class DestinationReader(Protocol):
    """What planning asks of the destination; it only reads."""

    def members(self, list_id: str) -> Iterable[Sequence[tuple[str, str | None]]]:
        """Return (contact id, address as it is shown) of a list's members, page by page."""

    def flagged(self, titles: Sequence[str]) -> Iterable[Sequence[tuple[str, str | None, Sequence[str]]]]:
        """Return (contact id, address as it is shown, titles) of contacts whose fields put them on lists.

        Page by page, and only those who are on one of the lists of these titles at least, each once. All
        contacts of the account are read for it.
        """

    def count_existing(self, contact_ids: Sequence[str]) -> int:
        """Return how many of these contacts the destination still has."""


class RequestCost(Protocol):
    """Requests that contacts cost at one destination; pure arithmetic."""

    @property
    def batch(self) -> int:
        """Contacts that one request takes."""

    def least(self, work: PlannedWork) -> dict[str, int]:
        """Return the least requests by way of keeping membership; first where none is decided."""

    def at_worst(self, rows: pa.Table, membership: str) -> npt.NDArray[np.float64]:
        """Return the requests that each row (schema CHUNK) takes at the worst."""
