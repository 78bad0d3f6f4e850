"""Settle a plan: fold its receipts into the ledger, write its history, and count its outcomes.

Used by ``settle_run`` for its own run, and before planning for earlier runs that were cut off between
their first request and their settling. Doing it twice gives the same files.
"""

from __future__ import annotations

from collections import Counter
from contextlib import ExitStack, contextmanager
from datetime import datetime
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc

from segment_exports.definition import Membership
from segment_exports.records.keyed_hash import HASH_TYPE
from segment_exports.records.ledger import LedgerFolder, LedgerInfo
from segment_exports.records.notes import losses
from segment_exports.records.outcomes import Operation, Outcome
from segment_exports.records.plan import Plan, PlanState
from segment_exports.records.receipts import read_receipts, settle
from segment_exports.records.staging import RunFiles
from segment_exports.records.tables.schemas import CHUNK, CHUNK_REQUIRED, CONTACTS, HELD_BACK, LEDGER
from segment_exports.records.tables.sorted_tables import ROWS_PER_RANGE, SortedReader, hash_ranges
from segment_exports.settling.counting import Settlement, count_chunk
from segment_exports.settling.earlier_contacts import earlier_contacts
from segment_exports.settling.effects import EFFECT, effects_of
from segment_exports.settling.folding import Fold
from segment_exports.settling.history import OPERATIONS, REPEATING, operation_rows, operations_file

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    import pyarrow.parquet as pq

    from segment_exports.records.ledger import Ledger
    from segment_exports.records.staging import Store


_NOBODY = pa.array([], HASH_TYPE)


def has_receipts(store: Store) -> bool:
    """Tell whether a run's folder holds a plan and receipts of it."""
    return bool(store.names("receipts"))


def settle_plan(
    files: RunFiles,
    plan: Plan,
    *,
    list_ids: Mapping[str, str],
    now: datetime,
    tombstones: pa.FixedSizeBinaryArray = _NOBODY,
) -> Settlement:
    """Count what became of a plan; unless it was a dry run or sent nothing, write ledger and history.

    :param list_ids: ids of the lists by title, as far as they are known.
    :param tombstones: of erased people, who are counted by themselves.
    :raises LedgerError: the ledger that the run planned against is missing.
    :raises StagingError: a file of the run is missing or unreadable.
    """
    if plan.fence is None or _nothing_was_begun(files, plan):
        return count_plan(files, plan, tombstones)
    settlement = Settlement(held_back=who_is_held_back(files), tombstones=tombstones)
    _write_ledger(files, plan, settlement, list_ids, now)
    if plan.mends and _is_done(files, plan, settlement):
        losses.forget(files.export, plan.mends)
    return settlement


def _is_done(files: RunFiles, plan: Plan, settlement: Settlement) -> bool:
    """Tell whether nothing that was planned is left to do: a leave that was refused is."""
    if _sent_only_duties(files, plan, _chunk_numbers(files)[len(plan.duty_chunks) :]):
        return False
    unsent = -settlement.erased
    for operation in Operation:
        outcomes = settlement.outcomes(operation)
        unsent += getattr(plan.operations, operation.value) - settlement.in_chunks(operation)
        unsent += outcomes[Outcome.NOT_SENT] + outcomes[Outcome.FAILED]
    return unsent == 0 == settlement.outcomes(Operation.LEAVE)[Outcome.REJECTED]


def count_plan(files: RunFiles, plan: Plan, tombstones: pa.FixedSizeBinaryArray = _NOBODY) -> Settlement:
    """Count what became of a plan and write nothing."""
    settlement = Settlement(held_back=who_is_held_back(files), tombstones=tombstones)
    for _ in _effects(files, plan, settlement, _chunk_numbers(files), None):
        pass
    return settlement


def who_is_held_back(files: RunFiles) -> pa.Table:
    """Return the contacts that the plan holds back (schema HELD_BACK)."""
    if not files.store.exists(RunFiles.HELD_BACK):  # planned before there was such a file
        return HELD_BACK.empty_table()
    with files.store.parquet_file(RunFiles.HELD_BACK, HELD_BACK.names) as file:
        return file.read(use_threads=False).cast(HELD_BACK)


def is_settled(files: RunFiles, plan: Plan, settlement: Settlement) -> bool:
    """Tell whether the history holds every answer to a plan, because it was settled before."""
    name = operations_file(files.export, plan.run_id, plan.fence or 0)
    if not files.export.exists(name):
        return not settlement.answered
    with files.export.parquet_file(name) as file:
        outcomes = Counter(file.read(columns=["outcome"])["outcome"].to_pylist())
    return all(outcomes[outcome] == count for outcome, count in settlement.answered.items())


def _nothing_was_begun(files: RunFiles, plan: Plan) -> bool:
    """Tell whether a plan has something to send of which not even the first request was prepared."""
    return plan.state is not PlanState.NOTHING_DUE and not files.store.names("receipts")


def _chunk_numbers(files: RunFiles) -> list[int]:
    """Return the numbers of the chunks, also of one that is gone and has receipts."""
    names = {*files.store.names("chunks"), *files.store.names("receipts")}
    return sorted({int(name.removesuffix(".parquet")) for name in names})


def _effects(
    files: RunFiles,
    plan: Plan,
    settlement: Settlement,
    numbers: Sequence[int],
    history: pq.ParquetWriter | None,
) -> Iterator[pa.Table]:
    """Settle chunk by chunk: count, write history, and give the effects on the ledger in order."""
    for number in numbers:
        yield _settle_chunk(files, plan, settlement, number, history)
        pa.default_memory_pool().release_unused()


@contextmanager
def _history(files: RunFiles, plan: Plan, numbers: Sequence[int]) -> Iterator[pq.ParquetWriter | None]:
    if not numbers:
        yield None
        return
    name = operations_file(files.export, plan.run_id, plan.fence or 0)
    with files.export.parquet_writer(name, OPERATIONS, repeating=REPEATING, statistics=True) as writer:
        yield writer


def _settle_chunk(
    files: RunFiles, plan: Plan, settlement: Settlement, number: int, history: pq.ParquetWriter | None
) -> pa.Table:
    """Count what became of one chunk, write its history, and return its effects on the ledger."""
    with files.store.parquet_file(files.chunk(number), CHUNK_REQUIRED) as file:
        chunk = _without_payloads(file)
    receipts = read_receipts(files.store, number)
    settled = settle(chunk, receipts)
    extra = settled.extra.select(settled.planned.column_names)
    every = pa.concat_tables([settled.planned, extra.cast(settled.planned.schema)]).combine_chunks()
    is_duties = number <= len(plan.duty_chunks)
    count_chunk(settlement, chunk, settled.planned, every, receipts, is_duties=is_duties)
    if history is not None:
        identity = {"export": plan.export, "account": plan.account, "run_id": plan.run_id}
        history.write_table(operation_rows(chunk, every, **identity, number=number))
    effects = effects_of(chunk, every, tuple(planned.title for planned in plan.lists))
    settlement.displaced += int(pc.sum(effects["displaced"]).as_py() or 0)
    return effects


def _without_payloads(file: pq.ParquetFile) -> pa.Table:
    """Read a chunk with an empty payload where there is one: whether there is one is all that matters."""
    there = file.schema_arrow.names
    others = [name for name in there if name in CHUNK.names and name != "payload"]
    pieces = file.iter_batches(ROWS_PER_RANGE, columns=["payload"], use_threads=False)
    payload = pa.chunked_array([pc.if_else(piece["payload"].is_valid(), "", None) for piece in pieces])
    chunk = file.read(columns=others, use_threads=False).append_column("payload", payload)
    for name in set(CHUNK.names).difference(there):
        chunk = chunk.append_column(name, pa.nulls(len(chunk), CHUNK.field(name).type))
    return chunk.select(CHUNK.names).cast(CHUNK).combine_chunks()


def _write_ledger(
    files: RunFiles, plan: Plan, settlement: Settlement, list_ids: Mapping[str, str], now: datetime
) -> None:
    folder = LedgerFolder(files.export, plan.export, plan.account)
    base = folder.with_sequence(plan.base_sequence)
    with ExitStack() as stack:
        old = stack.enter_context(base.opened())
        contacts = stack.enter_context(files.store.parquet_file(RunFiles.CONTACTS, CONTACTS.names))
        ledger = stack.enter_context(folder.writing(_next_info(plan, base, list_ids, now)))
        numbers = _chunk_numbers(files)
        history = stack.enter_context(_history(files, plan, numbers))
        duties, others = numbers[: len(plan.duty_chunks)], numbers[len(plan.duty_chunks) :]
        effects = [
            SortedReader(_effects(files, plan, settlement, part, history), EFFECT)
            for part in (duties, others)
        ]
        only_duties = _sent_only_duties(files, plan, others)
        titles = tuple(dict.fromkeys([*(one.title for one in plan.lists), *base.titles]))
        known = base.info is None or base.info.membership == Membership(plan.membership).kind
        earlier = earlier_contacts(files, old, titles)
        settlement.taken = len(earlier.taken_ids)
        fold = Fold(plan.run_id, titles, earlier, memberships_known=known, all_whole=plan.all_whole)
        known_before = SortedReader.of_file(old, LEDGER)
        present = SortedReader.of_file(
            None if only_duties else contacts, CONTACTS, ["email_hash", "customer_hash"]
        )
        rows = max(contacts.metadata.num_rows, old.metadata.num_rows if old else 0)
        for bound in hash_ranges(rows):
            done = _merged([reader.below(bound) for reader in effects])
            ledger.write(fold.apply(known_before.below(bound), done, present.below(bound)))
            pa.default_memory_pool().release_unused()
        if not only_duties:
            ledger.info = ledger.info.model_copy(update=_what_was_reached(plan, base, settlement))
        elif base.info is not None:
            kept = base.info.model_dump(include={"snapshots", "filled", "mapping_fingerprint"})
            ledger.info = ledger.info.model_copy(update=kept)
        settlement.members = dict(ledger.members)


def _sent_only_duties(files: RunFiles, plan: Plan, others: Sequence[int]) -> bool:
    """Tell whether only duties were sent of a plan that has more, or was stopped.

    Then the ledger is of the snapshot before still, but for them.
    """
    if others or plan.state in (PlanState.STOPPED, PlanState.SUPERSEDED):
        return not others
    with files.store.parquet_file(RunFiles.CHANGES, CHUNK_REQUIRED) as changes:
        return bool(changes.metadata.num_rows)


def _merged(parts: Sequence[pa.Table]) -> pa.Table:
    """Merge the effects of duties and of all else, which are sorted each for itself."""
    filled = [part for part in parts if len(part)]
    if len(filled) < 2:
        return filled[0] if filled else parts[0]
    every = pa.concat_tables(filled)
    return every.take(pc.sort_indices(every["email_hash"])).combine_chunks()


def _next_info(plan: Plan, base: Ledger, list_ids: Mapping[str, str], now: datetime) -> LedgerInfo:
    known = dict(base.info.lists) if base.info else {}
    ids = {
        # One that the plan names is where it was sent; one that it doesn't was found or made meanwhile.
        one.title: one.list_id or list_ids.get(one.title) or known.get(one.title, "")
        for one in plan.lists
    }
    return LedgerInfo(
        export=plan.export,
        account=plan.account,
        sequence=plan.fence or 0,
        run_id=plan.run_id,
        written_at=now.isoformat(),
        secret_fingerprint=plan.secret_fingerprint,
        mapping_fingerprint=plan.mapping_fingerprint,
        membership=Membership(plan.membership).kind,
        snapshots={},
        lists=known | ids,
        members={},
        addresses=0,
        tombstones=plan.tombstones,
    )


def _what_was_reached(plan: Plan, base: Ledger, settlement: Settlement) -> dict[str, Any]:
    """Return the snapshots that now count as delivered, and the lists that have all their members."""
    snapshots = dict(base.info.snapshots) if base.info else {}
    filled = dict.fromkeys(base.info.filled if base.info else ())
    # Where all was held back (a revoked key, say) an older snapshot takes nobody back in time.
    if settlement.answered or plan.state is PlanState.NOTHING_DUE:
        for segment, time in plan.snapshots.items():
            older = snapshots.get(segment)
            if older is None or datetime.fromisoformat(older) < datetime.fromisoformat(time):
                snapshots[segment] = time
    if plan.over_limit == 0:
        whole = (one.title for one in plan.lists if one.whole and one.title not in settlement.unfinished)
        filled.update(dict.fromkeys(whole))
    return {"snapshots": snapshots, "filled": tuple(filled)}
