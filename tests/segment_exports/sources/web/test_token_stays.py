"""The token, the subscription key and the client secret go to the places of their connection alone."""

from __future__ import annotations

import json
import ssl
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import pytest
from tests.thief import Thief, listening_thief

from segment_emulators.customer_insights.serving import write_certificate
from segment_exports.errors import SourceError
from segment_exports.settings import bounds
from segment_exports.sources import doubts_of
from segment_exports.sources.ci_api.source import CiApiSource
from segment_exports.sources.dataverse.source import DataverseSource
from segment_exports.sources.web.connections import AppRegistration, CiApiConnection, DataverseConnection
from segment_exports.sources.web.http_reading import JsonReader, Patience
from segment_exports.sources.web.odata import follow_next_links
from segment_exports.sources.web.tokens import EntraTokens

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

SECRET = "the-client-secret-of-the-tests"
TENANT = "contoso.example"


@dataclass
class Asked:
    method: str
    path: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Host:
    """A server that answers as it is told to, and notes what it was asked."""

    answer: Callable[[Asked], tuple[int, dict[str, str], Any]]
    asked: list[Asked] = field(default_factory=list)
    port: int = 0

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"


@contextmanager
def hosted(host: Host, certificate: tuple[Path, Path] | None = None) -> Iterator[Host]:
    class Handler(BaseHTTPRequestHandler):
        def respond(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            asked = Asked(self.command, self.path, {k.lower(): v for k, v in self.headers.items()}, body)
            host.asked.append(asked)
            status, headers, value = host.answer(asked)
            content = value if isinstance(value, bytes) else json.dumps(value).encode()
            self.send_response(status)
            for name, text in {"Content-Length": str(len(content)), **headers}.items():
                self.send_header(name, text)
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = respond  # noqa: N815 - the server's own names

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    if certificate is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*certificate)
        server.socket = context.wrap_socket(server.socket, server_side=True)
    host.port = server.server_port
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    try:
        yield host
    finally:
        server.shutdown()
        server.server_close()


@pytest.fixture
def thief() -> Iterator[Thief]:
    with listening_thief() as thief:
        yield thief


@pytest.fixture(autouse=True)
def no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


class OneToken:
    def token(self) -> str:
        return "the-token"

    def forget(self) -> None:
        pass


def reading(root: str, **options: Any) -> JsonReader:
    patience = Patience(tries=1, timeout=3)
    key = {"Ocp-Apim-Subscription-Key": "the-key"}
    return JsonReader("Dataverse", root, OneToken(), "", headers=key, patience=patience, **options)


def pages(reader: JsonReader) -> list[list[dict[str, Any]]]:
    return list(follow_next_links(reader, "table", {}, identity=lambda row: row["id"], page_size=100))


# A service's links


LINKS = [
    r"http://{thief}\@{service}/next",
    r"http://{thief}\\@{service}/next",
    r"http:\\{thief}\next",
    r"\\{thief}\next",
    r"/\{thief}/next",
    "//{thief}/next",
    " http://{thief}/next",
    "\thttp://{thief}/next",
    "http://{thief}/next",
    "HTTP://{thief}/next",
    "https://{thief}/next",
    "http://{service}@{thief}/next",
    "http://user:pw@{service}/next",
    "http://{thief}#@{service}/next",
    "http://{thief}?@{service}/next",
    "http://{thief}%2f@{service}/next",
    "http://{thief}\uff0f@{service}/next",
    "http://{thief}\u3002{service}/next",
    "http://{thief} {service}/next",
    "http://{thief}\t@{service}/next",
    "http://{thief}\n@{service}/next",
    "http://127.0.0.1.:{port}/next",
    "http://127.1:{port}/next",
    "http://2130706433:{port}/next",
    "http://0x7f000001:{port}/next",
    "http://[::ffff:127.0.0.1]:{port}/next",
    "http://localhost:{port}/next",
    "https://{service}/next",
    "http://127.0.0.1/next",
    "http://{service}/api/../next",
    "../next",
    "%2e%2e/next",
    "http:{thief}/next",
    "file:///etc/passwd",
]


@pytest.mark.parametrize("link", LINKS)
def test_a_link_to_another_place_is_not_followed_however_it_is_written(thief: Thief, link: str) -> None:
    def answer(_: Asked) -> tuple[int, dict[str, str], Any]:
        url = link.format(thief=thief.address, service=service.address, port=service.port)
        return 200, {}, {"value": [{"id": "1"}], "@odata.nextLink": url}

    with hosted(Host(answer)) as service, pytest.raises(SourceError, match="the token is not sent there"):
        pages(reading(f"http://{service.address}/api"))

    assert not thief.was_asked
    assert [one.path for one in service.asked] == ["/api/table"]


@pytest.mark.parametrize(
    ("link", "path"),
    [
        ('http://{service}/api/table?$skiptoken=<cookie a="b@c"/>', "/api/table?$skiptoken="),
        ("HTTP://{service}/elsewhere/of/it", "/elsewhere/of/it"),
        ("table?$skip=1&to=https://other.example/..", "/api/table?$skip=1&to=https://other.example/.."),
    ],
)
def test_a_link_to_the_service_itself_is_followed(link: str, path: str) -> None:
    def answer(asked: Asked) -> tuple[int, dict[str, str], Any]:
        if asked.path == "/api/table":
            url = link.format(service=service.address)
            return 200, {}, {"value": [{"id": "1"}], "@odata.nextLink": url.replace(" ", "%20")}
        return 200, {}, {"value": [{"id": "2"}]}

    with hosted(Host(answer)) as service:
        assert [len(page) for page in pages(reading(f"http://{service.address}/api"))] == [1, 1]

    assert service.asked[1].path.startswith(path)
    assert service.asked[1].headers["authorization"] == "Bearer the-token"


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_of_the_service_is_not_followed(thief: Thief, status: int) -> None:
    with (
        hosted(Host(lambda _: (status, {"Location": f"http://{thief.address}/api"}, b""))) as service,
        pytest.raises(SourceError, match=f"redirects \\({status}\\)"),
    ):
        reading(f"http://{service.address}/api").get("table")

    assert not thief.was_asked


def test_what_stays_on_this_machine_is_not_sent_through_a_proxy(
    thief: Thief, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", f"http://{thief.address}")
    monkeypatch.setenv("ALL_PROXY", f"http://{thief.address}")
    with hosted(Host(lambda _: (200, {}, {"fine": True}))) as service:
        assert reading(f"http://{service.address}/api").get("table") == {"fine": True}

    assert not thief.was_asked


# The client secret


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return write_certificate(tmp_path_factory.mktemp("authority"))


def described(authority: Host, **changes: str) -> dict[str, str]:
    """What an authority says of itself."""
    here = f"https://{authority.address}/{TENANT}"
    return {
        "issuer": here,
        "authorization_endpoint": f"{here}/oauth2/v2.0/authorize",
        "token_endpoint": f"{here}/oauth2/v2.0/token",
        **changes,
    }


def token_of(authority: Host, certificate: tuple[Path, Path]) -> str:
    app = AppRegistration(
        TENANT, "client", SECRET, f"https://{authority.address}", ca_bundle=str(certificate[0])
    )
    return EntraTokens(app, "scope/.default").token()


def is_description(asked: Asked) -> bool:
    return "openid-configuration" in asked.path


GIVEN = {"access_token": "the-token", "token_type": "Bearer", "expires_in": 3600}


def test_a_token_is_had_from_the_authority_itself(certificate: tuple[Path, Path]) -> None:
    def answer(asked: Asked) -> tuple[int, dict[str, str], Any]:
        return 200, {}, described(authority) if is_description(asked) else GIVEN

    with hosted(Host(answer), certificate) as authority:
        assert token_of(authority, certificate) == "the-token"

    assert SECRET.encode() in authority.asked[-1].body


@pytest.mark.parametrize("status", [301, 302, 307, 308])
@pytest.mark.parametrize("of", ["the description", "the token"])
def test_the_client_secret_follows_no_redirect(
    thief: Thief, certificate: tuple[Path, Path], status: int, of: str
) -> None:
    def answer(asked: Asked) -> tuple[int, dict[str, str], Any]:
        if is_description(asked) and of == "the token":
            return 200, {}, described(authority)
        return status, {"Location": f"https://{thief.address}{asked.path}"}, b""

    with (
        hosted(Host(answer), certificate) as authority,
        pytest.raises(SourceError, match=rf"redirects \({status}\)") as refused,
    ):
        token_of(authority, certificate)

    assert not thief.was_asked
    assert SECRET not in str(refused.value)


ENDPOINTS = [
    "https://{thief}/token",
    "http://{authority}/token",
    r"https://{thief}\@{authority}/token",
    "https://user:pw@{authority}/token",
    "https://login.microsoftonline.com@{thief}/token",
    "https://login.microsoftonline.com/token",
]


@pytest.mark.parametrize("endpoint", ENDPOINTS)
def test_the_client_secret_goes_to_no_other_place_that_the_authority_names(
    thief: Thief, certificate: tuple[Path, Path], endpoint: str
) -> None:
    def answer(_: Asked) -> tuple[int, dict[str, str], Any]:
        named = endpoint.format(thief=thief.address, authority=authority.address)
        return 200, {}, described(authority, token_endpoint=named)

    with (
        hosted(Host(answer), certificate) as authority,
        pytest.raises(SourceError, match=r"the client secret is not sent there|is not Entra"),
    ):
        token_of(authority, certificate)

    assert not thief.was_asked
    assert [one.method for one in authority.asked] == ["GET"]


def test_a_netrc_of_the_worker_goes_to_no_authority(
    certificate: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "netrc").write_text("default login somebody password else\n")
    (tmp_path / "netrc").chmod(0o600)
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))

    def answer(asked: Asked) -> tuple[int, dict[str, str], Any]:
        return 200, {}, described(authority) if is_description(asked) else GIVEN

    with hosted(Host(answer), certificate) as authority:
        assert token_of(authority, certificate) == "the-token"

    assert [one.headers.get("authorization") for one in authority.asked] == [None, None]


@pytest.mark.parametrize("variable", ["REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "PYTHONHTTPSVERIFY"])
@pytest.mark.parametrize("value", ["", "0"])
def test_certificates_are_checked_whatever_the_environment_says(
    certificate: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch, variable: str, value: str
) -> None:
    monkeypatch.setenv(variable, value)
    with hosted(Host(lambda _: (200, {}, GIVEN)), certificate) as service, pytest.raises(SourceError):
        reading(f"https://{service.address}/api", verify=False).get("table")

    assert service.asked == []


@pytest.mark.parametrize(
    "body",
    [
        b"{" + b" " * bounds.TOKEN_BYTES,
        b"<html>Sign in to the network</html>",
        b"[]",
        b"null",
        b'{"token_endpoint": 5, "authorization_endpoint": 5}',
        b"{}",
    ],
)
def test_what_is_no_authority_is_told_without_its_words(certificate: tuple[Path, Path], body: bytes) -> None:
    with (
        hosted(Host(lambda _: (200, {}, body)), certificate) as authority,
        pytest.raises(SourceError, match="is not Entra"),
    ):
        token_of(authority, certificate)


@pytest.mark.parametrize(
    "authority",
    [
        "http://127.0.0.1:1",
        "http://login.example",
        r"https://login.example\@thief.example",
        "https://user:pw@login.example",
        "https://login.example./",
        "https://login.example?x=",
        "https://login.example#x",
        "login.example",
    ],
)
def test_an_authority_is_a_place_over_https(authority: str) -> None:
    with pytest.raises(SourceError, match="the connection's Authority") as refused:
        AppRegistration(TENANT, "client", SECRET, authority)
    assert "pw" not in str(refused.value)


# What goes in clear text


def test_a_service_in_clear_text_on_another_machine_has_to_be_allowed() -> None:
    app = AppRegistration(TENANT, "client", SECRET)
    with pytest.raises(SourceError, match=r"switch on Allow clear text in the connection"):
        DataverseConnection(app, "http://dataverse.example")

    assert DataverseConnection(app, "http://dataverse.example", allow_clear_text=True).service_root
    with pytest.raises(SourceError, match="Allow clear text"):
        CiApiConnection(app, "instance", "a-key-of-the-tests", "http://api.example")


def test_a_service_in_clear_text_is_a_doubt_of_every_run() -> None:
    app, url = AppRegistration(TENANT, "client", SECRET), "http://other.example"
    for source in (
        DataverseSource(DataverseConnection(app, url, allow_clear_text=True)),
        CiApiSource(CiApiConnection(app, "instance", "a-key-of-the-tests", url, allow_clear_text=True)),
    ):
        (told,) = doubts_of(source)
        assert "http://other.example:80 is asked in clear text" in told
    for near in ("http://127.0.0.1:1", "https://other.example"):
        assert doubts_of(DataverseSource(DataverseConnection(app, near, allow_clear_text=True))) == []
