"""Counts of a plan over all hash ranges."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow.compute as pc

from segment_exports.records.outcomes import UNSUBSCRIBE
from segment_exports.records.plan import PlannedWork
from segment_exports.records.tables.memberships import to_matrix

if TYPE_CHECKING:
    import numpy.typing as npt
    import pyarrow as pa

    Counts = npt.NDArray[np.int64]


class Tally:
    """Counts over all ranges: contacts by what is due, and the work that comes of it.

    ``added`` counts by list those joins whose member the ledger doesn't hold: a join may be sent again.
    ``gone`` are contacts who were erased or refused after the mapping, ``unjudged`` those that wait since
    not all was read that may speak against them. ``duties`` is the work of taking off people who withdrew or
    were erased, which is sent by itself, ``changes`` all other work. ``kept_leavers`` are members who left a
    list's segments and stay (``when_member_leaves: keep``), ``passed_on`` addresses that are another person's
    now, ``spared`` those who withdrew and are not unsubscribed, since their permission only has no value.
    """

    def __init__(self, titles: tuple[str, ...]) -> None:
        self.added = np.zeros(len(titles), np.int64)
        self.total = self.due = self.refused_before = self.suppressed_before = self.superseded = 0
        self.gone = self.unjudged = self.kept_leavers = self.passed_on = self.spared = 0
        self.over_limit = self.known_addresses = self.new_addresses = 0
        self.changes, self.duties = WorkTally(titles), WorkTally(titles)

    @property
    def joins(self) -> Counts:
        """Joins by list."""
        return self.changes.joins + self.duties.joins

    @property
    def leaves(self) -> Counts:
        """Leaves by list."""
        return self.changes.leaves + self.duties.leaves

    @property
    def upserts(self) -> int:
        """Contacts whose payload is sent."""
        return self.changes.upserts + self.duties.upserts

    @property
    def unsubscribes(self) -> int:
        """People who are unsubscribed."""
        return self.changes.unsubscribes + self.duties.unsubscribes


class WorkTally:
    """Counts of rows (schema CHUNK) that are to be sent; ``joins`` and ``leaves`` are by list.

    ``nameless`` are rows of people who are no contacts, ``earlier_contacts`` the contacts that customers were
    under other addresses: both are looked up, the former where membership is a field.
    """

    def __init__(self, titles: tuple[str, ...]) -> None:
        self._titles = titles
        self.joins, self.leaves = (np.zeros(len(titles), np.int64) for _ in range(2))
        self.upserts = self.unsubscribes = 0
        self.places = self.rows = self.nameless = self.earlier_contacts = 0

    def count(self, rows: pa.Table) -> None:
        """Add the operations of these rows."""
        upsert = pc.is_valid(rows["payload"]).to_numpy()
        joins, leaves = (to_matrix(rows[name], self._titles) for name in ("joins", "leaves"))
        self.upserts += int(upsert.sum())
        self.joins += joins.sum(axis=0)
        self.leaves += leaves.sum(axis=0)
        self.unsubscribes += int(to_matrix(rows["leaves"], (UNSUBSCRIBE,)).sum())
        self.places += int(np.maximum(joins.sum(axis=1), upsert).sum())
        self.rows += len(rows)
        self.nameless += int(np.count_nonzero(~rows["is_contact"].to_numpy()))
        self.earlier_contacts += len(pc.list_flatten(rows["previous_contact_ids"]))
        self.earlier_contacts += len(pc.list_flatten(rows["emails_now"]))

    def work(self) -> PlannedWork:
        """Return what they are made of."""
        return PlannedWork(
            rows=self.rows,
            upserts=self.upserts,
            joins=int(self.joins.sum()),
            leaves=int(self.leaves.sum()),
            unsubscribes=self.unsubscribes,
            places=self.places,
            nameless=self.nameless,
            earlier_contacts=self.earlier_contacts,
        )
