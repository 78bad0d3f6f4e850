from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from yarl import URL

from segment_exports.settings import bounds
from segment_exports.transport.identifiers import harmless_identifier, is_identifier

TYPICAL = ["person_9EAF39E4-9AEC-4134-964A-D9D8D54162E7", "contactlist_1", "42", "a.b", "urn:x:1", "x=="]
ODD = ["", ".", "..", "...", "a@b", "a b", "a/b", "a\\b", "a?b", "a#b", "%2e", "é", "a\n", "\x00", "<b>", 7]


@pytest.mark.parametrize("text", [*TYPICAL, "x" * bounds.IDENTIFIER_CHARACTERS])
def test_what_servers_call_an_id_is_one(text: str) -> None:
    assert is_identifier(text)
    assert harmless_identifier(text) == text


@pytest.mark.parametrize("value", [*ODD, "x" * (bounds.IDENTIFIER_CHARACTERS + 1), ["a"], {"a": 1}, True])
def test_what_is_an_address_a_path_or_markup_is_none(value: object) -> None:
    assert not is_identifier(value)
    assert is_identifier(harmless_identifier(value).removeprefix("hash "))


@given(st.text(max_size=bounds.IDENTIFIER_CHARACTERS + 5).filter(is_identifier))
def test_an_id_never_changes_the_path_that_it_is_put_into(text: str) -> None:
    assert URL(f"https://api.example.com/v1/contact/{text}/x").parts == ("/", "v1", "contact", text, "x")
    assert text.isascii()
    assert text.isprintable()


def test_two_odd_ids_are_told_apart_without_being_repeated() -> None:
    first, second = harmless_identifier("ann@example.com"), harmless_identifier("bob@example.com")
    assert first != second
    assert "ann" not in first
