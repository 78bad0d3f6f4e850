"""Codes, ids, kinds and waits of a server are told where nothing else can have their shape."""

from __future__ import annotations

import pytest

from segment_exports.sieve.secrets_in_use import keep_secret
from segment_exports.sieve.signs import (
    NO_CODE,
    UNTOLD_CODE,
    code_told,
    id_told,
    kind_told,
    request_id_told,
    wait_told,
)

GUID = "0f8fad5b-d9cb-469f-a165-70867728950e"


@pytest.mark.parametrize(
    "code",
    [
        "0x80060888", "0x1", -2147220969, "-2147220969", 0, 42, "42", "AADSTS7000215", "invalid_client",
        "InvalidArgument", "ResourceNotFound", "AuthorizationPermissionMismatch", "BadRequest", "NOT_FOUND",
        "unsupported_grant_type", "Request.Invalid-Query",
    ],
)  # fmt: skip
def test_a_code_is_told(code: object) -> None:
    assert code_told(code) == str(code)


@pytest.mark.parametrize(
    "code",
    [
        "Quandtmeier", "ann@example.com", "A" * 1_000_000, "4915112345678", 4915112345678, "Long", "a b",
        "0x80060888 Ann", "BadRequest\n", GUID, "f" * 32, "12345-6", ["x"], {"a": 1}, 1.5, "AnnNotFound",
        "0123456789abcdef", "Not\u202eFound", "1234567", "NotFound19880412",
    ],
)  # fmt: skip
def test_what_has_another_shape_is_no_code(code: object) -> None:
    assert code_told(code) == UNTOLD_CODE


@pytest.mark.parametrize("code", [None, "", True, False])
def test_no_code_is_none(code: object) -> None:
    assert code_told(code) == NO_CODE


def test_a_secret_of_harmless_words_is_no_code() -> None:
    keep_secret("Invalid-Key-Value")
    assert code_told("invalid-key-value") == UNTOLD_CODE


def test_ids_of_jobs_and_requests_have_their_shape() -> None:
    assert id_told("job-12") == "job-12"
    assert id_told(f"full_{GUID}") == f"full_{GUID}"
    assert id_told("Quandtmeier") == id_told(7) == id_told("ann-7") == "whose id is not repeated here"
    assert request_id_told(GUID) == f" (request id {GUID})"
    assert request_id_told("Quandtmeier") == request_id_told(None) == ""


def test_kinds_of_content_are_common_ones() -> None:
    assert kind_told("text/html; charset=utf-8") == "text/html"
    assert kind_told("text/ann@example.com") == kind_told("Quandtmeier") == "another content type"
    assert kind_told(None) == kind_told("") == "no content type"


def test_a_wait_of_many_digits_may_be_a_number_of_somebody() -> None:
    assert wait_told(90.4) == "90 s"
    assert wait_told(4915112345678) == "more than a day"
