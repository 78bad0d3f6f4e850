"""The emulator as one object: account, switches, faults and log."""

from __future__ import annotations

from typing import Any

from segment_emulators.autopilot.access_log import AccessLog
from segment_emulators.autopilot.account import Account
from segment_emulators.autopilot.config import EmulatorConfig, Switches
from segment_emulators.autopilot.faults import Fault, FaultPlan
from segment_emulators.autopilot.rate_limit import RollingSecond
from segment_emulators.autopilot.staff import Staff

PREFIX = "/v1"
"""Of the API's paths."""


class AutopilotEmulator:
    """An Autopilot account behind its API."""

    def __init__(self, config: EmulatorConfig | None = None) -> None:
        self.config = config or EmulatorConfig()
        self.account = Account(
            api_key=self.config.api_key, seed=self.config.seed, custom_fields=self.config.custom_fields
        )
        self.staff = Staff(self.account)
        self.switches: Switches = self.config.switches
        self.faults = FaultPlan(self.config.faults)
        self.log = AccessLog(self.config.log_limit)
        self.rate_limit = RollingSecond()
        self.resets = 0
        """How often it was reset: what arrived before a reset is not carried out after it."""
        self.url = ""
        """Where it is served, such as ``http://127.0.0.1:4711``; empty while it is not."""

    @property
    def base_url(self) -> str:
        """The API's base URL, as a client is given it."""
        return f"{self.url}{PREFIX}"

    @property
    def api_key(self) -> str:
        """The key that is valid now; empty while it is revoked."""
        return self.account.api_key or ""

    def switch(self, **changes: Any) -> None:
        """Change some switches, by their names in :class:`Switches`.

        :raises pydantic.ValidationError: unknown switch or value.
        """
        self.switches = Switches.model_validate({**self.switches.model_dump(), **changes})

    def inject(self, *faults: Fault) -> None:
        """Put these faults in force, instead of those before; none ends all faults."""
        self.faults.replace(faults)

    def rotate_key(self, key: str) -> None:
        """Make another key the valid one; the old one stops working at once."""
        self.account.api_key = key

    def revoke_key(self) -> None:
        """Make every key invalid."""
        self.account.api_key = None

    def reset(self) -> None:
        """Go back to the configuration: an empty account, its switches, faults and key, an empty log.

        Requests that are under way concern the account as it was: they do nothing any more.
        """
        with self.account.lock:
            self.resets += 1
            self.account.clear()
            self.account.api_key = self.config.api_key
            self.switches = self.config.switches
            self.faults.replace(self.config.faults)
            self.log.clear()
            self.rate_limit.reset()
