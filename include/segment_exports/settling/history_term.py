"""The term of the history: what is older than ``history_days`` goes, with all that it tells of people.

``settle_run`` sees to it for its own export, the command ``segment-exports purge`` for all. That a
run with operations was settled here stays known by its name (:mod:`segment_exports.records.notes.past`). The
operations of a run whose folder is still there stay as long as that.

Files of ``history/operations`` that were written before there was a term hold contact ids; they are written
anew without.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import pyarrow.compute as pc

from segment_exports.records.notes import past
from segment_exports.records.tables.sorted_tables import read_columns
from segment_exports.settling.history import (
    MOVE_AWAY,
    OPERATIONS,
    OPERATIONS_FOLDER,
    REPEATING,
    RUNS_FOLDER,
    fence_of,
    tells_of_operations,
)

if TYPE_CHECKING:
    import pyarrow.parquet as pq

    from segment_exports.records.staging import Store

_WITHOUT_IDS = "history/no-contact-ids"
"""A file that says so of all operations: else each would be looked into at the end of every run."""


def purge_history(export: Store, history_days: int, now: datetime) -> int:
    """Delete what is older than so many days, and return of how many runs.

    :raises StagingError: a file can't be read; what was deleted before stays so.
    """
    _drop_contact_ids(export)
    ended = now - timedelta(days=history_days)
    return len(_purge_operations(export, ended) | _purge_runs(export, ended))


def _purge_operations(export: Store, ended: datetime) -> set[str]:
    """Delete old operations; those of a later fence were settled later."""
    gone: set[str] = set()
    there = set(export.names("runs"))
    for name in export.names(OPERATIONS_FOLDER):
        path, run = f"{OPERATIONS_FOLDER}/{name}", name.removesuffix(".parquet").partition("-")[2]
        if not fence_of(name) or run in there:
            continue
        with export.parquet_file(path, ["account", "run_id", "recorded_at"], advice=MOVE_AWAY) as file:
            first, newest = _first_row(file), _newest(file)
        newest = newest or export.modified(path)
        if newest is not None and newest >= ended:
            break
        if first is not None:
            past.note(export, str(first["run_id"]), str(first["account"]), fence_of(name))
        export.remove(path)
        gone.add(run)
    return gone


def _purge_runs(export: Store, ended: datetime) -> set[str]:
    gone: set[str] = set()
    columns = ["account", "run_id", "settled_at", "report"]
    for name in export.names(RUNS_FOLDER):
        path = f"{RUNS_FOLDER}/{name}"
        with export.parquet_file(path, columns, advice=MOVE_AWAY) as file:
            rows = file.read(columns=columns, use_threads=False).to_pylist()
        if any(row["settled_at"] >= ended for row in rows):
            continue
        for row in rows:
            if tells_of_operations(row["report"]):
                past.note(export, row["run_id"], row["account"])
        export.remove(path)
        gone.add(name.removesuffix(".parquet"))
    return gone


def _first_row(file: pq.ParquetFile) -> dict[str, object] | None:
    batch = next(file.iter_batches(1, columns=["account", "run_id"], use_threads=False), None)
    rows = batch.to_pylist() if batch is not None else []
    return rows[0] if rows else None


def _newest(file: pq.ParquetFile) -> datetime | None:
    """Return when the last outcome was written down; None where none was."""
    batches = file.iter_batches(columns=["recorded_at"], use_threads=False)
    times = [time for batch in batches if (time := pc.max(batch["recorded_at"]).as_py()) is not None]
    return max(times, default=None)


def _drop_contact_ids(export: Store) -> None:
    if export.exists(_WITHOUT_IDS):
        return
    for name in export.names(OPERATIONS_FOLDER):
        path = f"{OPERATIONS_FOLDER}/{name}"
        if not fence_of(name):
            continue
        with export.parquet_file(path, advice=MOVE_AWAY) as file:
            if file.schema_arrow.names == OPERATIONS.names:
                continue
            with export.parquet_writer(path, OPERATIONS, repeating=REPEATING, statistics=True) as writer:
                for rows in read_columns(file, OPERATIONS):
                    writer.write_table(rows)
    export.create(_WITHOUT_IDS, b"")
