"""What Autopilot's answers mean: errors by what a caller can do."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson

from segment_exports.errors import (
    CredentialsRefusedError,
    DestinationError,
    NotFoundError,
    OutcomeUnknownError,
    ServerWords,
)
from segment_exports.transport.json_answers import error_class, is_html, member
from segment_exports.transport.redaction import redact

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
    return error_class(status)(text, status=status, answer=answer)


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
        return _HTML_PAGE if is_html(headers, body) else _NO_JSON
    if isinstance(value, dict):
        value = value.get("message") or value.get("error") or ""
    return str(value)
