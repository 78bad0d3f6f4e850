"""The quotes of a block as bits, 64 to a word: which begin a value, which end one, and whether all do.

As simdjson finds the strings of JSON: a running parity of the quotes tells inside from outside.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

    Mask = npt.NDArray[np.bool_]
    Positions = npt.NDArray[np.int64]
    Words = npt.NDArray[np.uint64]

_WORD = 64
_PIECE = 64 * 1024
"""Bytes compared at once: small enough to stay in the cache."""
_ONE, _LAST = np.uint64(1), np.uint64(_WORD - 1)


class QuoteBits:
    """Quotes of a block of which each is taken to begin a value, to end one or to double another.

    :param quotes: bit per byte of the block, as :func:`bits_where` gives them.
    :param separators: the same; the last byte is one, and so is whatever comes before the block.
    :param inside: whether the block begins inside a quoted value.
    """

    def __init__(self, quotes: Words, separators: Words, *, inside: bool) -> None:
        self._quotes, self._separators = quotes, separators
        self._after = _running_parity(quotes, inside=inside)

    @property
    def ends_inside(self) -> bool:
        """Whether the block ends inside a quoted value."""
        return bool(self._after[-1] >> _LAST)

    @property
    def any(self) -> bool:
        """Whether there is a quote."""
        return bool(self._quotes.any())

    @property
    def beginnings(self) -> Words:
        """The quotes that begin a value."""
        begin: Words = self._quotes & self._after & _shifted_up(self._separators)
        return begin

    @property
    def closings(self) -> Words:
        """The quotes that end a value."""
        end: Words = self._quotes & ~self._after & _shifted_down(self._separators)
        return end

    def inside(self, bits: Words) -> Words:
        """Return those that stand inside a quoted value."""
        return bits & self._after

    def outside(self, bits: Words) -> Words:
        """Return those that don't."""
        return bits & ~self._after

    def first_wrong(self, *, doubled: bool) -> int | None:
        """Return the first quote that is out of place, or None.

        Right is one that begins a value after a separator, ends one before a separator or doubles another.

        :param doubled: whether a quote may double another.
        """
        neighbours = self._separators | self._quotes if doubled else self._separators
        opening, closing = self._quotes & self._after, self._quotes & ~self._after
        wrong = (opening & ~_shifted_up(neighbours)) | (closing & ~_shifted_down(neighbours))
        words = np.flatnonzero(wrong)
        if not len(words):
            return None
        word = int(wrong[words[0]])
        return int(words[0]) * _WORD + (word & -word).bit_length() - 1

    def inside_at(self, places: Positions) -> Mask:
        """Tell which places stand inside a quoted value; none of them is a quote."""
        words = self._after[places // _WORD] >> (places % _WORD).astype(np.uint64)
        return (words & _ONE).astype(np.bool_)

    def last_beginning(self, before: int) -> int | None:
        """Return where the last quoted value begins that does so in this block and before a position."""
        beginnings = self.beginnings[: -(-before // _WORD)]
        words = np.flatnonzero(beginnings)
        for word in words[-2:][::-1]:  # the last may begin its values after the position
            bits = int(beginnings[word])
            if word == before // _WORD:
                bits &= (1 << before % _WORD) - 1
            if bits:
                return int(word) * _WORD + bits.bit_length() - 1
        return None


def characters_among(quote_bits: Words, separator_bits: Words, *, inside: bool) -> Positions:
    """Return the quotes that are characters of a value which doesn't begin with one; slower.

    Between two separators a text has *n* quotes. Outside of a quoted value it begins one if it begins with
    a quote, and then each turns inside and outside; else they are characters. Inside each turns too. So
    what a text makes of the state before it is: for an even *n* nothing, for an odd one the other state if
    it begins with a quote, and else outside, whatever it was.
    """
    quotes, separators = positions(quote_bits), positions(separator_bits)
    text = np.searchsorted(separators, quotes)
    firsts = np.flatnonzero(np.diff(text, prepend=-1))
    if not len(firsts):
        return quotes
    counts = np.diff(firsts, append=len(quotes))
    ends = np.concatenate([[-1], separators])
    quoted = quotes[firsts] == ends[text[firsts]] + 1
    odd = counts % 2 == 1
    turns = np.cumsum(odd & quoted)
    last_reset = np.maximum.accumulate(np.where(odd & ~quoted, np.arange(len(firsts)), -1))
    after = np.where(last_reset >= 0, turns - turns[last_reset], turns + inside) % 2
    before = np.concatenate([[inside], after[:-1]])
    characters: Positions = quotes[np.repeat((before == 0) & ~quoted, counts)]
    return characters


def bits_where(array: npt.NDArray[np.uint8], *bytes_: int) -> Words:
    """Return a bit per byte: whether it is one of these."""
    packed = np.zeros(-(-len(array) // _WORD) * (_WORD // 8), np.uint8)
    for start in range(0, len(array), _PIECE):
        piece = array[start : start + _PIECE]
        mask = piece == bytes_[0]
        for byte in bytes_[1:]:
            mask |= piece == byte
        bits = np.packbits(mask, bitorder="little")
        packed[start // 8 : start // 8 + len(bits)] = bits
    words: Words = packed.view("<u8")
    return words


def positions(bits: Words) -> Positions:
    """Return where bits are set."""
    words = np.flatnonzero(bits)
    places = np.flatnonzero(np.unpackbits(bits[words].view(np.uint8), bitorder="little").view(np.bool_))
    found: Positions = words[places // _WORD] * _WORD + places % _WORD
    return found


def count_before(bits: Words, places: Positions) -> Positions:
    """Return how many bits are set before each place."""
    whole = np.cumsum(np.bitwise_count(bits), dtype=np.int64) - np.bitwise_count(bits)
    words = places // _WORD
    below = (_ONE << (places % _WORD).astype(np.uint64)) - _ONE
    counts: Positions = whole[words] + np.bitwise_count(bits[words] & below)
    return counts


def without(bits: Words, places: Positions) -> Words:
    """Return the bits with those at some places taken away."""
    mask = np.unpackbits(bits.view(np.uint8), bitorder="little")
    mask[places] = 0
    words: Words = np.packbits(mask, bitorder="little").view("<u8")
    return words


def _running_parity(bits: Words, *, inside: bool) -> Words:
    """Return per bit whether the number of bits up to and with it, and ``inside``, is odd."""
    for shift in (1, 2, 4, 8, 16, 32):
        bits = bits ^ (bits << np.uint64(shift))
    odd = np.bitwise_xor.accumulate(bits >> _LAST)
    before = np.concatenate([np.zeros(1, np.uint64), odd[:-1]]) ^ np.uint64(inside)
    running: Words = bits ^ (np.uint64(0) - before)
    return running


def _shifted_up(bits: Words) -> Words:
    """Return per bit the one before it; before the first there is a separator."""
    carried = np.concatenate([np.ones(1, np.uint64), bits[:-1] >> _LAST])
    shifted: Words = (bits << _ONE) | carried
    return shifted


def _shifted_down(bits: Words) -> Words:
    """Return per bit the one after it."""
    carried = np.concatenate([bits[1:] << _LAST, np.zeros(1, np.uint64)])
    shifted: Words = (bits >> _ONE) | carried
    return shifted
