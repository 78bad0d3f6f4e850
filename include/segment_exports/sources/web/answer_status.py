"""Which error a status of a service is, and what is told of it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Protocol

from segment_exports.errors import SourceError
from segment_exports.sieve.signs import request_id_told
from segment_exports.sources.web.json_text import refusal_told

if TYPE_CHECKING:
    from collections.abc import Mapping

_NAMES = re.compile(r"[A-Za-z_]\w{2,}")
_REQUEST_IDS = ("x-ms-service-request-id", "x-ms-request-id", "REQ_ID", "x-ms-correlation-request-id")


class NoSuchRouteError(SourceError):
    """404: the route, table or segment is not there."""


class RefusedError(SourceError):
    """400: the service doesn't take the query as it is; ``reason`` is its own code or first words."""

    def __init__(self, message: str, *, reason: str) -> None:
        super().__init__(message)
        self.reason = reason


class Service(Protocol):
    """What is told of a service: its name, and what to look at where it refuses the token (401, 403)."""

    service: str
    hint: str


def check_status(
    asked: Service,
    status: int,
    headers: Mapping[str, str],
    body: bytes,
    what: str,
    params: Mapping[str, str] | None,
) -> None:
    """Refuse an answer other than 2xx.

    :param what: was asked, in our words; a link that the service named is none.
    :param params: of the query: the names of columns in it may be repeated.
    :raises NoSuchRouteError: 404.
    :raises RefusedError: 400 and other 4xx but those below.
    :raises SourceError: 401, 403, a redirect.
    """
    if 200 <= status < 300:
        return
    service, request_id = asked.service, _request_id(headers)
    if status in (401, 403):
        raise SourceError(
            f"{service} refuses the app registration ({status}) at {what}{request_id}: {asked.hint}"
        )
    if 300 <= status < 400:
        raise SourceError(f"{service} redirects ({status}) at {what}; look at the URL of the connection")
    reason = refusal_told(body, _asked_names(what, params))
    if status == 404:
        raise NoSuchRouteError(f"{service} knows no {what} (404){request_id}: {reason}")
    raise RefusedError(
        f"{service} refuses the query at {what} ({status}){request_id}: {reason}", reason=reason
    )


def _asked_names(what: str, params: Mapping[str, str] | None) -> set[str]:
    """Return the names of tables and columns in a request, as a refusal of it may repeat them."""
    asked = [what, *((params or {}).get(key, "") for key in ("$select", "$orderby", "$expand"))]
    return {name for text in asked for name in _NAMES.findall(text)}


def _request_id(headers: Mapping[str, str]) -> str:
    """Return what a service calls its request, for a message; "" where it tells none."""
    return next((told for name in _REQUEST_IDS if (told := request_id_told(headers.get(name)))), "")
