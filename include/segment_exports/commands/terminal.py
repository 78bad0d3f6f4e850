"""What a command says: visible as text in any terminal, whatever names and files of others are in it."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from segment_exports.sieve.visible import visible

if TYPE_CHECKING:
    from typing import TextIO


def say(text: str) -> None:
    """Write a text to standard output; its line ends are its own."""
    _write(sys.stdout, text)


def complain(text: str) -> None:
    """Write what went wrong to standard error, as a line."""
    _write(sys.stderr, f"{text}\n")


def _write(stream: TextIO, text: str) -> None:
    encoding = getattr(stream, "encoding", None) or "utf-8"
    stream.write(visible(text).encode(encoding, "backslashreplace").decode(encoding))
