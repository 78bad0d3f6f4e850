"""Erased people are taken out of the files of runs that are over; of others it is told why they are left.

These files hold addresses and CustomerIds in the clear, so it takes the secret to find somebody in them. They
would go with the run, after ``retention_days``.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pyarrow as pa

from segment_exports.commands.people_in_files import ROWS, Finder, tables_of
from segment_exports.records.plan import files_of_runs
from segment_exports.settling.refused_file import take_out
from segment_exports.settling.retention import OpenRuns

if TYPE_CHECKING:
    from datetime import datetime

    from segment_exports.records.keyed_hash import KeyedHasher
    from segment_exports.records.staging import Store
    from segment_exports.settling.forgetting import ErasedPeople

_WORKING = ("chunks", "receipts")
"""What an upload of a run that is over would go on from: nobody asks for it any more."""


@dataclass
class TakenOut:
    """Of how many ``rows`` of files people were taken out, and which runs still hold them and why."""

    rows: int = 0
    left: dict[str, str] = field(default_factory=dict)


def take_out_of_runs(export: Store, people: ErasedPeople, hasher: KeyedHasher, now: datetime) -> TakenOut:
    """Write the files of runs anew without erased people, where the run is over.

    :raises StagingError: a file can't be read or written.
    """
    open_runs, taken = OpenRuns(export, now), TakenOut()
    for files in files_of_runs(export) if len(people.named) else ():
        finder, store = Finder(people, hasher), files.store
        held = [finder.count(store, name) for name in tables_of(store)]  # each may tell more of who they are
        if not any(held):
            continue
        if (why := open_runs.why(files)) is not None:
            taken.left[files.run] = why
            continue
        for name in _WORKING:
            store.remove(name)
        taken.rows += take_out(store, finder.are_theirs)
        for name in tables_of(store):
            taken.rows += _write_without(store, name, finder)
    return taken


def _write_without(store: Store, name: str, finder: Finder) -> int:
    count = finder.count(store, name)
    if not count:
        return 0
    with store.parquet_file(name) as file, store.parquet_writer(name, file.schema_arrow) as writer:
        for batch in file.iter_batches(ROWS, use_threads=False):
            rows = pa.Table.from_batches([batch])
            writer.write_table(rows.filter(pa.array(~finder.rows(rows))))
    return count
