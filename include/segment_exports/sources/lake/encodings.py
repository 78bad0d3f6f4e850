"""Whether the bytes of a file are of the encoding that is declared for it.

A charset of one byte has a character for every byte, so that UTF-8 read by it fails nowhere: it gives other
names, and other addresses, under which nobody has refused.
"""

from __future__ import annotations

import codecs

_SNIFFED = 1024
_NO_TEXT = {b"\x1f\x8b": "compressed by gzip", b"PK\x03\x04": "a zip archive", b"PAR1": "a Parquet file"}
_UTF8, _UTF16, _UTF32 = "UTF-8", "UTF-16", "UTF-32"
_MARKS = (  # that of UTF-32 begins with that of UTF-16
    (codecs.BOM_UTF32_LE, _UTF32, "little"),
    (codecs.BOM_UTF32_BE, _UTF32, "big"),
    (codecs.BOM_UTF8, _UTF8, ""),
    (codecs.BOM_UTF16_LE, _UTF16, "little"),
    (codecs.BOM_UTF16_BE, _UTF16, "big"),
)


class OtherEncodingError(Exception):
    """The bytes are of another encoding than the one that is declared; the text names it."""


class EncodingCheck:
    """Looks at the bytes of a file as they are read.

    :param encoding: the one that is declared, by Python's name.
    """

    def __init__(self, encoding: str) -> None:
        name = codecs.lookup(encoding).name.upper()
        self._declared = next((one for one in (_UTF8, _UTF16, _UTF32) if name.startswith(one)), "")
        self._order = {"LE": "little", "BE": "big"}.get(name[-2:], "")
        self._began = False
        self._has_others = False
        self._utf8 = None if self._declared else codecs.getincrementaldecoder("utf-8")("strict")

    def add(self, raw: bytes, *, is_last: bool) -> None:
        """Take the next bytes.

        :raises OtherEncodingError: they are no text, begin with the mark of another encoding, are UTF-16 by
            their zero bytes, or all of them are UTF-8 beyond ASCII where a charset is declared.
        """
        if not self._began:
            self._began = True
            self._judge_beginning(raw[:_SNIFFED])
        if self._utf8 is None:
            return
        self._has_others = self._has_others or not raw.isascii()
        try:
            self._utf8.decode(raw, final=is_last)
        except UnicodeDecodeError:
            self._utf8 = None
            return
        if is_last and self._has_others:
            raise OtherEncodingError(_UTF8)

    def _judge_beginning(self, start: bytes) -> None:
        if kind := next((told for magic, told in _NO_TEXT.items() if start.startswith(magic)), None):
            raise OtherEncodingError(f"no text but {kind}")
        found = next(((name, order) for mark, name, order in _MARKS if start.startswith(mark)), None)
        if found is None:
            is_wide = start.count(0) * 4 > len(start)
            if is_wide and self._declared not in (_UTF16, _UTF32):
                raise OtherEncodingError("UTF-16 or UTF-32")
            return
        name, order = found
        if name != self._declared or (self._order and order != self._order):
            raise OtherEncodingError(f"{name} of the other byte order" if name == self._declared else name)
