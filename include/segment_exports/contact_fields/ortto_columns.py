"""Columns of text as the JSON values that Ortto's fields take, and which values they don't take.

=============  ====================================================================================
type           JSON
=============  ====================================================================================
text           ``"…"``, at most 255 Unicode characters
large_text     ``"…"``, at most 4,000
integer        ``12``
decimal        ``9990`` for 9.99: thousandths, the nearest whole number of them; within 64 bits
bool           ``true``
date           ``{"year":1980,"month":3,"day":4}``, the day in UTC
phone          ``{"phone":"61401234567","parse_with_country_code":true}`` of ``+61 401 234 567``;
               ``{"c":"61","n":"401234567"}`` of ``0401 234 567`` where a country code is given
geo            ``{"name":"Melbourne"}``, at most 255 Unicode characters
single_select  ``"…"``, one of the choices where these are given
multi_select   ``["…","…"]`` of text with ``;`` between choices, each of them once
=============  ====================================================================================

Facts: help.ortto.com, ``person/merge``, and ``a-235-rate-limits`` for the lengths.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from segment_exports.contact_fields import json_columns as as_json
from segment_exports.contact_fields.destination_fields import FieldRefusal
from segment_exports.contact_fields.ortto_names import OrttoType

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy.typing as npt

    from segment_exports.contact_fields.fields import MappedField

_TEXT_CHARACTERS = 255
_LARGE_TEXT_CHARACTERS = 4_000
_INT64 = float(2**63)
_DATE = r"\A0*([0-9]+)-0?([0-9]+)-0?([0-9]+).*\z"
_ABROAD = r"\A[\s\p{Zs}\p{Cf}(]*(?:\+|00)"
_BETWEEN_DIGITS = r"[\s\p{Zs}\p{Cf}\p{Pd}()./]*\(0\)|[\s\p{Zs}\p{Cf}\p{Pd}()./]+"
"""What stands between digits for the eye, and the 0 for callers at home, as in ``+44 (0)20``."""

_INTERNATIONAL = r"\A\+([1-9][0-9]{6,14})\z"
_NATIONAL = r"\A[0-9]{4,13}\z"
_TRUNK = {"1": r"\A1", "7": r"\A8([0-9]{10})\z", "36": r"\A06", "39": "", "225": "", "242": "", "378": ""}
"""What stands before a number at home alone, by country code; elsewhere it is one 0 (ITU-T E.164, national
dialling plans)."""


@dataclass(frozen=True)
class Typed:
    """A column of JSON values, null where nothing is sent, and one of why a value isn't taken."""

    values: pa.StringArray
    refusals: pa.StringArray


def typed(kind: OrttoType, field: MappedField, values: pa.StringArray) -> Typed:
    """Return a column of a field's values, as the mapping converts them, in the JSON of a type."""
    return _TYPES[kind](values, field)


def _text(values: pa.StringArray, most: int, refusal: FieldRefusal) -> Typed:
    fits = pc.less_equal(pc.utf8_length(values), most)
    return _taken(as_json.as_strings(values), (fits, refusal))


def _line(values: pa.StringArray, _: MappedField) -> Typed:
    return _text(values, _TEXT_CHARACTERS, FieldRefusal.LONGER_THAN_255)


def _long_text(values: pa.StringArray, _: MappedField) -> Typed:
    return _text(values, _LARGE_TEXT_CHARACTERS, FieldRefusal.LONGER_THAN_4000)


def _as_it_is(values: pa.StringArray, _: MappedField) -> Typed:
    return _taken(values)


def _thousandths(values: pa.StringArray, _: MappedField) -> Typed:
    scaled = pc.round(pc.multiply(values.cast(pa.float64()), 1000.0))
    within = pc.and_(pc.greater_equal(scaled, -_INT64), pc.less(scaled, _INT64))
    whole = pc.if_else(within, scaled, None).cast(pa.int64())
    return _taken(whole.cast(pa.string()), (within, FieldRefusal.OUT_OF_RANGE))


def _date(values: pa.StringArray, _: MappedField) -> Typed:
    return _taken(pc.replace_substring_regex(values, _DATE, r'{"year":\1,"month":\2,"day":\3}'))


def _phone(values: pa.StringArray, field: MappedField) -> Typed:
    numbers = pc.replace_substring_regex(values, _ABROAD, "+")
    numbers = pc.replace_substring_regex(numbers, _BETWEEN_DIGITS, "")
    abroad = pc.match_substring_regex(numbers, _INTERNATIONAL)
    at_home = pc.match_substring_regex(numbers, _NATIONAL)
    whole = r'{"phone":"\1","parse_with_country_code":true}'
    told = pc.replace_substring_regex(numbers, _INTERNATIONAL, whole)
    is_number = (pc.or_(abroad, at_home), FieldRefusal.NOT_A_PHONE_NUMBER)
    if not field.form:
        return _taken(told, is_number, (abroad, FieldRefusal.NO_COUNTRY_CODE))
    code = field.form.removeprefix("+")
    split = as_json.around(f'{{"c":"{code}","n":"', _without_trunk(numbers, code), '"}')
    return _taken(pc.if_else(abroad, told, split), is_number)


def _without_trunk(numbers: pa.StringArray, code: str) -> pa.StringArray:
    trunk = _TRUNK.get(code, r"\A0")
    rest = r"\1" if "(" in trunk else ""
    return pc.replace_substring_regex(numbers, trunk, rest) if trunk else numbers


def _geo(values: pa.StringArray, field: MappedField) -> Typed:
    name = _line(values, field)
    return Typed(as_json.around('{"name":', name.values, "}"), name.refusals)


def _choice(values: pa.StringArray, field: MappedField) -> Typed:
    fits = pc.less_equal(pc.utf8_length(values), _TEXT_CHARACTERS)
    choices = (_among(values, field), FieldRefusal.NOT_A_CHOICE)
    return _taken(as_json.as_strings(values), (fits, FieldRefusal.LONGER_THAN_255), choices)


def _choices(values: pa.StringArray, field: MappedField) -> Typed:
    """Split each text at ``;``: blanks around a choice don't count, nor do empty ones."""
    lists = pc.split_pattern(values, ";")
    rows = np.asarray(pc.list_parent_indices(lists))
    parts = pc.utf8_trim_whitespace(pc.list_flatten(lists))
    firsts = pa.array(_firsts(rows, parts))
    rows, parts = rows[firsts], parts.take(firsts)
    ends = np.searchsorted(rows, np.arange(len(values) + 1))
    listed = pa.ListArray.from_arrays(pa.array(ends, pa.int32()), as_json.as_strings(parts))
    joined = pc.if_else(values.is_valid(), pc.binary_join(listed, ","), None)
    refusals = _at(rows, _choice(parts, field).refusals, len(values))
    is_told = pc.and_(refusals.is_null(), pc.not_equal(joined, ""))
    return Typed(as_json.around("[", pc.if_else(is_told, joined, None), "]"), refusals)


def _among(values: pa.StringArray, field: MappedField) -> pa.BooleanArray:
    if not field.values:
        return pa.repeat(pa.scalar(True), len(values))
    return pc.or_(values.is_null(), pc.is_in(values, value_set=pa.array(field.values)))


def _firsts(rows: npt.NDArray[np.int64], parts: pa.StringArray) -> npt.NDArray[np.int64]:
    """Return where each part of a row stands first, empty ones left out."""
    codes = np.asarray(parts.dictionary_encode().indices)
    _, firsts = np.unique(rows * (len(parts) + 1) + codes, return_index=True)
    firsts.sort()
    has_text = np.asarray(pc.greater(pc.binary_length(parts), 0), dtype=np.bool_)
    return firsts[has_text[firsts]]


def _at(rows: npt.NDArray[np.int64], refusals: pa.StringArray, length: int) -> pa.StringArray:
    """Return the first refusal of each row of its parts'."""
    refused = np.flatnonzero(np.asarray(refusals.is_valid()))[::-1]
    found = np.full(length, -1)
    found[rows[refused]] = refused
    return refusals.take(pa.array(found, mask=found < 0))


def _taken(told: pa.StringArray, *judged: tuple[pa.BooleanArray, FieldRefusal]) -> Typed:
    """Return the values told where all that is judged is good, else the first refusal."""
    refusals = pa.nulls(len(told), pa.string())
    for is_good, refusal in reversed(judged):
        refusals = pc.if_else(is_good.fill_null(fill_value=True), refusals, refusal.value)
    return Typed(pc.if_else(refusals.is_null(), told, None), refusals)


_TYPES: dict[OrttoType, Callable[[pa.StringArray, MappedField], Typed]] = {
    OrttoType.TEXT: _line,
    OrttoType.LARGE_TEXT: _long_text,
    OrttoType.INTEGER: _as_it_is,
    OrttoType.DECIMAL: _thousandths,
    OrttoType.BOOL: _as_it_is,
    OrttoType.DATE: _date,
    OrttoType.PHONE: _phone,
    OrttoType.GEO: _geo,
    OrttoType.SINGLE_SELECT: _choice,
    OrttoType.MULTI_SELECT: _choices,
}
