"""A chunk in memory: what is due for each of its contacts, and where each operation stands."""

from __future__ import annotations

from enum import IntEnum
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from segment_exports.records.keyed_hash import HASH_TYPE
from segment_exports.records.outcomes import UNSUBSCRIBE, Operation, Outcome
from segment_exports.records.receipts import settle
from segment_exports.records.tables.memberships import to_matrix
from segment_exports.records.tombstones import rows_of_people

if TYPE_CHECKING:
    import numpy.typing as npt

    from segment_exports.records.receipts import ChunkReceipts

    States = npt.NDArray[np.uint8]
    Texts = npt.NDArray[np.object_]

_EXTRA_BYTES = 100
"""Room in a body for the address and what membership adds."""


class State(IntEnum):
    """Where one operation stands. ``PENDING`` and ``IN_DOUBT`` are due; the rest is settled.

    ``IN_DOUBT``: it may have been done already, by a request that was never answered.
    """

    ABSENT = 0
    PENDING = 1
    IN_DOUBT = 2
    DELIVERED = 3
    SUPPRESSED = 4
    REJECTED = 5
    NOT_SENT = 6
    FAILED = 7


STATE_OF = {
    Outcome.DELIVERED: State.DELIVERED,
    Outcome.UNCHANGED: State.DELIVERED,
    Outcome.SUPPRESSED: State.SUPPRESSED,
    Outcome.REJECTED: State.REJECTED,
    Outcome.NOT_SENT: State.NOT_SENT,
    Outcome.FAILED: State.FAILED,
}
OUTCOME_OF = {state: outcome for outcome, state in STATE_OF.items() if outcome is not Outcome.UNCHANGED}


_IS_DUE = np.array([state in (State.PENDING, State.IN_DOUBT) for state in State])


def is_due(states: States) -> npt.NDArray[np.bool_]:
    """Tell which operations are still to be done."""
    due: npt.NDArray[np.bool_] = _IS_DUE[states]
    return due


class Chunk:
    """The contacts of one chunk (at most 50,000) by row, with lists as columns.

    ``upsert`` has one state per row; ``join`` and ``leave`` one per row and column of ``titles``, whose
    last column, :attr:`unsubscribe`, stands for the unsubscribe that may be among the leaves. ``sizes``
    are about the bytes that each row takes in a body. ``contact_ids`` grow as the destination tells
    them; they, ``planned_ids`` (those known from the start) and ``emails`` are strings or None.
    ``restored`` are payloads that were fetched for contacts that turned out to be gone. ``recreated`` marks
    contacts that were deleted or merged there, ``displaced`` those whose known contact, or the one that was
    to be given the address (``moved_ids``), lives there under another address: its leaves are the row's, the
    joins are for the contact that has the address now.
    ``held_back`` marks contacts of the run who were erased since: of them nothing is made or joined.
    """

    def __init__(self, table: pa.Table) -> None:
        """Take a table of the schema ``CHUNK``; everything is pending."""
        self.table = table
        self.rows = len(table)
        lists = (table["joins"], table["leaves"], table["member_of"], table["moved_member_of"])
        named = {title for column in lists for title in pc.unique(pc.list_flatten(column)).to_pylist()}
        self.titles: list[str] = [*sorted(named - {UNSUBSCRIBE}), UNSUBSCRIBE]
        self.emails: Texts = table["email"].to_numpy()
        self.contact_ids: Texts = table["contact_id"].to_numpy()
        self.planned_ids = self.contact_ids.copy()
        self.is_contact: npt.NDArray[np.bool_] = table["is_contact"].to_numpy()
        self.has_previous_ids = pc.greater(pc.list_value_length(table["previous_contact_ids"]), 0).to_numpy()
        self.moved_ids: Texts = table["moved_contact_id"].to_numpy()
        counts = pc.fill_null(pc.list_value_length(table["emails_now"]), 0)
        self.has_new_email: npt.NDArray[np.bool_] = pc.greater(counts, 0).to_numpy() & is_there(
            self.contact_ids
        )
        self.stays_on, self.moved_from = (
            to_matrix(table[name], self.titles) for name in ("stays_on", "moved_member_of")
        )
        self.maybe_anew: npt.NDArray[np.bool_] = pc.fill_null(table["maybe_anew"], False).to_numpy()
        self.payloads = _binary(table["payload"])
        sizes = pc.fill_null(pc.binary_length(self.payloads), 0)
        self.sizes = pc.add(sizes, _EXTRA_BYTES).to_numpy().astype(np.int64)
        self.upsert = _states(pc.is_valid(table["payload"]).to_numpy(zero_copy_only=False))
        self.join = _states(to_matrix(table["joins"], self.titles))
        self.leave = _states(to_matrix(table["leaves"], self.titles))
        self.member_of = to_matrix(table["member_of"], self.titles)
        self.is_planned_upsert = self.upsert.copy().astype(bool)
        self.is_planned_join = self.join.copy().astype(bool)
        self.is_planned_leave = self.leave.copy().astype(bool)
        self.recreated, self.displaced, self.held_back = (np.zeros(self.rows, np.bool_) for _ in range(3))
        self.restored: dict[int, bytes] = {}

    def previous_ids(self, row: int) -> list[str]:
        """Return the ids of the contacts that the person was under other addresses."""
        ids: list[str] = self.table["previous_contact_ids"][row].as_py()
        return ids

    def emails_now(self, row: int) -> list[str]:
        """Return the addresses that the customer of a row has now, where it is another person's no more."""
        emails: list[str] = self.table["emails_now"][row].as_py()
        return emails

    @property
    def unsubscribe(self) -> int:
        """Column of the unsubscribe among the leaves."""
        return len(self.titles) - 1

    def states(self, operation: Operation) -> States:
        """Return the states of an operation, one per row or one per row and column."""
        return {Operation.UPSERT: self.upsert, Operation.JOIN: self.join, Operation.LEAVE: self.leave}[
            operation
        ]

    def due_joins(self, row: int) -> list[int]:
        """Return the columns of the lists that a row is still to join."""
        found: list[int] = np.flatnonzero(is_due(self.join[row])).tolist()
        return found

    def due_leaves(self, row: int) -> list[int]:
        """Return the columns of the lists that a row is still to leave, without the unsubscribe."""
        found: list[int] = np.flatnonzero(is_due(self.leave[row, : self.unsubscribe])).tolist()
        return found

    @property
    def has_memberships(self) -> bool:
        """Whether the chunk is to change membership of any list."""
        return bool(self.is_planned_join.any() or (self.leave[:, : self.unsubscribe] != State.ABSENT).any())

    def is_anything_due(self) -> bool:
        """Tell whether any operation is still to be done."""
        return any(bool(is_due(self.states(operation)).any()) for operation in Operation)

    def is_anything_to_do(self) -> bool:
        """Tell whether that is anything but what is held back."""
        others = ~self.held_back
        due = (self.upsert[others], self.join[others], self.leave)
        return any(bool(is_due(states).any()) for states in due)

    def hold_back(self, hashes: frozenset[bytes]) -> None:
        """Hold back the contacts of the run with one of these keyed hashes, of their address or customer."""
        erased = rows_of_people(self.table, pa.array(sorted(hashes), HASH_TYPE))
        self.held_back |= erased & self.is_contact

    def count_held_back(self) -> int:
        """Count the planned operations that are not done, or not known to be, for people who were erased."""
        undone = (State.PENDING, State.IN_DOUBT, State.NOT_SENT, State.FAILED)
        planned = (
            (self.upsert, self.is_planned_upsert),
            (self.join, self.is_planned_join),
            (self.leave, self.is_planned_leave),
        )
        here = self.held_back
        return sum(int((np.isin(states[here], undone) & own[here]).sum()) for states, own in planned)

    def payload(self, row: int) -> bytes | None:
        """Return a row's payload, whether it was due from the start or fetched later."""
        found: bytes | None = self.restored.get(row) or self.payloads[row].as_py()
        return found

    def leaves_by_address(self, rows: npt.NDArray[np.int64]) -> npt.NDArray[np.bool_]:
        """Tell which leaves are due for the contacts that have the rows' addresses, by row and list."""
        return is_due(self.leave[rows, : self.unsubscribe]) & ~self.displaced[rows, None]

    def leaves_both(self, rows: npt.NDArray[np.int64]) -> npt.NDArray[np.bool_]:
        """Tell which leaves are for the known contact and for whoever has the address, by row and column.

        A request that was never answered may have made the other one, and put it on the same lists.
        """
        both: npt.NDArray[np.bool_] = self.is_planned_leave[rows] & self.maybe_anew[rows, None]
        return both

    def ids_of(self, operation: Operation, rows: npt.NDArray[np.int64]) -> Texts:
        """Return the ids of the contacts that an operation of these rows is for; None where not known."""
        own: Texts = self.contact_ids[rows]
        if operation is not Operation.LEAVE:
            return own
        moved = self.moved_ids[rows]
        return np.where(is_there(moved), moved, np.where(self.displaced[rows], self.planned_ids[rows], own))

    def mark_recreated(self, row: int) -> None:
        """Note that the destination has the contact anew: what it was a member of is due again."""
        self.recreated[row] = True
        self._join_again(row)

    def mark_displaced(self, row: int) -> list[int]:
        """Note that the known contact lives under another address; return columns that it is to leave now.

        What it is a member of, or may be, it leaves; the contact that has the address now joins it.
        """
        if self.contact_ids[row] == self.planned_ids[row]:
            self.contact_ids[row] = None
        self._join_again(row)
        return self._leave_elsewhere(row, self.member_of[row] | self.is_planned_join[row])

    def mark_unmoved(self, row: int) -> list[int]:
        """Note that the contact that was to be given the address is another one than has it now.

        It leaves what it may be on, as any contact of an old address; return the columns.
        """
        return self._leave_elsewhere(row, self.moved_from[row])

    def _leave_elsewhere(self, row: int, held: npt.NDArray[np.bool_]) -> list[int]:
        self.displaced[row] = True
        added = held & (self.leave[row] == State.ABSENT)
        self.leave[row, added] = State.PENDING
        columns: list[int] = np.flatnonzero(added).tolist()
        return columns

    def _join_again(self, row: int) -> None:
        lost = self.member_of[row] & (self.join[row] == State.ABSENT)
        self.join[row, lost] = State.PENDING

    def restore(self, row: int, payload: bytes) -> None:
        """Make an upsert due that was not planned, because the contact is gone."""
        self.restored[row] = payload
        self.sizes[row] = len(payload) + _EXTRA_BYTES
        self.upsert[row] = State.PENDING

    def count_rejoined(self) -> int:
        """Count the memberships that were sent again because their addresses have other contacts."""
        return int(((self.join == State.DELIVERED) & ~self.is_planned_join).sum())

    def forget_lists(self, columns: list[int]) -> None:
        """Leave out memberships of lists that the account does not have, where they are not planned."""
        self.member_of[:, columns] = False
        for every, planned in ((self.join, self.is_planned_join), (self.leave, self.is_planned_leave)):
            for column in columns:
                states = every[:, column]
                states[is_due(states) & ~planned[:, column]] = State.ABSENT

    def resume(self, receipts: ChunkReceipts, *, resend_rejected: bool) -> int:
        """Take over what earlier attempts wrote down; return how many operations they had delivered."""
        if not receipts.started:
            return 0
        settled = settle(self.table, receipts, goes_on=True)
        for table in settled:
            self._take_over(table, resend_rejected=resend_rejected)
        return int(pc.sum(pc.equal(settled.planned["outcome"], str(Outcome.DELIVERED))).as_py() or 0)

    def _take_over(self, table: pa.Table, *, resend_rejected: bool) -> None:
        again = {Outcome.NOT_SENT: State.PENDING, Outcome.FAILED: State.IN_DOUBT}
        if resend_rejected:
            again[Outcome.REJECTED] = State.PENDING
        state_of = STATE_OF | again
        names = pa.array([str(outcome) for outcome in state_of])
        codes = np.array([int(state) for state in state_of.values()], np.uint8)
        states = codes[pc.index_in(table["outcome"], value_set=names).to_numpy()]
        rows = table["row"].to_numpy()
        columns = pc.fill_null(pc.index_in(table["list"], value_set=pa.array(self.titles)), 0).to_numpy()
        for operation in Operation:
            here = pc.equal(table["operation"], str(operation)).to_numpy()
            if operation is Operation.UPSERT:
                self.upsert[rows[here]] = states[here]
            else:
                self.states(operation)[rows[here], columns[here]] = states[here]
        # A payload that was fetched for a contact that is gone is not kept: it is fetched anew.
        self.upsert[is_due(self.upsert) & ~self.is_planned_upsert] = State.ABSENT
        self._take_over_contacts(table)

    def _take_over_contacts(self, table: pa.Table) -> None:
        anew = set(pc.unique(table.filter(table["recreated"])["row"]).to_pylist())
        is_own = pc.not_equal(table["operation"], str(Operation.LEAVE))  # another contact may have left
        told = table.filter(pc.and_(is_own, pc.is_valid(table["contact_id"])))
        for row, contact_id in zip(told["row"].to_pylist(), told["contact_id"].to_pylist(), strict=True):
            self.contact_ids[row] = contact_id
            known, moved = self.planned_ids[row], self.moved_ids[row]
            if moved not in (None, contact_id):
                self.mark_unmoved(row)
            is_same = known is None or contact_id in (known, moved)
            if not (is_same or row in anew or self.recreated[row]):
                self.mark_displaced(row)
        for row in anew:
            self.mark_recreated(row)


def planned_counts(chunk: Chunk) -> dict[str, dict[str, int]]:
    """Count the planned operations by outcome; those still due count as not sent, or failed if in doubt."""
    counts: dict[str, dict[str, int]] = {}
    planned = {
        Operation.UPSERT: chunk.upsert[chunk.is_planned_upsert],
        Operation.JOIN: chunk.join[chunk.is_planned_join],
        Operation.LEAVE: chunk.leave[chunk.leave != State.ABSENT],
    }
    ends = OUTCOME_OF | {State.PENDING: Outcome.NOT_SENT, State.IN_DOUBT: Outcome.FAILED}
    for operation, states in planned.items():
        found = np.bincount(states, minlength=len(State))
        by_outcome: dict[str, int] = {}
        for state, outcome in ends.items():
            if found[state]:
                by_outcome[str(outcome)] = by_outcome.get(str(outcome), 0) + int(found[state])
        counts[str(operation)] = by_outcome
    return counts


def is_there(texts: Texts) -> npt.NDArray[np.bool_]:
    """Tell which of these are not None."""
    nothing: Any = None  # NumPy compares objects one by one, which its types don't tell
    there: npt.NDArray[np.bool_] = np.not_equal(texts, nothing)
    return there


def _states(due: npt.NDArray[np.bool_]) -> States:
    return np.where(due, np.uint8(State.PENDING), np.uint8(State.ABSENT))


def _binary(column: pa.ChunkedArray) -> pa.Array:
    array = column.cast(pa.binary()).combine_chunks()
    return array if isinstance(array, pa.Array) else pa.concat_arrays(array.chunks)
