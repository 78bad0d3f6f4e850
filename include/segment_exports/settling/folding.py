"""Fold receipts into the ledger: what was answered becomes what is known.

Folding is idempotent: it starts from the ledger that the run planned against, so that doing it twice
gives the same ledger.
"""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import blake2b
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from segment_exports.records.keyed_hash import HASH_TYPE
from segment_exports.records.tables.memberships import to_lists, to_matrix
from segment_exports.records.tables.schemas import LEDGER, MEMBERSHIPS
from segment_exports.records.tables.sorted_tables import key_array, match

if TYPE_CHECKING:
    import numpy.typing as npt

    from segment_exports.records.tables.memberships import Matrix
    from segment_exports.settling.earlier_contacts import EarlierContacts

    Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Fold:
    """What folding needs beside the tables.

    ``earlier`` are contacts of other rows that have a row's address now: they take their memberships along,
    and their own rows end. Where they were another person's, what they bring is in doubt, and that person is
    due anew: who unsubscribed as that contact is found by a row without memberships.
    ``all_whole`` is False where not all segments were read whole.
    ``memberships_known`` is False where the ledger's memberships were kept in another way than the
    run's (list, field): they are forgotten, or they would pass for the run's own.
    """

    run_id: str
    titles: tuple[str, ...]
    earlier: EarlierContacts
    memberships_known: bool = True
    all_whole: bool = True

    def apply(self, ledger: pa.Table, effects: pa.Table, contacts: pa.Table) -> pa.Table:
        """Return the new ledger rows of one hash range, sorted.

        :param contacts: ``email_hash`` and ``customer_hash`` of the run's contacts in the range.
        """
        keys = np.union1d(key_array(ledger["email_hash"]), key_array(effects["email_hash"]))
        old_at = match(keys, key_array(ledger["email_hash"]))
        effect_at = match(keys, key_array(effects["email_hash"]))
        known = self._after_leaves_elsewhere(_take(ledger, old_at))
        robbed = _mask(pc.is_in(known["contact_id"], value_set=self.earlier.taken_ids))
        # What was done to a contact that is another's now is no news of the one who had it.
        same = _mask(pc.equal(_take(effects, effect_at)["contact_id"], known["contact_id"]))
        new = _take(effects, np.where(robbed & same, -1, effect_at))
        old = _without_contact(known, robbed)
        member, unsure, seen = self._memberships(old, new)
        payload_hash = self._payload_hash(old, new)
        customers = self._customers(keys, old, new, contacts)
        rows = pa.table(
            {
                "email_hash": pc.coalesce(new["email_hash"], old["email_hash"]),
                "customer_hash": customers,
                "contact_id": pc.coalesce(new["contact_id"], old["contact_id"]),
                "payload_hash": payload_hash,
                "member_of": to_lists(member, self.titles),
                "uncertain_of": to_lists(unsure, self.titles),
                "uncertain_run": self._uncertain_run(old, new, unsure, payload_hash),
                **_rejections(old, new),
                "suppressed": _mask(new["suppressed"])
                | (_mask(old["suppressed"]) & ~to_matrix(_lists(new["gained"]), self.titles).any(axis=1)),
                "seen_on": to_lists(seen, self.titles),
            },
            schema=LEDGER,
        )
        took_over = pc.is_valid(new["moved_id"]).to_numpy()
        rows = rows.filter(pa.array(self._kept(rows, (old_at >= 0) & ~robbed, took_over)))
        is_taken_over = _mask(pc.is_in(known["contact_id"], value_set=self.earlier.moved_ids))
        elsewhere = robbed | (_mask(new["displaced"]) & (old_at >= 0) & ~is_taken_over)
        return self._with_elsewhere(rows, *(table.filter(pa.array(elsewhere)) for table in (known, new)))

    def _after_leaves_elsewhere(self, ledger: pa.Table) -> pa.Table:
        """Return ledger rows without what their contacts left under the address of another row."""
        if not len(self.earlier.known):
            return ledger
        left = self._memberships_of(ledger["contact_id"])[-1]
        for name, held in zip(MEMBERSHIPS, self._matrices(ledger, *MEMBERSHIPS), strict=True):
            ledger = ledger.set_column(
                ledger.column_names.index(name), LEDGER.field(name), to_lists(held & ~left, self.titles)
            )
        return ledger

    def _with_elsewhere(self, rows: pa.Table, old: pa.Table, new: pa.Table) -> pa.Table:
        """Add rows for the contacts that live under another address than the one that they were known by.

        They are to leave what they may be on: until that is acknowledged it is due, and whoever joins in
        their stead is found to be the same customer. Those that are another person's now have that one's row.
        """
        if not len(old):
            return rows
        held, doubted, seen = self._matrices(old, *MEMBERSHIPS)
        lost, unsure = self._matrices(new, "lost", "unsure_elsewhere")
        left = ((held | doubted) & ~lost & self.memberships_known) | unsure
        seen &= ~lost & ~left & self.memberships_known
        for matrix in (left, seen):
            matrix[_mask(pc.is_in(old["contact_id"], value_set=self.earlier.taken_ids))] = False
        blank = {name: pa.nulls(len(old), LEDGER.field(name).type) for name in LEDGER.names}
        elsewhere = pa.table(
            blank
            | {
                "email_hash": _keys_elsewhere(old),
                "customer_hash": old["customer_hash"],
                "contact_id": old["contact_id"],
                "member_of": to_lists(np.zeros_like(left), self.titles),
                "uncertain_of": to_lists(left, self.titles),
                "uncertain_run": pc.if_else(pa.array(left.any(axis=1)), self.run_id, None),
                "suppressed": pa.array(np.zeros(len(old), np.bool_)),
                "seen_on": to_lists(seen, self.titles),
            },
            schema=LEDGER,
        )
        others = rows.filter(
            pc.invert(pc.is_in(rows["email_hash"], elsewhere["email_hash"].combine_chunks()))
        )
        every = pa.concat_tables([others, elsewhere])
        return every.take(pc.sort_indices(every["email_hash"]))

    def _customers(
        self, keys: npt.NDArray[np.bytes_], old: pa.Table, new: pa.Table, contacts: pa.Table
    ) -> pa.ChunkedArray:
        present = match(keys, key_array(contacts["email_hash"]))
        now = _take(contacts, present)["customer_hash"]
        # Only a run that has read all knows that nobody else has the address; and while the one who had it
        # before is on a list, or has its contact, the address is theirs.
        stays = pa.array(_mask(new["left_open"]) | np.full(len(keys), not self.all_whole))
        return pc.if_else(
            stays, pc.coalesce(old["customer_hash"], now), pc.coalesce(now, old["customer_hash"])
        )

    def _memberships(self, old: pa.Table, new: pa.Table) -> tuple[Matrix, Matrix, Matrix]:
        held, doubted, seen = self._matrices(old, *MEMBERSHIPS)
        gained, lost, unsure = self._matrices(new, "gained", "lost", "unsure_of")
        (lost_by_both,) = self._matrices(new, "lost_by_both")
        # A contact that was made anew has no membership but those it was given since. If a request that was
        # never answered may have made it, it may have been given all of them then.
        anew, in_doubt = _mask(new["anew"])[:, None], _mask(pc.is_valid(old["uncertain_run"]))[:, None]
        doubted = (doubted | (held & anew & in_doubt)) & (~anew | in_doubt) & self.memberships_known
        held, seen = (matrix & ~anew & self.memberships_known for matrix in (held, seen))
        lost = np.where(_mask(new["displaced"])[:, None], lost_by_both, lost)
        member = (held & ~lost & ~unsure) | gained
        doubted = (doubted | unsure) & ~lost
        if len(self.earlier.known):
            brought, in_doubt, brought_seen, left = self._memberships_of(new["moved_id"])
            maybe, maybe_in_doubt, maybe_seen, _ = self._memberships_of(new["maybe_moved_id"])
            taken, taken_in_doubt, taken_seen, left_by_others = self._memberships_of(
                self._taken(new["contact_id"])
            )
            left |= left_by_others
            seen |= brought_seen | maybe_seen | taken_seen
            member |= brought & ~lost
            doubted |= (in_doubt | maybe | maybe_in_doubt | taken | taken_in_doubt) & ~lost
            # Joined under one address and left under another, by one contact: whichever came last.
            doubted |= gained & left
            member &= ~(gained & left)
        doubted &= ~member
        return member, doubted, seen & ~lost & ~member & ~doubted

    def _taken(self, contact_ids: pa.ChunkedArray) -> pa.ChunkedArray:
        """Return the ids that were another person's; null for all others."""
        return pc.if_else(pc.is_in(contact_ids, value_set=self.earlier.taken_ids), contact_ids, None)

    def _memberships_of(self, contact_ids: pa.ChunkedArray) -> tuple[Matrix, ...]:
        """Return what earlier contacts were members of; nothing for those that are not known."""
        place = pc.index_in(contact_ids, value_set=self.earlier.known["contact_id"].combine_chunks())
        rows = self.earlier.known.take(place.combine_chunks())
        return self._matrices(rows, *MEMBERSHIPS, "left")

    def _matrices(self, rows: pa.Table, *names: str) -> tuple[Matrix, ...]:
        return tuple(to_matrix(_lists(rows[name]), self.titles) for name in names)

    @staticmethod
    def _payload_hash(old: pa.Table, new: pa.Table) -> pa.ChunkedArray:
        # A contact that was made anew has no fields but those it was given since.
        lost = _mask(new["unsure_upsert"]) | _mask(new["anew"])
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
        told = pc.or_(told, rows["suppressed"])
        moved_away = _mask(pc.is_in(rows["contact_id"], value_set=self.earlier.moved_ids))
        kept: Mask = (was_known | _mask(told)) & ~(moved_away & was_known & ~took_over)
        return kept


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


def _without_contact(ledger: pa.Table, chosen: Mask) -> pa.Table:
    """Return ledger rows of which some have no contact any more, nor anything that one is given."""
    kept = pa.array(np.arange(len(ledger)), mask=chosen)
    for name in ("contact_id", "payload_hash", "uncertain_run", *MEMBERSHIPS):
        ledger = ledger.set_column(ledger.column_names.index(name), name, ledger[name].take(kept))
    return ledger


def _keys_elsewhere(ledger: pa.Table) -> pa.Array:
    """Return keys for contacts whose address isn't known: in the hash range of the one that they had.

    The last bit of the leading half tells them from it; the other half is the contact's own.
    """
    heads = (key[:7] + bytes([key[7] ^ 1]) for key in ledger["email_hash"].to_pylist())
    tails = (blake2b(one.encode(), digest_size=8).digest() for one in ledger["contact_id"].to_pylist())
    return pa.array([head + tail for head, tail in zip(heads, tails, strict=True)], HASH_TYPE)


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
