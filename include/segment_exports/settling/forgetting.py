"""Erased people are taken out of what stays: ledgers, the history, refusals.

Each ``settle_run`` does so at its end, the commands ``erasure`` and ``purge`` for all exports. A ledger's row
goes once nothing is left that its person has to be taken off; until then it says what that is. Operations
stay in the history without a hash, as somebody's: else it would not agree with the reports.

Who it is, tombstones say. Beside what they name, it is the former address of a contact that they name, the
customer and address that a run withheld as erased (an id that merged, say), and what a contact left behind
under another address.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from segment_exports.errors import own_words
from segment_exports.records import lease as leasing
from segment_exports.records.keyed_hash import HASH_BYTES, HASH_TYPE
from segment_exports.records.lease import Lease
from segment_exports.records.ledger import ledger_folders
from segment_exports.records.outcomes import counted
from segment_exports.records.refusals import RefusalFolder
from segment_exports.records.staging import RunFiles
from segment_exports.records.tables.schemas import LEDGER, MEMBERSHIPS
from segment_exports.records.tables.sorted_tables import prefixes, read_columns
from segment_exports.records.tombstones import all_tombstones, rows_of_people
from segment_exports.settling.history import MOVE_AWAY, OPERATIONS, OPERATIONS_FOLDER, REPEATING, fence_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from segment_exports.records.ledger import Ledger, LedgerFolder
    from segment_exports.records.plan import Plan
    from segment_exports.records.staging import Store

_DONE = "forgotten.json"
_LOOK_AGAIN = "Delete it: the history is looked through again"
_ERASED = "erased"
"""The reason in ``withheld.parquet`` (:class:`segment_exports.mapping.permission.Withholding`)."""
_OF_A_RUN = (RunFiles.CONTACTS, RunFiles.WITHHELD, RunFiles.UNJUDGED, RunFiles.CHANGES, RunFiles.DUTIES)
_HASHES = ("email_hash", "customer_hash", "previous_customer_hashes")
_WHO = pa.schema([LEDGER.field(name) for name in ("email_hash", "customer_hash", "contact_id")])
_PAIR = pa.binary()
_NOBODY = bytes(HASH_BYTES)


@dataclass(frozen=True)
class ErasedPeople:
    """Erased people, as keyed hashes.

    :param named: those with a tombstone, sorted.
    :param known_as: pairs of an address and a customer (:func:`_pairs`) that are theirs without being named.
    :param withheld: addresses that a run withheld as erased.
    """

    named: pa.FixedSizeBinaryArray
    known_as: pa.Array
    withheld: pa.FixedSizeBinaryArray

    def rows(self, table: pa.Table) -> pa.Array:
        """Tell which rows of a table with ``email_hash`` and ``customer_hash`` are theirs."""
        found = rows_of_people(table, self.named)
        if len(table) and len(self.named):
            # A contact that lives under another address has a row beside that of the one it was known by.
            found |= np.isin(prefixes(table["email_hash"]) ^ np.uint64(1), prefixes(self.named))
            found |= pc.is_in(_pairs(table), value_set=self.known_as).to_numpy(zero_copy_only=False)
            found &= pc.is_valid(table["email_hash"]).to_numpy()
        return pa.array(found)

    @property
    def addresses(self) -> frozenset[bytes]:
        """Keyed hashes of all addresses under which they are known, and of the ids that name them."""
        return frozenset(self.named.to_pylist()) | {one[:HASH_BYTES] for one in self.known_as.to_pylist()}

    @property
    def fingerprint(self) -> str:
        """Names the set of them."""
        told = hashlib.sha256()
        for hashes in (self.named, self.known_as, self.withheld):
            told.update(b"|" + b"".join(sorted(hashes.to_pylist())))
        return told.hexdigest()[:32]


@dataclass
class Forgotten:
    """What was taken out: rows of ledgers, operations of the history, refusals.

    ``waiting`` counts rows of people who are on a list still, or may be: their leaves are to come.
    ``ledgers_left``: the ledgers were left alone, since a run holds the lease.
    """

    ledger_rows: int = 0
    operations: int = 0
    refusals: int = 0
    waiting: int = 0
    ledgers_left: bool = False

    @property
    def told(self) -> str:
        """What was taken out, in words; nothing where there was nothing."""
        counts = (
            (self.ledger_rows, "row of the ledger", "rows of the ledger"),
            (self.operations, "operation of the history", "operations of the history"),
            (self.refusals, "refusal", "refusals"),
        )
        gone = ", ".join(counted(*one) for one in counts if one[0])
        waiting = counted(self.waiting, "row waits", "rows wait") if self.waiting else ""
        return "; ".join(
            filter(None, [gone and f"{gone} taken out", waiting and f"{waiting} for leaves to come"])
        )


def erased_people(staging: Store, export: Store, name: str, runs: Iterable[RunFiles]) -> ErasedPeople:
    """Find out who was erased, and under what else an export knows them.

    :param name: of the export.
    :param runs: whose files are asked as well.
    :raises LedgerError: a ledger can't be believed.
    :raises StagingError: a tombstone or a file of a run can't be read.
    """
    return _people(export, name, runs, all_tombstones(staging), are_erased=True)


def people_named(
    export: Store, name: str, runs: Iterable[RunFiles], named: pa.FixedSizeBinaryArray
) -> ErasedPeople:
    """Find out under what else an export knows people who are named, as if they were erased.

    :param named: their keyed hashes, sorted.
    :raises LedgerError: a ledger can't be believed.
    :raises StagingError: a file of a run can't be read.
    """
    return _people(export, name, runs, named, are_erased=False)


def _people(
    export: Store, name: str, runs: Iterable[RunFiles], named: pa.FixedSizeBinaryArray, *, are_erased: bool
) -> ErasedPeople:
    pairs, withheld = [pa.array([], _PAIR)], [pa.array([], HASH_TYPE)]
    if len(named):
        pairs += _known_to_ledgers(export, name, named)
        for rows in (rows for files in runs for rows in _rows_of_run(files)):
            found = rows_of_people(rows, named)
            if are_erased and "reason" in rows.column_names:
                is_withheld = pc.equal(rows["reason"], _ERASED).to_numpy()
                withheld.append(rows["email_hash"].filter(pa.array(is_withheld)).combine_chunks())
                found |= is_withheld
            pairs += _known_as(rows.filter(pa.array(found)))
    return ErasedPeople(named, *(pc.unique(pa.concat_arrays(one)) for one in (pairs, withheld)))


def forget_in_books(
    staging: Store, files: RunFiles, name: str, plan: Plan | None
) -> tuple[Forgotten, list[str]]:
    """Take erased people out of what stays, and return warnings; no trouble with it makes this run red.

    :param name: of the export.
    """
    export, has_lease = files.export, False
    try:
        if plan is not None and plan.fence is not None:
            has_lease = leasing.reason_to_stop(export, Lease(plan.fence, plan.run_id)) is None
        people = erased_people(staging, export, name, [files])
        return forget_erased(export, name, people, with_ledgers=has_lease), []
    except Exception as error:  # noqa: BLE001 - an object store may raise anything
        told = own_words(error)
        why = f"erased people could not be taken out of the books, the next run tries again: {told}"
        return Forgotten(), [why]


def forget_erased(export: Store, name: str, people: ErasedPeople, *, with_ledgers: bool) -> Forgotten:
    """Take erased people out of ledgers, history and refusals; doing it again changes nothing.

    :param with_ledgers: nobody else writes them: the caller's run holds the lease, or no run does.
    :raises StagingError: a file can't be read or written; the others are done the next time.
    """
    forgotten = Forgotten(ledgers_left=not with_ledgers)
    if not len(people.named):
        return forgotten
    for folder in ledger_folders(export, name):
        _forget_in_ledgers(folder, people, forgotten)
    forgotten.operations = _forget_in_history(export, people)
    hashes = np.concatenate([prefixes(people.named), prefixes(people.withheld)])
    forgotten.refusals = RefusalFolder(export, "").forget(hashes)
    return forgotten


def _forget_in_ledgers(folder: LedgerFolder, people: ErasedPeople, forgotten: Forgotten) -> None:
    """Drop their rows from all ledgers of an account, but of those whom the newest has to take off a list."""
    waiting: set[bytes] = set()
    ledgers = folder.all()
    for ledger in ledgers[-1:]:
        with ledger.opened() as file:
            for rows in read_columns(file, LEDGER) if file else ():
                held = rows.filter(pc.and_(people.rows(rows), _is_on_a_list(rows)))
                waiting.update(held["email_hash"].to_pylist())
    forgotten.waiting += len(waiting)
    if forgotten.ledgers_left:
        return
    stays = pa.array(sorted(waiting), HASH_TYPE)
    for ledger in ledgers:
        forgotten.ledger_rows += folder.write_without(
            ledger, lambda rows: pc.and_not(people.rows(rows), pc.is_in(rows["email_hash"], stays))
        )


def _is_on_a_list(ledger: pa.Table) -> pa.Array:
    lists = [pc.fill_null(pc.greater(pc.list_value_length(ledger[one]), 0), False) for one in MEMBERSHIPS]
    return pa.array(np.logical_or.reduce([one.to_numpy() for one in lists]))


def _forget_in_history(export: Store, people: ErasedPeople) -> int:
    """Take the hashes out of their operations; files that were looked at for the same people are left out."""
    names = [name for name in export.names(OPERATIONS_FOLDER) if fence_of(name)]
    seen = _seen(export, people)
    count = 0
    for name in names:
        if fence_of(name) > seen:
            count += _forget_in_operations(export, f"{OPERATIONS_FOLDER}/{name}", people)
    newest = max(map(fence_of, names), default=0)
    if newest > seen:
        export.write_json(_DONE, {"people": people.fingerprint, "fence": newest})
    return count


def _seen(export: Store, people: ErasedPeople) -> int:
    """Return the fence up to which the history was looked through for these people."""
    if not export.exists(_DONE):
        return 0
    done = export.read_model(_DONE, dict[str, str | int], advice=_LOOK_AGAIN)
    return int(done.get("fence", 0)) if done.get("people") == people.fingerprint else 0


def _forget_in_operations(export: Store, path: str, people: ErasedPeople) -> int:
    with export.parquet_file(path, ["email_hash"], advice=MOVE_AWAY) as file:
        found = [people.rows(rows) for rows in read_columns(file, OPERATIONS)]
    count = sum(int(pc.sum(one).as_py() or 0) for one in found)
    if not count:
        return 0
    with (
        export.parquet_file(path, ["email_hash"], advice=MOVE_AWAY) as file,
        export.parquet_writer(path, OPERATIONS, repeating=REPEATING, statistics=True) as writer,
    ):
        for rows, is_theirs in zip(read_columns(file, OPERATIONS), found, strict=True):
            for name in ("email_hash", "customer_hash"):
                hashes = pc.if_else(is_theirs, None, rows[name])
                rows = rows.set_column(rows.column_names.index(name), OPERATIONS.field(name), hashes)
            writer.write_table(rows)
    return count


def _known_to_ledgers(export: Store, name: str, named: pa.Array) -> list[pa.Array]:
    """Return as pairs what ledgers have of people who are named, also under the address that they had before.

    A former address is one of the same contact and the same customer.
    """
    pairs = []
    for folder in ledger_folders(export, name):
        rows = pa.concat_tables([_WHO.empty_table(), *(_who(one) for one in folder.all())]).combine_chunks()
        found = rows.filter(pa.array(rows_of_people(rows, named)))
        is_theirs = pc.is_in(_contacts(rows), value_set=_contacts(found).drop_null())
        pairs += [*_known_as(found), *_known_as(rows.filter(is_theirs))]
    return pairs


def _who(ledger: Ledger) -> pa.Table:
    with ledger.opened() as file:
        pieces = [_WHO.empty_table(), *(read_columns(file, _WHO) if file else ())]
    return pa.concat_tables(pieces)


def _contacts(rows: pa.Table) -> pa.Array:
    """Return customer and contact of each row, joined; null where one of them isn't known."""
    parts = [rows[name].combine_chunks().cast(pa.binary()) for name in ("customer_hash", "contact_id")]
    return pc.binary_join_element_wise(*parts, b"")


def _known_as(rows: pa.Table) -> list[pa.Array]:
    """Return the pairs of rows, and each address with no known customer: operations may not tell it."""
    of_nobody = rows.select(["email_hash"])
    return [_pairs(rows), _pairs(of_nobody)]


def _rows_of_run(files: RunFiles) -> Iterator[pa.Table]:
    """Give the hashes of the people of a run, with the reason why somebody was withheld."""
    for name in _OF_A_RUN:
        if files.store.exists(name):
            with files.store.parquet_file(name, ["email_hash"]) as file:
                columns = [one for one in (*_HASHES, "reason") if one in file.schema_arrow.names]
                for batch in file.iter_batches(columns=columns, use_threads=False):
                    yield pa.Table.from_batches([batch])


def _pairs(rows: pa.Table) -> pa.Array:
    """Return address and customer of each row, joined; a customer that isn't known is nobody."""
    emails = rows["email_hash"].combine_chunks().cast(_PAIR)
    if "customer_hash" not in rows.column_names:
        return pc.binary_join_element_wise(emails, _NOBODY, b"")
    customers = pc.fill_null(rows["customer_hash"].combine_chunks().cast(_PAIR), _NOBODY)
    return pc.binary_join_element_wise(emails, customers, b"")
