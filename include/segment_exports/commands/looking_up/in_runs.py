"""What the files of the runs of one export hold of people."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa

from segment_exports.commands.looking_up.found import InRun, Refused
from segment_exports.commands.people_in_files import Finder, tables_of
from segment_exports.records.staging import RunFiles
from segment_exports.records.tables.schemas import WITHHELD
from segment_exports.settling.refused_file import lines_about

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from segment_exports.records.keyed_hash import KeyedHasher
    from segment_exports.records.staging import Store
    from segment_exports.settling.forgetting import ErasedPeople

_WHO = pa.schema([WITHHELD.field(name) for name in ("email_hash", "customer_hash", "reason")])


def runs_of(runs: Iterable[RunFiles], people: ErasedPeople, hasher: KeyedHasher) -> Iterator[InRun]:
    """Give the runs whose files hold any of the people.

    :raises StagingError: a file can't be read.
    """
    for files in runs:
        finder, store = Finder(people, hasher), files.store
        tables = tables_of(store)
        for name in tables:  # each may tell more of who they are
            finder.count(store, name)
        held = {name: count for name in tables if (count := finder.count(store, name))}
        lines = lines_about(store, finder.are_theirs)
        refused = tuple(
            Refused(line["Segment"], line["Field"], line["Reason"], line["Kind"]) for line in lines
        )
        if held or refused:
            yield InRun(files.run, held, tuple(_withheld(store, people)), refused)


def _withheld(store: Store, people: ErasedPeople) -> list[str]:
    found: set[str] = set()
    for name in (RunFiles.WITHHELD, RunFiles.UNJUDGED):
        if store.exists(name):
            with store.parquet_file(name, _WHO.names) as file:
                for batch in file.iter_batches(columns=_WHO.names, use_threads=False):
                    rows = pa.Table.from_batches([batch])
                    found.update(rows.filter(people.rows(rows))["reason"].to_pylist())
    return sorted(found)
