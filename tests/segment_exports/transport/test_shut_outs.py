"""Shut out by the service after bad requests: over sockets, with a clock that only waiting moves."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from segment_exports.errors import (
    AccountRefusedError,
    DestinationError,
    DestinationUnreachableError,
    OutcomeUnknownError,
    RequestRefusedError,
    ThrottledError,
    WithdrawnError,
)
from segment_exports.settings import bounds
from segment_exports.transport.bad_requests.budget import MARGIN, BadRequests
from segment_exports.transport.call import Answer, Call, Request
from segment_exports.transport.json_answers import error_class, no_json
from segment_exports.transport.pacing import Pacer
from segment_exports.transport.retrying import RetrySettings
from segment_exports.transport.transport import Transport

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

BREAK = None
GOOD = (200, b'{"done":true}')
BAD = (400, b'{"error":"no"}')
PAGE = (403, b"<html>no</html>")
GATEWAY = (502, b"<html>no</html>")


class Client(Transport):
    key_header = "key"
    example_url = "https://api.example.com/v1"

    def error_of(self, request: Request, answer: Answer) -> DestinationError:
        is_own = answer.status == 400 and no_json(answer.headers, answer.body) is None
        kind = RequestRefusedError if is_own else error_class(answer.status)
        return kind(f"{request.label} was answered {answer.status}", status=answer.status)

    def wait_asked(self, answer: Answer) -> float | None:
        return 7.0 if b"try-in-seconds" in answer.body else None


class Scripted:
    """Gives its answers one after the other, and then good ones; takes no request where it has to break."""

    def __init__(self) -> None:
        self.answers: list[tuple[int, bytes] | None] = []
        self.asked: list[float] = []
        self.url = ""
        self.now = 1000.0

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await reader.readuntil(b"\r\n\r\n")
            await reader.readexactly(2)
            self.asked.append(self.now)
            answer = self.answers.pop(0) if self.answers else GOOD
            if answer is not BREAK:
                status, body = answer
                head = f"HTTP/1.1 {status} Some\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
                writer.write(head.encode() + body)
                await writer.drain()
        finally:
            writer.close()


@pytest.fixture
async def server() -> AsyncIterator[Scripted]:
    scripted = Scripted()
    listening = await asyncio.start_server(scripted.handle, "127.0.0.1", 0)
    scripted.url = f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}/v1"
    async with listening:
        yield scripted


@pytest.fixture
async def client(server: Scripted, tmp_path: Path) -> AsyncIterator[Client]:
    async def sleep(seconds: float) -> None:
        server.now += seconds

    times: dict[str, Any] = {"clock": lambda: server.now, "sleep": sleep}
    budget = BadRequests("service", most=9, seconds=15.0, folder=tmp_path, **times)
    opened = Client(
        server.url,
        "k" * 32,
        pacer=Pacer(None, **times),
        retry=RetrySettings(first_wait=0.5),
        bad_requests=budget,
        uniform=lambda: 1.0,
        **times,
    )
    async with opened:
        yield opened


async def ask(client: Client, call: Call | None = None, *, once: bool = False) -> Any:
    request = Request("POST", "/people", "POST /people", b"{}", once=once)
    return await client.send(request, lambda value: value, call)


async def refused(client: Client) -> None:
    with pytest.raises(RequestRefusedError):
        await ask(client)


@pytest.mark.parametrize("broken", [BREAK, GATEWAY])
async def test_broken_connections_in_a_row_after_a_bad_request_are_waited_out(server, client, broken) -> None:
    """As many more attempts are there afterwards as at the beginning."""
    server.answers = [BAD, *[broken] * 3, *[broken] * 2]
    await refused(client)
    call = Call()
    assert await ask(client, call) == {"done": True}
    assert call.shut_outs == 1
    # Two waits of ours, then until it is over, then two of ours from the shortest.
    assert server.now == pytest.approx(1000 + 0.5 + 1 + 15 + MARGIN + 0.5 + 1)
    assert "shut this machine out for a while after bad requests, once" in client.warnings[-1]


async def test_so_are_connections_that_nobody_takes(client, tmp_path) -> None:
    listening = await asyncio.start_server(lambda *_: None, "127.0.0.1", 0)
    port = listening.sockets[0].getsockname()[1]
    listening.close()
    await listening.wait_closed()
    client.base_url = f"http://127.0.0.1:{port}/v1"
    _, place = await client._bad_requests.start(client.pacer.start)
    place.answered(400)
    began, call = client.seconds(), Call()
    with pytest.raises(DestinationUnreachableError):
        await ask(client, call)
    assert call.shut_outs == 1
    assert client.seconds() - began > 15 + MARGIN


async def test_one_broken_connection_is_tried_again_as_ever(server, client) -> None:
    """An answer of the service's between them says that it lets us in."""
    server.answers = [BAD, BREAK, BREAK, BAD, BREAK, BREAK, GOOD]
    await refused(client)
    await refused(client)
    await ask(client)
    assert server.now == pytest.approx(1000 + 2 * (0.5 + 1))
    assert client.warnings == ()


@pytest.mark.parametrize("answers", [[BREAK] * 5, [GATEWAY] * 5])
async def test_without_a_bad_request_before_it_is_trouble_of_the_way(server, client, answers) -> None:
    server.answers = list(answers)
    with pytest.raises(OutcomeUnknownError):
        await ask(client)
    assert server.now == pytest.approx(1000 + 0.5 + 1 + 2 + 4)
    assert client.warnings == ()


@pytest.mark.parametrize("odd", [PAGE, (429, b"slow down"), (200, b"<html>"), (302, b"")])
async def test_an_answer_that_the_service_never_gives_is_waited_out_at_once(server, client, odd) -> None:
    server.answers = [BAD, odd]
    await refused(client)
    assert await ask(client) == {"done": True}
    assert server.now == pytest.approx(1000 + 15 + MARGIN)


async def test_without_a_bad_request_before_such_an_answer_is_what_it_is(server, client) -> None:
    """It may be a gateway's, of which more would come: none counts as a bad request before the next."""
    server.answers = [PAGE] * 9
    for _ in range(9):
        with pytest.raises(AccountRefusedError):
            await ask(client)
    assert server.now == 1000.0


async def test_the_services_own_refusals_are_waited_for_by_nobody(server, client) -> None:
    server.answers = [BAD] * 5
    for _ in range(5):
        await refused(client)
    assert server.now == 1000.0


async def test_a_request_waits_out_so_many_shut_outs_and_not_one_more(server, client, monkeypatch) -> None:
    monkeypatch.setattr(client._bad_requests, "happened_lately", lambda: True)  # somebody goes on with them
    server.answers = [PAGE] * 10
    call = Call()
    with pytest.raises(AccountRefusedError):
        await ask(client, call)
    assert call.shut_outs == bounds.SHUT_OUTS == len(server.asked) - 1
    assert f"bad requests, {bounds.SHUT_OUTS} times" in client.warnings[-1]


async def test_what_may_have_been_done_and_must_not_be_repeated_is_not_but_has_all_others_wait(
    server, client
) -> None:
    server.answers = [BAD, BREAK, BREAK, BREAK]
    await refused(client)
    for _ in range(3):
        call = Call()
        with pytest.raises(OutcomeUnknownError):
            await ask(client, call, once=True)
        assert (call.in_doubt, call.attempts, server.now) == (True, 1, 1000.0)
    await ask(client, once=True)
    assert server.now == pytest.approx(1000 + 15 + MARGIN)


async def test_none_is_waited_out_beyond_the_deadline(server, client) -> None:
    server.answers = [BAD, PAGE]
    await refused(client)
    client.deadline = server.now + 10
    with pytest.raises(AccountRefusedError):
        await ask(client)
    assert server.now == 1000.0


async def test_more_bad_requests_than_the_budget_wait_and_use_up_no_attempt(server, client) -> None:
    server.answers = [BAD] * 30
    for _ in range(30):
        await refused(client)
    assert all(later - first >= 15 for first, later in zip(server.asked, server.asked[9:], strict=False))
    assert client.counters.retried == 0
    assert client.counters.total == 30


async def test_who_was_erased_while_a_request_waited_is_not_sent(server, client) -> None:
    server.answers = [BAD] * 9
    for _ in range(9):
        await refused(client)
    call = Call(is_withdrawn=lambda: server.now > 1010)
    with pytest.raises(WithdrawnError):
        await ask(client, call)
    assert (call.attempts, len(server.asked)) == (0, 9)
    assert await ask(client) == {"done": True}


async def test_an_answer_may_ask_in_its_body_to_wait_and_all_requests_do(server, client) -> None:
    """As with Retry-After: it is the account that is asked to, and no attempt is used up."""
    asks = (429, b'{"error":{"code":"rate-limit","message":"rate limit","try-in-seconds":7}}')
    server.answers = [asks] * 6
    call = Call()
    await ask(client, call)
    assert call.attempts == 7
    assert server.now == pytest.approx(1000 + 6 * 7, abs=3)

    server.answers = [asks]
    began = server.now
    first = asyncio.create_task(ask(client))
    while client.counters.throttled < 7:
        await asyncio.sleep(0)
    await ask(client)
    await first
    assert all(moment - began >= 7 for moment in server.asked[-2:])


async def test_a_wait_that_is_asked_for_in_a_body_may_be_too_long(server, client, monkeypatch) -> None:
    monkeypatch.setattr(client, "wait_asked", lambda _: 3600.0)
    server.answers = [(429, b'{"error":{}}')]
    with pytest.raises(ThrottledError, match="it asks to wait 3,600 s, which is too long"):
        await ask(client)
