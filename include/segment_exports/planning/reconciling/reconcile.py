"""Reconcile: read back who is on the lists and correct the ledger where it drifted from that.

It finds too who is on a list and of whom no ledger knows that they are: a run whose files were lost, or a
ledger, may have left them there. They are known from then on, and leave once they refuse or are erased.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from segment_exports.planning.basis import told_of_other_kind
from segment_exports.planning.reconciling.known_people import KnownPeople, is_valid
from segment_exports.planning.reconciling.members import MEMBERS, read_members
from segment_exports.records.ledger import Ledger, LedgerFolder, LedgerInfo
from segment_exports.records.outcomes import counted
from segment_exports.records.tables.memberships import to_lists, to_matrix
from segment_exports.records.tables.schemas import LEDGER, MEMBERSHIPS
from segment_exports.records.tables.sorted_tables import ROWS_PER_RANGE, SortedReader, hash_ranges
from segment_exports.settling.history import newest_operations

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    import numpy.typing as npt
    import pyarrow.parquet as pq

    from segment_exports.planning.basis import PlanRequest
    from segment_exports.planning.destination import DestinationReader
    from segment_exports.planning.reconciling.members import Shown
    from segment_exports.records.lease import Lease

    Mask = npt.NDArray[np.bool_]


@dataclass
class Reconciled:
    """What was found, by list.

    ``corrected``: memberships that the ledger had otherwise. ``taken_up``: members whom the ledger didn't
    have there and who give no permission or were erased; it has them there in doubt now, so that they leave.
    ``unexplained``: members whom neither the ledger nor the run has there; they stay until they refuse.
    ``hidden``: members whom the ledger has there and the list doesn't show. ``doubts`` are sentences on what
    was not read, or is not believed.
    """

    corrected: Counter[str] = field(default_factory=Counter)
    taken_up: Counter[str] = field(default_factory=Counter)
    unexplained: Counter[str] = field(default_factory=Counter)
    hidden: Counter[str] = field(default_factory=Counter)
    doubts: tuple[str, ...] = ()

    @property
    def warnings(self) -> tuple[str, ...]:
        """What a person should know of it."""
        told = list(self.doubts)
        told += [
            f"list {title}: {counted(count, 'person was', 'people were')} on it without giving permission or "
            f"although erased, which the ledger did not know; they are taken off"
            for title, count in self.taken_up.items()
            if count
        ]
        told += [
            f"list {title}: {counted(count, 'person is', 'people are')} on it whom, as far as is known, "
            f"this export did not put there. They stay until they refuse or are erased: staff may want "
            f"them there. If a ledger or the files of a run were lost, it may have put them there: look at "
            f"the list at the destination, and take off by hand who must not be there"
            for title, count in self.unexplained.items()
            if count
        ]
        return tuple(told)


def reconcile(
    request: PlanRequest,
    ledger: Ledger,
    lease: Lease,
    reader: DestinationReader,
    list_ids: Mapping[str, str],
) -> Reconciled:
    """Write a ledger whose memberships are those that the destination shows.

    Memberships that the ledger believed in and the destination doesn't show are in doubt: joins are due
    again, and who refuses or left leaves all the same, for a page of members may be empty by mistake. Every
    other member that is shown is taken up, also those whom no ledger knows: a run whose files were lost, or
    a ledger, may have known them, and nobody else would take them off. Who belongs on the list, gives no
    permission or was erased is taken for ours, by their contact or by their address. Anybody else stays,
    until they are read to refuse: others may have put them there.

    Memberships are read as the definition keeps them now, as lists or as fields. What the ledger has of the
    other kind says nothing of these, so the ledger has only what is shown; what became of the other kind
    nobody reads.

    :param list_ids: ids of the lists by title.
    """
    definition = request.definition
    kind = definition.destination.membership.kind
    shown = read_members(request, ledger, reader, list_ids)
    work = _Reconciling(
        shown,
        KnownPeople.of(request),
        tuple(dict.fromkeys([*ledger.titles, *shown.members])),
        named=frozenset(target.title for target in definition.lists),
        memberships_known=ledger.info is None or ledger.info.membership == kind,
        remove_leavers=definition.removes_leavers,
    )
    with ledger.opened() as file:
        newcomers = work.newcomers(file)
        if file is None and not len(newcomers):
            return work.found
        info = _next_info(request, ledger, lease, {title: list_ids.get(title, "") for title in shown.members})
        folder = LedgerFolder(request.files.export, definition.name, request.account)
        rows = SortedReader.of_file(file, LEDGER), SortedReader(iter([newcomers]), LEDGER)
        with folder.writing(info) as writer:
            for bound in hash_ranges(max(file.metadata.num_rows if file else 0, len(newcomers))):
                known, new = (one.below(bound) for one in rows)
                both = pa.concat_tables([work.corrected(known), new])
                writer.write(both.take(pc.sort_indices(both["email_hash"])) if len(new) else both)
    work.found.doubts = (*told_of_other_kind(ledger, kind), *work.emptied())
    return work.found


def _next_info(request: PlanRequest, ledger: Ledger, lease: Lease, list_ids: Mapping[str, str]) -> LedgerInfo:
    """Return what is true of the ledger as a whole; of the first one, that nothing was delivered yet."""
    kind = request.definition.destination.membership.kind
    info = ledger.info or LedgerInfo(
        export=request.definition.name,
        account=request.account,
        sequence=0,
        run_id="",
        written_at="",
        secret_fingerprint=request.hasher.fingerprint,
        mapping_fingerprint=request.definition.mapping_fingerprint,
        membership=kind,
        snapshots={},
        lists={},
        members={},
        addresses=0,
    )
    known = {title: list_id for title, list_id in info.lists.items() if list_id}
    lists = dict.fromkeys(info.lists, "") | dict(list_ids) | known
    settled = ledger.info.settled_sequence if ledger.info else newest_operations(request.files.export)
    now = {"sequence": lease.fence, "run_id": lease.run_id, "written_at": request.now.isoformat()}
    # No list of another kind than before got all its members yet.
    filled = info.filled if info.membership == kind else ()
    return info.model_copy(
        update={**now, "lists": lists, "membership": kind, "filled": filled, "settled": settled}
    )


class _Reconciling:
    """One reconciling: the members of each list (schema MEMBERS) against the rows of the ledger.

    ``named`` are the lists that the definition names. ``memberships_known`` is False where the ledger's
    memberships are of the other kind.
    """

    def __init__(
        self,
        shown: Shown,
        people: KnownPeople,
        titles: Sequence[str],
        *,
        named: frozenset[str],
        memberships_known: bool,
        remove_leavers: bool,
    ) -> None:
        self._members, self._gone = shown
        self._people = people
        self._titles = titles
        self._named = named
        self._memberships_known = memberships_known
        self._remove_leavers = remove_leavers
        self._everyone = pa.concat_tables([MEMBERS.empty_table(), *self._members.values()]).combine_chunks()
        self.found = Reconciled(Counter(dict.fromkeys(self._members, 0)))

    def newcomers(self, file: pq.ParquetFile | None) -> pa.Table:
        """Return rows (schema LEDGER, sorted) for members whom the ledger doesn't know at all.

        Also for who may not be mailed and has an address of which it knows nothing, whosever contact it was.
        """
        known = {name: np.zeros(len(self._everyone), np.bool_) for name in MEMBERS.names}
        for batch in file.iter_batches(ROWS_PER_RANGE, columns=MEMBERS.names) if file else ():
            for name, found in known.items():
                found |= pc.is_in(self._everyone[name], batch[name].drop_null()).to_numpy()
        ours = known["contact_id"] & ~self._people.may_not_be_mailed(self._everyone)
        unknown = self._everyone.filter(pa.array(~(known["email_hash"] | ours)))
        rows = unknown.filter(pc.is_valid(unknown["email_hash"]))
        rows = rows.take(pa.array(np.unique(rows["email_hash"].to_numpy(), return_index=True)[1]))
        leaving = self._people.may_not_be_mailed(rows)
        unsure, seen = (np.zeros((len(rows), len(self._titles)), np.bool_) for _ in range(2))
        for title, members in self._members.items():
            here = members.filter(pc.is_in(members["contact_id"], unknown["contact_id"].combine_chunks()))
            on = pc.is_in(rows["contact_id"], here["contact_id"].combine_chunks()).to_numpy()
            column = self._titles.index(title)
            unsure[:, column] = on & (leaving | self._people.are_wanted(title, rows))
            seen[:, column] = on & ~unsure[:, column]
            self.found.taken_up[title] += int((on & leaving).sum())
            off = rows["contact_id"].filter(pa.array(leaving)).combine_chunks()
            others = here.filter(pc.invert(pc.is_in(here["contact_id"], off)))
            self.found.unexplained[title] += int(self._people.are_unexplained(title, others).sum())
        nothing = {one.name: pa.nulls(len(rows), one.type) for one in LEDGER}
        told = {
            "email_hash": rows["email_hash"],
            "customer_hash": self._people.customers_of(rows),
            "contact_id": rows["contact_id"],
            "member_of": to_lists(np.zeros_like(seen), self._titles),
            "uncertain_of": to_lists(unsure, self._titles),
            "suppressed": np.zeros(len(rows), np.bool_),
            "seen_on": to_lists(seen, self._titles),
        }
        return pa.table(nothing | told, schema=LEDGER)

    def corrected(self, rows: pa.Table) -> pa.Table:
        """Return rows of the ledger with the memberships that are shown."""
        rows, is_known = self._with_shown_ids(rows)
        held = [to_matrix(rows[name], self._titles) for name in MEMBERSHIPS]
        if not self._memberships_known:
            held = [np.zeros_like(matrix) for matrix in held]
        sure, unsure, seen = held
        leaving, at = self._people.may_not_be_mailed(rows), self._shown_elsewhere(rows)
        anothers = self._people.are_contacts(at)
        # What has the address of somebody who may not be mailed is theirs: the row's person gets another.
        lost = self._people.may_not_be_mailed(at) & ~leaving
        rows = _replaced(rows, "payload_hash", pc.if_else(pa.array(lost), None, rows["payload_hash"]))
        for title, members in self._members.items():
            column = self._titles.index(title)
            shown = (
                pc.is_in(rows["contact_id"], members["contact_id"].combine_chunks()).to_numpy()
                & is_known
                & ~lost
            )
            here = pc.is_in(rows["email_hash"], members["email_hash"].combine_chunks()).to_numpy()
            believed = sure[:, column] | unsure[:, column]
            self.found.corrected[title] += int(((believed & shown) != sure[:, column]).sum())
            more = ((shown & ~anothers) | here) & ~believed
            self.found.taken_up[title] += int((more & leaving).sum())
            unexplained = self._people.are_unexplained(title, rows)
            self.found.unexplained[title] += int((more & ~leaving & unexplained).sum())
            ours = leaving | self._people.are_wanted(title, rows)
            hidden = believed & ~shown & np.bool_(title not in self._gone)
            self.found.hidden[title] += int(hidden.sum())
            # Of a list that the definition names no more staff takes people off, and says so by a reconcile.
            hidden &= leaving | ~is_known | np.bool_(title in self._named)
            sure[:, column] = believed & shown
            unsure[:, column] = (more & ours) | (hidden & (ours | ~is_known | np.bool_(self._remove_leavers)))
            seen[:, column] = (seen[:, column] | more | hidden) & ~sure[:, column] & ~unsure[:, column]
            seen[:, column] &= np.bool_(title not in self._gone)
        for name, matrix in zip(MEMBERSHIPS, held, strict=True):
            rows = _replaced(rows, name, to_lists(matrix, self._titles))
        return rows

    def emptied(self) -> Iterator[str]:
        """Tell of lists that show nobody at all, and had members of ours."""
        for title, count in self.found.hidden.items():
            if count and title in self._named and not len(self._members[title]):
                yield (
                    f"list {title} shows nobody, and this export put {counted(count, 'person', 'people')} on "
                    f"it. That is not taken for true: who belongs on it joins again, and who refuses is "
                    f"taken off. Look at the list at the destination"
                )

    def _shown_elsewhere(self, rows: pa.Table) -> pa.Table:
        """Return under which other address (``email_hash``) the contact of each row is shown, or null."""
        at = pc.index_in(rows["contact_id"], self._everyone["contact_id"].combine_chunks())
        shown = self._everyone["email_hash"].take(at.combine_chunks())
        is_other = (
            is_valid(rows["contact_id"])
            & pc.fill_null(pc.not_equal(shown, rows["email_hash"]), False).to_numpy()
        )
        return pa.table({"email_hash": pc.if_else(pa.array(is_other), shown, None)})

    def _with_shown_ids(self, rows: pa.Table) -> tuple[pa.Table, Mask]:
        """Take over the id under which an address is shown, where none is known or the known one is gone.

        Not for a contact of the run: what is due to it is sent, and the delivery looks at what is there.
        Returned is too whose contact is known now.
        """
        at = pc.index_in(rows["email_hash"], self._everyone["email_hash"].combine_chunks())
        known = is_valid(rows["contact_id"])
        gone = ~pc.is_in(rows["contact_id"], self._everyone["contact_id"].combine_chunks()).to_numpy()
        other = is_valid(at) & (~known | (gone & ~self._people.are_contacts(rows)))
        ids = pc.if_else(pa.array(other), self._everyone["contact_id"].take(at), rows["contact_id"])
        # Of another contact nobody knows what it was given.
        payload = pc.if_else(pa.array(other & known), None, rows["payload_hash"])
        return _replaced(_replaced(rows, "contact_id", ids), "payload_hash", payload), known | other


def _replaced(rows: pa.Table, name: str, values: pa.Array | pa.ChunkedArray) -> pa.Table:
    return rows.set_column(rows.column_names.index(name), LEDGER.field(name), values)
