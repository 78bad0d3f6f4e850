"""An emulator as one object: account, switches, faults and log."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

from pydantic import BaseModel, ConfigDict, Field

from segment_emulators.account_api.access_log import AccessLog
from segment_emulators.account_api.faults import Fault, FaultPlan
from segment_emulators.account_api.rate_limit import RollingLimit

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Mapping

PREFIX = "/v1"
"""Of the APIs' paths."""


class AccountSwitches(BaseModel):
    """What may be changed at run time at every account."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    bad_emails: frozenset[str] = frozenset()
    """Addresses (lower case) that are bad, whatever they look like."""
    bad_domains: frozenset[str] = frozenset({"bad.example.com"})
    """Domains whose addresses are all bad."""
    bad_syntax: bool = True
    """Whether an address without the shape of one is bad."""
    rate: int | None = Field(default=5, ge=1)
    """More arrivals than this in any rolling second are answered 429; None is no limit."""
    throttled_count: bool = True
    """Whether arrivals that were answered 429 count as arrivals."""
    quotes: tuple[str, ...] | None = None
    """Quotes back what it was sent in every refusal, and these texts; None doesn't."""
    latency: float = Field(default=0.0, ge=0.0)
    """Seconds that every call takes at least."""


class AccountConfig(BaseModel):
    """What every emulator starts with."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    api_key: str = Field(default="0123456789abcdef0123456789abcdef", min_length=1, repr=False)
    seed: int = 1
    """Ids are made from it."""
    switches: AccountSwitches = AccountSwitches()
    faults: tuple[Fault, ...] = ()
    log_limit: int | None = None
    """The access log keeps so many arrivals (the newest); None is all."""


class EmulatedList(Protocol):
    """Something that people are on: a list, or a tag."""

    @property
    def list_id(self) -> str:
        """What a client names it by; digits as text where it is a number."""

    @property
    def title(self) -> str:
        """What people name it."""


class EmulatedAccount(Protocol):
    """The account behind an API, as far as every emulator knows it."""

    lock: threading.RLock
    api_key: str | None
    """The key that is valid now; None while it is revoked."""

    @property
    def contacts(self) -> Mapping[str, Any]:
        """All people by id."""

    @property
    def lists(self) -> Mapping[str, EmulatedList]:
        """All lists by id."""

    def clear(self) -> None:
        """Empty the account; the key stays."""

    def contacts_by_email(self) -> dict[str, dict[str, Any]]:
        """Return everybody who has an address, as the API answers them."""

    def members(self, title_or_id: str) -> set[str]:
        """Return the addresses on a list; on all lists of a title."""

    def unsubscribed(self) -> set[str]:
        """Return the addresses of those who are unsubscribed."""


class AccountEmulator:
    """An account behind its API.

    Subclasses name the account, its staff, and the types of configuration and switches.
    """

    title: ClassVar[str]
    """What is emulated, such as *Autopilot*."""
    account: EmulatedAccount
    staff: Any
    config: AccountConfig
    switches: AccountSwitches

    def __init__(self, config: AccountConfig, account: EmulatedAccount) -> None:
        self.config = config
        self.account = account
        self.switches = config.switches
        self.faults = FaultPlan(config.faults)
        self.log = AccessLog(config.log_limit)
        self.rate_limit = RollingLimit()
        self.monotonic: Callable[[], float] = time.monotonic
        """The clock of arrivals and limits, in seconds; a test may put another one here."""
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
        """Change some switches, by their names in the switches' model.

        :raises pydantic.ValidationError: unknown switch or value.
        """
        now = self.switches
        self.switches = type(now).model_validate({**now.model_dump(), **changes})

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
