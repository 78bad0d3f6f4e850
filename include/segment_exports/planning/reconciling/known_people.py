"""Whom a run knows, against whom the members of the lists are held."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from segment_exports.planning.earlier_refusals import (
    are_among,
    customers_with_invalid_profiles,
    keys_of_people,
)
from segment_exports.records.keyed_hash import HASH_TYPE
from segment_exports.records.refusals import RefusalFolder
from segment_exports.records.staging import RunFiles
from segment_exports.records.step_counts import RunCounts
from segment_exports.records.tables.memberships import to_matrix
from segment_exports.records.tables.schemas import CONTACTS, WITHHELD
from segment_exports.records.tables.sorted_tables import prefixes
from segment_exports.records.tombstones import erased_hashes

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy.typing as npt

    from segment_exports.planning.basis import PlanRequest

    Prefixes = npt.NDArray[np.uint64]
    Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class KnownPeople:
    """Whom the run knows, by prefixes of keyed hashes: who must not be mailed, and its contacts by list.

    ``contacts`` ascend, and ``customers`` (keyed hashes) are theirs. ``whole`` are lists of which every
    segment was read whole: only of them is known who belongs there.
    """

    refused: Prefixes
    contacts: Prefixes
    customers: pa.ChunkedArray
    wanted: Mapping[str, Prefixes]
    whole: frozenset[str]

    @classmethod
    def of(cls, request: PlanRequest) -> KnownPeople:
        """Read the contacts of the run, whom it withheld, and who refused or was erased before."""
        files, definition = request.files, request.definition
        refused = [
            customers_with_invalid_profiles(files, request.hasher, withdrawn=True),
            prefixes(pa.array(sorted(erased_hashes(request.staging, request.hasher)), HASH_TYPE)),
            RefusalFolder(files.export, request.hasher.fingerprint).latest().keys,
        ]
        with files.store.parquet_file(RunFiles.WITHHELD, WITHHELD.names) as file:
            batches = file.iter_batches(columns=["email_hash", "customer_hash"], use_threads=False)
            refused.extend(map(keys_of_people, batches))
        contacts, segments = [np.empty(0, np.uint64)], definition.segment_names
        customers = [pa.array([], HASH_TYPE)]
        matrices = [np.zeros((0, len(segments)), np.bool_)]
        with files.store.parquet_file(RunFiles.CONTACTS, CONTACTS.names) as file:
            columns = ["email_hash", "customer_hash", "segments"]
            for batch in file.iter_batches(columns=columns, use_threads=False):
                contacts.append(prefixes(batch["email_hash"]))
                customers.append(batch["customer_hash"])
                matrices.append(to_matrix(batch["segments"], segments))
        every, member = np.concatenate(contacts), np.concatenate(matrices)
        read = RunCounts.of(files.store).whole
        of_lists = {
            target.title: [at for at, name in enumerate(segments) if definition.list_of(name) == target.title]
            for target in definition.lists
        }
        return cls(
            refused=np.unique(np.concatenate(refused)),
            contacts=every,
            customers=pa.chunked_array(customers, HASH_TYPE),
            wanted={title: every[member[:, chosen].any(axis=1)] for title, chosen in of_lists.items()},
            whole=frozenset(
                title
                for title, chosen in of_lists.items()
                if all(read.get(segments[at], False) for at in chosen)
            ),
        )

    def may_not_be_mailed(self, rows: pa.Table) -> Mask:
        """Tell who refused or was erased, by address or customer, and is no contact of the run."""
        return are_among(self.refused, rows) & ~self.are_contacts(rows)

    def are_contacts(self, rows: pa.Table) -> Mask:
        """Tell who is a contact of the run, by address."""
        return are_among(self.contacts, rows.select(["email_hash"]))

    def are_unexplained(self, title: str, rows: pa.Table) -> Mask:
        """Tell whom the run doesn't want on a list, as far as it can know."""
        if title in self.wanted and title not in self.whole:
            return np.zeros(len(rows), np.bool_)
        return ~self.are_wanted(title, rows)

    def are_wanted(self, title: str, rows: pa.Table) -> Mask:
        """Tell who belongs on a list, by address, as far as its segments were read."""
        wanted = self.wanted.get(title, np.empty(0, np.uint64))
        return are_among(wanted, rows.select(["email_hash"]))

    def customers_of(self, rows: pa.Table) -> pa.ChunkedArray:
        """Return the customers (keyed hashes) of those who are contacts of the run; null for all others."""
        place = np.searchsorted(self.contacts, prefixes(rows["email_hash"]))
        return self.customers.take(pa.array(place, mask=~self.are_contacts(rows)))


def is_valid(column: pa.ChunkedArray) -> Mask:
    """Tell which values are not null."""
    valid: Mask = pc.is_valid(column).to_numpy()
    return valid
