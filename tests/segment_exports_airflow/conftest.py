"""A connection to an account."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from segment_exports.destinations.agreement import signed_agreement

if TYPE_CHECKING:
    from collections.abc import Callable

    from segment_emulators.autopilot import AutopilotEmulator


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
