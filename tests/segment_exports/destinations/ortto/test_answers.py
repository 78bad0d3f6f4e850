"""What Ortto's answers mean, from recorded bodies in our own data."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from segment_exports.destinations.ortto.answers import (
    MERGE,
    AccountFullError,
    ItemStatus,
    MergedItem,
    PeopleRefusedError,
    error_of,
    is_own_form,
    merged_items,
    seconds_asked,
)
from segment_exports.errors import (
    AccountRefusedError,
    CredentialsRefusedError,
    DestinationError,
    OutcomeUnknownError,
    RequestRefusedError,
    ServerWords,
    ThrottledError,
    WrongServerError,
)
from segment_exports.transport.call import Answer

ID = "0069ec6d0fa8426df52d6100"
JSON = {"Content-Type": "application/json"}


def answer(status: int, value: Any, headers: dict[str, str] = JSON) -> Answer:
    return Answer(status, headers, value if isinstance(value, bytes) else orjson.dumps(value))


def refusal(status: int, text: str, **more: Any) -> Answer:
    return answer(status, {"request_id": "1b4e28ba", "code": status, "error": text} | more)


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (401, CredentialsRefusedError),
        (403, CredentialsRefusedError),
        (404, WrongServerError),
        (405, WrongServerError),
        (406, WrongServerError),
        (408, OutcomeUnknownError),
        (409, RequestRefusedError),
        (410, AccountRefusedError),
        (413, RequestRefusedError),
        (423, RequestRefusedError),
        (429, ThrottledError),
        (500, OutcomeUnknownError),
        (504, OutcomeUnknownError),
        (507, AccountFullError),
    ],
)
def test_an_error_is_what_a_caller_can_do_about_it(status: int, kind: type[DestinationError]) -> None:
    assert type(error_of("POST /tags/get", refusal(status, "that is refused"))) is kind


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, AccountRefusedError),
        (403, AccountRefusedError),
        (507, OutcomeUnknownError),
        (401, CredentialsRefusedError),
    ],
)
def test_a_gateways_page_says_nothing_of_the_account(status: int, kind: type[DestinationError]) -> None:
    page = answer(status, b"<html>Blocked</html>", {"Content-Type": "text/html"})

    error = error_of(MERGE, page, about_people=True)

    assert type(error) is kind
    assert not is_own_form(page)
    assert "an HTML page" in str(error)


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (403, ("expired", "has left", "makes a new key")),
        (507, ("number of contacts of its plan", "billed")),
        (401, ("another region",)),
    ],
)
def test_a_person_is_told_what_to_do(status: int, words: tuple[str, ...]) -> None:
    error = error_of("POST /tags/get", refusal(status, "no"))

    assert all(one in str(error) for one in words)


def test_who_was_refused_stands_in_the_details_and_no_word_of_them_in_the_text() -> None:
    details = [
        {"status": "invalid", "error": "failed to validate field str::first: Annette"},
        {"status": "suppressed", "error": "Email is suppressed"},
        {"status": "queued"},
        "nothing",
    ]
    error = error_of(
        MERGE, refusal(400, "No valid contacts provided (Annette)", details=details), about_people=True
    )

    assert isinstance(error, PeopleRefusedError)
    assert [one.status for one in error.items] == [
        ItemStatus.INVALID,
        ItemStatus.SUPPRESSED,
        ItemStatus.UNKNOWN,
        ItemStatus.UNKNOWN,
    ]
    assert error.items[0].words == ServerWords("failed to validate field str::first: Annette")
    assert "Annette" not in f"{error} {error!r} {error.items!r}"


@pytest.mark.parametrize(
    ("item", "told"),
    [
        ({"person_id": ID, "status": "created"}, MergedItem(ItemStatus.CREATED, ID)),
        ({"person_id": ID, "status": "merged"}, MergedItem(ItemStatus.MERGED, ID)),
        ({"person_id": ID, "status": "queued"}, MergedItem(ItemStatus.UNKNOWN, ID)),
        ({"status": "merged"}, MergedItem(ItemStatus.UNKNOWN)),
        ({"person_id": "ann@example.com", "status": "created"}, MergedItem(ItemStatus.UNKNOWN)),
        ({"status": 7}, MergedItem(ItemStatus.UNKNOWN)),
        (None, MergedItem(ItemStatus.UNKNOWN)),
        ({"status": "suppressed", "error": ""}, MergedItem(ItemStatus.SUPPRESSED)),
    ],
)
def test_an_item_counts_as_taken_only_in_words_that_are_known_and_with_an_id(
    item: Any, told: MergedItem
) -> None:
    assert merged_items({"people": [item]}) == (told,)


def test_null_is_an_empty_list_and_anything_else_no_answer() -> None:
    assert merged_items({"people": None}) == ()
    for value in ({}, [], {"people": {}}, {"people": "x"}, None):
        with pytest.raises(OutcomeUnknownError):
            merged_items(value)


@pytest.mark.parametrize(
    ("body", "seconds"),
    [
        ({"error": {"code": "rate-limit", "message": "rate limit", "try-in-seconds": 10}}, 10.0),
        ({"error": {"code": "rate-limit", "try-in-seconds": 0.5}}, 0.5),
        ({"error": {"code": "rate-limit", "try-in-seconds": -1}}, None),
        ({"error": {"code": "rate-limit", "try-in-seconds": "10"}}, None),
        ({"error": {"code": "rate-limit", "try-in-seconds": True}}, None),
        ({"error": "rate limit"}, None),
        ([], None),
        (b"<html>", None),
        (b"", None),
    ],
)
def test_how_long_to_wait_stands_in_the_body(body: Any, seconds: float | None) -> None:
    assert seconds_asked(answer(429, body)) == seconds
