"""Autopilot's faces: what leads from an account to those who deliver to it, read it back and check it.

Importing it is cheap; what a face needs is imported when that face is asked for.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

from segment_exports.destinations.autopilot.api import DEFAULT_BASE_URL, DEFAULT_REQUESTS_PER_SECOND, NAME

if TYPE_CHECKING:
    from collections.abc import Mapping

    from segment_exports.definition import ExportDefinition
    from segment_exports.destinations.autopilot.account import (
        AccountReader,
        AutopilotAccount,
        AutopilotRefusals,
    )
    from segment_exports.destinations.autopilot.client import AutopilotClient
    from segment_exports.destinations.autopilot.destination import AutopilotDestination
    from segment_exports.destinations.autopilot.erasing import AutopilotEraser
    from segment_exports.destinations.autopilot.membership import AutopilotCost
    from segment_exports.destinations.check_destination import AccountConnection, DestinationCheck
    from segment_exports.records.staging import Store


class Autopilot:
    """Autopilot, as ``destination.type: autopilot`` names it."""

    name = NAME
    regions: Mapping[str, str] = MappingProxyType({})
    """Base URLs by the regions in which an account may be: none there."""
    default_base_url = DEFAULT_BASE_URL
    default_requests_per_second = DEFAULT_REQUESTS_PER_SECOND

    def client(self, account: AccountConnection) -> AutopilotClient:
        """Return a client with the account's key, paced to its rate.

        :raises DestinationError: what the environment names as a proxy is none.
        :raises ConnectionFieldError: the base URL is none, or leads through clear text; the CA bundle is
            not a file of certificates.
        :raises CredentialsRefusedError: the key is empty or can't be sent in a header.
        """
        from segment_exports.destinations.autopilot.client import AutopilotClient
        from segment_exports.transport.pacing import Pacer

        return AutopilotClient(
            account.base_url,
            account.api_key,
            pacer=Pacer(account.requests_per_second, requests_per_minute=account.requests_per_minute),
            retry=account.retry,
            ca_bundle=account.ca_bundle,
            allow_clear_text=account.allow_clear_text,
            whose=account.whose,
        )

    def delivery(self, account: AccountConnection, _definition: ExportDefinition) -> AutopilotDestination:
        """Return who delivers chunks of an export to the account. Raises as :meth:`client`."""
        from segment_exports.destinations.autopilot.destination import AutopilotDestination

        return AutopilotDestination(self.client(account))

    def reader(self, account: AccountConnection) -> AccountReader:
        """Return who reads the account back; errors of the connection come with the first question."""
        from segment_exports.destinations.autopilot.account import AccountReader

        return AccountReader(lambda: self.client(account))

    def request_cost(self) -> AutopilotCost:
        """Return what a plan costs in requests."""
        from segment_exports.destinations.autopilot.membership import AutopilotCost

        return AutopilotCost()

    def account(self, account: AccountConnection, folder: Store) -> AutopilotAccount:
        """Return who checks the account; errors of the connection come with the check.

        :param folder: of what is known of the account.
        """
        from segment_exports.destinations.autopilot.account import AutopilotAccount

        return AutopilotAccount(lambda: self.client(account), folder)

    def eraser(self, account: AccountConnection) -> AutopilotEraser:
        """Return who deletes people there; errors of the connection come with the first deletion."""
        from segment_exports.destinations.autopilot.erasing import AutopilotEraser

        return AutopilotEraser(lambda: self.client(account))

    async def check(self, account: AccountConnection) -> DestinationCheck:
        """Make one cheap call of the account. Raises as :meth:`client`, and the errors of the call."""
        from segment_exports.destinations.autopilot.account import check_account

        async with self.client(account) as client:
            return await check_account(client)

    def refusals(self, account: AccountConnection) -> AutopilotRefusals:
        """Return who reads who may not be mailed; errors of the connection come with the first question."""
        from segment_exports.destinations.autopilot.account import AutopilotRefusals

        return AutopilotRefusals(lambda: self.client(account))

    def known_lists(self, folder: Store) -> dict[str, str]:
        """Return the ids of the lists that we made in an account, by title."""
        from segment_exports.destinations.list_registry import ListRegistry

        return ListRegistry(folder).ids()
