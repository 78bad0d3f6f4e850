"""The emulator as one object: account, switches, faults, log and bans."""

from __future__ import annotations

from typing import TYPE_CHECKING

from segment_emulators.account_api.emulator import AccountEmulator
from segment_emulators.account_api.rate_limit import RollingLimit
from segment_emulators.ortto.account import Account
from segment_emulators.ortto.bans import Ban, Bans
from segment_emulators.ortto.config import EmulatorConfig, Switches
from segment_emulators.ortto.staff import Staff

if TYPE_CHECKING:
    from segment_emulators.account_api.access_log import Arrival


class OrttoEmulator(AccountEmulator):
    """An Ortto account behind its API."""

    title = "Ortto"
    account: Account
    staff: Staff
    config: EmulatorConfig
    switches: Switches

    def __init__(self, config: EmulatorConfig | None = None) -> None:
        given = config or EmulatorConfig()
        account = Account(api_key=given.api_key, seed=given.seed, custom_fields=given.custom_fields)
        self.staff = Staff(account)
        self.banned = Bans()
        self.minute_limit = RollingLimit(60.0)
        self.address_limits: dict[str, tuple[RollingLimit, RollingLimit]] = {}
        """By network address: of ten seconds, of a minute."""
        super().__init__(given, account)

    @property
    def bans(self) -> list[Ban]:
        """All bans that happened, the newest last."""
        return self.banned.happened

    @property
    def bad_requests(self) -> list[Arrival]:
        """The requests that counted towards a ban."""
        return self.banned.bad

    def reset(self) -> None:
        """Go back to the configuration: an empty account, its switches, faults and key, an empty log."""
        with self.account.lock:
            super().reset()
            self.banned.clear()
            self.minute_limit.reset()
            self.address_limits.clear()
