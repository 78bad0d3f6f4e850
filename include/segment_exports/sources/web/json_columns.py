"""Rows of JSON as Arrow columns of text, written as the lake's CSV writes them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson
import pyarrow as pa
import pyarrow.compute as pc

from segment_exports.errors import SourceError
from segment_exports.settings import bounds

if TYPE_CHECKING:
    from collections.abc import Sequence

    from segment_exports.sources.web.odata import Row

_EXACT_BELOW = 2.0**53
_TOO_DEEP = "A value has lists or objects that are nested too deep to be written as text"


def text_column(rows: Sequence[Row], key: str) -> pa.StringArray:
    """Return one attribute of the rows as text; missing, null and "" are null.

    Booleans are ``true``/``false``, whole numbers have no fraction, others the shortest text that
    gives the same number. Dates stay as the service writes them (ISO 8601).

    :raises SourceError: a value of more than 1 MiB.
    """
    column = _column(rows, key)
    longest = pc.max(pc.binary_length(column)).as_py() or 0
    if longest > bounds.VALUE_BYTES:
        raise SourceError(f"A value of {key} has {longest:,} bytes; at most {bounds.VALUE_BYTES:,} are read")
    return column


def _column(rows: Sequence[Row], key: str) -> pa.StringArray:
    values = [row.get(key) for row in rows]
    try:
        column = pa.array(values)
    except (pa.ArrowInvalid, pa.ArrowTypeError, OverflowError):  # several types in one column
        return _without_empty(pa.array(map(_text, values), pa.string()))
    if pa.types.is_string(column.type):
        return _without_empty(column)
    if pa.types.is_floating(column.type):
        return _without_fraction(column)
    if pa.types.is_primitive(column.type) or pa.types.is_null(column.type):
        return column.cast(pa.string())
    return _without_empty(pa.array(map(_text, values), pa.string()))


def _without_fraction(numbers: pa.DoubleArray) -> pa.StringArray:
    """Return numbers as text, whole ones with all their digits: Arrow gives long ones an exponent."""
    is_exact = pc.less(pc.abs(numbers), _EXACT_BELOW)
    is_whole = pc.and_(pc.equal(pc.floor(numbers), numbers), is_exact).fill_null(fill_value=False)
    whole = pc.if_else(is_whole, numbers, None).cast(pa.int64()).cast(pa.string())
    return pc.coalesce(whole, numbers.cast(pa.string()))


def _text(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    try:
        return orjson.dumps(value).decode().removesuffix(".0")
    except orjson.JSONEncodeError:  # it writes fewer levels than it reads
        raise SourceError(_TOO_DEEP) from None


def _without_empty(column: pa.StringArray) -> pa.StringArray:
    empty = pc.equal(pc.binary_length(column), 0)
    return pc.if_else(empty, None, column) if pc.any(empty).as_py() else column
