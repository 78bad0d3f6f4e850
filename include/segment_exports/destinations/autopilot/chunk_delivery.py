"""Everything that the steps of one chunk's delivery share."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from segment_exports.delivery.chunk import State, is_due, is_there
from segment_exports.delivery.destination import Attempt
from segment_exports.delivery.queue import NO_LIST, Single, SingleKind, WorkQueue
from segment_exports.destinations.autopilot.api import BATCH_LIMIT, LARGEST_BODY
from segment_exports.destinations.autopilot.bodies import Bodies
from segment_exports.destinations.autopilot.membership import MembershipWay

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy.typing as npt

    from segment_exports.destinations.autopilot.client import AutopilotClient

    Mask = npt.NDArray[np.bool_]


class AnsweredFor:
    """For which row each contact id was answered: no two contacts of the run are one."""

    def __init__(self) -> None:
        self._rows: dict[str, int] = {}

    def add(self, rows: Sequence[int], ids: Sequence[str | None]) -> bool:
        """Take note of an answer, and tell whether it gives no row the id of another one."""
        told = {one: row for row, one in zip(rows, ids, strict=True) if one is not None}
        is_apart = len(told) == len(ids) - ids.count(None)
        is_apart = is_apart and all(self._rows.get(one, row) == row for one, row in told.items())
        if is_apart:
            self._rows |= told
        return is_apart


@dataclass(kw_only=True)
class ChunkDelivery(Attempt):
    """One attempt at a chunk as Autopilot's steps share it, and what is to be sent for which row.

    ``way`` is the way of keeping membership, ``note`` says why where it changed. ``sought`` are rows
    whose contact was gone and whose payload was looked for already; ``found`` are rows of people who
    are no contacts of the run, but were seen to be at the destination. ``joins_unchecked``: joins inside
    bulk upserts were written down as delivered, and the check whether they stand is still to come.
    ``answered_for``: whose ids upserts were answered with.
    ``leave_seen``: a leave of somebody who is no contact of the run was seen to be done; one looks at a time.
    """

    client: AutopilotClient
    list_ids: Mapping[str, str] = field(default_factory=dict)
    way: MembershipWay = MembershipWay.LIST
    note: str | None = None
    sought: set[int] = field(default_factory=set)
    found: Mask = field(init=False)
    answered_for: AnsweredFor = field(default_factory=AnsweredFor)
    leave_seen: bool = False
    leave_look: asyncio.Lock = field(default_factory=asyncio.Lock)

    def __post_init__(self) -> None:
        self.found = np.zeros(self.chunk.rows, np.bool_)
        self.use(self.way)

    def use(self, way: MembershipWay, note: str | None = None) -> None:
        """Keep membership this way from now on; nothing is planned to be sent yet."""
        self.way = way
        self.note = note or self.note
        self.bodies = Bodies(self.chunk, way, self.list_ids)
        self.queue = WorkQueue(
            self.chunk.sizes, self._feeds, most_contacts=BATCH_LIMIT, most_bytes=LARGEST_BODY
        )

    def list_id(self, column: int) -> str:
        """Return the id of a list by its column."""
        return self.list_ids[self.chunk.titles[column]]

    def plan(self) -> None:
        """Queue everything that is due."""
        chunk = self.chunk
        for row in np.flatnonzero(is_due(chunk.leave[:, chunk.unsubscribe])).tolist():
            self.queue.add_first(Single(SingleKind.UNSUBSCRIBE, row, chunk.unsubscribe))
        leaves = is_due(chunk.leave[:, : chunk.unsubscribe]).any(axis=1)
        every = np.arange(chunk.rows)
        asked = chunk.has_new_email & (leaves | self._due(every))
        for row in np.flatnonzero(asked).tolist():
            self.queue.add_first(Single(SingleKind.NEW_EMAIL, row, feeds=True))
        self.plan_rows(every[~asked])

    def plan_rows(self, rows: npt.NDArray[np.int64]) -> None:
        """Queue what is due for rows whose known contacts aren't one with a new address of their persons."""
        chunk = self.chunk
        if self.way is MembershipWay.FIELD:
            for row in rows[chunk.displaced[rows]].tolist():
                self.plan_leaves_elsewhere(row, ())
        else:
            for column in reversed(range(chunk.unsubscribe)):
                for row in rows[is_due(chunk.leave[rows, column])].tolist():
                    self.queue.add_first(Single(SingleKind.LEAVE, row, column))
        rows = rows[self._due(rows)]
        moving = is_there(chunk.moved_ids[rows]) | is_due(chunk.join[rows]).any(axis=1)
        moved = chunk.has_previous_ids[rows] & moving
        gone = (chunk.recreated | chunk.displaced)[rows] & (chunk.upsert[rows] == State.ABSENT)
        for row in rows[moved].tolist():
            self.queue.add_first(Single(SingleKind.PREVIOUS, row, feeds=True))
        for row in rows[gone & ~moved].tolist():
            self.queue.add_gone(row)
        self.plan_contacts(rows[~moved & ~gone])

    def plan_contacts(self, rows: Sequence[int] | npt.NDArray[np.int64]) -> None:
        """Queue what is due for contacts of which nothing has to be looked up before."""
        rows = np.asarray(rows, dtype=np.int64)
        joins = is_due(self.chunk.join[rows])
        upserts = is_due(self.chunk.upsert[rows])
        if self.way is MembershipWay.LIST:
            self.queue.add_entries(rows[upserts])
            self._plan_joins(rows[~upserts], joins[~upserts])
            return
        addressed = self._may_be_upserted(rows)
        if self.way is MembershipWay.BULK:
            self._plan_joins(rows[~addressed], joins[~addressed])
            first = np.where(joins.any(axis=1), joins.argmax(axis=1), NO_LIST)
            wanted = addressed & (upserts | (first != NO_LIST))
            self.queue.add_entries(rows[wanted], first[wanted])
            return
        leaves = self.chunk.leaves_by_address(rows).any(axis=1)
        wanted = upserts | joins.any(axis=1) | leaves
        self.queue.add_entries(rows[wanted & addressed])
        for row in rows[wanted & ~addressed].tolist():
            self.queue.add_first(Single(SingleKind.FIND_EMAIL, row, feeds=True))

    def plan_leaves_elsewhere(self, row: int, columns: Sequence[int]) -> None:
        """Queue leaves of a known contact that has another address there; as fields, all that are due."""
        if self.way is not MembershipWay.FIELD:
            for column in columns:
                self.queue.add_first(Single(SingleKind.LEAVE, row, column))
        elif self.chunk.due_leaves(row):
            self.queue.add_first(Single(SingleKind.LEAVE_ELSEWHERE, row))

    def go_on(self, rows: npt.NDArray[np.int64]) -> None:
        """Queue what has become due for contacts after their upsert or join."""
        left = is_due(self.chunk.join[rows]).any(axis=1)
        if left.any():
            self.plan_contacts(rows[left])

    def _may_be_upserted(self, rows: npt.NDArray[np.int64]) -> Mask:
        """Tell for whom an upsert by address makes nobody anew who was deleted at the destination."""
        has_address = is_there(self.chunk.emails[rows])
        if self.way is not MembershipWay.FIELD:
            return has_address
        return has_address & (self.chunk.is_contact[rows] | self.found[rows])

    def _due(self, rows: npt.NDArray[np.int64]) -> Mask:
        """Tell which rows have something due for a contact (in way ``field``, a leave too)."""
        due: Mask = is_due(self.chunk.upsert[rows]) | is_due(self.chunk.join[rows]).any(axis=1)
        if self.way is MembershipWay.FIELD:
            due |= self.chunk.leaves_by_address(rows).any(axis=1)
        return due

    def _plan_joins(self, rows: npt.NDArray[np.int64], joins: Mask) -> None:
        for place, column in zip(*(found.tolist() for found in np.nonzero(joins)), strict=True):
            self.queue.add_join(int(rows[place]), column)

    def _feeds(self, rows: npt.NDArray[np.int64]) -> bool:
        """Tell whether a batch of these rows leaves joins for a batch after it."""
        if self.way is not MembershipWay.BULK:
            return False
        return bool((is_due(self.chunk.join[rows]).sum(axis=1) > 1).any())
