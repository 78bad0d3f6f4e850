"""Rows inside a quoted value: a quote that nothing closes, and one far behind it that opens nothing.

Together they are whole by RFC 4180. What lies between them becomes one value: people are lost, and the
first of them gets the consent of the last. Such a value, without its two quotes, falls apart into whole rows.
That a text of several lines does the same is chance, unless the rows have addresses in the same columns. Rows
may also have delimiters to spare, which nobody quoted.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import numpy as np

from segment_exports.sources.lake.quote_bits import bits_where, count_before, positions

if TYPE_CHECKING:
    import numpy.typing as npt

    from segment_exports.sources.lake.quote_bits import QuoteBits, Words

    Bytes = npt.NDArray[np.uint8]
    Positions = npt.NDArray[np.int64]

_LF, _CR = b"\n\r"
_LINE_END = re.compile(rb"\r\n|\r|\n")
_WORDS_LOOKED_AT = 4096
"""So many words of bits show how many columns a row has."""


def values_of_rows(
    array: Bytes, bits: QuoteBits, separators: Words, delimiter: int
) -> list[tuple[int, bool]]:
    """Return the quoted values of a text that fall apart into rows: where they begin, and whether it is sure.

    It is where the rows have addresses in the same columns.

    :param array: the text, which begins with a row and ends with a line end.
    :param delimiter: the byte between two values.
    """
    places = positions(bits.inside(separators))
    is_end = array[places] != delimiter
    following = array[np.minimum(places + 1, len(array) - 1)]
    ends = places[is_end & ~((array[places] == _CR) & (following == _LF))]
    if not len(ends):
        return []
    # Most texts of several lines end here: the counts are cheap, and the places of all values are not.
    begun, lines = np.unique(count_before(bits.beginnings, ends), return_counts=True)
    of_value = count_before(bits.beginnings, places[~is_end])
    inside = np.searchsorted(of_value, begun, "right") - np.searchsorted(of_value, begun)
    in_row = _delimiters_in_row(array, bits.outside(separators), delimiter)
    if not in_row or not (inside >= in_row * lines).any():
        return []
    return _Values(array, bits, separators, delimiter).of_rows(ends, in_row)


def last_row(array: Bytes, outside: Words, delimiter: int) -> int:
    """Return where the last row of a text begins, the one that it may leave open."""
    for word in np.flatnonzero(outside)[::-1]:
        places = positions(outside[word : word + 1]) + word * 64
        if len(ends := places[array[places] != delimiter]):
            return int(ends[-1]) + 1
    return 0


def _delimiters_in_row(array: Bytes, outside: Words, delimiter: int) -> int:
    is_end = array[positions(outside[:_WORDS_LOOKED_AT])] != delimiter
    counts = np.diff(np.cumsum(~is_end)[is_end], prepend=0)
    # Between CR and LF, and in an empty line, there are none.
    return int(np.bincount(counts[counts > 0]).argmax()) if (counts > 0).any() else 0


class _Values:
    """The quoted values of a text, each with its place among the rows."""

    def __init__(self, array: Bytes, bits: QuoteBits, separators: Words, delimiter: int) -> None:
        self._array = array
        self._delimiter = delimiter
        self._begins, self._closings = positions(bits.beginnings), positions(bits.closings)
        delimiters = bits_where(array, delimiter)
        self._all, self._outside = positions(delimiters), positions(bits.outside(delimiters))
        self._row_ends = positions(bits.outside(separators & ~delimiters))

    def of_rows(self, line_ends: Positions, in_row: int) -> list[tuple[int, bool]]:
        """Return the values, by the line ends inside of all."""
        of_end = np.searchsorted(self._begins, line_ends, "right") - 1
        values, firsts, lines = np.unique(of_end, return_index=True, return_counts=True)
        begins, first_ends, last_ends = (
            self._begins[values],
            line_ends[firsts],
            line_ends[firsts + lines - 1],
        )
        # One that the text leaves open ends nowhere.
        ends = np.append(self._closings, len(self._array))[np.searchsorted(self._closings, last_ends)]
        before = _count(self._outside, self._row_begins(begins), begins)
        fits = (
            (ends < len(self._array))
            & (_count(self._all, begins, first_ends) >= in_row - before)
            & (_count(self._all, last_ends, ends) >= before)
            & (_count(self._all, begins, ends) >= in_row * lines)
        )
        pairs = zip(begins[fits].tolist(), ends[fits].tolist(), strict=True)
        return [(begin, self._is_sure(begin, end, in_row)) for begin, end in pairs]

    def _is_sure(self, begin: int, end: int, in_row: int) -> bool:
        row_begin = int(self._row_begins(np.array([begin]))[0])
        row_end = int(self._row_ends[np.searchsorted(self._row_ends, end)])
        whole = np.delete(self._array[row_begin:row_end], [begin - row_begin, end - row_begin]).tobytes()
        rows = [row.split(bytes([self._delimiter])) for row in _LINE_END.split(whole.removesuffix(b"\r"))]
        # A text that speaks of an address has words around it, or a blank before it that the column has not.
        places = [
            {(place, cell[:1].isspace()) for place, cell in enumerate(row) if _is_address(cell)}
            for row in rows
        ]
        are_whole = all(len(row) == in_row + 1 for row in rows)
        filled = [one for one in places if one]
        return are_whole and len(filled) > 1 and all(one == filled[0] for one in filled)

    def _row_begins(self, places: Positions) -> Positions:
        begins: Positions = np.append(-1, self._row_ends)[np.searchsorted(self._row_ends, places)] + 1
        return begins


def _is_address(cell: bytes) -> bool:
    return b"@" in cell and len(cell.split()) == 1


def _count(marks: Positions, begins: Positions, ends: Positions) -> Positions:
    counts: Positions = np.searchsorted(marks, ends) - np.searchsorted(marks, begins)
    return counts
