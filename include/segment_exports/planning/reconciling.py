"""Reconcile: read the lists' members back and correct the ledger where it drifted from them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from segment_exports.errors import LedgerError, NotFoundError
from segment_exports.records.ledger import LedgerFolder
from segment_exports.records.tables.memberships import to_lists, to_matrix
from segment_exports.records.tables.schemas import LEDGER
from segment_exports.records.tables.sorted_tables import ROWS_PER_RANGE

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from datetime import datetime

    import pyarrow.parquet as pq

    from segment_exports.planning.destination import DestinationReader
    from segment_exports.records.lease import Lease
    from segment_exports.records.ledger import Ledger
    from segment_exports.records.staging import Store

_SAMPLE = 5
_SECOND_SAMPLE = 50


def require_contacts_exist(ledger: Ledger, reader: DestinationReader, *, lists_gone: bool = False) -> None:
    """Read a handful of the ledger's contacts, and if none is there, some more: staff may have tidied up.

    :param lists_gone: lists are not as they were either, so that a full resync alone would not do.
    :raises LedgerError: none is there: another account, or one that was emptied.
    """
    ids = _sample_ids(ledger, _SAMPLE)
    if not ids or reader.count_existing(ids):
        return
    ids = _sample_ids(ledger, _SECOND_SAMPLE)
    if reader.count_existing(ids) == 0:
        missing = "exists at the destination any more"
        first = ""
        if lists_gone:
            missing += ", and its lists are not there as they were"
            first = (
                "give each list that is gone another title in the definition (list), or make it there and "
                "name it by its list_id; then "
            )
        raise LedgerError(
            f"none of {len(ids)} contacts that this export delivered {missing}. Is the key of another "
            f"account on the connection? Nothing was sent. If the account was emptied, {first}trigger a run "
            f"with full_resync"
        )


def _sample_ids(ledger: Ledger, size: int) -> list[str]:
    """Return a few contact ids from all over the ledger, always the same of the same ledger.

    Only of those who stand on our lists: who left them may be deleted, and nobody minds.
    """
    with ledger.opened() as file:
        if file is None or file.metadata.num_rows == 0:
            return []
        groups = np.unique(np.linspace(0, file.metadata.num_row_groups - 1, size).astype(int))
        known = pa.concat_arrays([_member_ids(file, int(group)) for group in groups])
    if not len(known):
        return []
    chosen = np.unique(np.linspace(0, len(known) - 1, size).astype(int))
    return [str(one) for one in known.take(pa.array(chosen)).to_pylist()]


def _member_ids(file: pq.ParquetFile, group: int) -> pa.StringArray:
    rows = file.read_row_group(group, columns=["contact_id", "member_of"])
    is_member = pc.greater(pc.list_value_length(rows["member_of"]), 0)
    return rows.filter(is_member)["contact_id"].combine_chunks().drop_null()


def reconcile(
    export: Store,
    ledger: Ledger,
    lease: Lease,
    reader: DestinationReader,
    list_ids: Mapping[str, str],
    now: datetime,
    *,
    former: Collection[str] = (),
) -> dict[str, int]:
    """Write a ledger whose memberships are those that the destination shows; return corrections by list.

    Memberships that the ledger believed in and the destination doesn't show are due again; those of
    unknown fate are settled. People whom others put on a list are left alone: they are not ours.

    Memberships that are kept as fields stand on no list, so there is nothing to compare.

    :param list_ids: ids of the lists by title.
    :param former: titles that the definition names no more; where such a list is gone, nobody is on it.
    """
    if ledger.info is None or ledger.info.membership != "list":
        return {}
    members = {
        title: _members(reader, list_id, may_be_gone=title in former)
        for title, list_id in list_ids.items()
        if title in ledger.titles and list_id
    }
    titles = ledger.titles
    corrected = dict.fromkeys(members, 0)
    folder = LedgerFolder(export, ledger.info.export, ledger.info.account)
    info = ledger.info.model_copy(
        update={"sequence": lease.fence, "run_id": lease.run_id, "written_at": now.isoformat()}
    )
    with ledger.opened() as file, folder.writing(info) as writer:
        if file is None:
            return {}
        for batch in file.iter_batches(ROWS_PER_RANGE, use_threads=False):
            writer.write(_corrected(pa.Table.from_batches([batch]).cast(LEDGER), titles, members, corrected))
    return corrected


def _members(reader: DestinationReader, list_id: str, *, may_be_gone: bool) -> pa.StringArray:
    try:
        return pa.array([one for page in reader.member_ids(list_id) for one in page], pa.string())
    except NotFoundError:
        if not may_be_gone:
            raise
        return pa.array([], pa.string())


def _corrected(
    rows: pa.Table, titles: Sequence[str], members: Mapping[str, pa.Array], corrected: dict[str, int]
) -> pa.Table:
    sure, unsure = to_matrix(rows["member_of"], titles), to_matrix(rows["uncertain_of"], titles)
    before = sure.copy()
    known = pc.is_valid(rows["contact_id"]).to_numpy()
    for title, ids in members.items():
        column = titles.index(title)
        shown = pc.is_in(rows["contact_id"], ids).to_numpy() & known
        sure[:, column] = (sure[:, column] | unsure[:, column]) & shown
        unsure[known, column] = False
        corrected[title] += int((sure[:, column] != before[:, column]).sum())
    for name, matrix in (("member_of", sure), ("uncertain_of", unsure)):
        rows = rows.set_column(rows.column_names.index(name), LEDGER.field(name), to_lists(matrix, titles))
    return rows
