"""The way in: every request passes the log, the key, the rate and the faults before the API."""

from __future__ import annotations

import asyncio
import hashlib
import logging
import time
from abc import ABC, abstractmethod
from functools import lru_cache
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from segment_emulators.account_api.answers import Answer, Reset, page_of_a_proxy
from segment_emulators.account_api.emulator import PREFIX
from segment_emulators.account_api.faults import Fault, FaultKind
from segment_emulators.serving import reset_connection

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, MutableMapping

    from segment_emulators.account_api.access_log import Arrival
    from segment_emulators.account_api.emulator import AccountEmulator
    from segment_emulators.account_api.routes import RoutedRequest

    Scope = MutableMapping[str, Any]
    Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
    Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

log = logging.getLogger(__name__)

_WORKS = {FaultKind.DELAYED_ANSWER, FaultKind.CUT_BODY, FaultKind.TRUNCATED_JSON}
_WORKS_IF_ASKED = {FaultKind.ERROR, FaultKind.RESET, FaultKind.HTML, FaultKind.GATEWAY}


class Gate(ABC):
    """ASGI application of everything below ``/v1``; a subclass speaks one API's words."""

    def __init__(self, emulator: AccountEmulator) -> None:
        self.emulator = emulator

    @abstractmethod
    def request(self, entry: Arrival, raw_path: str, body: bytes, resets: int) -> RoutedRequest:
        """Read a request that has arrived, and write down what it names."""

    @abstractmethod
    def refuse(self, entry: Arrival, scope: Scope) -> Answer | Reset | None:
        """Refuse a request for its key, for the account's rate, or for what else stands before the API."""

    @abstractmethod
    def throttled(self) -> Answer:
        """Return the answer to a request beyond the rate."""

    @abstractmethod
    def error(self, status: int, message: str) -> Answer:
        """Return an answer in the API's shape for errors."""

    @abstractmethod
    def bad_key(self) -> Answer:
        """Return the answer to a wrong key."""

    def answering(self, entry: Arrival, answer: Answer) -> None:
        """Take notice of an answer of the API's own, right before it is sent."""
        entry.status = answer.status

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        emulator = self.emulator
        raw_path = scope["raw_path"].decode("latin-1").removeprefix(PREFIX)
        resets = emulator.resets
        entry = emulator.log.add(emulator.monotonic(), time.time(), scope["method"], unquote(raw_path))
        try:
            body = await _read(receive)
            if body is not None:
                request = self.request(entry, raw_path, body, resets)
                await self._answer(entry, request, scope, receive, send)
        finally:
            emulator.log.finish(entry, emulator.monotonic(), counts=resets == emulator.resets)

    async def _answer(
        self, entry: Arrival, request: RoutedRequest, scope: Scope, receive: Receive, send: Send
    ) -> None:
        key = self.key(scope)
        entry.key = None if key is None else fingerprint(key)
        refusal = self.refuse(entry, scope)
        if isinstance(refusal, Reset):
            await reset_connection(scope, receive)
            return
        if refusal is not None:
            await self._send(entry, refusal, send)
            return
        fault = self.emulator.faults.strike(entry)
        if self.emulator.switches.latency:
            await asyncio.sleep(self.emulator.switches.latency)
        if fault is None or fault.kind is FaultKind.LATENCY:
            if fault is not None:
                entry.fault = fault.kind.value
                await asyncio.sleep(fault.seconds)
            await self._send_or_reset(entry, self._work(entry, request), scope, receive, send)
            return
        entry.fault = fault.kind.value
        answer = None
        if fault.kind in _WORKS or (fault.work_done and fault.kind in _WORKS_IF_ASKED):
            worked = self._work(entry, request)
            answer = worked if isinstance(worked, Answer) else None
        await self._misbehave(fault, entry, answer, scope, receive, send)

    @abstractmethod
    def key(self, scope: Scope) -> bytes | None:
        """Return the key that came with a request."""

    def _work(self, entry: Arrival, request: RoutedRequest) -> Answer | Reset:
        """Carry the request out, unless the account it came to was reset meanwhile."""
        try:
            with self.emulator.account.lock:
                if request.resets != self.emulator.resets:
                    return self.error(503, "The emulator was reset.")
                answer = request.perform(self.emulator.switches)
        except Exception:
            log.exception("The emulator itself failed at %s %s", entry.method, entry.endpoint)
            return self.error(500, "The emulator itself failed.")
        entry.worked = True
        return answer

    async def _misbehave(
        self,
        fault: Fault,
        entry: Arrival,
        answer: Answer | None,
        scope: Scope,
        receive: Receive,
        send: Send,
    ) -> None:
        """Answer as the fault says; ``answer`` is what the work gave, if it was done."""
        done = answer or Answer()
        match fault.kind:
            case FaultKind.DELAYED_ANSWER:
                await asyncio.sleep(fault.seconds)
                await self._send(entry, done, send)
            case FaultKind.THROTTLED:
                await self._send(entry, self.throttled(), send)
            case FaultKind.ERROR:
                await self._send(entry, self.error(fault.status or 500, "(various)"), send)
            case FaultKind.TRUNCATED_JSON:
                entry.status = done.status
                await _send(Answer(done.status, done.body[: len(done.body) // 2]), send)
            case FaultKind.HTML:
                page = page_of_a_proxy(502, "Bad Gateway")
                entry.status = page.status = fault.status or 502
                await _send(page, send)
            case FaultKind.GATEWAY:
                entry.status = fault.status or 200
                await _send(_of_gateway(fault), send)
            case FaultKind.KEY_REVOKED:
                self.emulator.account.api_key = None
                await self._send(entry, self.bad_key(), send)
            case FaultKind.CUT_BODY if done.body:
                await _start(done, send)
                half = {"type": "http.response.body", "body": done.body[: len(done.body) // 2]}
                await send({**half, "more_body": True})
                await asyncio.sleep(0.01)  # else the reset overtakes what was sent
                await reset_connection(scope, receive)
            case _:
                await reset_connection(scope, receive)

    async def _send_or_reset(
        self, entry: Arrival, answer: Answer | Reset, scope: Scope, receive: Receive, send: Send
    ) -> None:
        if isinstance(answer, Reset):
            await reset_connection(scope, receive)
        else:
            await self._send(entry, answer, send)

    async def _send(self, entry: Arrival, answer: Answer, send: Send) -> None:
        self.answering(entry, answer)
        await _send(answer, send)


def _of_gateway(fault: Fault) -> Answer:
    headers = [(name.lower().encode(), value.encode()) for name, value in fault.headers.items()]
    return Answer(fault.status or 200, fault.body.encode(), fault.content_type.encode(), headers)


async def _read(receive: Receive) -> bytes | None:
    """Return the whole body; None if the client went away before it was sent."""
    message = await receive()
    parts = [message.get("body", b"")]
    while message.get("more_body"):
        message = await receive()
        parts.append(message.get("body", b""))
    return None if message["type"] == "http.disconnect" else b"".join(parts)


async def _send(answer: Answer, send: Send) -> None:
    await _start(answer, send)
    await send({"type": "http.response.body", "body": answer.body})


async def _start(answer: Answer, send: Send) -> None:
    headers = [*answer.headers, (b"content-length", str(len(answer.body)).encode())]
    if answer.body:
        headers.append((b"content-type", answer.content_type))
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})


@lru_cache(maxsize=1024)
def fingerprint(key: bytes) -> str:
    """Name a key without giving it away."""
    return hashlib.sha256(key).hexdigest()[:12]
