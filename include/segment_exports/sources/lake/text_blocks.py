"""The text of a file as UTF-8, in blocks that end with a line end and whose quotes are checked."""

from __future__ import annotations

import codecs
from collections import deque
from typing import TYPE_CHECKING, Protocol

from segment_exports.sources.lake.encodings import EncodingCheck
from segment_exports.sources.lake.quoting import QuoteScanner

if TYPE_CHECKING:
    from collections.abc import Iterator

    from segment_exports.sources.lake.quoting import QuotingRules

_BYTES_PER_BYTE = 4
"""UTF-8 has at most so many bytes for one byte of another encoding."""


class Readable(Protocol):
    """A stream of bytes."""

    def read(self, size: int, /) -> bytes:
        """Return up to ``size`` bytes; none at the end."""


class OverlongRowError(Exception):
    """A row has no line end within a block."""


class TextBlocks:
    """Cuts a stream into blocks of UTF-8 that end with a line end, the last one perhaps not.

    Byte order mark and empty lines at the beginning are left out.

    :param encoding: of the stream, by Python's name.
    :param block_bytes: the most bytes of a block.
    """

    def __init__(self, stream: Readable, encoding: str, block_bytes: int) -> None:
        self._stream = stream
        self._block_bytes = block_bytes
        self._held = b""
        self._began = False
        self._check = EncodingCheck(encoding)
        self._ended = False
        is_utf8 = codecs.lookup(encoding).name in ("utf-8", "utf-8-sig")
        self._decoder = None if is_utf8 else codecs.getincrementaldecoder(encoding)("strict")

    def __iter__(self) -> Iterator[bytes]:
        """Yield the blocks.

        :raises OverlongRowError: one of them would be larger than it may be.
        :raises OtherEncodingError: the stream is of another encoding than the one that is declared.
        :raises UnicodeError: bytes aren't of the encoding; UTF-8 is not looked at.
        """
        while not self._ended:
            if block := self._next():
                yield block

    def _next(self) -> bytes:
        text = self._held + self._text()
        if not self._began:
            if len(text) < len(codecs.BOM_UTF8) and not self._ended:
                self._held = text
                return b""
            text = text.removeprefix(codecs.BOM_UTF8).lstrip(b"\r\n")
            self._began = bool(text)
        if self._ended:
            return text
        # A line end that may be the first half of one is no place to cut.
        cut = text.rfind(b"\n") + 1 or text.rfind(b"\r", 0, len(text) - 1) + 1
        if not cut and len(text) + _BYTES_PER_BYTE > self._block_bytes:
            raise OverlongRowError
        self._held = text[cut:]
        return text[:cut]

    def _text(self) -> bytes:
        room = self._block_bytes - len(self._held)
        if self._decoder is None:
            return self._read(max(room, 1))
        return self._decoder.decode(self._read(max(room // _BYTES_PER_BYTE, 1)), final=self._ended).encode()

    def _read(self, size: int) -> bytes:
        """Return so many bytes, fewer only at the end: a row must not lie in more blocks than two."""
        raw = self._stream.read(size)
        while raw and len(raw) < size and (more := self._stream.read(size - len(raw))):
            raw += more
        self._ended = len(raw) < size
        self._check.add(raw, is_last=self._ended)
        return raw


class CheckedStream:
    """The blocks of a file as a stream for a parser of RFC 4180.

    :param rules: how the file quotes; None if it doesn't.
    """

    closed = False
    is_cut = False
    """Whether what was read last ends inside an unquoted value, for all that its bytes tell."""

    def __init__(self, blocks: TextBlocks, rules: QuotingRules | None) -> None:
        self.scanner = QuoteScanner(rules) if rules else None
        self._blocks = iter(blocks)
        self._seen: deque[bytes] = deque()

    def look(self, number: int) -> bytes:
        """Return a block that was not read yet, the next being 0; no bytes where the file has no such one."""
        while len(self._seen) <= number:
            self._seen.append(self._next())
        return self._seen[number]

    def read(self, _size: int = -1) -> bytes:
        """Return the next block; no bytes at the end.

        :raises MalformedQuotingError: the quotes aren't whole.
        """
        return self._seen.popleft() if self._seen else self._next()

    def _next(self) -> bytes:
        block = next(self._blocks, b"")
        if block:
            self.is_cut = not block.endswith((b"\n", b"\r", b'"'))
        if self.scanner is None:
            return block
        if not block:
            self.scanner.end()
        return self.scanner.check(block)


def row_at(blocks: TextBlocks, rules: QuotingRules, offset: int) -> int:
    """Return the number, from 1, of the row in which an offset of the text lies."""
    scanner, rows, seen = QuoteScanner(rules), 0, 0
    for block in blocks:
        rows += scanner.rows_before(block, offset)
        seen += len(block)
        if seen > offset:
            break
        scanner.check(block)
    return rows + 1
