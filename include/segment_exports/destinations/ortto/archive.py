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

    async def refused(self, emails: Sequence[str], *, anew: bool = False) -> set[str]:
        """Return those of some addresses, casefolded, under which somebody in the archive had unsubscribed.

        :param anew: what was read before doesn't count: they may have been archived since.
        :raises DestinationError: the archive can't be read.
        """
        wanted = {one.casefold() for one in emails}
        async with self._reading:
            if anew:
                self._off = None
            if self._off is None:
                self._asked += len(wanted)
                self._off = await self._all()
            if self._off is not None:
                return wanted & self._off
        found = set[str]()
        for email in sorted(wanted):
            found |= _off_in(await self._client.archived(email, FIELDS))
        return wanted & found

    async def _all(self) -> set[str] | None:
        """Return all addresses; None where asking for one after the other costs less by now."""
        if self._total > self._asked * PAGE:
            return None
        found = set[str]()
        async for page in self._client.archive_pages(FIELDS):
            self._total = page.total or 0
            if self._total > self._asked * PAGE:
                return None
            found |= _off_in(page.people)
        return found


def _off_in(people: Iterable[Person]) -> set[str]:
    return {str(one.fields.get(EMAIL, "")).casefold() for one in people if is_off(one)}
