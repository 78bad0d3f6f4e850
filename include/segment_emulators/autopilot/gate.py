"""Autopilot's way in: its key, its rate, its words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from segment_emulators.account_api.gate import Gate
from segment_emulators.autopilot import api as _operations  # noqa: F401 registers the routes
from segment_emulators.autopilot import routing

if TYPE_CHECKING:
    from collections.abc import MutableMapping

    from segment_emulators.account_api.access_log import Arrival
    from segment_emulators.account_api.answers import Answer
    from segment_emulators.autopilot.emulator import AutopilotEmulator

KEY_HEADER = b"autopilotapikey"


class AutopilotGate(Gate):
    """ASGI application of everything below ``/v1``."""

    emulator: AutopilotEmulator

    def request(self, entry: Arrival, raw_path: str, body: bytes, resets: int) -> routing.Request:
        """Read a request that has arrived, and write down what it names."""
        return routing.Request(self.emulator.account, entry, raw_path, body, resets)

    def key(self, scope: MutableMapping[str, Any]) -> bytes | None:
        """Return the key that came with a request."""
        return next((value for name, value in scope["headers"] if name == KEY_HEADER), None)

    def refuse(self, entry: Arrival, scope: MutableMapping[str, Any]) -> Answer | None:
        """Refuse a request for its key or for the account's rate."""
        key = self.key(scope)
        if key is None:
            return routing.NO_KEY
        if key.decode("latin-1") != self.emulator.account.api_key:
            return routing.BAD_KEY
        switches = self.emulator.switches
        admitted = self.emulator.rate_limit.admits(
            entry.arrived, switches.rate, count_refused=switches.throttled_count
        )
        return None if admitted else self.throttled()

    def throttled(self) -> Answer:
        """Return the answer to a request beyond the rate."""
        switches = self.emulator.switches
        answer = routing.error(
            429,
            f"You have exceeded your request rate of {switches.rate} r/s."
            if switches.rate is not None
            else 'Your request was throttled. Please see "Rate Limit" section of documentation at '
            "http://developers.autopilothq.com.",
        )
        if switches.retry_after is not None:
            answer.headers.append((b"retry-after", str(switches.retry_after).encode()))
        return answer

    def error(self, status: int, message: str) -> Answer:
        """Return an answer in Autopilot's one shape for errors."""
        return routing.error(status, message)

    def bad_key(self) -> Answer:
        """Return the answer to a wrong key."""
        return routing.BAD_KEY
