from __future__ import annotations

import gzip
import time
import zlib
from itertools import count, repeat
from typing import TYPE_CHECKING

import pytest
import requests
from tests.memory_taken import MemoryTaken
from tests.segment_exports.sources.web.raw_service import RawService, raw_service

from segment_exports.settings import bounds
from segment_exports.sources.web.bounded_http import AnswerLimits, TooSlowError, within_bounds
from segment_exports.transport.unpacking import TooMuchError, UnusableBodyError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

MIB = 1 << 20
WITHIN = 30.0
"""Seconds in which each of these must have ended, on whatever machine."""


@pytest.fixture
def service() -> Iterator[RawService]:
    with raw_service() as found:
        yield found


def ask(service: RawService, limits: AnswerLimits) -> bytes:
    with within_bounds(requests.Session(), lambda: limits) as session:
        return session.get(service.url, timeout=WITHIN).content


def refusal(service: RawService, error: type[UnusableBodyError], limits: AnswerLimits) -> str:
    """Return what an answer is refused with; it must come soon, and in little memory."""
    begun = time.perf_counter()
    with MemoryTaken() as memory, pytest.raises(error) as refused:
        ask(service, limits)
    assert time.perf_counter() - begun < WITHIN
    assert memory.most < 4 * limits.most + 64 * MIB
    return str(refused.value)


def ticking(seconds: float = 1.0) -> Callable[[], float]:
    """Return a clock that goes on with each look at it."""
    looks = count()
    return lambda: next(looks) * seconds


BEGUN = b"HTTP/1.1 200 OK\r\n"
CHUNKED = BEGUN + b"Transfer-Encoding: chunked\r\n\r\n"
WITHOUT_END = {
    "a body": (BEGUN + b"\r\n", b" " * MIB),
    "chunks": (CHUNKED, b"100000\r\n" + b" " * MIB + b"\r\n"),
    "empty words beside a chunk": (CHUNKED + b"1;", b"x" * MIB),
    "trailers": (CHUNKED + b"0\r\n", b"X-One: more\r\n" * 1000),
    "one header": (BEGUN + b"X-Long: ", b"x" * MIB),
    "answers 100 before the answer": (b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 1000),
}


@pytest.mark.parametrize("kind", WITHOUT_END)
def test_whatever_has_no_end_ends_by_its_bytes(service: RawService, kind: str) -> None:
    first, again = WITHOUT_END[kind]
    service.pieces = lambda: (one for part in ((first,), repeat(again)) for one in part)
    limits = AnswerLimits(4 * MIB, 3600.0)
    begun = time.perf_counter()
    with pytest.raises(Exception, match=r"more than 4 MiB|chunk size line|header line") as refused:
        ask(service, limits)
    assert time.perf_counter() - begun < WITHIN, refused


@pytest.mark.parametrize("kind", WITHOUT_END)
def test_whatever_has_no_end_ends_by_its_time(service: RawService, kind: str) -> None:
    """A byte at a time, each of them in time; the clock of the test goes on with each look at it."""
    first, again = WITHOUT_END[kind]
    service.pieces = lambda: (first + again[:100], *repeat(again[:100], 100_000))
    told = refusal(service, TooSlowError, AnswerLimits(1 << 40, 3.0, ticking()))
    assert told == "no whole answer in 3 s"


def test_an_answer_that_comes_in_time_is_taken(service: RawService) -> None:
    service.answer(*[b"x"] * 100)
    assert ask(service, AnswerLimits(100, 1e6, ticking())) == b"x" * 100


@pytest.mark.parametrize("pack", [bytes, gzip.compress, zlib.compress])
def test_an_answer_may_have_as_many_bytes_as_the_bound_and_not_one_more(service, pack) -> None:
    encoding = {gzip.compress: "gzip", zlib.compress: "deflate"}.get(pack, "identity")
    for size in (MIB, MIB + 1):
        service.answer(pack(b"x" * size), headers=f"Content-Encoding: {encoding}\r\n")
        if size == MIB:
            assert ask(service, AnswerLimits(MIB, WITHIN)) == b"x" * size
    assert refusal(service, TooMuchError, AnswerLimits(MIB, WITHIN)) == "more than 1 MiB"


def test_headers_may_have_as_many_bytes_as_their_bound_and_not_one_more(service: RawService) -> None:
    """All that comes counts: what the body leaves of its own bound, headers may have too."""
    for more in (0, 1):
        begun = BEGUN + b"".join(b"X-%02d: %s\r\n" % (number, b"x" * 65_000) for number in range(16))
        last = bounds.HEADER_BYTES + more - len(begun) - len(b"X-Last: \r\n\r\n")
        head = begun + b"X-Last: " + b"x" * last + b"\r\n\r\n"
        assert len(head) == bounds.HEADER_BYTES + more
        service.pieces = lambda head=head: (head, b"b" * 1000)
        if not more:
            assert ask(service, AnswerLimits(1000, WITHIN)) == b"b" * 1000
    assert refusal(service, TooMuchError, AnswerLimits(1000, WITHIN)) == "more than 1,000 bytes"


@pytest.mark.parametrize("status", [200, 400, 404, 500])
def test_an_answer_that_unpacks_without_end_is_unpacked_to_the_bound_alone(service, status) -> None:
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    packed = b"".join(packer.compress(bytes(MIB)) for _ in range(200)) + packer.flush()
    service.answer(packed, status=status, headers="Content-Encoding: gzip\r\n")
    assert refusal(service, TooMuchError, AnswerLimits(4 * MIB, WITHIN)) == "more than 4 MiB"


@pytest.mark.parametrize("encoding", ["br", "zstd", "gzip, gzip"])
def test_what_is_packed_in_a_way_that_was_not_asked_for_is_not_unpacked(service, encoding) -> None:
    service.answer(gzip.compress(gzip.compress(b"{}")), headers=f"Content-Encoding: {encoding}\r\n")
    assert "a body that is packed" in refusal(service, UnusableBodyError, AnswerLimits(MIB, WITHIN))


def test_a_proxy_is_held_to_the_same_bounds(service: RawService, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", service.url)
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)
    service.pieces = lambda: repeat(b"HTTP/1.1 100 Continue\r\n\r\n", 100_000)
    with (
        within_bounds(requests.Session(), lambda: AnswerLimits(MIB, 3.0, ticking())) as session,
        pytest.raises(TooSlowError),
    ):
        session.get("http://service.example.com/api", timeout=WITHIN)


def test_the_bounds_of_a_source_leave_room_for_the_largest_page() -> None:
    rows, attributes = 5_000, 200
    assert rows * attributes * 2 <= bounds.SOURCE_VALUES
    assert rows * attributes * 50 <= bounds.SOURCE_ANSWER_BYTES
