"""The ban of an address: kept clear of, and waited out where somebody else brought it on."""

from __future__ import annotations

import asyncio
import tempfile
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING

import pytest

from segment_emulators.ortto import BanAnswer
from segment_exports.destinations.ortto.api import BASE_URLS
from segment_exports.destinations.ortto.ban import bad_requests_at
from segment_exports.destinations.ortto.client import UPDATE, OrttoClient
from segment_exports.errors import CredentialsRefusedError
from segment_exports.transport.bad_requests.budget import BadRequests
from segment_exports.transport.call import Call
from segment_exports.transport.pacing import Pacer
from segment_exports.transport.retrying import RetrySettings

if TYPE_CHECKING:
    from pathlib import Path

    from segment_emulators.ortto import OrttoEmulator


async def at_once() -> int:
    return 0


@pytest.fixture(autouse=True)
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))


async def test_all_regions_count_together_and_an_address_of_ones_own_by_itself() -> None:
    _, place = await bad_requests_at(BASE_URLS["default"]).start(at_once)
    place.answered(401)

    assert all(bad_requests_at(url).happened_lately() for url in BASE_URLS.values())
    assert not bad_requests_at("http://127.0.0.1:8026/v1").happened_lately()


class Time:
    """A clock that only waiting moves, the account's and ours."""

    def __init__(self) -> None:
        self.now = 1000.0

    def clock(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.now += seconds


@pytest.fixture
def time() -> Time:
    return Time()


@pytest.fixture
def banning(served: OrttoEmulator, time: Time, monkeypatch: pytest.MonkeyPatch) -> OrttoEmulator:
    """An account that bans an address for 15 s after three bad requests."""
    served.reset()
    served.switch(rate=None, ban_after=3)
    monkeypatch.setattr(served, "monotonic", time.clock)
    return served


async def whoever(emulator: OrttoEmulator) -> None:
    """Send bad requests from this address, as a tool that counts none."""
    async with OrttoClient(emulator.base_url, "PRV-wrong", pacer=Pacer(None)) as client:
        for _ in range(3):
            with pytest.raises(CredentialsRefusedError):
                await client.tags()


@pytest.mark.parametrize("answer", BanAnswer)
async def test_a_ban_is_recognised_waited_out_and_told_whatever_it_looks_like(
    banning: OrttoEmulator, time: Time, tmp_path: Path, answer: BanAnswer
) -> None:
    banning.switch(ban_answer=answer)
    budget = BadRequests("here", most=9, seconds=15.0, folder=tmp_path, clock=time.clock, sleep=time.sleep)
    _, place = await budget.start(at_once)
    place.answered(400)
    await whoever(banning)
    (ban,) = banning.bans
    client = OrttoClient(
        banning.base_url,
        banning.api_key,
        pacer=Pacer(None),
        retry=RetrySettings(first_wait=0.01),
        bad_requests=budget,
    )
    async with client:
        call = Call()
        await client.merge([b'{"fields":{"str::email":"ana@example.com"}}'], UPDATE, call)
    assert call.shut_outs == 1
    assert 1 <= ban.refused <= 3
    assert time.now == pytest.approx(1016)
    assert "shut this machine out for a while after bad requests, once" in client.warnings[0]


async def test_within_the_budget_nobody_is_banned(served: OrttoEmulator, tmp_path: Path) -> None:
    """Bad ones by four at a time from two clients, which without a budget would be fifteen at once."""
    served.reset()
    served.switch(rate=None, ban_after=15, ban_window=0.5, ban_seconds=60.0)

    async def work(client: OrttoClient) -> None:
        for _ in range(3):
            with pytest.raises(CredentialsRefusedError):
                await client.tags()

    async with AsyncExitStack() as stack:
        clients = [
            await stack.enter_async_context(
                OrttoClient(
                    served.base_url,
                    "PRV-wrong",
                    pacer=Pacer(None),
                    bad_requests=BadRequests("here", most=9, seconds=0.5, folder=tmp_path),
                )
            )
            for _ in range(2)
        ]
        await asyncio.gather(*(work(client) for client in clients for _ in range(4)))
    assert len(served.bad_requests) == 24
    assert served.bans == []
