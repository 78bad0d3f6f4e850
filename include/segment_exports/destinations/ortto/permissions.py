"""Who has unsubscribed there: asked right before people who may exist are written.

What an omitted permission does to somebody who has unsubscribed is not known, so nobody is written whose
permission was not read: it is sent as it was read where it is off, and left out where it is on. It is read by
id, or of all who have unsubscribed at once where those are few.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

from segment_exports.destinations.ortto.api import EMAIL, PAGE, PERMISSION
from segment_exports.errors import OutcomeUnknownError, RequestRefusedError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from segment_exports.destinations.ortto.client import OrttoClient, Person

_OFF = {"$bol::is": {"field_id": PERMISSION, "value": False}}
FIELDS = (EMAIL, PERMISSION)


@dataclass(frozen=True)
class Standing:
    """How somebody stands there.

    ``is_there`` and ``email`` are None where only the permission was asked for.
    """

    is_off: bool
    is_there: bool | None = None
    email: str | None = None


NOT_THERE = Standing(is_off=False, is_there=False)


class Permissions:
    """Permissions of people of one account, for one attempt at a chunk.

    Who unsubscribes after their permission was read and before they are written can't be seen by anybody; so
    a listing is read again when it is some time old.
    """

    def __init__(self, client: OrttoClient) -> None:
        self._client = client
        self._off_ids: set[str] | None = None
        self._off_emails: set[str] = set()
        self._batches = 0
        self._stale_at = 0.0
        self._is_proven = False
        self._turn = asyncio.Lock()

    async def prepare(self, batches: int) -> None:
        """Read all who have unsubscribed, if that takes fewer requests than so many batches do.

        :raises DestinationError: the account can't be read.
        """
        self._batches = batches
        if batches >= _WORTH_A_LISTING:
            await self._list()

    async def look(
        self, person_ids: Sequence[str], emails: Sequence[str | None], *, whole: bool = False
    ) -> list[Standing]:
        """Return how some people stand, one for each.

        The first are asked by id even where all who have unsubscribed were read: it proves that listing.

        :param whole: also tell whether they are there, and under which address.
        :raises DestinationError: the account can't be read.
        """
        if not whole:
            async with self._turn:
                if self._off_ids is not None and self._client.seconds() >= self._stale_at:
                    await self._list()
                if self._off_ids is not None and not self._is_proven:
                    return await self._prove(person_ids)
        if whole or self._off_ids is None:
            return await self._read(person_ids)
        return [
            Standing(one in self._off_ids or (email or "").casefold() in self._off_emails)
            for one, email in zip(person_ids, emails, strict=True)
        ]

    async def _list(self) -> None:
        """Read all who have unsubscribed; where that is too much or can't be believed, there is none."""
        self._off_ids = None
        began, pages = self._client.seconds(), 0
        ids, emails = set[str](), set[str]()
        try:
            async for page in self._client.people(_OFF, FIELDS):
                if not all(is_off(one) for one in page.people) or page.total is None:
                    return  # the filter is not understood as it is meant
                if page.total > self._batches * PAGE:
                    return
                pages += 1
                ids.update(one.person_id for one in page.people)
                emails.update(str(one.fields.get(EMAIL, "")).casefold() for one in page.people)
        except (OutcomeUnknownError, RequestRefusedError):
            return  # people came or went while it was read, or there is no such filter
        if not ids and not await self._client.is_everybody_subscribed():
            return  # a filter that finds nobody may not be understood either
        self._off_ids, self._off_emails = ids, emails - {""}
        self._stale_at = began + max(_FRESH_SECONDS, pages * _SECONDS_PER_PAGE)

    async def _read(self, person_ids: Sequence[str]) -> list[Standing]:
        found = await self._client.people_by_id(person_ids, FIELDS)
        return [standing_of(found.get(one)) for one in person_ids]

    async def _prove(self, person_ids: Sequence[str]) -> list[Standing]:
        """Read people by id, and give the listing up where it lacks one of them who has unsubscribed."""
        standings = await self._read(person_ids)
        off = {person_id for person_id, one in zip(person_ids, standings, strict=True) if one.is_off}
        if self._off_ids is not None and not off <= self._off_ids:
            self._off_ids = None  # somebody unsubscribed since, or it leaves people out
        self._is_proven = True
        return standings


_WORTH_A_LISTING = 2
_FRESH_SECONDS = 60.0
_SECONDS_PER_PAGE = 2.0
"""A listing of many pages is kept so much longer that reading it stays a small part of the requests."""


def is_off(person: Person) -> bool:
    """Tell whether somebody has unsubscribed. Who shows no permission has never been asked for one."""
    return person.fields.get(PERMISSION) is False


def standing_of(person: Person | None) -> Standing:
    """Return how somebody stands who was read by id."""
    if person is None:
        return NOT_THERE
    email = person.fields.get(EMAIL)
    return Standing(is_off(person), is_there=True, email=email if isinstance(email, str) else None)
