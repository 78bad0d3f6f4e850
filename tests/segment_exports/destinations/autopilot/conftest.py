from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest
from aiohttp import web

from segment_exports.destinations.autopilot.client import AutopilotClient
from segment_exports.transport.pacing import Pacer

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from segment_emulators.autopilot import AutopilotEmulator

KEY = "0123456789abcdef0123456789abcdef"


async def soon(seconds: float) -> None:
    """Waiting that a test doesn't wait for."""
    await asyncio.sleep(seconds / 100)


@pytest.fixture
async def client(emulator: AutopilotEmulator) -> AsyncIterator[AutopilotClient]:
    async with AutopilotClient(
        emulator.base_url, emulator.api_key, pacer=Pacer(None), sleep=soon, timeout_seconds=30
    ) as opened:
        yield opened


class OddServer:
    """A server that answers what a test wants; ``seen`` are the requests."""

    def __init__(self) -> None:
        self.seen: list[web.Request] = []
        self.answers: list[Callable[[], web.StreamResponse]] = []
        self.url = ""

    async def handle(self, request: web.Request) -> web.StreamResponse:
        await request.read()
        self.seen.append(request)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        return answer()

    def answer(self, *bodies: str, status: int = 200, **options: Any) -> None:
        options = {"content_type": "application/json"} | options
        self.answers = [
            lambda body=body: web.Response(text=body, status=status, **options)  # type: ignore[misc]
            for body in bodies
        ]


@pytest.fixture
async def odd() -> AsyncIterator[OddServer]:
    server = OddServer()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", server.handle)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    host, port = runner.addresses[0][:2]
    server.url = f"http://{host}:{port}/v1"
    yield server
    await runner.cleanup()


@pytest.fixture
async def odd_client(odd: OddServer) -> AsyncIterator[AutopilotClient]:
    async with AutopilotClient(odd.url, KEY, pacer=Pacer(None), sleep=soon, timeout_seconds=30) as opened:
        yield opened
