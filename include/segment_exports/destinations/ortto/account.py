"""An account of Ortto, asked before anything is read: can it be sent to."""

from __future__ import annotations

from typing import TYPE_CHECKING

from segment_exports.destinations.list_registry import ListRegistry
from segment_exports.destinations.ortto.account_check import account_answers
from segment_exports.destinations.ortto.tags import check_tags

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from segment_exports.definition import ListTarget, Membership
    from segment_exports.destinations.check_destination import DestinationCheck
    from segment_exports.destinations.ortto.client import OrttoClient
    from segment_exports.records.staging import Store


class OrttoAccount:
    """One account.

    :param client_at: makes a client at a base URL; nothing is asked before the first question.
    :param base_url: of the account.
    :param regions: base URLs by region.
    :param folder: of what is known of the account.
    """

    def __init__(
        self,
        client_at: Callable[[str], OrttoClient],
        base_url: str,
        regions: Mapping[str, str],
        folder: Store,
    ) -> None:
        self._client_at, self._base_url, self._regions = client_at, base_url, regions
        self._folder = folder

    async def check(self, lists: Sequence[ListTarget], _membership: Membership) -> DestinationCheck:
        """Make sure that the account answers and that these tags are there, or can be made.

        :raises DestinationError: as :func:`.account_check.account_answers`.
        :raises ListProblemError: a tag has vanished, is not ours, or is one with another.
        """
        async with self._client_at(self._base_url) as client:
            found, tags = await account_answers(client, self._client_at, self._regions)
        check_tags(tags, lists, ListRegistry(self._folder))
        return found
