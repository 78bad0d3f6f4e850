"""Who is in the account's archive and had unsubscribed: made anew, they would be mailed.

Somebody who is archived and comes again is a new record, subscribed unless that is said (documented). The
archive takes no filter, so it is read whole, or by one address after the other where that is cheaper.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from segment_exports.destinations.ortto.api import EMAIL, PAGE
from segment_exports.destinations.ortto.permissions import FIELDS, is_off

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from segment_exports.destinations.ortto.client import OrttoClient, Person


class Archive:
    """The archive of one account, for one attempt at a chunk."""

    def __init__(self, client: OrttoClient) -> None:
        self._client = client
        self._off: set[str] | None = None
        self._asked = 0
        self._total = 0
        self._reading = asyncio.Lock()

    async def refused(
        self, emails: Sequence[str], ids: Sequence[str] = (), *, anew: bool = False
    ) -> set[str]:
        """Return those of some addresses, casefolded, and ids whose people are archived and had unsubscribed.

        :param ids: for these the archive is read whole, for it can't be asked for one.
        :param anew: what was read before doesn't count: they may have been archived since.
        :raises DestinationError: the archive can't be read.
        """
        wanted = {one.casefold() for one in emails} | set(ids)
        async with self._reading:
            if anew:
                self._off = None
            if self._off is None:
                self._asked += len(wanted)
                self._off = await self._all(at_any_cost=bool(ids))
            if self._off is not None:
                return wanted & self._off
        found = set[str]()
        for email in sorted(wanted):
            found |= _off_in(await self._client.archived(email, FIELDS))
        return wanted & found

    async def _all(self, *, at_any_cost: bool) -> set[str] | None:
        """Return all their addresses and ids; None where asking for one after the other costs less by now."""
        if self._is_dear and not at_any_cost:
            return None
        found = set[str]()
        async for page in self._client.archive_pages(FIELDS):
            self._total = page.total or 0
            if self._is_dear and not at_any_cost:
                return None
            found |= _off_in(page.people)
        return found

    @property
    def _is_dear(self) -> bool:
        return self._total > self._asked * PAGE


def _off_in(people: Iterable[Person]) -> set[str]:
    off = [one for one in people if is_off(one)]
    return {str(one.fields.get(EMAIL, "")).casefold() for one in off} | {one.person_id for one in off}
