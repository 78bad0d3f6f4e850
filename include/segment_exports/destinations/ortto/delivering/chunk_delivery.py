"""Everything that the steps of one chunk's delivery share, and what is queued for whom."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum, auto
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from segment_exports.delivery.chunk import State, is_due, is_there
from segment_exports.delivery.destination import Attempt
from segment_exports.delivery.queue import BatchKind, Single, SingleKind, WorkQueue
from segment_exports.destinations.ortto.account_fields import FieldNames
from segment_exports.destinations.ortto.api import BATCH_LIMIT, LARGEST_BODY
from segment_exports.destinations.ortto.delivering.apart import Apart
from segment_exports.destinations.ortto.delivering.bodies import Bodies
from segment_exports.records.outcomes import Operation

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy.typing as npt

    from segment_exports.delivery.queue import Item
    from segment_exports.destinations.ortto.archive import Archive
    from segment_exports.destinations.ortto.client import AccountField, OrttoClient
    from segment_exports.destinations.ortto.permissions import Permissions
    from segment_exports.errors import DestinationError

    Mask = npt.NDArray[np.bool_]
    Rows = npt.NDArray[np.int64]

LEAVING = BatchKind("leaving", ends_a_mailing=True)
KNOWN = BatchKind("known")
NEW = BatchKind("new")
KINDS = (LEAVING, KNOWN, NEW)
WAY = "tag"


class Order(Enum):
    """Whether the items of an answer stand in the order in which people were sent."""

    UNPROVEN = auto()
    AS_SENT = auto()
    OTHER = auto()


@dataclass(kw_only=True)
class OrttoDelivery(Attempt):
    """One attempt at a chunk as Ortto's steps share it.

    ``permission_off``: new people are made unsubscribed; ``off`` marks rows of people who refused under
    another name, and are never made otherwise. ``sought`` are rows whose person was gone and who were looked
    for already; ``maybe_there`` those that a request may have made which was not answered; ``met`` those who
    turned out to exist, maybe made since permissions were read. ``by_order`` are rows whose ids were taken
    from an answer by their place in it alone. ``not_created`` says why nobody is created any more.
    ``unchecked``: what was written down is still to be checked. ``with_addresses``: the account wants an
    address beside an id. ``names``: of fields, as people see them.
    """

    client: OrttoClient
    permissions: Permissions
    archive: Archive
    permission_off: bool
    tags: Mapping[str, str] = field(default_factory=dict)
    sought: set[int] = field(default_factory=set)
    order: Order = Order.UNPROVEN
    by_order: list[int] = field(default_factory=list)
    apart: Apart = field(default_factory=Apart)
    not_created: DestinationError | None = None
    unchecked: bool = False
    with_addresses: bool = False
    names: FieldNames = field(default_factory=lambda: FieldNames((), {}))
    off: Mask = field(init=False)
    maybe_there: Mask = field(init=False)
    met: Mask = field(init=False)
    bodies: Bodies = field(init=False)
    queue: WorkQueue = field(init=False)

    def __post_init__(self) -> None:
        self.off, self.maybe_there, self.met = (np.zeros(self.chunk.rows, np.bool_) for _ in range(3))
        self.unchecked = self.joins_unchecked
        self.use({}, {})

    def use(self, tags: Mapping[str, str], fields: Mapping[str, AccountField]) -> None:
        """Render people with these tags and fields; nothing is queued yet."""
        self.tags = tags
        self.bodies = Bodies(self.chunk, tags, fields, permission_off=self.permission_off)
        self.queue = WorkQueue(
            self.chunk.sizes + self.bodies.sizes_beyond(),
            lambda rows: not is_there(self.chunk.contact_ids[rows]).all(),
            most_contacts=BATCH_LIMIT,
            most_bytes=LARGEST_BODY,
            kinds=KINDS,
        )

    def known_batches(self) -> int:
        """Return about how many requests people take who may exist."""
        chunk = self.chunk
        due = is_due(chunk.leave).any(axis=1) | self._due(np.arange(chunk.rows))
        return -(-int((due & is_there(chunk.contact_ids)).sum()) // BATCH_LIMIT)

    def plan(self) -> None:
        """Queue everything that is due."""
        chunk = self.chunk
        every = np.arange(chunk.rows)
        asked = chunk.has_new_email & (is_due(chunk.leave).any(axis=1) | self._due(every))
        for row in np.flatnonzero(asked).tolist():
            self.queue.add_first(Single(SingleKind.NEW_EMAIL, row, feeds=True))
        self.plan_rows(every[~asked])

    def plan_rows(self, rows: Rows) -> None:
        """Queue what is due for rows whose known people aren't one with a new address of theirs."""
        chunk = self.chunk
        self.plan_leaves(rows[is_due(chunk.leave[rows]).any(axis=1) & ~self._ride(rows)])
        rows = rows[self._due(rows)]
        looked_at = chunk.has_previous_ids[rows] & (
            is_there(chunk.moved_ids[rows])
            | is_due(chunk.join[rows]).any(axis=1)
            | ~is_there(chunk.contact_ids[rows])
        )
        for row in rows[looked_at].tolist():
            self.queue.add_first(Single(SingleKind.PREVIOUS, row, feeds=True))
        self.plan_contacts(rows[~looked_at])

    def plan_contacts(self, rows: Sequence[int] | Rows) -> None:
        """Queue what is due for contacts of which nothing has to be looked up before."""
        rows = np.asarray(rows, dtype=np.int64)
        rows = rows[self._due(rows)]
        known = is_there(self.chunk.contact_ids[rows])
        self.queue.add_entries(rows[known], kind=KNOWN)
        rows = rows[~known]
        # Who was here before and is gone may have unsubscribed, and may have no payload in the chunk.
        gone = self.chunk.recreated[rows] | (self.chunk.upsert[rows] == State.ABSENT)
        gone &= ~np.isin(rows, list(self.sought))
        for row in rows[gone].tolist():
            self.queue.add_gone(row)
        self.queue.add_entries(rows[~gone], kind=NEW)

    def plan_leaves(self, rows: Rows) -> None:
        """Queue leaves that go by themselves: by id in batches, else alone."""
        chunk = self.chunk
        named = is_there(chunk.ids_of(Operation.LEAVE, rows)) & ~chunk.maybe_anew[rows]
        self.queue.add_entries(rows[named], kind=LEAVING)
        for row in rows[~named].tolist():
            self.queue.add_first(Single(SingleKind.LEAVE, row))

    def found_gone(self, rows: Rows) -> None:
        """Note that known people are not there any more: they are made anew, with their tags."""
        for row in rows.tolist():
            self.chunk.contact_ids[row] = None
            self.chunk.mark_recreated(row)
        self.plan_contacts(rows)

    def displace(self, row: int) -> None:
        """Note that the person of a row, known or met in this run, has another address there.

        It is to lose the tags that it was given; who has the address now is not known. Nothing is queued yet.
        """
        chunk = self.chunk
        if chunk.planned_ids[row] is None:
            chunk.planned_ids[row] = chunk.contact_ids[row]
        chunk.mark_displaced(row)
        chunk.contact_ids[row] = None

    def left(self, people: Mapping[str, Sequence[int]]) -> None:
        """Note of which lists people were taken off, by id: who is another row's by now is put on them again.

        So it goes where people exchange their addresses there.
        """
        chunk = self.chunk
        joined = np.flatnonzero((chunk.join == State.DELIVERED).any(axis=1))
        ids = pa.array(chunk.contact_ids[joined], pa.string())
        theirs = pc.is_in(ids, value_set=pa.array(list(people), pa.string())).to_numpy(zero_copy_only=False)
        for row in joined[theirs & is_there(chunk.contact_ids[joined])].tolist():
            columns = people.get(chunk.contact_ids[row] or "", ())
            if lost := [column for column in columns if chunk.join[row, column] == State.DELIVERED]:
                chunk.join[row, lost] = State.IN_DOUBT
                self.plan_contacts([row])

    def look_failed(self, item: Item, error: DestinationError) -> None:
        """Note that what has to be looked at before an item is sent can't be: that is one miss."""
        item.recording = True
        if not self.stopping.stops(error):
            self.stopping.missed(error)

    def found_there(self, row: int, person_id: str) -> None:
        """Note that a person who was not known exists: it is written as a known one."""
        self.chunk.contact_ids[row] = person_id
        self.met[row] = True
        self.plan_contacts([row])

    def _ride(self, rows: Rows) -> Mask:
        """Tell whose leaves go along with an update, which makes nobody either."""
        chunk = self.chunk
        known = is_there(chunk.contact_ids[rows]) & ~chunk.displaced[rows] & ~is_there(chunk.moved_ids[rows])
        unsubscribes = is_due(chunk.leave[rows, chunk.unsubscribe])
        return known & self._due(rows) & chunk.is_contact[rows] & ~unsubscribes

    def _due(self, rows: Rows) -> Mask:
        """Tell which rows have something due for a contact."""
        due: Mask = is_due(self.chunk.upsert[rows]) | is_due(self.chunk.join[rows]).any(axis=1)
        return due
