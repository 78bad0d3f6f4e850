"""Whether an account of Autopilot can be sent to."""

from __future__ import annotations

from typing import TYPE_CHECKING

from segment_exports.definition import Membership
from segment_exports.destinations.autopilot.lists import ListRegistry, check_lists
from segment_exports.destinations.check_destination import DestinationCheck
from segment_exports.errors import DestinationError, NotFoundError, OutcomeUnknownError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from segment_exports.definition import ListTarget
    from segment_exports.destinations.autopilot.client import AutopilotClient
    from segment_exports.records.staging import Store


class AutopilotAccount:
    """One account.

    :param client: makes a client; nothing is asked of the account before the first question.
    :param folder: of what is known of the account.
    """

    def __init__(self, client: Callable[[], AutopilotClient], folder: Store) -> None:
        self._client = client
        self._folder = folder

    async def check(self, lists: Sequence[ListTarget], membership: Membership) -> DestinationCheck:
        """Make sure that the account answers and that these lists are there, or can be made.

        :raises DestinationError: as :func:`check_account`.
        :raises ListProblemError: a list has vanished, stands twice, is not ours, or is one with another.
        """
        async with self._client() as client:
            found = await check_account(client)
            if membership is not Membership.FIELD:
                await check_lists(client, lists, ListRegistry(self._folder))
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
            f"what answers at the base URL is not Autopilot's API: {error}", status=error.status
        ) from error
    return DestinationCheck("Autopilot", len(lists), client.seconds() - began)
