from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field
from email.utils import formatdate
from itertools import count, repeat
from typing import TYPE_CHECKING, Any

import pytest
from tests.memory_taken import MemoryTaken
from tests.segment_exports.sources.web.raw_service import raw_service

from segment_emulators.serving import serve_in_thread
from segment_exports.errors import SourceError, SourceNotReadyError
from segment_exports.settings import bounds
from segment_exports.sources.web.answer_status import NoSuchRouteError, RefusedError
from segment_exports.sources.web.http_reading import JsonReader
from segment_exports.sources.web.patience import Patience, Waits

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@dataclass
class Script:
    """A server that gives prepared answers and remembers what was asked."""

    answers: list[tuple[int, dict[str, str], bytes]] = field(default_factory=list)
    asked: list[dict[str, str]] = field(default_factory=list)

    async def __call__(self, scope: dict[str, Any], _receive: Any, send: Any) -> None:
        self.asked.append({key.decode(): value.decode() for key, value in scope["headers"]})
        status, headers, body = self.answers.pop(0)
        raw = [(key.encode(), value.encode()) for key, value in headers.items()]
        await send({"type": "http.response.start", "status": status, "headers": raw})
        await send({"type": "http.response.body", "body": body})


class OneToken:
    def token(self) -> str:
        return "the-token"

    def forget(self) -> None:
        pass


@dataclass
class Bench:
    script: Script
    reader: JsonReader
    slept: list[float]


@pytest.fixture
def bench() -> Iterator[Bench]:
    script, slept = Script(), []
    with serve_in_thread(script) as url:
        waits = Waits(
            sleep=slept.append, monotonic=lambda: sum(slept), now=lambda: 1_000_000.0, jitter=lambda: 1.0
        )
        reader = JsonReader(
            "The service", url, OneToken(), "ask the admin", waits=waits, patience=Patience(tries=2)
        )
        yield Bench(script, reader, slept)
        reader.close()


OK = (200, {}, b'{"fine":true}')


def test_the_token_goes_along_whatever_a_netrc_says(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / ".netrc").write_text("machine 127.0.0.1 login somebody password else\n")
    (tmp_path / ".netrc").chmod(0o600)
    monkeypatch.setenv("NETRC", str(tmp_path / ".netrc"))
    bench.script.answers = [OK]

    assert bench.reader.get("x") == {"fine": True}
    assert bench.script.asked[0]["authorization"] == "Bearer the-token"


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("7", 7.0),
        ("0.5", 1.0),
        ("-3", 1.0),
        ("Mon, 12 Jan 1970 13:46:00 GMT", 1.0),
        ("nan", 1.0),
        ("soon", 1.0),
        ("inf", 1.0),
        ("", 1.0),
    ],
)
def test_retry_after_asks_for_a_longer_wait_than_ours(bench: Bench, header: str, seconds: float) -> None:
    bench.script.answers = [(429, {"Retry-After": header}, b""), OK]

    bench.reader.get("x")

    assert bench.slept == [seconds]


def test_a_date_is_counted_from_the_clock_of_the_service(bench: Bench) -> None:
    """The bench's own clock stands in 1970."""
    bench.script.answers = [(429, {"Retry-After": formatdate(time.time() + 600, usegmt=True)}, b""), OK]

    bench.reader.get("x")

    assert 300 < bench.slept[0] <= 601


@pytest.mark.parametrize("code", ["0x80072322", "0x80072321"])
def test_a_service_protection_code_is_throttling_under_any_status(bench: Bench, code: str) -> None:
    body = f'{{"error":{{"code":"{code}","message":"limit"}}}}'.encode()
    bench.script.answers = [(503, {"Retry-After": "2"}, body)] * 4 + [OK]

    bench.reader.get("x")

    assert bench.slept == [2.0, 2.0, 4.0, 8.0]
    assert bench.reader.counts.throttled == 4


@pytest.mark.parametrize("status", [408, 425, 500, 502, 507, 520, 524])
def test_what_a_gateway_answers_in_a_moment_of_trouble_is_asked_again(bench: Bench, status: int) -> None:
    bench.script.answers = [(status, {}, b"<html>"), OK]
    assert bench.reader.get("x") == {"fine": True}
    assert bench.reader.counts.retried == 1


def test_503_without_a_time_to_wait_counts_as_a_failure(bench: Bench) -> None:
    bench.script.answers = [(503, {}, b"")] * 2

    with pytest.raises(SourceNotReadyError, match="in 2 tries for the third page; the last one: status 503"):
        bench.reader.get("x", what="the third page")


@pytest.mark.parametrize(
    ("body", "read", "broken"),
    [
        (rb'{"a":"Ann \ud83d"}', {"a": "Ann \ufffd"}, 1),
        (rb'{"a":["\ude00 x", {"\ud83db": 1}]}', {"a": ["\ufffd x", {"\ufffdb": 1}]}, 1),
        (b'{"a":"two\nlines\tand \xf6", "b": 1}', {"a": "two\nlines\tand \ufffd", "b": 1}, 1),
        (b'{"a":NaN, "b": [-Infinity]}', {"a": "\ufffd", "b": ["\ufffd"]}, 1),
        (rb'{"a":"\ud83d\ude00 \\ud83d"}', {"a": "\U0001f600 \\ud83d"}, 0),
        (b'{"a":"caf\xe9"}', {"a": "caf\ufffd"}, 1),
        (b'\xef\xbb\xbf{"a":"Ann"}', {"a": "Ann"}, 0),
    ],
)
def test_a_broken_character_is_read_as_the_one_that_stands_for_it(
    bench: Bench, body: bytes, read: Any, broken: int
) -> None:
    bench.script.answers = [(200, {}, body)]

    assert bench.reader.get("x") == read
    assert bench.reader.counts.broken == broken


def test_an_answer_that_is_nested_without_end_is_told(bench: Bench) -> None:
    bench.script.answers = [(200, {}, b"[" * 200_000 + b"]" * 200_000)] * 2

    with pytest.raises(SourceNotReadyError, match="400000 bytes of no content type that are not whole JSON"):
        bench.reader.get("x")


def test_an_answer_that_is_cut_off_is_asked_for_again_although_a_character_is_broken(bench: Bench) -> None:
    bench.script.answers = [(200, {}, rb'{"a":"Ann \ud83d'), OK]

    assert bench.reader.get("x") == {"fine": True}
    assert bench.reader.counts.broken == 0


def test_a_redirect_is_not_followed(bench: Bench) -> None:
    bench.script.answers = [(302, {"Location": "http://attacker.example/"}, b"")]

    with pytest.raises(SourceError, match=r"redirects \(302\) at /x; look at the URL of the connection"):
        bench.reader.get("x")


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("http://attacker.example/x", "http://attacker.example:80"),
        ("https://127.0.0.1/x", "https://127.0.0.1:443"),
        ("http://127.0.0.1:1/x", "http://127.0.0.1:1"),
    ],
)
def test_nothing_is_asked_of_another_origin(bench: Bench, url: str, told: str) -> None:
    both = rf"points to {told} for more rows, but the connection is to {bench.reader.root}; the token is not"
    with pytest.raises(SourceError, match=both):
        bench.reader.get(url)

    assert bench.script.asked == []


def test_an_answer_without_end_is_not_held(bench: Bench) -> None:
    bench.reader.patience = Patience(largest_answer=1 << 20)
    bench.script.answers = [(200, {}, b"[" + b"1," * (1 << 20))]

    with pytest.raises(SourceError, match=r"sent an answer of more than 1 MiB for /x; ask for fewer rows"):
        bench.reader.get("x")


@pytest.mark.parametrize("status", [200, 400, 404, 503])
@pytest.mark.parametrize("row", [b"{},", b'{"a":0},', b"[],", b'"",'])
def test_an_answer_of_more_values_than_the_bound_is_not_read(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, row: bytes, status: int
) -> None:
    monkeypatch.setattr(bounds, "SOURCE_VALUES", 20_000)
    bench.script.answers = [(status, {}, b'{"value":[' + row * 20_000 + b"{}]}")]
    with pytest.raises(SourceError, match=r"an answer of more than 20,000 values for /x; ask for fewer rows"):
        bench.reader.get("x")


def test_millions_of_empty_rows_take_no_more_than_their_bytes(bench: Bench) -> None:
    """Twenty million have 60 MB, and took 1.8 GB."""
    body = b'{"value":[' + b"{}," * 20_000_000 + b"{}]}"
    bench.script.answers = [(200, {}, body)]
    begun = time.perf_counter()
    with (
        MemoryTaken() as memory,
        pytest.raises(SourceError, match="an answer of more than 3,000,000 values"),
    ):
        bench.reader.get("x")
    assert memory.most < 6 * len(body)
    assert time.perf_counter() - begun < 60


def test_an_answer_that_drips_is_a_try_that_failed() -> None:
    """It sends a byte with each look at the clock, by which a minute has gone by: for ever, that is."""
    looks = count()
    waits = Waits(sleep=lambda _: None, monotonic=lambda: next(looks) * 60.0)
    with raw_service() as service:
        service.pieces = lambda: (b"HTTP/1.1 200 OK\r\n\r\n", *repeat(b" ", 100_000))
        patience = Patience(tries=2)
        reader = JsonReader("The service", service.url, OneToken(), "ask", waits=waits, patience=patience)
        with pytest.raises(
            SourceNotReadyError, match=r"in 2 tries for /api/x; the last one: no whole answer in 600 s"
        ):
            reader.get("x")
        reader.close()


@pytest.mark.parametrize(
    ("said", "told"),
    [(b"", r"Read timed out|ReadTimeout"), (b"HTTP/1.1 200 OK\r\n\r\n{", "ConnectionError")],
    ids=["at once", "amid the answer"],
)
def test_a_service_that_falls_silent_is_a_try_that_failed(said: bytes, told: str) -> None:
    assert Patience().timeout == bounds.SOURCE_SILENCE_SECONDS
    heard_enough = threading.Event()

    def pieces() -> Iterator[bytes]:
        yield said
        heard_enough.wait(60)

    with raw_service() as service:
        service.pieces = pieces
        patience = Patience(tries=1, timeout=0.2)
        reader = JsonReader("The service", service.url, OneToken(), "ask", patience=patience)
        begun = time.perf_counter()
        try:
            with pytest.raises(SourceNotReadyError, match=rf"the last one: ({told}) \(no whole"):
                reader.get("x")
            assert time.perf_counter() - begun < 30, "it waited for the service"
        finally:
            heard_enough.set()
            reader.close()


def test_a_request_waits_as_long_as_a_service_asks_up_to_half_an_hour_and_no_second_more(
    bench: Bench,
) -> None:
    busy = [(429, {"Retry-After": "900"}, b"")] * 2
    bench.script.answers = [*busy, OK]
    assert bench.reader.get("x") == {"fine": True}
    assert sum(bench.slept) == bounds.SOURCE_THROTTLED_SECONDS
    bench.script.answers = [*busy, (429, {"Retry-After": "1"}, b"")]
    with pytest.raises(SourceNotReadyError, match=r"asks to wait for longer than 1800 s \(3 answers 429"):
        bench.reader.get("x")


def test_a_reading_ends_after_its_hours(bench: Bench) -> None:
    bench.script.answers = [OK] * 3
    bench.reader.get("x")
    bench.slept.append(bounds.SOURCE_READING_SECONDS)
    bench.reader.get("x")
    bench.slept.append(1.0)
    with pytest.raises(SourceError, match=r"has been read for 6\.0 hours and there is more"):
        bench.reader.get("x")
    assert len(bench.script.asked) == 2


def test_a_reading_ends_after_its_bytes(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bounds, "TABLE_BYTES", 2 * len(OK[2]))
    bench.script.answers = [OK] * 3
    for _ in range(2):
        bench.reader.get("x")
    with pytest.raises(SourceError, match="has sent more than 26 bytes and there is more"):
        bench.reader.get("x")


NO_PARSER_TAKES = {
    "lists": b"[" * 100_000,
    "objects": b'{"a":' * 100_000,
    "lists with what JSON can't have": b"[NaN," * 100_000,
    "a number": b"9" * 100_000,
    "a text that doesn't end": b'"' + b"a" * 100_000,
}


@pytest.mark.parametrize("status", [200, 400])
@pytest.mark.parametrize("kind", NO_PARSER_TAKES)
def test_json_that_no_parser_takes_is_no_usable_answer(bench: Bench, kind: str, status: int) -> None:
    bench.script.answers = [(status, {}, NO_PARSER_TAKES[kind])] * 2
    with pytest.raises(SourceError, match=r"that are not whole JSON|no JSON in the answer"):
        bench.reader.get("x")


@pytest.mark.parametrize(
    ("status", "body", "error", "told"),
    [
        (
            404,
            b'{"error":{"code":"0x1","message":"not found"}}',
            NoSuchRouteError,
            r"no /x \(404\): 0x1: not found",
        ),
        (
            400,
            b'{"error":{"code":"c","message":"m\\nn"}}',
            RefusedError,
            r"refuses the query at /x \(400\): a code that is not repeated here: a message that is not",
        ),
        (406, b'{"errorCode":"InvalidQuery"}', RefusedError, r"\(406\): InvalidQuery: no message"),
        (400, b"<html>", RefusedError, "no JSON in the answer"),
        (400, b"[]", RefusedError, "an answer of another shape"),
        (403, b"", SourceError, r"refuses the app registration \(403\) at /x: ask the admin"),
        (401, b"", SourceError, r"refuses the app registration \(401\) at /x: ask the admin"),
    ],
)
def test_a_refusal_is_told_once_with_its_reason(
    bench: Bench, status: int, body: bytes, error: type[SourceError], told: str
) -> None:
    bench.script.answers = [(status, {}, body)] * 2

    with pytest.raises(error, match=told):
        bench.reader.get("x", {"$filter": "secret"})

    assert len(bench.script.asked) == (2 if status == 401 else 1)
    assert bench.slept == []


def test_no_address_stands_in_a_refusal(bench: Bench) -> None:
    bench.script.answers = [(400, {}, b'{"error":{"code":"c","message":"no ann@example.com here"}}')]

    with pytest.raises(RefusedError, match="not repeated here: it may quote data"):
        bench.reader.get("x")


def test_a_service_that_is_away_may_come_back(bench: Bench) -> None:
    bench.reader.root = "http://127.0.0.1:9"

    with pytest.raises(SourceNotReadyError, match=r"127\.0\.0\.1:9 gave no usable answer in 2 tries"):
        bench.reader.get("x")


FAILED_WITHIN = (200, {}, b'{"value":[{"id":1}],"error":{"code":"0x80040216","message":"it ended early"}}')


def test_an_error_beside_the_rows_is_no_whole_answer(bench: Bench) -> None:
    bench.script.answers = [FAILED_WITHIN, OK]

    assert bench.reader.get("x") == {"fine": True}


def test_an_error_beside_the_rows_that_stays_is_told(bench: Bench) -> None:
    bench.script.answers = [FAILED_WITHIN, FAILED_WITHIN]

    with pytest.raises(SourceNotReadyError, match=r"an error inside an answer 200 \(0x80040216\)"):
        bench.reader.get("x")


def test_an_error_that_is_null_is_none(bench: Bench) -> None:
    bench.script.answers = [(200, {}, b'{"value":[],"error":null}')]

    assert bench.reader.get("x") == {"value": [], "error": None}
