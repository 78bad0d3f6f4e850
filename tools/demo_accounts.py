"""The accounts that the demo delivers to: an emulated one of each destination."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import subprocess
import sys
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import yaml

from airflow_home import ROOT, LocalAirflowError
from demo_tenant import ATTRIBUTES_OF_NEWSLETTER
from local_airflow import free_port
from segment_emulators.account_api.control_client import EmulatorControl
from segment_exports.destinations.agreement import signed_agreement
from segment_exports.settings.names import connection_variable

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

EXPORT = "newsletter"
DEFINITION = ROOT / "include" / "exports" / f"{EXPORT}.yaml"
RATE = 400
"""Requests a second of the demo. A real account takes 5 to 30: the demo would take an hour."""


@dataclass(frozen=True)
class DemoDestination:
    """A destination, as the demo uses it.

    :param destination: the section of the shipped definition; None leaves it as it is.
    :param custom_fields: those that the account has from the beginning.
    :param usual_rate: of real accounts, in words.
    """

    name: str
    type: str
    connection: str
    usual_rate: str
    destination: Mapping[str, Any] | None = None
    custom_fields: tuple[str, ...] = ()

    @property
    def variable(self) -> str:
        """The variable that holds its connection."""
        return connection_variable(self.connection)


AUTOPILOT = DemoDestination(
    "Autopilot", "autopilot", "autopilot_default", "5 to 20", custom_fields=ATTRIBUTES_OF_NEWSLETTER
)
ORTTO = DemoDestination(
    "Ortto",
    "ortto",
    "ortto_default",
    "10 to 30",
    destination={
        "type": "ortto",
        "connection": "ortto_default",
        "new_people": "subscribed",
        "create_fields": True,
        "phone_country_code": "+1",
    },
)
DESTINATIONS = {one.type: one for one in (AUTOPILOT, ORTTO)}


@dataclass(frozen=True)
class Emulator:
    """An emulated account in a process of its own."""

    of: DemoDestination
    url: str
    key: str

    @property
    def control(self) -> EmulatorControl:
        """What reads the emulated account back."""
        return EmulatorControl(self.url)

    @property
    def agreed(self) -> dict[str, str]:
        """What a connection to it holds of the agreement."""
        return signed_agreement("the demo", receiver=self.of.name)

    def connection(self, rate: float) -> str:
        """Return the Airflow connection to it, as JSON."""
        return json.dumps(
            {
                "conn_type": self.of.type,
                "host": f"{self.url}/v1",
                "password": self.key,
                "extra": {"requests_per_second": rate, "enabled": True, **self.agreed},
            }
        )


def write_definition(
    folder: Path, destination: DemoDestination, *, name: str = EXPORT, title: str | None = None
) -> Path:
    """Write the shipped definition into a folder, with that destination, and return where.

    :param name: another one for the export, and ``title`` as people see it.
    """
    written = folder / f"{name}.yaml"
    if destination.destination is None:
        shutil.copyfile(DEFINITION, written)
        return written
    definition = yaml.safe_load(DEFINITION.read_text(encoding="utf-8")) | {"name": name}
    definition["destination"] = dict(destination.destination)
    if title:
        definition["display_name"] = title
    text = yaml.safe_dump(definition, sort_keys=False, allow_unicode=True)
    written.write_text(text, encoding="utf-8")
    return written


@contextmanager
def emulated_account(folder: Path, destination: DemoDestination = AUTOPILOT) -> Iterator[Emulator]:
    """Run an emulator as a process and end it; its log lies in the folder.

    :raises LocalAirflowError: it did not start.
    """
    key, port = secrets.token_hex(16), free_port()
    command = [
        sys.executable, "-m", f"segment_emulators.{destination.type}", "--port", str(port), "--rate", "0",
        *(part for one in destination.custom_fields for part in ("--custom-field", one)),
    ]  # fmt: skip
    variables = {f"{destination.type.upper()}_EMULATOR_KEY": key, "PYTHONPATH": str(ROOT / "include")}
    log_file = folder / f"{destination.type}-emulator.log"
    with log_file.open("wb") as log:
        process = subprocess.Popen(
            command,
            env=os.environ | variables,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    emulator = Emulator(destination, f"http://127.0.0.1:{port}", key)
    try:
        until = time.monotonic() + 30
        while not emulator.control.health():
            if process.poll() is not None or time.monotonic() > until:
                raise LocalAirflowError(f"The emulator did not start; see {log_file}")
            time.sleep(0.1)
        yield emulator
    finally:
        process.terminate()
        with suppress(subprocess.TimeoutExpired):
            process.wait(10)
        process.kill()
        process.wait()
