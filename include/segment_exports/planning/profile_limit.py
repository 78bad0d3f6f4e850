"""The profile limit: how many addresses may be at the destination, and how many are there already."""

from __future__ import annotations

import sys
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from segment_exports.definition import LimitScope, WhenOver
from segment_exports.records.ledger import LedgerFolder, counts_as_address
from segment_exports.records.outcomes import counted
from segment_exports.records.tables.schemas import CONTACTS, LEDGER, MEMBERSHIPS
from segment_exports.records.tables.sorted_tables import SortedReader, hash_ranges, key_array, match

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    import numpy.typing as npt
    import pyarrow.parquet as pq

    from segment_exports.definition import Limit
    from segment_exports.records.ledger import Ledger
    from segment_exports.records.staging import Store

_COLUMNS = [
    *("email_hash", "payload_hash", "contact_id", "uncertain_run"),
    *MEMBERSHIPS,
]


@dataclass(frozen=True)
class Room:
    """How many contacts the profile limit lets through: those a ledger counts already, and new ones."""

    known: int
    new: int


def other_ledgers(staging: Store, account: str, own_export: str) -> list[tuple[str, Ledger]]:
    """Return the newest ledger of every other export to an account, by the export's folder."""
    folders = [name for name in staging.names() if not name.startswith("_") and name != own_export]
    found = ((name, LedgerFolder(staging.sub(name), name, account).latest()) for name in folders)
    return [(name, ledger) for name, ledger in found if ledger.info is not None]


class CountedAddresses:
    """Addresses that ledgers count, read one hash range at a time."""

    def __init__(self, ledgers: Iterable[Ledger], stack: ExitStack) -> None:
        """Open the ledgers; ``stack`` closes them."""
        files = [stack.enter_context(ledger.opened()) for ledger in ledgers]
        self._readers = [SortedReader.of_file(file, LEDGER, _COLUMNS) for file in files]

    def below(self, bound: int | None) -> npt.NDArray[np.bytes_]:
        """Return the distinct counted hashes of the next range, sorted."""
        tables = [reader.below(bound) for reader in self._readers]
        keys = [key_array(table.filter(counts_as_address(table))["email_hash"]) for table in tables]
        return np.unique(np.concatenate(keys)) if keys else np.empty(0, "S16")


def count_distinct(ledgers: Sequence[Ledger]) -> int:
    """Return how many distinct addresses the ledgers count together."""
    infos = [ledger.info for ledger in ledgers if ledger.info is not None]
    if len(infos) <= 1:
        return sum(info.addresses for info in infos)
    with ExitStack() as stack:
        counted = CountedAddresses(ledgers, stack)
        bounds = hash_ranges(sum(info.addresses for info in infos))
        return sum(len(counted.below(bound)) for bound in bounds)


def room_for(limit: Limit, *, at_destination: int, contacts: pq.ParquetFile, own: Ledger) -> Room:
    """Return how many known and new contacts fit.

    :param at_destination: distinct addresses that all ledgers of the account count.
    """
    if limit.scope is LimitScope.DESTINATION:
        return Room(known=sys.maxsize, new=_cut(limit, limit.profiles - at_destination))
    if limit.when_over is WhenOver.FAIL:
        return Room(known=sys.maxsize, new=sys.maxsize)
    known = _known_contacts(contacts, own)
    return Room(known=limit.profiles, new=max(0, limit.profiles - known))


def exceeded_limit(limit: Limit, *, used: int, segments: Mapping[str, int], total: int) -> str | None:
    """Return a sentence with the figures where a run is over the limit and isn't to be cut.

    :param segments: contacts that each segment brought.
    """
    if used <= limit.profiles or limit.when_over is WhenOver.TRUNCATE:
        return None
    brought = ", ".join(f"{name} {count}" for name, count in segments.items())
    where = "in all exports to this account" if limit.scope is LimitScope.DESTINATION else "in this export"
    return (
        f"{used} profiles would be at the destination, limit.profiles allows {limit.profiles} {where}. "
        f"This run brings {counted(total, 'contact')}; by segment: {brought}. "
        f"Export fewer segments, raise the limit, or set limit.when_over: truncate"
    )


def _cut(limit: Limit, room: int) -> int:
    return max(0, room) if limit.when_over is WhenOver.TRUNCATE else sys.maxsize


def _known_contacts(contacts: pq.ParquetFile, own: Ledger) -> int:
    reader = SortedReader.of_file(contacts, CONTACTS, ["email_hash"])
    with ExitStack() as stack:
        counted = CountedAddresses([own], stack)
        return sum(
            int((match(key_array(reader.below(bound)["email_hash"]), counted.below(bound)) >= 0).sum())
            for bound in hash_ranges(contacts.metadata.num_rows)
        )
