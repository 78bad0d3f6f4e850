"""The emulator behind its port."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from fastapi import APIRouter

from segment_emulators.account_api import served
from segment_emulators.ortto.emulator import OrttoEmulator
from segment_emulators.ortto.gate import OrttoGate
from segment_emulators.ortto.staff import ACTIONS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fastapi import FastAPI

    from segment_emulators.ortto.config import EmulatorConfig


def application_of(emulator: OrttoEmulator) -> FastAPI:
    """Return the application that serves an emulator."""
    return served.application_of(OrttoGate(emulator), ACTIONS, _ban_routes(emulator))


def _ban_routes(emulator: OrttoEmulator) -> APIRouter:
    routes = APIRouter(tags=["bans"])

    @routes.get("/bans")
    async def bans() -> dict[str, Any]:
        """Return the bans that happened, and the requests that counted towards one."""
        return {
            "bans": [asdict(one) for one in emulator.bans],
            "bad_requests": [one.to_json() for one in emulator.bad_requests],
        }

    return routes


@contextmanager
def serve_ortto(config: EmulatorConfig | None = None, *, port: int = 0) -> Iterator[OrttoEmulator]:
    """Serve an emulator on 127.0.0.1 in a thread of this process while the block runs."""
    emulator = OrttoEmulator(config)
    with served.serve(emulator, application_of(emulator), port=port):
        yield emulator
