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

from segment_exports.sorted_tables import ROWS_PER_RANGE, prefixes

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy.typing as npt
    import pyarrow.parquet as pq

    Prefixes = npt.NDArray[np.uint64]
    Ordinals = npt.NDArray[np.int64]


@dataclass(frozen=True)
class MovedAddresses:
    """What became of customers that the ledger knows under another address.

    ``away`` and ``withdrawn`` are sorted ordinals of ledger rows: the address is nobody's any more
    because its customer moved, or because its customer is withheld now. ``left_behind`` are those of
    ``away`` whose customer was delivered under the new address as another contact: no move will end
    them. ``contacts`` (sorted email prefixes) and ``previous_ids`` say for contacts of this run which
    contact they were before.
    """

    away: Ordinals
    left_behind: Ordinals
    withdrawn: Ordinals
    contacts: Prefixes
    previous_ids: pa.StringArray

    def previous_contact_ids(self, email_prefixes: Prefixes) -> pa.Array:
        """Return for each contact the id it had under an old address, or null."""
        if not len(self.contacts):
            return pa.nulls(len(email_prefixes), pa.string())
        place = np.searchsorted(self.contacts, email_prefixes)
        place[place == len(self.contacts)] = 0
        missing = self.contacts[place] != email_prefixes
        return self.previous_ids.take(pa.array(place, mask=missing))


_NO_ROWS = np.empty(0, np.int64)
NOBODY_MOVED = MovedAddresses(_NO_ROWS, _NO_ROWS, _NO_ROWS, np.empty(0, np.uint64), pa.array([], pa.string()))


def find_moved(
    ledger: pq.ParquetFile | None,
    contacts: pq.ParquetFile,
    withheld: pq.ParquetFile,
    *,
    only_nobodys: bool = False,
) -> MovedAddresses:
    """Compare customers of the run with those of the ledger; reads two or three columns of each.

    :param only_nobodys: tell no previous contact whose address somebody still has (it can't be moved).
    """
    if ledger is None or ledger.metadata.num_rows == 0:
        return NOBODY_MOVED
    index = _CustomerIndex(ledger)
    emails, moved_emails, moved_rows = [], [], []
    for batch in _batches(contacts, ["email_hash", "customer_hash", "previous_customer_hashes"]):
        own = prefixes(batch["email_hash"])
        emails.append(own)
        contact, row = index.rows_of(*_customers(batch, own))
        other = index.emails[row] != contact
        moved_emails.append(contact[other])
        moved_rows.append(row[other])
    present = np.sort(np.concatenate(emails)) if emails else np.empty(0, np.uint64)
    withdrawn = [
        index.rows_of(prefixes(batch["email_hash"]), prefixes(batch["customer_hash"]), _valid(batch))[1]
        for batch in _batches(withheld, ["email_hash", "customer_hash"])
    ]
    rows = np.concatenate(moved_rows) if moved_rows else _NO_ROWS
    pairs = np.concatenate(moved_emails) if moved_emails else np.empty(0, np.uint64)
    gone = ~np.isin(index.emails[rows], present)
    refused = np.concatenate(withdrawn) if withdrawn else _NO_ROWS
    refused = refused[~np.isin(index.emails[refused], present)]
    told = gone if only_nobodys else np.ones(len(rows), np.bool_)
    return MovedAddresses(
        np.unique(rows[gone]),
        np.unique(_left_behind(ledger, index, pairs[gone], rows[gone])),
        np.unique(refused),
        *_previous_ids(ledger, pairs[told], rows[told]),
    )


class _CustomerIndex:
    """Ledger rows by customer.

    ``emails`` and ``delivered`` tell per ledger row its email prefix (so they are sorted), and whether
    the contact was acknowledged.
    """

    def __init__(self, ledger: pq.ParquetFile) -> None:
        customers, emails, ordinals, delivered = [], [], [], []
        start = 0
        for batch in _batches(ledger, ["email_hash", "customer_hash", "payload_hash"]):
            known = _valid(batch)
            customers.append(prefixes(batch["customer_hash"])[known])
            emails.append(prefixes(batch["email_hash"]))
            delivered.append(_valid(batch, "payload_hash"))
            ordinals.append(np.flatnonzero(known) + start)
            start += len(batch)
        self.emails = np.concatenate(emails)
        self.delivered = np.concatenate(delivered)
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


def _customers(batch: pa.RecordBatch, emails: Prefixes) -> tuple[Prefixes, Prefixes]:
    """Return (email prefix, customer prefix) for the customer itself and all that merged into it."""
    known = _valid(batch)
    previous = batch["previous_customer_hashes"]
    parents = pc.list_parent_indices(previous).to_numpy()
    return (
        np.concatenate([emails[known], emails[parents]]),
        np.concatenate([prefixes(batch["customer_hash"])[known], prefixes(pc.list_flatten(previous))]),
    )


def _left_behind(ledger: pq.ParquetFile, index: _CustomerIndex, emails: Prefixes, rows: Ordinals) -> Ordinals:
    """Return those of ``rows`` whose customer has another delivered contact under its new address."""
    new = np.searchsorted(index.emails, emails)
    new[new == len(index.emails)] = 0
    has_new = (index.emails[new] == emails) & index.delivered[new]
    rows, new = rows[has_new], new[has_new]
    # One id under both addresses is one contact, which a leave would take off its lists.
    differs = pc.fill_null(pc.not_equal(_ids_at(ledger, rows), _ids_at(ledger, new)), True)
    is_other: npt.NDArray[np.bool_] = differs.to_numpy(zero_copy_only=False)
    return rows[is_other]


def _previous_ids(
    ledger: pq.ParquetFile, emails: Prefixes, rows: Ordinals
) -> tuple[Prefixes, pa.StringArray]:
    """Return the contact ids that the moved contacts had, where the ledger knows one."""
    ids = _ids_at(ledger, rows)
    known = pc.is_valid(ids).to_numpy(zero_copy_only=False)
    contacts, first = np.unique(emails[known], return_index=True)
    return contacts, ids.filter(pa.array(known)).take(pa.array(first))


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


def _batches(file: pq.ParquetFile, columns: list[str]) -> Iterator[pa.RecordBatch]:
    yield from file.iter_batches(ROWS_PER_RANGE, columns=columns, use_threads=False)


def _valid(batch: pa.RecordBatch, column: str = "customer_hash") -> npt.NDArray[np.bool_]:
    valid: npt.NDArray[np.bool_] = pc.is_valid(batch[column]).to_numpy(zero_copy_only=False)
    return valid
