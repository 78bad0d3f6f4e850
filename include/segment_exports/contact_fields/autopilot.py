"""Render contacts as the JSON objects that go to the destination, column by column.

``{"Email":"…","FirstName":"…","custom":{"string--Loyalty--Tier":"…","integer--Points":12}}``: keys in
the mapping's order, no blanks, empty values left out, text outside ASCII as it is. Equal values always
give equal text, so the hash of the text tells whether a contact changed.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from segment_exports.definition import FieldType

if TYPE_CHECKING:
    from collections.abc import Sequence

    from segment_exports.definition import MappedField

_QUOTED = {FieldType.STRING, FieldType.DATE}
_ESCAPES = {code: json.dumps(chr(code))[1:-1] for code in (*b'\\"', *range(0x20))}
"""JSON escapes by byte, the backslash first since the others bring new ones."""

_IS_ESCAPED = np.isin(np.arange(256), list(_ESCAPES))


def render_payloads(fields: Sequence[MappedField], columns: Sequence[pa.StringArray]) -> pa.StringArray:
    """Return one JSON object per row.

    ``columns`` holds the text of each field's values as :mod:`segment_exports.mapping.field_values` gives it,
    null where nothing is to be sent. The first field is the address, which every contact has; a row
    without it gives text that is no JSON.
    """
    members = [_members(field, values) for field, values in zip(fields, columns, strict=True)]
    standard = [member for field, member in zip(fields, members, strict=True) if not field.custom]
    custom = [member for field, member in zip(fields, members, strict=True) if field.custom]
    if custom:
        standard.append(_custom_object(custom))
    first, *others = standard
    return _concatenated("{", pc.utf8_slice_codeunits(first, 1), *others, "}")


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


def _members(field: MappedField, values: pa.StringArray) -> pa.StringArray:
    """Return ``,"key":value``; null where there is no value."""
    before = f",{json.dumps(field.target, ensure_ascii=False)}:"
    if field.type in _QUOTED:
        return _around(f'{before}"', escape_json(values), '"')
    return _around(before, values, "")


def _custom_object(members: Sequence[pa.StringArray]) -> pa.StringArray:
    inner = _concatenated(*members)
    without_comma = pc.utf8_slice_codeunits(pc.if_else(pc.equal(inner, ""), None, inner), 1)
    return _around(',"custom":{', without_comma, "}")


def _around(before: str, values: pa.StringArray, after: str) -> pa.StringArray:
    return pc.binary_join_element_wise(before, values, after, "")


def _concatenated(*parts: pa.StringArray | str) -> pa.StringArray:
    # Not null_handling="skip": pyarrow 26 drops the rows in which every part is null.
    return pc.binary_join_element_wise(*parts, "", null_handling="replace", null_replacement="")
