"""What Autopilot's answers mean: errors by what a caller can do, and the parts that are relied on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson

from segment_exports.errors import (
    CredentialsRefusedError,
    DestinationError,
    NotFoundError,
    OutcomeUnknownError,
    RequestRefusedError,
    ServerWords,
    ThrottledError,
)
from segment_exports.transport.redaction import redact
from segment_exports.transport.retrying import TRANSIENT_STATUSES

if TYPE_CHECKING:
    from collections.abc import Mapping

_NO_KEY = "No autopilotapikey header provided"
_NO_JSON = "no JSON"
_HTML_PAGE = "an HTML page"
_OUR_WORDS = (_NO_JSON, _HTML_PAGE)


class ContactNotFoundError(NotFoundError):
    """404 "Contact could not be found."."""


class ListNotFoundError(NotFoundError):
    """404 "List does not exist."."""


class ForbiddenError(RequestRefusedError):
    """403, which Autopilot documents for no request of ours.

    The account may be blocked, or a firewall before the destination dislikes this one request.
    """


class WrongServerError(RequestRefusedError):
    """A redirect or 405: this is not Autopilot's API, or not its base URL."""


def error_of(
    label: str,
    status: int,
    headers: Mapping[str, str],
    body: bytes,
    key: str,
    *,
    about_people: bool = False,
) -> DestinationError:
    """Return the error that an answer other than 2xx stands for.

    :param label: the request without any value, such as ``POST /contacts``.
    :param about_people: the destination may quote somebody's values, so its words stand in ``answer`` only,
        for :func:`segment_exports.transport.reasons.reason_of`.
    """
    message = _message(headers, body)
    is_quotable = not about_people or message in _OUR_WORDS
    answer = None if is_quotable else ServerWords(message)
    text = f"{label} was answered {status}"
    if message and is_quotable:
        text += f": {redact(message, key)}"
    if status == 401 or (status == 400 and _NO_KEY in message):
        text = f"{text.removesuffix('.')}. The API key is wrong or was revoked"
        return CredentialsRefusedError(text, status=status, answer=answer)
    if status == 404 and message == _NO_JSON:
        # What is missing stands in the part that was cut off.
        return OutcomeUnknownError(text, status=status, answer=answer)
    if status == 404:
        return _not_found(text, message, answer)
    if status == 405 or status < 400:
        text = f"{text.removesuffix('.')}. The base URL is not that of Autopilot's API"
    return _class_of(status)(text, status=status, answer=answer)


def _class_of(status: int) -> type[DestinationError]:
    if status == 429:
        return ThrottledError
    if status in TRANSIENT_STATUSES:
        return OutcomeUnknownError
    if status == 403:
        return ForbiddenError
    if status == 405 or status < 400:
        return WrongServerError
    return RequestRefusedError


def json_of(label: str, headers: Mapping[str, str], body: bytes) -> Any:
    """Return the JSON of a 2xx answer; an empty body is an empty object.

    :raises OutcomeUnknownError: it is something else: a proxy's page, or cut off. The request may have
        been done.
    """
    if not body.strip():
        return {}
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        what = "HTML" if _is_html(headers, body) else "JSON that is cut off or broken"
        # The bytes may hold addresses, so none of them is shown, nor chained.
        raise OutcomeUnknownError(f"{label} was answered 200 with {what} ({len(body)} bytes)") from None


def mapping(value: Any, label: str) -> dict[str, Any]:
    """Return a JSON object.

    :raises OutcomeUnknownError: it is none.
    """
    if not isinstance(value, dict):
        raise OutcomeUnknownError(f"{label} was answered with a JSON {type(value).__name__}, not an object")
    return value


def member(value: Any, name: str, kind: type, label: str) -> Any:
    """Return a member of a JSON object that must have this type.

    :raises OutcomeUnknownError: it is missing or of another type.
    """
    found = mapping(value, label).get(name)
    if not isinstance(found, kind):
        raise OutcomeUnknownError(f"{label} was answered without a usable {name!r}")
    return found


def contact_map(value: Any, label: str) -> Mapping[str, str]:
    """Return contact ids by address, as the bulk upsert answers them (``email_contact_map``)."""
    found: Mapping[str, str] = member(value, "email_contact_map", dict, label)
    return found


def _not_found(text: str, message: str, answer: ServerWords | None) -> NotFoundError:
    lowered = message.lower()
    if "list" in lowered and "contact" not in lowered:
        return ListNotFoundError(text, answer=answer)
    if "contact" in lowered:
        return ContactNotFoundError(text, answer=answer)
    return NotFoundError(text, empty_body=not message, answer=answer)


def _message(headers: Mapping[str, str], body: bytes) -> str:
    try:
        value = orjson.loads(body) if body.strip() else ""
    except orjson.JSONDecodeError:
        return _HTML_PAGE if _is_html(headers, body) else _NO_JSON
    if isinstance(value, dict):
        value = value.get("message") or value.get("error") or ""
    return str(value)


def _is_html(headers: Mapping[str, str], body: bytes) -> bool:
    return "html" in headers.get("Content-Type", "").lower() or body.lstrip()[:1] == b"<"
