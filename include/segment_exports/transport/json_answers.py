"""JSON answers: which error a status is, and members that must be there."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Any

import orjson

from segment_exports.errors import (
    AccountRefusedError,
    DestinationError,
    OutcomeUnknownError,
    ThrottledError,
    WrongServerError,
)
from segment_exports.settings import bounds
from segment_exports.transport.json_values import has_more_values
from segment_exports.transport.retrying import TRANSIENT_STATUSES

if TYPE_CHECKING:
    from collections.abc import Mapping

    from segment_exports.transport.call import Answer, Request

NO_BODY = "no body"
HTML_PAGE = "an HTML page"
PLAIN_TEXT = "text that is no JSON"
CUT_JSON = "JSON that is cut off or broken"


def error_class(status: int) -> type[DestinationError]:
    """Return the error of a status other than 2xx, where a destination says nothing more special of it.

    No status alone says that a request was refused for what is in it: that takes the destination's words.
    """
    if status == 429:
        return ThrottledError
    if status in TRANSIENT_STATUSES:
        return OutcomeUnknownError
    if status == 405 or status < 400:
        return WrongServerError
    return AccountRefusedError


def answered(request: Request, answer: Answer) -> Any:
    """Return what a 2xx answer holds. Raises as :func:`json_of`."""
    if request.empty_is_done and answer.status == HTTPStatus.NO_CONTENT and not answer.body:
        return {}
    return json_of(request.label, answer)


def json_of(label: str, answer: Answer) -> Any:
    """Return the JSON of a 2xx answer.

    :raises OutcomeUnknownError: it is something else: nothing, a proxy's page, or cut off. The request may
        have been done.
    """
    if (instead := no_json(answer.headers, answer.body)) is None:
        return orjson.loads(answer.body)
    # The bytes may hold addresses, so none of them is shown, nor chained.
    raise OutcomeUnknownError(
        f"{label} was answered {answer.status} with {instead} ({len(answer.body)} bytes)",
        status=answer.status,
    )


def no_json(headers: Mapping[str, str], body: bytes) -> str | None:
    """Return what came instead of JSON, in our words; None where it is JSON."""
    if not body.strip():
        return NO_BODY
    if is_html(headers, body):
        return HTML_PAGE
    if has_more_values(body, bounds.ANSWER_VALUES):
        return f"JSON of more than {bounds.ANSWER_VALUES:,} values"
    try:
        orjson.loads(body)
    except orjson.JSONDecodeError:
        return CUT_JSON if body.lstrip()[:1] in (b"{", b"[") else PLAIN_TEXT
    return None


def mapping(value: Any, label: str) -> dict[str, Any]:
    """Return a JSON object.

    :raises OutcomeUnknownError: it is none.
    """
    if not isinstance(value, dict):
        kind = type(value).__name__
        raise OutcomeUnknownError(f"{label} was answered 200 with a JSON {kind}, not an object", status=200)
    return value


def member(value: Any, name: str, kind: type, label: str) -> Any:
    """Return a member of a JSON object that must have this type.

    :raises OutcomeUnknownError: it is missing or of another type.
    """
    found = mapping(value, label).get(name)
    if not isinstance(found, kind):
        raise OutcomeUnknownError(f"{label} was answered 200 without a usable {name!r}", status=200)
    return found


def is_html(headers: Mapping[str, str], body: bytes) -> bool:
    """Tell whether an answer is a page, as proxies and sign-in pages send it."""
    return "html" in headers.get("Content-Type", "").lower() or body.lstrip()[:1] == b"<"
