"""Looks for planted texts in everything that a run leaves, in whatever form they may stand there."""

from __future__ import annotations

import json
import re
from base64 import b64encode, urlsafe_b64encode
from typing import TYPE_CHECKING
from urllib.parse import quote

import pyarrow as pa
import pyarrow.parquet as pq

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

DATA_FILES = re.compile(
    r"[^/]+/runs/[^/]+/(profiles/|chunks/|duties/|(contacts|withheld|invalid|changes|duties)\.parquet$|"
    r"\.?[^/]*\.(contacts|withheld|invalid|changes|duties)\.parquet)"
)
"""Files of the staging that hold addresses and fields in the clear (docs/privacy.md)."""


_ADDRESS = re.compile(rb"[a-z0-9._+'-]+(?:@|%40)[a-z0-9.-]+")


def forms(text: str) -> Iterator[str]:
    """Yield a text as it may stand somewhere."""
    yield text
    yield quote(text, safe="")
    yield json.dumps(text)[1:-1]
    for before in range(3):
        padded = bytes(before) + text.encode()
        whole = padded[: len(padded) - len(padded) % 3]
        for encode in (b64encode, urlsafe_b64encode):
            yield encode(whole).decode()[-(-before * 8 // 6) :]


class Planted:
    """Texts that must not be found.

    :param texts: what they are for messages → the texts, looked for in all their forms.
    :param addresses: many addresses, looked for as they are and for URLs.
    """

    def __init__(self, texts: dict[str, Iterable[str]], addresses: Iterable[str] = ()) -> None:
        self._named = {
            form.lower().encode(): name for name, some in texts.items() for one in some for form in forms(one)
        }
        longest_first = sorted(self._named, key=len, reverse=True)
        self._pattern = re.compile(b"|".join(map(re.escape, longest_first)))
        self._addresses = {one.lower().encode() for one in addresses}

    def in_text(self, text: str) -> set[str]:
        """Return which of them stand in a text."""
        return self.in_bytes(text.encode(errors="replace"))

    def in_bytes(self, data: bytes) -> set[str]:
        """Return which of them stand in the bytes of a file."""
        data = data.lower()
        found = {self._named[one] for one in self._pattern.findall(data)}
        seen = {one.strip(b"'").replace(b"%40", b"@") for one in _ADDRESS.findall(data)}
        return found | ({"an address"} if seen & self._addresses else set())

    def in_folder(self, folder: Path, *, but_for: re.Pattern[str] | None = None) -> dict[str, set[str]]:
        """Return which of them stand in which file below a folder; Parquet and Arrow are decoded too."""
        found: dict[str, set[str]] = {}
        for file in sorted(one for one in folder.rglob("*") if one.is_file()):
            name = file.relative_to(folder).as_posix()
            if but_for is None or not but_for.match(name):
                told = self.in_bytes(file.read_bytes()) | self.in_text(name) | self.in_text(_decoded(file))
                found |= {name: told} if told else {}
        return found


def _decoded(file: Path) -> str:
    if file.suffix == ".parquet":
        table = pq.read_table(file)
    elif file.suffix == ".arrow":
        try:
            with pa.OSFile(str(file)) as source:
                table = pa.ipc.open_stream(source).read_all()
        except pa.ArrowInvalid:
            with pa.OSFile(str(file)) as source:
                table = pa.ipc.open_file(source).read_all()
    else:
        return ""
    return f"{table.schema.metadata} {table.to_pylist()}"
