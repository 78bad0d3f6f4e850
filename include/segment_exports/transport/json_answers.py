"""JSON answers: which error a status is, and members that must be there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson

from segment_exports.errors import (
    DestinationError,
    ForbiddenError,
    OutcomeUnknownError,
    RequestRefusedError,
    ThrottledError,
    WrongServerError,
)
from segment_exports.transport.retrying import TRANSIENT_STATUSES

if TYPE_CHECKING:
    from collections.abc import Mapping


def error_class(status: int) -> type[DestinationError]:
    """Return the error of a status other than 2xx, where a destination says nothing more special of it."""
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
        what = "HTML" if is_html(headers, body) else "JSON that is cut off or broken"
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


def is_html(headers: Mapping[str, str], body: bytes) -> bool:
    """Tell whether an answer is a page, as proxies and sign-in pages send it."""
    return "html" in headers.get("Content-Type", "").lower() or body.lstrip()[:1] == b"<"
