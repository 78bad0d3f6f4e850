"""Refusals of contacts are believed only while the destination takes others.

It may refuse everybody for what is nobody's: a plan that is full, a field that it doesn't know. Booked on
each, that would keep them away for days after it was mended. So a rejection waits until something else was
taken, or was refused for another reason; where neither comes, the delivery stops and nobody is rejected.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from segment_exports.delivery.job import StopKind

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Collection

    from segment_exports.delivery.stopping import Stopping
    from segment_exports.records.outcomes import Operation

    Booking = Callable[[], Awaitable[None]]

MOST_ALIKE = 16
"""Contacts refused in a row for one and the same reason that stop a delivery."""

LEAST_ALIKE = 2
"""Contacts below which nothing is made of their being all there was: a run may hold one bad contact."""


@dataclass
class _Waiting:
    reason: str
    bookings: dict[tuple[int, int], Booking] = field(default_factory=dict)

    @property
    def contacts(self) -> int:
        """Contacts that were refused, on however many lists."""
        return len({row for row, _ in self.bookings})


class Refusals:
    """Rejections of one attempt that wait to be written down, by what was to be done.

    :param taken: operations of which something was delivered before, in this run.
    """

    def __init__(self, stopping: Stopping, taken: Collection[Operation] = ()) -> None:
        self._stopping = stopping
        self._taken = set(taken)
        self._waiting: dict[Operation, _Waiting] = {}

    async def refused(self, operation: Operation, place: tuple[int, int], reason: str, book: Booking) -> None:
        """Note that the destination refused this of one contact, in its own words.

        :param place: row of the contact and column of the list.
        :param reason: without anything of the contact.
        :param book: writes the rejection down.
        """
        waiting = self._waiting.get(operation)
        if waiting is not None and waiting.reason != reason:
            await self._book(operation)
        waiting = self._waiting.setdefault(operation, _Waiting(reason))
        waiting.bookings[place] = book
        if waiting.contacts >= MOST_ALIKE:
            self._stop(waiting)

    async def took(self, operation: Operation) -> None:
        """Note that the destination has taken this of somebody: what waits is written down."""
        self._taken.add(operation)
        await self._book(operation)

    async def conclude(self) -> bool:
        """Write down what waits when all is sent; stop where the destination has taken nothing besides.

        :return: whether anything was written down, so that more may be due.
        """
        before = len(self._waiting)
        for operation, waiting in list(self._waiting.items()):
            if operation in self._taken or waiting.contacts < LEAST_ALIKE:
                await self._book(operation)
            else:
                self._stop(waiting)
        return len(self._waiting) < before

    async def _book(self, operation: Operation) -> None:
        waiting = self._waiting.pop(operation, None)
        for book in waiting.bookings.values() if waiting else ():
            await book()

    def _stop(self, waiting: _Waiting) -> None:
        self._stopping.stop_for(
            StopKind.REFUSED_ALIKE,
            f"{len(waiting.bookings)} requests for one contact each were refused with one and the same "
            f"reason, and none was taken in between: {waiting.reason.rstrip('.')}. That is taken for trouble "
            f"of the account or the mapping, not of these contacts: none of them counts as rejected, and the "
            f"next attempt sends them",
        )
