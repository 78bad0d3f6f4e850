"""An account of Autopilot, asked outside of a delivery: can it be sent to, who is there and may be mailed."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from segment_exports.contact_fields.fields import field_of, name_of
from segment_exports.definition import Membership
from segment_exports.destinations.autopilot.answers import CONTACTS, true_fields
from segment_exports.destinations.autopilot.api import NAME
from segment_exports.destinations.autopilot.lists import check_lists
from segment_exports.destinations.blocking_pages import blocking_pages
from segment_exports.destinations.check_destination import DestinationCheck
from segment_exports.destinations.list_registry import ListRegistry
from segment_exports.destinations.moving import Standing
from segment_exports.errors import DestinationError, NotFoundError, OutcomeUnknownError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence

    from segment_exports.definition import ExportDefinition
    from segment_exports.destinations.autopilot.client import AutopilotClient
    from segment_exports.records.staging import Store


_CAME_BACK, _COMPLAINED = "mail_hardbounced", "mail_complained"
"""Objects that are keyed by the delivery (recorded); absent or empty where there was none."""


class AutopilotAccount:
    """One account.

    :param client: makes a client; nothing is asked of the account before the first question.
    :param folder: of what is known of the account.
    """

    def __init__(self, client: Callable[[], AutopilotClient], folder: Store) -> None:
        self._client = client
        self._folder = folder

    async def check(self, definition: ExportDefinition) -> DestinationCheck:
        """Make sure that the account answers and that the export's lists are there, or can be made.

        :raises DestinationError: as :func:`check_account`.
        :raises ListProblemError: a list has vanished, stands twice, is not ours, or is one with another.
        """
        async with self._client() as client:
            found = await check_account(client)
            if definition.destination.membership is not Membership.FIELD:
                await check_lists(client, definition.lists, ListRegistry(self._folder))
        return found


async def check_account(client: AutopilotClient) -> DestinationCheck:
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
            f"what answers at the Base URL of {client.whose} is not Autopilot's API: {error}",
            status=error.status,
        ) from error
    return DestinationCheck(NAME, len(lists), client.seconds() - began, client.clock_ahead, client.warnings)


class AccountReader:
    """Reads one account, with a client of its own for each question.

    :param client: makes a client; nothing is asked of the account before the first question.
    """

    def __init__(self, client: Callable[[], AutopilotClient]) -> None:
        self._client = client

    def members(self, list_id: str) -> Iterator[Sequence[tuple[str, str | None]]]:
        """Yield (contact id, address) of a list's members, page by page, holding no more than one page."""
        for page in blocking_pages(self._client, lambda client: client.members(list_id)):
            yield [_name(one) for one in page.contacts]

    def flagged(self, titles: Sequence[str]) -> Iterator[Sequence[tuple[str, str | None, Sequence[str]]]]:
        """Yield (contact id, address, titles) of the contacts in which the field of a list is true.

        All contacts of the account are read, page by page; no more than one page is held.

        :raises OutcomeUnknownError: the field of a list holds something else than true or false.
        """
        names = {title: name_of(field_of(title)) for title in titles}
        wanted = frozenset(names.values())
        for page in blocking_pages(self._client, lambda client: client.contacts()):
            true = [true_fields(one, wanted, CONTACTS) for one in page.contacts]
            yield [
                (*_name(one), [title for title in titles if names[title] in found])
                for one, found in zip(page.contacts, true, strict=True)
                if found
            ]

    def count_existing(self, contact_ids: Sequence[str]) -> int:
        """Return how many of these contacts the account still has."""
        return asyncio.run(self._count_existing(contact_ids))

    async def _count_existing(self, contact_ids: Sequence[str]) -> int:
        async with self._client() as client:
            found = await asyncio.gather(*(client.contact(one) for one in contact_ids))
        return sum(one is not None for one in found)


class AutopilotRefusals:
    """Reads one account.

    :param client: makes a client; nothing is asked of the account before the first question.
    """

    def __init__(self, client: Callable[[], AutopilotClient]) -> None:
        self._client = client

    async def people(self, list_ids: Sequence[str] | None = None) -> AsyncIterator[Sequence[Standing]]:
        """Yield all contacts, page by page, or the members of some lists.

        :raises OutcomeUnknownError: in the end, if not all were shown. Nothing of it may be believed then.
        """
        async with self._client() as client:
            listings = [client.contacts()] if list_ids is None else [client.members(one) for one in list_ids]
            for listing in listings:
                async for page in listing:
                    yield [_standing(one) for one in page.contacts]


def _name(contact: Mapping[str, Any]) -> tuple[str, str | None]:
    """Return a contact's id, and its address if it has one."""
    address = contact.get("Email")
    return str(contact["contact_id"]), address if isinstance(address, str) else None


def _standing(contact: Mapping[str, Any]) -> Standing:
    email, lists = contact.get("Email"), contact.get("lists")
    has_complained = bool(contact.get(_COMPLAINED))
    return Standing(
        email if isinstance(email, str) and email.strip() else None,
        is_unsubscribed=has_complained or contact.get("unsubscribed") is True,
        is_undeliverable=has_complained or bool(contact.get(_CAME_BACK)),
        lists=tuple(one for one in lists if isinstance(one, str)) if isinstance(lists, list) else (),
    )
