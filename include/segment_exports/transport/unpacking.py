"""The body of an answer, in pieces as it comes, unpacked here: it never holds more than its bound.

A client library that unpacks by itself may make gigabytes of one piece, and knows no end. So both ends ask
for what can be unpacked here, and let the library hand over what came.
"""

from __future__ import annotations

import zlib

from segment_exports.settings import bounds

ACCEPTED = "gzip, deflate"
"""``Accept-Encoding`` of every request."""

_GZIP, _ZLIB, _RAW = zlib.MAX_WBITS | 16, zlib.MAX_WBITS, -zlib.MAX_WBITS
_IS_DEFLATE = 8


class UnusableBodyError(Exception):
    """What was answered can't be had whole; the text says why, after "answered with"."""


class TooMuchError(UnusableBodyError):
    """There is more of it than its bound."""


class Body:
    """Takes the pieces of one answer.

    :param encoding: the answer's ``Content-Encoding``.
    :param most: bytes, unpacked.
    """

    def __init__(self, encoding: str, most: int) -> None:
        """Make ready.

        :raises UnusableBodyError: it is packed in a way that was not asked for, or more than once.
        """
        self._most = most
        self._body = bytearray()
        self._packing = _packing(encoding)
        self._unpacker: zlib._Decompress | None = None
        self._parts = 0

    def add(self, piece: bytes) -> None:
        """Take in what came.

        :raises UnusableBodyError: it is too much, or can't be unpacked.
        """
        if not self._packing:
            self._keep(piece)
        while self._packing and piece:
            self._require_few_parts()
            unpacker = self._unpacker or self._new_unpacker(piece)
            try:
                self._keep(unpacker.decompress(piece, self._most - len(self._body) + 1))
            except zlib.error:
                raise UnusableBodyError(f"a body that is no {self._packing}") from None
            self._unpacker = None if unpacker.eof else unpacker
            piece = unpacker.unused_data

    def whole(self) -> bytes:
        """Return the body, now that nothing more comes.

        :raises UnusableBodyError: the packed body was cut off.
        """
        if self._unpacker is not None:
            raise UnusableBodyError(f"a {self._packing} body that is cut off")
        return bytes(self._body)

    def _keep(self, unpacked: bytes) -> None:
        self._body += unpacked
        if len(self._body) > self._most:
            raise TooMuchError(f"more than {told_bytes(self._most)}")

    def _new_unpacker(self, piece: bytes) -> zlib._Decompress:
        self._parts += 1
        is_raw = self._packing == "deflate" and piece[0] & 0x0F != _IS_DEFLATE  # what some servers call so
        return zlib.decompressobj(_RAW if is_raw else _GZIP if self._packing == "gzip" else _ZLIB)

    def _require_few_parts(self) -> None:
        """Refuse many packed parts in a row: what follows a part is copied for each."""
        if self._unpacker is None and self._parts == bounds.PACKED_PARTS:
            raise UnusableBodyError(f"a {self._packing} body of more than {bounds.PACKED_PARTS} parts")


def told_bytes(size: int) -> str:
    """Return a bound in bytes for a message."""
    return f"{size / bounds.MIB:,.0f} MiB" if size >= bounds.MIB else f"{size:,} bytes"


def _packing(encoding: str) -> str:
    """Return ``gzip`` or ``deflate``, or nothing where a body isn't packed."""
    ways = [way for one in encoding.split(",") if (way := one.strip().lower()) not in ("", "identity")]
    if len(ways) > 1:
        raise UnusableBodyError(f"a body that is packed {len(ways)} times over")
    way = ways[0].removeprefix("x-") if ways else ""
    if way not in ("", "gzip", "deflate"):
        raise UnusableBodyError("a body that is packed in another way than was asked for (gzip, deflate)")
    return way
