"""The third face of a destination: what planning reads back of an account."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


class DestinationReader(Protocol):
    """What planning asks of the destination; it only reads."""

    def member_ids(self, list_id: str) -> Iterable[Sequence[str]]:
        """Return the contact ids of a list's members, page by page."""

    def count_existing(self, contact_ids: Sequence[str]) -> int:
        """Return how many of these contacts the destination still has."""
