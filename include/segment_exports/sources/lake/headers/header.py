"""The first row of a file, where it names the columns: matched by name, or refused; never a person."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from segment_exports.errors import SourceError
from segment_exports.records.profiles import CUSTOMER_ID, PREVIOUS_CUSTOMER_ID
from segment_exports.sieve.net import names_told
from segment_exports.sources.lake.headers.column_names import ColumnNames, text_array

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

_LONGEST_TOLD = 60


@dataclass(frozen=True)
class Header:
    """A header that was recognised.

    :param columns: names of the attributes, in the order of the file.
    :param otherwise: cells that name an attribute in other letter case or with blanks around.
    """

    columns: tuple[str, ...]
    otherwise: tuple[str, ...]


def looks_like_header(cells: Sequence[str], columns: Sequence[str]) -> bool:
    """Tell whether a row plainly names columns: most of its cells do, or the customer's id is ``CustomerId``.

    How a name is written doesn't count here (:class:`.ColumnNames`). ``CustomerId`` in another
    column than that of the ids may be a value: then no cell may hold an address.
    """
    names = ColumnNames([*columns, CUSTOMER_ID])
    named = names.named_in(text_array(cells))
    if 2 * (named >= 0).sum() > len(cells):
        return True
    is_id = named == names.place_of(CUSTOMER_ID)
    in_its_place = any(one and name == CUSTOMER_ID for one, name in zip(is_id, columns, strict=False))
    return in_its_place or (bool(is_id.any()) and not any("@" in cell for cell in cells))


def matched_header(cells: Sequence[str], columns: Sequence[str], place: str) -> Header:
    """Match the cells of a header to the attributes of ``model.json``, whatever their letter case.

    :param place: the file, for messages.
    :raises SourceError: a cell fits no attribute, an attribute no cell, or one of them stands twice.
    """
    if sorted(cells) == sorted(columns):
        return Header(tuple(cells), ())
    by_form: dict[str, list[str]] = {}
    for name in columns:
        by_form.setdefault(_folded(name), []).append(name)
    known = frozenset(columns)
    found = [cell if cell in known else _only(by_form.get(_folded(cell), [])) for cell in cells]
    strangers = [cell for cell, name in zip(cells, found, strict=True) if name is None]
    twice = [name for name, count in Counter(filter(None, found)).items() if count > 1]
    named = frozenset(found)
    lacking = [name for name in columns if name not in named]
    if strangers or twice or lacking:
        told = [
            _unless_none("cells that are no attribute of model.json", map(_short, strangers)),
            _unless_none("attributes that no cell names", lacking),
            _unless_none("named by more than one cell", twice),
        ]
        raise SourceError(
            f"{place}: row 1 names other columns than model.json ({'; '.join(filter(None, told))}). "
            "Nothing of it is read: a column would be taken for another one"
        )
    names = tuple(name for name in found if name)
    return Header(names, tuple(cell for cell, name in zip(cells, names, strict=True) if cell != name))


def own_header(cells: Sequence[str], wanted: Sequence[str], place: str) -> Header:
    """Take the columns of a file from its own header, where nobody else knows them.

    :param wanted: attributes that are read; ``PreviousCustomerId`` may lack.
    :raises SourceError: the first row is no header, or one of the attributes isn't in it, or twice.
    """
    if not looks_like_header(cells, wanted):
        raise SourceError(
            f"{place} doesn't name its columns, and no run looked at the snapshot while model.json named it, "
            "or model.json gave the same file other columns then: which column is which can't be known. Run "
            "the export in Customer Insights again. If what model.json says now is right, take away what was "
            "remembered of it: <staging>/<export>/snapshots/<table>.json"
        )
    by_form = {_folded(name): name for name in wanted}
    names = tuple(by_form.get(_folded(cell), cell.strip()) for cell in cells)
    named = {*names, PREVIOUS_CUSTOMER_ID}
    lacking = [name for name in wanted if name not in named]
    twice = [name for name, count in Counter(names).items() if count > 1]
    if lacking or twice:
        told = [
            _unless_none("it lacks", lacking),
            _unless_none("it has more than once", map(_short, twice)),
        ]
        raise SourceError(f"{place}: row 1 isn't what is to be read: {'; '.join(filter(None, told))}")
    return Header(names, ())


def _only(names: Sequence[str]) -> str | None:
    return names[0] if len(names) == 1 else None


def _folded(name: str) -> str:
    return name.strip().casefold()


def _short(cell: str) -> str:
    """Return a cell for a message, without what might be an address."""
    return "(an address)" if "@" in cell else cell[:_LONGEST_TOLD] or "(an empty cell)"


def _unless_none(told: str, names: Iterable[str]) -> str:
    names = list(names)
    return f"{told}: {names_told(names)}" if names else ""
