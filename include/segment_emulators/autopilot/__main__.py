"""Serves the emulator as a process: ``python -m segment_emulators.autopilot --port 8081``."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson
from pydantic import ValidationError

from segment_emulators.autopilot.config import EmulatorConfig, Switches
from segment_emulators.autopilot.emulator import PREFIX, AutopilotEmulator
from segment_emulators.autopilot.served import application_of
from segment_emulators.serving import listen, run

if TYPE_CHECKING:
    from collections.abc import Sequence


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m segment_emulators.autopilot",
        description="Serve an account that speaks Autopilot's REST API, until it is interrupted.",
    )
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8081, help="0 takes a free one")
    parser.add_argument("--port-file", type=Path, help="write the port there once it listens")
    parser.add_argument(
        "--key-env",
        default="AUTOPILOT_EMULATOR_KEY",
        help="environment variable that holds the API key; a key of the emulator's own if it is not set",
    )
    parser.add_argument("--rate", type=int, default=5, help="requests in any rolling second; 0 is no limit")
    parser.add_argument("--latency", type=float, default=0.0, help="seconds that every call takes")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--log-limit", type=int, help="keep only so many arrivals in the access log")
    parser.add_argument(
        "--custom-field", action="append", default=[], help="custom field that the account has, repeatable"
    )
    parser.add_argument(
        "--switch",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help=f"another switch, repeatable: {', '.join(Switches.model_fields)}",
    )
    return parser


def _config(options: argparse.Namespace) -> EmulatorConfig:
    """Return the configuration.

    :raises ValueError: a switch that isn't there, or a value it can't have.
    """
    switches: dict[str, Any] = {"rate": options.rate or None, "latency": options.latency}
    for pair in options.switch:
        name, separator, value = pair.partition("=")
        if not separator or name not in Switches.model_fields:
            raise ValueError(f"--switch {pair}: NAME=VALUE with one of {', '.join(Switches.model_fields)}")
        switches[name] = _value(value)
    given: dict[str, Any] = {
        "seed": options.seed,
        "switches": switches,
        "custom_fields": tuple(options.custom_field),
        "log_limit": options.log_limit,
    }
    if key := os.environ.get(options.key_env):
        given["api_key"] = key
    try:
        return EmulatorConfig.model_validate(given)
    except ValidationError as error:
        first = error.errors()[0]
        name = ".".join(str(part) for part in first["loc"])
        raise ValueError(f"{name}: {first['msg']}") from error


def _value(text: str) -> Any:
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        return text


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve until interrupted."""
    parser = _parser()
    options = parser.parse_args(arguments)
    try:
        emulator = AutopilotEmulator(_config(options))
        opened = listen(options.host, options.port)
    except (ValueError, OSError) as error:
        parser.error(str(error))
    port = opened.getsockname()[1]
    emulator.url = f"http://{options.host}:{port}"
    if options.port_file:
        options.port_file.write_text(f"{port}\n")
    sys.stdout.write(
        f"Autopilot emulator: {emulator.url}{PREFIX}, looked into at {emulator.url}/_emulator/docs\n"
    )
    sys.stdout.flush()
    run(application_of(emulator), opened)
    return 0


if __name__ == "__main__":
    sys.exit(main())
