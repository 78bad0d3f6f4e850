from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from segment_exports.destinations.autopilot.answers import ContactNotFoundError, ListNotFoundError, error_of
from segment_exports.errors import (
    CredentialsRefusedError,
    ForbiddenError,
    NotFoundError,
    OutcomeUnknownError,
    RequestRefusedError,
    ThrottledError,
)
from segment_exports.transport.json_answers import json_of
from segment_exports.transport.redaction import redact

KEY = "0123456789abcdef0123456789abcdef"


def error(status: int, body: bytes = b"", **headers: str):
    return error_of("POST /x", status, headers, body, key=KEY)


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (
            400,
            b'{"error":"Bad Request","message":"No autopilotapikey header provided."}',
            CredentialsRefusedError,
        ),
        (
            401,
            b'{"error":"Unauthorized","message":"Provided autopilotapikey not valid."}',
            CredentialsRefusedError,
        ),
        (400, b'{"error":"Bad Request","message":"Invalid email."}', RequestRefusedError),
        (403, b"<html>Blocked</html>", ForbiddenError),
        (404, b'{"error":"Not Found","message":"Contact could not be found."}', ContactNotFoundError),
        (404, b'{"error":"Not Found","message":"List does not exist."}', ListNotFoundError),
        (404, b'{"error":"Not Found","mess', OutcomeUnknownError),
        (429, b'{"error":"Too Many Requests","message":"You have exceeded"}', ThrottledError),
        (500, b'{"error":"Internal Server Error","message":"(various)"}', OutcomeUnknownError),
        (408, b"", OutcomeUnknownError),
        (599, b"", OutcomeUnknownError),
    ],
)
def test_errors_are_told_apart_by_what_a_caller_can_do(status, body, kind) -> None:
    assert type(error(status, body)) is kind
    assert error(status, body).status == status


def test_what_is_said_on_top_of_the_destinations_own_sentence_follows_one_full_stop() -> None:
    refused = error(401, b'{"message":"Provided autopilotapikey not valid."}')

    assert str(refused).endswith("autopilotapikey not valid. The API key is wrong or was revoked")


def test_an_empty_404_is_not_any_other_404() -> None:
    assert error(404).empty_body
    other = error(404, b"<html>nginx</html>")
    assert type(other) is NotFoundError
    assert not other.empty_body


def test_a_page_is_not_repeated() -> None:
    assert str(error(502, b"<html>secret</html>")) == "POST /x was answered 502: an HTML page"


@pytest.mark.parametrize(
    "body", [b"null", b"[]", b'"text"', b'{"message":5}', b'{"message":null}', b"\xff\xfe"]
)
def test_any_body_of_an_error_is_coped_with(body) -> None:
    assert error(400, body).status == 400


def test_an_empty_body_is_an_empty_object() -> None:
    assert json_of("GET /x", {}, b" ") == {}


@pytest.mark.parametrize(
    "text",
    [
        "a@b.example",
        "<eva+news@mail.example.com>",
        "email=Eva.Braun@example.com;",
        '"o\'hara@example.co.uk" is taken',
        "müller@exämple.de",
        "/contact/eva%40example.com/x",
    ],
)
def test_addresses_are_taken_out(text) -> None:
    redacted = redact(text)
    assert "<address>" in redacted
    assert "example" not in redacted
    assert "eva" not in redacted.lower()


def test_secrets_are_taken_out_and_the_text_is_cut() -> None:
    assert redact(f"key {KEY}", KEY) == "key ***"
    assert len(redact("x" * 5000)) == 200
    assert redact("two\n\nlines\x00") == "two lines\x00"


@given(st.emails(), st.text(max_size=50))
def test_no_address_survives(address, around) -> None:
    local, _, domain = address.rpartition("@")
    plain = all(letter not in "\"'<>(){}[],;:=/ " for letter in local)
    if plain:
        assert f"{local}@{domain}" not in redact(f"{around} {address} {around}")


def test_an_answer_about_people_is_in_no_text_of_the_error() -> None:
    body = b'{"error":"Bad Request","message":"LastName Quandtmeier is wrong"}'
    refused = error_of("POST /x", 400, {}, body, key=KEY, about_people=True)

    assert refused.answer.text == "LastName Quandtmeier is wrong"
    assert "Quandtmeier" not in f"{refused} {refused!r} {refused.answer!r} {vars(refused)}"
