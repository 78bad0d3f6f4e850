"""Columns of dates and numbers in a form of the source's, written as ISO 8601 and with a decimal point.

Dates that aren't of the form stay as they are: whoever converts them takes ISO 8601 and nothing else.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

if TYPE_CHECKING:
    from segment_exports.contact_fields.text_forms import DateForm, NumberForm

_NOON = 12


def iso_dates(values: pa.StringArray, form: DateForm) -> pa.StringArray:
    """Return a column with the dates of a form in ISO 8601."""
    parts = pc.extract_regex(values, form.regex)
    if parts.null_count == len(parts):
        return values
    named = {field.name: pc.struct_field(parts, field.name) for field in parts.type}
    date = pc.binary_join_element_wise(named["year"], _two(named["month"]), _two(named["day"]), "-")
    clock = pc.binary_join_element_wise(
        _two(_hours(named["hour"], named["half"])), _two(named["minute"]), _two(named["second"]), ":"
    )
    fraction = named["fraction"]
    exact = pc.if_else(pc.equal(fraction, ""), clock, pc.binary_join_element_wise(clock, fraction, "."))
    return pc.coalesce(pc.binary_join_element_wise(date, exact, "T"), values)


def plain_numbers(values: pa.StringArray, form: NumberForm, *, others: str | None = None) -> pa.StringArray:
    """Return a column with the numbers of a form without groups and with a decimal point.

    :param others: stands for values that aren't of the form, which stay as they are by default.
    """
    fits = pc.match_substring_regex(pc.utf8_trim_whitespace(values), form.regex)
    plain = pc.replace_substring_regex(values, form.group_regex, "") if form.group_regex else values
    plain = pc.replace_substring(plain, form.decimal, ".")
    return pc.if_else(fits, plain, values if others is None else others)


def _two(digits: pa.StringArray) -> pa.StringArray:
    return pc.utf8_lpad(digits, 2, "0")


def _hours(hours: pa.StringArray, halves: pa.StringArray) -> pa.StringArray:
    """Return hours of 24; those of a clock of twelve that it doesn't have stay as 99, which is no hour."""
    given = pc.if_else(pc.equal(hours, ""), "0", hours).cast(pa.int64())
    is_half = pc.not_equal(halves, "")
    afternoon = pc.if_else(pc.equal(pc.ascii_lower(halves), "p"), _NOON, 0)
    of_twelve = pc.and_(pc.greater_equal(given, 1), pc.less_equal(given, _NOON))
    turned = pc.add(pc.if_else(pc.equal(given, _NOON), 0, given), afternoon)
    return pc.if_else(is_half, pc.if_else(of_twelve, turned, 99), given).cast(pa.string())
