"""What neutral fields become at Ortto, held against a plain reading of each row."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pyarrow as pa
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from segment_exports.contact_fields.fields import STANDARD_FIELDS, FieldType, MappedField
from segment_exports.contact_fields.ortto import CustomField, OrttoFields, custom_fields
from segment_exports.mapping.field_values import convert

if TYPE_CHECKING:
    from decimal import Decimal

EMAIL = MappedField("Email", "EMail", FieldType.STRING, custom=False)


def standard(name: str, **how: str) -> MappedField:
    return MappedField(name, f"the {name}", FieldType.STRING, custom=False, **how)  # type: ignore[arg-type]


def custom(target: str, **how: object) -> MappedField:
    kind = FieldType(target.partition("--")[0])
    return MappedField(target, f"the {target}", kind, custom=True, **how)  # type: ignore[arg-type]


COLORS = custom("multiselect--Colors")
FIELDS = [
    EMAIL,
    standard("FirstName"),
    standard("MailingCity"),
    standard("Company"),
    custom("string--Loyalty--Tier"),
    custom('text--"Ação"'),
    custom("integer--Points"),
    custom("float--Income"),
    custom("boolean--Active"),
    custom("date--Born"),
    custom("geo--Home"),
    custom("select--Size"),
    COLORS,
]

TEXTS = st.text(min_size=1, max_size=12) | st.text('"\\/\n\r\t\x1f\x7fü😀\u2028@:,', min_size=1, max_size=10)
CHOICES = st.lists(st.text('ab"\\ü😀,:@', min_size=1, max_size=3), min_size=1, max_size=4)
ROWS = st.lists(
    st.tuples(
        TEXTS,
        st.none() | TEXTS,
        st.none() | TEXTS,
        st.none() | TEXTS,
        st.none() | TEXTS,
        st.none() | TEXTS,
        st.none() | st.integers(-(2**53), 2**53),
        st.none() | st.floats(-9e15, 9e15),
        st.none() | st.booleans(),
        st.none() | st.dates(),
        st.none() | TEXTS,
        st.none() | TEXTS,
        st.none() | CHOICES,
    ),
    max_size=5,
)


def as_converted(value: object) -> str | None:
    """The text that the mapping gives to a value of a profile."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, list):
        return " ; ".join(value)
    if isinstance(value, int | float):
        return json.dumps(value)
    return f"{value.isoformat()}T00:00:00.000Z"  # type: ignore[attr-defined]


def rendered(fields: list[MappedField], rows: list[tuple[object, ...]]) -> list[str]:
    columns = zip(*rows, strict=True) if rows else [[] for _ in fields]
    texts = [pa.array(list(map(as_converted, column)), pa.string()) for column in columns]
    return OrttoFields().render(fields, texts).to_pylist()


def alone(field: MappedField, value: object) -> tuple[object, str | None]:
    """What one value becomes in JSON (None where it isn't sent), and why it is refused."""
    texts = pa.array([as_converted(value)], pa.string())
    contact = json.loads(OrttoFields().render([EMAIL, field], [pa.array(["a@x.de"]), texts])[0].as_py())
    del contact["str::email"]
    return next(iter(contact.values()), None), OrttoFields().refusals(field, texts)[0].as_py()


def expected(row: tuple[object, ...]) -> dict[str, object]:
    """A plain reading of a row of FIELDS."""
    email, first, city, company, tier, notes, points, income, active, born, home, size, colors = row
    contact = {
        "str::email": email,
        "str::first": first,
        "geo::city": city and {"name": city},
        "@Company": company,
        "@string--Loyalty--Tier": tier,
        "@text--'Ação'": notes,
        "@integer--Points": points,
        "@float--Income": None if income is None else round(income * 1000),  # type: ignore[operator]
        "@boolean--Active": active,
        "@date--Born": born and {"year": born.year, "month": born.month, "day": born.day},  # type: ignore[attr-defined]
        "@geo--Home": home and {"name": home},
        "@select--Size": size,
        "@multiselect--Colors": colors and list(dict.fromkeys(colors)),  # type: ignore[call-overload]
    }
    return {key: value for key, value in contact.items() if value is not None}


def test_a_contact_is_one_json_object_with_the_address_first() -> None:
    fields = [EMAIL, standard("FirstName"), standard("Company"), custom("float--Income")]
    assert rendered(
        fields, [("ana@example.com", "Ana", "Acme", 9.99), ("b@example.com", None, None, None)]
    ) == [
        '{"str::email":"ana@example.com","str::first":"Ana","@Company":"Acme","@float--Income":9990}',
        '{"str::email":"b@example.com"}',
    ]


@settings(max_examples=300, deadline=None)
@given(ROWS)
def test_any_row_reads_back_as_a_plain_reading_gives_it_in_the_order_of_the_mapping(rows) -> None:
    for text, row in zip(rendered(FIELDS, rows), rows, strict=True):
        assert json.loads(text) == expected(row)
        assert list(json.loads(text)) == list(expected(row))


@settings(max_examples=50, deadline=None)
@given(ROWS)
def test_equal_values_give_equal_text_whatever_stands_beside_them(rows) -> None:
    assert rendered(FIELDS, rows) == [rendered(FIELDS, [row])[0] for row in rows]


ANYTHING = st.lists(
    st.none()
    | TEXTS
    | st.text("+0123456789()-. ;", max_size=20)
    | st.floats().map(str)
    | st.integers().map(str)
    | st.datetimes().map(str)
    | st.sampled_from(["yes", "a;a", ";", "x" * 256, "x" * 4_001, "+61 401 234 567"]),
    max_size=6,
)


@pytest.mark.parametrize("kind", FieldType)
@settings(max_examples=60, deadline=None)
@given(texts=ANYTHING, code=st.sampled_from([None, "+1", "+7", "+39", "+61"]))
def test_whatever_a_source_says_is_sent_as_json_of_its_type_or_refused(
    kind: FieldType, texts: list[str | None], code: str | None
) -> None:
    field = custom(f"{kind}--Any", form=code if kind is FieldType.PHONE else None)
    column = convert(pa.array(texts, pa.string()), kind).values
    refusals = OrttoFields().refusals(field, column)
    emails = pa.array(["a@x.de"] * len(texts), pa.string())
    payloads = OrttoFields().render([EMAIL, field], [emails, column]).to_pylist()
    for text, refusal, payload in zip(column.to_pylist(), refusals.to_pylist(), payloads, strict=True):
        sent = json.loads(payload).get(f"@{kind}--Any")
        if text is None or refusal is not None:
            assert sent is None
        elif kind is FieldType.MULTISELECT:
            assert (sent or []) == list(dict.fromkeys(filter(None, map(str.strip, text.split(";")))))
        else:
            assert type(sent) in SENT_AS[kind]


SENT_AS = {
    FieldType.STRING: [str],
    FieldType.TEXT: [str],
    FieldType.SELECT: [str],
    FieldType.INTEGER: [int],
    FieldType.FLOAT: [int],
    FieldType.BOOLEAN: [bool],
    FieldType.DATE: [dict],
    FieldType.PHONE: [dict],
    FieldType.GEO: [dict],
}

NAMES = st.text('xyA":,\\@ü😀', min_size=1, max_size=8) | st.sampled_from(['x"@Company', 'y"@string--x'])


@settings(max_examples=300, deadline=None)
@given(st.lists(NAMES, min_size=1, max_size=4, unique=True), st.data())
def test_the_key_of_a_custom_field_stands_once_in_a_payload_whatever_the_values_and_other_keys(
    names: list[str], data: st.DataObject
) -> None:
    fields = [EMAIL, standard("Company"), *(custom(f"string--{name}") for name in names)]
    assume(not list(OrttoFields().contradictions(fields)))
    keys = [json.dumps(f"@string--{name}", ensure_ascii=False) + ":" for name in names]
    values = st.text('xA":,\\@ü😀', min_size=1) | st.sampled_from(keys) | st.just('"@Company":')
    row = tuple(data.draw(values) for _ in fields)
    payload = rendered(fields, [row])[0].encode()
    for field in custom_fields(fields):
        assert payload.count(field.placeholder) == 1
    for number, field in enumerate(custom_fields(fields)):
        payload = payload.replace(field.placeholder, f'"str:cm:{number}":'.encode())
    ids = ["str::email", *(f"str:cm:{number}" for number in range(len(fields) - 1))]
    assert json.loads(payload) == dict(zip(ids, row, strict=True))


@pytest.mark.parametrize(
    ("field", "most", "reason"),
    [
        (standard("FirstName"), 255, "longer_than_255_characters"),
        (standard("MailingCity"), 255, "longer_than_255_characters"),
        (custom("string--Tier"), 255, "longer_than_255_characters"),
        (custom("geo--Home"), 255, "longer_than_255_characters"),
        (custom("select--Size"), 255, "longer_than_255_characters"),
        (COLORS, 255, "longer_than_255_characters"),
        (custom("text--Notes"), 4_000, "longer_than_4000_characters"),
    ],
)
@pytest.mark.parametrize("character", ["a", "ü", "😀"])
def test_text_has_so_many_characters_of_unicode_and_not_one_more(
    field: MappedField, most: int, reason: str, character: str
) -> None:
    value, refusal = alone(field, character * most)
    assert character * most in json.dumps(value, ensure_ascii=False)
    assert refusal is None
    assert alone(field, character * (most + 1)) == (None, reason)


@pytest.mark.parametrize(
    ("text", "thousandths"),
    [
        ("9.99", 9990),
        ("1.005", 1005),
        ("-2", -2000),
        ("0", 0),
        ("1.0004999", 1000),
        ("0.0015", 2),
        ("1e3", 1_000_000),
        ("9.22e+15", 9_220_000_000_000_000_000),
    ],
)
def test_a_decimal_is_sent_as_the_nearest_thousandths(text: str, thousandths: int) -> None:
    assert alone(custom("float--Income"), text) == (thousandths, None)


@pytest.mark.parametrize("text", ["9.3e+15", "-9.3e+15", "1e+300"])
def test_a_decimal_beyond_64_bits_is_refused(text: str) -> None:
    assert alone(custom("float--Income"), text) == (None, "out_of_range")


@settings(max_examples=200, deadline=None)
@given(st.decimals(-(10**11), 10**11, places=3))
def test_three_decimals_are_kept_exactly(number: Decimal) -> None:
    assert alone(custom("float--Income"), repr(float(number)))[0] == int(number * 1000)


def parsed(digits: str) -> dict[str, object]:
    return {"phone": digits, "parse_with_country_code": True}


@pytest.mark.parametrize(
    ("text", "code", "sent"),
    [
        ("+61 401 234 567", None, parsed("61401234567")),
        ("0061 (0)401-234.567", None, parsed("61401234567")),
        ("(+44) (0)20 7946/0958", "+61", parsed("442079460958")),
        ("\u202a+49\u00a030\u2011123456\u202c", None, parsed("4930123456")),
        ("0401 234 567", "+61", {"c": "61", "n": "401234567"}),
        ("401234567", "+61", {"c": "61", "n": "401234567"}),
        ("06 1234 5678", "+39", {"c": "39", "n": "0612345678"}),
        ("1 (415) 555-2671", "+1", {"c": "1", "n": "4155552671"}),
        ("(415) 555-2671", "+1", {"c": "1", "n": "4155552671"}),
        ("8 (812) 123-45-67", "+7", {"c": "7", "n": "8121234567"}),
        ("(812) 123-45-67", "+7", {"c": "7", "n": "8121234567"}),
        ("06 1 234 5678", "+36", {"c": "36", "n": "12345678"}),
    ],
)
@pytest.mark.parametrize("field", [custom("phone--Mobile"), standard("Phone"), standard("MobilePhone")])
def test_a_phone_is_sent_whole_or_by_its_country_code(
    field: MappedField, text: str, code: str | None, sent: dict[str, object]
) -> None:
    coded = MappedField(field.target, field.attribute, field.type, custom=field.custom, form=code)
    assert alone(coded, text) == (sent, None)


@pytest.mark.parametrize(
    ("text", "code", "reason"),
    [
        ("0401 234 567", None, "phone_without_country_code"),
        ("none", "+61", "not_a_phone_number"),
        ("none", None, "not_a_phone_number"),
        ("+61 401 234 567 ext 12", None, "not_a_phone_number"),
        ("+0401234567", "+61", "not_a_phone_number"),
        ("+61", None, "not_a_phone_number"),
        ("12", "+61", "not_a_phone_number"),
        ("+1234567890123456", None, "not_a_phone_number"),
        ("٠٤٠١٢٣٤٥٦٧", "+61", "not_a_phone_number"),
    ],
)
def test_what_is_no_phone_number_or_lacks_its_country_is_refused(
    text: str, code: str | None, reason: str
) -> None:
    assert alone(custom("phone--Mobile", form=code), text) == (None, reason)


def test_one_of_the_choices_is_taken_and_another_refused_where_they_are_given() -> None:
    size = custom("select--Size", values=("S", "M"))
    assert alone(size, "M") == ("M", None)
    assert alone(size, "m") == (None, "not_one_of_the_values")
    assert alone(custom("select--Size"), "m") == ("m", None)
    colors = custom("multiselect--Colors", values=("red", "blue"))
    assert alone(colors, "blue; red;") == (["blue", "red"], None)
    assert alone(colors, "blue;pink") == (None, "not_one_of_the_values")


def test_choices_are_told_once_each_without_blanks_and_nothing_is_told_of_none() -> None:
    assert alone(COLORS, " red;blue ;; red;") == (["red", "blue"], None)
    assert alone(COLORS, " ; ;") == (None, None)


def test_the_refusal_stands_at_its_row() -> None:
    column = pa.array(["red", None, "blue;pink", "pink;" + "x" * 256, "red"])
    field = custom("multiselect--Colors", values=("red", "blue"))
    assert OrttoFields().refusals(field, column).to_pylist() == [
        None,
        None,
        "not_one_of_the_values",
        "not_one_of_the_values",
        None,
    ]


def test_the_account_must_have_the_custom_fields_and_no_others() -> None:
    fields = [
        EMAIL,
        *(standard(name) for name in ("FirstName", "Phone", "MailingCity", "Title", "MobilePhone")),
        custom("string--Loyalty--Tier"),
        custom("select--Size", values=("S", "M")),
    ]
    assert custom_fields(fields) == (
        CustomField("@Title", "Job title", "text"),  # type: ignore[arg-type]
        CustomField("@MobilePhone", "Mobile phone", "phone"),  # type: ignore[arg-type]
        CustomField("@string--Loyalty--Tier", "Loyalty Tier", "text"),  # type: ignore[arg-type]
        CustomField("@select--Size", "Size", "single_select", ("S", "M")),  # type: ignore[arg-type]
    )


def test_every_standard_field_goes_somewhere_and_nowhere_twice() -> None:
    fields = [standard(name) for name in STANDARD_FIELDS]
    assert len({OrttoFields().there(field).key for field in fields}) == len(fields)
    assert list(OrttoFields().contradictions(fields)) == []


@pytest.mark.parametrize(
    ("targets", "told"),
    [
        (
            ["string--Loyalty--Tier", "string--Loyalty-Tier"],
            "fills string--Loyalty--Tier and string--Loyalty-Tier, which are one custom field in Ortto",
        ),
        (["string--Tier", "integer--TIER$"], "are one custom field in Ortto (TIER$)"),
        (["string--Gar\u00e7on", "string--GARC\u0327ON"], "are one custom field in Ortto"),
        (["Company", "string--company"], "fills Company and string--company, which are one custom field"),
        (["Title", "string--Job_title"], "are one custom field in Ortto (Job_title)"),
        (
            ["boolean--bol::p"],
            "fills the custom field boolean--bol::p, which can't be mapped: it says who may",
        ),
        (["boolean--BOL--P"], "can't be mapped: it says who may be mailed"),
        (["boolean--Unsubscribed"], "can't be mapped: it says who may be mailed"),
        (["string--phn::phone"], "it is written as an id of Ortto's; a custom field has a name"),
        (["string--STR:cm:tier"], "it is written as an id of Ortto's; a custom field has a name"),
        (["string--str::person_id"], "Ortto gives it and doesn't take it"),
        (
            [f"string--x{number}" for number in range(201)],
            "needs 201 custom fields in Ortto, and no plan has",
        ),
    ],
)
def test_what_ortto_can_not_have_of_a_mapping_is_told(targets: list[str], told: str) -> None:
    fields = [EMAIL, *(custom(one) if "--" in one else standard(one) for one in targets)]
    problems = list(OrttoFields().contradictions(fields))
    assert len(problems) == 1
    assert told in problems[0]


def test_names_of_other_alphabets_and_two_hundred_fields_are_no_contradiction() -> None:
    many = [custom(f"string--x{number}") for number in range(198)]
    fields = [EMAIL, *many, custom("string--Город"), custom("string--Улица")]
    assert list(OrttoFields().contradictions(fields)) == []
