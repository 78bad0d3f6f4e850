"""The payloads of contacts that a chunk holds without, for those who are gone at the destination."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from segment_exports.records.staging import RunFiles

if TYPE_CHECKING:
    from collections.abc import Sequence

    from segment_exports.records.staging import Store


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
