"""Serves the emulator as a process: ``python -m segment_emulators.ortto --port 8082``."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from segment_emulators.account_api.command_line import EmulatorCommand
from segment_emulators.ortto.config import EmulatorConfig
from segment_emulators.ortto.emulator import OrttoEmulator
from segment_emulators.ortto.served import application_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fastapi import FastAPI


def _served(config: EmulatorConfig) -> tuple[OrttoEmulator, FastAPI]:
    emulator = OrttoEmulator(config)
    return emulator, application_of(emulator)


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve until interrupted."""
    command = EmulatorCommand(
        "ortto",
        EmulatorConfig,
        _served,
        title=OrttoEmulator.title,
        port=8082,
        custom_field="Tier, or single_select/Tier/gold/silver",
    )
    return command.main(arguments)


if __name__ == "__main__":
    sys.exit(main())
