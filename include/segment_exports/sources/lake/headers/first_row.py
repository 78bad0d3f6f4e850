"""A first row that was taken for no header: whether it may be one all the same, in other words.

A header holds no address where the rows after it do; so does a person whose address is wrong. What tells them
apart is what else speaks for names: a value that is the name of a column, or holds one, and one without a
digit where every other row has digits, as ids and postcodes have. One such thing may be chance.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from segment_exports.errors import SourceError
from segment_exports.sieve.net import names_told
from segment_exports.sources.lake.headers.column_names import ColumnNames, plain_texts, text_array

if TYPE_CHECKING:
    from collections.abc import Sequence

    Row = Sequence[str]

_ENOUGH = 2
_SHORTEST_NAME = 4
"""Shorter names, such as ``id``, are a part of many a word."""


def judge_first_row(first: Row, rows: Sequence[Row], columns: Sequence[str], place: str) -> str | None:
    """Return what is doubtful about a first row that is read as a person.

    :param rows: the ones after it, as many as there are at hand.
    :param place: the file, for messages.
    :raises SourceError: it is a header, to all appearances.
    """
    rows = [row for row in rows if len(row) == len(first)]
    if not _lacks_address(first, rows):
        return None
    named = _named(first, rows, columns)
    evidence = len(named) + _lacks_digits(first, rows)
    names = f", and names of columns ({names_told(named)})" if named else ", and words where they have digits"
    if evidence >= _ENOUGH:
        raise SourceError(
            f"{place}: row 1 seems to be a header that isn't that of model.json: it holds no address, as the "
            f"rows after it do{names}. Nothing of it is read, since a column would be taken for another one. "
            "Name the columns in the file as in model.json, or export it without a header; if row 1 is a "
            "person, correct or empty the address in Customer Insights"
        )
    if not evidence:
        return None
    return (
        f"{place}: row 1 holds no address, unlike the rows after it{names}: it is read as a person. If it is "
        "a header in other words, look whether the columns stand in the order of model.json"
    )


def _lacks_address(first: Row, rows: Sequence[Row]) -> bool:
    """Tell whether a row has a text other than an address where most others have one."""
    if any("@" in cell for cell in first):
        return False
    addresses = [
        place
        for place in range(len(first))
        if 2 * sum("@" in row[place] for row in rows) > sum(bool(row[place].strip()) for row in rows)
    ]
    # An empty address is that of a person: no header has an empty cell there.
    return all(first[place].strip() for place in addresses)


def _named(first: Row, rows: Sequence[Row], columns: Sequence[str]) -> list[str]:
    """Return the cells that are names of columns, or hold one, and are no value of their column elsewhere."""
    is_name = ColumnNames(columns).named_in(text_array(first)) >= 0
    names = [name for name in plain_texts(columns) if len(name) >= _SHORTEST_NAME]
    held = [any(name in cell for name in names) for cell in plain_texts(first)]
    values = [{row[place].strip().casefold() for row in rows} for place in range(len(first))]
    return [
        cell[:40]
        for place, cell in enumerate(first)
        if (is_name[place] or held[place]) and cell.strip().casefold() not in values[place]
    ]


def _lacks_digits(first: Row, rows: Sequence[Row]) -> bool:
    """Tell whether a row has a word where all others that aren't empty have digits, and no address."""
    if not any("@" in cell for row in rows for cell in row):
        return False
    columns = zip(first, zip(*rows, strict=True), strict=True)
    return any(
        cell.strip() and not _is_number_like(cell) and all(map(_is_number_like, filter(str.strip, others)))
        for cell, others in columns
        if any(map(str.strip, others))
    )


def _is_number_like(text: str) -> bool:
    return "@" not in text and any(letter.isdigit() for letter in text)
