"""What a key of another region, of an expired account or of nobody is told to be, by emulated regions."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import pytest
from starlette.applications import Starlette
from starlette.responses import HTMLResponse
from starlette.routing import Route

from segment_emulators.ortto import AccountState, EmulatorConfig, Fault, FaultKind, Switches, serve_ortto
from segment_emulators.serving import serve_in_thread
from segment_exports.destinations.ortto.account_check import account_answers
from segment_exports.destinations.ortto.client import OrttoClient
from segment_exports.errors import (
    CredentialsRefusedError,
    DestinationUnreachableError,
    OutcomeUnknownError,
    WrongRegionError,
    WrongServerError,
)
from segment_exports.transport.pacing import Pacer
from segment_exports.transport.retrying import RetrySettings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from segment_emulators.ortto import OrttoEmulator

KEY = "PRV-here-0123456789"
NAMES = ("default", "australia", "europe")


@pytest.fixture(scope="module")
def served() -> Iterator[dict[str, OrttoEmulator]]:
    """A region each; only the account of the first has the key."""
    with ExitStack() as stack:
        keys = (KEY, "PRV-au-1", "PRV-eu-1")
        yield {
            name: stack.enter_context(
                serve_ortto(EmulatorConfig(api_key=key, switches=Switches(rate=None, ban_after=None)))
            )
            for name, key in zip(NAMES, keys, strict=True)
        }


@pytest.fixture
def regions(served: dict[str, OrttoEmulator]) -> dict[str, OrttoEmulator]:
    for one in served.values():
        one.reset()
    return served


def client_at(url: str, key: str = KEY) -> OrttoClient:
    return OrttoClient(url, key, pacer=Pacer(None), retry=RetrySettings(max_attempts=1))


async def check(regions: dict[str, OrttoEmulator], asked: str, key: str = KEY) -> Any:
    """Ask an account at a region, or at a URL."""
    urls = {name: one.base_url for name, one in regions.items()}
    async with client_at(urls.get(asked, asked), key) as client:
        return await account_answers(client, lambda url: client_at(url, key), urls)


def asked_of(regions: dict[str, OrttoEmulator]) -> dict[str, int]:
    return {name: len(one.log.entries) for name, one in regions.items()}


async def test_an_account_that_answers_is_asked_once(regions) -> None:
    regions["default"].staff.add_list("News")
    found, tags = await check(regions, "default")
    assert found.lists == len(tags)
    assert "News" in [one.name for one in tags]
    assert asked_of(regions) == {"default": 1, "australia": 0, "europe": 0}


@pytest.mark.parametrize("status", [401, 404])
async def test_a_key_of_another_region_is_told_with_the_region_that_it_is_of(regions, status) -> None:
    regions["europe"].switch(wrong_region=status)
    with pytest.raises(WrongRegionError, match=r"in the region default, .* region europe: choose default"):
        await check(regions, "europe")
    assert asked_of(regions)["default"] == 1


async def test_a_wrong_key_is_tried_once_in_each_region(regions) -> None:
    with pytest.raises(
        CredentialsRefusedError, match=r"No other region takes .* \(default, europe\)"
    ) as told:
        await check(regions, "australia", "PRV-none-1")
    assert not isinstance(told.value, WrongRegionError)
    assert asked_of(regions) == {"default": 1, "australia": 1, "europe": 1}


@pytest.mark.parametrize("key", [KEY, "PRV-none-1"])
async def test_an_address_of_ones_own_is_never_left_with_the_key(regions, key) -> None:
    """As of a gateway or an emulator: who named it decides where the key goes."""
    regions["australia"].switch(wrong_region=401)
    own = {name: one for name, one in regions.items() if name != "australia"}
    with pytest.raises(
        CredentialsRefusedError, match="key of the connection is wrong, of another region, or was revoked"
    ):
        await check(own, regions["australia"].base_url, key)
    assert asked_of(own) == {"default": 0, "europe": 0}


@pytest.mark.parametrize("state", [AccountState.EXPIRED, AccountState.MAKER_LEFT])
async def test_an_account_that_is_closed_to_the_key_is_no_wrong_key(regions, state) -> None:
    regions["default"].switch(state=state)
    with pytest.raises(
        CredentialsRefusedError, match="the account has expired, or the user who made"
    ) as told:
        await check(regions, "default")
    assert told.value.status == 403
    assert asked_of(regions) == {"default": 1, "australia": 0, "europe": 0}


async def test_one_that_is_closed_to_it_in_another_region_is_of_that_region(regions) -> None:
    regions["default"].switch(state=AccountState.EXPIRED)
    with pytest.raises(WrongRegionError, match="choose default as its Region"):
        await check(regions, "europe")


async def test_a_region_that_is_out_of_order_is_skipped(regions) -> None:
    regions["default"].inject(Fault(kind=FaultKind.ERROR, status=503))
    with pytest.raises(CredentialsRefusedError, match="No other region"):
        await check(regions, "europe")


async def test_an_account_that_is_out_of_order_is_not_called_another_server(regions) -> None:
    regions["default"].inject(Fault(kind=FaultKind.ERROR, status=503))
    with pytest.raises(OutcomeUnknownError, match="503"):
        await check(regions, "default")


async def test_a_host_that_is_not_there_is_unreachable(regions) -> None:
    with pytest.raises(DestinationUnreachableError):
        await check(regions, "http://127.0.0.1:9/v1")


async def test_what_is_not_its_api_is_told(regions) -> None:
    page = Starlette(
        routes=[Route("/v1/tags/get", lambda _: HTMLResponse("<html>Hi</html>"), methods=["POST"])]
    )
    with serve_in_thread(page) as url:
        for path in ("/v1", "/elsewhere"):
            with pytest.raises(WrongServerError, match="not Ortto's API"):
                await check(regions, f"{url}{path}")
