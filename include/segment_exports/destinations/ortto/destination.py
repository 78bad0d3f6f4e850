"""Ortto's side of the delivery: a chunk's fields and tags, then which step an item of the queue is for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from segment_exports.contact_fields.ortto import custom_fields
from segment_exports.definition.destination_settings import NewPeople, OrttoSettings
from segment_exports.delivery.queue import Batch, Single, SingleKind
from segment_exports.destinations.gone_lists import settle_gone_lists, titles_to_make
from segment_exports.destinations.list_registry import ListRegistry
from segment_exports.destinations.ortto.account_fields import FieldNames, ensure_fields
from segment_exports.destinations.ortto.archive import Archive
from segment_exports.destinations.ortto.delivering.chunk_delivery import KNOWN, LEAVING, WAY, OrttoDelivery
from segment_exports.destinations.ortto.delivering.concluding import conclude
from segment_exports.destinations.ortto.delivering.creating import create
from segment_exports.destinations.ortto.delivering.leaving import leave, leave_alone
from segment_exports.destinations.ortto.delivering.look_ups import look_up, restore
from segment_exports.destinations.ortto.delivering.updating import update
from segment_exports.destinations.ortto.permissions import Permissions
from segment_exports.destinations.ortto.tags import names_of_tags

if TYPE_CHECKING:
    from collections.abc import Sequence

    from segment_exports.contact_fields.fields import MappedField
    from segment_exports.definition import ExportDefinition
    from segment_exports.delivery.destination import Attempt
    from segment_exports.delivery.queue import Item, WorkQueue
    from segment_exports.destinations.ortto.client import OrttoClient


class OrttoDestination:
    """One account of Ortto, to which chunks of one export are delivered.

    :param definition: one whose destination is of type ``ortto``.
    """

    def __init__(self, client: OrttoClient, definition: ExportDefinition) -> None:
        self.transport = client
        self._settings = _settings_of(definition)
        self._fields = definition.mapping.fields

    def begin(self, attempt: Attempt) -> OrttoChunk:
        """Return an attempt at a chunk; nothing is asked of the account yet."""
        delivery = OrttoDelivery(
            client=self.transport,
            permissions=Permissions(self.transport),
            archive=Archive(self.transport),
            permission_off=self._settings.new_people is NewPeople.UNSUBSCRIBED,
            **vars(attempt),
        )
        return OrttoChunk(delivery, self._fields, create_fields=self._settings.create_fields)


class OrttoChunk:
    """One attempt at one chunk."""

    way = WAY

    def __init__(
        self, delivery: OrttoDelivery, fields: Sequence[MappedField], *, create_fields: bool
    ) -> None:
        self._delivery = delivery
        self._fields = fields
        self._create_fields = create_fields

    @property
    def queue(self) -> WorkQueue:
        """What is to be sent next."""
        return self._delivery.queue

    @property
    def note(self) -> str | None:
        """Why somebody was not created."""
        return None if self._delivery.not_created is None else str(self._delivery.not_created)

    @property
    def joins_unchecked(self) -> bool:
        """Whether what was written down still has to be checked."""
        return self._delivery.unchecked

    async def set_up(self) -> None:
        """Find or make fields, find the tags, learn who has unsubscribed, and queue what is due."""
        delivery = self._delivery
        fields = await ensure_fields(delivery.client, custom_fields(self._fields), create=self._create_fields)
        delivery.names = FieldNames(self._fields, fields)
        delivery.use(await _find_tags(delivery), fields)
        await delivery.permissions.prepare(delivery.known_batches())
        delivery.plan()

    async def perform(self, item: Item) -> None:
        """Send an item, settle what it carried out, and queue what follows from it."""
        if isinstance(item, Batch):
            send = {LEAVING: leave, KNOWN: update}.get(item.kind, create)
            await send(self._delivery, item)
        elif isinstance(item, Single) and item.kind is SingleKind.LEAVE:
            await leave_alone(self._delivery, item)
        elif isinstance(item, Single):
            await look_up(self._delivery, item)
        else:
            await restore(self._delivery, item)

    async def conclude(self) -> None:
        """Check ids that were taken by their place, and a sample of the tags that were given."""
        await conclude(self._delivery)


def _settings_of(definition: ExportDefinition) -> OrttoSettings:
    if not isinstance(definition.destination, OrttoSettings):
        raise TypeError(f"the destination of {definition.name} is of type {definition.destination.type}")
    return definition.destination


async def _find_tags(delivery: OrttoDelivery) -> dict[str, str]:
    """Return the names of the chunk's tags by title.

    :raises ListProblemError: a tag has vanished, is not ours, or is one with another of the export.
    """
    chunk, job = delivery.chunk, delivery.job
    titles = chunk.titles[: chunk.unsubscribe]
    if not titles:
        return {}
    targets = {target.title: target for target in job.lists}
    names = names_of_tags(
        await delivery.client.tags(),
        [targets[title] for title in titles],
        ListRegistry(job.account),
        make=titles_to_make(delivery),
        former=job.former_lists,
        now=delivery.now(),
    )
    await settle_gone_lists(delivery, names)
    return names
