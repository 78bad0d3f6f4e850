"""Reads the destination for planning: the core asks page by page, the client answers asynchronously."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator, Sequence

    from segment_exports.destinations.autopilot.client import AutopilotClient, ContactPage


class AccountReader:
    """Reads one account, with a client of its own for each question.

    :param client: makes a client; nothing is asked of the account before the first question.
    """

    def __init__(self, client: Callable[[], AutopilotClient]) -> None:
        self._client = client

    def member_ids(self, list_id: str) -> Iterator[Sequence[str]]:
        """Yield the contact ids of a list's members, page by page, without holding more than one page."""
        with asyncio.Runner() as runner:
            client = runner.run(self._client().__aenter__())
            try:
                pages = client.members(list_id)
                while (page := runner.run(_next(pages))) is not None:
                    yield [str(one["contact_id"]) for one in page.contacts]
            finally:
                runner.run(client.__aexit__(None, None, None))

    def count_existing(self, contact_ids: Sequence[str]) -> int:
        """Return how many of these contacts the account still has."""
        return asyncio.run(self._count_existing(contact_ids))

    async def _count_existing(self, contact_ids: Sequence[str]) -> int:
        async with self._client() as client:
            found = await asyncio.gather(*(client.contact(one) for one in contact_ids))
        return sum(one is not None for one in found)


async def _next(pages: AsyncIterator[ContactPage]) -> ContactPage | None:
    return await anext(pages, None)
