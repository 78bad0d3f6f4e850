"""Dataverse's membership rows: one per customer, with a JSON list of segments.

Microsoft documents the column as text with a "list of unique segments"; its own plug-in reads
``{"Segments": [...]}``. Both that and a bare list are taken.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import orjson
import pyarrow as pa
import pyarrow.compute as pc

from segment_exports.errors import SourceError
from segment_exports.records.profiles import CUSTOMER_ID
from segment_exports.sources.web.json_columns import text_column

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from segment_exports.sources.web.odata import Row

NumberOf = Callable[[str], int | None]
"""Number of a segment, or None for one that isn't wanted."""


def segment_list(text: str) -> list[str]:
    """Return the segment names in the JSON of one row.

    :raises SourceError: neither a list of texts nor an object with lists of texts.
    """
    try:
        value = orjson.loads(text)
    except orjson.JSONDecodeError:
        raise SourceError(
            f"A membership row's segments are no JSON but {len(text)} characters of text"
        ) from None
    lists = list(value.values()) if isinstance(value, dict) else [value]
    names = [name for one in lists if isinstance(one, list) for name in one]
    if not any(isinstance(one, list) for one in lists) or not all(isinstance(name, str) for name in names):
        raise SourceError(
            f"A membership row's segments are {_shape(value)}; expected is a list of names, or an object "
            "that holds one"
        )
    return names


def member_batches(
    pages: Iterable[list[Row]],
    *,
    id_column: str,
    list_column: str,
    only: Mapping[str, str],
    number_of: NumberOf,
) -> Iterator[pa.RecordBatch]:
    """Yield (CustomerId, number of the segment) for every membership that is wanted.

    :param only: column → the value that it must have; a row without a value passes.
    :raises SourceError: a list that can't be read, a row without a customer.
    """
    for rows in pages:
        ids, lists = text_column(rows, id_column), text_column(rows, list_column)
        if ids.null_count:
            raise SourceError(f"{ids.null_count} membership rows of a page have no {id_column}")
        chosen = pa.repeat(pa.scalar(value=True), len(rows))
        for column, value in only.items():
            found = text_column(rows, column)
            chosen = pc.and_(chosen, pc.fill_null(pc.equal(found, value), fill_value=True))
        yield _exploded(ids.filter(chosen), lists.filter(chosen), number_of)


def _exploded(ids: pa.StringArray, lists: pa.StringArray, number_of: NumberOf) -> pa.RecordBatch:
    # Many customers are in the same segments: each list is parsed once a page.
    encoded = lists.dictionary_encode()
    numbers = [_numbers(text, number_of) for text in encoded.dictionary.to_pylist()]
    wanted = pa.array(numbers, pa.list_(pa.uint16())).take(encoded.indices)
    return pa.RecordBatch.from_arrays(
        [ids.take(pc.list_parent_indices(wanted)), pc.list_flatten(wanted)], names=[CUSTOMER_ID, "segment"]
    )


def _numbers(text: str, number_of: NumberOf) -> list[int]:
    found = (number_of(name) for name in dict.fromkeys(segment_list(text)))
    return [number for number in found if number is not None]


def _shape(value: object) -> str:
    if isinstance(value, dict):
        return f"an object with {len(value)} keys"
    return f"a list of {len(value)}" if isinstance(value, list) else type(value).__name__
