"""The emulator as one object: account, switches, faults and log."""

from __future__ import annotations

from segment_emulators.account_api.emulator import AccountEmulator
from segment_emulators.autopilot.account import Account
from segment_emulators.autopilot.config import EmulatorConfig, Switches
from segment_emulators.autopilot.staff import Staff


class AutopilotEmulator(AccountEmulator):
    """An Autopilot account behind its API."""

    title = "Autopilot"
    account: Account
    staff: Staff
    config: EmulatorConfig
    switches: Switches

    def __init__(self, config: EmulatorConfig | None = None) -> None:
        given = config or EmulatorConfig()
        account = Account(api_key=given.api_key, seed=given.seed, custom_fields=given.custom_fields)
        self.staff = Staff(account)
        super().__init__(given, account)
