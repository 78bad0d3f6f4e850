"""What is kept of a server's words about a contact: enough to act on, and nobody's values."""

from __future__ import annotations

import html
import json
import re
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from segment_exports.errors import RequestRefusedError, ServerWords
from segment_exports.settings import bounds
from segment_exports.sieve.harmless_words import JOINING, TELLING
from segment_exports.transport.reasons import reason_of, sift_about

NAME = "Anna  Maria Öz-Fälligkeitsdatum"
NOTE = "Kunde schuldet seit 2019 Geld. " * 40
CONTACT = {
    "Email": "anna@example.com",
    "FirstName": NAME,
    "Company": "Not Valid",
    "custom": {"string--Note": NOTE, "integer--Age": 41, "string--Loyalty--Tier": 'is "blank"\nor missing'},
}


def rendered(contact: dict) -> bytes:
    return json.dumps(contact, ensure_ascii=False).encode()


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        ("One or more contacts are invalid.", None),
        ("Invalid contact_id_or_email value provided.", None),
        ("Email address is already in use.", None),
        ("FirstName can't be longer than 40", "FirstName can't be … than …"),
        ("validation failed: Loyalty--Tier: wrong type", "validation failed: …: wrong type"),
        ("string--Loyalty--Tier must not be empty", None),
        ("'Loyalty Tier' must not be empty", None),
        ("ERROR_EMAIL_INVALID", None),
        ("Contact limit of your plan is reached.", None),
        ("Your plan allows no more.", None),
        ("{'Phone': ['E.164 format expected']}", "'Phone': …"),
    ],
)
def test_names_of_fields_and_the_words_of_an_error_are_kept(said: str, kept: str | None) -> None:
    assert sift_about(said, [rendered(CONTACT)]) == (kept or said)


FORMS = {
    "as it is": str,
    "with single blanks": lambda value: " ".join(value.split()),
    "in lower case": str.lower,
    "in capitals": str.upper,
    "its beginning": lambda value: value[:20],
    "for JSON": lambda value: json.dumps(value)[1:-1],
    "for JSON in UTF-8": lambda value: json.dumps(value, ensure_ascii=False)[1:-1],
    "for JSON twice": lambda value: json.dumps(json.dumps(value)),
    "for a URL": quote,
    "for a page": html.escape,
    "in Python": repr,
}


@pytest.mark.parametrize("value", [NAME, NOTE], ids=["name", "note"])
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("known", [True, False], ids=["sent", "stored there"])
def test_a_value_is_kept_in_no_form(value: str, form: str, known: bool) -> None:
    quoted = FORMS[form](value)
    for around in ("'{}'", '"{}"', "{}", "({})", ": {}", "={}", "“{}”", "<{}>", "'{}"):
        said = f"FirstName {around.format(quoted)} is invalid"
        kept = sift_about(said, [rendered(CONTACT)] if known else [])

        words = [word for word in re.split(r"[^\w']+", kept) if word]
        assert words in (["FirstName", "is", "invalid"], ["FirstName"]), around


@pytest.mark.parametrize("form", ["as it is", "with single blanks", "in lower case", "for JSON"])
@pytest.mark.parametrize("value", [CONTACT["Company"], CONTACT["custom"]["string--Loyalty--Tier"]])
def test_a_value_of_harmless_words_is_found_by_what_was_sent(value: str, form: str) -> None:
    said = f"Company {FORMS[form](value)} must match"
    assert sift_about(said, [rendered(CONTACT)]) == "Company … must match"


@pytest.mark.parametrize(
    "said", ["Long is no LastName", "LastName Long is wrong", "LastName 'long' is wrong"]
)
def test_a_harmless_word_that_stands_as_a_name_is_not_kept(said: str) -> None:
    assert "long" not in sift_about(said).lower()
    assert "LastName" in sift_about(said)


def test_a_stored_value_that_a_server_sets_against_the_new_one_is_not_kept() -> None:
    said = "Cannot change LastName from Meier-Long to Müller"
    assert sift_about(said, [rendered({"LastName": "Müller"})]) == "Cannot change LastName from … to …"


@given(st.text(max_size=40), st.text(max_size=20), st.booleans())
def test_of_any_text_only_listed_words_and_names_of_fields_are_kept(text: str, value: str, known) -> None:
    kept = sift_about(f"Email {text} {value} is invalid", [rendered({"Title": value})] if known else [])

    words = {word.strip("'") for word in re.split(r"[^\w']+|_", kept.lower())}
    assert words <= JOINING | TELLING | {"email", "title", ""}


def test_what_tells_nothing_leaves_our_words() -> None:
    for said in ("", "Das geht so nicht.", "it is 'Anna'", "x" * 100_000, "'" * 30_000):
        error = RequestRefusedError("POST /contacts was answered 400", status=400, answer=ServerWords(said))
        assert reason_of(error, []) == "POST /contacts was answered 400"


def test_a_reason_is_short_and_on_one_line() -> None:
    kept = sift_about("Email is\n\ninvalid, " * 100)
    assert kept.startswith("Email is invalid, Email")
    assert len(kept) == 200


def test_no_word_of_the_list_tells_a_number_or_what_somebody_answered() -> None:
    listed = JOINING | TELLING
    assert [word for word in listed if not word.replace("'", "").isalpha() or word != word.lower()] == []
    assert listed.isdisjoint({"yes", "male", "female", "married", "single", "true", "false", "young", "king"})


def test_words_are_looked_at_up_to_a_length_and_not_one_character_more():
    said = "Email is invalid"
    long = said + "." * (bounds.REASON_CHARACTERS - len(said))
    assert sift_about(long).startswith(said)
    assert sift_about(f"{long}.") == ""
