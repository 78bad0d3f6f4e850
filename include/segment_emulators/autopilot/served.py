"""The emulator behind its port."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from segment_emulators.account_api import served
from segment_emulators.autopilot.emulator import AutopilotEmulator
from segment_emulators.autopilot.gate import AutopilotGate
from segment_emulators.autopilot.staff import ACTIONS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fastapi import FastAPI

    from segment_emulators.autopilot.config import EmulatorConfig


def application_of(emulator: AutopilotEmulator) -> FastAPI:
    """Return the application that serves an emulator."""
    return served.application_of(AutopilotGate(emulator), ACTIONS)


@contextmanager
def serve_autopilot(config: EmulatorConfig | None = None, *, port: int = 0) -> Iterator[AutopilotEmulator]:
    """Serve an emulator on 127.0.0.1 in a thread of this process while the block runs."""
    emulator = AutopilotEmulator(config)
    with served.serve(emulator, application_of(emulator), port=port):
        yield emulator
