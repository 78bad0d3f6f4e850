"""Who has an address, or a contact, now that the ledger knows as another's."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from segment_exports.records.tables.schemas import CONTACTS
from segment_exports.records.tables.sorted_tables import ROWS_PER_RANGE, prefixes

if TYPE_CHECKING:
    import numpy.typing as npt
    import pyarrow.parquet as pq

    Prefixes = npt.NDArray[np.uint64]
    Ordinals = npt.NDArray[np.int64]
    Mask = npt.NDArray[np.bool_]

_HEIR = pa.schema([CONTACTS.field(name) for name in ("email", "segments")])


@dataclass(frozen=True)
class Heirs:
    """Contacts of this run whose customers the ledger knows under an address that is theirs no more.

    Pairs of a ledger row (``rows``, ascending ordinals) and a contact (``places`` in ``contacts``, which has
    ``email`` and ``segments``).
    """

    rows: Ordinals
    places: Ordinals
    contacts: pa.Table

    def emails(self, ordinals: Ordinals) -> pa.ListArray:
        """Return for each of these ledger rows the addresses that its customers have now."""
        count, places = self._places_of(ordinals)
        offsets = np.concatenate([[0], np.cumsum(count)]).astype(np.int32)
        emails = self.contacts["email"].combine_chunks()
        return pa.ListArray.from_arrays(pa.array(offsets), emails.take(pa.array(places)))

    def among(self, first: int, count: int) -> Heirs:
        """Return only those of ledger rows from ``first`` on."""
        inside = slice(*np.searchsorted(self.rows, [first, first + count]).tolist())
        places, again = np.unique(self.places[inside], return_inverse=True)
        return Heirs(self.rows[inside], again.astype(np.int64), self.contacts.take(pa.array(places)))

    def on_any(self, ordinals: Ordinals, wanted: Mask) -> Mask:
        """Return for each of these ledger rows what is true (by column) of any contact that it is now.

        :param wanted: a row for each of ``contacts``.
        """
        count, places = self._places_of(ordinals)
        found = np.zeros((len(ordinals), wanted.shape[1]), np.bool_)
        np.logical_or.at(found, np.repeat(np.arange(len(ordinals)), count), wanted[places])
        return found

    def _places_of(self, ordinals: Ordinals) -> tuple[Ordinals, Ordinals]:
        """Return how many contacts each of these ledger rows is, and the places of all; -1 is no row."""
        first = np.searchsorted(self.rows, ordinals, side="left")
        count = np.searchsorted(self.rows, ordinals, side="right") - first
        within = np.arange(count.sum()) - np.repeat(np.cumsum(count) - count, count)
        return count, self.places[np.repeat(first, count) + within]

    @classmethod
    def of(cls, contacts: pq.ParquetFile, pairs: Prefixes, rows: Ordinals) -> Heirs:
        """Read the contacts of these pairs."""
        wanted, places = np.unique(pairs, return_inverse=True)
        order = np.argsort(rows, kind="stable")
        return cls(rows[order], places[order].astype(np.int64), _contacts_at(contacts, wanted))


NO_HEIRS = Heirs(np.empty(0, np.int64), np.empty(0, np.int64), _HEIR.empty_table())


def passed_on(contacts: pa.Table, ledger: pa.Table, position: Ordinals, *, exempt: Mask) -> Mask:
    """Tell which addresses were delivered for a person who has them no more, and are another's now.

    Neither merged people are among them (the one who has the address was the other before), nor those who
    share an address, nor anybody whose profile is invalid: all of these have it still.

    :param position: each contact's ledger row, or -1.
    :param exempt: ledger rows of people who are not contacts and haven't left.
    """
    found = position >= 0
    before = ledger["customer_hash"].take(pa.array(position, mask=~found)).combine_chunks()
    is_other = pc.fill_null(pc.not_equal(before, contacts["customer_hash"]), False)
    passed: Mask = is_other.to_numpy().astype(np.bool_)
    if passed.any():
        previous = contacts["previous_customer_hashes"].combine_chunks()
        parents = pc.list_parent_indices(previous)
        same = pc.fill_null(pc.equal(pc.list_flatten(previous), before.take(parents)), False)
        passed[parents.filter(same).to_numpy()] = False
        passed[found] &= ~exempt[position[found]]
    return passed


def _contacts_at(contacts: pq.ParquetFile, wanted: Prefixes) -> pa.Table:
    """Return the contacts with these email prefixes, which ascend."""
    pieces = [_HEIR.empty_table()]
    columns = ["email_hash", *_HEIR.names]
    batches = contacts.iter_batches(ROWS_PER_RANGE, columns=columns, use_threads=False)
    for batch in batches if len(wanted) else ():
        chosen = batch.filter(pa.array(np.isin(prefixes(batch["email_hash"]), wanted))).select(_HEIR.names)
        pieces.append(pa.Table.from_batches([chosen]).cast(_HEIR))
    return pa.concat_tables(pieces)
