"""What a move from one destination to another asks of the two: who must not be mailed, there and here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, Self, runtime_checkable

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping, Sequence

    from segment_exports.destinations.check_destination import AccountConnection


@dataclass(frozen=True, slots=True)
class Standing:
    """Whether one person may be mailed by an account.

    :param is_unsubscribed: they refused, or complained of a mail.
    :param is_undeliverable: mail to them comes back for good, or they complained of it.
    :param lists: ids of lists that they are on, as far as the account tells.
    """

    email: str | None
    is_unsubscribed: bool
    is_undeliverable: bool = False
    lists: Sequence[str] = ()


@dataclass(frozen=True)
class Untaken:
    """Who was not taken, and why; and who was not since the account suppresses the address by itself."""

    reasons: Mapping[str, str]
    suppressed: frozenset[str] = frozenset()


class RefusalReader(Protocol):
    """Reads who may be mailed at an account that people move from."""

    def people(self, list_ids: Sequence[str] | None = None) -> AsyncIterator[Sequence[Standing]]:
        """Yield all people, page by page, or those of some lists.

        :raises OutcomeUnknownError: in the end, if not all were shown. Nothing of it may be believed then.
        """


class RefusalWriter(Protocol):
    """Keeps people from being mailed at an account that they move to; an asynchronous context manager."""

    most_written: int
    """People of one request."""
    most_asked: int
    """Addresses that can be asked for at once."""
    at_once: int
    """Requests that may write at once."""

    async def __aenter__(self) -> Self:
        """Open the way to the account."""

    async def __aexit__(self, *_: object) -> None:
        """Close it."""

    def people(self) -> AsyncIterator[Sequence[Standing]]:
        """Yield all people, page by page. Raises as :meth:`RefusalReader.people`."""

    async def standings(self, emails: Sequence[str]) -> Sequence[Standing]:
        """Return all who have one of some addresses."""

    async def unsubscribe(self, emails: Sequence[str], why: str) -> Untaken:
        """Make people who may not be mailed, and take the permission of those who are there.

        :param why: shown there as the reason.
        """

    async def suppress(self, emails: Sequence[str]) -> None:
        """Put addresses on the account's suppression list."""

    def suppressed(self) -> AsyncIterator[Sequence[str]]:
        """Yield the addresses of that list, page by page; none where the answer isn't understood."""


@runtime_checkable
class CanBeLeft(Protocol):
    """A destination whose refusals can be read."""

    name: str

    def refusals(self, account: AccountConnection) -> RefusalReader:
        """Return who reads them; errors of the connection come with the first question."""


@runtime_checkable
class CanBeMovedTo(Protocol):
    """A destination to which refusals can be written."""

    name: str

    def refusal_writer(self, account: AccountConnection) -> RefusalWriter:
        """Return who writes them; errors of the connection come when it is opened."""
