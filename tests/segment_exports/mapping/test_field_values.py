from __future__ import annotations

import json
import math
from datetime import UTC, date, timedelta, timezone

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from segment_exports.contact_fields.fields import FieldType
from segment_exports.mapping.field_values import ValueRefusal, convert, date_milliseconds
from segment_exports.settings import bounds

EMPTY = None
DIGITS = st.text("0123456789", min_size=1, max_size=25)
SIGNS = st.sampled_from(["", "+", "-"])


def converted(field_type: FieldType, *values: str | None) -> list[str | ValueRefusal | None]:
    columns = convert(pa.array(values, pa.string()), field_type)
    pairs = zip(columns.values.to_pylist(), columns.refusals.to_pylist(), strict=True)
    return [value if refusal is None else ValueRefusal(refusal) for value, refusal in pairs]


@pytest.mark.parametrize(
    ("field_type", "text", "outcome"),
    [
        (FieldType.STRING, "high", "high"),
        (FieldType.STRING, " Rua 1\n2º andar ", " Rua 1\n2º andar "),
        (FieldType.STRING, "tab\t and bell\a", "tab\t and bell\a"),
        (FieldType.STRING, "\u00a0 \n", EMPTY),
        (FieldType.STRING, "a\0b", ValueRefusal.NUL_CHARACTER),
        (FieldType.TEXT, " Rua 1\n2º andar ", " Rua 1\n2º andar "),
        (FieldType.TEXT, "a\0b", ValueRefusal.NUL_CHARACTER),
        (FieldType.PHONE, " +61 401 ", "+61 401"),
        (FieldType.GEO, " Melbourne\u00a0", "Melbourne"),
        (FieldType.SELECT, " M ", "M"),
        (FieldType.MULTISELECT, " M; L ", "M; L"),
        (FieldType.MULTISELECT, " ", EMPTY),
        (FieldType.INTEGER, "12", "12"),
        (FieldType.INTEGER, " -3 ", "-3"),
        (FieldType.INTEGER, "+7", "7"),
        (FieldType.INTEGER, "-0", "0"),
        (FieldType.INTEGER, "007", "7"),
        (FieldType.INTEGER, "1200.00", "1200"),
        (FieldType.INTEGER, "9007199254740991", "9007199254740991"),
        (FieldType.INTEGER, "-9007199254740991.0", "-9007199254740991"),
        (FieldType.INTEGER, "9007199254740992", ValueRefusal.OUT_OF_RANGE),
        (FieldType.INTEGER, "-9007199254740992", ValueRefusal.OUT_OF_RANGE),
        (FieldType.INTEGER, "-9223372036854775808", ValueRefusal.OUT_OF_RANGE),
        (FieldType.INTEGER, "-9223372036854775809", ValueRefusal.OUT_OF_RANGE),
        (FieldType.INTEGER, "-" + "0" * 30, "0"),
        (FieldType.INTEGER, "9" * 5000, ValueRefusal.OUT_OF_RANGE),
        (FieldType.INTEGER, "0" * 30 + "5", "5"),
        (FieldType.INTEGER, "12.5", ValueRefusal.NOT_AN_INTEGER),
        (FieldType.INTEGER, "1,200", ValueRefusal.NOT_AN_INTEGER),
        (FieldType.INTEGER, "+-5", ValueRefusal.NOT_AN_INTEGER),
        (FieldType.INTEGER, "१२", ValueRefusal.NOT_AN_INTEGER),
        (FieldType.INTEGER, "", EMPTY),
        (FieldType.FLOAT, "1.50", "1.5"),
        (FieldType.FLOAT, "-.5", "-0.5"),
        (FieldType.FLOAT, "12", "12"),
        (FieldType.FLOAT, "-0.0", "0"),
        (FieldType.FLOAT, "1e3", "1000"),
        (FieldType.FLOAT, "1e999", ValueRefusal.OUT_OF_RANGE),
        (FieldType.FLOAT, "NaN", ValueRefusal.NOT_A_NUMBER),
        (FieldType.FLOAT, "Infinity", ValueRefusal.NOT_A_NUMBER),
        (FieldType.FLOAT, "1,5", ValueRefusal.NOT_A_NUMBER),
        (FieldType.FLOAT, " ", EMPTY),
        (FieldType.BOOLEAN, "true", "true"),
        (FieldType.BOOLEAN, " YES", "true"),
        (FieldType.BOOLEAN, "1", "true"),
        (FieldType.BOOLEAN, "False", "false"),
        (FieldType.BOOLEAN, "no", "false"),
        (FieldType.BOOLEAN, "0", "false"),
        (FieldType.BOOLEAN, "2", ValueRefusal.NOT_A_BOOLEAN),
        (FieldType.BOOLEAN, "sim", ValueRefusal.NOT_A_BOOLEAN),
        (FieldType.BOOLEAN, None, EMPTY),
        (FieldType.DATE, "2021-03-04", "2021-03-04T00:00:00.000Z"),
        (FieldType.DATE, "2021-03-04T05:06", "2021-03-04T05:06:00.000Z"),
        (FieldType.DATE, "2021-03-04 05:06:07", "2021-03-04T05:06:07.000Z"),
        (FieldType.DATE, "2021-03-04T05:06:07.1239999Z", "2021-03-04T05:06:07.123Z"),
        (FieldType.DATE, "2021-03-04T05:06:07.5-03:30", "2021-03-04T08:36:07.500Z"),
        (FieldType.DATE, "2021-03-04T00:30+01", "2021-03-03T23:30:00.000Z"),
        (FieldType.DATE, "2020-02-29", "2020-02-29T00:00:00.000Z"),
        (FieldType.DATE, "2021-02-29", ValueRefusal.NOT_A_DATE),
        (FieldType.DATE, "2021-04-31T10:00:00", ValueRefusal.NOT_A_DATE),
        (FieldType.DATE, "0001-01-01", "0001-01-01T00:00:00.000Z"),
        (FieldType.DATE, "0000-12-31", ValueRefusal.NOT_A_DATE),
        (FieldType.DATE, "0001-01-01T00:00:00+01:00", ValueRefusal.NOT_A_DATE),
        (FieldType.DATE, "9999-12-31T23:59:59-01:00", ValueRefusal.NOT_A_DATE),
        (FieldType.DATE, "2021-03-04T24:00:00", ValueRefusal.NOT_A_DATE),
        (FieldType.DATE, "2021-03-04T23:59:60Z", ValueRefusal.NOT_A_DATE),
        (FieldType.DATE, "3/4/2021", ValueRefusal.NOT_A_DATE),
        (FieldType.DATE, "20210304", ValueRefusal.NOT_A_DATE),
        (FieldType.DATE, "\t", EMPTY),
    ],
)
def test_text_becomes_a_value_of_the_field_or_is_refused(field_type, text, outcome):
    assert converted(field_type, text) == [outcome]
    assert converted(field_type, None, text, "") == [None, outcome, None]


@pytest.mark.parametrize("field_type", list(FieldType))
def test_a_value_beyond_32_kib_is_refused(field_type):
    assert converted(field_type, "ü" * (bounds.FIELD_VALUE_BYTES // 2) + "1", "1") == [
        ValueRefusal.TOO_LONG,
        converted(field_type, "1")[0],
    ]
    assert converted(FieldType.STRING, "x" * bounds.FIELD_VALUE_BYTES) == ["x" * bounds.FIELD_VALUE_BYTES]


@pytest.mark.parametrize("field_type", list(FieldType))
def test_a_column_without_rows_or_without_values_is_taken(field_type):
    assert converted(field_type) == []
    assert converted(field_type, None, None) == [None, None]


def test_what_may_be_a_thousand_is_no_integer_unless_a_form_says_so():
    texts = ["1.000", "-12.000", "+999.000"]
    assert converted(FieldType.INTEGER, *texts) == [ValueRefusal.NOT_AN_INTEGER] * 3
    assert converted(FieldType.INTEGER, "0.000", "1234.000", "01.000", "1.0000") == ["0", "1234", "1", "1"]
    for form, values in (("1.234,56", ["1000", "-12000", "999000"]), ("1234.56", ["1", "-12", "999"])):
        assert convert(pa.array(texts), FieldType.INTEGER, form).values.to_pylist() == values


def test_empty_values_are_counted():
    assert convert(pa.array(["1", "x", "", None]), FieldType.INTEGER).empty == 2


@settings(max_examples=200, deadline=None)
@given(SIGNS, DIGITS, st.sampled_from(["", ".", ".0", ".00"]))
def test_whole_numbers_that_every_reader_of_json_keeps_are_taken_as_python_reads_them(sign, digits, tail):
    number = int(sign + digits)
    fits = float(abs(number)) < 2**53
    assert converted(FieldType.INTEGER, sign + digits + tail) == [
        str(number) if fits else ValueRefusal.OUT_OF_RANGE
    ]


@settings(max_examples=200, deadline=None)
@given(st.floats(allow_nan=False, allow_infinity=False))
def test_a_float_survives_as_json(number):
    (text,) = converted(FieldType.FLOAT, repr(number))
    assert json.loads(text) == number


@settings(max_examples=200, deadline=None)
@given(st.text("0123456789.eE+-", max_size=12))
def test_floats_are_those_that_python_reads(text):
    (outcome,) = converted(FieldType.FLOAT, text)
    try:
        number = float(text)
    except ValueError:
        assert outcome is (ValueRefusal.NOT_A_NUMBER if text else EMPTY)
    else:
        assert outcome is ValueRefusal.OUT_OF_RANGE if math.isinf(number) else json.loads(outcome) == number


ZONES = st.none() | st.integers(-23 * 60 - 59, 23 * 60 + 59).map(
    lambda minutes: timezone(timedelta(minutes=minutes))
)
MOMENTS = st.datetimes(timezones=ZONES).filter(lambda moment: 2 <= moment.year <= 9998)


@settings(max_examples=200, deadline=None)
@given(st.lists(MOMENTS, max_size=3))
def test_dates_are_those_of_python_in_utc(moments):
    texts = [moment.isoformat() for moment in moments]
    in_utc = [
        moment.replace(tzinfo=moment.tzinfo or UTC).astimezone(UTC).replace(tzinfo=None) for moment in moments
    ]
    expected = [one.isoformat(timespec="milliseconds") + "Z" for one in in_utc]
    assert converted(FieldType.DATE, *texts) == expected


@settings(max_examples=200, deadline=None)
@given(st.integers(1, 9999), st.integers(0, 13), st.integers(0, 32))
def test_only_days_of_the_calendar_are_dates(year, month, day):
    text = f"{year:04}-{month:02}-{day:02}"
    try:
        expected: str | ValueRefusal = f"{date(year, month, day).isoformat()}T00:00:00.000Z"
    except ValueError:
        expected = ValueRefusal.NOT_A_DATE
    assert converted(FieldType.DATE, text) == [expected]
    with_offset = "0001-01-02T00:00+00:00"  # sends the column through the slower reading
    assert converted(FieldType.DATE, text, with_offset)[0] == expected


def test_dates_are_milliseconds_since_1970():
    column = pa.array(["1970-01-01T00:00:01", "1969-12-31T23:59:59.999Z", "soon", None])
    assert date_milliseconds(column).to_pylist() == [1000, -1, None, None]


@pytest.mark.parametrize(
    ("field_type", "form", "text", "outcome"),
    [
        (FieldType.DATE, "M/d/yyyy h:mm:ss tt", " 11/20/2026 2:33:00 PM ", "2026-11-20T14:33:00.000Z"),
        (FieldType.DATE, "M/d/yyyy", "2026-11-20", "2026-11-20T00:00:00.000Z"),
        (FieldType.DATE, "M/d/yyyy", "20/11/2026", ValueRefusal.NOT_A_DATE),
        (FieldType.DATE, "M/d/yyyy", "2/29/2025", ValueRefusal.NOT_A_DATE),
        (FieldType.DATE, "M/d/yyyy h:mm tt", "2/28/2025 13:00 PM", ValueRefusal.NOT_A_DATE),
        (FieldType.DATE, "M/d/yyyy", "", EMPTY),
        (FieldType.FLOAT, "1.234,56", "1.234,5", "1234.5"),
        (FieldType.FLOAT, "1.234,56", "12.5", ValueRefusal.NOT_A_NUMBER),
        (FieldType.INTEGER, "1.234,56", "1.234", "1234"),
        (FieldType.INTEGER, "1.234,56", "9.007.199.254.740.992", ValueRefusal.OUT_OF_RANGE),
        (FieldType.INTEGER, "1.234,56", "12,5", ValueRefusal.NOT_AN_INTEGER),
    ],
)
def test_values_in_a_form_of_the_source_are_taken_in_that_form_alone(field_type, form, text, outcome):
    columns = convert(pa.array([text, None]), field_type, form)
    assert columns.values[0].as_py() == (None if isinstance(outcome, ValueRefusal) else outcome)
    assert columns.refusals[0].as_py() == (outcome.value if isinstance(outcome, ValueRefusal) else None)
