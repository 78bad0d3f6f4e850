"""Which contacts aren't sent all that is due, for what the destination answered before."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from segment_exports.records.outcomes import Outcome
from segment_exports.records.tables.schemas import HELD_BACK

if TYPE_CHECKING:
    import numpy.typing as npt

    from segment_exports.planning.rules import Rules

    Mask = npt.NDArray[np.bool_]


def told_before(
    contacts: pa.Table, known: pa.Table, refused: Mask, suppressed: Mask, considered: Mask
) -> pa.Table:
    """Return who is not sent all that is due, for what was answered before (schema HELD_BACK)."""
    chosen: Mask = (refused | suppressed) & considered
    if not chosen.any():
        return HELD_BACK.empty_table()
    outcome = pc.if_else(pa.array(refused), Outcome.REJECTED.value, Outcome.SUPPRESSED.value)
    told = [pc.if_else(pa.array(refused), known[f"rejected_{name}"], None) for name in ("reason", "at")]
    every = pa.table([contacts["email_hash"], outcome, *told], schema=HELD_BACK)
    return every.filter(pa.array(chosen))


def refused_before(contacts: pa.Table, known: pa.Table, rules: Rules) -> Mask:
    """Tell whose data were refused as they are, so lately that they aren't sent again."""
    if rules.retry_before is None:
        return np.zeros(len(contacts), np.bool_)
    recent = pc.greater_equal(known["rejected_at"], pa.scalar(rules.retry_before, known["rejected_at"].type))
    return same_hash(contacts["payload_hash"], known["rejected_hash"]) & mask_of(recent)


def ledger_at(ledger: pa.Table, position: npt.NDArray[np.int64]) -> pa.Table:
    """Return the ledger's rows beside the contacts; all null where a contact isn't in it."""
    columns = ["contact_id", "payload_hash", "rejected_hash", "rejected_at", "rejected_reason", "suppressed"]
    return ledger.select(columns).take(pa.array(position, mask=position < 0))


def same_hash(left: pa.ChunkedArray, right: pa.ChunkedArray) -> Mask:
    """Tell where two columns of hashes are alike; a null is like nothing."""
    return mask_of(pc.equal(left, right))


def mask_of(values: pa.ChunkedArray) -> Mask:
    """Return booleans, null as False."""
    mask: Mask = pc.fill_null(values, False).to_numpy()
    return mask.astype(np.bool_)
