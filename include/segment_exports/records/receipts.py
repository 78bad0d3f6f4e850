"""Receipts: what the destination answered, per operation of a chunk, written before anything relies on it.

In ``receipts/NNNN/`` of a run lie, for every attempt at delivering the chunk:

* ``<content>-<attempt>.started``, made before the attempt's first request;
* ``<content>-<attempt>-<sequence>.arrow``, Arrow IPC streams with the schema ``RECEIPT``.

``<content>`` are 16 digits of the chunk's fingerprint: receipts belong to a chunk's content, so those
of a chunk that was planned anew are another's. Files in the order of their names, rows in the order of
the file: a later outcome of the same (row, operation, list) replaces an earlier one. A file's schema
metadata holds the :class:`Tally` of its attempt so far, and whether the attempt ended of itself. The
last file of an attempt grows until it holds ``ROWS_PER_FILE`` rows: it is written anew, whole, with
every flush, so that there are few files however often it is flushed.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, fields
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from segment_exports.records.outcomes import Operation, Outcome
from segment_exports.records.staging import RunFiles
from segment_exports.records.storing.damage import told_of_damage
from segment_exports.records.tables.schemas import RECEIPT

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from segment_exports.records.staging import Store

ROWS_PER_FILE = 2000
_NAME_DIGITS = 16
_SEND_AGAIN = (
    "It is a receipt: the outcome of a part of the chunk is lost. Where its own run tells this, move the "
    "file away and clear the upload task: its operations are sent again. Where a later run does, move the "
    "folder of its run away and trigger a run with reconcile, which reads back what it sent"
)
_TALLY = b"segment_exports.tally"
_OPERATIONS = tuple(Operation)
_FINAL = (Outcome.DELIVERED, Outcome.REJECTED, Outcome.SUPPRESSED, Outcome.UNCHANGED)


@dataclass(frozen=True)
class Tally:
    """Figures of one attempt so far; requests and bytes are summed over attempts.

    Times are UTC, ISO 8601. ``judged`` and ``rejected`` count the contacts of the chunk that have an
    outcome, over all attempts up to this one. ``membership`` is the way of keeping membership used.
    ``joins_unchecked``: joins inside bulk upserts count as delivered, by this attempt or an earlier one,
    and the check whether they stand is still to come.
    """

    total: int = 0
    throttled: int = 0
    retried: int = 0
    bytes_sent: int = 0
    first_request_at: str | None = None
    last_request_at: str | None = None
    judged: int = 0
    rejected: int = 0
    membership: str | None = None
    joins_unchecked: bool = False
    ended: bool = False


@dataclass(frozen=True)
class ChunkReceipts:
    """All receipts of one chunk's content.

    ``table`` (schema ``RECEIPT``) has one row per operation that any attempt wrote down: its latest
    outcome. ``attempt_of`` is the attempt (from 1) that wrote it. ``tallies`` are the last of each
    attempt that wrote any; ``started`` counts attempts.
    """

    table: pa.Table
    attempt_of: npt.NDArray[np.int32]
    started: int
    tallies: dict[int, Tally]

    @property
    def last_cut_off(self) -> int:
        """The newest attempt that was cut off (killed): anything it had not written down is uncertain."""
        cut_off = (
            number
            for number in range(1, self.started + 1)
            if number not in self.tallies or not self.tallies[number].ended
        )
        return max(cut_off, default=0)

    @property
    def requests(self) -> dict[str, int]:
        """Requests of all attempts: total, throttled, retried, bytes_sent."""
        names = ("total", "throttled", "retried", "bytes_sent")
        return {name: sum(getattr(tally, name) for tally in self.tallies.values()) for name in names}

    @property
    def request_times(self) -> tuple[str, str] | None:
        """First and last request of all attempts (UTC, ISO 8601)."""
        firsts = [tally.first_request_at for tally in self.tallies.values() if tally.first_request_at]
        lasts = [tally.last_request_at for tally in self.tallies.values() if tally.last_request_at]
        return (min(firsts), max(lasts)) if firsts and lasts else None

    @property
    def joins_unchecked(self) -> bool:
        """Whether joins inside bulk upserts are written down as delivered that nobody has checked yet."""
        return bool(self.tallies) and self.tallies[max(self.tallies)].joins_unchecked

    @property
    def membership(self) -> str | None:
        """The way of keeping membership that the newest attempt used."""
        ways = [tally.membership for _, tally in sorted(self.tallies.items()) if tally.membership]
        return ways[-1] if ways else None


class Settled(NamedTuple):
    """Outcome of every operation of a chunk (both tables: schema ``RECEIPT``).

    ``planned`` has one row per operation of the chunk, in the order upserts, joins, leaves; ``at`` is
    null where nothing was written down.
    ``extra`` are operations that the delivery added because a contact was recreated.
    """

    planned: pa.Table
    extra: pa.Table


def chunk_fingerprint(run: Store, number: int) -> str:
    """Return the SHA-256 (hex) of a chunk file's bytes.

    :raises StagingError: the chunk isn't there.
    """
    return hashlib.sha256(run.read_bytes(RunFiles.chunk(number))).hexdigest()


def read_receipts(run: Store, number: int, fingerprint: str | None = None) -> ChunkReceipts:
    """Read the receipts of a chunk's present content.

    :param fingerprint: the chunk's fingerprint, if it is known; else it is taken from the chunk file.
    :raises StagingError: a receipt is unreadable.
    """
    return ReceiptFolder(run, number, fingerprint or chunk_fingerprint(run, number)).read()


def settle(chunk: pa.Table, receipts: ChunkReceipts, *, goes_on: bool = False) -> Settled:
    """Give every operation of a chunk its final outcome.

    An operation that no attempt wrote down, or only as not sent, is *failed* (its fate is unknown) if
    an attempt started after that was cut off, and *not sent* otherwise. So are joins inside bulk upserts
    that were never checked, unless the delivery goes on, and checks them.

    :param chunk: the chunk file (schema ``CHUNK``).
    """
    planned = planned_operations(chunk)
    titles = _titles(planned["list"], receipts.table["list"])
    known = pa.array(_keys(receipts.table, titles))
    wanted = pa.array(_keys(planned, titles))
    place = pc.index_in(wanted, value_set=known)
    found = receipts.table.take(place)
    attempt = np.zeros(len(planned), np.int32)
    has_receipt = pc.is_valid(place).to_numpy(zero_copy_only=False)
    attempt[has_receipt] = receipts.attempt_of[place.drop_null().to_numpy()]
    settled = Settled(
        _with_final_outcome(planned, found, attempt < receipts.last_cut_off),
        receipts.table.filter(pc.invert(pc.is_in(known, value_set=wanted))),
    )
    if goes_on or not receipts.joins_unchecked:
        return settled
    return Settled(*(_with_doubtful_joins(table) for table in settled))


def planned_operations(chunk: pa.Table) -> pa.Table:
    """Return the operations of a chunk as (row, operation, list): upserts, then joins, then leaves."""
    upserts = np.flatnonzero(pc.is_valid(chunk["payload"]).to_numpy(zero_copy_only=False))
    parts = [(upserts, Operation.UPSERT, pa.nulls(len(upserts), pa.string()))]
    for operation, column in ((Operation.JOIN, chunk["joins"]), (Operation.LEAVE, chunk["leaves"])):
        lists = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
        parts.append((pc.list_parent_indices(lists).to_numpy(), operation, pc.list_flatten(lists)))
    return pa.table(
        {
            "row": pa.array(np.concatenate([rows for rows, _, _ in parts]), pa.int32()),
            "operation": pa.concat_arrays([pa.repeat(str(what), len(rows)) for rows, what, _ in parts]),
            "list": pa.concat_arrays([lists for _, _, lists in parts]),
        }
    )


def judged_contacts(run: Store, *, but_for: int) -> tuple[int, int]:
    """Return (judged, rejected) contacts of all chunks of a run but one, from their newest receipts."""
    judged = rejected = 0
    for name in run.names("receipts"):
        if name == f"{but_for:04d}":
            continue
        newest: dict[str, str] = {}
        for file in run.names(f"receipts/{name}"):
            if file.endswith(".arrow"):
                newest[file[:_NAME_DIGITS]] = file
        for file in newest.values():
            tally = _read_file(run, f"receipts/{name}/{file}")[1]
            judged += tally.judged
            rejected += tally.rejected
    return judged, rejected


class ReceiptFolder:
    """The receipts of one chunk's content: reads them, and writes those of one attempt."""

    def __init__(self, run: Store, number: int, fingerprint: str) -> None:
        self._store = run.sub(RunFiles.receipts(number))
        self._content = fingerprint[:_NAME_DIGITS]

    def begin(self, at: str) -> int:
        """Register an attempt before its first request and return its number, from 1."""
        attempt = self._started() + 1
        note = json.dumps({"attempt": attempt, "at": at}).encode()
        while not self._store.create(self._marker(attempt), note):
            attempt += 1
        return attempt

    def is_superseded(self, attempt: int) -> bool:
        """Tell whether a newer attempt at the same content has begun: then this one must send no more."""
        return self._store.exists(self._marker(attempt + 1))

    def read(self) -> ChunkReceipts:
        """Read what all attempts wrote down, the latest outcome per operation.

        :raises StagingError: a receipt is unreadable.
        """
        tables, attempts, tallies = [RECEIPT.empty_table()], [np.empty(0, np.int32)], {}
        for name in self._names():
            if name.endswith(".arrow"):
                attempt = int(name.split("-")[1])
                table, tallies[attempt] = _read_file(self._store, name)
                tables.append(table)
                attempts.append(np.full(len(table), attempt, np.int32))
        table, attempt_of = _latest(pa.concat_tables(tables), np.concatenate(attempts))
        return ChunkReceipts(table, attempt_of, self._started(), tallies)

    def write(self, attempt: int, sequence: int, rows: pa.Table, tally: Tally) -> None:
        """Write one file whole; the same sequence again replaces it."""
        sink = pa.BufferOutputStream()
        schema = RECEIPT.with_metadata({_TALLY: json.dumps(asdict(tally)).encode()})
        with pa.ipc.new_stream(sink, schema) as stream:
            stream.write_table(rows)
        name = f"{self._content}-{attempt:04d}-{sequence:06d}.arrow"
        self._store.write_bytes(name, sink.getvalue().to_pybytes())

    def _marker(self, attempt: int) -> str:
        return f"{self._content}-{attempt:04d}.started"

    def _names(self) -> list[str]:
        return [name for name in self._store.names() if name.startswith(f"{self._content}-")]

    def _started(self) -> int:
        started = (name for name in self._names() if name.endswith(".started"))
        return max((int(name.split("-")[1].split(".")[0]) for name in started), default=0)


def _read_file(store: Store, name: str) -> tuple[pa.Table, Tally]:
    content = store.read_bytes(name)
    with told_of_damage(store.path(name), _SEND_AGAIN), pa.ipc.open_stream(content) as stream:
        table = stream.read_all()
        value: dict[str, Any] = json.loads(table.schema.metadata[_TALLY])
        known = {one.name for one in fields(Tally)}
        tally = Tally(**{key: content for key, content in value.items() if key in known})
        return table.replace_schema_metadata(None), tally


def _latest(table: pa.Table, attempts: npt.NDArray[np.int32]) -> tuple[pa.Table, npt.NDArray[np.int32]]:
    """Keep the last row of each operation, in the order of their rows."""
    keys = _keys(table, _titles(table["list"]))
    _, from_end = np.unique(keys[::-1], return_index=True)
    last = len(keys) - 1 - from_end
    return table.take(pa.array(last)), attempts[last]


def _titles(*columns: pa.ChunkedArray) -> pa.Array:
    return pc.unique(pa.concat_arrays([chunk for column in columns for chunk in _chunks(column)])).drop_null()


def _chunks(column: pa.ChunkedArray) -> Sequence[pa.Array]:
    return column.chunks or [pa.array([], pa.string())]


def _keys(table: pa.Table, titles: pa.Array) -> npt.NDArray[np.int64]:
    """Return one number per (row, operation, list)."""
    width = len(titles) + 1
    place = pc.fill_null(pc.index_in(table["list"], value_set=titles), -1).to_numpy().astype(np.int64)
    kind = pc.index_in(table["operation"], value_set=pa.array([str(one) for one in _OPERATIONS])).to_numpy()
    row = table["row"].to_numpy().astype(np.int64)
    keys: npt.NDArray[np.int64] = (row * len(_OPERATIONS) + kind) * width + place + 1
    return keys


def _with_doubtful_joins(table: pa.Table) -> pa.Table:
    is_join = pc.equal(table["operation"], str(Operation.JOIN))
    doubtful = pc.and_(is_join, pc.equal(table["outcome"], str(Outcome.DELIVERED)))
    outcome = pc.if_else(doubtful, str(Outcome.FAILED), table["outcome"])
    return table.set_column(table.column_names.index("outcome"), RECEIPT.field("outcome"), outcome)


def _with_final_outcome(
    planned: pa.Table, found: pa.Table, before_cut_off: npt.NDArray[np.bool_]
) -> pa.Table:
    is_final = pc.is_in(found["outcome"], value_set=pa.array([str(one) for one in _FINAL]))
    was_doubtful = pc.fill_null(pc.equal(found["outcome"], str(Outcome.FAILED)), fill_value=False)
    is_doubtful = pc.or_(was_doubtful, pa.chunked_array([before_cut_off]))
    unknown = pc.if_else(is_doubtful, str(Outcome.FAILED), str(Outcome.NOT_SENT))
    columns = {name: found[name] for name in RECEIPT.names}
    columns |= {name: planned[name] for name in ("row", "operation", "list")}
    columns["outcome"] = pc.if_else(is_final, found["outcome"], unknown)
    columns["recreated"] = pc.fill_null(found["recreated"], fill_value=False)
    columns["attempts"] = pc.fill_null(found["attempts"], 0)
    return pa.table(columns)
