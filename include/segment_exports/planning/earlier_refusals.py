"""Who gives no permission, as far as this run and the runs before it have seen."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from segment_exports.mapping.permission import Withholding
from segment_exports.mapping.previous_ids import split_previous_ids
from segment_exports.records.outcomes import counted
from segment_exports.records.refusals import Reading, RefusalFolder
from segment_exports.records.staging import RunFiles
from segment_exports.records.tables.schemas import CONTACTS, INVALID, WITHHELD
from segment_exports.records.tables.sorted_tables import ROWS_PER_RANGE, prefixes
from segment_exports.settling.history import newest_operations

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy.typing as npt
    import pyarrow.parquet as pq

    from segment_exports.definition import ExportDefinition
    from segment_exports.records.keyed_hash import KeyedHasher
    from segment_exports.records.ledger import Ledger
    from segment_exports.records.refusals import Refusals
    from segment_exports.records.step_counts import RunCounts

    Prefixes = npt.NDArray[np.uint64]
    Mask = npt.NDArray[np.bool_]

_MOST_LIFTED = 0.5
"""The share of the refusals that a run may lift without a question, where they are many."""
_NOT_OF_THIS_RUN = pa.array([Withholding.ERASED.value, Withholding.PERMISSION_REFUSED_EARLIER.value])


@dataclass(frozen=True)
class RunRefusals:
    """What a run comes to for those who refused.

    :param standing: the refusals from this run on.
    :param implausible: the sentence of a guard where the run would lift more of them than anybody believes;
        then none is.
    :param doubts: sentences for the report.
    """

    standing: Refusals
    implausible: str | None = None
    doubts: tuple[str, ...] = ()


def refusals_of_run(
    files: RunFiles, counts: RunCounts, definition: ExportDefinition, hasher: KeyedHasher, ledger: Ledger
) -> RunRefusals:
    """Return the refusals that stand after a run was mapped; nothing is written.

    A customer who gives permission at one address and none at another has refused at that address only, which
    is told.
    What an older snapshot says of somebody who is on a list by a newer one counts in its own run alone.
    """
    info = ledger.info
    settled = info.settled_sequence if info else newest_operations(files.export)
    before = RefusalFolder(files.export, hasher.fingerprint).latest(settled=settled)
    reading = counts.reading(definition.segment_names)
    refused = _who_refused(files, hasher)
    if len(refused) and _is_older(counts, ledger):
        refused = refused[~np.isin(refused, _members(ledger))]
    lifted, mine = _Sought(before.keys), _Sought(refused)
    if len(refused) or (reading.is_full and len(before.keys)):
        for people in _people_of_contacts(files):
            mine.look_in(people)
            lifted.look_in(people)
    delivered = info.snapshots if info else {}
    asked = definition.consent_fingerprint
    after, kept = (
        before.after(one, refused[~mine.found], lifted.found, delivered, asked)
        for one in (reading, replace(reading, is_full=False))
    )
    found = _believed(counts, definition, before, after, kept)
    return replace(found, doubts=(*found.doubts, *_of_two_minds(int(mine.found.sum()))))


def _of_two_minds(customers: int) -> Iterator[str]:
    """Tell of customers who refuse at one address, and are allowed at another."""
    if customers:
        yield (
            f"{counted(customers, 'CustomerId stands', 'CustomerIds stand')} in several rows of this run, "
            f"which give permission at one address and none at another: only the other is left out. One "
            f"profile has one row in each segment: is a file there twice, or of another refresh?"
        )


def _believed(
    counts: RunCounts, definition: ExportDefinition, before: Refusals, after: Refusals, kept: Refusals
) -> RunRefusals:
    """Doubt a run in which everybody gives permission, or most of those who refused before.

    Where they are many that is a rule that matches everybody sooner than people who changed their minds.

    :param kept: what stands where the run lifts nothing.
    """
    refused = np.unique(before.keys)
    lifted = int((~np.isin(refused, after.keys)).sum())
    is_much = counts.everybody_agrees or lifted > _MOST_LIFTED * len(refused)
    if definition.permission is None or not lifted or not is_much:
        return RunRefusals(after)
    yes, rows = counts.consents["yes"], sum(counts.consents.values())
    which = f"every row ({rows} read) has" if yes == rows else f"{yes} of {rows} rows have"
    told = (
        f"permission: {which} a value that permission.equals names "
        f"for {definition.permission.attribute}, and of {len(refused)} addresses and customers that refused "
        f"before {lifted} would be allowed"
    )
    if lifted <= definition.guards.min_count:
        doubt = f"{told}: is it the attribute and the value that are meant?"
        return RunRefusals(after, doubts=(doubt,) if counts.everybody_agrees else ())
    return RunRefusals(
        kept,
        implausible=(
            f"{told}; guards.min_count allows {definition.guards.min_count}. They are left out, also if the "
            f"rest is approved. Look at the attribute and at the rule: make check shows which values there "
            f"are. If they all agreed, raise guards.min_count for one run"
        ),
    )


def _is_older(counts: RunCounts, ledger: Ledger) -> bool:
    """Tell whether all that a run read was overtaken: what was delivered is as new, and not the same."""
    newest = Reading(ledger.info.snapshots if ledger.info else {}, is_full=False)
    return newest.covers(counts.snapshots) and any(
        datetime.fromisoformat(time) < datetime.fromisoformat(newest.snapshots[segment])
        for segment, time in counts.snapshots.items()
    )


def _members(ledger: Ledger) -> Prefixes:
    """Return prefixes of the addresses and customers that are on a list."""
    found = [np.empty(0, np.uint64)]
    columns = ["email_hash", "customer_hash", "member_of"]
    with ledger.opened() as file:
        for batch in file.iter_batches(ROWS_PER_RANGE, columns=columns, use_threads=False) if file else ():
            on_a_list = batch.filter(pc.greater(pc.list_value_length(batch["member_of"]), 0))
            found += [keys_of_people(on_a_list)]
    return np.concatenate(found)


def keys_of_people(rows: pa.RecordBatch | pa.Table) -> Prefixes:
    """Return prefixes of the addresses and customers (``email_hash``, ``customer_hash``) of some rows."""
    return np.concatenate([prefixes(rows["email_hash"]), prefixes(rows["customer_hash"].drop_null())])


def are_among(keys: Prefixes, people: pa.Table) -> Mask:
    """Tell which rows are of people whose address or customer, as far as there is a column, is among some.

    :param people: contacts or rows of a ledger, or some of their columns.
    :param keys: prefixes of keyed hashes.
    """
    found: Mask = np.zeros(len(people), np.bool_)
    if not len(keys):
        return found
    for name in {"email_hash", "customer_hash"}.intersection(people.column_names):
        found |= np.isin(prefixes(people[name]), keys) & pc.is_valid(people[name]).to_numpy()
    if "previous_customer_hashes" not in people.column_names:
        return found
    others = people["previous_customer_hashes"]
    parents = pc.list_parent_indices(others).to_numpy()
    found[parents[np.isin(prefixes(pc.list_flatten(others)), keys)]] = True
    return found


def _who_refused(files: RunFiles, hasher: KeyedHasher) -> Prefixes:
    """Return prefixes of the addresses and customers that gave no permission in this run, distinct."""
    found = [np.empty(0, np.uint64), customers_with_invalid_profiles(files, hasher, withdrawn=True)]
    with files.store.parquet_file(RunFiles.WITHHELD, WITHHELD.names) as file:
        for batch in file.iter_batches(ROWS_PER_RANGE, use_threads=False):
            own = batch.filter(pc.invert(pc.is_in(batch["reason"], value_set=_NOT_OF_THIS_RUN)))
            found += [keys_of_people(own)]
    return np.unique(np.concatenate(found))


def customers_with_invalid_profiles(
    files: RunFiles, hasher: KeyedHasher, *, withdrawn: bool, silent: bool | None = None
) -> Prefixes:
    """Return the customers whose profile is invalid, and who give no permission, or give it.

    ``silent`` chooses among them those whose permission has no value, or the others.

    Customers that merged into one of them are among them: the ledger may know the person by their ids.
    """
    found = [np.empty(0, np.uint64)]
    with files.store.parquet_file(RunFiles.INVALID, INVALID.names) as file:
        columns = ["customer_id", "previous_ids", "withdrawn", "silent"]
        for batch in file.iter_batches(columns=columns, use_threads=False):
            chosen = batch.filter(pc.equal(batch["withdrawn"], withdrawn))
            if silent is not None:
                chosen = chosen.filter(pc.equal(chosen["silent"], silent))
            previous = split_previous_ids(chosen["previous_ids"]).ids
            ids = pa.concat_arrays([chosen["customer_id"].drop_null(), previous])
            found.append(prefixes(hasher.column(ids)))
    return np.unique(np.concatenate(found))


class WithoutVerdict(NamedTuple):
    """Who is no contact of the run, and hasn't left or withdrawn, by ``addresses`` and by ``customers``.

    Their profile is invalid although they give permission, or the permission of their segment says nothing.
    """

    addresses: Prefixes
    customers: Prefixes

    @classmethod
    def of(cls, files: RunFiles, counts: RunCounts, hasher: KeyedHasher) -> WithoutVerdict:
        """Read who has an invalid profile, and of whom the permission says nothing."""
        addresses = [np.empty(0, np.uint64)]
        customers = [customers_with_invalid_profiles(files, hasher, withdrawn=False)]
        if counts.unjudged_permission is not None:
            with files.store.parquet_file(RunFiles.UNJUDGED, WITHHELD.names) as file:
                for batch in file.iter_batches(ROWS_PER_RANGE, use_threads=False):
                    addresses.append(prefixes(batch["email_hash"]))
                    customers.append(prefixes(batch["customer_hash"].drop_null()))
        return cls(*(np.unique(np.concatenate(found)) for found in (addresses, customers)))


class SilentPeople:
    """Who gives no permission only since it has no value, by this run: nobody has said No for them."""

    def __init__(self, files: RunFiles, hasher: KeyedHasher) -> None:
        """Read the people at withheld addresses, and those with an invalid profile, by what they say."""
        silent, spoken = ([np.empty(0, np.uint64)] for _ in range(2))
        with files.store.parquet_file(RunFiles.WITHHELD, WITHHELD.names) as file:
            for batch in file.iter_batches(ROWS_PER_RANGE, use_threads=False):
                is_empty = pc.equal(batch["reason"], Withholding.PERMISSION_EMPTY.value)
                for keys, chosen in ((silent, is_empty), (spoken, pc.invert(is_empty))):
                    rows = batch.filter(chosen)
                    keys += [keys_of_people(rows)]
        for keys, is_silent in ((silent, True), (spoken, False)):
            keys.append(customers_with_invalid_profiles(files, hasher, withdrawn=True, silent=is_silent))
        self._silent, self._spoken = (np.unique(np.concatenate(keys)) for keys in (silent, spoken))

    def are(self, people: pa.Table) -> Mask:
        """Tell which rows of a ledger are of them; not of whom anything else speaks against, too."""
        return are_among(self._silent, people) & ~are_among(self._spoken, people)

    def on_lists(self, ledger: pq.ParquetFile) -> int:
        """Count those who are on a list."""
        columns = ["email_hash", "customer_hash", "member_of", "uncertain_of"]
        found = 0
        for batch in ledger.iter_batches(ROWS_PER_RANGE, columns=columns, use_threads=False):
            rows = pa.Table.from_batches([batch])
            sure, uncertain = (pc.list_value_length(rows[name]).to_numpy() > 0 for name in columns[2:])
            is_member: Mask = sure | uncertain
            found += int((is_member & self.are(rows)).sum())
        return found


class _Sought:
    """Keys (ascending) that are looked for in pieces; ``found`` tells which were met."""

    def __init__(self, keys: Prefixes) -> None:
        self._keys = keys
        self.found: Mask = np.zeros(len(keys), np.bool_)

    def look_in(self, piece: Prefixes) -> None:
        first, last = (np.searchsorted(self._keys, piece, side=side) for side in ("left", "right"))
        while (here := first < last).any():
            self.found[first[here]] = True
            first = first + 1


def _people_of_contacts(files: RunFiles) -> Iterator[Prefixes]:
    """Give the addresses and customers of contacts; where there are several at one address, all of them."""
    columns = ["email_hash", "customer_hash", "previous_customer_hashes"]
    with files.store.parquet_file(RunFiles.CONTACTS, CONTACTS.names) as file:
        for batch in file.iter_batches(ROWS_PER_RANGE, columns=columns, use_threads=False):
            yield np.concatenate(
                [
                    prefixes(batch["email_hash"]),
                    prefixes(batch["customer_hash"].drop_null()),
                    prefixes(pc.list_flatten(batch["previous_customer_hashes"])),
                ]
            )
