"""One request to the destination: paced, timed, retried, counted, and without a trace of its values."""

from __future__ import annotations

import asyncio
import random
import time
from abc import ABC, abstractmethod
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, ClassVar, Self, TypeVar
from urllib.parse import urlsplit

from segment_exports.errors import (
    ConnectionFieldError,
    CredentialsRefusedError,
    DestinationError,
    DestinationUnreachableError,
    OutcomeUnknownError,
    ThrottledError,
    WithdrawnError,
)
from segment_exports.settings import bounds
from segment_exports.sieve.quiet_clients import quiet_clients
from segment_exports.sieve.secrets_in_use import keep_secret
from segment_exports.sieve.signs import wait_told
from segment_exports.transport.call import Answer, Call, RequestCounters
from segment_exports.transport.json_answers import answered
from segment_exports.transport.places import UrlError, place_of_url, service_url
from segment_exports.transport.retrying import RetrySettings, http_date, retry_after
from segment_exports.transport.unpacking import ACCEPTED, Body, UnusableBodyError
from segment_exports.transport.way import (
    place_of,
    proxy_answered,
    proxy_for,
    ssl_context,
    why_unreachable,
)

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    import aiohttp

    from segment_exports.transport.call import Request
    from segment_exports.transport.pacing import Pacer

T = TypeVar("T")


class Transport(ABC):
    """Sends requests to one account; use it as an asynchronous context manager.

    A destination's client is one: it names the header that the key travels in, and says what an answer
    other than 2xx means.

    :param base_url: such as :attr:`example_url`.
    :param timeout_seconds: for one attempt, connecting included. Servers were seen to answer after
        30.5 s, and to complete requests that they answer with a time-out.
    :param ca_bundle: file of the CAs to trust instead of the system's.
    :param allow_clear_text: whether the base URL may lead to another machine over ``http://``.
    :param now, clock, sleep, uniform: wall time (UTC), seconds that never go back, waiting, and
        randomness in [0, 1).
    """

    key_header: ClassVar[str]
    """Header that the key travels in, and nothing else of the connection."""
    example_url: ClassVar[str]
    """A base URL, for messages."""

    def __init__(
        self,
        base_url: str,
        api_key: str,
        *,
        pacer: Pacer,
        retry: RetrySettings | None = None,
        timeout_seconds: float = bounds.ANSWER_SECONDS,
        ca_bundle: str | None = None,
        allow_clear_text: bool = False,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
        uniform: Callable[[], float] = random.random,
    ) -> None:
        """Check address and key; nothing is sent.

        :raises DestinationError: what the environment names as a proxy is none.
        :raises ConnectionFieldError: the base URL is none, or leads through clear text; the file of CAs is
            not there, or is none.
        :raises CredentialsRefusedError: the key is empty or can't be sent in a header.
        """
        try:
            self.base_url = service_url(
                base_url, "base URL", self.example_url, allow_clear_text=allow_clear_text
            )
        except UrlError as error:
            raise ConnectionFieldError(str(error)) from None
        self.place = place_of_url(self.base_url)
        self.pacer = pacer
        self.counters = RequestCounters()
        self.deadline: float | None = None
        self.clock_ahead: float | None = None
        self._key = _checked_key(api_key)
        keep_secret(self._key)
        self._retry = retry or RetrySettings()
        self._timeout = timeout_seconds
        self._proxy = proxy_for(self.base_url)
        self._ssl = ssl_context(ca_bundle)
        self._now, self._clock, self._sleep, self._uniform = now, clock, sleep, uniform
        self._session: aiohttp.ClientSession | None = None

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.base_url!r})"

    async def __aenter__(self) -> Self:
        import aiohttp  # half a second; who only reads a connection must not pay it

        quiet_clients()
        trace = aiohttp.TraceConfig()
        trace.on_request_headers_sent.append(self._on_sent)
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0, ssl=self._ssl),
            timeout=aiohttp.ClientTimeout(total=self._timeout, sock_connect=bounds.CONNECT_SECONDS),
            headers={
                self.key_header: self._key,
                "Accept": "application/json",
                "Accept-Encoding": ACCEPTED,
                "User-Agent": "segment-exports",
            },
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
            proxy=None if self._proxy is None else self._proxy.url,
            trace_configs=[trace],
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._session is not None:
            await self._session.close()
            self._session = None

    @property
    def warnings(self) -> tuple[str, ...]:
        """What is to be told of the way to the account: that it is in clear text."""
        return (self.place.clear_text_told,) if self.place.is_clear_text else ()

    def seconds(self) -> float:
        """Return the client's clock: seconds that never go back."""
        return self._clock()

    @abstractmethod
    def error_of(self, request: Request, answer: Answer) -> DestinationError:
        """Return the error that an answer other than 2xx stands for."""

    async def send(self, request: Request, parse: Callable[[Any], T], call: Call | None = None) -> T:
        """Send a request until it is answered for good; return what ``parse`` makes of the JSON.

        Waiting for the rate limit uses up no attempt. A wait that is asked for and would outlast the
        patience or the deadline is not begun.

        :raises DestinationError: the last answer, by what a caller can do about it.
        """
        call = call or Call()
        failures, asked_since = 0, None
        while True:
            hint = None
            try:
                answer = await self._exchange(request, call)
                if 200 <= answer.status < 300:
                    return parse(answered(request, answer))
                hint = retry_after(answer.headers, self._now)
                raise self._refusal(request, answer)
            except ThrottledError as error:
                asked_since = self._clock() if asked_since is None else asked_since
                if self._is_too_long(hint or 0.0, asked_since):
                    self.pacer.throttled()
                    raise _given_up(error, hint) from None
                self.pacer.throttled(hint)
            except (OutcomeUnknownError, DestinationUnreachableError) as error:
                is_unknown = isinstance(error, OutcomeUnknownError)
                call.in_doubt |= is_unknown
                failures += 1
                wait = max(self._retry.wait(failures, self._uniform), hint or 0.0)
                is_last = failures >= (call.max_attempts or self._retry.max_attempts)
                if is_last or (request.once and is_unknown) or self._is_late(wait):
                    raise
                if hint is not None:
                    asked_since = self._clock() if asked_since is None else asked_since
                    if self._is_too_long(hint, asked_since):
                        raise _given_up(error, hint) from None
                self.counters.retried += 1
                await self._sleep(wait)

    def _note_clock(self, answer: Answer) -> None:
        """Note by how many seconds our clock is ahead of the last one that was told (``Date``)."""
        told = http_date(answer.headers.get("Date", ""))
        if told is not None:
            self.clock_ahead = (self._now() - told).total_seconds()

    def _refusal(self, request: Request, answer: Answer) -> DestinationError:
        error = self.error_of(request, answer)
        if answer.status != 407:
            return error
        text = f"{error}; {proxy_answered(self._proxy, 407)}"
        return type(error)(text, status=error.status, answer=error.answer)

    async def _exchange(self, request: Request, call: Call) -> Answer:
        """Make one attempt. :raises DestinationError: no answer came."""
        import aiohttp

        if self._session is None:
            raise RuntimeError("the client is used outside of its 'async with' block")
        ticket = await self.pacer.start()
        if self._is_late(0):
            raise DestinationError(f"{request.label} was not sent: the deadline has passed")
        if call.is_withdrawn is not None and call.is_withdrawn():
            raise WithdrawnError(f"{request.label} was not sent: somebody was erased while it waited")
        call.attempts += 1
        try:
            answer = await self._request(self._session, request, (ticket, call, request))
        except (OSError, aiohttp.ClientError) as error:
            raise self._broken(request.label, call, error) from None
        except asyncio.CancelledError:
            call.in_doubt |= call.on_wire
            raise
        finally:
            call.on_wire = False
        self._note_clock(answer)
        self.counters.bytes_received += len(answer.body)
        if answer.status == 429:
            self.counters.throttled += 1
        else:
            self.pacer.accepted()
        return answer

    async def _request(self, session: aiohttp.ClientSession, request: Request, context: Any) -> Answer:
        headers = {"Content-Type": "application/json"} if request.body is not None else None
        async with session.request(
            request.method,
            self._url(request),
            data=request.body,
            headers=headers,
            allow_redirects=False,
            trace_request_ctx=context,
        ) as response:
            try:
                body = Body(response.headers.get("Content-Encoding", ""), bounds.ANSWER_BYTES)
                async for piece in response.content.iter_any():
                    body.add(piece)
                return Answer(response.status, response.headers, body.whole())
            except UnusableBodyError as error:
                raise OutcomeUnknownError(
                    f"{request.label} was answered {response.status} with {error}; it may have been done",
                    status=response.status,
                ) from None

    def _url(self, request: Request) -> Any:
        """Return what is really asked.

        :raises DestinationError: it would leave the API, and the key with it.
        """
        from yarl import URL

        text = f"{self.base_url}{request.path}"
        url = URL(text, encoded=True)
        try:
            is_there = place_of_url(text) == self.place == place_of_url(str(url))
        except UrlError:
            is_there = False
        if not is_there:
            raise DestinationError(f"{request.label} was not sent: its path would lead out of the API")
        return url

    async def _on_sent(self, _session: object, context: Any, _params: object) -> None:
        """Take note that the headers go out: connecting may have taken long after the start was given."""
        ticket, call, request = context.trace_request_ctx
        call.on_wire = True
        self.pacer.sent(ticket)
        counters = self.counters
        counters.total += 1
        counters.bytes_sent += len(request.body or b"")
        counters.last_at = self._now()
        counters.first_at = counters.first_at or counters.last_at

    def _is_late(self, wait: float) -> bool:
        return self.deadline is not None and self._clock() + wait >= self.deadline

    def _is_too_long(self, wait: float, since: float) -> bool:
        """Tell of a wait that the destination asks for, after others since then."""
        waited = self._clock() - since
        return waited + wait > self._retry.throttle_patience or self._is_late(wait)

    def _broken(self, label: str, call: Call, error: Exception) -> DestinationError:
        if call.on_wire:
            host = place_of(urlsplit(self.base_url))
            what = (
                f"no answer in {self._timeout:g} s"
                if isinstance(error, TimeoutError)
                else "connection broken"
            )
            by = f" by the proxy {self._proxy}" if self._proxy is not None else ""
            return OutcomeUnknownError(f"{label}: {what} after sending to {host}{by}; it may have been done")
        return DestinationUnreachableError(f"{label}: {why_unreachable(error, self.base_url, self._proxy)}")


def _given_up(error: DestinationError, asked: float | None) -> DestinationError:
    if not asked:
        return error
    text = f"{error}; it asks to wait {wait_told(asked)}, which is too long"
    return type(error)(text, status=error.status, answer=error.answer)


def _checked_key(key: str) -> str:
    key = key.strip()
    if not key:
        raise CredentialsRefusedError("the connection has no API key")
    if not (key.isascii() and key.isprintable()) or " " in key:
        raise CredentialsRefusedError(
            f"the connection's API key ({len(key)} characters) holds characters that no key has; "
            f"it must be printable ASCII without spaces"
        )
    return key
