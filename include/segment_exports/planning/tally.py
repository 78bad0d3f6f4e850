"""Counts of a plan over all hash ranges."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow.compute as pc

from segment_exports.records.outcomes import UNSUBSCRIBE
from segment_exports.records.plan import PlannedWork
from segment_exports.records.tables.memberships import to_matrix

if TYPE_CHECKING:
    import pyarrow as pa


class Tally:
    """Counts over all ranges; ``joins``, ``leaves`` and ``added`` are by list.

    ``added`` counts those joins whose member the ledger doesn't hold: a join may be sent again.
    ``unjudged`` are contacts that are held back since not all was read that may speak against them.
    ``kept_leavers`` are members who left a list's segments and stay (``when_member_leaves: keep``).
    ``nameless`` are rows of which only the contact's id is known, ``earlier_contacts`` the contacts that
    customers were under other addresses: both are looked up.
    """

    def __init__(self, titles: tuple[str, ...]) -> None:
        self._titles = titles
        self.joins, self.leaves, self.added = (np.zeros(len(titles), np.int64) for _ in range(3))
        self.total = self.due = self.refused_before = self.suppressed_before = self.superseded = 0
        self.unjudged = self.kept_leavers = 0
        self.over_limit = self.known_addresses = self.new_addresses = 0
        self.upserts = self.unsubscribes = 0
        self.places = self.rows = self.nameless = self.earlier_contacts = 0

    def count_operations(self, changes: pa.Table) -> None:
        """Add the operations of rows (schema CHUNK) that are to be sent."""
        upsert = pc.is_valid(changes["payload"]).to_numpy()
        joins, leaves = (to_matrix(changes[name], self._titles) for name in ("joins", "leaves"))
        self.upserts += int(upsert.sum())
        self.joins += joins.sum(axis=0)
        self.leaves += leaves.sum(axis=0)
        self.unsubscribes += int(to_matrix(changes["leaves"], (UNSUBSCRIBE,)).sum())
        self.places += int(np.maximum(joins.sum(axis=1), upsert).sum())
        self.rows += len(changes)
        self.nameless += changes["email"].null_count
        self.earlier_contacts += len(pc.list_flatten(changes["previous_contact_ids"]))

    def work(self) -> PlannedWork:
        """Return what the plan is made of."""
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
