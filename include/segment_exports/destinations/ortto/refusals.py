"""People who come from elsewhere and may not be mailed: they are made, or changed, with permission off.

Whoever is there is changed too, and nobody is ever given permission. The suppression list isn't asked: it
would keep out whom this makes known as unsubscribed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

import orjson

from segment_exports.destinations.moving import Standing, Untaken
from segment_exports.destinations.ortto.answers import ItemStatus, PeopleRefusedError
from segment_exports.destinations.ortto.api import (
    ADDRESSES_OF_A_FILTER,
    BATCH_LIMIT,
    EMAIL,
    MOST_IN_FLIGHT,
    PAGE,
    PERMISSION,
    UNSUBSCRIBE_REASON,
)
from segment_exports.destinations.ortto.client import CREATE_OR_UPDATE
from segment_exports.settings import bounds
from segment_exports.transport.call import Request
from segment_exports.transport.reasons import reason_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator, Sequence

    from segment_exports.destinations.ortto.client import OrttoClient, Person

_ASKED = (EMAIL, PERMISSION)
_SUPPRESSED = "POST /suppression-list/email/get"


class OrttoRefusals:
    """Writes to one account, and reads it back.

    :param client: makes a client; nothing is asked of the account before the first question.
    """

    most_written = BATCH_LIMIT
    most_asked = ADDRESSES_OF_A_FILTER
    at_once = MOST_IN_FLIGHT

    def __init__(self, client: Callable[[], OrttoClient]) -> None:
        self._client = client()

    async def __aenter__(self) -> Self:
        await self._client.__aenter__()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._client.__aexit__(None, None, None)

    async def people(self) -> AsyncIterator[Sequence[Standing]]:
        """Yield all people of the account, page by page."""
        async for page in self._client.people(fields=_ASKED):
            yield [_standing(one) for one in page.people]

    async def standings(self, emails: Sequence[str]) -> Sequence[Standing]:
        """Return all who have one of at most 40 addresses."""
        return [_standing(one) for one in await self._client.people_with(emails, _ASKED)]

    async def unsubscribe(self, emails: Sequence[str], why: str) -> Untaken:
        """Make up to 100 people without permission, or take the permission of those who are there.

        Where the request is refused, halves find out for whom.
        """
        people = [
            orjson.dumps({"fields": {EMAIL: one, PERMISSION: False, UNSUBSCRIBE_REASON: why}})
            for one in emails
        ]
        try:
            await self._client.merge(people, CREATE_OR_UPDATE)
        except PeopleRefusedError as error:
            if len(emails) > 1:
                half = len(emails) // 2
                first = await self.unsubscribe(emails[:half], why)
                second = await self.unsubscribe(emails[half:], why)
                suppressed = first.suppressed | second.suppressed
                return Untaken({**first.reasons, **second.reasons}, suppressed)
            if [one.status for one in error.items] == [ItemStatus.SUPPRESSED]:
                return Untaken({}, frozenset(emails))
            return Untaken({emails[0]: reason_of(error, people)})
        return Untaken({})

    async def suppress(self, emails: Sequence[str]) -> None:
        """Put up to 100 addresses on the account's suppression list."""
        await self._client.suppress(emails)

    async def suppressed(self) -> AsyncIterator[Sequence[str]]:
        """Yield the addresses of that list, page by page, as far as its answer shows any.

        The form of the answer is documented nowhere: whatever looks like an address in it counts as one.
        """
        before: Sequence[str] = ()
        for number in range(bounds.LISTING_PAGES):
            body = orjson.dumps({"limit": PAGE, "offset": number * PAGE})
            request = Request("POST", "/suppression-list/email/get", _SUPPRESSED, body, about_people=True)
            page = await self._client.send(request, lambda value: list(_addresses(value)))
            if not page or page == before:  # the offset may mean nothing to it
                break
            yield page
            before = page


def _addresses(value: Any) -> Iterator[str]:
    """Yield all texts of a JSON value that look like an address."""
    if isinstance(value, str):
        if "@" in value:
            yield value
    elif isinstance(value, dict | list):
        for inner in value.values() if isinstance(value, dict) else value:
            yield from _addresses(inner)


def _standing(person: Person) -> Standing:
    email = person.fields.get(EMAIL)
    is_unsubscribed = person.fields.get(PERMISSION) is False
    return Standing(email if isinstance(email, str) else None, is_unsubscribed=is_unsubscribed)
