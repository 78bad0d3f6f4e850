"""The emulator behind its port: the API below ``/v1``, the control plane below ``/_emulator``."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from segment_emulators.autopilot.control_plane import control_plane
from segment_emulators.autopilot.emulator import PREFIX, AutopilotEmulator
from segment_emulators.autopilot.gate import Gate
from segment_emulators.quoting import Quoting
from segment_emulators.serving import serve_in_thread

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fastapi import FastAPI

    from segment_emulators.autopilot.config import EmulatorConfig


def application_of(emulator: AutopilotEmulator) -> FastAPI:
    """Return the application that serves an emulator."""
    application = control_plane(emulator)
    application.mount(PREFIX, Quoting(Gate(emulator), lambda: emulator.switches.quotes))
    return application


@contextmanager
def serve_autopilot(config: EmulatorConfig | None = None, *, port: int = 0) -> Iterator[AutopilotEmulator]:
    """Serve an emulator on 127.0.0.1 in a thread of this process while the block runs."""
    emulator = AutopilotEmulator(config)
    with serve_in_thread(application_of(emulator), port=port) as url:
        emulator.url = url
        yield emulator
        emulator.url = ""
