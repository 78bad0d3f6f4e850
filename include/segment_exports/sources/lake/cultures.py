"""Dates and numbers in the culture that ``model.json`` names, written as every source gives them.

The specification lets a model name a ``culture`` (``en-US``) by which its files write dates and numbers;
without one they are ISO 8601 and with a decimal point. Only columns of a date's or number's type are
rewritten, and of them only what can be read in one way: ``1.234`` may be a fraction in any file, so it stays.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import pyarrow.compute as pc

from segment_exports.contact_fields.form_columns import iso_dates, plain_numbers
from segment_exports.contact_fields.text_forms import DateForm, NumberForm

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pyarrow as pa

_DATES = frozenset({"date", "datetime", "datetimeoffset"})
_NUMBERS = frozenset({"decimal", "double", "float", "int64", "integer"})

_MONTH_FIRST = frozenset({"en-us", "en-ph", "fil-ph", "es-us", "es-pr"})
_YEAR_FIRST = frozenset({"en-ca", "en-za", "fr-ca", "hu", "ja", "ko", "lt", "mn", "sv", "zh"})
_EUROPEAN = frozenset(  # the day first, and a decimal comma
    {
        *("bg", "ca", "cs", "da", "de", "el", "es", "et", "eu", "fi", "fr", "gl", "hr", "id", "is", "it"),
        *("lv", "nb", "nl", "nn", "no", "pl", "pt", "ro", "ru", "sk", "sl", "sr", "tr", "uk", "vi"),
    }
)
_DAY_FIRST = _EUROPEAN | {"en-au", "en-gb", "en-ie", "en-in", "en-nz", "en-sg", "he"}
_COMMA = _EUROPEAN | {"hu", "lt", "sv"}
_POINT = frozenset(
    {"en", "he", "ja", "ko", "zh", "fil-ph", "de-ch", "it-ch", "fr-ch", "es-mx", "es-us", "es-pr"}
)
_GROUPS = {"de-ch": "'", "it-ch": "'", "fr-ch": "'"}
_BLANK_GROUPS = frozenset(
    {"bg", "cs", "et", "fi", "fr", "hu", "lt", "lv", "nb", "nn", "no", "pl", "ru", "sk", "sv", "uk"}
)

_ORDERS: Sequence[tuple[tuple[str, str, str], frozenset[str]]] = (
    (("month", "day", "year"), _MONTH_FIRST),
    (("year", "month", "day"), _YEAR_FIRST),
    (("day", "month", "year"), _DAY_FIRST),
)


@dataclass(frozen=True)
class Culture:
    """How dates and numbers are written; None where that isn't known, as the order of dates in ``en``."""

    dates: DateForm | None
    numbers: NumberForm | None

    def rewrite(self, batch: pa.RecordBatch, types: Mapping[str, str]) -> pa.RecordBatch:
        """Return a batch with its dates and numbers rewritten.

        :param types: data types of the columns, in small letters.
        """
        for index, name in enumerate(batch.schema.names):
            values, kind = batch.column(index), types.get(name, "")
            if kind in _DATES and self.dates:
                batch = batch.set_column(index, name, iso_dates(pc.utf8_trim_whitespace(values), self.dates))
            elif kind in _NUMBERS and self.numbers:
                batch = batch.set_column(index, name, _plain(values, self.numbers))
        return batch


@lru_cache
def culture_of(name: str) -> Culture | None:
    """Return a culture by its name (``pt-BR``); None where it isn't known."""
    plain = name.strip().casefold().replace("_", "-")
    dates = next(
        (DateForm.in_order(order) for order, names in _ORDERS if _is_one_of(plain, names)),
        None,
    )
    numbers = None
    if _is_one_of(plain, _COMMA) and plain not in _POINT:
        numbers = NumberForm(",", " " if _is_one_of(plain, _BLANK_GROUPS) else ".")
    elif _is_one_of(plain, _POINT):
        numbers = NumberForm(".", _GROUPS.get(plain, ","))
    return Culture(dates, numbers) if dates or numbers else None


def _is_one_of(name: str, names: frozenset[str]) -> bool:
    return name in names or name.partition("-")[0] in names


def _plain(values: pa.StringArray, form: NumberForm) -> pa.StringArray:
    """Rewrite what can't be a number with a decimal point as it stands."""
    marks = "".join({form.decimal, form.group} - {"."}).replace(" ", "\u00a0\u202f ")
    marked = pc.match_substring_regex(values, f"[{marks}]") if marks else None
    return pc.if_else(marked, plain_numbers(values, form), values) if marks else values
