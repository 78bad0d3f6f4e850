"""Refusals of contacts are believed only while the destination takes others.

It may refuse everybody for what is nobody's: a plan that is full, a field that it doesn't know. Booked on
each, that would keep them away for days after it was mended. So a rejection waits until a number of others
was taken, or until all was sent; where too many in a row are refused for one and the same reason, or nobody
was taken, the delivery stops and nobody of them is rejected.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from segment_exports.delivery.job import StopKind
from segment_exports.records.outcomes import Operation

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from segment_exports.delivery.stopping import Stopping

    Booking = Callable[[], Awaitable[None]]
    Place = tuple[int, int]

MOST_ALIKE = 16
"""Contacts refused in a row for one and the same reason that stop a delivery; and how many have to be taken
before any is rejected, for one that lacks what is refused of all others may come among the first."""

LEAST_ALIKE = 2
"""Contacts below which nothing is made of their being all there was: a run may hold one bad contact."""


@dataclass
class _Course:
    """What the destination has said so far to one operation.

    ``taken`` counts contacts of which it was taken, ``row`` holds those that were refused since the last of
    them for one and the same ``reason``. ``waiting`` are all rejections that are to be written down.
    """

    taken: int = 0
    waiting: dict[Place, tuple[str, Booking]] = field(default_factory=dict)
    reason: str = ""
    row: set[int] = field(default_factory=set)

    def add(self, place: Place, reason: str, book: Booking) -> None:
        self.waiting[place] = (reason, book)
        if reason != self.reason:
            self.reason, self.row = reason, set()
        self.row.add(place[0])

    def add_taken(self, contacts: int) -> None:
        self.taken += contacts
        self.row.clear()

    def blamed(self) -> tuple[str, int] | None:
        """Return the reason of what may be nobody's fault, once all was sent, and how many met it."""
        contacts = {(reason, row) for (row, _), (reason, _) in self.waiting.items()}
        refused = Counter(reason for reason, _ in contacts)
        several = [one for one in refused.items() if one[1] >= LEAST_ALIKE]
        return several[0] if len(several) == 1 and not self.taken else None

    async def book(self, *, but_for: str | None = None) -> bool:
        """Write down what waits; tell whether there was anything."""
        waiting, self.waiting = self.waiting, {}
        books = [book for reason, book in waiting.values() if reason != but_for]
        for one in books:
            await one()
        return bool(books)


class Refusals:
    """Rejections of one attempt that wait to be written down, by what was to be done.

    :param taken: of how many contacts each operation was delivered before, in this run.
    """

    def __init__(self, stopping: Stopping, taken: Mapping[Operation, int] | None = None) -> None:
        self._stopping = stopping
        self._courses = {one: _Course((taken or {}).get(one, 0)) for one in Operation}

    def refused(self, operation: Operation, place: Place, reason: str, book: Booking) -> None:
        """Note that the destination refused this of one contact, in its own words.

        :param place: row of the contact and column of the list.
        :param reason: without anything of the contact.
        :param book: writes the rejection down.
        """
        course = self._courses[operation]
        course.add(place, reason, book)
        if len(course.row) >= MOST_ALIKE:
            self._stop(reason, len(course.row))

    async def took(self, operation: Operation, contacts: int = 1) -> None:
        """Note that the destination has taken this of some: once many were, what waits is written down.

        An answer that comes after the delivery has stopped books nothing: the next attempt sends what waits.
        """
        course = self._courses[operation]
        course.add_taken(contacts)
        if course.taken >= MOST_ALIKE and self._stopping.stop is None:
            await course.book()

    async def conclude(self) -> bool:
        """Write down what waits when all is sent; stop where the destination has taken nothing besides.

        :return: whether anything was written down, so that more may be due.
        """
        is_any = False
        for course in self._courses.values():
            blamed = course.blamed()
            if blamed is not None:
                self._stop(*blamed)
            is_any |= await course.book(but_for=None if blamed is None else blamed[0])
        return is_any

    def _stop(self, reason: str, contacts: int) -> None:
        self._stopping.stop_for(
            StopKind.REFUSED_ALIKE,
            f"{contacts} contacts were refused with one and the same reason, and none was taken in between: "
            f"{reason.rstrip('.')}. That is taken for trouble of the account or the mapping, not of these "
            f"contacts: none of them counts as rejected, and the next attempt sends them",
        )
