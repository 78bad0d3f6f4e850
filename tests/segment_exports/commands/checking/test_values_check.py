from __future__ import annotations

from typing import Any

import pyarrow as pa
import pytest

from segment_exports.commands.checking.values_check import ValuesCheck, shape_of
from segment_exports.definition import ExportDefinition

NAMES = ("EMail", "Name", "Born", "Points", "Consent", "CustomerId", "PreviousCustomerId")
GOOD = {
    "EMail": "ann@x.de",
    "Name": "Ann",
    "Consent": "Yes",
    "Born": "2001-02-03",
    "Points": "1",
    "CustomerId": "c1",
}


def checked(rows: list[dict[str, str]], *, segment: str = "Gold", **settings: Any) -> ValuesCheck:
    definition = ExportDefinition.model_validate(
        {
            "name": "checked",
            "source": {"type": "lake", "path": "lake"},
            "segments": ["Gold"],
            "mapping": {
                "Email": "EMail",
                "FirstName": "Name",
                "custom": {"date--Born": "Born", "integer--Points": "Points"},
            },
            "permission": {"attribute": "Consent", "equals": "Yes"},
        }
        | settings
    )
    values = ValuesCheck(definition)
    schema = pa.schema([(name, pa.string()) for name in NAMES])
    for start in range(0, len(rows), 2):
        values.add(segment, pa.RecordBatch.from_pylist(rows[start : start + 2], schema))
    return values


def test_the_permission_is_counted_and_its_other_values_are_shown():
    consents = ["Yes", "yes ", "no", "NO", "", "maybe", "maybe", "off"]
    values = checked([GOOD | {"Consent": one} for one in consents])
    assert values.notes() == [
        'permission Consent: 2 yes, 3 no, 1 empty, 2 other. The most frequent that are no yes: "maybe" 2, '
        '"no" 1, "NO" 1, "off" 1'
    ]
    assert values.problems() == []


def test_an_attribute_that_says_who_is_not_to_be_mailed_has_another_no():
    rule = {"attribute": "Consent", "equals": "false"}
    consents = ["false", "true", "", "unknown"]
    (note,) = checked([GOOD | {"Consent": one} for one in consents], permission=rule).notes()
    assert note.startswith("permission Consent: 1 yes, 1 no, 1 empty, 1 other.")


def test_a_permission_that_everybody_gives_is_asked_about():
    (note,) = checked([GOOD, GOOD]).notes()
    assert note.startswith("permission Consent: 2 yes, 0 no, 0 empty, 0 other. Everybody gives permission")


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("x" * 50, '"' + "x" * 40 + '…"'),
        ("a\x1b[31mb", r"'a\x1b[31mb'"),
        ("ann.smith@mail.example.com", '"a***@m***.com"'),
    ],
)
def test_values_of_the_permission_are_shortened_and_escaped(value, shown):
    (note,) = checked([GOOD, GOOD | {"Consent": value}]).notes()
    assert note.endswith(f"no yes: {shown} 1")


def test_a_rule_that_matches_nobody_would_stop_a_run_and_the_values_are_shown():
    rule = {"attribute": "Consent", "equals": "\u201cYes\u201d"}
    values = checked([GOOD, GOOD], permission=rule)
    (problem,) = values.problems()
    assert problem.startswith("permission.equals matches no row")
    assert values.notes() == [
        'permission Consent: 0 yes, 0 no, 0 empty, 2 other. The most frequent that are no yes: "Yes" 2'
    ]


def test_values_that_would_be_refused_are_counted_with_their_shape_alone():
    rows = [
        *[GOOD] * 90,
        GOOD | {"Born": "11/20/1986 2:33:00 PM"},
        GOOD | {"Born": "12/21/1987 2:33:00 PM"},
        GOOD | {"EMail": "Ann.Smith at mail"},
        GOOD | {"EMail": ""},
    ]
    values = checked(rows, permission=None)
    assert values.problems() == []
    assert values.notes() == [
        "mapping.custom.date--Born: 2 rows would be refused, since Born is not_a_date; one looks like "
        '"99/99/9999 9:99:99 AA". If it is a date in another form, give the field a format (M/d/yyyy)',
        "mapping.Email: 1 row would be refused, since EMail is no_at_sign; one looks like "
        '"Aaa.Aaaaa aa aaaa"',
    ]
    assert (values.rows("Gold"), values.with_address("Gold")) == (94, 93)


def test_more_refused_rows_than_the_guard_allows_would_stop_a_run():
    (problem,) = checked([GOOD, GOOD | {"Points": "many"}], permission=None).problems()
    assert problem == "1 of 2 rows would be refused (50.0%); guards.stop_above_invalid allows 5.0%"


def test_an_attribute_that_nobody_has_is_noted():
    (note,) = checked([GOOD | {"Name": ""}] * 3, permission=None).notes()
    assert note.startswith("Name (mapping.FirstName) has no value in any row of Gold (3 read)")


def test_a_number_that_json_does_not_carry_is_advised_into_a_string():
    rows = [*[GOOD] * 30, GOOD | {"Points": "9007199254740993"}]
    assert checked(rows, permission=None).notes() == [
        "mapping.custom.integer--Points: 1 row would be refused, since Points is out_of_range; one looks "
        'like "9999999999999999". Map it to a string field'
    ]


@pytest.mark.parametrize(
    ("names", "told"),
    [
        (["100000001", "100000000", ""], True),
        (["727000012", "727000003"], True),
        (["100000001", "Gold"], False),
        (["612345678", "100000001"], False),
        (["10000001", "1000000001"], False),
        (["", ""], False),
    ],
)
def test_numbers_of_choices_in_a_text_are_noted(names, told):
    notes = checked([GOOD | {"Name": name} for name in names], permission=None).notes()
    assert any("Name look like numbers of a choice" in note for note in notes) is told


def test_what_a_sample_shows_stops_nothing():
    values = checked([GOOD | {"Consent": "No"}] * 2)
    told = values.told_of_sample(is_whole=False)
    assert [text.split(": ", 2)[1].split(" ")[0] for text in told] == ["permission.equals", "permission"]
    assert all(text.startswith("in a sample of 2 profiles: ") for text in told)


def test_nothing_read_tells_nothing():
    values = checked([])
    assert (values.problems(), values.notes()) == ([], [])


def test_a_shape_is_cut():
    assert shape_of("é1" * 30) == '"' + "a9" * 20 + '…"'
