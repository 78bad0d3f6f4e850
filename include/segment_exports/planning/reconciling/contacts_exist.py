"""Is this the account that the ledger is of: a handful of its contacts is read."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from segment_exports.errors import LedgerError
from segment_exports.records.outcomes import counted

if TYPE_CHECKING:
    import pyarrow.parquet as pq

    from segment_exports.planning.destination import DestinationReader
    from segment_exports.records.ledger import Ledger

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
            f"none of {counted(len(ids), 'contact')} that this export delivered {missing}. Is the key of "
            f"another account on the connection? Nothing was sent. If the account was emptied, "
            f"{first}trigger a run with full_resync"
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
