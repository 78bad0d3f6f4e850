"""What one batch carries out: the contacts that it sends, and the operations that are done by it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    Mask = npt.NDArray[np.bool_]
    Places = npt.NDArray[np.int64]


class Memberships(NamedTuple):
    """Memberships that a batch changes: places in the batch and columns of lists, side by side."""

    places: Places
    columns: Places

    @classmethod
    def of(cls, changes: Mask) -> Memberships:
        """Take a matrix of places and columns."""
        return cls(*np.nonzero(changes))

    def at_place(self, place: int) -> list[int]:
        """Return the columns of one place."""
        columns: list[int] = self.columns[self.places == place].tolist()
        return columns

    def at(self, place: int) -> Memberships:
        """Return those of one place, as the only one."""
        columns = self.columns[self.places == place]
        return Memberships(np.zeros(len(columns), np.int64), columns)


NO_MEMBERSHIPS = Memberships(np.empty(0, np.int64), np.empty(0, np.int64))


def first_of_each(names: Sequence[object]) -> Mask:
    """Tell at which places names stand for the first time."""
    places = {name: place for place, name in reversed(list(enumerate(names)))}
    found = np.zeros(len(names), np.bool_)
    found[list(places.values())] = True
    return found


@dataclass(frozen=True)
class Content:
    """What a batch sends: its contacts' JSON, and which operations that carries out.

    ``rows`` has the chunk's row at each place of the batch; ``upserts`` tells where the payload is sent.
    """

    rows: Places
    contacts: Sequence[bytes]
    upserts: Mask
    joins: Memberships = NO_MEMBERSHIPS
    leaves: Memberships = NO_MEMBERSHIPS

    def at(self, place: int) -> Content:
        """Return what is sent for the contact at one place alone."""
        one = slice(place, place + 1)
        return Content(
            self.rows[one], self.contacts[one], self.upserts[one], self.joins.at(place), self.leaves.at(place)
        )

    def without_leaves(self) -> Content:
        """Return the same without the leaves that it carries out."""
        return replace(self, leaves=NO_MEMBERSHIPS)
