"""What the cursors of listings stand for."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Listing:
    """What a cursor stands for: the people who were found when it was made."""

    ids: tuple[str, ...]
    subscribers: int


class Cursors:
    """The newest listings of an account, by cursor."""

    def __init__(self, kept: int = 64) -> None:
        self._kept = kept
        self._listings: OrderedDict[str, Listing] = OrderedDict()

    def keep(self, cursor: str, listing: Listing) -> None:
        """Remember a listing."""
        self._listings[cursor] = listing
        while len(self._listings) > self._kept:
            self._listings.popitem(last=False)

    def find(self, cursor: str) -> Listing | None:
        """Return a listing; None where there is none any more."""
        return self._listings.get(cursor)
