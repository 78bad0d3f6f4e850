"""What people write into a connection is understood, or refused: nothing of it is guessed."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from segment_exports.errors import ConnectionFieldError
from segment_exports.settings.given_fields import GivenFields, fields_of_json

KNOWN = ("enabled", "requests_per_second", "tenant", "allow_clear_text")
ON = [True, 1, "1", "true", "True", "TRUE", " yes ", "Yes", "on", "ON"]
OFF = [False, 0, "0", "false", "False", "no", "NO", "off", " Off\n"]
NEITHER = [
    None, "", " ", "disabled", "n", "y", "t", "f", "nein", "ja", "none", "null", "-1", "2", 2, -1, 0.0, 1.0,
    0.5, math.nan, [], [False], {}, {"enabled": False}, "true false", "fal\u017fe", "\uff11", "\u043do",
    "0\u200b",
]  # fmt: skip


def fields(**given: Any) -> GivenFields:
    return GivenFields(given, KNOWN, "connection a", ConnectionFieldError)


@pytest.mark.parametrize("value", ON)
def test_a_switch_is_on(value: Any) -> None:
    assert fields(enabled=value).switch("enabled", default=False) is True


@pytest.mark.parametrize("value", OFF)
def test_a_switch_is_off(value: Any) -> None:
    assert fields(enabled=value).switch("enabled", default=True) is False


@pytest.mark.parametrize("value", NEITHER, ids=repr)
@pytest.mark.parametrize("default", [True, False])
def test_what_is_neither_stops(value: Any, default: bool) -> None:
    with pytest.raises(ConnectionFieldError, match=r"Enabled of connection a is .*; it must be true or"):
        fields(enabled=value).switch("enabled", default=default)


@pytest.mark.parametrize("default", [True, False])
def test_a_switch_that_is_not_given_is_as_by_default(default: bool) -> None:
    assert fields().switch("enabled", default=default) is default


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.floats() | st.text(), st.lists))
def test_a_switch_is_on_off_or_refused_and_its_value_never_told(value: Any) -> None:
    try:
        assert type(fields(enabled=value).switch("enabled", default=True)) is bool
    except ConnectionFieldError as error:
        assert not isinstance(value, bool)
        assert not isinstance(value, str) or len(value) < 8 or value not in str(error)  # noqa: PT017


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("enabeld", "Did you mean enabled?"),
        ("Enabled", "Did you mean enabled?"),
        (" enabled", "Did you mean enabled?"),
        ("extra__autopilot__enabled", "It may hold"),
        ("disabled", "isn't known"),
        ("verify", "It may hold allow_clear_text, enabled, requests_per_second, tenant"),
        ("", "isn't known"),
    ],
)
def test_a_name_that_is_not_known_is_refused_with_those_that_are(name: str, meant: str) -> None:
    with pytest.raises(ConnectionFieldError, match=r"the extra of connection a: .* isn't known") as refused:
        fields(**{name: False})
    assert meant in str(refused.value)


def test_a_name_without_end_is_cut_and_obeys_nothing() -> None:
    with pytest.raises(ConnectionFieldError) as refused:
        fields(**{"\x1b[2J" + "a" * 5000: 1})
    assert "\x1b" not in str(refused.value)
    assert len(str(refused.value)) < 300


@pytest.mark.parametrize(
    ("value", "number"), [(5, 5.0), (0.5, 0.5), ("7", 7.0), (" 7.25 ", 7.25), (100, 100)]
)
def test_a_number_is_taken(value: Any, number: float) -> None:
    found = fields(requests_per_second=value).number("requests_per_second", 1, least=0.1, most=100)
    assert found == number


@pytest.mark.parametrize("value", [None, "", "  "])
def test_a_number_that_is_left_out_is_as_by_default(value: Any) -> None:
    assert fields(requests_per_second=value).number("requests_per_second", 3, least=1, most=9) == 3
    assert fields().number("requests_per_second", 3, least=1, most=9) == 3


NO_NUMBERS = [
    "fast", "nan", "inf", "-inf", "Infinity", "1e2", "1_0", "+5", "-5", "0x5", "5 5", "\uff15", "5,0", ".5",
    "5.", math.nan, math.inf, -math.inf, -1, 0, 0.05, 100.1, 10**400, -(10**400), True, False, [5], {"a": 5},
    "9" * 400,
]  # fmt: skip


@pytest.mark.parametrize("value", NO_NUMBERS, ids=lambda value: str(value)[:12])
def test_what_is_no_number_within_bounds_is_refused(value: Any) -> None:
    with pytest.raises(ConnectionFieldError, match=r"a number of at least 0\.1 and at most 100"):
        fields(requests_per_second=value).number("requests_per_second", 1, least=0.1, most=100)


def test_a_text_is_text() -> None:
    assert fields(tenant=" contoso ").text("tenant") == "contoso"
    assert fields(tenant=None).text("tenant") == fields().text("tenant") == ""
    for value in (5, True, ["a"], {"a": 1}):
        with pytest.raises(ConnectionFieldError, match=r"Tenant of connection a is .*; it must be text"):
            fields(tenant=value).text("tenant")


@pytest.mark.parametrize("text", ['{"enabled": false, "enabled": true}', "[]", "5", "null", "{", '"enabled"'])
def test_what_is_no_object_with_each_name_once_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        fields_of_json(text)


@pytest.mark.parametrize("text", [None, "", " ", "{}"])
def test_nothing_given_is_no_field(text: str | None) -> None:
    assert fields_of_json(text) == {}
