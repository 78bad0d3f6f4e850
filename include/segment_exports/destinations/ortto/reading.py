"""Reads an account of Ortto back: who has a tag, who is there."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from segment_exports.destinations.blocking_pages import blocking_pages
from segment_exports.destinations.ortto.api import BATCH_LIMIT, EMAIL, TAG_IDS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from segment_exports.destinations.ortto.client import OrttoClient


class AccountReader:
    """Reads one account, with a client of its own for each question.

    :param client: makes a client; nothing is asked of the account before the first question.
    """

    def __init__(self, client: Callable[[], OrttoClient]) -> None:
        self._client = client

    def members(self, list_id: str) -> Iterator[Sequence[tuple[str, str | None]]]:
        """Yield (person id, address) of those who have a tag, page by page, holding no more than one page.

        :param list_id: the tag's id.
        """
        has_tag = {"$u4s::is": {"field_id": TAG_IDS, "value": int(list_id)}}
        for page in blocking_pages(self._client, lambda client: client.people(has_tag)):
            yield [(one.person_id, _address(one.fields.get(EMAIL))) for one in page.people]

    def flagged(self, _titles: Sequence[str]) -> Iterator[Sequence[tuple[str, str | None, Sequence[str]]]]:
        """Yield nobody: membership is never kept in fields there."""
        yield from ()

    def count_existing(self, contact_ids: Sequence[str]) -> int:
        """Return how many of these people the account still has."""
        return asyncio.run(self._count_existing(contact_ids))

    async def _count_existing(self, contact_ids: Sequence[str]) -> int:
        async with self._client() as client:
            parts = [
                await client.people_by_id(contact_ids[start : start + BATCH_LIMIT])
                for start in range(0, len(contact_ids), BATCH_LIMIT)
            ]
        return sum(len(one) for one in parts)


def _address(value: object) -> str | None:
    return value if isinstance(value, str) else None
