"""The key goes to the API of its base URL alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from tests.thief import Thief, listening_thief

from segment_exports.destinations.autopilot.client import AutopilotClient
from segment_exports.errors import ConnectionFieldError, DestinationError, WrongServerError
from segment_exports.transport.call import Request
from segment_exports.transport.pacing import Pacer
from segment_exports.transport.retrying import RetrySettings

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

KEY = "0123456789abcdef0123456789abcdef"


@pytest.fixture
def thief(monkeypatch: pytest.MonkeyPatch) -> Iterator[Thief]:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    with listening_thief() as thief:
        yield thief


def client_of(url: str, **options: Any) -> AutopilotClient:
    retry = RetrySettings(max_attempts=1)
    return AutopilotClient(url, KEY, pacer=Pacer(None), retry=retry, timeout_seconds=5, **options)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_the_key_follows_no_redirect(odd, thief: Thief, status: int) -> None:
    odd.answer("", status=status, headers={"Location": f"http://{thief.address}/v1/lists"})
    async with client_of(odd.url) as client:
        with pytest.raises(WrongServerError):
            await client.lists()
        with pytest.raises(DestinationError):
            await client.bulk_upsert([b'{"Email":"a@example.com"}'])

    assert not thief.was_asked


@pytest.mark.parametrize("variable", ["HTTP_PROXY", "http_proxy", "ALL_PROXY"])
async def test_what_stays_on_this_machine_goes_through_no_proxy(
    odd, thief: Thief, variable: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, f"http://{thief.address}")
    odd.answer('{"lists": []}')
    async with client_of(odd.url) as client:
        assert await client.lists() == ()

    assert not thief.was_asked


async def test_no_netrc_of_the_worker_goes_along(
    odd, thief: Thief, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "netrc").write_text("default login somebody password else\n")
    (tmp_path / "netrc").chmod(0o600)
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    odd.answer('{"lists": []}')
    async with client_of(odd.url) as client:
        await client.lists()

    assert "Authorization" not in odd.seen[0].headers


@pytest.mark.parametrize(
    "path",
    [
        "/../v2/lists",
        "/contact/..",
        "/contact/%2e%2e",
        "/list/./contacts",
        r"/\\thief",
        "/a b",
        "/a#b",
        "/a\tb",
    ],
)
async def test_a_path_that_leads_out_of_the_api_is_not_asked(odd, path: str) -> None:
    odd.answer("{}")
    async with client_of(odd.url) as client:
        with pytest.raises(DestinationError, match="its path would lead out of the API"):
            await client.send(Request("GET", path, "GET something"), lambda value: value)

    assert odd.seen == []


@pytest.mark.parametrize(
    "url",
    [
        r"http://{thief}\@{server}/v1",
        "http://{server}@{thief}/v1",
        "http://user:pw@{server}/v1",
        "http://{thief}%2f@{server}/v1",
        "http://{thief}\uff0f@{server}/v1",
        "http://127.1:{port}/v1",
        "http://127.0.0.1.:{port}/v1",
        "http://2130706433:{port}/v1",
    ],
)
async def test_a_base_url_that_leads_elsewhere_for_some_reader_is_none(odd, thief: Thief, url: str) -> None:
    server = odd.url.removeprefix("http://").removesuffix("/v1")
    with pytest.raises(ConnectionFieldError):
        client_of(url.format(thief=thief.address, server=server, port=server.rpartition(":")[2]))

    assert not thief.was_asked
