"""Customers whose address changed since the ledger was written.

The ledger knows CustomerId as a keyed hash beside the address. A contact whose customer (or a customer
that merged into it, PreviousCustomerId) stands in the ledger under another address is the same person
with a new address: the old address leaves our lists, and the new one must not undo an unsubscribe.

Customers are looked up by the leading 64 bits of their keyed hash: 16 bytes a ledger row, and a chance
collision is less likely than one in a million for ten million contacts.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from segment_exports.planning.address_heirs import NO_HEIRS, Heirs
from segment_exports.records.tables.schemas import LEDGER
from segment_exports.records.tables.sorted_tables import ROWS_PER_RANGE, prefixes

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy.typing as npt
    import pyarrow.parquet as pq

    Prefixes = npt.NDArray[np.uint64]
    Ordinals = npt.NDArray[np.int64]
    Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class MovedAddresses:
    """What became of customers that the ledger knows under another address.

    ``away`` and ``withdrawn`` are sorted ordinals of ledger rows: the address is nobody's any more
    because its customer moved, or because its customer is withheld now. ``left_behind`` are those of
    ``away`` whose customer is known to have another contact under the new address, or was refused under it:
    no move will end them. ``movable`` are those that can be given the new address: each for one contact.
    ``previous`` says for contacts of this run which contacts they were, ``moved`` which of them is movable
    (``moved_held``: the memberships of each), ``heirs`` which contacts of this run those are now whose
    customer has the address no more, be it nobody's or another's.
    """

    away: Ordinals
    left_behind: Ordinals
    withdrawn: Ordinals
    movable: Ordinals
    previous: ContactIds
    moved: ContactIds
    moved_held: pa.Table
    heirs: Heirs

    def previous_contact_ids(self, email_prefixes: Prefixes, asked: Mask) -> pa.ListArray:
        """Return for each contact the ids it had under other addresses; none where that isn't asked."""
        first, count = self.previous.places_of(email_prefixes)
        count = np.where(asked, count, 0)
        ends = np.cumsum(count)
        within = np.arange(count.sum()) - np.repeat(ends - count, count)
        offsets = np.concatenate([[0], ends]).astype(np.int32)
        ids = self.previous.ids.take(pa.array(np.repeat(first, count) + within))
        return pa.ListArray.from_arrays(pa.array(offsets), ids)

    def movable_contact_ids(self, email_prefixes: Prefixes, asked: Mask) -> pa.StringArray:
        """Return for each contact the id of the one that can be given its address, or null."""
        return self.moved.ids.take(self._moved_places(email_prefixes, asked))

    def movable_memberships(self, email_prefixes: Prefixes, asked: Mask) -> pa.Table:
        """Return ``member_of`` and ``uncertain_of`` of the same; null where there is none."""
        return self.moved_held.take(self._moved_places(email_prefixes, asked))

    def _moved_places(self, email_prefixes: Prefixes, asked: Mask) -> pa.Array:
        first, count = self.moved.places_of(email_prefixes)
        return pa.array(first, mask=(count == 0) | ~asked)


@dataclass(frozen=True)
class ContactIds:
    """Contact ids by the email prefix of the contact of this run that they concern; ``contacts`` ascend."""

    contacts: Prefixes
    ids: pa.StringArray

    def places_of(self, email_prefixes: Prefixes) -> tuple[Ordinals, Ordinals]:
        """Return (first place, count) for each contact."""
        first = np.searchsorted(self.contacts, email_prefixes, side="left")
        return first, np.searchsorted(self.contacts, email_prefixes, side="right") - first

    @classmethod
    def of(cls, ledger: pq.ParquetFile, contacts: Prefixes, rows: Ordinals) -> ContactIds:
        """Return the ids at some ledger rows; rows without an id are left out."""
        order = np.lexsort((rows, contacts))
        ids = _ids_at(ledger, rows[order])
        known = pc.is_valid(ids)
        return cls(contacts[order][known.to_numpy(zero_copy_only=False)], ids.filter(known))


_NO_ROWS = np.empty(0, np.int64)
_NO_IDS = ContactIds(np.empty(0, np.uint64), pa.array([], pa.string()))
_HELD = pa.schema([LEDGER.field(name).with_nullable(True) for name in ("member_of", "uncertain_of")])
NOBODY_MOVED = MovedAddresses(
    _NO_ROWS, _NO_ROWS, _NO_ROWS, _NO_ROWS, _NO_IDS, _NO_IDS, _HELD.empty_table(), NO_HEIRS
)


def find_moved(
    ledger: pq.ParquetFile | None,
    contacts: pq.ParquetFile,
    withheld: pq.ParquetFile,
    *,
    erased: Prefixes,
    withdrawn: Prefixes,
    unjudged: Prefixes,
) -> MovedAddresses:
    """Compare customers of the run with those of the ledger; reads two or three columns of each.

    :param erased: prefixes of the keyed hashes of addresses and customers of erased people.
    :param withdrawn: prefixes of customers who give no permission and have no valid address any more.
    :param unjudged: prefixes of addresses that the run has read, and of which it can say nothing.
    """
    if ledger is None or ledger.metadata.num_rows == 0:
        return NOBODY_MOVED
    index = _CustomerIndex(ledger)
    present, at_home, pairs, rows = _pairs_with_other_addresses(index, contacts)
    present = np.union1d(present, unjudged)
    refused = _rows_of_withheld(index, withheld, withdrawn)
    has_left = ~np.isin(rows, at_home)
    gone = ~np.isin(index.emails[rows], present)
    left_behind = _left_behind(ledger, index, pairs[gone], rows[gone])
    # A contact that was never given anything may be another's: of those the ledger knows just the id.
    movable = gone & index.identified[rows] & index.judged[rows]
    movable &= ~np.isin(rows, np.concatenate([left_behind, refused]))
    movable &= ~np.isin(rows, index.rows_of(erased, erased)[1]) & ~np.isin(index.emails[rows], erased)
    moved_pairs, moved_rows = _one_to_one(pairs[movable], rows[movable])
    return MovedAddresses(
        np.unique(rows[gone]),
        np.unique(left_behind),
        np.unique(refused[~np.isin(index.emails[refused], present)]),
        np.sort(moved_rows),
        ContactIds.of(ledger, *_distinct(pairs, rows)),
        ContactIds.of(ledger, moved_pairs, moved_rows),
        _held_at(ledger, moved_rows[np.lexsort((moved_rows, moved_pairs))]),
        Heirs.of(contacts, *_distinct(pairs[has_left], rows[has_left])),
    )


def _pairs_with_other_addresses(
    index: _CustomerIndex, contacts: pq.ParquetFile
) -> tuple[Prefixes, Ordinals, Prefixes, Ordinals]:
    """Return the contacts' email prefixes, sorted, and (contact, ledger row) under another address.

    Pairs by the customer itself come before those by customers that merged into it. Between them are the rows
    whose customer has the address still.
    """
    emails, own, merged = [], [], []
    for batch in _batches(contacts, ["email_hash", "customer_hash", "previous_customer_hashes"]):
        here = prefixes(batch["email_hash"])
        emails.append(here)
        own.append(index.rows_of(here, prefixes(batch["customer_hash"]), _valid(batch)))
        previous = batch["previous_customer_hashes"]
        parents = pc.list_parent_indices(previous).to_numpy()
        merged.append(index.rows_of(here[parents], prefixes(pc.list_flatten(previous))))
    if not emails:
        return np.empty(0, np.uint64), _NO_ROWS, np.empty(0, np.uint64), _NO_ROWS
    pairs, rows = (np.concatenate(parts) for parts in zip(*own, *merged, strict=True))
    other = index.emails[rows] != pairs
    return np.sort(np.concatenate(emails)), rows[~other], pairs[other], rows[other]


def _rows_of_withheld(index: _CustomerIndex, withheld: pq.ParquetFile, customers: Prefixes) -> Ordinals:
    """Return the ledger rows whose address or customer is withheld now, and those of some customers more."""
    emails, found = [np.empty(0, np.uint64)], [index.rows_of(customers, customers)[1]]
    for batch in _batches(withheld, ["email_hash", "customer_hash"]):
        emails.append(prefixes(batch["email_hash"]))
        found.append(index.rows_of(emails[-1], prefixes(batch["customer_hash"]), _valid(batch))[1])
    return np.concatenate([*found, np.flatnonzero(np.isin(index.emails, np.concatenate(emails)))])


def _one_to_one(contacts: Prefixes, rows: Ordinals) -> tuple[Prefixes, Ordinals]:
    """Keep the first pair of each row, and of what is left the first of each contact."""
    first = np.sort(np.unique(rows, return_index=True)[1])
    contacts, rows = contacts[first], rows[first]
    first = np.sort(np.unique(contacts, return_index=True)[1])
    return contacts[first], rows[first]


def _distinct(contacts: Prefixes, rows: Ordinals) -> tuple[Prefixes, Ordinals]:
    """Keep one of equal pairs."""
    order = np.lexsort((rows, contacts))
    contacts, rows = contacts[order], rows[order]
    is_new = np.ones(len(rows), np.bool_)
    is_new[1:] = (contacts[1:] != contacts[:-1]) | (rows[1:] != rows[:-1])
    return contacts[is_new], rows[is_new]


class _CustomerIndex:
    """Ledger rows by customer.

    ``emails``, ``judged`` and ``identified`` tell per ledger row its email prefix (so they are
    sorted), whether the contact was acknowledged or refused, and whether its id is known.
    """

    def __init__(self, ledger: pq.ParquetFile) -> None:
        customers, emails, ordinals, judged, identified = [], [], [], [], []
        start = 0
        columns = ["email_hash", "customer_hash", "payload_hash", "rejected_hash", "contact_id"]
        for batch in _batches(ledger, columns):
            known = _valid(batch)
            customers.append(prefixes(batch["customer_hash"])[known])
            emails.append(prefixes(batch["email_hash"]))
            judged.append(_valid(batch, "payload_hash") | _valid(batch, "rejected_hash"))
            identified.append(_valid(batch, "contact_id"))
            ordinals.append(np.flatnonzero(known) + start)
            start += len(batch)
        self.emails = np.concatenate(emails)
        self.judged, self.identified = np.concatenate(judged), np.concatenate(identified)
        unsorted = np.concatenate(customers)
        order = np.argsort(unsorted, kind="stable")
        self._customers = unsorted[order]
        self._ordinals = np.concatenate(ordinals)[order]

    def rows_of(
        self, emails: Prefixes, customers: Prefixes, known: npt.NDArray[np.bool_] | None = None
    ) -> tuple[Prefixes, Ordinals]:
        """Return every pair of an asking contact (its email prefix) and a ledger row of its customer."""
        if known is not None:
            emails, customers = emails[known], customers[known]
        first = np.searchsorted(self._customers, customers, side="left")
        found = np.searchsorted(self._customers, customers, side="right") - first
        within = np.arange(found.sum()) - np.repeat(np.cumsum(found) - found, found)
        return np.repeat(emails, found), self._ordinals[np.repeat(first, found) + within]


def _left_behind(ledger: pq.ParquetFile, index: _CustomerIndex, emails: Prefixes, rows: Ordinals) -> Ordinals:
    """Return those of ``rows`` whose customer has another contact, or was refused, under its new address.

    A contact of which nothing but the id is known counts: two known ones would share what is to be left.
    """
    new = np.searchsorted(index.emails, emails)
    new[new == len(index.emails)] = 0
    has_new = (index.emails[new] == emails) & (index.judged[new] | index.identified[new])
    rows, new = rows[has_new], new[has_new]
    # One id under both addresses is one contact, which a leave would take off its lists.
    differs = pc.fill_null(pc.not_equal(_ids_at(ledger, rows), _ids_at(ledger, new)), True)
    is_other: npt.NDArray[np.bool_] = differs.to_numpy(zero_copy_only=False)
    return rows[is_other]


def _ids_at(ledger: pq.ParquetFile, rows: Ordinals) -> pa.StringArray:
    """Return the contact ids of some ledger rows."""
    wanted, place = np.unique(rows, return_inverse=True)
    pieces, start = [pa.array([], pa.string())], 0
    if len(wanted):
        for batch in _batches(ledger, ["contact_id"]):
            inside = wanted[(wanted >= start) & (wanted < start + len(batch))] - start
            pieces.append(batch["contact_id"].take(pa.array(inside)))
            start += len(batch)
    return pa.concat_arrays(pieces).take(pa.array(place))


def _held_at(ledger: pq.ParquetFile, rows: Ordinals) -> pa.Table:
    """Return the memberships of some ledger rows."""
    wanted, place = np.unique(rows, return_inverse=True)
    pieces, start = [_HELD.empty_table()], 0
    for batch in _batches(ledger, _HELD.names) if len(wanted) else ():
        inside = wanted[(wanted >= start) & (wanted < start + len(batch))] - start
        pieces.append(pa.Table.from_batches([batch.take(pa.array(inside))]).cast(_HELD))
        start += len(batch)
    return pa.concat_tables(pieces).take(pa.array(place))


def _batches(file: pq.ParquetFile, columns: list[str]) -> Iterator[pa.RecordBatch]:
    yield from file.iter_batches(ROWS_PER_RANGE, columns=columns, use_threads=False)


def _valid(batch: pa.RecordBatch, column: str = "customer_hash") -> npt.NDArray[np.bool_]:
    valid: npt.NDArray[np.bool_] = pc.is_valid(batch[column]).to_numpy(zero_copy_only=False)
    return valid
