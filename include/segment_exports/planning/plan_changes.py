"""``plan_changes``: compare the run's contacts with the ledger and decide all that will be sent.

Reads ``contacts.parquet``, ``withheld.parquet``, ``invalid.parquet`` and the counts of the steps
before; writes ``changes.parquet`` and ``duties.parquet`` (schema CHUNK, sorted), the chunks of the duties,
``held_back.parquet`` (schema HELD_BACK) and ``plan.json``. Sends nothing.
"""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from segment_exports.planning.basis import NOTHING_FOUND, PlanBasis, PlanRequest
from segment_exports.planning.chunk_changes import chunk_duties
from segment_exports.planning.comparison import RangeTables, compare_range
from segment_exports.planning.earlier_refusals import (
    SilentPeople,
    WithoutVerdict,
    are_among,
    customers_with_invalid_profiles,
)
from segment_exports.planning.moved_addresses import NOBODY_MOVED, find_moved
from segment_exports.planning.profile_limit import CountedAddresses, count_distinct, room_for
from segment_exports.planning.summary import summarise
from segment_exports.planning.tally import Tally
from segment_exports.planning.uncertain_addresses import ADDRESSES, AddressBook
from segment_exports.records.ledger import counts_as_address
from segment_exports.records.outcomes import counted
from segment_exports.records.refusals import RefusalFolder
from segment_exports.records.staging import RunFiles
from segment_exports.records.tables.schemas import CHUNK, CHUNK_LISTS, CONTACTS, HELD_BACK, LEDGER, WITHHELD
from segment_exports.records.tables.sorted_tables import (
    SortedReader,
    hash_ranges,
    key_array,
    match,
    prefixes,
)
from segment_exports.records.tombstones import rows_of_people

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy.typing as npt
    import pyarrow.parquet as pq

    from segment_exports.planning.basis import Beginning
    from segment_exports.planning.profile_limit import Room
    from segment_exports.records.plan import Plan


def plan_changes(request: PlanRequest, beginning: Beginning = NOTHING_FOUND) -> Plan:
    """Plan the run and write its changes, its duties with their chunks, who is held back, and ``plan.json``.

    :param beginning: what was found before.
    :raises LedgerError: the ledger can't be believed, and nobody confirmed that a new one is to be made.
    :raises StagingError: the contacts were hashed with another secret.
    """
    basis = PlanBasis.of(request)
    if request.lease is not None:
        folder = RefusalFolder(request.files.export, request.hasher.fingerprint)
        folder.write(basis.refusals, sequence=request.lease.fence, run_id=request.files.run)
    store = request.files.store
    at_destination = count_distinct([basis.ledger, *basis.others])
    tally = Tally(basis.rules.titles)
    with store.parquet_file(RunFiles.CONTACTS, CONTACTS.names) as contacts:
        limit = request.definition.limit
        room = room_for(limit, at_destination=at_destination, contacts=contacts, own=basis.ledger)
    warnings = (*beginning.warnings, *_write_changes(basis, tally, room))
    beginning = replace(beginning, warnings=warnings)
    plan = summarise(basis, tally, beginning, at_destination=at_destination)
    plan = plan.model_copy(update={"duty_chunks": chunk_duties(request.files, plan)})
    store.write_json(RunFiles.PLAN, plan.model_dump(mode="json"))
    return plan


def _write_changes(basis: PlanBasis, tally: Tally, room: Room) -> tuple[str, ...]:
    """Write ``changes.parquet`` and ``duties.parquet``, and return warnings.

    Nothing is believed of a snapshot that was overtaken: who was erased leaves all the same.
    """
    store = basis.request.files.store
    book = AddressBook(basis.request.files.export)
    without = WithoutVerdict.of(basis.request.files, basis.counts, basis.request.hasher)
    with ExitStack() as stack:
        ledger = stack.enter_context(basis.ledger.opened())
        contacts = withheld = None
        if basis.all_superseded:
            tally.total = tally.superseded = basis.counts.contacts
        else:
            contacts, withheld = (
                stack.enter_context(store.parquet_file(name, schema.names))
                for name, schema in ((RunFiles.CONTACTS, CONTACTS), (RunFiles.WITHHELD, WITHHELD))
            )
        moved = NOBODY_MOVED
        if ledger is not None and contacts is not None and withheld is not None:
            withdrawn = customers_with_invalid_profiles(
                basis.request.files, basis.request.hasher, withdrawn=True
            )
            moved = find_moved(
                ledger,
                contacts,
                withheld,
                erased=prefixes(basis.erased),
                withdrawn=withdrawn,
                unjudged=without.addresses,
            )
        kinds = [
            (stack.enter_context(store.parquet_writer(name, CHUNK, repeating=CHUNK_LISTS)), work)
            for name, work in ((RunFiles.CHANGES, tally.changes), (RunFiles.DUTIES, tally.duties))
        ]
        held_back = stack.enter_context(store.parquet_writer(RunFiles.HELD_BACK, HELD_BACK))
        spared = None if basis.all_superseded else _not_to_unsubscribe(basis, ledger)
        for tables in _ranges(basis, stack, contacts, withheld, ledger, without, spared, tally):
            due = compare_range(tables, basis.rules, moved, tally, room)
            if len(due.held_back):
                held_back.write_table(due.held_back)
            for (writer, work), found in zip(kinds, (due.changes, due.duties), strict=True):
                rows = book.fill_in(found, tables.ledger, tables.addresses)
                work.count(rows)
                if len(rows):
                    writer.write_table(rows)
            pa.default_memory_pool().release_unused()
    if not book.lost:
        return ()
    return (
        f"{counted(book.lost, 'person', 'people')} left while their last delivery was of unknown fate, and "
        f"the files of that run are purged: they may still be on a list; a run with reconcile finds them",
    )


def _not_to_unsubscribe(basis: PlanBasis, ledger: pq.ParquetFile | None) -> SilentPeople | None:
    """Return whose permission has no value where they are too many to be unsubscribed over it."""
    if ledger is None or not basis.rules.unsubscribe_withdrawn:
        return None
    silent = SilentPeople(basis.request.files, basis.request.hasher)
    allowed = basis.request.definition.guards.unsubscribe_empty_up_to
    return silent if silent.on_lists(ledger) > allowed else None


def _are_spared(spared: SilentPeople | None, held: pa.Table) -> npt.NDArray[np.bool_]:
    return spared.are(held) if spared else np.zeros(len(held), np.bool_)


def _ranges(
    basis: PlanBasis,
    stack: ExitStack,
    contacts: pq.ParquetFile | None,
    withheld: pq.ParquetFile | None,
    ledger: pq.ParquetFile | None,
    without: WithoutVerdict,
    spared: SilentPeople | None,
    tally: Tally,
) -> Iterator[RangeTables]:
    """Give the rows of each hash range, side by side.

    Contacts who were erased since they were mapped, or of whom another run has read since that they give no
    permission, are none any more.
    """
    contact_rows = SortedReader.of_file(contacts, CONTACTS)
    withheld_rows = SortedReader.of_file(withheld, WITHHELD, ADDRESSES)
    ledger_rows = SortedReader.of_file(ledger, LEDGER)
    elsewhere = CountedAddresses(basis.others, stack)
    refused = basis.refused_elsewhere
    first = 0
    for bound in hash_ranges(max(file.metadata.num_rows if file else 0 for file in (contacts, ledger))):
        held, mapped = ledger_rows.below(bound), contact_rows.below(bound)
        is_gone = rows_of_people(mapped, basis.erased) | are_among(refused, mapped)
        present, gone = (mapped.filter(pa.array(chosen)) for chosen in (~is_gone, is_gone))
        refusing, removed = withheld_rows.below(bound), key_array(gone["email_hash"])
        tally.total += len(gone)
        tally.gone += len(gone)
        emails, customers = (held.select([name]) for name in ("email_hash", "customer_hash"))
        unjudged = are_among(without.addresses, emails)
        erased, erased_customers = (rows_of_people(one, basis.erased) for one in (emails, customers))
        named = erased | are_among(refused, emails)
        left = named | ((erased_customers | are_among(refused, customers)) & ~unjudged)
        yield RangeTables(
            contacts=present,
            withheld=refusing,
            addresses=pa.concat_tables([refusing, gone.select(ADDRESSES).cast(refusing.schema)]),
            ledger=held,
            first_ledger_row=first,
            exempt=unjudged | are_among(without.customers, customers),
            named=named,
            spared=_are_spared(spared, held) & ~(erased | erased_customers),
            gone=left | (match(key_array(held["email_hash"]), removed) >= 0),
            counted=counts_as_address(held).to_numpy().astype(np.bool_),
            counted_elsewhere=elsewhere.below(bound),
        )
        first += len(held)
