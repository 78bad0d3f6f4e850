"""Erased people are deleted in an account of Autopilot: by ``DELETE /contact``, which is for good."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING

from segment_exports.destinations.autopilot.answers import ContactNotFoundError
from segment_exports.destinations.erasing import ErasedThere, Fate
from segment_exports.errors import AccountRefusedError, DestinationError, RequestRefusedError
from segment_exports.transport.call import Call

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from segment_exports.destinations.autopilot.client import AutopilotClient

_REFUSED_IN_A_ROW = 16
"""So many refusals one after the other are no matter of single contacts."""


class AutopilotEraser:
    """Deletes people in one account, one request after the other.

    :param client: makes a client; nothing is asked of the account before the first deletion.
    """

    def __init__(self, client: Callable[[], AutopilotClient]) -> None:
        self._client = client

    async def erase(self, emails: Sequence[str], contact_ids: Sequence[str]) -> ErasedThere:
        """Delete contacts by their ids, then all that have one of the addresses.

        A refusal leaves that contact; any other trouble is the account's, and ends it.
        """
        asked = [*contact_ids, *emails]
        fates: list[Fate] = []
        reasons: dict[str, None] = {}
        try:
            async with self._client() as client:
                for one in asked:
                    try:
                        fates.append(await _delete(client, one))
                    except (RequestRefusedError, AccountRefusedError) as error:
                        # 403 is known as "Could not delete contact" (a third party's description of the API).
                        if isinstance(error, AccountRefusedError) and error.status != HTTPStatus.FORBIDDEN:
                            raise
                        fates.append(Fate.LEFT)
                        reasons[str(error)] = None
                        if fates[-_REFUSED_IN_A_ROW:] == [Fate.LEFT] * _REFUSED_IN_A_ROW:
                            break
        except DestinationError as error:
            reasons[str(error)] = None
        fates += [Fate.LEFT] * (len(asked) - len(fates))
        known = len(contact_ids)
        return ErasedThere(tuple(fates[:known]), tuple(fates[known:]), tuple(reasons))


async def _delete(client: AutopilotClient, contact: str) -> Fate:
    """Delete one; that it isn't there is not believed on one answer."""
    call = Call()
    try:
        await client.delete(contact, call)
    except ContactNotFoundError:
        if call.in_doubt:
            return Fate.DELETED
        try:
            await client.delete(contact)
        except ContactNotFoundError:
            return Fate.ABSENT
    return Fate.DELETED
