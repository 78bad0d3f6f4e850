"""What one run did to each contact, by the outcomes of its operations."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from segment_exports.records.keyed_hash import HASH_TYPE
from segment_exports.records.outcomes import UNSUBSCRIBE, Operation, Outcome
from segment_exports.records.tables.memberships import to_lists, to_matrix
from segment_exports.records.tables.schemas import LIST_KEYS, TIMESTAMP
from segment_exports.settling.earlier_contacts import names_of_earlier

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from segment_exports.records.tables.memberships import Matrix

    Mask = npt.NDArray[np.bool_]

EFFECT = pa.schema(
    [
        pa.field("email_hash", HASH_TYPE, nullable=False),
        pa.field("contact_id", pa.string()),
        pa.field("moved_id", pa.string()),
        pa.field("maybe_moved_id", pa.string()),
        pa.field("payload_hash", HASH_TYPE),
        pa.field("upserted", pa.bool_(), nullable=False),
        pa.field("unsure_upsert", pa.bool_(), nullable=False),
        pa.field("anew", pa.bool_(), nullable=False),
        pa.field("displaced", pa.bool_(), nullable=False),
        pa.field("gained", LIST_KEYS, nullable=False),
        pa.field("lost", LIST_KEYS, nullable=False),
        pa.field("lost_by_both", LIST_KEYS, nullable=False),
        pa.field("unsure_of", LIST_KEYS, nullable=False),
        pa.field("unsure_elsewhere", LIST_KEYS, nullable=False),
        pa.field("rejected", pa.bool_(), nullable=False),
        pa.field("rejected_at", TIMESTAMP),
        pa.field("rejected_reason", pa.string()),
        pa.field("suppressed", pa.bool_(), nullable=False),
        pa.field("left_open", pa.bool_(), nullable=False),
    ]
)
"""What one run did to one contact, sorted by ``email_hash``. ``moved_id`` is the contact where it is one that
the person was at another address; ``maybe_moved_id`` may have been given this one, by a request that was
never answered. ``anew``: the address has another contact than the known one, which is gone or, if
``displaced``, lives under another address; then it is the known one that ``lost`` memberships, or may have
(``unsure_elsewhere``); whoever has the address lost those that are ``lost_by_both``."""


def effects_of(chunk: pa.Table, outcomes: pa.Table, titles: Sequence[str]) -> pa.Table:
    """Return what the operations of a chunk come to per contact (schema EFFECT).

    :param outcomes: all operations with their final outcome (schema RECEIPT), those that were added for
        recreated contacts included.
    """
    size = len(chunk)
    answered, moving = _answered_ids(outcomes, size), chunk["moved_contact_id"]
    # A leave of unknown fate leaves a membership of unknown fate, which the next plan settles either way.
    # So does one whose unsubscribe was not acknowledged: the ledger has no other way to know that it is due.
    own = outcomes.filter(pc.invert(_are_anothers(outcomes, chunk, answered)))
    lost = _matrix(own, size, titles, Operation.LEAVE, Outcome.DELIVERED)
    still_due = lost & _not_unsubscribed(outcomes, size)[:, None]
    recreated = _mask_of_rows(outcomes.filter(outcomes["recreated"]), size)
    displaced = _is_another(answered, chunk) & ~recreated
    anew = recreated | displaced
    unsure = still_due | _matrix(own, size, titles, Operation.LEAVE, Outcome.FAILED)
    elsewhere = unsure & displaced[:, None]
    unsure[displaced] = False
    joining = _matrix(outcomes, size, titles, Operation.JOIN, Outcome.FAILED)
    unsure |= joining
    # What one contact left another may have joined, whom a request made that was never answered.
    lost &= displaced[:, None] | ~joining
    # A contact that was made anew was to have its memberships again. Where none of them was written down, the
    # delivery was cut off in between.
    unsure |= anew[:, None] & to_matrix(chunk["member_of"], titles) & ~_told_joins(outcomes, size, titles)
    unsure_upsert = _rows(outcomes, size, Operation.UPSERT, Outcome.FAILED)
    upserted = _rows(outcomes, size, Operation.UPSERT, Outcome.DELIVERED)
    met = upserted & _is_earlier(answered, chunk)
    refused = first_refusals(outcomes.filter(pc.not_equal(outcomes["operation"], Operation.LEAVE.value)))
    place = np.full(size, -1, np.int64)
    place[refused["row"].to_numpy()] = np.arange(len(refused))
    told = refused.select(["at", "reason"]).take(pa.array(place, mask=place < 0))
    return pa.table(
        {
            "email_hash": chunk["email_hash"],
            "contact_id": pc.coalesce(answered, chunk["contact_id"]),
            "moved_id": pc.if_else(pa.array(met), answered, None),
            "maybe_moved_id": pc.if_else(pa.array(unsure_upsert), moving, None),
            "payload_hash": chunk["payload_hash"],
            "upserted": upserted,
            "unsure_upsert": unsure_upsert,
            "anew": anew,
            "displaced": displaced,
            "gained": to_lists(_matrix(outcomes, size, titles, Operation.JOIN, Outcome.DELIVERED), titles),
            "lost": to_lists(lost & ~still_due, titles),
            "lost_by_both": to_lists(lost & ~still_due & _leave_both(chunk, titles), titles),
            "unsure_of": to_lists(unsure, titles),
            "unsure_elsewhere": to_lists(elsewhere, titles),
            "rejected": place >= 0,
            "rejected_at": told["at"],
            "rejected_reason": told["reason"],
            "suppressed": _rows(outcomes, size, Operation.JOIN, Outcome.SUPPRESSED),
            "left_open": _left_open(outcomes, upserted, anew),
        },
        schema=EFFECT,
    )


def first_refusals(outcomes: pa.Table) -> pa.Table:
    """Return of each row that was refused anything the refusal that tells most: of data before lists."""
    refused = outcomes.filter(_is(outcomes, "outcome", Outcome.REJECTED))
    kinds = pc.index_in(refused["operation"], pa.array([one.value for one in Operation]))
    order = np.lexsort((kinds.to_numpy(), refused["row"].to_numpy()))
    _, first = np.unique(refused["row"].to_numpy()[order], return_index=True)
    return refused.take(pa.array(order[first]))


def _answered_ids(outcomes: pa.Table, size: int) -> pa.Array:
    """Return per row the id that the destination answered last for an upsert, or else for a join."""
    place = np.full(size, -1, np.int64)
    known = pc.is_valid(outcomes["contact_id"]).to_numpy()
    for operation in (Operation.JOIN, Operation.UPSERT):
        chosen = np.flatnonzero(known & _is(outcomes, "operation", operation).to_numpy())
        place[outcomes["row"].to_numpy()[chosen]] = chosen
    return outcomes["contact_id"].combine_chunks().take(pa.array(place, mask=place < 0))


def _are_anothers(outcomes: pa.Table, chunk: pa.Table, answered: pa.Array) -> pa.ChunkedArray:
    """Tell which of these are leaves of a contact that was to be given the row's address and was not.

    They are told of the contact, whose row is that of its own address.
    """
    rows = outcomes["row"].combine_chunks()
    is_moving = pc.equal(outcomes["contact_id"], chunk["moved_contact_id"].combine_chunks().take(rows))
    is_moved = pc.equal(outcomes["contact_id"], answered.take(rows))
    found = pc.and_not(pc.fill_null(is_moving, False), pc.fill_null(is_moved, False))
    return pc.and_(found, _is(outcomes, "operation", Operation.LEAVE))


def _left_open(outcomes: pa.Table, upserted: Mask, anew: Mask) -> Mask:
    """Tell which rows' contacts are as they were still: left no list, or were given nothing yet."""
    size = len(upserted)
    is_leave = _is(outcomes, "operation", Operation.LEAVE)
    stays = _mask_of_rows(_only(outcomes, Operation.LEAVE, Outcome.UNCHANGED), size) & ~anew
    done = pc.is_in(outcomes["outcome"], pa.array([Outcome.DELIVERED.value, Outcome.UNCHANGED.value]))
    undone = pc.is_in(outcomes["outcome"], pa.array([Outcome.FAILED.value, Outcome.NOT_SENT.value]))
    still_on = _mask_of_rows(outcomes.filter(pc.and_not(is_leave, done)), size)
    not_given = _mask_of_rows(outcomes.filter(pc.and_not(undone, is_leave)), size) & ~upserted
    left_open: Mask = stays | still_on | not_given
    return left_open


def _is_earlier(answered: pa.Array, chunk: pa.Table) -> Mask:
    """Tell for which rows a contact was answered that the person was at another address."""
    pairs = names_of_earlier(chunk)
    rows = pairs["row"].to_numpy()
    same = pc.fill_null(pc.equal(answered.take(pairs["row"].combine_chunks()), pairs["contact_id"]), False)
    earlier: Mask = np.zeros(len(chunk), np.bool_)
    earlier[rows[same.to_numpy()]] = True
    return earlier


def _is_another(answered: pa.Array, chunk: pa.Table) -> Mask:
    """Tell for which rows another id was answered than the known one, other than by a move."""
    is_other = pc.not_equal(answered, chunk["contact_id"])
    is_moved = pc.fill_null(pc.equal(answered, chunk["moved_contact_id"]), False)
    another: Mask = pc.fill_null(pc.and_not(is_other, is_moved), False).to_numpy()
    return another


def _not_unsubscribed(outcomes: pa.Table, size: int) -> Mask:
    """Tell which rows were to be unsubscribed and, as far as is known, are not."""
    asked = outcomes.filter(_is(outcomes, "list", UNSUBSCRIBE))
    return _mask_of_rows(asked.filter(pc.not_equal(asked["outcome"], Outcome.DELIVERED.value)), size)


def _leave_both(chunk: pa.Table, titles: Sequence[str]) -> Matrix:
    """Tell which leaves were for the known contact and for whoever has the address."""
    maybe_anew: Mask = pc.fill_null(chunk["maybe_anew"], False).to_numpy()
    return to_matrix(chunk["leaves"], titles) & maybe_anew[:, None]


def _rows(outcomes: pa.Table, size: int, operation: Operation, outcome: Outcome) -> Mask:
    return _mask_of_rows(_only(outcomes, operation, outcome), size)


def _only(outcomes: pa.Table, operation: Operation, outcome: Outcome) -> pa.Table:
    return outcomes.filter(pc.and_(_is(outcomes, "operation", operation), _is(outcomes, "outcome", outcome)))


def _mask_of_rows(outcomes: pa.Table, size: int) -> Mask:
    mask = np.zeros(size, np.bool_)
    mask[outcomes["row"].to_numpy()] = True
    return mask


def _matrix(
    outcomes: pa.Table, size: int, titles: Sequence[str], operation: Operation, outcome: Outcome
) -> Matrix:
    return _places(_only(outcomes, operation, outcome), size, titles)


def _told_joins(outcomes: pa.Table, size: int, titles: Sequence[str]) -> Matrix:
    """Tell which joins were written down, whatever came of them."""
    told = pc.and_(pc.is_valid(outcomes["at"]), _is(outcomes, "operation", Operation.JOIN))
    return _places(outcomes.filter(told), size, titles)


def _places(chosen: pa.Table, size: int, titles: Sequence[str]) -> Matrix:
    place = pc.index_in(chosen["list"], pa.array(titles, pa.string()))
    known = pc.is_valid(place)
    matrix = np.zeros((size, len(titles)), np.bool_)
    matrix[chosen["row"].filter(known).to_numpy(), place.filter(known).to_numpy()] = True
    return matrix


def _is(table: pa.Table, column: str, value: str) -> pa.ChunkedArray:
    return pc.equal(table[column], value)
