"""What is to be sent next: single calls, batches, and what they bring about.

Order: what ends a mailing or decides what may be sent (leaves, look-ups), then what was split, then
upserts in full batches, then joins. A batch that is not full is sent only when nothing under way can
fill it any more.
"""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

from segment_exports.autopilot.client import BATCH_LIMIT
from segment_exports.autopilot.transport import Call

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

LARGEST_BODY = 2_000_000
"""Bytes of a bulk upsert at most. No limit is documented for Autopilot; its successor's is 2 MB."""

NO_LIST = -1


class SingleKind(StrEnum):
    """Calls that concern one contact."""

    UNSUBSCRIBE = "unsubscribe"
    LEAVE = "leave"
    JOIN = "join"
    PREVIOUS = "previous"
    FIND_EMAIL = "find_email"


@dataclass
class Batch:
    """Contacts of one bulk upsert by row, each with the column of a list that it joins, or -1.

    ``feeds``: when it is done, more may have to be sent in batches.
    """

    rows: Sequence[int]
    lists: Sequence[int]
    feeds: bool = False
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


class WorkQueue:
    """Gives out work to several workers until nothing is left or it is closed.

    :param sizes: bytes that each row takes in a body.
    :param feeds: tells whether a batch of these rows can bring about more entries.
    """

    def __init__(self, sizes: Sequence[int], feeds: Callable[[Sequence[int]], bool]) -> None:
        self._sizes = sizes
        self._feeds = feeds
        self._first: deque[Single] = deque()
        self._split: deque[Batch] = deque()
        self._entries: deque[tuple[int, int]] = deque()
        self._joins: deque[Single] = deque()
        self._gone: list[int] = []
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

    def add_entries(self, entries: Iterable[tuple[int, int]]) -> None:
        """Add (row, column or -1) to the batches; a row may stand in one batch only once."""
        self._entries.extend(entries)

    def add_halves(self, batch: Batch, max_attempts: int | None = None) -> None:
        """Add the two halves of a batch that was refused."""
        middle = len(batch) // 2
        for part in (slice(None, middle), slice(middle, None)):
            call = Call(max_attempts=max_attempts)
            self._split.append(Batch(batch.rows[part], batch.lists[part], batch.feeds, call))

    def take_joining(self) -> list[tuple[int, int]]:
        """Take up to 100 entries that each join a list."""
        taken: list[tuple[int, int]] = []
        left: deque[tuple[int, int]] = deque()
        room = LARGEST_BODY
        for row, column in self._entries:
            room -= self._sizes[row] if column != NO_LIST else 0
            if column != NO_LIST and len(taken) < BATCH_LIMIT and (room >= 0 or not taken):
                taken.append((row, column))
            else:
                left.append((row, column))
        self._entries = left
        return taken

    def add_gone(self, row: int) -> None:
        """Add a row whose contact is gone."""
        self._gone.append(row)

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
        if len(self._entries) >= BATCH_LIMIT or (self._entries and not self._feeding):
            return self._cut_batch()
        if self._joins:
            return self._joins.popleft()
        if self._gone and not self._under_way:
            gone, self._gone = self._gone, []
            return Restore(gone)
        return None

    def _cut_batch(self) -> Batch:
        entries = self._entries
        taken = [entries.popleft() for _ in range(min(BATCH_LIMIT, len(entries)))]
        size = sum(self._sizes[row] for row, _ in taken)
        while size > LARGEST_BODY and len(taken) > 1:
            size -= self._sizes[taken[-1][0]]
            entries.appendleft(taken.pop())
        rows = [row for row, _ in taken]
        return Batch(rows, [column for _, column in taken], self._feeds(rows))
