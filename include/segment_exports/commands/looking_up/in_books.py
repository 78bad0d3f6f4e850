"""What ledgers, history and refusals of one export know of people."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from segment_exports.commands.looking_up.found import Known, Operation
from segment_exports.records.keyed_hash import HASH_TYPE
from segment_exports.records.outcomes import Outcome
from segment_exports.records.refusals import RefusalFolder
from segment_exports.records.tables.schemas import LEDGER
from segment_exports.records.tables.sorted_tables import prefixes, read_columns
from segment_exports.settling.history import MOVE_AWAY, OPERATIONS, OPERATIONS_FOLDER, fence_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from datetime import datetime
    from typing import Any

    from segment_exports.records.keyed_hash import KeyedHasher
    from segment_exports.records.ledger import Ledger
    from segment_exports.records.staging import Store
    from segment_exports.settling.forgetting import ErasedPeople

    Row = Mapping[str, Any]

_DONE = (Outcome.DELIVERED.value, Outcome.SUPPRESSED.value)


def operations_of(
    export: Store, people: ErasedPeople, known_as: Callable[[Row], str]
) -> tuple[tuple[Operation, ...], dict[tuple[str, bytes], datetime]]:
    """Return all operations on people, oldest first, and when each was sent something last.

    The latter by account and hash of the address.

    :param known_as: tells which of the names a row with ``email_hash`` and ``customer_hash`` has.
    :raises StagingError: a file of the history can't be read.
    """
    rows = sorted(_operation_rows(export, people), key=lambda row: str(row["recorded_at"] or ""))
    last = {
        (row["account"], row["email_hash"]): row["recorded_at"]
        for row in rows
        if row["outcome"] in _DONE and row["recorded_at"]
    }
    names = [name for name in OPERATIONS.names if name in Operation.__dataclass_fields__]
    told = (Operation(known_as=known_as(row), **{name: row[name] for name in names}) for row in rows)
    return tuple(told), last


def _operation_rows(export: Store, people: ErasedPeople) -> Iterator[Row]:
    for name in files_of_history(export):
        with export.parquet_file(f"{OPERATIONS_FOLDER}/{name}", ["email_hash"], advice=MOVE_AWAY) as file:
            for rows in read_columns(file, OPERATIONS):
                yield from rows.filter(people.rows(rows)).to_pylist()


def files_of_history(export: Store) -> list[str]:
    """Return the names of all files of operations."""
    return [name for name in export.names(OPERATIONS_FOLDER) if fence_of(name)]


def known_to(
    ledger: Ledger,
    people: ErasedPeople,
    known_as: Callable[[Row], str],
    last: Mapping[tuple[str, bytes], datetime],
) -> tuple[Known, ...]:
    """Return whom a ledger holds.

    :param last: as :func:`operations_of` returns it.
    :raises StagingError: it can't be read.
    """
    account = ledger.info.account if ledger.info else ""
    with ledger.opened() as file:
        pieces = read_columns(file, LEDGER) if file else iter(())
        rows = [row for piece in pieces for row in piece.filter(people.rows(piece)).to_pylist()]
    return tuple(
        Known(
            known_as=known_as(row),
            contact_id=row["contact_id"],
            has_data=row["payload_hash"] is not None,
            on_lists=tuple(row["member_of"] or ()),
            maybe_on=tuple(row["uncertain_of"] or ()),
            seen_on=tuple(row["seen_on"] or ()),
            refused_at=row["rejected_at"],
            refused_why=row["rejected_reason"],
            is_suppressed=bool(row["suppressed"]),
            last_sent_at=last.get((account, row["email_hash"])),
        )
        for row in rows
    )


def refusals_of(export: Store, hasher: KeyedHasher, hashes: Sequence[bytes]) -> tuple[dict[str, str], ...]:
    """Return in which snapshots any of these addresses and ids gave no permission, by segment.

    :raises StagingError: the refusals can't be read.
    """
    refusals = RefusalFolder(export, hasher.fingerprint).latest()
    theirs = np.isin(refusals.keys, prefixes(pa.array(sorted(hashes), HASH_TYPE)))
    return tuple(dict(refusals.readings[place]) for place in np.unique(refusals.places[theirs]))


def hashes_in(ledger: Ledger, people: ErasedPeople) -> set[bytes]:
    """Return the hashes of addresses and customers in the rows of people.

    :raises StagingError: the ledger can't be read.
    """
    found: set[bytes] = set()
    with ledger.opened() as file:
        for rows in read_columns(file, LEDGER) if file else ():
            theirs = rows.filter(people.rows(rows))
            for name in ("email_hash", "customer_hash"):
                found.update(pc.drop_null(theirs[name]).to_pylist())
    return found
