"""Whether an account may and can be sent to, found out before anything is read or sent."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from segment_exports.destinations.agreement import AGREEMENT_VERSION, Agreement
from segment_exports.errors import (
    AgreementMissingError,
    ConnectionDisabledError,
    DestinationError,
    NotFoundError,
    OutcomeUnknownError,
)

if TYPE_CHECKING:
    from segment_exports.destinations.autopilot.client import AutopilotClient

DEFAULT_REQUESTS_PER_SECOND = 5.0
"""Documented for every account (2015); more on request. Later clients were given 20."""


@dataclass(frozen=True)
class AccountConnection:
    """What a connection says of an account.

    :param connection_id: names the account; ledgers and budget are kept under it.
    :param requests_per_second: the account's rate.
    :param enabled: off stops every export that uses it.
    :param agreement: None while nobody agreed to the transfer.
    """

    connection_id: str
    base_url: str
    api_key: str = field(repr=False)
    requests_per_second: float = DEFAULT_REQUESTS_PER_SECOND
    enabled: bool = True
    agreement: Agreement | None = None

    def require_usable(self) -> None:
        """Refuse a connection that must not be used.

        :raises ConnectionDisabledError: it is disabled.
        :raises AgreementMissingError: nobody agreed to the transfer, or its text has changed since.
        """
        reason = self.reason_to_refuse()
        if reason is not None:
            raise (AgreementMissingError if self.enabled else ConnectionDisabledError)(reason)

    def reason_to_refuse(self) -> str | None:
        """Return why the connection must not be used, or None."""
        name = f"connection {self.connection_id}"
        if not self.enabled:
            return f"{name} is disabled; nothing is sent until it is enabled again"
        if self.agreement is None:
            return (
                f"nobody has agreed on {name} to the transfer of data out of Customer Insights; open the "
                f"connection, read the text, and enter agreed_by, agreed_at and agreed_text"
            )
        if not self.agreement.is_current:
            return (
                f"the text of the agreement has changed since {self.agreement.agreed_by} agreed on {name} "
                f"({self.agreement.agreed_at}); read it again and set agreed_text to {AGREEMENT_VERSION}"
            )
        return None


@dataclass(frozen=True)
class DestinationCheck:
    """What a check found; ``seconds`` is how long the account took to answer."""

    lists: int
    seconds: float

    @property
    def message(self) -> str:
        """What to tell a person who asked."""
        return f"Autopilot answered in {self.seconds:.2f} s; the account has {self.lists} lists"


async def check_destination(client: AutopilotClient) -> DestinationCheck:
    """Make one cheap authenticated call (``GET /lists``, whose answer is documented and recorded).

    :raises CredentialsRefusedError: the key is wrong or was revoked.
    :raises DestinationUnreachableError: the host can't be reached; the text says why.
    :raises DestinationError: what answers there is not Autopilot's API, or it is out of order.
    """
    began = client.seconds()
    try:
        lists = await client.lists()
    except (NotFoundError, OutcomeUnknownError) as error:
        if error.status is not None and error.status >= 500:
            raise
        raise DestinationError(
            f"what answers at the base URL is not Autopilot's API: {error}", status=error.status
        ) from error
    return DestinationCheck(len(lists), client.seconds() - began)
