from __future__ import annotations

import json

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from segment_exports.contact_fields.autopilot import AutopilotFields
from segment_exports.contact_fields.fields import FieldType, MappedField
from segment_exports.contact_fields.json_columns import escape_json

EMAIL = MappedField("Email", "EMail", FieldType.STRING, custom=False)
NAME = MappedField("FirstName", "FirstName", FieldType.STRING, custom=False)
CITY = MappedField("MailingCity", "City", FieldType.STRING, custom=False)
TIER = MappedField("string--Loyalty--Tier", "Tier", FieldType.STRING, custom=True)
POINTS = MappedField("integer--Points", "Points", FieldType.INTEGER, custom=True)
INCOME = MappedField("float--Income", "Income", FieldType.FLOAT, custom=True)
ACTIVE = MappedField('boolean--"Ação"', "Active", FieldType.BOOLEAN, custom=True)
COLORS = MappedField("multiselect--Colors", "Colors", FieldType.MULTISELECT, custom=True)
BORN = MappedField("date--Born", "Born", FieldType.DATE, custom=True)
FIELDS = [EMAIL, NAME, CITY, TIER, POINTS, INCOME, ACTIVE, BORN]

TEXTS = st.text(max_size=12) | st.text('"\\/\n\r\t\0\x1f\x7fü😀\u2028', max_size=8)
ROWS = st.lists(
    st.tuples(
        TEXTS,
        st.none() | TEXTS,
        st.none() | TEXTS,
        st.none() | TEXTS,
        st.none() | st.integers(-(2**63), 2**63 - 1),
        st.none() | st.floats(allow_nan=False, allow_infinity=False),
        st.none() | st.booleans(),
        st.none() | st.just("2021-03-04T05:06:07.000Z"),
    ),
    max_size=5,
)


def rendered(fields: list[MappedField], rows: list[tuple[object, ...]]) -> list[str]:
    columns = zip(*rows, strict=True) if rows else [[] for _ in fields]
    texts = [
        pa.array([as_text(value) for value in column], pa.string())
        for column, _ in zip(columns, fields, strict=True)
    ]
    return AutopilotFields().render(fields, texts).to_pylist()


def as_text(value: object) -> str | None:
    return value if value is None or isinstance(value, str) else json.dumps(value)


def expected(fields: list[MappedField], row: tuple[object, ...]) -> dict[str, object]:
    given_values = [(field, value) for field, value in zip(fields, row, strict=True) if value is not None]
    contact = {field.target: value for field, value in given_values if not field.custom}
    custom = {field.target: value for field, value in given_values if field.custom}
    return contact | ({"custom": custom} if custom else {})


def test_a_contact_is_one_json_object_with_custom_fields_inside():
    row = ("ana@example.com", "Ana", None, "high", 12, 1.5, True, "2021-03-04T00:00:00.000Z")
    assert rendered(FIELDS, [row]) == [
        '{"Email":"ana@example.com","FirstName":"Ana","custom":{"string--Loyalty--Tier":"high",'
        '"integer--Points":12,"float--Income":1.5,"boolean--\\"Ação\\"":true,'
        '"date--Born":"2021-03-04T00:00:00.000Z"}}'
    ]


@pytest.mark.parametrize(
    ("fields", "row", "text"),
    [
        ([EMAIL], ("a@x.de",), '{"Email":"a@x.de"}'),
        ([EMAIL, NAME], ("a@x.de", None), '{"Email":"a@x.de"}'),
        ([EMAIL, TIER], ("a@x.de", None), '{"Email":"a@x.de"}'),
        (
            [EMAIL, COLORS],
            ("a@x.de", "red;blue"),
            '{"Email":"a@x.de","custom":{"string--Colors":"red;blue"}}',
        ),
        ([EMAIL, TIER, POINTS], ("a@x.de", None, 0), '{"Email":"a@x.de","custom":{"integer--Points":0}}'),
    ],
)
def test_empty_values_are_left_out(fields, row, text):
    assert rendered(fields, [row]) == [text]


@settings(max_examples=300, deadline=None)
@given(ROWS)
def test_any_value_reads_back_as_it_was_in_the_order_of_the_mapping(rows):
    for text, row in zip(rendered(FIELDS, rows), rows, strict=True):
        contact = json.loads(text)
        assert contact == expected(FIELDS, row)
        assert list(contact) == list(expected(FIELDS, row))
        assert list(contact.get("custom", {})) == list(expected(FIELDS, row).get("custom", {}))


@settings(max_examples=200, deadline=None)
@given(st.lists(st.none() | TEXTS, max_size=5), st.data())
def test_text_is_escaped_as_python_does_also_in_a_slice(values, data):
    start = data.draw(st.integers(0, len(values)))
    column = pa.array(values, pa.string()).slice(start)
    assert escape_json(column).to_pylist() == [
        value if value is None else json.dumps(value, ensure_ascii=False)[1:-1] for value in values[start:]
    ]


@settings(max_examples=50, deadline=None)
@given(ROWS)
def test_equal_values_give_equal_text_whatever_stands_beside_them(rows):
    alone = [rendered(FIELDS, [row])[0] for row in rows]
    assert rendered(FIELDS, rows) == alone
