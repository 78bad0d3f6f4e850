"""Convert profile attributes, which are all text, to the types of contact fields, column by column.

===========  ===============================================================  =========================
type         what is taken (blanks around it are ignored, but in strings)     text given
===========  ===============================================================  =========================
string       any text without NUL; line breaks and blanks stay                as it is
integer      ``12``, ``-3``, ``+7``, ``007``, ``12.0``; up to 2^53 - 1         ``12``
             but not ``1.000``, which may be a thousand, unless in a form
float        ``1.5``, ``.5``, ``-2``, ``1e3``; finite                         shortest, as ``1.5``
boolean      true, false, yes, no, 1, 0 in any case                           ``true`` or ``false``
others       any text without NUL                                              trimmed, but for ``text``
date         ISO 8601 date, or date and time; UTC where no zone is named      ``2021-03-04T05:06:07.000Z``
===========  ===============================================================  =========================

An integer beyond ±(2^53 - 1) is refused: it travels as a number of JSON, which many readers take for a double
(RFC 8259 section 6), and then it is another number. Ids and card numbers belong into a string.

Text of blanks only is empty for every type. Dates are written as destinations give them back (for
example Autopilot, by recorded responses of 2017 and 2021); parts of a millisecond are cut off.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from segment_exports.contact_fields.fields import FieldType
from segment_exports.contact_fields.form_columns import iso_dates, plain_numbers
from segment_exports.contact_fields.text_forms import DateForm, NumberForm
from segment_exports.settings import bounds

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy.typing as npt

LARGEST_INTEGER = 2**53 - 1
"""Beyond it, to both sides, not every reader of JSON keeps a whole number as it is."""

_INT64_DIGITS = 18
_INTEGER = r"\A[+-]?[0-9]+(?:\.0*)?\z"
_MAY_BE_GROUPED = r"\A[+-]?[1-9][0-9]{0,2}\.000\z"
"""Whoever puts a point between thousands writes a thousand so: taken for one, it would be lost in silence."""
_SHORT_INTEGER = rf"\A[+-]?[0-9]{{1,{_INT64_DIGITS}}}\z"
_FLOAT = r"\A[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?\z"
_CLOCK = r"(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]"
_PLAIN_DATE = (
    r"\A[0-9]{4}-(?:(?:0[13578]|1[02])-(?:0[1-9]|[12][0-9]|3[01])"
    r"|(?:0[469]|11)-(?:0[1-9]|[12][0-9]|30)|02-(?:0[1-9]|1[0-9]|2[0-8]))"
    rf"(?:[T ]{_CLOCK}(?:\.[0-9]{{1,9}})?Z?)?\z"
)
"""Days that exist in every year, without an offset: Arrow reads them at once."""

_ANY_DATE = (
    r"\A(?P<year>[0-9]{4})-(?P<month>0[1-9]|1[0-2])-(?P<day>0[1-9]|[12][0-9]|3[01])"
    r"(?:[T ](?P<hour>[01][0-9]|2[0-3]):(?P<minute>[0-5][0-9])"
    r"(?::(?P<second>[0-5][0-9])(?:\.(?P<fraction>[0-9]{1,9}))?)?"
    r"(?:Z|(?P<sign>[+-])(?P<ahead_hours>[01][0-9]|2[0-3])(?::?(?P<ahead_minutes>[0-5][0-9]))?)?)?\z"
)
_OF_NO_FORM = "?"
"""Stands for a number that is not in the form that the definition names; it is none in any."""

_FORMED = {FieldType.DATE, FieldType.INTEGER, FieldType.FLOAT}
_AS_IT_IS = {FieldType.STRING, FieldType.TEXT}
_TRUE = pa.array(["true", "yes", "1"])
_FALSE = pa.array(["false", "no", "0"])
_DAY_MILLISECONDS = 86_400_000
_FIRST_MOMENT = int(np.datetime64("0001-01-01", "ms").astype(np.int64))
_LAST_MOMENT = int(np.datetime64("9999-12-31T23:59:59.999", "ms").astype(np.int64))


class ValueRefusal(StrEnum):
    """Why a value is refused. The texts are stable: they stand in reports and ``refused.csv``."""

    TOO_LONG = "too_long"
    NUL_CHARACTER = "nul_character"
    NOT_AN_INTEGER = "not_an_integer"
    NOT_A_NUMBER = "not_a_number"
    OUT_OF_RANGE = "out_of_range"
    NOT_A_BOOLEAN = "not_a_boolean"
    NOT_A_DATE = "not_a_date"


@dataclass(frozen=True)
class Converted:
    """Two string columns, one row per value: the value's text, and why it is refused.

    Both are null where the value is empty.
    """

    values: pa.StringArray
    refusals: pa.StringArray

    @property
    def empty(self) -> int:
        """How many values are empty."""
        return int(self.values.null_count + self.refusals.null_count - len(self.values))

    def but(self, refusals: pa.StringArray | None) -> Converted:
        """Return the same without values that are refused besides; None for none."""
        if refusals is None or refusals.null_count == len(refusals):
            return self
        return Converted(
            pc.if_else(refusals.is_null(), self.values, None), pc.coalesce(self.refusals, refusals)
        )


def convert(values: pa.StringArray, field_type: FieldType, form: str | None = None) -> Converted:
    """Return a column's values as text of the field's type, or why they are refused.

    :param form: how the source writes dates or numbers, by :mod:`segment_exports.contact_fields.text_forms`.
        Dates in ISO 8601 are taken as well, numbers in no other form.
    """
    long = pc.greater(pc.binary_length(values), bounds.FIELD_VALUE_BYTES)
    has_long = bool(pc.any(long).as_py())
    if has_long:
        values = pc.if_else(long, None, values)
    plain = _without_blanks(values, field_type)
    if form and field_type in _FORMED:
        plain = _from_form(plain, field_type, form)
    elif field_type is FieldType.INTEGER:
        plain = pc.if_else(pc.match_substring_regex(plain, _MAY_BE_GROUPED), _OF_NO_FORM, plain)
    converted = _CONVERSIONS[field_type](plain)
    if not has_long:
        return converted
    refusals = pc.if_else(long.fill_null(fill_value=False), ValueRefusal.TOO_LONG.value, converted.refusals)
    return Converted(converted.values, refusals)


def _from_form(values: pa.StringArray, field_type: FieldType, form: str) -> pa.StringArray:
    if field_type is FieldType.DATE:
        return iso_dates(values, DateForm.of(form))
    return plain_numbers(values, NumberForm.of(form), others=_OF_NO_FORM)


def date_milliseconds(values: pa.StringArray) -> pa.Int64Array:
    """Return milliseconds since 1970 (UTC) of ISO 8601 dates; null for anything else."""
    plain = pc.match_substring_regex(values, _PLAIN_DATE).fill_null(fill_value=False)
    text = pc.utf8_rtrim(pc.utf8_slice_codeunits(pc.if_else(plain, values, None), 0, 23), "Z")
    moments = text.cast(pa.timestamp("ms")).cast(pa.int64())
    others = pc.and_not(values.is_valid(), plain)
    if pc.any(others).as_py():
        moments = pc.replace_with_mask(moments, others, _any_date(values.filter(others)))
    return pc.if_else(
        pc.and_(pc.greater_equal(moments, _FIRST_MOMENT), pc.less_equal(moments, _LAST_MOMENT)), moments, None
    )


def _any_date(values: pa.StringArray) -> pa.Int64Array:
    parts = pc.extract_regex(values, _ANY_DATE)
    year, month, day = (_number(parts.field(name)) for name in ("year", "month", "day"))
    months = ((year - 1970) * 12 + month - 1).astype("datetime64[M]")
    first_day = months.astype("datetime64[D]").astype(np.int64)
    days_of_month = (months + 1).astype("datetime64[D]").astype(np.int64) - first_day
    clock = _minutes(parts, "hour", "minute") * 60_000 + _number(parts.field("second")) * 1_000
    thousandths = _number(pc.utf8_rpad(pc.utf8_slice_codeunits(parts.field("fraction"), 0, 3), 3, "0"))
    ahead = _minutes(parts, "ahead_hours", "ahead_minutes") * 60_000
    behind = np.asarray(pc.equal(parts.field("sign"), "-").fill_null(fill_value=False))
    moments = (
        (first_day + day - 1) * _DAY_MILLISECONDS + clock + thousandths + np.where(behind, ahead, -ahead)
    )
    return pa.array(moments, mask=~(np.asarray(parts.is_valid()) & (day <= days_of_month)))


def _without_blanks(values: pa.StringArray, field_type: FieldType) -> pa.StringArray:
    """Make text of blanks null; trim it around all but strings."""
    trimmed = pc.utf8_trim_whitespace(values)
    empty = pc.equal(pc.binary_length(trimmed), 0)
    kept = values if field_type in _AS_IT_IS else trimmed
    return pc.if_else(empty, None, kept) if pc.any(empty).as_py() else kept


def _string(values: pa.StringArray) -> Converted:
    return _judged(values, values, pc.invert(pc.match_substring(values, "\0")), ValueRefusal.NUL_CHARACTER)


def _integer(values: pa.StringArray) -> Converted:
    is_integer = pc.match_substring_regex(values, _INTEGER)
    digits = pc.replace_substring_regex(values, r"\A\+|\.0*\z", "")
    numbers = _whole_numbers(digits)
    long = pc.and_not(is_integer, numbers.is_valid()).fill_null(fill_value=False)
    if pc.any(long).as_py():
        significant = pc.replace_substring_regex(digits.filter(long), r"\A(-?)0+([0-9])", r"\1\2")
        numbers = pc.replace_with_mask(numbers, long, _whole_numbers(significant))
    within = pc.less_equal(pc.abs(numbers), LARGEST_INTEGER)
    text = pc.if_else(within, numbers, None).cast(pa.string())
    judged = _judged(values, text, is_integer, ValueRefusal.NOT_AN_INTEGER)
    beyond = pc.and_not(is_integer, text.is_valid()).fill_null(fill_value=False)
    return Converted(judged.values, pc.if_else(beyond, ValueRefusal.OUT_OF_RANGE.value, judged.refusals))


def _whole_numbers(digits: pa.StringArray) -> pa.Int64Array:
    """Return the numbers of at most 18 digits; null for anything else."""
    return pc.if_else(pc.match_substring_regex(digits, _SHORT_INTEGER), digits, None).cast(pa.int64())


def _float(values: pa.StringArray) -> Converted:
    is_number = pc.match_substring_regex(values, _FLOAT)
    numbers = pc.add(pc.if_else(is_number, values, None).cast(pa.float64()), 0.0)  # -0 becomes 0
    finite = pc.is_finite(numbers)
    judged = _judged(values, numbers.cast(pa.string()), is_number, ValueRefusal.NOT_A_NUMBER)
    beyond = pc.fill_null(pc.invert(finite), fill_value=False)
    return Converted(
        pc.if_else(beyond, None, judged.values),
        pc.if_else(beyond, ValueRefusal.OUT_OF_RANGE.value, judged.refusals),
    )


def _boolean(values: pa.StringArray) -> Converted:
    lowered = pc.ascii_lower(values)
    true = pc.is_in(lowered, value_set=_TRUE)
    known = pc.or_(true, pc.is_in(lowered, value_set=_FALSE))
    return _judged(values, pc.if_else(true, "true", "false"), known, ValueRefusal.NOT_A_BOOLEAN)


def _date(values: pa.StringArray) -> Converted:
    moments = date_milliseconds(values)
    text = pc.binary_join_element_wise(
        pc.replace_substring(moments.cast(pa.timestamp("ms")).cast(pa.string()), " ", "T"), "Z", ""
    )
    return _judged(values, text, moments.is_valid(), ValueRefusal.NOT_A_DATE)


def _judged(
    values: pa.StringArray, text: pa.StringArray, good: pa.BooleanArray, refusal: ValueRefusal
) -> Converted:
    """Keep ``text`` where a value is there and good; refuse values that are there and not good."""
    present = values.is_valid()
    accepted = pc.and_(present, good.fill_null(fill_value=False))
    if pc.all(pc.equal(accepted, present)).as_py():
        return Converted(pc.if_else(present, text, None), pa.nulls(len(values), pa.string()))
    refused = pc.and_not(present, accepted)
    return Converted(
        pc.if_else(accepted, text, None), pc.if_else(refused, pa.scalar(refusal.value), pa.scalar(None))
    )


def _minutes(parts: pa.StructArray, hours: str, minutes: str) -> npt.NDArray[np.int64]:
    return _number(parts.field(hours)) * 60 + _number(parts.field(minutes))


def _number(digits: pa.StringArray) -> npt.NDArray[np.int64]:
    return np.asarray(pc.if_else(pc.equal(digits, ""), "0", digits).fill_null("0").cast(pa.int64()))


_CONVERSIONS: dict[FieldType, Callable[[pa.StringArray], Converted]] = {
    FieldType.STRING: _string,
    FieldType.INTEGER: _integer,
    FieldType.FLOAT: _float,
    FieldType.BOOLEAN: _boolean,
    FieldType.DATE: _date,
    **dict.fromkeys((FieldType.TEXT, FieldType.PHONE, FieldType.GEO), _string),
    **dict.fromkeys((FieldType.SELECT, FieldType.MULTISELECT), _string),
}
