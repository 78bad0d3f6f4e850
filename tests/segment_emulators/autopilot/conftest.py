from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import pytest
import requests

if TYPE_CHECKING:
    from collections.abc import Iterator

    from segment_emulators.autopilot import AutopilotEmulator


class Api:
    """A client that knows the emulator's address and key, and answers what came over the socket."""

    def __init__(self, emulator: AutopilotEmulator) -> None:
        self.emulator = emulator
        self.session = requests.Session()

    def call(self, method: str, path: str, body: Any = None, **options: Any) -> requests.Response:
        headers = {"autopilotapikey": self.emulator.config.api_key} | options.pop("headers", {})
        return self.session.request(
            method, self.emulator.base_url + path, json=body, headers=headers, timeout=10, **options
        )

    def get(self, path: str) -> requests.Response:
        return self.call("GET", path)

    def post(self, path: str, body: Any = None) -> requests.Response:
        return self.call("POST", path, body)

    def delete(self, path: str) -> requests.Response:
        return self.call("DELETE", path)

    def upsert(self, **fields: Any) -> str:
        answer = self.post("/contact", {"contact": fields})
        assert answer.status_code == 200, answer.text
        return answer.json()["contact_id"]

    def bulk(self, *contacts: dict[str, Any]) -> requests.Response:
        return self.post("/contacts", {"contacts": list(contacts)})

    def new_list(self, name: str) -> str:
        return self.post("/list", {"name": name}).json()["list_id"]


@pytest.fixture
def within_a_second(emulator: AutopilotEmulator, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let all requests arrive within one second, however slow the machine is."""
    now = time.monotonic()
    monkeypatch.setattr(emulator, "monotonic", lambda: now)


@pytest.fixture
def api(emulator: AutopilotEmulator) -> Iterator[Api]:
    client = Api(emulator)
    yield client
    client.session.close()
