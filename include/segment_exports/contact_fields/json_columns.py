"""JSON of many contacts at once, column by column: ready text, so that equal values give equal text.

No blanks, empty values left out, text outside ASCII as it is.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

if TYPE_CHECKING:
    from collections.abc import Sequence

_ESCAPES = {code: json.dumps(chr(code))[1:-1] for code in (*b'\\"', *range(0x20))}
"""JSON escapes by byte, the backslash first since the others bring new ones."""

_IS_ESCAPED = np.isin(np.arange(256), list(_ESCAPES))


def members(key: str, values: pa.StringArray, *, quoted: bool) -> pa.StringArray:
    """Return ``,"key":value`` for each row; null where there is no value.

    :param quoted: whether the values are text; else they are JSON already.
    """
    before = f",{json.dumps(key, ensure_ascii=False)}:"
    return around(before, as_strings(values) if quoted else values, "")


def object_members(key: str, inner: Sequence[pa.StringArray]) -> pa.StringArray:
    """Return ``,"key":{…}`` of the members of each row; null where a row has none."""
    joined = _concatenated(*inner)
    without_comma = pc.utf8_slice_codeunits(pc.if_else(pc.equal(joined, ""), None, joined), 1)
    return around(f",{json.dumps(key, ensure_ascii=False)}:{{", without_comma, "}")


def objects(first: pa.StringArray, *others: pa.StringArray) -> pa.StringArray:
    """Return one JSON object per row.

    :param first: members that every row has; a row without gives text that is no JSON.
    """
    return _concatenated("{", pc.utf8_slice_codeunits(first, 1), *others, "}")


def as_strings(values: pa.StringArray) -> pa.StringArray:
    """Return each text as a JSON string."""
    return around('"', escape_json(values), '"')


def around(before: str, values: pa.StringArray, after: str) -> pa.StringArray:
    """Return each value with text before and after it; null where there is no value."""
    return pc.binary_join_element_wise(before, values, after, "")


def escape_json(values: pa.StringArray) -> pa.StringArray:
    """Return text as it stands between the quotes of a JSON string."""
    present = _escaped_bytes(values)
    for code, escape in _ESCAPES.items():
        if code in present:
            values = pc.replace_substring(values, chr(code), escape)
    return values


def _escaped_bytes(values: pa.StringArray) -> set[int]:
    """Return which bytes of the column need an escape; in UTF-8 each stands for its character only."""
    _, offsets, data = values.buffers()
    if data is None or len(values) == 0:
        return set()
    ends = np.frombuffer(offsets, dtype=np.int32)
    text = np.frombuffer(data, dtype=np.uint8)[ends[values.offset] : ends[values.offset + len(values)]]
    return set(np.unique(text[_IS_ESCAPED[text]]).tolist())


def _concatenated(*parts: pa.StringArray | str) -> pa.StringArray:
    # Not null_handling="skip": pyarrow 26 drops the rows in which every part is null.
    return pc.binary_join_element_wise(*parts, "", null_handling="replace", null_replacement="")
