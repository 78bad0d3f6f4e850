"""Addresses of people who must leave a list that an unanswered request may have put them on.

Nobody learnt the id of the contact that it made: the first, or another where the known one was deleted.
The ledger knows only the hash of the address, so the address is read back from the files of the run that
sent it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from segment_exports.records.staging import RunFiles
from segment_exports.records.tables.schemas import CHUNK

if TYPE_CHECKING:
    from segment_exports.records.staging import Store

_ADDRESSES = (
    "It alone has the addresses of people whose last delivery is of unknown fate. Restore it, or move it "
    "away and trigger a run with reconcile"
)


class AddressBook:
    """Fills in the addresses of uncertain leavers; ``lost`` counts those whose run is purged."""

    def __init__(self, export: Store) -> None:
        self._export = export
        self.lost = 0

    def fill_in(self, changes: pa.Table, ledger: pa.Table) -> pa.Table:
        """Return the changes with the addresses of uncertain leavers; rows without any name are dropped."""
        unknown = pc.is_null(changes["email"])
        if not pc.any(unknown).as_py():
            return changes
        wanted = changes.filter(unknown)["email_hash"].combine_chunks()
        found = self._addresses(wanted, ledger)
        place = pc.index_in(changes["email_hash"], found["email_hash"].combine_chunks())
        emails = pc.coalesce(changes["email"], found["email"].combine_chunks().take(place))
        filled = changes.set_column(changes.column_names.index("email"), CHUNK.field("email"), emails)
        usable = pc.or_(pc.is_valid(filled["email"]), pc.is_valid(filled["contact_id"]))
        self.lost += len(filled) - int(pc.sum(usable).as_py() or 0)
        return filled.filter(usable)

    def _addresses(self, wanted: pa.Array, ledger: pa.Table) -> pa.Table:
        rows = ledger.filter(pc.is_in(ledger["email_hash"], wanted))
        runs = pc.unique(rows["uncertain_run"].drop_null()).to_pylist()
        schema = pa.schema([CHUNK.field("email_hash"), CHUNK.field("email")])
        tables = [schema.empty_table()]
        for run in runs:
            store = RunFiles(self._export, run).store
            for name in (RunFiles.CHANGES, RunFiles.DUTIES):
                if not store.exists(name):  # it was purged
                    continue
                with store.parquet_file(name, schema.names, advice=_ADDRESSES) as file:
                    for batch in file.iter_batches(columns=schema.names, use_threads=False):
                        known = pc.and_(pc.is_in(batch["email_hash"], wanted), pc.is_valid(batch["email"]))
                        tables.append(pa.Table.from_batches([batch.filter(known)], schema))
        return pa.concat_tables(tables)
