"""Finds what a staging holds of a person, in whatever file."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow.parquet as pq

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from segment_exports.records.keyed_hash import KeyedHasher


def traces(staging: Path, texts: Iterable[str], hasher: KeyedHasher) -> set[str]:
    """Return the files that hold one of these texts or a hash of it, whole or its first half; but tombstones.

    Each by its path below the staging.
    """
    plain = [text.encode() for text in texts]
    hashes = [hasher.digest(text) for text in plain]
    in_words = [text.decode() for text in plain]
    in_words += [repr(one)[2:-1] for one in hashes]
    in_words += [str(int.from_bytes(one[:8])) for one in hashes]
    found = set()
    for file in staging.rglob("*"):
        if not file.is_file() or "_erased" in file.parts:
            continue
        content = file.read_bytes()
        rows = str(pq.read_table(file).to_pylist()) if file.suffix == ".parquet" else ""
        if any(one in content for one in (*plain, *hashes)) or any(word in rows for word in in_words):
            found.add(str(file.relative_to(staging)))
    return found
