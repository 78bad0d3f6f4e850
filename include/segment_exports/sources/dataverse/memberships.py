"""Dataverse's membership rows: one per customer, with a JSON list of segments.

Microsoft documents the column as text with a "list of unique segments"; its own plug-in reads
``{"Segments": [...]}``. Both that and a bare list are taken.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.compute as pc

from segment_exports.errors import SourceError
from segment_exports.records.profiles import CUSTOMER_ID
from segment_exports.settings import bounds
from segment_exports.sources.dataverse.left_out import LeftOut
from segment_exports.sources.web.json_columns import text_column
from segment_exports.sources.web.membership_join import UNSURE
from segment_exports.sources.web.odata import SeenKeys, follow_next_links

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from segment_exports.sources.web.http_reading import JsonReader
    from segment_exports.sources.web.odata import Row

SERVICE, MEMBERSHIPS, KEY = "Dataverse", "msdynci_segmentmemberships", "msdynci_segmentmembershipid"
"""The last one is the table's key, which Dataverse answers whether it was asked for or not."""

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


def identity(row: Row, columns: Sequence[str]) -> str:
    """Return what tells a membership row from all others: its own id, or else all that it says.

    :param columns: those that were asked for.
    """
    own = row.get(KEY)
    return own if isinstance(own, str) else repr([row.get(column) for column in columns])


def member_rows(reader: JsonReader, columns: Sequence[str], page_size: int) -> Iterator[list[Row]]:
    """Return the pages of the table, with these columns.

    :raises SourceError: as :func:`follow_next_links`.
    """
    asked, who = {"$select": ",".join(columns)}, partial(identity, columns=columns)
    return follow_next_links(reader, MEMBERSHIPS, asked, identity=who, page_size=page_size)


def until_full(pages: Iterable[list[Row]], page_size: int, left_out: LeftOut) -> Iterator[list[Row]]:
    """Yield the pages, and tell of a last one that is full: the provider of a table may know no paging."""
    rows = 0
    for page in pages:
        rows = len(page)
        yield page
    if rows >= page_size:
        left_out.add_full_page(rows)


def member_batches(
    pages: Iterable[list[Row]],
    *,
    id_column: str,
    list_column: str,
    only: Mapping[str, str],
    number_of: NumberOf,
    left_out: LeftOut | None = None,
) -> Iterator[pa.RecordBatch]:
    """Yield (CustomerId, number of the segment) for every membership that is wanted.

    Its number is UNSURE where a list can't be read, or writes a segment otherwise: who has it may be in one.

    :param only: column → the value that it must have; a row without a value passes.
    :param left_out: counts what isn't taken.
    :raises SourceError: lists that can't be read, beyond a few, or a column in none of the rows.
    :raises SourceNotReadyError: some rows lack a column that others have.
    """
    seen = SeenKeys(SERVICE, MEMBERSHIPS, [id_column, list_column, *only])
    left_out = left_out or LeftOut(())
    for rows in pages:
        seen.add(rows)
        ids, lists = text_column(rows, id_column), text_column(rows, list_column)
        encoded = lists.dictionary_encode()
        _require_few(encoded.dictionary)
        names, unreadable = _lists(encoded.dictionary.to_pylist())
        of_list = np.asarray(encoded.indices.fill_null(len(names)))
        chosen = np.ones(len(rows), np.bool_)
        for column, value in only.items():
            found = text_column(rows, column)
            passes = np.asarray(pc.fill_null(pc.equal(found, value), fill_value=True))
            for place in np.unique(of_list[chosen & ~passes]):
                if place < len(names):
                    here = pa.array(chosen & ~passes & (of_list == place))
                    left_out.add_of_another_kind(names[place], column, found.filter(here))
            chosen &= passes
        is_somebody = np.asarray(ids.is_valid())
        for place in of_list[chosen & ~is_somebody]:
            left_out.add_without_customer(names[place] if place < len(names) else {})
        chosen &= is_somebody
        counts = np.bincount(of_list[chosen], minlength=len(names) + 1)
        left_out.add_unlisted(int(counts[-1]))
        for place, one in enumerate(names):
            if counts[place] and place in unreadable:
                left_out.add_unreadable(unreadable[place], int(counts[place]))
            elif counts[place]:
                left_out.add_listed(one, int(counts[place]))
        taken = [one if counts[place] else {} for place, one in enumerate(names)]
        unsure = {
            place
            for place, one in enumerate(taken)
            if left_out.reads_some and (place in unreadable or left_out.may_be_in(one))
        }
        yield _exploded(ids, encoded, taken, chosen, number_of, unsure)
    seen.require_all()
    left_out.require_readable()


def _lists(texts: Sequence[str]) -> tuple[list[dict[str, None]], dict[int, str]]:
    """Return the segments in each text, and by place why one can't be read; it then has none."""
    lists: list[dict[str, None]] = []
    unreadable: dict[int, str] = {}
    for place, text in enumerate(texts):
        try:
            lists.append(dict.fromkeys(segment_list(text)))
        except SourceError as error:
            lists.append({})
            unreadable[place] = str(error)
    return lists, unreadable


def _require_few(lists: pa.StringArray) -> None:
    """Refuse lists of more names than a page may have values: each takes many times its own bytes."""
    if (pc.sum(pc.count_substring(lists, ",")).as_py() or 0) > bounds.SOURCE_VALUES:
        raise SourceError(
            f"{SERVICE} answers a page of {MEMBERSHIPS} with more than {bounds.SOURCE_VALUES:,} segments in "
            f"its lists; ask for fewer rows at once (source.page_size)"
        )


def _exploded(
    ids: pa.StringArray,
    lists: pa.DictionaryArray,
    names: Sequence[Collection[str]],
    chosen: NDArray[np.bool_],
    number_of: NumberOf,
    unsure: Collection[int],
) -> pa.RecordBatch:
    # Many customers are in the same segments: each list is parsed once a page.
    found = [[number for name in one if (number := number_of(name)) is not None] for one in names]
    for place in unsure:
        found[place].append(UNSURE)
    mask = pa.array(chosen)
    wanted = pa.array(found, pa.list_(pa.uint16())).take(lists.indices.filter(mask))
    return pa.RecordBatch.from_arrays(
        [ids.filter(mask).take(pc.list_parent_indices(wanted)), pc.list_flatten(wanted)],
        names=[CUSTOMER_ID, "segment"],
    )


def _shape(value: object) -> str:
    if isinstance(value, dict):
        return f"an object with {len(value)} keys"
    return f"a list of {len(value)}" if isinstance(value, list) else type(value).__name__
