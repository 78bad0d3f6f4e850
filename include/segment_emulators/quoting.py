"""A server that quotes back, in every refusal, what it was sent and what it knows: some servers do.

Address, name, key and token then stand in the message, the code, the title, the headers and the kind of
content of an answer, as they are, percent-encoded and in base64. (ASGI sends no reason phrase of one's own.)
"""

from __future__ import annotations

from base64 import b64encode
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, unquote_plus

import orjson

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, MutableMapping, Sequence

    Message = MutableMapping[str, Any]

_LONGEST_BODY = 4000
_LONGEST_HEADER = 500
_TEXTS = ("message", "code", "error", "error_description", "title", "detail")
_HEADERS = ("location", "www-authenticate", "x-ms-service-request-id", "x-quoted", "warning")


class Quoting:
    """ASGI application around another one.

    :param known: what the server quotes besides, of its own data; None where it doesn't quote at all.
    """

    def __init__(self, app: Any, known: Callable[[], Sequence[str] | None]) -> None:
        self._app, self._known = app, known

    async def __call__(
        self,
        scope: Message,
        receive: Callable[[], Awaitable[Message]],
        send: Callable[[Message], Awaitable[None]],
    ) -> None:
        """Answer one request."""
        known = self._known()
        if scope["type"] != "http" or known is None:
            await self._app(scope, receive, send)
            return
        sent: list[bytes] = []
        begun: list[Message] = []
        parts: list[bytes] = []

        async def heard() -> Message:
            message = await receive()
            sent.append(message.get("body", b""))
            return message

        async def answer(message: Message) -> None:
            if message["type"] == "http.response.start" and message["status"] >= 400:
                begun.append(message)
            elif begun:
                parts.append(message.get("body", b""))
                if not message.get("more_body"):
                    quoted = [*known, *_sent(scope, b"".join(sent))]
                    body = _quoted_in(b"".join(parts), " ".join(quoted))
                    await send({**begun[0], "headers": _headers(begun[0]["headers"], quoted, len(body))})
                    await send({"type": "http.response.body", "body": body})
            else:
                await send(message)

        await self._app(scope, heard, answer)


def _sent(scope: Message, body: bytes) -> list[str]:
    """Return what came with a request: the values of its headers, its URL and its body."""
    values = [value.decode("latin-1") for _, value in scope["headers"]]
    url = f"{scope['path']}?{unquote_plus(scope['query_string'].decode('latin-1'))}"
    return [*values, url, body[:_LONGEST_BODY].decode(errors="replace")]


def _quoted_in(body: bytes, quoted: str) -> bytes:
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError:
        return body + quoted.encode(errors="replace")
    return orjson.dumps(_with(value, f"{quoted} {b64encode(quoted.encode(errors='replace')).decode()}"))


def _with(value: Any, quoted: str) -> Any:
    """Return an answer's JSON with a text behind each of its own."""
    if isinstance(value, list):
        return [_with(one, quoted) for one in value]
    if not isinstance(value, dict):
        return value
    return {
        key: _with(one, quoted) if not isinstance(one, str) or key not in _TEXTS else f"{one} {quoted}"
        for key, one in value.items()
    }


def _headers(
    headers: Sequence[tuple[bytes, bytes]], quoted: Sequence[str], length: int
) -> list[tuple[bytes, bytes]]:
    kept = {name.lower(): value for name, value in headers}
    text = quote(" ".join(quoted)[:_LONGEST_HEADER], safe=" @=")
    kept[b"content-length"] = str(length).encode()
    kept[b"content-type"] = kept.get(b"content-type", b"text/plain") + f'; quoted="{text}"'.encode()
    return [*kept.items(), *((name.encode(), text.encode()) for name in _HEADERS)]
