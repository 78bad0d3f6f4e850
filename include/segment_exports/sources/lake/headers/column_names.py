"""Names of a table's columns in the forms in which programs write them into a file."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

# Not \pL and \pN, whose tables make the compiling of the expression dearer than the work on a batch.
_NO_LETTER = "".join(
    rf"\x{{{first:X}}}-\x{{{last:X}}}"
    for first, last in ((0, 47), (58, 64), (91, 96), (123, 191), (0x2000, 0x206F), (0x3000, 0x303F))
)
_NO_LETTERS = rf"[{_NO_LETTER}\x{{FEFF}}]+"
_DECORATION = r"^\S*\.|[(:][^0-9]*$"
"""What stands around a name in ``Seg.CustomerId``, as Hive writes it, and in ``CustomerId (PK)``."""


class ColumnNames:
    """Finds names of columns in texts.

    Letter case, blanks, a byte order mark and whatever else is neither letter nor digit don't count, nor does
    the name of a table before a name or a remark after it.
    """

    def __init__(self, names: Sequence[str]) -> None:
        self._names = [name for name in dict.fromkeys(plain_texts(names)) if name]

    def place_of(self, name: str) -> int:
        """Return by which number :meth:`named_in` tells a name."""
        return self._names.index(plain_texts([name])[0])

    def named_in(self, texts: pa.StringArray) -> npt.NDArray[Any]:
        """Return for each text the number of the name that it is; -1 where it is none."""
        values, names = texts.dictionary_encode(), text_array(self._names)
        bare = pc.replace_substring_regex(values.dictionary, _DECORATION, "")
        found = pc.coalesce(*(pc.index_in(_plain(one), names) for one in (values.dictionary, bare)))
        places = found.take(values.indices)
        return np.where(numbers_of(pc.cast(places.is_valid(), "uint8")), numbers_of(places), -1)


def plain_texts(texts: Sequence[str]) -> list[str]:
    """Return the letters and digits of texts, without letter case."""
    plain: list[str] = _plain(text_array(texts)).to_pylist()
    return plain


def text_array(texts: Sequence[str]) -> pa.StringArray:
    """Return texts as an array. ``pa.array`` would import pandas, for a second."""
    raw = [text.encode(errors="replace") for text in texts]
    offsets = np.cumsum([0, *map(len, raw)], dtype=np.int32)
    return pa.StringArray.from_buffers(len(raw), pa.py_buffer(offsets), pa.py_buffer(b"".join(raw)))


def numbers_of(array: pa.Array) -> npt.NDArray[Any]:
    """Return an array of numbers; anything where it is null. ``to_numpy`` would import pandas."""
    kind = np.dtype(str(array.type))
    raw = array.buffers()[1] if len(array) else b""
    return np.frombuffer(raw, kind, len(array), array.offset * kind.itemsize)


def _plain(texts: pa.StringArray) -> pa.StringArray:
    """Return the letters and digits of texts, without letter case."""
    return pc.utf8_lower(pc.replace_substring_regex(texts, _NO_LETTERS, ""))
