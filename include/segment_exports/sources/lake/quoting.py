"""Whether the quotes of a CSV file are whole: held against the rules block by block, before it is parsed.

A parser repairs what is broken: after a quote that nothing closes all people become one value, and after
one that a backslash was to escape the columns move. So inside quotes a quote must be followed by another
one, the delimiter or the end of the row (RFC 4180); or, where a backslash escapes, by one of the latter.

RFC 4180 knows no quote inside a value that doesn't begin with one. Who quotes at all quotes such a value
too, so in a file that has quoted values it is refused; in one that has none it is a character, and so it is
where the file's ``csvStyle`` says that quotes count after a delimiter alone.

All steps are vectorised over the bytes of a block; a block without one costs a search for a byte.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from segment_exports.sources.lake.quote_bits import (
    QuoteBits,
    bits_where,
    characters_among,
    without,
)
from segment_exports.sources.lake.swallowed_rows import last_row, values_of_rows

if TYPE_CHECKING:
    import numpy.typing as npt

    from segment_exports.sources.lake.quote_bits import Words

    Bytes = npt.NDArray[np.uint8]
    Positions = npt.NDArray[np.int64]

_QUOTE, _BACKSLASH, _LF, _CR = b'"\\\n\r'
_NONE = np.zeros(0, np.int64)

CUT_OFF = (
    "the file ends inside a quoted value: there is a quote too many, a quote inside a value is not doubled, "
    "or the file was cut off"
)
NOT_DOUBLED = "a quote inside a quoted value is neither doubled nor at its end"
NOT_ESCAPED = "a quote inside a quoted value is neither escaped by a backslash nor at its end"
STRAY = "a quote stands inside a value that doesn't begin with one, in a file that has quoted values"
SWALLOWED = (
    "a quoted value holds line ends and falls apart into whole rows, with addresses in the same columns: a "
    "quote that nothing closes and another one that opens nothing would make one person of several"
)
BY_BACKSLASH = (
    "; quotes seem to be escaped by a backslash, which `csv_escape: backslash` in the source of the "
    "definition reads"
)
BY_DOUBLING = "; quotes seem to be doubled: take `csv_escape: backslash` out of the definition"


@dataclass(frozen=True)
class QuotingRules:
    """How a file quotes.

    :param by_backslash: whether a quote inside a quoted value is escaped by a backslash rather than doubled.
        A backslash escapes a quote and another backslash; elsewhere it is a character, as Spark reads it.
    :param stray_allowed: whether a quote inside a value that doesn't begin with one is a character even
        beside quoted values.
    """

    delimiter: str = ","
    by_backslash: bool = False
    stray_allowed: bool = False


class MalformedQuotingError(Exception):
    """The quotes of a file aren't whole.

    :param offset: of the byte where the value in question begins, or of the quote in question.
    """

    def __init__(self, cause: str, offset: int) -> None:
        super().__init__(cause)
        self.cause = cause
        self.offset = offset


@dataclass(frozen=True)
class _Read:
    """A block: its quotes that begin, end or double, those that are characters, backslashes that escape."""

    bits: QuoteBits
    strays: Positions
    escapes: Positions
    separators: Words


class QuoteScanner:
    """Looks at a file in blocks; its state is carried from one to the next.

    Every block but the last ends with a line end, inside a value or not: so no quote has to be judged by a
    byte of another block. The bytes are UTF-8.
    """

    strays = 0
    """Quotes that are characters of a value that doesn't begin with one."""
    first_stray = 0
    """Offset of the first of them."""
    rowlike = 0
    """Quoted values that fall apart into whole rows, perhaps by chance."""
    first_rowlike = 0

    def __init__(self, rules: QuotingRules) -> None:
        self._rules = rules
        self._doubled = not rules.by_backslash
        self._delimiter = ord(rules.delimiter)
        self._offset = 0
        self._inside = False
        self._began = 0
        self._has_quoted = False
        self._seems_escaped = False
        self._open_row = b""

    def check(self, block: bytes) -> bytes:
        """Return the block as a parser of RFC 4180 must get it.

        :raises MalformedQuotingError: its quotes break the rules.
        """
        matters = b'"' in block or (self._inside and b"\\" in block)
        checked = self._checked(block) if matters else block
        if self._inside and not matters:
            self._open_row += block
        self._offset += len(block)
        return checked

    def end(self) -> None:
        """Say that the last block was checked.

        :raises MalformedQuotingError: the file ends inside a quoted value.
        """
        if self._inside:
            raise MalformedQuotingError(CUT_OFF + (BY_BACKSLASH if self._seems_escaped else ""), self._began)

    def rows_before(self, block: bytes, offset: int) -> int:
        """Return how many rows of the block that comes next end before an offset of the file."""
        array = _array(block)
        bits = self._read(block, array, inside=self._inside).bits
        ends = np.flatnonzero((array == _LF) | ((array == _CR) & (np.roll(array, -1) != _LF)))
        ends = ends[ends < min(offset - self._offset, len(block))]
        return int(np.count_nonzero(~bits.inside_at(ends)))

    def _checked(self, block: bytes) -> bytes:
        array = _array(block)
        read = self._read(block, array, inside=self._inside)
        bits, escapes = read.bits, read.escapes
        wrong = bits.first_wrong(doubled=self._doubled)
        self._has_quoted = self._has_quoted or bits.any
        self._judge_strays(block, read.strays, wrong)
        began = bits.last_beginning(len(array) if wrong is None else wrong)
        if wrong is not None:
            raise self._malformed(block, began, wrong)
        self._judge_values(block, read)
        self._inside = bits.ends_inside
        if self._inside:
            self._began = self._began if began is None else self._offset + began
            self._seems_escaped = self._doubled and b'\\"' in block
        return _as_doubled(block, escapes) if len(escapes) else block

    def _read(self, block: bytes, array: Bytes, *, inside: bool) -> _Read:
        quotes, escapes, strays = bits_where(array, _QUOTE), _NONE, _NONE
        if not self._doubled and b"\\" in block:
            escapes = _escapes(array)
            quotes = without(quotes, escapes + 1)
        separators = bits_where(array, self._delimiter, _LF, _CR)
        bits = QuoteBits(quotes, separators, inside=inside)
        if bits.first_wrong(doubled=self._doubled) is not None:
            strays = characters_among(quotes, separators, inside=inside)
            bits = QuoteBits(without(quotes, strays), separators, inside=inside)
        if len(escapes):
            is_inside = bits.inside_at(escapes)
            outside = escapes[~is_inside] + 1
            strays = np.sort(np.concatenate([strays, outside[array[outside] == _QUOTE]]))
            escapes = escapes[is_inside]
        return _Read(bits, strays, escapes, separators)

    def _judge_values(self, block: bytes, read: _Read) -> None:
        """Count quoted values that fall apart into rows, and refuse one that plainly is several people.

        A row that the block before left open is looked at again, as a whole.
        """
        text, before = self._open_row + block, len(self._open_row)
        array = _array(text)
        if before:
            read = self._read(text, array, inside=False)
        for begin, is_sure in values_of_rows(array, read.bits, read.separators, self._delimiter):
            offset = self._offset - before + begin
            if is_sure:
                raise MalformedQuotingError(SWALLOWED, offset)
            self.first_rowlike = self.first_rowlike if self.rowlike else offset
            self.rowlike += 1
        self._open_row = b""
        if read.bits.ends_inside:
            self._open_row = text[last_row(array, read.bits.outside(read.separators), self._delimiter) :]

    def _judge_strays(self, block: bytes, strays: Positions, wrong: int | None) -> None:
        """Count quotes that are characters, and refuse the first unless something before it is wrong."""
        if len(strays) and not self.strays:
            self.first_stray = self._offset + int(strays[0])
        self.strays += len(strays)
        at = self.first_stray - self._offset
        refused = self.strays and self._has_quoted and not self._rules.stray_allowed
        if refused and (wrong is None or at < wrong):
            line = block[block.rfind(b"\n", 0, max(at, 0)) + 1 : max(at, 0) + 1]
            raise MalformedQuotingError(self._cause(STRAY, line), self.first_stray)

    def _malformed(self, block: bytes, began: int | None, wrong: int) -> MalformedQuotingError:
        offset = self._began if began is None else self._offset + began
        if self._doubled:
            return MalformedQuotingError(self._cause(NOT_DOUBLED, block[began or 0 : wrong + 1]), offset)
        is_doubled = block[wrong + 1 : wrong + 2] == b'"'
        return MalformedQuotingError(NOT_ESCAPED + (BY_DOUBLING if is_doubled else ""), offset)

    def _cause(self, told: str, text: bytes) -> str:
        return told + (BY_BACKSLASH if self._doubled and b'\\"' in text else "")


def _array(block: bytes) -> Bytes:
    """Return the bytes, ended by a line end: the byte before the first is then one too."""
    return np.frombuffer(block if block.endswith((b"\n", b"\r")) else block + b"\n", np.uint8)


def _escapes(array: Bytes) -> Positions:
    """Return the backslashes that escape a quote or a backslash, as if all stood inside quotes."""
    slashes = np.flatnonzero(array == _BACKSLASH)
    begins_run = np.diff(slashes, prepend=-2) != 1
    place = slashes - np.maximum.accumulate(np.where(begins_run, slashes, 0))
    following = array[slashes + 1]
    escapes: Positions = slashes[(place % 2 == 0) & ((following == _QUOTE) | (following == _BACKSLASH))]
    return escapes


def _as_doubled(block: bytes, escapes: Positions) -> bytes:
    """Return the bytes with each escaped quote doubled and each escaped backslash alone."""
    array = np.frombuffer(block, np.uint8).copy()
    following = array[escapes + 1]
    array[escapes[following == _QUOTE]] = _QUOTE
    kept = np.ones(len(array), np.bool_)
    kept[escapes[following == _BACKSLASH]] = False
    return array[kept].tobytes()
