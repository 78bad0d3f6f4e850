"""Dates and numbers in the culture that ``model.json`` names, written as every source gives them.

The specification lets a model name a ``culture`` (``en-US``) by which its files write dates and numbers;
without one they are ISO 8601 and with a decimal point. Only columns of a date's or number's type are
rewritten, and of them only what can be read in one way: ``1.234`` may be a fraction in any file, so it stays,
unless the column is one of whole numbers.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, TypeVar

import pyarrow.compute as pc

from segment_exports.contact_fields.form_columns import iso_dates, plain_numbers
from segment_exports.contact_fields.text_forms import DateForm, NumberForm

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    import pyarrow as pa

T = TypeVar("T")

_DATES = frozenset({"date", "datetime", "datetimeoffset"})
_WHOLE = frozenset({"int64", "integer"})
_NUMBERS = frozenset({"decimal", "double", "float"}) | _WHOLE

# By CLDR, as Babel 2.19 has it. A region stands where it differs from its language.
_MONTH_FIRST = frozenset({"en-us", "en-ph", "fil-ph", "es-pa", "es-pr"})
_YEAR_FIRST = frozenset({"en-ca", "en-za", "eu", "fr-ca", "hu", "ja", "ko", "lt", "mn", "sv", "zh"})
_EUROPEAN = frozenset(  # the day first, and a decimal comma
    {
        *("bg", "ca", "cs", "da", "de", "el", "es", "et", "fi", "fr", "gl", "hr", "id", "is", "it"),
        *("lv", "nb", "nl", "nn", "no", "pl", "pt", "ro", "ru", "sk", "sl", "sr", "tr", "uk", "vi"),
    }
)
_DAY_FIRST = _EUROPEAN | {"en-au", "en-gb", "en-ie", "en-in", "en-nz", "en-sg", "he", "sv-ax", "sv-fi"}
_NO_ORDER = frozenset({"es-us"})
"""CLDR has the day first there, and Windows the month."""
_COMMA_IN_ENGLISH = "at be cz de dk ee es fi fr ge hu id it lt lv nl no pl pt ro se si sk ua za"
_COMMA = _EUROPEAN | {"eu", "hu", "lt", "sv"} | {f"en-{region}" for region in _COMMA_IN_ENGLISH.split()}
_POINT_IN_SPANISH = "419 br bz cu do gt hn mx ni pa pe pr sv us"
_APOSTROPHE = frozenset({"de-ch", "de-li", "en-ch", "fr-ch", "it-ch"})
_POINT = (
    _APOSTROPHE
    | {"en", "he", "ja", "ko", "zh", "fil-ph", "fr-rw"}
    | {f"es-{region}" for region in _POINT_IN_SPANISH.split()}
)

_ORDERS: Sequence[tuple[tuple[str, str, str], frozenset[str]]] = (
    (("month", "day", "year"), _MONTH_FIRST),
    (("year", "month", "day"), _YEAR_FIRST),
    (("day", "month", "year"), _DAY_FIRST),
)


@dataclass(frozen=True)
class Culture:
    """How dates and numbers are written; None, or no form, where that isn't known (order of dates in ``en``).

    :param numbers: forms that can mean one thing alone there: with a decimal comma a point or a blank groups.
    """

    dates: DateForm | None
    numbers: tuple[NumberForm, ...]

    def rewrite(self, batch: pa.RecordBatch, types: Mapping[str, str]) -> pa.RecordBatch:
        """Return a batch with its dates and numbers rewritten.

        :param types: data types of the columns, in small letters.
        """
        for index, name in enumerate(batch.schema.names):
            values, kind = batch.column(index), types.get(name, "")
            if kind in _DATES and self.dates:
                batch = batch.set_column(index, name, iso_dates(pc.utf8_trim_whitespace(values), self.dates))
            elif kind in _NUMBERS and self.numbers:
                plain = _plain(values, self.numbers, is_whole=kind in _WHOLE)
                batch = batch.set_column(index, name, plain)
        return batch


@lru_cache
def culture_of(name: str) -> Culture | None:
    """Return a culture by its name (``pt-BR``); None where it isn't known."""
    plain = name.strip().casefold().replace("_", "-")
    order = None if plain in _NO_ORDER else _found(plain, _ORDERS)
    dates = DateForm.in_order(order) if order else None
    decimal = _found(plain, ((",", _COMMA), (".", _POINT)))
    if decimal == ",":
        return Culture(dates, (NumberForm(",", "."), NumberForm(",", " ")))
    if decimal == ".":
        return Culture(dates, (NumberForm(".", "'" if plain in _APOSTROPHE else ","),))
    return Culture(dates, ()) if dates else None


def _found(name: str, choices: Iterable[tuple[T, frozenset[str]]]) -> T | None:
    """Return what is said of a culture itself, or else of its language."""
    choices = list(choices)
    return next(
        (one for known in (name, name.partition("-")[0]) for one, names in choices if known in names), None
    )


def _plain(values: pa.StringArray, forms: Sequence[NumberForm], *, is_whole: bool) -> pa.StringArray:
    """Rewrite what can't be a number with a decimal point as it stands.

    :param is_whole: the column has whole numbers, in which a point that is no decimal mark can only group.
    """
    for form in forms:
        marks = {form.decimal, form.group} - {"."}
        if is_whole and form.group == ".":
            values = plain_numbers(values, form)
        elif marks:
            listed = "".join(marks).replace(" ", "\u00a0\u202f ")
            marked = pc.match_substring_regex(values, f"[{listed}]")
            values = pc.if_else(marked, plain_numbers(values, form), values)
    return values
