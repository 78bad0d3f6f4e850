"""Serves the emulator as a process: ``python -m segment_emulators.autopilot --port 8081``."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from segment_emulators.account_api.command_line import EmulatorCommand
from segment_emulators.autopilot.config import EmulatorConfig
from segment_emulators.autopilot.emulator import AutopilotEmulator
from segment_emulators.autopilot.served import application_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fastapi import FastAPI


def _served(config: EmulatorConfig) -> tuple[AutopilotEmulator, FastAPI]:
    emulator = AutopilotEmulator(config)
    return emulator, application_of(emulator)


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve until interrupted."""
    command = EmulatorCommand(
        "autopilot",
        EmulatorConfig,
        _served,
        title=AutopilotEmulator.title,
        port=8081,
        custom_field="string--Tier",
    )
    return command.main(arguments)


if __name__ == "__main__":
    sys.exit(main())
