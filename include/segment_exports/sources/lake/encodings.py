"""Whether the bytes of a file are of the encoding that is declared for it.

A charset of one byte has a character for every byte, so that UTF-8 read by it fails nowhere: it gives other
names, and other addresses, under which nobody has refused.
"""

from __future__ import annotations

import codecs
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from segment_exports.records.outcomes import counted

if TYPE_CHECKING:
    from collections.abc import Iterator

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


_OTHERS_FOR_BROKEN = 10
"""So many values with other characters than ASCII's show for each broken one that a file is UTF-8."""


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


class ColumnTexts:
    """Turns columns of UTF-8 into text. U+FFFD stands for bytes that are none, as where a length limit cut.

    :param first_row: number of the first row of the first batch.
    """

    def __init__(self, first_row: int) -> None:
        self._row = first_row
        self._others = 0
        self._broken = 0
        self._one = ""

    def of(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """Return the next batch as text."""
        columns = [self._text(*one) for one in zip(batch.schema.names, batch.columns, strict=True)]
        self._row += batch.num_rows
        return pa.RecordBatch.from_arrays(columns, names=batch.schema.names)

    @property
    def told(self) -> str | None:
        """How many values are broken and where the first is; None where none is."""
        if not self._broken:
            return None
        values = counted(self._broken, "value", "values")
        return f"bytes that aren't utf-8 in {values} (one is {self._one})"

    @property
    def is_other_encoding(self) -> bool:
        """Whether the broken values are too many for a file of UTF-8."""
        return self._others < _OTHERS_FOR_BROKEN * self._broken

    def _text(self, name: str, column: pa.BinaryArray) -> pa.StringArray:
        try:
            text = column.cast(pa.string())
        except pa.ArrowInvalid:
            text = pa.array(list(self._mended(name, column)), pa.string())
        self._others += pc.sum(pc.invert(pc.string_is_ascii(text))).as_py() or 0
        return text

    def _mended(self, name: str, column: pa.BinaryArray) -> Iterator[str | None]:
        for place, raw in enumerate(column.to_pylist()):
            try:
                yield None if raw is None else raw.decode()
            except UnicodeDecodeError:
                self._one = self._one or f"{name} in row {self._row + place}"
                self._broken += 1
                yield raw.decode(errors="replace")
