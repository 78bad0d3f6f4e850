"""Addresses of people who must leave a list and are no contacts of the run.

The ledger knows only the hash of the address. Who refuses stands in the run with it. Of whom an unanswered
request may have put on a list, nobody learnt the id of the contact that it made: the first, or another where
the known one was deleted. So the address is read back from the files of the run that sent it.
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


ADDRESSES = ["email_hash", "email"]
"""Columns of those that the run itself has."""


class AddressBook:
    """Fills in the addresses of leavers; ``lost`` counts uncertain ones whose run is purged."""

    def __init__(self, export: Store) -> None:
        self._export = export
        self.lost = 0

    def fill_in(self, changes: pa.Table, ledger: pa.Table, withheld: pa.Table) -> pa.Table:
        """Return the changes with the addresses of leavers; rows without any name are dropped.

        Marked is who may have been made anew under the address, contacts of the run among them.

        :param withheld: addresses (of :data:`ADDRESSES`) of people of the run who must not be mailed.
        """
        in_doubt = ledger.filter(pc.is_valid(ledger["uncertain_run"]))["email_hash"].combine_chunks()
        maybe_anew = pc.is_in(changes["email_hash"], in_doubt)
        filled = _with_emails(_replaced(changes, "maybe_anew", maybe_anew), withheld)
        wanted = filled.filter(pc.is_null(filled["email"]))["email_hash"].combine_chunks()
        if not len(wanted):
            return filled
        filled = _with_emails(filled, self._addresses(wanted, ledger))
        usable = pc.or_(pc.is_valid(filled["email"]), pc.is_valid(filled["contact_id"]))
        self.lost += len(filled) - int(pc.sum(usable).as_py() or 0)
        return filled.filter(usable)

    def _addresses(self, wanted: pa.Array, ledger: pa.Table) -> pa.Table:
        rows = ledger.filter(pc.is_in(ledger["email_hash"], wanted))
        runs = pc.unique(rows["uncertain_run"].drop_null()).to_pylist()
        schema = pa.schema([CHUNK.field(name) for name in ADDRESSES])
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


def _with_emails(changes: pa.Table, known: pa.Table) -> pa.Table:
    place = pc.index_in(changes["email_hash"], known["email_hash"].combine_chunks())
    return _replaced(
        changes, "email", pc.coalesce(changes["email"], known["email"].combine_chunks().take(place))
    )


def _replaced(changes: pa.Table, name: str, values: pa.ChunkedArray) -> pa.Table:
    return changes.set_column(changes.column_names.index(name), CHUNK.field(name), values)
