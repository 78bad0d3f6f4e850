"""Answers without a bound, from a server on a socket: each ends, and the fate of the request is unknown."""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import json
import socket
import time
import zlib
from itertools import count
from typing import TYPE_CHECKING, Any

import pytest
from tests.memory_taken import MemoryTaken

from segment_exports.errors import DestinationError, DestinationUnreachableError, OutcomeUnknownError
from segment_exports.settings import bounds
from segment_exports.transport.call import Answer, Call, Request
from segment_exports.transport.json_answers import error_class
from segment_exports.transport.pacing import Pacer
from segment_exports.transport.transport import Transport

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterable

MIB = 1 << 20
ONCE = {"max_attempts": 1}


class Client(Transport):
    key_header = "key"
    example_url = "https://api.example.com/v1"

    def error_of(self, request: Request, answer: Answer, key: str) -> DestinationError:
        return error_class(answer.status)(
            f"{request.label} was answered {answer.status}", status=answer.status
        )


class RawServer:
    """Answers every request with pieces of bytes, as they come, and then closes the connection."""

    def __init__(self) -> None:
        self.pieces: Callable[[], Iterable[bytes]] = lambda: ()
        self.between = 0.0
        self.asked: list[str] = []
        self.url = ""

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            self.asked.append((await reader.readuntil(b"\r\n\r\n")).decode())
            for piece in self.pieces():
                writer.write(piece)
                await writer.drain()
                if self.between:
                    await asyncio.sleep(self.between)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass  # the client had enough
        finally:
            writer.close()

    def answer(self, body: Iterable[bytes], status: int = 200, *headers: str) -> None:
        head = "\r\n".join([f"HTTP/1.1 {status} Some", *headers, "Connection: close", "", ""]).encode()

        def pieces() -> Iterable[bytes]:
            yield head
            yield from body

        self.pieces = pieces


@pytest.fixture
async def server() -> AsyncIterator[RawServer]:
    raw = RawServer()
    listening = await asyncio.start_server(raw.handle, "127.0.0.1", 0)
    raw.url = f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}/v1"
    async with listening:
        yield raw


async def ask(server: RawServer, **options: Any) -> Any:
    async with Client(server.url, "k" * 32, pacer=Pacer(None), **options) as client:
        request = Request("POST", "/contacts", "POST /contacts", b"{}")
        return await client.send(request, lambda value: value, Call(**ONCE))


async def refusal(server: RawServer, **options: Any) -> OutcomeUnknownError:
    """Return what an answer is refused with; it must come soon, and in little memory."""
    begun = time.perf_counter()
    with MemoryTaken() as memory, pytest.raises(OutcomeUnknownError) as refused:
        await ask(server, **options)
    assert time.perf_counter() - begun < 30
    assert memory.most < 10 * bounds.ANSWER_BYTES
    return refused.value


def endless(piece: bytes) -> Iterable[bytes]:
    return (piece for _ in count())


def of_size(size: int) -> bytes:
    """Return JSON of so many bytes."""
    return b'{"a":"' + b"x" * (size - 8) + b'"}'


@pytest.mark.parametrize("status", [200, 400, 401, 429, 503])
async def test_an_answer_without_end_is_read_to_the_bound_alone(server, status) -> None:
    server.answer(endless(bytes(MIB)), status)
    error = await refusal(server)
    assert str(error) == f"POST /contacts was answered {status} with more than 16 MiB; it may have been done"
    assert error.status == status


@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
@pytest.mark.parametrize("status", [200, 400])
async def test_an_answer_that_unpacks_without_end_is_unpacked_to_the_bound_alone(
    server, status, encoding
) -> None:
    packer = zlib.compressobj(9, zlib.DEFLATED, 31 if encoding == "gzip" else 15)
    packed = b"".join(packer.compress(bytes(MIB)) for _ in range(100)) + packer.flush()
    server.answer([packed], status, f"Content-Encoding: {encoding}", f"Content-Length: {len(packed)}")
    error = await refusal(server)
    assert str(error) == f"POST /contacts was answered {status} with more than 16 MiB; it may have been done"


async def test_an_answer_of_just_the_bound_is_read_packed_or_not(server) -> None:
    body = of_size(bounds.ANSWER_BYTES)
    server.answer([body])
    assert len((await ask(server))["a"]) == bounds.ANSWER_BYTES - 8
    server.answer([gzip.compress(body, 1)], 200, "Content-Encoding: gzip")
    assert len((await ask(server))["a"]) == bounds.ANSWER_BYTES - 8
    assert all("\r\nAccept-Encoding: gzip, deflate\r\n" in one for one in server.asked)


async def test_one_byte_more_is_not(server) -> None:
    server.answer([of_size(bounds.ANSWER_BYTES + 1)])
    assert "more than 16 MiB" in str(await refusal(server))


@pytest.mark.parametrize("encoding", ["br", "zstd", "gzip, gzip"])
async def test_what_is_packed_in_a_way_that_was_not_asked_for_is_not_unpacked(server, encoding) -> None:
    server.answer([gzip.compress(gzip.compress(b"{}"))], 200, f"Content-Encoding: {encoding}")
    assert "with a body that is packed" in str(await refusal(server))


async def test_an_answer_that_drips_ends_with_the_time_for_an_attempt(server) -> None:
    server.between = 0.02
    server.answer(endless(b" "))
    assert str(await refusal(server, timeout_seconds=0.5)).startswith(
        "POST /contacts: no answer in 0.5 s after sending"
    )


async def test_so_do_headers_that_drip(server) -> None:
    server.between = 0.02
    server.pieces = lambda: (b"HTTP/1.1 200 OK\r\nX-Long: ", *([b"a"] * 10_000))
    assert "no answer in 0.5 s after sending" in str(await refusal(server, timeout_seconds=0.5))


@pytest.mark.parametrize(
    "piece", [b"x" * MIB, b"X-One: more\r\n" * 1000], ids=["one without end", "more and more of them"]
)
async def test_headers_without_end_are_not_read_to_it(server, piece) -> None:
    def pieces() -> Iterable[bytes]:
        yield b"HTTP/1.1 200 OK\r\nX-Long: "
        yield from endless(piece)

    server.pieces = pieces
    assert "it may have been done" in str(await refusal(server))


@pytest.mark.parametrize("body", [b"{},", b"[],", b'{"a":0},', b'0,"",'])
async def test_json_of_more_values_than_the_bound_is_not_read(server, body) -> None:
    server.answer([b"[" + body * (8 * MIB // len(body)) + b"0]"])
    error = await refusal(server)
    assert "was answered 200 with JSON of more than 500,000 values" in str(error)


async def test_json_of_as_many_values_as_the_bound_is_read(server) -> None:
    value = [0] * (bounds.ANSWER_VALUES - 1)
    server.answer([json.dumps(value).encode()])
    assert await ask(server) == value


@pytest.mark.parametrize("body", [b"[" * 100_000, b"1" * 100_000, b'{"a":' * 100_000, b'"' * 100_000])
async def test_json_that_no_parser_takes_is_told_as_such(server, body) -> None:
    server.answer([body])
    assert "was answered 200 with" in str(await refusal(server))


async def test_a_server_that_takes_no_connection_is_given_up_after_the_time_for_connecting(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Nothing was sent, so it is no answer that is missing. Its queue of connections is full."""
    monkeypatch.setattr(bounds, "CONNECT_SECONDS", 0.2)
    begun = time.perf_counter()
    with socket.create_server(("127.0.0.1", 0), backlog=0) as full, contextlib.ExitStack() as waiting:
        for _ in range(3):
            one = waiting.enter_context(socket.socket())
            one.setblocking(False)
            one.connect_ex(full.getsockname())
        url = f"http://127.0.0.1:{full.getsockname()[1]}/v1"
        async with Client(url, "k" * 32, pacer=Pacer(None)) as client:
            request = Request("POST", "/contacts", "POST /contacts", b"{}")
            with pytest.raises(DestinationUnreachableError) as refused:
                await client.send(request, lambda value: value, Call(**ONCE))
    assert time.perf_counter() - begun < 30, "it waited as long as for an answer"
    assert "POST /contacts" in str(refused.value)
