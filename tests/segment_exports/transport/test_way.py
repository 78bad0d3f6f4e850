"""What is wrong on the way to a destination is told of the thing that is wrong, and no password with it."""

from __future__ import annotations

import asyncio
import socket
import ssl
from typing import TYPE_CHECKING

import pytest

from segment_emulators.customer_insights.serving import write_certificate
from segment_exports.destinations.autopilot.client import AutopilotClient
from segment_exports.errors import ConnectionFieldError, DestinationError
from segment_exports.transport.pacing import Pacer
from segment_exports.transport.retrying import RetrySettings
from segment_exports.transport.way import proxy_for

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

KEY = "0123456789abcdef0123456789abcdef"
FAR = "https://api.example.invalid/v1"


@pytest.fixture(autouse=True)
def no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


async def told(url: str = FAR, **options) -> str:
    """Ask once, and return what went wrong."""
    retry = RetrySettings(max_attempts=1)
    client = AutopilotClient(url, KEY, pacer=Pacer(None), retry=retry, timeout_seconds=30, **options)
    async with client:
        with pytest.raises(DestinationError) as error:
            await client.lists()
    assert KEY not in str(error.value)
    return str(error.value)


class Server:
    """A server that answers every connection with the same bytes, and notes what it was asked."""

    def __init__(self, answer: bytes) -> None:
        self.answer, self.asked, self.port = answer, b"", 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            self.asked += await reader.readuntil(b"\r\n\r\n")
            writer.write(self.answer)
            await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass  # whoever asks speaks TLS, or is gone
        finally:
            writer.close()


@pytest.fixture
async def server(request: pytest.FixtureRequest) -> AsyncIterator[Server]:
    serving = Server(request.param)
    listening = await asyncio.start_server(serving.serve, "127.0.0.1", 0)
    serving.port = listening.sockets[0].getsockname()[1]
    async with listening:
        yield serving


def answer(status: str) -> bytes:
    return f"HTTP/1.1 {status}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".encode()


# A proxy


@pytest.mark.parametrize(
    ("server", "says"),
    [
        (answer("407 Proxy Authentication Required"), "407: it wants a user and password"),
        (answer("403 Forbidden"), "403: it does not let this host through"),
        (answer("503 Service Unavailable"), "503: it can't reach this host"),
        (answer("418 I'm a teapot"), "418"),
    ],
    indirect=["server"],
)
async def test_what_a_proxy_answers_is_told_as_its_own(server, says, monkeypatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", f"http://user:s3cret@127.0.0.1:{server.port}")
    text = await told()

    assert f"the proxy 127.0.0.1:{server.port} (HTTPS_PROXY) answered {says}" in text
    assert "no connection to api.example.invalid" in text
    assert "s3cret" not in text
    assert b"CONNECT api.example.invalid:443" in server.asked


@pytest.mark.parametrize("server", [answer("407 Proxy Authentication Required")], indirect=True)
async def test_a_407_of_a_proxy_that_takes_the_request_itself_names_it(server, monkeypatch) -> None:
    monkeypatch.setenv("http_proxy", f"127.0.0.1:{server.port}")
    text = await told("http://api.example.invalid/v1", allow_clear_text=True)

    assert "was answered 407 (Proxy Authentication Required)" in text
    assert (
        f"the proxy 127.0.0.1:{server.port} (http_proxy) answered 407: it wants a user and password" in text
    )


@pytest.mark.parametrize("variable", ["HTTPS_PROXY", "https_proxy", "ALL_PROXY"])
async def test_a_proxy_that_is_not_there_is_told_with_its_variable(variable, monkeypatch) -> None:
    """Without a scheme it is an http:// one, as curl takes it."""
    monkeypatch.setenv(variable, "127.0.0.1:9")
    text = await told()

    assert f"no connection to the proxy 127.0.0.1:9 ({variable}): Connection refused" in text


async def test_a_proxy_whose_name_is_unknown_is_not_taken_for_the_server(monkeypatch) -> None:
    async def unknown(*_: object, **__: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", unknown)
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.invalid:3128")

    assert "the proxy proxy.invalid:3128 (HTTPS_PROXY): its name can't be resolved" in await told()
    monkeypatch.setenv("NO_PROXY", "*")
    assert "no connection to api.example.invalid: its name can't be resolved" in await told()


@pytest.mark.parametrize("server", [b""], indirect=True)
async def test_a_proxy_that_breaks_off_is_named(server, monkeypatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{server.port}")
    assert f"the proxy 127.0.0.1:{server.port} (HTTPS_PROXY)" in await told()


@pytest.mark.parametrize(
    ("server", "what"),
    [
        (b"", "it was broken off without an answer"),
        (b"220 mail.example ESMTP\r\n", "what answers speaks no HTTP"),
        (answer("200 OK") + b"\x16\x03garbage", "what answers speaks no HTTP"),
    ],
    indirect=["server"],
)
async def test_what_breaks_off_or_is_no_proxy_is_told_in_words(server, what, monkeypatch) -> None:
    place = f"127.0.0.1:{server.port}"
    monkeypatch.setenv("HTTPS_PROXY", place)
    assert (
        f"no connection to api.example.invalid (by the proxy {place} (HTTPS_PROXY)): {what}" in await told()
    )


async def test_a_proxy_that_speaks_no_tls_is_not_taken_for_the_server(monkeypatch) -> None:
    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.write(answer("400 Bad Request"))
        writer.close()

    async with await asyncio.start_server(refuse, "127.0.0.1", 0) as listening:
        place = f"127.0.0.1:{listening.sockets[0].getsockname()[1]}"
        monkeypatch.setenv("HTTPS_PROXY", f"https://{place}")
        assert f"no connection to the proxy {place} (HTTPS_PROXY): it speaks no TLS" in await told()


async def test_a_proxy_whose_certificate_is_not_trusted_is_named(secured, monkeypatch) -> None:
    place = f"127.0.0.1:{secured.port}"
    monkeypatch.setenv("HTTPS_PROXY", f"https://{place}")
    assert (
        f"no connection to the proxy {place} (HTTPS_PROXY): its TLS certificate is not trusted"
        in await told()
    )


@pytest.mark.parametrize(
    "value",
    [
        "http://",
        "http://:3128",
        "http://u:s3cret@",
        "http://a:b:c",
        "http://h:99999",
        "http://u:p@s3cret/word@h:3128",
        "u:p@s3cret?word@h",
        "http://u:p@s3cret#word@h",
    ],
)
def test_what_is_no_proxy_is_told_by_its_variable_alone(value, monkeypatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", value)
    with pytest.raises(DestinationError, match="HTTPS_PROXY names no proxy") as error:
        proxy_for(FAR)
    assert "s3cret" not in str(error.value)


def test_a_proxy_of_another_kind_is_told(monkeypatch) -> None:
    monkeypatch.setenv("ALL_PROXY", "socks5://u:s3cret@127.0.0.1:1080")
    with pytest.raises(DestinationError, match=r"ALL_PROXY names a proxy of the kind socks5://") as error:
        proxy_for(FAR)
    assert "s3cret" not in str(error.value)


def test_a_proxy_shows_no_password(monkeypatch) -> None:
    monkeypatch.setenv("https_proxy", "http://user:s3cret@proxy.corp:3128")
    proxy = proxy_for(FAR)
    assert str(proxy) == "proxy.corp:3128 (https_proxy)"
    assert "s3cret" not in repr(proxy)


# Certificates


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A certificate that nobody trusts, and its key."""
    return write_certificate(tmp_path_factory.mktemp("tls"))


@pytest.fixture
async def secured(certificate: tuple[Path, Path]) -> AsyncIterator[Server]:
    serving = Server(
        b'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 12\r\n\r\n{"lists":[]}'
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate)
    listening = await asyncio.start_server(serving.serve, "127.0.0.1", 0, ssl=context)
    serving.port = listening.sockets[0].getsockname()[1]
    async with listening:
        yield serving


async def test_a_certificate_that_is_not_trusted_is_told_with_the_way_out(secured) -> None:
    text = await told(f"https://127.0.0.1:{secured.port}/v1")

    assert "certificate is not trusted" in text
    assert "as CA bundle of the connection, or in SSL_CERT_FILE" in text


async def test_a_ca_bundle_of_the_connection_is_trusted(secured, certificate) -> None:
    url = f"https://127.0.0.1:{secured.port}/v1"
    async with AutopilotClient(url, KEY, pacer=Pacer(None), ca_bundle=str(certificate[0])) as client:
        assert await client.lists() == ()


def test_a_ca_bundle_that_is_none_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConnectionFieldError, match="is not a file on this worker"):
        AutopilotClient(FAR, KEY, pacer=Pacer(None), ca_bundle=str(tmp_path / "none.pem"))
    (tmp_path / "empty.pem").write_text("no certificate")
    with pytest.raises(ConnectionFieldError, match="can't be read as PEM certificates"):
        AutopilotClient(FAR, KEY, pacer=Pacer(None), ca_bundle=str(tmp_path / "empty.pem"))
