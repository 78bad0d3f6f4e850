"""Ortto's faces: what leads from an account to those who deliver to it, read it back and check it.

Importing it is cheap; what a face needs is imported when that face is asked for.
"""

from __future__ import annotations

from dataclasses import replace
from types import MappingProxyType
from typing import TYPE_CHECKING

from segment_exports.destinations.ortto.api import (
    BASE_URLS,
    DEFAULT_BASE_URL,
    DEFAULT_REQUESTS_PER_SECOND,
    NAME,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from segment_exports.definition import ExportDefinition
    from segment_exports.destinations.check_destination import AccountConnection, DestinationCheck
    from segment_exports.destinations.ortto.account import OrttoAccount
    from segment_exports.destinations.ortto.client import OrttoClient
    from segment_exports.destinations.ortto.cost import OrttoCost
    from segment_exports.destinations.ortto.destination import OrttoDestination
    from segment_exports.destinations.ortto.erasing import OrttoEraser
    from segment_exports.destinations.ortto.reading import AccountReader
    from segment_exports.destinations.ortto.refusals import OrttoRefusals
    from segment_exports.records.staging import Store


class Ortto:
    """Ortto, as ``destination.type: ortto`` names it."""

    name = NAME
    regions: Mapping[str, str] = MappingProxyType({str(name): url for name, url in BASE_URLS.items()})
    """Base URLs by the regions in which an account may be."""
    default_base_url = DEFAULT_BASE_URL
    default_requests_per_second = DEFAULT_REQUESTS_PER_SECOND

    def client(self, account: AccountConnection) -> OrttoClient:
        """Return a client with the account's key, paced to its rate.

        :raises DestinationError: what the environment names as a proxy is none.
        :raises ConnectionFieldError: the base URL is none, or leads through clear text; the CA bundle is
            not a file of certificates.
        :raises CredentialsRefusedError: the key is empty or can't be sent in a header.
        """
        from segment_exports.destinations.ortto.ban import bad_requests_at
        from segment_exports.destinations.ortto.client import OrttoClient
        from segment_exports.transport.pacing import Pacer

        return OrttoClient(
            account.base_url,
            account.api_key,
            pacer=Pacer(account.requests_per_second, requests_per_minute=account.requests_per_minute),
            retry=account.retry,
            ca_bundle=account.ca_bundle,
            allow_clear_text=account.allow_clear_text,
            whose=account.whose,
            bad_requests=bad_requests_at(account.base_url),
        )

    def delivery(self, account: AccountConnection, definition: ExportDefinition) -> OrttoDestination:
        """Return who delivers chunks of an export to the account. Raises as :meth:`client`."""
        from segment_exports.destinations.ortto.destination import OrttoDestination

        return OrttoDestination(self.client(account), definition)

    def reader(self, account: AccountConnection) -> AccountReader:
        """Return who reads the account back; errors of the connection come with the first question."""
        from segment_exports.destinations.ortto.reading import AccountReader

        return AccountReader(lambda: self.client(account))

    def request_cost(self) -> OrttoCost:
        """Return what a plan costs in requests."""
        from segment_exports.destinations.ortto.cost import OrttoCost

        return OrttoCost()

    def account(self, account: AccountConnection, folder: Store) -> OrttoAccount:
        """Return who checks the account; errors of the connection come with the check.

        :param folder: of what is known of the account.
        """
        from segment_exports.destinations.ortto.account import OrttoAccount

        return OrttoAccount(self._client_at(account), account.base_url, self.regions, folder)

    async def check(self, account: AccountConnection) -> DestinationCheck:
        """Make one cheap call of the account. Raises as :func:`.account_check.account_answers`."""
        from segment_exports.destinations.ortto.account_check import account_answers

        async with self.client(account) as client:
            found, _ = await account_answers(client, self._client_at(account), self.regions)
        return found

    def eraser(self, account: AccountConnection) -> OrttoEraser:
        """Return who deletes people there; errors of the connection come with the first deletion."""
        from segment_exports.destinations.ortto.erasing import OrttoEraser

        return OrttoEraser(lambda: self.client(account))

    def refusal_writer(self, account: AccountConnection) -> OrttoRefusals:
        """Return who keeps people from being mailed there. Raises as :meth:`client`."""
        from segment_exports.destinations.ortto.refusals import OrttoRefusals

        return OrttoRefusals(lambda: self.client(account))

    def known_lists(self, folder: Store) -> dict[str, str]:
        """Return the ids of the tags that we made in an account, by title."""
        from segment_exports.destinations.list_registry import ListRegistry

        return ListRegistry(folder).ids()

    def _client_at(self, account: AccountConnection) -> Callable[[str], OrttoClient]:
        """Return who makes a client with the account's key at another base URL."""
        return lambda base_url: self.client(replace(account, base_url=base_url))
