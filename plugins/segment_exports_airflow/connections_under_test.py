"""What Airflow's button *Test* leaves out about a connection: that it has no port, and its name.

Airflow's list of connections sends the port 0 where none is stored. Its API server takes that for another
server than the stored one, and won't try a stored key there: "Bad Request", whatever the connection holds.
It also tries a copy under a random id, which is of no use in a message.

Loaded by every process of Airflow, so it imports no more than the forms.
"""

from __future__ import annotations

import json
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

from segment_exports_airflow.connection_forms import FORMS

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, MutableMapping

    Scope = MutableMapping[str, Any]
    Message = MutableMapping[str, Any]
    Receive = Callable[[], Awaitable[Message]]
    Send = Callable[[Message], Awaitable[None]]
    Application = Callable[[Scope, Receive, Send], Awaitable[None]]

_ROUTE = "/api/v2/connections/test"
_LONGEST_BODY = 1 << 20
"""Bytes; a longer body is no form's, and goes its way as it came."""
_BAD_REQUEST = 400
_ELSEWHERE = (
    "Not tried: the connection {name} leads elsewhere than this page says, and its key goes nowhere else. "
    "Load the page again. If that doesn't help, the environment or a secrets backend holds another {name}, "
    "which goes before this one: remove one of the two"
)
"""What else may differ from the stored connection, where all was sent as the list shows it?"""

_name: ContextVar[str | None] = ContextVar("name of the connection under test", default=None)


def name_under_test(connection_id: str) -> str:
    """Return by which name a person knows a connection: under test it has another id for that moment."""
    return _name.get() or connection_id


class ConnectionsUnderTest:
    """ASGI middleware of the API server, for tests of this package's connection types alone.

    Which stored key may go where is still Airflow's to judge: where none is stored, no port is none, and
    any other than the stored one is refused as before. This runs before anybody is known, so it looks
    nothing up.
    """

    def __init__(self, app: Application) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Hand a request on; a test of one of our connections as one of a connection that has a name."""
        if not _is_test(scope):
            await self._app(scope, receive, send)
            return
        messages = await _received(receive)
        tested = _of_ours(b"".join(one.get("body", b"") for one in messages))
        if tested is None:
            await self._app(scope, _again(messages, receive), send)
            return
        token = _name.set(str(tested.get("connection_id")))
        try:
            if tested.get("port") == 0:
                body = json.dumps(tested | {"port": None}).encode()
                messages = [{"type": "http.request", "body": body, "more_body": False}]
                scope = _of_length(scope, len(body))
                send = _refusal_shown(send)
            await self._app(scope, _again(messages, receive), send)
        finally:
            _name.reset(token)


def _is_test(scope: Scope) -> bool:
    # Airflow may stand below a path of its own.
    return scope["type"] == "http" and scope["method"] == "POST" and str(scope["path"]).endswith(_ROUTE)


async def _received(receive: Receive) -> list[Message]:
    """Return the messages of a body, to its end or until it is longer than any form's."""
    messages: list[Message] = []
    length = 0
    while length <= _LONGEST_BODY:
        message = await receive()
        messages.append(message)
        length += len(message.get("body", b""))
        if not message.get("more_body"):
            break
    return messages


def _again(messages: list[Message], receive: Receive) -> Receive:
    """Return what gives these messages, and then what is still to come."""
    left = iter(messages)

    async def receive_again() -> Message:
        return next(left, None) or await receive()

    return receive_again


def _of_ours(body: bytes) -> dict[str, Any] | None:
    """Return the connection that is to be tested, if it is of one of our types."""
    try:
        tested = json.loads(body)
    except (ValueError, RecursionError):
        return None
    is_ours = isinstance(tested, dict) and str(tested.get("conn_type")) in FORMS
    return tested if is_ours else None


def _refusal_shown(send: Send) -> Send:
    """Return what gives a refusal the form of a failed test, of which Airflow's page shows the words."""
    refused = False

    async def send_shown(message: Message) -> None:
        nonlocal refused
        if message["type"] == "http.response.start":
            refused = message["status"] == _BAD_REQUEST
        if not refused:
            await send(message)
        elif not message.get("more_body") and message["type"] == "http.response.body":
            told = json.dumps(
                {"status": False, "message": _ELSEWHERE.format(name=name_under_test(""))}
            ).encode()
            headers = [(b"content-type", b"application/json"), (b"content-length", str(len(told)).encode())]
            await send({"type": "http.response.start", "status": 200, "headers": headers})
            await send({"type": "http.response.body", "body": told})

    return send_shown


def _of_length(scope: Scope, length: int) -> Scope:
    kept = [one for one in scope["headers"] if one[0] != b"content-length"]
    return {**scope, "headers": [*kept, (b"content-length", str(length).encode())]}
