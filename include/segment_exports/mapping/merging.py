"""Fold the rows of one address into one contact, or withhold it.

One whole row wins, never a mixture of two people: first by the order of the segments in the
definition, then the newest by the recency attribute (rows without one last), then the lowest
CustomerId (rows without one last), then, so that the outcome never depends on the order of reading,
the lowest payload.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from segment_exports.contact_fields.fields import FieldType
from segment_exports.contact_fields.form_columns import iso_dates
from segment_exports.contact_fields.text_forms import DateForm
from segment_exports.mapping.field_values import convert, date_milliseconds
from segment_exports.mapping.permission import Withholding
from segment_exports.mapping.previous_ids import split_previous_ids
from segment_exports.records.keyed_hash import HASH_TYPE
from segment_exports.records.tables.schemas import CONTACTS, WITHHELD
from segment_exports.records.tables.sorted_tables import key_array

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from segment_exports.records.keyed_hash import KeyedHasher

ROWS = pa.schema(
    [
        pa.field("email_hash", HASH_TYPE, nullable=False),
        pa.field("email", pa.string(), nullable=False),
        pa.field("customer_id", pa.string()),
        pa.field("previous_ids", pa.string()),
        pa.field("segment", pa.int16(), nullable=False),
        pa.field("recency", pa.float64()),
        pa.field("verdict", pa.int8(), nullable=False),
        pa.field("payload", pa.string()),
    ]
)
"""Rows between scattering and merging. ``segment`` is the place in the run's segments, ``verdict`` is
of :mod:`segment_exports.mapping.permission`. A row without payload is invalid: it is there only because its
verdict speaks against its address."""

_PRECEDENCE = [
    ("email_hash", "ascending"),
    ("segment", "ascending"),
    ("recency", "descending"),
    ("customer_id", "ascending"),
    ("payload", "ascending"),
    ("previous_ids", "ascending"),
]
_REASONS = pa.array([None, *(reason.value for reason in Withholding)], pa.string())


@dataclass(frozen=True)
class MergedShard:
    """Contacts and withheld addresses of one shard, sorted by hash, and what became of its rows.

    ``unjudged`` are those of the withheld whose permission says nothing; ``withheld`` holds the others.
    ``withheld_rows`` counts valid rows of withheld addresses, ``withheld_addresses`` those by reason,
    ``in_segment`` the contacts per segment.
    """

    contacts: pa.Table
    withheld: pa.Table
    unjudged: pa.Table
    withheld_rows: int
    withheld_addresses: Counter[str]
    merged_same_customer: int
    merged_same_address: int
    in_segment: npt.NDArray[np.int64]


def recency_key(values: pa.StringArray, form: str | None = None) -> tuple[pa.DoubleArray, int]:
    """Return numbers that grow with recency, and how many of them stand for dates.

    They are null for what is neither a date nor a number.

    :param form: how the dates are written where that isn't ISO 8601.
    """
    trimmed = pc.utf8_trim_whitespace(values)
    trimmed = iso_dates(trimmed, DateForm.of(form)) if form else trimmed
    dates = date_milliseconds(trimmed).cast(pa.float64())
    if dates.null_count == trimmed.null_count:
        return dates, len(dates) - dates.null_count
    numbers = convert(trimmed, FieldType.FLOAT).values.cast(pa.float64())
    return pc.coalesce(dates, numbers), len(dates) - dates.null_count


def merge_shard(rows: pa.Table, segments: Sequence[str], hasher: KeyedHasher) -> MergedShard:
    """Judge and merge the rows (:data:`ROWS`, not empty) of one shard."""
    order = np.asarray(pc.sort_indices(rows, sort_keys=_PRECEDENCE))
    addresses = _Addresses.of(rows, order)
    kept = addresses.verdicts == 0
    of_contacts = kept[addresses.numbers]
    memberships = _memberships(rows, order, addresses, of_contacts, segments)
    people = _People.of(rows, order, addresses)
    winners = rows.take(pa.array(order[addresses.firsts[kept]]))
    contacts = _contacts(winners, people.others(kept, hasher), memberships.lists, hasher)
    is_unjudged = addresses.verdicts == Withholding.PERMISSION_UNJUDGED.verdict
    valid = np.asarray(rows.column("payload").is_valid())[order]
    merged = int(of_contacts.sum()) - len(contacts)
    same_address = _customers(rows, order, addresses, of_contacts) - len(contacts)
    return MergedShard(
        contacts=contacts,
        withheld=people.of_withheld(~kept & ~is_unjudged, hasher),
        unjudged=people.of_withheld(is_unjudged, hasher) if is_unjudged.any() else WITHHELD.empty_table(),
        withheld_rows=int((valid & ~of_contacts).sum()),
        withheld_addresses=Counter(_REASONS.take(pa.array(addresses.verdicts[~kept])).to_pylist()),
        merged_same_customer=merged - same_address,
        merged_same_address=same_address,
        in_segment=memberships.in_segment,
    )


@dataclass(frozen=True)
class _Addresses:
    """The addresses of sorted rows: where each begins, its strictest verdict, each row's address."""

    firsts: npt.NDArray[np.int64]
    verdicts: npt.NDArray[np.int8]
    numbers: npt.NDArray[np.int64]

    @classmethod
    def of(cls, rows: pa.Table, order: npt.NDArray[np.uint64]) -> _Addresses:
        keys = key_array(rows.column("email_hash"))[order]
        begins = np.append(True, keys[1:] != keys[:-1])
        firsts = np.flatnonzero(begins)
        verdicts = np.maximum.reduceat(np.asarray(rows.column("verdict"))[order], firsts)
        return cls(firsts, verdicts, np.cumsum(begins) - 1)


@dataclass(frozen=True)
class _Memberships:
    lists: pa.ListArray
    in_segment: npt.NDArray[np.int64]


def _memberships(
    rows: pa.Table,
    order: npt.NDArray[np.uint64],
    addresses: _Addresses,
    of_contacts: npt.NDArray[np.bool_],
    segments: Sequence[str],
) -> _Memberships:
    """Return each contact's distinct segments in the definition's order."""
    segment = np.asarray(rows.column("segment"))[order]
    number = addresses.numbers
    new = np.append(True, (segment[1:] != segment[:-1]) | (number[1:] != number[:-1])) & of_contacts
    lengths = np.bincount(number[new], minlength=len(addresses.firsts))[addresses.verdicts == 0]
    offsets = np.zeros(len(lengths) + 1, dtype=np.int32)
    np.cumsum(lengths, out=offsets[1:])
    names = pa.array(segments, pa.string()).take(pa.array(segment[new]))
    in_segment = np.bincount(segment[new], minlength=len(segments))
    return _Memberships(pa.ListArray.from_arrays(offsets, names), in_segment)


def _customers(
    rows: pa.Table,
    order: npt.NDArray[np.uint64],
    addresses: _Addresses,
    of_contacts: npt.NDArray[np.bool_],
) -> int:
    """Count the distinct (address, customer) of the contacts; a row without CustomerId is someone else."""
    taken = order[of_contacts]
    customers = rows.column("customer_id").take(pa.array(taken)).combine_chunks().dictionary_encode()
    codes = np.asarray(customers.indices.fill_null(-1)).astype(np.int64)
    nameless = codes < 0
    codes[nameless] = len(codes) + np.arange(int(nameless.sum()))
    return len(np.unique(addresses.numbers[of_contacts] * (2 * len(codes) + 1) + codes))


@dataclass(frozen=True)
class _People:
    """Who has each address: the winning row, and those that name another customer or other previous ids.

    ``numbers`` are the places of their addresses, ascending.
    """

    rows: pa.Table
    numbers: npt.NDArray[np.int64]
    verdicts: npt.NDArray[np.int8]

    @classmethod
    def of(cls, rows: pa.Table, order: npt.NDArray[np.uint64], addresses: _Addresses) -> _People:
        """Take the rows that say something new of who has an address: hardly more than the winners."""
        taken = np.zeros(len(order), np.bool_)
        taken[addresses.firsts] = True
        winner = addresses.firsts[addresses.numbers]
        for name in ("customer_id", "previous_ids"):
            values = rows.column(name).take(pa.array(order)).combine_chunks()
            codes = np.asarray(values.dictionary_encode().indices.fill_null(-1))
            taken |= codes != codes[winner]
        return cls(rows.take(pa.array(order[taken])), addresses.numbers[taken], addresses.verdicts)

    def others(self, kept: npt.NDArray[np.bool_], hasher: KeyedHasher) -> pa.ListArray:
        """Return for each kept address the hashes of all ids of its people but the winner's own."""
        place = np.cumsum(kept) - 1
        is_here = kept[self.numbers]
        rows, at = self.rows.filter(pa.array(is_here)), place[self.numbers[is_here]]
        previous = split_previous_ids(rows.column("previous_ids").combine_chunks())
        customers = rows.column("customer_id").combine_chunks()
        winner = customers.take(pa.array(np.searchsorted(at, at)))
        is_other = np.asarray(pc.fill_null(pc.not_equal(customers, winner), winner.is_null()))
        is_other &= np.asarray(customers.is_valid())
        others = customers.filter(pa.array(is_other))
        owners = np.concatenate([at[previous.rows], at[is_other]])
        order = np.argsort(owners, kind="stable")
        hashes = hasher.column(pa.concat_arrays([previous.ids, others])).take(pa.array(order))
        offsets = np.zeros(int(kept.sum()) + 1, dtype=np.int32)
        np.cumsum(np.bincount(owners, minlength=len(offsets) - 1), out=offsets[1:])
        return pa.ListArray.from_arrays(offsets, hashes, type=pa.list_(HASH_TYPE))

    def of_withheld(self, withheld: npt.NDArray[np.bool_], hasher: KeyedHasher) -> pa.Table:
        """Return the people at withheld addresses (schema WITHHELD)."""
        is_here = withheld[self.numbers]
        rows, numbers = self.rows.filter(pa.array(is_here)), self.numbers[is_here]
        customers = rows.column("customer_id").combine_chunks()
        previous = split_previous_ids(rows.column("previous_ids").combine_chunks())
        of_row = np.concatenate([np.arange(len(rows)), previous.rows])
        order = np.argsort(numbers[of_row], kind="stable")
        return pa.table(
            [
                rows.column("email_hash").take(pa.array(of_row[order])),
                hasher.column(pa.concat_arrays([customers, previous.ids])).take(pa.array(order)),
                _REASONS.take(pa.array(self.verdicts[numbers[of_row[order]]])),
                rows.column("email").take(pa.array(of_row[order])),
            ],
            schema=WITHHELD,
        )


def _contacts(
    winners: pa.Table, others: pa.ListArray, segments: pa.ListArray, hasher: KeyedHasher
) -> pa.Table:
    return pa.table(
        [
            winners.column("email_hash"),
            winners.column("email"),
            winners.column("customer_id"),
            hasher.column(winners.column("customer_id")),
            others,
            segments,
            winners.column("payload"),
            hasher.column(winners.column("payload")),
        ],
        schema=CONTACTS,
    )
