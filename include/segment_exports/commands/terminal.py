"""What a command says: visible as text in any terminal, whatever names and files of others are in it."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from segment_exports.sieve.visible import in_one_line, visible

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import TextIO


def say(text: str) -> None:
    """Write a text to standard output; its line ends are its own."""
    _write(sys.stdout, text)


def columns(rows: Sequence[tuple[str, ...]]) -> list[str]:
    """Return the lines of a table, each cell in one line; there is at least one row."""
    rows = [tuple(map(in_one_line, row)) for row in rows]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip() for row in rows
    ]


def complain(text: str) -> None:
    """Write what went wrong to standard error, as a line."""
    _write(sys.stderr, f"{text}\n")


def _write(stream: TextIO, text: str) -> None:
    encoding = getattr(stream, "encoding", None) or "utf-8"
    stream.write(visible(text).encode(encoding, "backslashreplace").decode(encoding))
