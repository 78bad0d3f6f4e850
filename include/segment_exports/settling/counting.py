"""Count what became of a plan: its operations, its contacts, and who was refused."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from segment_exports.errors import SegmentExportError
from segment_exports.records.keyed_hash import HASH_TYPE
from segment_exports.records.outcomes import CONTACT_GONE, ERASED, Operation, Outcome
from segment_exports.records.staging import RunFiles
from segment_exports.records.tables.schemas import HELD_BACK
from segment_exports.records.tombstones import all_tombstones, rows_of_people
from segment_exports.settling.effects import first_refusals

if TYPE_CHECKING:
    import numpy.typing as npt

    from segment_exports.records.receipts import ChunkReceipts
    from segment_exports.records.staging import Store

_SEVERITIES = list(Outcome)
_HASHES = ("email_hash", "customer_hash", "previous_customer_hashes")


@dataclass
class Settlement:
    """What became of a plan's operations.

    ``contacts`` counts contacts of the run by outcome (those with something due only), ``done`` the
    operations of its chunks by kind, list (None for an upsert) and outcome, ``answered`` by outcome those
    that an upload wrote down or left in doubt: both with the ones that were added for recreated contacts,
    which ``planned`` (by kind and list) leaves out.
    ``erased`` are operations that were left undone because their people were erased.
    ``unfound`` are people who were to leave and are not there under the contact that was delivered, while
    nobody knew their address: ``unfound_duties`` those of them who refused or were erased.
    ``unfinished`` are lists that contacts are still to join. ``displaced`` counts contacts that have another
    address at the destination than in the source, ``taken`` those that have another person's. ``rejected``
    are contacts of the run that were refused anything in it, ``held_back`` those that were held back for what
    was answered before (both: schema HELD_BACK). ``members`` are the memberships by list of the ledger that
    was written, if any. ``left`` counts people with one of ``tombstones`` who left all our
    lists that they were on.
    """

    done: Counter[tuple[Operation, str | None, Outcome]] = field(default_factory=Counter)
    planned: Counter[tuple[Operation, str | None]] = field(default_factory=Counter)
    contacts: dict[Outcome, int] = field(default_factory=lambda: dict.fromkeys(Outcome, 0))
    answered: Counter[str] = field(default_factory=Counter)
    unfinished: set[str] = field(default_factory=set)
    recreated: int = 0
    erased: int = 0
    displaced: int = 0
    taken: int = 0
    unfound: int = 0
    unfound_duties: int = 0
    requests: dict[str, int] = field(default_factory=lambda: {"total": 0, "throttled": 0, "retried": 0})
    upload_seconds: float = 0.0
    membership: str | None = None
    chunks: int = 0
    rejected: list[pa.Table] = field(default_factory=list)
    held_back: pa.Table = field(default_factory=HELD_BACK.empty_table)
    members: dict[str, int] | None = None
    tombstones: pa.FixedSizeBinaryArray = field(default_factory=lambda: pa.array([], HASH_TYPE))
    left: int = 0

    def outcomes(self, operation: Operation, *lists: str) -> dict[Outcome, int]:
        """Return what became of the operations of one kind, of some lists only where they are named."""
        counts = dict.fromkeys(Outcome, 0)
        for (kind, title, outcome), count in self.done.items():
            if kind is operation and (not lists or title in lists):
                counts[outcome] += count
        return counts

    def in_chunks(self, operation: Operation, *lists: str) -> int:
        """Count the planned operations of one kind that came into a chunk, of some lists or of all."""
        kinds = self.planned.items()
        return sum(n for (kind, title), n in kinds if kind is operation and (not lists or title in lists))

    @property
    def rejected_now(self) -> pa.Table:
        """Contacts that were refused anything in this run, each with the first reason (schema HELD_BACK)."""
        return pa.concat_tables([HELD_BACK.empty_table(), *self.rejected])

    @property
    def rejected_before(self) -> pa.Table:
        """Contacts that were refused before and not asked again (schema HELD_BACK)."""
        refused = pc.equal(self.held_back["outcome"], Outcome.REJECTED.value)
        again = pc.is_in(self.held_back["email_hash"], self.rejected_now["email_hash"].combine_chunks())
        return self.held_back.filter(pc.and_(refused, pc.invert(again)))


def count_chunk(
    settlement: Settlement,
    chunk: pa.Table,
    planned: pa.Table,
    every: pa.Table,
    receipts: ChunkReceipts,
    *,
    is_duties: bool,
) -> None:
    """Add one chunk.

    :param every: its planned operations and those that were added for recreated contacts, in one piece.
    :param is_duties: it holds the leaves of people who refused or were erased.
    """
    settlement.chunks += 1
    for entry in planned.group_by(["operation", "list"]).aggregate([([], "count_all")]).to_pylist():
        settlement.planned[Operation(entry["operation"]), entry["list"]] += entry["count_all"]
    settlement.recreated += len(pc.unique(every.filter(every["recreated"])["row"]))
    unfound = _count_unfound(chunk, every)
    settlement.unfound += unfound
    settlement.unfound_duties += unfound if is_duties else 0
    settlement.left += _count_left(settlement, chunk, every) if is_duties else 0
    _count_operations(settlement, every)
    _count_contacts(settlement, chunk, every)
    _add_requests(settlement, receipts)


def _count_operations(settlement: Settlement, every: pa.Table) -> None:
    for entry in every.group_by(["operation", "list", "outcome"]).aggregate([([], "count_all")]).to_pylist():
        outcome = Outcome(entry["outcome"])
        settlement.done[Operation(entry["operation"]), entry["list"], outcome] += entry["count_all"]
        if outcome is not Outcome.NOT_SENT:
            settlement.answered[outcome] += entry["count_all"]
    is_erased = pc.fill_null(pc.equal(every["reason"], ERASED), False)
    unsent = pc.equal(every["outcome"], Outcome.NOT_SENT.value)
    settlement.erased += pc.sum(pc.and_(is_erased, unsent)).as_py() or 0
    still_due = pc.is_in(every["outcome"], pa.array([Outcome.FAILED.value, Outcome.NOT_SENT.value]))
    joins = pc.equal(every["operation"], Operation.JOIN.value)
    settlement.unfinished.update(pc.unique(every.filter(pc.and_(joins, still_due))["list"]).to_pylist())


def _count_unfound(chunk: pa.Table, every: pa.Table) -> int:
    """Count who was to leave and was looked for by the contact's id alone, in vain."""
    leaves = pc.and_(
        pc.equal(every["operation"], Operation.LEAVE.value), pc.equal(every["reason"], CONTACT_GONE)
    )
    rows = pc.unique(every.filter(pc.fill_null(leaves, False))["row"])
    return int(chunk["email"].take(rows).null_count)


def _count_left(settlement: Settlement, chunk: pa.Table, every: pa.Table) -> int:
    """Count the erased people all whose leaves are done, or weren't needed."""
    is_leave = pc.equal(every["operation"], Operation.LEAVE.value)
    is_done = pc.is_in(every["outcome"], pa.array([Outcome.DELIVERED.value, Outcome.UNCHANGED.value]))
    gone = rows_of_people(chunk, settlement.tombstones)
    gone[every.filter(pc.and_not(is_leave, is_done))["row"].to_numpy()] = False
    return int(gone.sum())


def _count_contacts(settlement: Settlement, chunk: pa.Table, every: pa.Table) -> None:
    contact = chunk["is_contact"].to_numpy()
    worst = np.maximum(_worst_outcomes(every, len(chunk)), _held_back(settlement, chunk))
    for severity, count in zip(*np.unique(worst[contact], return_counts=True), strict=True):
        settlement.contacts[_SEVERITIES[severity]] += int(count)
    refused = first_refusals(every.filter(chunk["is_contact"].take(every["row"])))
    if len(refused):
        hashes = chunk["email_hash"].take(refused["row"])
        settlement.rejected.append(
            pa.table([hashes, *(refused[name] for name in HELD_BACK.names[1:])], schema=HELD_BACK)
        )


def _held_back(settlement: Settlement, chunk: pa.Table) -> npt.NDArray[np.int8]:
    """Return the outcome that what was answered before leaves a contact, whatever else it is sent."""
    place = pc.index_in(chunk["email_hash"], settlement.held_back["email_hash"].combine_chunks())
    outcome = settlement.held_back["outcome"].take(place)
    severity = pc.index_in(outcome, pa.array([one.value for one in _SEVERITIES]))
    rank: npt.NDArray[np.int8] = pc.fill_null(severity, 0).to_numpy().astype(np.int8)
    return rank


def _worst_outcomes(planned: pa.Table, rows: int) -> npt.NDArray[np.int8]:
    worst = np.zeros(rows, np.int8)
    severity = pc.index_in(planned["outcome"], pa.array([outcome.value for outcome in _SEVERITIES]))
    np.maximum.at(worst, planned["row"].to_numpy(), severity.to_numpy().astype(np.int8))
    return worst


def _add_requests(settlement: Settlement, receipts: ChunkReceipts) -> None:
    for name in settlement.requests:
        settlement.requests[name] += receipts.requests[name]
    settlement.membership = receipts.membership or settlement.membership
    if receipts.request_times:
        first, last = (datetime.fromisoformat(time) for time in receipts.request_times)
        settlement.upload_seconds += (last - first).total_seconds()


def standing_tombstones(staging: Store) -> pa.FixedSizeBinaryArray:
    """Return the tombstones that a run's figures count by; none where they can't be read.

    That trouble is told where erased people are taken out of the books.
    """
    try:
        return all_tombstones(staging)
    except SegmentExportError:
        return pa.array([], HASH_TYPE)


def people_to_leave(files: RunFiles, settlement: Settlement) -> int:
    """Count the erased people of the run who were, or may have been, on our lists."""
    if not len(settlement.tombstones) or not files.store.exists(RunFiles.DUTIES):
        return 0
    count = 0
    try:
        with files.store.parquet_file(RunFiles.DUTIES, ["email_hash"]) as file:
            columns = [one for one in _HASHES if one in file.schema_arrow.names]
            for batch in file.iter_batches(columns=columns, use_threads=False):
                found = rows_of_people(pa.Table.from_batches([batch]), settlement.tombstones)
                count += int(found.sum())
    except SegmentExportError:  # who has left is known still
        return settlement.left
    return count
