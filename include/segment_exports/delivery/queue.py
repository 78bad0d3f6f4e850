"""What is to be sent next: single calls, batches, and what they bring about.

Order: what ends a mailing or decides what may be sent (leaves, look-ups), then what was split, then
batches kind by kind, full ones first, then joins. A batch that is not full is sent only when nothing under
way can fill it any more.
"""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

import numpy as np

from segment_exports.transport.call import Call

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import numpy.typing as npt

    Rows = npt.NDArray[np.int64]

MOST_CONTACTS = 100
"""Contacts of a batch: never more, whatever a destination takes."""

NO_LIST = -1


class SingleKind(StrEnum):
    """Calls that concern one contact."""

    UNSUBSCRIBE = "unsubscribe"
    LEAVE = "leave"
    JOIN = "join"
    PREVIOUS = "previous"
    FIND_EMAIL = "find_email"
    LEAVE_ELSEWHERE = "leave_elsewhere"
    NEW_EMAIL = "new_email"


@dataclass(frozen=True)
class BatchKind:
    """What contacts of one batch have in common; those of different kinds are never in one.

    ``ends_a_mailing``: nothing is made or joined by it.
    """

    name: str
    ends_a_mailing: bool = False


UPSERTS = BatchKind("upserts")


@dataclass
class Batch:
    """Contacts of one bulk request by row, each with the column of a list that it joins, or -1.

    ``feeds``: when it is done, more may have to be sent in batches.
    """

    rows: Rows
    lists: Rows
    feeds: bool = False
    kind: BatchKind = UPSERTS
    call: Call = field(default_factory=Call)
    recording: bool = False

    def __len__(self) -> int:
        return len(self.rows)


@dataclass
class Single:
    """One call for one contact; ``column`` is the list's."""

    kind: SingleKind
    row: int
    column: int = NO_LIST
    feeds: bool = False
    call: Call = field(default_factory=Call)
    recording: bool = False


@dataclass
class Restore:
    """Rows whose contact is gone at the destination: their payloads are to be fetched."""

    rows: list[int]
    feeds: bool = True
    call: Call = field(default_factory=Call)
    recording: bool = False


Item = Batch | Single | Restore


class _Entries:
    """Rows that wait for batches of one kind, each with the column of a list or -1."""

    def __init__(self, rows: int) -> None:
        self.rows = self.columns = np.empty(0, np.int64)
        self._waits = np.zeros(rows, np.bool_)

    def __len__(self) -> int:
        return len(self.rows)

    def add(self, rows: Rows, columns: Rows) -> None:
        """Add rows, but for those that wait already."""
        first = np.sort(np.unique(rows, return_index=True)[1])
        fresh = first[~self._waits[rows[first]]]
        rows, columns = rows[fresh], columns[fresh]
        self._waits[rows] = True
        self.rows = np.concatenate([self.rows, rows])
        self.columns = np.concatenate([self.columns, columns])

    def take(self, places: Rows) -> tuple[Rows, Rows]:
        """Take out the entries at some places: their rows and columns."""
        rows, columns = self.rows[places], self.columns[places]
        if places[-1] == len(places) - 1:
            self.rows, self.columns = self.rows[len(places) :], self.columns[len(places) :]
        else:
            self.rows, self.columns = np.delete(self.rows, places), np.delete(self.columns, places)
        self._waits[rows] = False
        return rows, columns


class WorkQueue:
    """Gives out work to several workers until nothing is left or it is closed.

    :param sizes: bytes that each row takes in a body.
    :param feeds: tells whether a batch of these rows can bring about more entries.
    :param most_contacts, most_bytes: what the destination takes in one batch.
    :param kinds: of batches, those first that are to be sent first.
    """

    def __init__(
        self,
        sizes: Rows,
        feeds: Callable[[Rows], bool],
        *,
        most_contacts: int = MOST_CONTACTS,
        most_bytes: int,
        kinds: Sequence[BatchKind] = (UPSERTS,),
    ) -> None:
        self._sizes = sizes
        self._feeds = feeds
        self._most_contacts = min(most_contacts, MOST_CONTACTS)
        self._most_bytes = most_bytes
        self._first: deque[Single] = deque()
        self._split: deque[Batch] = deque()
        self._entries = {kind: _Entries(len(sizes)) for kind in kinds}
        self._joins: deque[Single] = deque()
        self._gone: dict[int, None] = {}
        self._under_way = 0
        self._feeding = 0
        self._changed = asyncio.Event()
        self.is_closed = False

    def add_first(self, single: Single) -> None:
        """Add a call that comes before all upserts."""
        self._first.append(single)

    def add_join(self, row: int, column: int) -> None:
        """Add a join by a single call."""
        self._joins.append(Single(SingleKind.JOIN, row, column))

    def add_entries(self, rows: Rows, columns: Rows | None = None, kind: BatchKind = UPSERTS) -> None:
        """Add rows to the batches of a kind, each with the column of a list or -1, unless they wait there."""
        self._entries[kind].add(rows, np.full(len(rows), NO_LIST) if columns is None else columns)

    def add_halves(self, batch: Batch, max_attempts: int | None = None) -> None:
        """Add the two halves of a batch that was refused."""
        middle = len(batch) // 2
        for part in (slice(None, middle), slice(middle, None)):
            self._split.append(_part_of(batch, part, Call(max_attempts=max_attempts)))

    def add_again(self, batch: Batch) -> None:
        """Add what is left of a batch that was withdrawn before it was sent."""
        self._split.append(_part_of(batch, slice(None), Call(max_attempts=batch.call.max_attempts)))

    def add_alone(self, row: int, column: int) -> None:
        """Add a batch of one contact that joins a list, so that it spoils no other batch."""
        rows = np.array([row])
        self._split.append(Batch(rows, np.array([column]), self._feeds(rows)))

    def take_joining(self) -> Batch | None:
        """Take a batch of entries that each join a list; None if there are none."""
        entries = self._entries[UPSERTS]
        joining = np.flatnonzero(entries.columns != NO_LIST)
        if not len(joining):
            return None
        return self._take(UPSERTS, joining[: self._fitting(entries.rows[joining[: self._most_contacts]])])

    def add_gone(self, row: int) -> None:
        """Add a row whose contact is gone; each of its joins may have found that out."""
        self._gone[row] = None

    @property
    def requests_left(self) -> int:
        """About how many requests what waits or is under way takes; what it brings about comes to it."""
        batches = sum(-(-len(entries) // self._most_contacts) for entries in self._entries.values())
        singles = len(self._first) + len(self._split) + len(self._joins) + bool(self._gone)
        return batches + singles + self._under_way

    def close(self) -> None:
        """Give out no more work."""
        self.is_closed = True
        self._changed.set()

    async def take(self) -> Item | None:
        """Return what to do next; wait while only work under way can bring more; None at the end."""
        while not self.is_closed:
            item = self._next()
            if item is not None:
                self._under_way += 1
                self._feeding += item.feeds
                return item
            if not self._under_way:
                return None
            self._changed.clear()
            await self._changed.wait()
        return None

    def done(self, item: Item) -> None:
        """Say that an item is done, after what it brings about was added."""
        self._under_way -= 1
        self._feeding -= item.feeds
        self._changed.set()

    def _next(self) -> Item | None:
        if self._first:
            return self._first.popleft()
        if self._split:
            return self._split.popleft()
        for kind, entries in self._entries.items():
            if len(entries) >= self._most_contacts or (len(entries) and not self._feeding):
                return self._take(kind, np.arange(self._fitting(entries.rows[: self._most_contacts])))
        if self._joins:
            return self._joins.popleft()
        if self._gone and not self._under_way:
            gone, self._gone = list(self._gone), {}
            return Restore(gone)
        return None

    def _fitting(self, rows: Rows) -> int:
        """Return how many of these rows one body holds: at least the first."""
        return max(1, int(np.searchsorted(np.cumsum(self._sizes[rows]), self._most_bytes, side="right")))

    def _take(self, kind: BatchKind, places: Rows) -> Batch:
        rows, columns = self._entries[kind].take(places)
        return Batch(rows, columns, self._feeds(rows), kind)


def _part_of(batch: Batch, part: slice, call: Call) -> Batch:
    return Batch(batch.rows[part], batch.lists[part], batch.feeds, batch.kind, call)
