"""An emulator behind its port: the API below ``/v1``, the control plane below ``/_emulator``."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from segment_emulators.account_api.control_plane import control_plane
from segment_emulators.account_api.emulator import PREFIX
from segment_emulators.quoting import Quoting
from segment_emulators.serving import serve_in_thread

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fastapi import APIRouter, FastAPI

    from segment_emulators.account_api.control_plane import StaffActions
    from segment_emulators.account_api.emulator import AccountEmulator
    from segment_emulators.account_api.gate import Gate


def application_of(gate: Gate, actions: StaffActions, *more: APIRouter) -> FastAPI:
    """Return the application that serves the emulator behind a gate.

    :param actions: what staff can do, by name.
    :param more: the emulator's own pages beside those that all have.
    """
    application = control_plane(gate.emulator, actions, *more)
    application.mount(PREFIX, Quoting(gate, lambda: gate.emulator.switches.quotes))
    return application


@contextmanager
def serve(emulator: AccountEmulator, application: FastAPI, *, port: int = 0) -> Iterator[None]:
    """Serve an emulator on 127.0.0.1 in a thread of this process while the block runs."""
    with serve_in_thread(application, port=port) as url:
        emulator.url = url
        yield
        emulator.url = ""
