from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import requests

from segment_emulators.ortto import EmulatorConfig, OrttoEmulator, Switches, serve_ortto

if TYPE_CHECKING:
    from collections.abc import Iterator

CONFIG = EmulatorConfig(switches=Switches(rate=None, ban_after=None))
"""Without rate and bans, which have tests of their own."""


class Api:
    """A client that knows the emulator's address and key, and answers what came over the socket."""

    def __init__(self, emulator: OrttoEmulator) -> None:
        self.emulator = emulator
        self.session = requests.Session()

    def call(self, method: str, path: str, body: Any = None, **options: Any) -> requests.Response:
        headers = {"X-Api-Key": self.emulator.config.api_key} | options.pop("headers", {})
        return self.session.request(
            method, self.emulator.base_url + path, json=body, headers=headers, timeout=10, **options
        )

    def post(self, path: str, body: Any = None) -> requests.Response:
        return self.call("POST", path, body)

    def put(self, path: str, body: Any = None) -> requests.Response:
        return self.call("PUT", path, body)

    def merge(self, *people: Any, **options: Any) -> requests.Response:
        """Merge people, each an address, an object of fields, or a whole person."""
        return self.post("/person/merge", {"people": [person(one) for one in people], **options})

    def made(self, *people: Any, **options: Any) -> list[str]:
        """Merge people who are all good, and return their ids."""
        answer = self.merge(*people, **options)
        assert answer.status_code == 200, answer.text
        return [one["person_id"] for one in answer.json()["people"]]

    def words(self, *people: Any, **options: Any) -> list[str]:
        """Merge people and return the status of each item."""
        answer = self.merge(*people, **options)
        assert answer.status_code == 200, answer.text
        return [one["status"] for one in answer.json()["people"] or []]

    def listed(self, *fields: str, **body: Any) -> list[dict[str, Any]]:
        """List people and return the fields of each."""
        answer = self.post("/person/get", {"fields": list(fields), **body})
        assert answer.status_code == 200, answer.text
        return [one["fields"] for one in answer.json()["contacts"] or []]

    def read(self, email: str, *fields: str) -> dict[str, Any]:
        """Return the fields of the person who has an address."""
        (found,) = self.listed(*fields, filter={"$str::is": {"field_id": "str::email", "value": email}})
        return found

    def tag_names(self) -> list[str]:
        return [one["name"] for one in self.post("/tags/get", {}).json() if one["type"] == ""]


def person(given: Any) -> Any:
    """Return a person of a merge for an address, an object of fields, or a whole person."""
    if isinstance(given, str):
        return {"fields": {"str::email": given}}
    if isinstance(given, dict) and "fields" not in given and given:
        return {"fields": given}
    return given


class Clock:
    """A clock that only a test moves."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(emulator: OrttoEmulator, monkeypatch: pytest.MonkeyPatch) -> Clock:
    """Let the emulator's clocks stand still."""
    standing = Clock()
    monkeypatch.setattr(emulator, "monotonic", standing)
    monkeypatch.setattr(emulator.account, "clock", standing)
    return standing


@pytest.fixture(scope="module")
def ortto() -> Iterator[OrttoEmulator]:
    """An emulated account, one for all tests of a module."""
    with serve_ortto(CONFIG) as emulator:
        yield emulator


@pytest.fixture
def emulator(ortto: OrttoEmulator) -> OrttoEmulator:
    """The account, empty."""
    ortto.reset()
    return ortto


@pytest.fixture
def api(emulator: OrttoEmulator) -> Iterator[Api]:
    client = Api(emulator)
    yield client
    client.session.close()
