"""An account of Ortto, asked before anything is read: can it be sent to."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from segment_exports.contact_fields.ortto import custom_fields
from segment_exports.definition.destination_settings import OrttoSettings
from segment_exports.destinations.list_registry import ListRegistry
from segment_exports.destinations.ortto.account_check import account_answers
from segment_exports.destinations.ortto.account_fields import missing_fields, told_room
from segment_exports.destinations.ortto.tags import check_tags

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from segment_exports.definition import ExportDefinition
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

    async def check(self, definition: ExportDefinition) -> DestinationCheck:
        """Make sure that the account answers, and that the export's tags and fields are or can be there.

        :raises DestinationError: as :func:`.account_check.account_answers`.
        :raises ListProblemError: a tag has vanished, is not ours, or is one with another.
        :raises FieldProblemError: a custom field is missing and must not be made, or can't be filled.
        """
        wanted = custom_fields(definition.mapping.fields)
        async with self._client_at(self._base_url) as client:
            found, tags = await account_answers(client, self._client_at, self._regions)
            there = await client.custom_fields() if wanted else ()
        check_tags(tags, definition.lists, ListRegistry(self._folder))
        told = told_room(missing_fields(wanted, there, create=_may_create(definition)), there)
        return replace(found, doubts=(told,)) if told else found


def _may_create(definition: ExportDefinition) -> bool:
    settings = definition.destination
    return isinstance(settings, OrttoSettings) and settings.create_fields
