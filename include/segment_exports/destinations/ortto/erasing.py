"""Erased people are deleted in an account of Ortto: archived, then deleted, as the vendor's page has it.

Only ids are sent, never a wish for all (``all_rows_selected``). Who is in the archive already is deleted
there; what is answered of ids that aren't shown any more is not known; the archive is deleted after 29 days.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from segment_exports.destinations.erasing import ErasedThere, Fate
from segment_exports.destinations.ortto.api import ADDRESSES_OF_A_FILTER, BATCH_LIMIT, EMAIL
from segment_exports.errors import DestinationError, RequestRefusedError, WrongServerError
from segment_exports.records.outcomes import counted

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

    from segment_exports.destinations.ortto.client import OrttoClient


class OrttoEraser:
    """Deletes people in one account.

    :param client: makes a client; nothing is asked of the account before the first deletion.
    """

    def __init__(self, client: Callable[[], OrttoClient]) -> None:
        self._client = client

    async def erase(self, emails: Sequence[str], contact_ids: Sequence[str]) -> ErasedThere:
        """Delete people by their ids, and all that have one of the addresses; trouble ends it."""
        found: dict[str, set[str]] = {}
        archived: set[str] = set()
        fates: dict[str, Fate] = {}
        reasons: list[str] = []
        try:
            async with self._client() as client:
                for at in range(0, len(emails), ADDRESSES_OF_A_FILTER):
                    found |= await _people_with(client, emails[at : at + ADDRESSES_OF_A_FILTER], archived)
                named = [*contact_ids, *(one for ids in found.values() for one in sorted(ids))]
                asked = list(dict.fromkeys(named))
                for at in range(0, len(asked), BATCH_LIMIT):
                    fates |= await _delete(client, asked[at : at + BATCH_LIMIT], archived)
        except DestinationError as error:
            reasons.append(str(error))
        left = sum(fate is Fate.LEFT for fate in fates.values())
        if left:
            reasons.append(
                f"{counted(left, 'person is', 'people are')} still shown after Ortto took the deletion, "
                f"which it may carry out later: look again in some minutes"
            )
        known = frozenset(contact_ids)
        return ErasedThere(
            tuple(fates.get(one, Fate.LEFT) for one in contact_ids),
            tuple(_fate_of(found.get(one), known, fates) for one in emails),
            tuple(reasons),
        )


def _fate_of(people: set[str] | None, known: frozenset[str], fates: dict[str, Fate]) -> Fate:
    """Return the fate of an address: that of those who have it and weren't named by their id."""
    if people is None:
        return Fate.LEFT
    found = {fates.get(one, Fate.LEFT) for one in people - known}
    return next((one for one in (Fate.LEFT, Fate.DELETED) if one in found), Fate.ABSENT)


async def _people_with(client: OrttoClient, emails: Sequence[str], archived: set[str]) -> dict[str, set[str]]:
    """Return the ids of those who have an address, also in the archive, which are added to ``archived``."""
    found: dict[str, set[str]] = {one: set() for one in emails}
    people = await client.people_with(emails)
    for email in emails:
        there = await client.archived(email)
        archived.update(one.person_id for one in there)
        people += there
    for one in people:
        address = str(one.fields.get(EMAIL, "")).lower()
        if address in found:
            found[address].add(one.person_id)
    return found


async def _delete(client: OrttoClient, asked: Sequence[str], archived: Collection[str]) -> dict[str, Fate]:
    """Delete up to 100 people; that one isn't there is not believed on one answer."""
    shown = set(await client.people_by_id(asked))
    hidden = [one for one in asked if one not in shown and one not in archived]
    if hidden:
        shown |= set(await client.people_by_id(hidden))
        hidden = [one for one in hidden if one not in shown]
    fates = dict.fromkeys(hidden, Fate.ABSENT)
    if there := [one for one in asked if one not in fates]:
        if living := [one for one in there if one in shown]:
            await client.archive(living)
        await client.delete(there)
        still = await client.people_by_id(there)
        fates |= {one: Fate.LEFT if one in still else Fate.DELETED for one in there}
    if hidden:
        # They are nowhere, or in the archive, or were made so lately that they aren't shown: of those who are
        # nowhere a refusal is all that can come.
        with suppress(RequestRefusedError, WrongServerError):
            await client.archive(hidden)
        with suppress(RequestRefusedError, WrongServerError):
            await client.delete(hidden)
    return fates
