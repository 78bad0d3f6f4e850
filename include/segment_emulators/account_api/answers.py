"""An answer before it is sent."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import orjson


@dataclass(slots=True)
class Answer:
    """Status, JSON body (or another) and headers."""

    status: int = 200
    body: bytes = b"{}"
    content_type: bytes = b"application/json"
    headers: list[tuple[bytes, bytes]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Reset:
    """No answer: the connection is reset (RST)."""


def json_answer(value: Any, status: int = 200) -> Answer:
    """Return an answer with a JSON value."""
    return Answer(status, orjson.dumps(value))


def page_of_a_proxy(status: int, reason: str) -> Answer:
    """Return the page that a proxy before an API answers in its place."""
    title = f"<h1>{status} {reason}</h1>"
    page = (
        f"<html>\r\n<head><title>{status} {reason}</title></head>\r\n<body>\r\n"
        f"<center>{title}</center>\r\n<hr><center>nginx</center>\r\n</body>\r\n</html>\r\n"
    )
    return Answer(status, page.encode(), b"text/html")
