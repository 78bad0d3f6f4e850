"""History as data: one Parquet file per run in two datasets that anyone can query.

``history/runs/`` has one row per run, ``history/operations/`` one per operation on a contact. The
columns are documented in ``docs/history.md``. Both outlive the files of the runs and have a term of their own
(:mod:`segment_exports.settling.history_term`); people are named by keyed hashes only, and nobody's contact id
is kept.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pyarrow as pa

from segment_exports.records.keyed_hash import HASH_TYPE
from segment_exports.records.notes import past
from segment_exports.records.tables.schemas import TIMESTAMP

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from segment_exports.records.report import RunReport
    from segment_exports.records.staging import Store

OPERATIONS_FOLDER = "history/operations"
RUNS_FOLDER = "history/runs"
MOVE_AWAY = "It is history, which nothing is made of: restore it from a backup, or move it away"
OPERATIONS = pa.schema(
    [
        ("export", pa.string()),
        ("account", pa.string()),
        ("run_id", pa.string()),
        ("email_hash", HASH_TYPE),
        ("customer_hash", HASH_TYPE),
        ("operation", pa.string()),
        ("list", pa.string()),
        ("outcome", pa.string()),
        ("reason", pa.string()),
        ("http_status", pa.int16()),
        ("attempts", pa.int16()),
        ("chunk", pa.int32()),
        ("recorded_at", TIMESTAMP),
    ]
)
REPEATING = tuple(name for name in OPERATIONS.names if not name.endswith("_hash"))
"""Columns of OPERATIONS that hold few distinct values."""

RUNS = pa.schema(
    [
        ("export", pa.string()),
        ("account", pa.string()),
        ("run_id", pa.string()),
        ("settled_at", TIMESTAMP),
        ("snapshot", pa.string()),
        ("state", pa.string()),
        ("red", pa.bool_()),
        ("profiles_read", pa.int64()),
        ("invalid", pa.int64()),
        ("withheld", pa.int64()),
        ("contacts", pa.int64()),
        ("unchanged", pa.int64()),
        ("delivered", pa.int64()),
        ("rejected", pa.int64()),
        ("suppressed", pa.int64()),
        ("failed", pa.int64()),
        ("not_sent", pa.int64()),
        ("requests", pa.int64()),
        ("throttled", pa.int64()),
        ("seconds", pa.float64()),
        ("report", pa.string()),
    ]
)


def operations_file(export: Store, run_id: str, fence: int) -> str:
    """Return the file of one settled plan, relative to the export."""
    return export.named(OPERATIONS_FOLDER, run_id, before=f"{fence:010d}-", ending=".parquet")


def newest_operations(export: Store) -> int:
    """Return the highest fence of a settled plan that had operations; 0 if there is none."""
    there = map(fence_of, export.names(OPERATIONS_FOLDER))
    return max(there, default=past.newest_fence(export))


def operations_after(export: Store, account: str, fence: int) -> Iterator[str]:
    """Give the runs with operations for an account that were settled under a higher fence, newest first."""
    there = (name for name in export.names(OPERATIONS_FOLDER) if fence_of(name) > fence)
    for name in sorted(there, reverse=True):
        columns = ["account", "run_id"]
        with export.parquet_file(f"{OPERATIONS_FOLDER}/{name}", columns, advice=MOVE_AWAY) as file:
            first = next(file.iter_batches(1, columns=columns, use_threads=False), None)
        for row in first.to_pylist() if first is not None else ():
            if row["account"] == account:
                yield row["run_id"]
    yield from past.after(export, account, fence)


def names_with_operations(export: Store) -> set[str]:
    """Return the runs, as names of files, of which a plan with operations was settled."""
    there = (name.removesuffix(".parquet") for name in export.names(OPERATIONS_FOLDER))
    return {name.partition("-")[2] for name in there} | past.names(export)


def had_operations(export: Store, run_id: str) -> bool:
    """Tell whether a run was settled with operations, also one that came to send none of them."""
    name = _run_file(export, run_id)
    if not export.exists(name):
        return False
    with export.parquet_file(name, ["report"], advice=MOVE_AWAY) as file:
        told = file.read(columns=["report"], use_threads=False)["report"].to_pylist()
    return any(map(tells_of_operations, told))


def tells_of_operations(report: str) -> bool:
    """Tell whether a run had something to send, by its report as the history has it."""
    return any(kind["planned"] for kind in json.loads(report)["operations"].values())


def operation_rows(
    chunk: pa.Table, outcomes: pa.Table, *, export: str, account: str, run_id: str, number: int
) -> pa.Table:
    """Return the history rows (schema OPERATIONS) of one chunk."""
    size = len(outcomes)
    return pa.table(
        {
            "export": pa.repeat(export, size),
            "account": pa.repeat(account, size),
            "run_id": pa.repeat(run_id, size),
            "email_hash": chunk["email_hash"].take(outcomes["row"]),
            "customer_hash": chunk["customer_hash"].take(outcomes["row"]),
            "operation": outcomes["operation"],
            "list": outcomes["list"],
            "outcome": outcomes["outcome"],
            "reason": outcomes["reason"],
            "http_status": outcomes["http_status"],
            "attempts": outcomes["attempts"],
            "chunk": pa.repeat(pa.scalar(number, pa.int32()), size),
            "recorded_at": outcomes["at"],
        },
        schema=OPERATIONS,
    )


def write_run(export: Store, report: RunReport, settled_at: datetime) -> None:
    """Write or replace the row of one run."""
    row = {
        "export": report.export,
        "account": report.account,
        "run_id": report.run_id,
        "settled_at": settled_at,
        "snapshot": report.snapshot,
        "state": report.state.value,
        "red": report.red,
        "profiles_read": report.profiles.read,
        "invalid": report.profiles.invalid,
        "withheld": report.profiles.withheld,
        "contacts": report.contacts.total,
        **{name: count for name, count in report.contacts if name != "total"},
        "requests": report.requests.total,
        "throttled": report.requests.throttled,
        "seconds": report.seconds.run,
        "report": json.dumps(report.model_dump(mode="json"), ensure_ascii=False),
    }
    with export.parquet_writer(_run_file(export, report.run_id), RUNS, statistics=True) as writer:
        writer.write_table(pa.Table.from_pylist([row], schema=RUNS))


def _run_file(export: Store, run_id: str) -> str:
    return export.named(RUNS_FOLDER, run_id, ending=".parquet")


def fence_of(name: str) -> int:
    """Return the fence of a file of ``history/operations``; 0 for another's."""
    head = name.split("-", 1)[0]
    return int(head) if head.isdigit() and name.endswith(".parquet") else 0
