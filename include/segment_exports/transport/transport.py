"""One request to the destination: paced, timed, retried, counted, and without a trace of its values."""

from __future__ import annotations

import asyncio
import random
import time
from abc import ABC, abstractmethod
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, ClassVar, Self, TypeVar

from segment_exports.errors import (
    ConnectionFieldError,
    DestinationError,
    DestinationUnreachableError,
    OutcomeUnknownError,
    ThrottledError,
    WithdrawnError,
)
from segment_exports.settings import bounds
from segment_exports.settings.connection_fields import THE_CONNECTION
from segment_exports.sieve.quiet_clients import quiet_clients
from segment_exports.sieve.secrets_in_use import keep_secret
from segment_exports.transport.api_key import checked_key
from segment_exports.transport.bad_requests.budget import Uncounted
from segment_exports.transport.call import Answer, Call, RequestCounters
from segment_exports.transport.json_answers import answered, no_json
from segment_exports.transport.places import UrlError, place_of_url, service_url, url_below
from segment_exports.transport.retrying import RetrySettings, Tries, given_up, http_date, retry_after
from segment_exports.transport.shut_outs import ShutOuts
from segment_exports.transport.unpacking import ACCEPTED, Body, UnusableBodyError
from segment_exports.transport.waits import Waits
from segment_exports.transport.way import of_proxy, proxy_for, ssl_context, why_unanswered, why_unreachable

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    import aiohttp

    from segment_exports.transport.bad_requests.budget import BadRequests
    from segment_exports.transport.call import Request
    from segment_exports.transport.pacing import Pacer

T = TypeVar("T")

_MAY_PASS = (ThrottledError, OutcomeUnknownError, DestinationUnreachableError)


class Transport(ABC):
    """Sends requests to one account; use it as an asynchronous context manager.

    A destination's client is one: it names the header that the key travels in, and says what an answer
    other than 2xx means.

    :param base_url: such as :attr:`example_url`.
    :param timeout_seconds: for one attempt, connecting included. Servers were seen to answer after
        30.5 s, and to complete requests that they answer with a time-out.
    :param ca_bundle: file of the CAs to trust instead of the system's.
    :param whose: what messages call the connection that all this stands in.
    :param allow_clear_text: whether the base URL may lead to another machine over ``http://``.
    :param bad_requests: the budget of bad requests, where the service shuts out who exceeds it.
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
        whose: str = THE_CONNECTION,
        bad_requests: BadRequests | None = None,
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
                base_url, f"the Base URL of {whose}", self.example_url, allow_clear_text=allow_clear_text
            )
        except UrlError as error:
            raise ConnectionFieldError(str(error)) from None
        self.place = place_of_url(self.base_url)
        self.pacer, self.whose = pacer, whose
        self.counters = RequestCounters()
        self.deadline: float | None = None
        self.clock_ahead: float | None = None
        self._key = checked_key(api_key, whose)
        keep_secret(self._key)
        self._retry = retry or RetrySettings()
        self._timeout = timeout_seconds
        self._proxy = proxy_for(self.base_url)
        self._ssl = ssl_context(ca_bundle, whose)
        self._bad_requests = bad_requests or Uncounted()
        self._shut_outs = ShutOuts(self._bad_requests, self.is_from_service)
        self.waits = Waits(self._bad_requests, clock)
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
        """What is to be told of the way to the account: that it is in clear text, or was shut."""
        clear = (self.place.clear_text_told,) if self.place.is_clear_text else ()
        return (*clear, *self._bad_requests.warnings)

    def seconds(self) -> float:
        """Return the client's clock: seconds that never go back."""
        return self._clock()

    @abstractmethod
    def error_of(self, request: Request, answer: Answer) -> DestinationError:
        """Return the error that an answer other than 2xx stands for."""

    def wait_asked(self, answer: Answer) -> float | None:
        """Return how many seconds an answer other than 2xx asks to wait; None if it doesn't."""
        return retry_after(answer.headers, self._now)

    def is_from_service(self, answer: Answer) -> bool:
        """Tell whether an answer has a form that the service gives, and not only something on the way."""
        return no_json(answer.headers, answer.body) is None

    async def send(self, request: Request, parse: Callable[[Any], T], call: Call | None = None) -> T:
        """Send a request until it is answered for good; return what ``parse`` makes of the JSON.

        Waiting for the rate limit uses up no attempt. A wait that is asked for and would outlast the
        patience or the deadline is not begun.

        :raises DestinationError: the last answer, by what a caller can do about it.
        """
        call, tries = call or Call(), Tries()
        while True:
            answer = None
            try:
                answer = await self._exchange(request, call)
                if 200 <= answer.status < 300:
                    return parse(answered(request, answer))
                raise of_proxy(self.error_of(request, answer), answer.status, self._proxy)
            except DestinationError as error:
                call.in_doubt |= isinstance(error, OutcomeUnknownError)
                if self._shut_outs.is_waited_out(request, call, answer, error, self._is_late):
                    tries = Tries()
                    continue
                if not isinstance(error, _MAY_PASS):
                    raise
                asked = self.wait_asked(answer) if answer is not None and answer.status >= 300 else None
                await self._wait(request, call, tries, error, asked)

    async def _wait(
        self, request: Request, call: Call, tries: Tries, error: DestinationError, asked: float | None
    ) -> None:
        """Wait until the next attempt.

        :param asked: seconds that the answer asks to wait.
        :raises DestinationError: the error, since there is none.
        """
        is_throttled = isinstance(error, ThrottledError)
        if not is_throttled:
            tries.failures += 1
            wait = max(self._retry.wait(tries.failures, self._uniform), asked or 0.0)
            is_last = tries.failures >= (call.max_attempts or self._retry.max_attempts)
            is_risky = request.once and isinstance(error, OutcomeUnknownError)
            if is_last or is_risky or self._is_late(wait):
                raise error from None
        if is_throttled or asked is not None:
            tries.asked_since = self._clock() if tries.asked_since is None else tries.asked_since
            if self._is_too_long(asked or 0.0, tries.asked_since):
                if is_throttled:
                    self.pacer.throttled()
                raise given_up(error, asked) from None
        if is_throttled:
            self.waits.begin(self.pacer.throttled(asked), error)
            return
        self.counters.retried += 1
        self.waits.begin(wait, error)
        await self._sleep(wait)

    def _note_clock(self, answer: Answer) -> None:
        """Note by how many seconds our clock is ahead of the last one that was told (``Date``)."""
        told = http_date(answer.headers.get("Date", ""))
        if told is not None:
            self.clock_ahead = (self._now() - told).total_seconds()

    async def _exchange(self, request: Request, call: Call) -> Answer:
        """Make one attempt. :raises DestinationError: no answer came."""
        import aiohttp

        if self._session is None:
            raise RuntimeError("the client is used outside of its 'async with' block")
        ticket, place = await self._bad_requests.start(self.pacer.start)
        try:
            self._require_due(request, call)
            call.attempts += 1
            answer = await self._request(self._session, request, (ticket, call, request))
            self._shut_outs.note(place, answer)
        except OutcomeUnknownError as error:
            place.answered(error.status or 0)
            raise
        except (OSError, aiohttp.ClientError) as error:
            raise self._broken(request.label, call, error) from None
        except asyncio.CancelledError:
            call.in_doubt |= call.on_wire
            raise
        finally:
            if not place.is_answered:
                call.unanswered_in(place)
            call.on_wire = False
        if 200 <= answer.status < 300:
            call.answered_well()
        self._note_clock(answer)
        self.counters.bytes_received += len(answer.body)
        if answer.status == 429:
            self.counters.throttled += 1
        else:
            self.pacer.accepted()
        return answer

    def _require_due(self, request: Request, call: Call) -> None:
        """Make sure that a request may still go out: it may have waited long for its start.

        :raises DestinationError: the deadline has passed.
        :raises WithdrawnError: somebody whom it names was erased.
        """
        if self._is_late(0):
            raise DestinationError(f"{request.label} was not sent: the deadline has passed")
        if call.is_withdrawn is not None and call.is_withdrawn():
            raise WithdrawnError(f"{request.label} was not sent: somebody was erased while it waited")

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
        """Return what is really asked. :raises DestinationError: it would leave the API, with the key."""
        try:
            return url_below(self.base_url, request.path)
        except UrlError:
            text = f"{request.label} was not sent: its path would lead out of the API"
            raise DestinationError(text) from None

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
            why = why_unanswered(error, self.base_url, self._proxy, self._timeout)
            return OutcomeUnknownError(f"{label}: {why}")
        return DestinationUnreachableError(f"{label}: {why_unreachable(error, self.base_url, self._proxy)}")
