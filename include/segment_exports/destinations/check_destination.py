"""The fourth face of a destination: whether its account may and can be sent to, before anything is read."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Protocol

from segment_exports.destinations.agreement import Agreement, agreement_choice
from segment_exports.errors import AgreementMissingError, ConnectionDisabledError
from segment_exports.records.outcomes import counted
from segment_exports.settings.connection_fields import label
from segment_exports.transport.retrying import RetrySettings

if TYPE_CHECKING:
    from segment_exports.definition import ExportDefinition
    from segment_exports.records.keyed_hash import KeyedHasher
    from segment_exports.settings.connection_fields import Naming


CLOCK_TOLERANCE = 300.0
"""Seconds by which two clocks may differ without a word."""


@dataclass(frozen=True)
class AccountConnection:
    """What a connection says of an account.

    :param connection_id: names the account; ledgers and budget are kept under it.
    :param service: name of the destination's service, which the agreement has to name.
    :param requests_per_second: the account's rate.
    :param requests_per_minute: a slower bound of the account's, where it has one.
    :param enabled: off stops every export that uses it.
    :param ca_bundle: file of the CAs to trust instead of the system's, on each worker.
    :param agreement: None while nobody agreed to the transfer.
    :param allow_clear_text: whether the base URL may lead to another machine over ``http://``.
    :param named: what a message calls a field of the connection.
    :param retry: how often and how long to ask; as a delivery does by default.
    """

    connection_id: str
    service: str
    base_url: str
    api_key: str = field(repr=False)
    requests_per_second: float
    requests_per_minute: float | None = None
    enabled: bool = True
    agreement: Agreement | None = None
    ca_bundle: str | None = None
    allow_clear_text: bool = False
    named: Naming = label
    retry: RetrySettings = field(default_factory=RetrySettings)

    @property
    def whose(self) -> str:
        """What a message calls the connection."""
        return f"connection {self.connection_id}"

    @property
    def lasting_rate(self) -> float:
        """Requests per second that the account takes for longer than some seconds."""
        by_minute = math.inf if self.requests_per_minute is None else self.requests_per_minute / 60
        return min(self.requests_per_second, by_minute)

    def fingerprint(self, hasher: KeyedHasher) -> str:
        """Name address and key without giving them away: under another key may be another account."""
        return hasher.text(f"{self.base_url}\n{self.api_key}").hex()

    def require_usable(self, now: datetime | None = None) -> None:
        """Refuse a connection that must not be used.

        :raises ConnectionDisabledError: it is disabled.
        :raises AgreementMissingError: nobody agreed to the transfer, or its text has changed since.
        """
        reason = self.reason_to_refuse(now)
        if reason is not None:
            raise (AgreementMissingError if self.enabled else ConnectionDisabledError)(reason)

    def reason_to_refuse(self, now: datetime | None = None) -> str | None:
        """Return why the connection must not be used, or None.

        :param now: by which an agreement is still to come.
        """
        name = self.whose
        how = (
            f"open the connection, read {self.named('agreed_text')} and choose "
            f'"{agreement_choice(self.service)}", and fill in {self.named("agreed_by")} and '
            f"{self.named('agreed_at')}"
        )
        if not self.enabled:
            return (
                f"{name} is disabled ({self.named('enabled')} is off); nothing is sent until it is on again"
            )
        if self.agreement is None:
            return f"nobody has agreed on {name} to the transfer of data out of Customer Insights; {how}"
        if fault := self.agreement.fault(now or datetime.now(UTC), self.named):
            return f"nobody has agreed on {name} to the transfer of data out of Customer Insights: {fault}"
        if not self.agreement.is_current(self.service):
            return (
                f"the text of the agreement has changed since {self.agreement.agreed_by} agreed on {name} "
                f"({self.agreement.agreed_at}), or it was on a transfer to another service than "
                f"{self.service}; {how} anew"
            )
        return None


@dataclass(frozen=True)
class DestinationCheck:
    """What a check found; ``seconds`` is how long the account took to answer.

    :param destination: name of the service, for the message.
    :param clock_ahead: seconds by which this machine's clock is ahead of the service's, as far as it told.
    :param way: what is to be told of the way to the service.
    :param things: what a list is called there.
    :param doubts: what else is doubtful.
    """

    destination: str
    lists: int
    seconds: float
    clock_ahead: float | None = None
    way: tuple[str, ...] = ()
    things: str = "list"
    doubts: tuple[str, ...] = ()

    @property
    def message(self) -> str:
        """What to tell a person who asked."""
        lists = counted(self.lists, self.things)
        found = f"{self.destination} answered in {self.seconds:.2f} s; the account has {lists}"
        return "; ".join([found, *self.warnings])

    @property
    def warnings(self) -> tuple[str, ...]:
        """What is doubtful: a way that others can read, a clock that is wrong."""
        off = self.clock_ahead or 0.0
        doubts = (*self.way, *self.doubts)
        if abs(off) < CLOCK_TOLERANCE:
            return doubts
        side = "ahead of" if off > 0 else "behind"
        return (
            *doubts,
            f"the clock of this machine is {timedelta(seconds=round(abs(off)))} {side} that of "
            f"{self.destination}; set it: by it are reckoned which snapshot is too old or still to come, how "
            f"long who was refused is held back, what is purged, and every time in reports",
        )


class Account(Protocol):
    """One account, asked whether it can be sent to."""

    async def check(self, definition: ExportDefinition) -> DestinationCheck:
        """Make as few cheap authenticated calls as tell that the account answers and can be sent to.

        :param definition: the export, for its lists and for the fields that its mapping fills.
        :raises DestinationError: it can't; the kind says what can be done about it.
        """
