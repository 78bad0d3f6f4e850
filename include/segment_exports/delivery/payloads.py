"""Payloads: those that are due, and those of contacts that a chunk holds without and who are gone there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from segment_exports.records.staging import RunFiles

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from segment_exports.delivery.chunk import Chunk
    from segment_exports.records.staging import Store


def due_payloads(chunk: Chunk, rows: npt.NDArray[np.int64], due: npt.NDArray[np.bool_]) -> list[bytes | None]:
    """Return the payload of each row whose upsert is due, None for the others."""
    is_in_a_row = bool((np.diff(rows) == 1).all())
    found = chunk.payloads.slice(rows[0], len(rows)) if is_in_a_row else chunk.payloads.take(rows)
    payloads: list[Any] = found.to_pylist()
    if due.all() and not chunk.restored:
        return payloads
    return [
        chunk.restored.get(row, payload) if is_upsert else None
        for row, payload, is_upsert in zip(rows.tolist(), payloads, due.tolist(), strict=True)
    ]


def read_payloads(run: Store, hashes: Sequence[bytes]) -> dict[bytes, bytes]:
    """Return the payloads of some contacts of the run by their email hash; those unknown are left out."""
    if not run.exists(RunFiles.CONTACTS):
        return {}
    wanted = pa.array(hashes, pa.binary(16))
    found: dict[bytes, bytes] = {}
    with run.parquet_file(RunFiles.CONTACTS) as file:
        for group in range(file.num_row_groups):
            there = file.read_row_group(group, columns=["email_hash"], use_threads=False)["email_hash"]
            hits = pc.is_in(there, value_set=wanted)
            if pc.any(hits).as_py():
                payloads = file.read_row_group(group, columns=["payload"], use_threads=False)["payload"]
                texts = payloads.filter(hits).to_pylist()
                found |= zip(there.filter(hits).to_pylist(), (text.encode() for text in texts), strict=True)
    return found
