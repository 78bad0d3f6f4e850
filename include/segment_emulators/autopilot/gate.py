"""The way in: every request passes the log, the key, the rate and the faults before the API."""

from __future__ import annotations

import asyncio
import hashlib
import logging
import time
from functools import lru_cache
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from segment_emulators.autopilot import api as _operations  # noqa: F401 registers the routes
from segment_emulators.autopilot import routing
from segment_emulators.autopilot.emulator import PREFIX
from segment_emulators.autopilot.faults import Fault, FaultKind
from segment_emulators.serving import reset_connection

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, MutableMapping

    from segment_emulators.autopilot.access_log import Arrival
    from segment_emulators.autopilot.emulator import AutopilotEmulator

    Scope = MutableMapping[str, Any]
    Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
    Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

log = logging.getLogger(__name__)

KEY_HEADER = b"autopilotapikey"
_PROXY_PAGE = (
    b"<html>\r\n<head><title>502 Bad Gateway</title></head>\r\n<body>\r\n"
    b"<center><h1>502 Bad Gateway</h1></center>\r\n<hr><center>nginx</center>\r\n</body>\r\n</html>\r\n"
)
_WORKS = {FaultKind.DELAYED_ANSWER, FaultKind.CUT_BODY, FaultKind.TRUNCATED_JSON}
_WORKS_IF_ASKED = {FaultKind.ERROR, FaultKind.RESET, FaultKind.HTML, FaultKind.GATEWAY}


class Gate:
    """ASGI application of everything below ``/v1``."""

    def __init__(self, emulator: AutopilotEmulator) -> None:
        self.emulator = emulator

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        arrived = time.monotonic()
        emulator = self.emulator
        raw_path = scope["raw_path"].decode("latin-1").removeprefix(PREFIX)
        resets = emulator.resets
        entry = emulator.log.add(arrived, time.time(), scope["method"], unquote(raw_path))
        try:
            body = await _read(receive)
            if body is not None:
                request = routing.Request(emulator.account, entry, raw_path, body, resets)
                await self._answer(entry, request, scope, receive, send)
        finally:
            emulator.log.finish(entry, time.monotonic(), counts=resets == emulator.resets)

    async def _answer(
        self, entry: Arrival, request: routing.Request, scope: Scope, receive: Receive, send: Send
    ) -> None:
        refusal = self._refuse(entry, scope)
        if refusal is not None:
            await _send(entry, refusal, send)
            return
        fault = self.emulator.faults.strike(entry.method, entry.path)
        if self.emulator.switches.latency:
            await asyncio.sleep(self.emulator.switches.latency)
        if fault is None:
            await _send(entry, self._work(entry, request), send)
            return
        entry.fault = fault.kind.value
        if fault.kind is FaultKind.LATENCY:
            await asyncio.sleep(fault.seconds)
            await _send(entry, self._work(entry, request), send)
            return
        answer = None
        if fault.kind in _WORKS or (fault.work_done and fault.kind in _WORKS_IF_ASKED):
            answer = self._work(entry, request)
        await self._misbehave(fault, entry, answer, scope, receive, send)

    def _refuse(self, entry: Arrival, scope: Scope) -> routing.Answer | None:
        """Refuse a request for its key or for the account's rate."""
        key = next((value for name, value in scope["headers"] if name == KEY_HEADER), None)
        if key is None:
            return routing.NO_KEY
        entry.key = fingerprint(key)
        if key.decode("latin-1") != self.emulator.account.api_key:
            return routing.BAD_KEY
        switches = self.emulator.switches
        admitted = self.emulator.rate_limit.admits(
            entry.arrived, switches.rate, count_refused=switches.throttled_count
        )
        return None if admitted else self._throttled()

    def _throttled(self) -> routing.Answer:
        switches = self.emulator.switches
        answer = routing.error(
            429,
            f"You have exceeded your request rate of {switches.rate} r/s."
            if switches.rate is not None
            else 'Your request was throttled. Please see "Rate Limit" section of documentation at '
            "http://developers.autopilothq.com.",
        )
        if switches.retry_after is not None:
            answer.headers.append((b"retry-after", str(switches.retry_after).encode()))
        return answer

    def _work(self, entry: Arrival, request: routing.Request) -> routing.Answer:
        """Carry the request out, unless the account it came to was reset meanwhile."""
        try:
            with self.emulator.account.lock:
                if request.resets != self.emulator.resets:
                    return routing.error(503, "The emulator was reset.")
                answer = request.perform(self.emulator.switches)
        except Exception:
            log.exception("The emulator itself failed at %s %s", entry.method, entry.endpoint)
            return routing.error(500, "The emulator itself failed.")
        entry.worked = True
        return answer

    async def _misbehave(
        self,
        fault: Fault,
        entry: Arrival,
        answer: routing.Answer | None,
        scope: Scope,
        receive: Receive,
        send: Send,
    ) -> None:
        """Answer as the fault says; ``answer`` is what the work gave, if it was done."""
        done = answer or routing.Answer()
        match fault.kind:
            case FaultKind.DELAYED_ANSWER:
                await asyncio.sleep(fault.seconds)
                await _send(entry, done, send)
            case FaultKind.THROTTLED:
                await _send(entry, self._throttled(), send)
            case FaultKind.ERROR:
                await _send(entry, routing.error(fault.status or 500, "(various)"), send)
            case FaultKind.TRUNCATED_JSON:
                await _send(entry, routing.Answer(done.status, done.body[: len(done.body) // 2]), send)
            case FaultKind.HTML:
                page = routing.Answer(fault.status or 502, _PROXY_PAGE, b"text/html")
                await _send(entry, page, send)
            case FaultKind.GATEWAY:
                await _send(entry, _of_gateway(fault), send)
            case FaultKind.KEY_REVOKED:
                self.emulator.account.api_key = None
                await _send(entry, routing.BAD_KEY, send)
            case FaultKind.CUT_BODY if done.body:
                await _start(done, send)
                half = {"type": "http.response.body", "body": done.body[: len(done.body) // 2]}
                await send({**half, "more_body": True})
                await asyncio.sleep(0.01)  # else the reset overtakes what was sent
                await reset_connection(scope, receive)
            case _:
                await reset_connection(scope, receive)


def _of_gateway(fault: Fault) -> routing.Answer:
    headers = [(name.lower().encode(), value.encode()) for name, value in fault.headers.items()]
    return routing.Answer(fault.status or 200, fault.body.encode(), fault.content_type.encode(), headers)


async def _read(receive: Receive) -> bytes | None:
    """Return the whole body; None if the client went away before it was sent."""
    message = await receive()
    parts = [message.get("body", b"")]
    while message.get("more_body"):
        message = await receive()
        parts.append(message.get("body", b""))
    return None if message["type"] == "http.disconnect" else b"".join(parts)


async def _send(entry: Arrival, answer: routing.Answer, send: Send) -> None:
    entry.status = answer.status
    await _start(answer, send)
    await send({"type": "http.response.body", "body": answer.body})


async def _start(answer: routing.Answer, send: Send) -> None:
    headers = [*answer.headers, (b"content-length", str(len(answer.body)).encode())]
    if answer.body:
        headers.append((b"content-type", answer.content_type))
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})


@lru_cache(maxsize=1024)
def fingerprint(key: bytes) -> str:
    """Name a key without giving it away."""
    return hashlib.sha256(key).hexdigest()[:12]
