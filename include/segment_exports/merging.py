"""Fold the rows of one address into one contact, or withhold it.

One whole row wins, never a mixture of two people: first by the order of the segments in the
definition, then the newest by the recency attribute (rows without one last), then the lowest
CustomerId (rows without one last), then, so that the outcome never depends on the order of reading,
the lowest payload.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from segment_exports.definition import FieldType
from segment_exports.field_values import convert, date_milliseconds
from segment_exports.keyed_hash import HASH_TYPE
from segment_exports.permission import Withholding
from segment_exports.previous_ids import hash_previous_ids
from segment_exports.schemas import CONTACTS, WITHHELD
from segment_exports.sorted_tables import key_array

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from segment_exports.keyed_hash import KeyedHasher

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
of :mod:`segment_exports.permission`. A row without payload is invalid: it is there only because its
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

    ``withheld_rows`` counts valid rows of withheld addresses, ``in_segment`` the contacts per segment.
    """

    contacts: pa.Table
    withheld: pa.Table
    withheld_rows: int
    merged_same_customer: int
    merged_same_address: int
    in_segment: npt.NDArray[np.int64]


def recency_key(values: pa.StringArray) -> pa.DoubleArray:
    """Return numbers that grow with recency, from ISO 8601 dates or numbers; null for anything else."""
    trimmed = pc.utf8_trim_whitespace(values)
    dates = date_milliseconds(trimmed).cast(pa.float64())
    if dates.null_count == trimmed.null_count:
        return dates
    numbers = convert(trimmed, FieldType.FLOAT).values.cast(pa.float64())
    return pc.coalesce(dates, numbers)


def merge_shard(rows: pa.Table, segments: Sequence[str], hasher: KeyedHasher) -> MergedShard:
    """Judge and merge the rows (:data:`ROWS`, not empty) of one shard."""
    order = np.asarray(pc.sort_indices(rows, sort_keys=_PRECEDENCE))
    addresses = _Addresses.of(rows, order)
    kept = addresses.verdicts == 0
    winners = order[addresses.firsts]
    of_contacts = kept[addresses.numbers]
    memberships = _memberships(rows, order, addresses, of_contacts, segments)
    contacts = _contacts(rows.take(pa.array(winners[kept])), memberships.lists, hasher)
    withheld = _withheld(rows.take(pa.array(winners[~kept])), addresses.verdicts[~kept], hasher)
    valid = np.asarray(rows.column("payload").is_valid())[order]
    merged = int(of_contacts.sum()) - len(contacts)
    same_address = _customers(rows, order, addresses, of_contacts) - len(contacts)
    return MergedShard(
        contacts=contacts,
        withheld=withheld,
        withheld_rows=int((valid & ~of_contacts).sum()),
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


def _contacts(winners: pa.Table, segments: pa.ListArray, hasher: KeyedHasher) -> pa.Table:
    return pa.table(
        [
            winners.column("email_hash"),
            winners.column("email"),
            winners.column("customer_id"),
            hasher.column(winners.column("customer_id")),
            hash_previous_ids(winners.column("previous_ids").combine_chunks(), hasher),
            segments,
            winners.column("payload"),
            hasher.column(winners.column("payload")),
        ],
        schema=CONTACTS,
    )


def _withheld(firsts: pa.Table, verdicts: npt.NDArray[np.int8], hasher: KeyedHasher) -> pa.Table:
    return pa.table(
        [
            firsts.column("email_hash"),
            hasher.column(firsts.column("customer_id")),
            _REASONS.take(pa.array(verdicts)),
        ],
        schema=WITHHELD,
    )
