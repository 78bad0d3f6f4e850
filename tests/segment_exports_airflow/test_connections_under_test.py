"""The middleware between Airflow's button *Test* and its API server."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from airflow.sdk.module_loading import import_string
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.responses import JSONResponse
from starlette.routing import Route

from segment_exports_airflow.connection_forms import FORMS
from segment_exports_airflow.connections_under_test import ConnectionsUnderTest, name_under_test

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.requests import Request

TEST = "/api/v2/connections/test"
AS_THE_LIST_SENDS = {
    "conn_type": "autopilot",
    "connection_id": "autopilot_default",
    "description": "",
    "extra": "{}",
    "host": "https://api2.autopilothq.com/v1",
    "login": "",
    "password": "***",
    "port": 0,
    "schema": "",
}


def asked(server: Any, method: str, path: str, content: bytes) -> httpx.Response:
    """Return what an ASGI server answers."""

    async def answer() -> httpx.Response:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(server), base_url="http://test") as client:
            return await client.request(method, path, content=content)

    return asyncio.run(answer())


@pytest.fixture
def ask() -> Callable[..., Any]:
    """Ask a server behind the middleware, which answers what reached it."""

    async def reached(request: Request) -> JSONResponse:
        body = await request.body()
        return JSONResponse(
            {
                "body": body.decode("latin-1"),
                "length": request.headers["content-length"],
                "name": name_under_test("k3jd0sLq"),
            }
        )

    routes = [Route(path, reached, methods=["POST", "PUT"]) for path in (TEST, f"/at/work{TEST}", "/else")]
    server = ConnectionsUnderTest(Starlette(routes=routes))

    def ask(content: bytes | dict[str, Any], path: str = TEST, method: str = "POST") -> Any:
        sent = json.dumps(content).encode() if isinstance(content, dict) else content
        return asked(server, method, path, sent).json()

    return ask


@pytest.mark.parametrize("kind", FORMS)
@pytest.mark.parametrize("path", [TEST, f"/at/work{TEST}"])
def test_a_connection_without_a_port_has_none(ask: Callable[..., Any], kind: str, path: str) -> None:
    sent = {**AS_THE_LIST_SENDS, "conn_type": kind}

    reached = ask(sent, path)

    assert json.loads(reached["body"]) == {**sent, "port": None}
    assert int(reached["length"]) == len(reached["body"])


def test_it_is_known_by_its_name_for_the_time_of_the_test(ask: Callable[..., Any]) -> None:
    assert ask(AS_THE_LIST_SENDS)["name"] == "autopilot_default"
    assert name_under_test("k3jd0sLq") == "k3jd0sLq"


@pytest.mark.parametrize("changed", [{"port": 8443}, {"port": None}, {"port": "0"}])
def test_a_port_that_somebody_gave_stays(ask: Callable[..., Any], changed: dict[str, Any]) -> None:
    sent = json.dumps(AS_THE_LIST_SENDS | changed).encode()

    assert ask(sent)["body"] == sent.decode()


def test_a_port_that_was_not_sent_is_not_added(ask: Callable[..., Any]) -> None:
    sent = {name: value for name, value in AS_THE_LIST_SENDS.items() if name != "port"}

    assert json.loads(ask(sent)["body"]) == sent


@pytest.mark.parametrize(
    "sent",
    [
        json.dumps(AS_THE_LIST_SENDS | {"conn_type": "postgres"}).encode(),
        json.dumps(AS_THE_LIST_SENDS | {"conn_type": ["autopilot"]}).encode(),
        json.dumps([AS_THE_LIST_SENDS]).encode(),
        b"[" * 100_000,
        b"no JSON",
        b"\xff",
        b"",
    ],
)
def test_what_is_none_of_our_connections_goes_its_way_as_it_came(
    ask: Callable[..., Any], sent: bytes
) -> None:
    assert ask(sent) == {"body": sent.decode("latin-1"), "length": str(len(sent)), "name": "k3jd0sLq"}


@pytest.mark.parametrize(("path", "method"), [("/else", "POST"), (TEST, "PUT")])
def test_other_requests_go_their_way(ask: Callable[..., Any], path: str, method: str) -> None:
    sent = json.dumps(AS_THE_LIST_SENDS).encode()

    assert ask(sent, path, method) == {"body": sent.decode(), "length": str(len(sent)), "name": "k3jd0sLq"}


@pytest.mark.parametrize("kind", ["autopilot", "ortto"])
def test_what_is_wrong_is_told_in_the_words_of_the_form_and_by_the_name(
    monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    """Airflow keeps the copy that it tests in the environment, where else the JSON of a person stands."""
    monkeypatch.setenv("AIRFLOW_CONN_K3JD0SLQ", json.dumps({"conn_type": kind, "password": "f" * 32}))
    hook = import_string(FORMS[kind]["hook-class-name"])

    async def tested(_: Request) -> JSONResponse:
        good, message = await run_in_threadpool(hook("k3jd0sLq").test_connection)
        return JSONResponse({"status": good, "message": message})

    server = ConnectionsUnderTest(Starlette(routes=[Route(TEST, tested, methods=["POST"])]))
    sent = AS_THE_LIST_SENDS | {"conn_type": kind, "connection_id": "account_of_ours"}

    told = asked(server, "POST", TEST, json.dumps(sent).encode()).json()["message"]

    assert told.startswith("Nobody has agreed on connection account_of_ours to the transfer")
    assert told.endswith('", and fill in Agreed by and Agreed on')
    assert "read Data privacy and compliance and choose" in told


class Pieces:
    """A request whose body comes in pieces, and the server that takes it."""

    def __init__(self, *pieces: bytes) -> None:
        more = [True] * (len(pieces) - 1) + [False]
        self.coming: list[Any] = [
            {"type": "http.request", "body": body, "more_body": goes_on}
            for body, goes_on in zip(pieces, more, strict=True)
        ]
        self.left_when_asked = 0
        self.reached = b""

    async def receive(self) -> Any:
        return self.coming.pop(0) if self.coming else {"type": "http.disconnect"}

    async def server(self, scope: Any, receive: Any, send: Any) -> None:
        self.left_when_asked = len(self.coming)
        while (message := await receive())["type"] == "http.request":
            self.reached += message["body"]

    async def send(self, message: Any) -> None:
        raise AssertionError(message)

    async def go(self) -> None:
        scope = {"type": "http", "method": "POST", "path": TEST, "headers": [(b"content-length", b"7")]}
        await ConnectionsUnderTest(self.server)(scope, self.receive, self.send)


async def test_a_body_in_pieces_is_read_whole() -> None:
    sent = json.dumps(AS_THE_LIST_SENDS).encode()
    request = Pieces(sent[:40], b"", sent[40:])

    await request.go()

    assert json.loads(request.reached)["port"] is None


async def test_a_body_longer_than_any_form_is_neither_kept_nor_changed() -> None:
    pieces = [b"x" * 2**18] * 9
    request = Pieces(*pieces)

    await request.go()

    assert request.left_when_asked == 4
    assert request.reached == b"".join(pieces)


class TestRefusal:
    """Airflow refuses to try a stored key elsewhere, and its page shows no word of why."""

    @staticmethod
    def answer(status: int, sent: dict[str, Any] = AS_THE_LIST_SENDS) -> Any:
        async def refuse(_: Request) -> JSONResponse:
            return JSONResponse({"detail": "Airflow's words"}, status_code=status)

        refusing = Starlette(routes=[Route(TEST, refuse, methods=["POST"])])
        return asked(ConnectionsUnderTest(refusing), "POST", TEST, json.dumps(sent).encode())

    def test_the_page_is_told_why(self) -> None:
        answer = self.answer(400)

        assert answer.status_code == 200
        assert answer.json()["status"] is False
        assert answer.json()["message"].startswith(
            "Not tried: the connection autopilot_default leads elsewhere"
        )

    @pytest.mark.parametrize("status", [401, 403, 422, 500])
    def test_every_other_answer_stays(self, status: int) -> None:
        answer = self.answer(status)

        assert (answer.status_code, answer.json()) == (status, {"detail": "Airflow's words"})

    def test_a_program_that_asks_gets_what_airflow_answers(self) -> None:
        assert self.answer(400, AS_THE_LIST_SENDS | {"port": None}).status_code == 400
