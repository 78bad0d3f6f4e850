"""An emulator as a process of its own."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson
from pydantic import ValidationError

from segment_emulators.account_api.emulator import PREFIX
from segment_emulators.serving import listen, run

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from fastapi import FastAPI

    from segment_emulators.account_api.emulator import AccountConfig, AccountEmulator


class EmulatorCommand:
    """``python -m segment_emulators.<name>``: the options of every emulator.

    :param name: of the package, and in the name of the variable that holds the key.
    :param custom_field: what such a field is called there, for the help.
    :param serve: makes the emulator of a configuration, and the application that serves it.
    """

    def __init__(
        self,
        name: str,
        config: type[AccountConfig],
        serve: Callable[[Any], tuple[AccountEmulator, FastAPI]],
        *,
        title: str,
        port: int,
        custom_field: str,
    ) -> None:
        self._config_type, self._serve, self._title = config, serve, title
        self._switches = type(config.model_fields["switches"].get_default()).model_fields
        self._parser = self._options(name, port, custom_field)

    def main(self, arguments: Sequence[str] | None = None) -> int:
        """Serve until interrupted."""
        options = self._parser.parse_args(arguments)
        try:
            emulator, application = self._serve(self._config(options))
            opened = listen(options.host, options.port)
        except (ValueError, OSError) as error:
            self._parser.error(str(error))
        port = opened.getsockname()[1]
        emulator.url = f"http://{options.host}:{port}"
        if options.port_file:
            options.port_file.write_text(f"{port}\n")
        key = f"that of {options.key_env}" if os.environ.get(options.key_env) else emulator.account.api_key
        sys.stdout.write(
            f"{self._title} emulator: {emulator.url}{PREFIX}, API key: {key}, "
            f"looked into at {emulator.url}/_emulator/docs\n"
        )
        sys.stdout.flush()
        run(application, opened)
        return 0

    def _options(self, name: str, port: int, custom_field: str) -> argparse.ArgumentParser:
        parser = argparse.ArgumentParser(
            prog=f"python -m segment_emulators.{name}",
            description=f"Serve an account that speaks {self._title}'s REST API, until it is interrupted.",
        )
        rate = self._switches["rate"].default
        parser.add_argument("--host", default="127.0.0.1")
        parser.add_argument("--port", type=int, default=port, help="0 takes a free one")
        parser.add_argument("--port-file", type=Path, help="write the port there once it listens")
        parser.add_argument(
            "--key-env",
            default=f"{name.upper()}_EMULATOR_KEY",
            help="environment variable that holds the API key; a key of the emulator's own if it is not set",
        )
        parser.add_argument(
            "--rate", type=int, default=rate, help="requests in any rolling second; 0 is no limit"
        )
        parser.add_argument("--latency", type=float, default=0.0, help="seconds that every call takes")
        parser.add_argument("--seed", type=int, default=1)
        parser.add_argument("--log-limit", type=int, help="keep only so many arrivals in the access log")
        parser.add_argument(
            "--custom-field",
            action="append",
            default=[],
            help=f"custom field that the account has, such as {custom_field}; repeatable",
        )
        parser.add_argument(
            "--switch",
            action="append",
            default=[],
            metavar="NAME=VALUE",
            help=f"another switch, repeatable: {', '.join(self._switches)}",
        )
        return parser

    def _config(self, options: argparse.Namespace) -> AccountConfig:
        """Return the configuration.

        :raises ValueError: a switch that isn't there, or a value it can't have.
        """
        switches: dict[str, Any] = {"rate": options.rate or None, "latency": options.latency}
        for pair in options.switch:
            name, separator, value = pair.partition("=")
            if not separator or name not in self._switches:
                raise ValueError(f"--switch {pair}: NAME=VALUE with one of {', '.join(self._switches)}")
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
            return self._config_type.model_validate(given)
        except ValidationError as error:
            first = error.errors()[0]
            name = ".".join(str(part) for part in first["loc"])
            raise ValueError(f"{name}: {first['msg']}") from error


def _value(text: str) -> Any:
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        return text
