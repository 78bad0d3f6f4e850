"""Tombstones: keyed hashes by which erased people are told, whatever brings them back.

Each is a file below ``_erased/<fingerprint of the secret>/``, named for the hash of an
address or CustomerId; it can't be turned back into either. Mapping, planning and every upload consult them.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from segment_exports.errors import LedgerError
from segment_exports.records.keyed_hash import HASH_TYPE
from segment_exports.records.storing.damage import damaged
from segment_exports.settings.names import LEDGER_SECRET

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    import numpy.typing as npt

    from segment_exports.records.keyed_hash import KeyedHasher
    from segment_exports.records.staging import Store

TOMBSTONES = "_erased"
"""The folder of all tombstones, below the staging root."""
_NAME = re.compile(r"[0-9a-f]{32}")


def write_tombstones(staging: Store, hasher: KeyedHasher, hashes: Sequence[bytes], now: datetime) -> int:
    """Write a tombstone for each of these hashes, and return how many didn't stand already."""
    note = json.dumps({"erased_at": now.isoformat()}).encode()
    folder = staging.sub(f"{TOMBSTONES}/{hasher.fingerprint}")
    return sum([folder.create(one.hex(), note) for one in hashes])


def erased_hashes(staging: Store, hasher: KeyedHasher) -> frozenset[bytes]:
    """Return the keyed hashes of addresses and customer ids of all erased people.

    :raises LedgerError: tombstones were written under another key: nobody would be held back by them.
    :raises StagingError: a name among them is none of theirs.
    """
    if others := other_tombstones(staging, hasher):
        raise LedgerError(
            f"people were erased under another {LEDGER_SECRET} than the present one ({hasher.in_words}), so "
            f"they can't be told any more. Restore that key; if it is lost, delete {', '.join(others)} and "
            f"erase them again under this one before the next run"
        )
    folder = f"{TOMBSTONES}/{hasher.fingerprint}"
    return frozenset(_hash_of(name, staging.path(folder)) for name in staging.names(folder))


def all_tombstones(staging: Store) -> pa.FixedSizeBinaryArray:
    """Return the sorted hashes of all who were ever erased, under whatever secret: it takes none to ask.

    :raises StagingError: a name among them is none of theirs.
    """
    folders = [f"{TOMBSTONES}/{name}" for name in secrets_of_tombstones(staging)]
    found = {_hash_of(name, staging.path(one)) for one in folders for name in staging.names(one)}
    return pa.array(sorted(found), HASH_TYPE)


def _hash_of(name: str, folder: str) -> bytes:
    if not _NAME.fullmatch(name):
        raise damaged(
            f"{folder}/{name}",
            "a tombstone's name is the hash of an erased person",
            "Give it its name again if it was renamed, else move it away",
        )
    return bytes.fromhex(name)


def rows_of_people(table: pa.Table, hashes: pa.FixedSizeBinaryArray) -> npt.NDArray[np.bool_]:
    """Tell which rows are of people with one of these keyed hashes: by their address or their customer.

    Columns that the table lacks are not asked for.

    Where the table has ``previous_customer_hashes``, also by a customer that merged into theirs, or shares
    their address: mapping withholds an address for each of these.
    """
    found: npt.NDArray[np.bool_] = np.zeros(len(table), np.bool_)
    if not len(hashes):
        return found
    for name in {"email_hash", "customer_hash"}.intersection(table.column_names):
        found |= pc.is_in(table[name], value_set=hashes).to_numpy()
    if "previous_customer_hashes" in table.column_names:
        previous = table["previous_customer_hashes"].combine_chunks()
        is_known = pc.is_in(pc.list_flatten(previous), value_set=hashes)
        found[pc.list_parent_indices(previous).filter(is_known).to_numpy()] = True
    return found


def secrets_of_tombstones(staging: Store) -> list[str]:
    """Return the fingerprints of the secrets under which tombstones were written."""
    return staging.names(TOMBSTONES)


def other_tombstones(staging: Store, hasher: KeyedHasher) -> list[str]:
    """Return the folders of tombstones that were written under another secret."""
    names = (name for name in secrets_of_tombstones(staging) if name != hasher.fingerprint)
    return [staging.path(f"{TOMBSTONES}/{name}") for name in names]
