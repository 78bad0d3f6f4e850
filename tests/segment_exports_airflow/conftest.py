"""A connection to an account."""

from __future__ import annotations

import json
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from segment_exports.destinations.agreement import signed_agreement

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from segment_emulators.autopilot import AutopilotEmulator
    from segment_emulators.ortto import OrttoEmulator
    from segment_exports_airflow.hooks.destination import DestinationHook


@pytest.fixture
def connect(monkeypatch: pytest.MonkeyPatch) -> Callable[..., str]:
    """Put a connection into the environment, signed unless ``extra`` is given, and return its id."""

    def connect(host: str | None, password: str | None, **extra: Any) -> str:
        extra = extra or {"requests_per_second": 1000, **signed_agreement("the tests")}
        fields = {"conn_type": "autopilot", "host": host, "password": password, "extra": extra}
        monkeypatch.setenv("AIRFLOW_CONN_AUTOPILOT_DEFAULT", json.dumps(fields))
        return "autopilot_default"

    return connect


@pytest.fixture
def account(emulator: AutopilotEmulator, connect: Callable[..., str]) -> str:
    """The id of a good connection to the emulated account."""
    return connect(emulator.base_url, emulator.api_key)


@dataclass(frozen=True)
class Service:
    """A service that is a destination, emulated, and what a hook says and asks of it.

    :param kind: type of its connections.
    :param asked: method and path of the one cheap call.
    :param base_url: documented.
    """

    kind: str
    name: str
    hook: Callable[..., DestinationHook]
    emulator: AutopilotEmulator | OrttoEmulator
    asked: tuple[str, str]
    key_header: str
    base_url: str
    rate: float
    things: str
    monkeypatch: pytest.MonkeyPatch

    @property
    def connection_id(self) -> str:
        return f"{self.kind}_default"

    @property
    def signed(self) -> dict[str, Any]:
        return dict(signed_agreement("the tests", receiver=self.name))

    def connect(self, host: str | None, password: str | None = "f" * 32, **extra: Any) -> DestinationHook:
        """Return the hook of a connection that is signed, unless it holds something of an agreement."""
        signed = {} if any(name.startswith("agreed") for name in extra) else self.signed
        self.put(host=host, password=password, extra={**signed, **extra})
        return self.hook(self.connection_id)

    def put(self, **fields: Any) -> None:
        """Put a connection into the environment as it is given."""
        fields = {"conn_type": self.kind, **fields}
        self.monkeypatch.setenv(f"AIRFLOW_CONN_{self.connection_id.upper()}", json.dumps(fields))

    def good(self, **extra: Any) -> DestinationHook:
        """Return the hook of a connection to the emulated account."""
        return self.connect(self.emulator.base_url, self.emulator.api_key, requests_per_second=1000, **extra)

    def calling(self, hook: DestinationHook) -> Any:
        """Make one call of one's own with HttpHook's method."""
        method, path = self.asked
        hook.method = method
        return hook.run(path, json={}) if method == "POST" else hook.run(path)


@contextmanager
def _served(kind: str) -> Iterator[Any]:
    if kind == "ortto":
        from segment_emulators.ortto import EmulatorConfig, Switches, serve_ortto

        with serve_ortto(EmulatorConfig(switches=Switches(rate=None, ban_after=None))) as emulator:
            yield emulator
    else:
        from segment_emulators import autopilot

        config = autopilot.EmulatorConfig(switches=autopilot.Switches(rate=None))
        with autopilot.serve_autopilot(config) as emulator:
            yield emulator


@pytest.fixture(scope="module", params=["autopilot", "ortto"])
def emulated(request: pytest.FixtureRequest) -> Iterator[tuple[str, Any]]:
    """An emulated account of each service, one for all tests of a module."""
    with _served(request.param) as emulator:
        yield request.param, emulator


@pytest.fixture
def service(
    emulated: tuple[str, Any], monkeypatch: pytest.MonkeyPatch, own_temporary_folder: None
) -> Service:
    """Each service, its account empty."""
    kind, emulator = emulated
    emulator.reset()
    if kind == "ortto":
        from segment_exports_airflow.hooks.ortto import OrttoHook

        asked, header, url = ("POST", "/tags/get"), "X-Api-Key", "https://api.ap3api.com/v1"
        return Service(kind, "Ortto", OrttoHook, emulator, asked, header, url, 10, "tag", monkeypatch)
    from segment_exports_airflow.hooks.autopilot import AutopilotHook

    asked, header, url = ("GET", "/lists"), "autopilotapikey", "https://api2.autopilothq.com/v1"
    return Service(kind, "Autopilot", AutopilotHook, emulator, asked, header, url, 5, "list", monkeypatch)


@pytest.fixture
def own_temporary_folder(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let bad requests of a test be counted for itself."""
    import tempfile

    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path_factory.mktemp("temporary")))
