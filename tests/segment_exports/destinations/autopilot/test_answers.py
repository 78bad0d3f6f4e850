from __future__ import annotations

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from segment_exports.destinations.autopilot.answers import (
    MEMBERS,
    MEMBERSHIP,
    ContactNotFoundError,
    ListNotFoundError,
    carried_out,
    contact_map,
    error_of,
    true_fields,
)
from segment_exports.errors import (
    AccountRefusedError,
    CredentialsRefusedError,
    DestinationError,
    OutcomeUnknownError,
    RequestRefusedError,
    ThrottledError,
    WrongServerError,
)
from segment_exports.transport.call import Answer
from segment_exports.transport.json_answers import json_of

KEY = "0123456789abcdef0123456789abcdef"


def error(status: int, body: bytes = b"", label: str = "POST /x", kind: str | None = None):
    return error_of(label, Answer(status, {"Content-Type": kind} if kind else {}, body))


def own(error: str, message: str) -> bytes:
    """The API's own form."""
    return orjson.dumps({"error": error, "message": message})


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
        (409, b'{"error":"Conflict","message":"It is taken."}', RequestRefusedError),
        (422, b'{"error":"Unprocessable Entity","message":"FirstName is wrong."}', RequestRefusedError),
        (403, b"<html>Blocked</html>", AccountRefusedError),
        (403, b'{"error":"Forbidden","message":"Account suspended."}', AccountRefusedError),
        (
            402,
            b'{"error":"Payment Required","message":"Your subscription is past due."}',
            AccountRefusedError,
        ),
        (407, b"<html>Proxy Authentication Required</html>", AccountRefusedError),
        (410, b"", AccountRefusedError),
        (413, b"<html>Request Entity Too Large</html>", AccountRefusedError),
        (418, b'{"error":"Teapot","message":"No."}', AccountRefusedError),
        (423, b"", AccountRefusedError),
        (425, b"", OutcomeUnknownError),
        (302, b"", WrongServerError),
        (405, b"", WrongServerError),
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
    refused = error(401, own("Unauthorized", "Provided autopilotapikey not valid."))

    assert str(refused).endswith(
        "autopilotapikey not valid. The API key of the connection is wrong or was revoked"
    )


FOREIGN = {
    "a page": (b"<html>nginx</html>", None),
    "plain text": (b"404 page not found", "text/plain"),
    "nothing": (b"", None),
    "blanks": (b" \r\n", None),
    "a gateway's JSON": (b'{"message":"No route matched. Please contact the network team."}', None),
    "the sentence without an error": (b'{"message":"Contact could not be found."}', None),
    "the sentence under another name": (
        b'{"error":"Not Found","detail":"Contact could not be found."}',
        None,
    ),
    "another sentence": (own("Not Found", "Cannot POST /v1/contact"), None),
    "another sentence with a known one inside": (own("Not Found", "List does not exist. Contact us."), None),
    "an array": (b'["Contact could not be found."]', None),
    "a string": (b'"Contact could not be found."', None),
    "null": (b"null", None),
    "the sentence as plain text": (b"Contact could not be found.", "text/plain"),
    "the API's JSON called a page": (own("Not Found", "Contact could not be found."), "text/html"),
    "cut off": (b'{"error":"Not Found","message":"Contact could', None),
    "no UTF-8": (b"\xff\xfe", None),
}


@pytest.mark.parametrize("foreign", FOREIGN)
@pytest.mark.parametrize(
    "label", ["POST /contact/{contact}/unsubscribe", "DELETE /list/{list}/contact/{contact}", "GET /lists"]
)
def test_a_404_that_is_not_in_the_apis_words_says_nothing_of_anybody(label: str, foreign: str) -> None:
    body, kind = FOREIGN[foreign]
    assert type(error(404, body, label, kind)) is OutcomeUnknownError


@pytest.mark.parametrize("foreign", [name for name in FOREIGN if not name.startswith("another sentence")])
@pytest.mark.parametrize("status", [400, 409, 422])
def test_nor_is_a_contact_refused_by_what_is_not_in_the_apis_form(status: int, foreign: str) -> None:
    body, kind = FOREIGN[foreign]
    expected = OutcomeUnknownError if foreign == "cut off" else AccountRefusedError
    assert type(error(status, body, kind=kind)) is expected


@pytest.mark.parametrize(
    "message",
    [
        "Contact could not be found.",
        "contact could not be found",
        "Could not delete contact as contact could not be found.",
    ],
)
def test_the_apis_own_sentences_tell_that_a_contact_is_missing(message: str) -> None:
    body = own("Not Found", message)
    assert type(error(404, body, kind="application/json; charset=utf-8")) is ContactNotFoundError


def test_an_empty_404_says_no_only_where_it_was_seen_to() -> None:
    assert error(404, label=MEMBERSHIP).empty_body
    assert type(error(404, b"<html>nginx</html>", MEMBERSHIP)) is OutcomeUnknownError


def test_an_empty_message_tells_of_a_missing_list_only_where_it_was_seen_to() -> None:
    assert type(error(404, own("Not Found", ""), MEMBERS)) is ListNotFoundError
    assert type(error(404, own("Not Found", ""))) is OutcomeUnknownError
    assert type(error(404, b"", MEMBERS)) is OutcomeUnknownError


@pytest.mark.parametrize(
    ("status", "body", "text"),
    [
        (502, b"<html>secret</html>", "502: an HTML page"),
        (400, b"Bad Request", "400: text that is no JSON"),
        (423, b"", "423 (Locked): no body"),
        (
            402,
            b'{"message":"mind@example.com"}',
            "402 (Payment Required): JSON that is not in the API's form",
        ),
        (402, own("Payment Required", "Past due."), "402 (Payment Required): Past due"),
    ],
)
def test_an_answer_is_told_by_status_and_kind_and_a_page_is_not_repeated(status, body, text) -> None:
    assert str(error(status, body)).startswith(f"POST /x was answered {text}")
    assert "secret" not in str(error(status, body))
    assert "@" not in str(error(status, body))


def test_a_401_that_is_not_the_apis_own_does_not_blame_the_key() -> None:
    refused = error(401, b"<html>Sign in</html>")
    assert type(refused) is CredentialsRefusedError
    assert str(refused).endswith("an HTML page. Something before the API wants a sign-in")


@pytest.mark.parametrize(
    "inside",
    [
        {"error": "Server busy"},
        {"error": {"code": 5}},
        {"errors": ["x"]},
        {"error": "x", "email_contact_map": {}},
    ],
)
def test_an_error_inside_a_200_is_a_refusal_of_nobody(inside: dict) -> None:
    for parse in (contact_map, carried_out):
        with pytest.raises(AccountRefusedError, match="error inside"):
            parse(inside, "POST /contacts")


def test_a_map_that_took_somebody_counts_whatever_else_is_said() -> None:
    assert contact_map({"email_contact_map": {"a": "1"}, "errors": ["b"]}, "POST /contacts") == {"a": "1"}


@pytest.mark.parametrize(("value", "changed"), [({}, True), ({"not_modified": True}, False)])
def test_a_membership_is_done_by_an_answer_that_is_known(value: dict, changed: bool) -> None:
    assert carried_out(value, "POST /x") is changed


@pytest.mark.parametrize("value", [{"message": "Down for maintenance"}, {"success": False}, [], None, "ok"])
def test_and_by_no_other(value: object) -> None:
    with pytest.raises(OutcomeUnknownError):
        carried_out(value, "POST /x")


@pytest.mark.parametrize(
    "body", [b"null", b"[]", b'"text"', b'{"message":5}', b'{"message":null}', b"\xff\xfe"]
)
def test_any_body_of_an_error_is_coped_with(body) -> None:
    assert error(400, body).status == 400


@pytest.mark.parametrize("status", [200, 204])
def test_a_success_without_a_body_is_no_answer(status: int) -> None:
    with pytest.raises(OutcomeUnknownError, match=f"answered {status} with no body") as unknown:
        json_of("POST /x", Answer(status, {}, b" "))
    assert unknown.value.status == status


def test_a_success_that_is_called_a_page_is_one() -> None:
    with pytest.raises(OutcomeUnknownError, match="an HTML page"):
        json_of("POST /x", Answer(200, {"Content-Type": "text/html"}, b"{}"))


@given(st.integers(300, 499), st.binary(max_size=60), st.sampled_from(["", "text/html", "application/json"]))
def test_no_status_and_no_bytes_that_are_not_the_apis_form_book_anything(status, body, kind) -> None:
    found = error(status, body, kind=kind)
    assert isinstance(found, DestinationError)
    assert not isinstance(found, RequestRefusedError | ContactNotFoundError | ListNotFoundError)


def test_an_answer_about_people_is_in_no_text_of_the_error() -> None:
    body = b'{"error":"Bad Request","message":"LastName Quandtmeier is wrong"}'
    refused = error_of("POST /x", Answer(400, {}, body), about_people=True)

    assert refused.answer.text == "LastName Quandtmeier is wrong"
    assert "Quandtmeier" not in f"{refused} {refused!r} {refused.answer!r} {vars(refused)}"


# Custom fields of a contact


def entry(kind: object, value: object, **told: object) -> dict[str, object]:
    return {"kind": kind, "value": value, "fieldType": "boolean", "deleted": False} | told


def true_in(*entries: object) -> set[str]:
    contact = {"contact_id": "person_1", "custom_fields": list(entries)}
    return set(true_fields(contact, {"List--Gold", "List--Win--back"}, "GET /contacts"))


def test_a_field_is_true_where_the_recorded_answer_says_so() -> None:
    recorded = [
        entry("NPS Rating", 10, fieldType="integer"),
        entry("List Win back", True),
        entry("List Gold", False),
        entry("Has Reviewed", True),
    ]
    assert true_in(*recorded) == {"List--Win--back"}


@pytest.mark.parametrize("contact", [{}, {"custom_fields": None}, {"custom_fields": []}])
def test_a_contact_without_custom_fields_has_none_that_is_true(contact) -> None:
    assert true_fields(contact, {"List--Gold"}, "GET /contacts") == set()


def test_a_field_without_a_value_is_not_true() -> None:
    assert true_in(entry("List Gold", None), {"kind": "List Win back"}) == set()


def test_a_deleted_field_may_come_back_with_the_values_it_had() -> None:
    assert true_in(entry("List Gold", True, deleted=True)) == {"List--Gold"}


@pytest.mark.parametrize("value", ["true", "", 1, 0, "yes", [True]])
def test_a_value_that_is_neither_true_nor_false_is_not_guessed(value) -> None:
    with pytest.raises(OutcomeUnknownError, match="custom field List--Gold that is neither true nor false"):
        true_in(entry("List Gold", value))
    assert true_in(entry("Gold", value)) == set()


@pytest.mark.parametrize("fields", [{}, "List Gold", [None], [["List Gold", True]], [{"value": True}]])
def test_custom_fields_in_another_form_are_not_guessed(fields) -> None:
    with pytest.raises(OutcomeUnknownError):
        true_fields({"custom_fields": fields}, {"List--Gold"}, "GET /contacts")
