"""Finds people in the files of runs, which hold addresses and CustomerIds in the clear, and hashes.

It takes the secret to find somebody there by a hash.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from segment_exports.mapping.email_address import EmailRefusal, judge_email
from segment_exports.mapping.previous_ids import split_previous_ids
from segment_exports.records.profiles import CUSTOMER_ID, PREVIOUS_CUSTOMER_ID

if TYPE_CHECKING:
    import numpy.typing as npt

    from segment_exports.records.keyed_hash import KeyedHasher
    from segment_exports.records.staging import Store
    from segment_exports.settling.forgetting import ErasedPeople

    Mask = npt.NDArray[np.bool_]

ROWS = 16_384
"""Of a file that are read at once."""
_IDS = (CUSTOMER_ID, "customer_id")
_PREVIOUS_IDS = (PREVIOUS_CUSTOMER_ID, "previous_ids")


def tables_of(store: Store) -> list[str]:
    """Return the Parquet files of a run."""
    files = (name for name in store.all_files() if name.endswith(".parquet"))
    return [name for name in files if not name.rsplit("/", 1)[-1].startswith(".")]


class Finder:
    """Finds people in tables of one run, by hashes, and by ids and addresses in the clear."""

    def __init__(self, people: ErasedPeople, hasher: KeyedHasher) -> None:
        self._people = people
        self._hasher = hasher
        self._customers: pa.Array = pa.array([], pa.string())
        self._addresses: pa.Array = pa.array([], pa.string())

    def learn(self, theirs: pa.Table) -> None:
        """Take note of CustomerIds and addresses in rows of theirs: elsewhere only these may name them."""
        for name in set(_IDS).intersection(theirs.column_names):
            self._customers = _with(self._customers, theirs[name])
        if "email" in theirs.column_names:
            self._addresses = _with(self._addresses, theirs["email"])

    def count(self, store: Store, name: str) -> int:
        """Count the rows of a file that are theirs, and learn from it which customers they are."""
        count = 0
        with store.parquet_file(name) as file:
            for batch in file.iter_batches(ROWS, use_threads=False):
                rows = pa.Table.from_batches([batch])
                found = self.rows(rows)
                count += int(found.sum())
                self.learn(rows.filter(pa.array(found)))
        return count

    def rows(self, table: pa.Table) -> Mask:
        """Tell which rows are of one of them."""
        found = np.zeros(len(table), np.bool_)
        if {"email_hash", "customer_hash"} <= set(table.column_names):
            found |= self._people.rows(table).to_numpy(zero_copy_only=False)
        elif "email_hash" in table.column_names:
            found |= self._named(table["email_hash"].combine_chunks())
        for column in table.schema:
            values = table[column.name].combine_chunks()
            if column.name in _IDS:
                found |= self.are_theirs(values).to_numpy(zero_copy_only=False)
            elif column.name in _PREVIOUS_IDS:
                ids = split_previous_ids(values)
                found[ids.rows[self._named(self._hasher.column(ids.ids))]] = True
            elif pa.types.is_string(column.type):
                found |= self._has_address(values)
            elif pa.types.is_list(column.type) and pa.types.is_string(column.type.value_type):
                of_rows = pc.list_parent_indices(values).to_numpy()
                texts = pc.list_flatten(values)
                is_known = pc.is_in(texts, value_set=self._addresses).to_numpy(zero_copy_only=False)
                found[of_rows[self._has_address(texts) | is_known]] = True
        return found

    def are_theirs(self, customer_ids: pa.ChunkedArray | pa.Array) -> pa.Array:
        """Tell which CustomerIds are of one of them."""
        named = self._named(self._hasher.column(pc.utf8_trim_whitespace(customer_ids)))
        known = pc.is_in(customer_ids, value_set=self._customers).to_numpy(zero_copy_only=False)
        return pa.array(named | known)

    def _named(self, hashes: pa.Array) -> Mask:
        found: Mask = pc.is_in(hashes, value_set=self._people.named).to_numpy(zero_copy_only=False)
        return found

    def _has_address(self, values: pa.StringArray) -> Mask:
        if not pc.any(pc.match_substring(values, "@")).as_py():
            return np.zeros(len(values), np.bool_)
        distinct = values.dictionary_encode()
        texts = distinct.dictionary.to_pylist()
        judged = [judge_email(text) for text in texts]
        addresses = [None if isinstance(one, EmailRefusal) else one for one in judged]
        known = self._named(self._hasher.column(pa.array(addresses, pa.string())))
        theirs = distinct.dictionary.filter(pa.array(known))
        found: Mask = pc.is_in(values, value_set=theirs).to_numpy(zero_copy_only=False)
        return found


def _with(known: pa.Array, more: pa.ChunkedArray) -> pa.Array:
    return pc.unique(pa.concat_arrays([known, more.combine_chunks().drop_null()]))
