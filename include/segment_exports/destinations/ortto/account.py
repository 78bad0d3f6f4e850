"""An account of Ortto, asked before anything is read: can it be sent to."""

from __future__ import annotations

from typing import TYPE_CHECKING

from segment_exports.destinations.check_destination import DestinationCheck
from segment_exports.destinations.list_registry import ListRegistry
from segment_exports.destinations.ortto.api import NAME
from segment_exports.destinations.ortto.tags import check_tags

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from segment_exports.definition import ListTarget, Membership
    from segment_exports.destinations.ortto.client import OrttoClient
    from segment_exports.records.staging import Store


class OrttoAccount:
    """One account.

    :param client: makes a client; nothing is asked of the account before the first question.
    :param folder: of what is known of the account.
    """

    def __init__(self, client: Callable[[], OrttoClient], folder: Store) -> None:
        self._client = client
        self._folder = folder

    async def check(self, lists: Sequence[ListTarget], _membership: Membership) -> DestinationCheck:
        """Make sure that the account answers and that these tags are there, or can be made.

        :raises DestinationError: it doesn't.
        :raises ListProblemError: a tag has vanished, is not ours, or is one with another.
        """
        async with self._client() as client:
            began = client.seconds()
            tags = await client.tags()
            check_tags(tags, lists, ListRegistry(self._folder))
            return DestinationCheck(
                NAME, len(tags), client.seconds() - began, client.clock_ahead, client.warnings
            )
