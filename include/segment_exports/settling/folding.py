"""Fold receipts into the ledger: what was answered becomes what is known.

Folding is idempotent: it starts from the ledger that the run planned against, so that doing it twice
gives the same ledger.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from segment_exports.records.keyed_hash import HASH_TYPE
from segment_exports.records.outcomes import UNSUBSCRIBE, Operation, Outcome
from segment_exports.records.tables.memberships import to_lists, to_matrix
from segment_exports.records.tables.schemas import LEDGER, LIST_KEYS, TIMESTAMP
from segment_exports.records.tables.sorted_tables import key_array, match

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
        pa.field("recreated", pa.bool_(), nullable=False),
        pa.field("gained", LIST_KEYS, nullable=False),
        pa.field("lost", LIST_KEYS, nullable=False),
        pa.field("unsure_of", LIST_KEYS, nullable=False),
        pa.field("rejected", pa.bool_(), nullable=False),
        pa.field("rejected_at", TIMESTAMP),
        pa.field("rejected_reason", pa.string()),
        pa.field("suppressed", pa.bool_(), nullable=False),
    ]
)
"""What one run did to one contact, sorted by ``email_hash``. ``moved_id`` is the contact if it was given this
address, ``maybe_moved_id`` one that may have been, by a request that was never answered."""


def effects_of(chunk: pa.Table, outcomes: pa.Table, titles: Sequence[str]) -> pa.Table:
    """Return what the operations of a chunk come to per contact (schema EFFECT).

    :param outcomes: all operations with their final outcome (schema RECEIPT), those that were added for
        recreated contacts included.
    """
    size = len(chunk)
    # A leave of unknown fate leaves a membership of unknown fate, which the next plan settles either way.
    # So does one whose unsubscribe was not acknowledged: the ledger has no other way to know that it is due.
    lost = _matrix(outcomes, size, titles, Operation.LEAVE, Outcome.DELIVERED)
    still_due = lost & _not_unsubscribed(outcomes, size)[:, None]
    unsure = _matrix(outcomes, size, titles, Operation.JOIN, Outcome.FAILED) | still_due
    unsure |= _matrix(outcomes, size, titles, Operation.LEAVE, Outcome.FAILED)
    recreated = _mask_of_rows(outcomes.filter(outcomes["recreated"]), size)
    # A contact that was made anew was to have its memberships again. Where none of them was written down, the
    # delivery was cut off in between.
    unsure |= recreated[:, None] & to_matrix(chunk["member_of"], titles) & ~_told(outcomes, size, titles)
    unsure_upsert = _rows(outcomes, size, Operation.UPSERT, Outcome.FAILED)
    upserted = _rows(outcomes, size, Operation.UPSERT, Outcome.DELIVERED)
    answered, moving = _answered_ids(outcomes, size), chunk["moved_contact_id"]
    moved = pc.and_(pa.array(upserted), pc.equal(answered, moving))
    refused = first_refusals(outcomes.filter(pc.not_equal(outcomes["operation"], Operation.LEAVE.value)))
    place = np.full(size, -1, np.int64)
    place[refused["row"].to_numpy()] = np.arange(len(refused))
    told = refused.select(["at", "reason"]).take(pa.array(place, mask=place < 0))
    return pa.table(
        {
            "email_hash": chunk["email_hash"],
            "contact_id": pc.coalesce(answered, chunk["contact_id"]),
            "moved_id": pc.if_else(moved, moving, None),
            "maybe_moved_id": pc.if_else(pa.array(unsure_upsert), moving, None),
            "payload_hash": chunk["payload_hash"],
            "upserted": upserted,
            "unsure_upsert": unsure_upsert,
            "recreated": recreated,
            "gained": to_lists(_matrix(outcomes, size, titles, Operation.JOIN, Outcome.DELIVERED), titles),
            "lost": to_lists(lost & ~still_due, titles),
            "unsure_of": to_lists(unsure, titles),
            "rejected": place >= 0,
            "rejected_at": told["at"],
            "rejected_reason": told["reason"],
            "suppressed": _rows(outcomes, size, Operation.JOIN, Outcome.SUPPRESSED),
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


EARLIER = pa.schema([LEDGER.field(name) for name in ("contact_id", "member_of", "uncertain_of")])
"""What the ledger knows of contacts whose customers have another address now."""


@dataclass(frozen=True)
class Fold:
    """What folding needs beside the tables.

    ``earlier`` (schema EARLIER) are contacts whose customers have another address now, with the
    memberships that they take along where they are given it. ``moved_ids`` are those that were: their
    rows under the old address end.
    ``memberships_known`` is False where the ledger's memberships were kept in another way than the
    run's (list, field): they are forgotten, or they would pass for the run's own.
    """

    run_id: str
    titles: tuple[str, ...]
    earlier: pa.Table
    moved_ids: pa.Array
    memberships_known: bool = True

    def apply(self, ledger: pa.Table, effects: pa.Table, contacts: pa.Table) -> pa.Table:
        """Return the new ledger rows of one hash range, sorted.

        :param contacts: ``email_hash`` and ``customer_hash`` of the run's contacts in the range.
        """
        keys = np.union1d(key_array(ledger["email_hash"]), key_array(effects["email_hash"]))
        old_at = match(keys, key_array(ledger["email_hash"]))
        effect_at = match(keys, key_array(effects["email_hash"]))
        old, new = _take(ledger, old_at), _take(effects, effect_at)
        member, unsure = self._memberships(old, new)
        payload_hash = self._payload_hash(old, new)
        rows = pa.table(
            {
                "email_hash": pc.coalesce(new["email_hash"], old["email_hash"]),
                "customer_hash": _customers(keys, old, contacts),
                "contact_id": pc.coalesce(new["contact_id"], old["contact_id"]),
                "payload_hash": payload_hash,
                "member_of": to_lists(member, self.titles),
                "uncertain_of": to_lists(unsure, self.titles),
                "uncertain_run": self._uncertain_run(old, new, unsure, payload_hash),
                **_rejections(old, new),
                "suppressed": _mask(new["suppressed"])
                | (_mask(old["suppressed"]) & ~to_matrix(_lists(new["gained"]), self.titles).any(axis=1)),
            },
            schema=LEDGER,
        )
        return rows.filter(pa.array(self._kept(rows, old_at >= 0, pc.is_valid(new["moved_id"]).to_numpy())))

    def _memberships(self, old: pa.Table, new: pa.Table) -> tuple[Matrix, Matrix]:
        held, doubted = self._matrices(old, "member_of", "uncertain_of")
        gained, lost, unsure = self._matrices(new, "gained", "lost", "unsure_of")
        # A contact that was made anew has no membership but those it was given since.
        known = ~_mask(new["recreated"])[:, None] & self.memberships_known
        held, doubted = held & known, doubted & known
        member = (held & ~lost & ~unsure) | gained
        doubted = (doubted | unsure) & ~lost
        if len(self.earlier):
            # What was left was left before the move, by whoever had the address then, if anybody.
            brought, in_doubt = self._memberships_of(new["moved_id"])
            maybe, maybe_in_doubt = self._memberships_of(new["maybe_moved_id"])
            member, doubted = member | brought, doubted | in_doubt | maybe | maybe_in_doubt
        return member, doubted & ~member

    def _memberships_of(self, contact_ids: pa.ChunkedArray) -> tuple[Matrix, ...]:
        """Return what earlier contacts were members of; nothing for those that are not known."""
        place = pc.index_in(contact_ids, value_set=self.earlier["contact_id"].combine_chunks())
        rows = self.earlier.take(place.combine_chunks())
        return self._matrices(rows, "member_of", "uncertain_of")

    def _matrices(self, rows: pa.Table, *names: str) -> tuple[Matrix, ...]:
        return tuple(to_matrix(_lists(rows[name]), self.titles) for name in names)

    @staticmethod
    def _payload_hash(old: pa.Table, new: pa.Table) -> pa.ChunkedArray:
        # A contact that was made anew has no fields but those it was given since.
        lost = _mask(new["unsure_upsert"]) | _mask(new["recreated"])
        kept = pc.if_else(pa.array(lost), None, old["payload_hash"])
        return pc.if_else(pa.array(_mask(new["upserted"])), new["payload_hash"], kept)

    def _uncertain_run(
        self, old: pa.Table, new: pa.Table, unsure: Matrix, payload_hash: pa.ChunkedArray
    ) -> pa.ChunkedArray:
        now = _mask(new["unsure_upsert"]) | to_matrix(_lists(new["unsure_of"]), self.titles).any(axis=1)
        still = unsure.any(axis=1) | pc.is_null(payload_hash).to_numpy()
        before = pc.if_else(pa.array(still), old["uncertain_run"], None)
        return pc.if_else(pa.array(now), self.run_id, before)

    def _kept(self, rows: pa.Table, was_known: Mask, took_over: Mask) -> Mask:
        told = pc.or_(
            pc.or_(pc.is_valid(rows["payload_hash"]), pc.is_valid(rows["contact_id"])),
            pc.or_(pc.is_valid(rows["uncertain_run"]), pc.is_valid(rows["rejected_hash"])),
        )
        moved_away = _mask(pc.is_in(rows["contact_id"], value_set=self.moved_ids)) & was_known & ~took_over
        kept: Mask = (was_known | _mask(told)) & ~moved_away
        return kept


def _customers(keys: npt.NDArray[np.bytes_], old: pa.Table, contacts: pa.Table) -> pa.ChunkedArray:
    present = match(keys, key_array(contacts["email_hash"]))
    return pc.coalesce(_take(contacts, present)["customer_hash"], old["customer_hash"])


def _rejections(old: pa.Table, new: pa.Table) -> dict[str, pa.ChunkedArray]:
    rejected = pa.array(_mask(new["rejected"]))
    # Whatever of it is still due is asked for anew.
    gained = pc.fill_null(pc.greater(pc.list_value_length(new["gained"]), 0), False)
    cleared = pc.or_(pa.array(_mask(new["upserted"])), gained)
    fresh = {"hash": new["payload_hash"], "at": new["rejected_at"], "reason": new["rejected_reason"]}
    return {
        f"rejected_{name}": pc.if_else(rejected, values, pc.if_else(cleared, None, old[f"rejected_{name}"]))
        for name, values in fresh.items()
    }


def _answered_ids(outcomes: pa.Table, size: int) -> pa.Array:
    """Return per row the id that the destination answered last for an upsert, or else for a join."""
    place = np.full(size, -1, np.int64)
    known = pc.is_valid(outcomes["contact_id"]).to_numpy()
    for operation in (Operation.JOIN, Operation.UPSERT):
        chosen = np.flatnonzero(known & _is(outcomes, "operation", operation).to_numpy())
        place[outcomes["row"].to_numpy()[chosen]] = chosen
    return outcomes["contact_id"].combine_chunks().take(pa.array(place, mask=place < 0))


def _not_unsubscribed(outcomes: pa.Table, size: int) -> Mask:
    """Tell which rows were to be unsubscribed and, as far as is known, are not."""
    asked = outcomes.filter(_is(outcomes, "list", UNSUBSCRIBE))
    return _mask_of_rows(asked.filter(pc.not_equal(asked["outcome"], Outcome.DELIVERED.value)), size)


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


def _told(outcomes: pa.Table, size: int, titles: Sequence[str]) -> Matrix:
    """Tell which joins and leaves were written down, whatever came of them."""
    return _places(outcomes.filter(pc.is_valid(outcomes["at"])), size, titles)


def _places(chosen: pa.Table, size: int, titles: Sequence[str]) -> Matrix:
    place = pc.index_in(chosen["list"], pa.array(titles, pa.string()))
    known = pc.is_valid(place)
    matrix = np.zeros((size, len(titles)), np.bool_)
    matrix[chosen["row"].filter(known).to_numpy(), place.filter(known).to_numpy()] = True
    return matrix


def _is(table: pa.Table, column: str, value: str) -> pa.ChunkedArray:
    return pc.equal(table[column], value)


def _take(table: pa.Table, position: npt.NDArray[np.int64]) -> pa.Table:
    return table.take(pa.array(position, mask=position < 0))


def _lists(column: pa.ChunkedArray) -> pa.Array:
    """Return a list column in one piece; a null list holds nothing."""
    array = column.combine_chunks()
    return array.combine_chunks() if isinstance(array, pa.ChunkedArray) else array


def _mask(values: pa.ChunkedArray | pa.Array) -> Mask:
    mask: Mask = (
        pc.fill_null(values, False).to_numpy(zero_copy_only=False)
        if isinstance(values, pa.Array)
        else pc.fill_null(values, False).to_numpy()
    )
    return mask.astype(np.bool_)
