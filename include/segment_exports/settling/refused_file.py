"""``refused.csv``: who was refused and why, safe to open in a spreadsheet.

Invalid profiles, contacts that the destination rejected, and those it rejected before. Addresses are
masked, and a cell that a spreadsheet would take for a formula starts with an apostrophe.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pa_csv

from segment_exports.mapping.email_address import mask_email
from segment_exports.records.staging import RunFiles
from segment_exports.records.storing.damage import ASIDE, told_of_damage
from segment_exports.records.tables.schemas import CONTACTS, INVALID

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from segment_exports.records.staging import Store

COLUMNS = pa.schema(
    [(name, pa.string()) for name in ("CustomerId", "Segment", "Field", "Reason", "MaskedAddress", "Kind")]
)
_FORMULA = "(^|[;,\t\r\n])(\\s*[=+\\-@＝＋－＠\t\r\n])"  # noqa: RUF001 - full-width signs start formulas too
"""Where a cell may begin: also after what a spreadsheet of another language takes for the delimiter."""


def write_refused(store: Store, rejected: Mapping[str, pa.Table] | None = None) -> int:
    """Write ``refused.csv`` and return its number of rows.

    :param rejected: by kind ``email_hash`` and ``reason`` of contacts that the destination refused; None
        before anything was sent.
    """
    rows = 0
    with store.writing(RunFiles.REFUSED) as path, pa_csv.CSVWriter(path, COLUMNS) as writer:
        for table in (*_invalid(store), *_rejected(store, rejected or {})):
            writer.write_table(_safe(table))
            rows += len(table)
    return rows


def take_out(store: Store, are_theirs: Callable[[pa.ChunkedArray], pa.Array]) -> int:
    """Write ``refused.csv`` anew without some customers, and return without how many rows.

    :param are_theirs: tells of CustomerIds whose they are.
    :raises StagingError: it can't be read.
    """
    rows = _read(store)
    found = _about(rows, are_theirs)
    if count := int(pc.sum(found).as_py() or 0):
        with store.writing(RunFiles.REFUSED) as path, pa_csv.CSVWriter(path, COLUMNS) as writer:
            writer.write_table(rows.filter(pc.invert(found)))
    return count


def lines_about(store: Store, are_theirs: Callable[[pa.ChunkedArray], pa.Array]) -> list[dict[str, str]]:
    """Return the lines of ``refused.csv`` on some customers, by the names of its columns.

    :param are_theirs: tells of CustomerIds whose they are.
    :raises StagingError: it can't be read.
    """
    rows = _read(store)
    lines: list[dict[str, str]] = rows.filter(_about(rows, are_theirs)).to_pylist()
    return lines


def _read(store: Store) -> pa.Table:
    if not store.exists(RunFiles.REFUSED):
        return COLUMNS.empty_table()
    with told_of_damage(store.path(RunFiles.REFUSED), ASIDE):
        options = pa_csv.ConvertOptions(column_types=COLUMNS, strings_can_be_null=False)
        parsing = pa_csv.ParseOptions(newlines_in_values=True)
        content = pa.BufferReader(store.read_bytes(RunFiles.REFUSED))
        rows = pa_csv.read_csv(content, parse_options=parsing, convert_options=options)
        return rows.select(COLUMNS.names)


def _about(rows: pa.Table, are_theirs: Callable[[pa.ChunkedArray], pa.Array]) -> pa.ChunkedArray:
    ids = pc.replace_substring_regex(rows["CustomerId"], "\\A'", "")  # before what looks like a formula
    return pc.or_(are_theirs(rows["CustomerId"]), are_theirs(ids))


def _invalid(store: Store) -> Iterator[pa.Table]:
    if not store.exists(RunFiles.INVALID):
        return
    with store.parquet_file(RunFiles.INVALID, INVALID.names) as file:
        for batch in file.iter_batches(use_threads=False):
            yield pa.table(
                [
                    batch["customer_id"],
                    batch["segment"],
                    batch["field"],
                    batch["reason"],
                    batch["masked_email"],
                    pa.repeat("invalid", len(batch)),
                ],
                schema=COLUMNS,
            )


def _rejected(store: Store, by_kind: Mapping[str, pa.Table]) -> Iterator[pa.Table]:
    schema = pa.schema([CONTACTS.field("email_hash"), ("reason", pa.string()), ("kind", pa.string())])
    told = [
        pa.table([rows["email_hash"], rows["reason"], pa.repeat(kind, len(rows))], schema=schema)
        for kind, rows in by_kind.items()
    ]
    rejected = pa.concat_tables([schema.empty_table(), *told])
    if not len(rejected):
        return
    hashes = rejected["email_hash"].combine_chunks()
    with store.parquet_file(RunFiles.CONTACTS, CONTACTS.names) as file:
        columns = ["email_hash", "email", "customer_id", "segments"]
        for batch in file.iter_batches(columns=columns, use_threads=False):
            place = pc.index_in(batch["email_hash"], hashes)
            mine = batch.filter(pc.is_valid(place))
            reasons = rejected.take(place.drop_null())
            if len(mine):
                yield pa.table(
                    [
                        mine["customer_id"],
                        pc.binary_join(mine["segments"], "; "),
                        pa.nulls(len(mine), pa.string()),
                        reasons["reason"].combine_chunks(),
                        pa.array([mask_email(email) for email in mine["email"].to_pylist()], pa.string()),
                        reasons["kind"].combine_chunks(),
                    ],
                    schema=COLUMNS,
                )


def _safe(table: pa.Table) -> pa.Table:
    columns = [
        pc.replace_substring_regex(pc.fill_null(column, ""), _FORMULA, "\\1'\\2") for column in table.columns
    ]
    return pa.table(columns, schema=COLUMNS)
