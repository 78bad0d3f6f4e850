"""Whether an account of Ortto answers, and if not, whether its key is of another region."""

from __future__ import annotations

from typing import TYPE_CHECKING

from segment_exports.destinations.check_destination import DestinationCheck
from segment_exports.destinations.ortto.api import NAME
from segment_exports.errors import (
    CredentialsRefusedError,
    DestinationError,
    OutcomeUnknownError,
    WrongRegionError,
    WrongServerError,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from segment_exports.destinations.ortto.client import OrttoClient, Tag

_AS_IN_ANOTHER_REGION = (401, 404)
"""What a key of another region was seen to be answered."""


async def account_answers(
    client: OrttoClient, client_at: Callable[[str], OrttoClient], regions: Mapping[str, str]
) -> tuple[DestinationCheck, tuple[Tag, ...]]:
    """Return what one cheap authenticated call shows of an account, and its tags.

    Where the key is refused at the address of a region, it is tried in the others, once each. An address of
    one's own is not left: who made it decides where the key goes.

    :param client: it is open.
    :param client_at: makes a client with the same key at another base URL.
    :param regions: base URLs by region.
    :raises WrongRegionError: the key is good in another region.
    :raises CredentialsRefusedError: the key is wrong or was revoked, or (403) the account is closed to it.
    :raises DestinationUnreachableError: the host can't be reached; the text says why.
    :raises DestinationError: what answers there is not Ortto's API, or it is out of order.
    """
    began = client.seconds()
    try:
        tags = await client.tags()
    except (CredentialsRefusedError, WrongServerError, OutcomeUnknownError) as error:
        here = next((name for name, url in regions.items() if url == client.base_url), None)
        if here is not None and error.status in _AS_IN_ANOTHER_REGION:
            raise await _judged(error, here, client_at, regions) from None
        if isinstance(error, CredentialsRefusedError) or (error.status or 0) >= 500 or error.status is None:
            raise
        raise WrongServerError(
            f"what answers at the Base URL of {client.whose} is not {NAME}'s API: {error}",
            status=error.status,
        ) from error
    seconds = client.seconds() - began
    found = DestinationCheck(NAME, len(tags), seconds, client.clock_ahead, client.warnings, things="tag")
    return found, tags


async def _judged(
    error: DestinationError, here: str, client_at: Callable[[str], OrttoClient], regions: Mapping[str, str]
) -> DestinationError:
    """Return what it means that a region refuses a key, by what the others say to it."""
    others = [name for name in regions if name != here]
    for name in others:
        if await _takes(client_at(regions[name])):
            return WrongRegionError(
                f"the key is of an account in the region {name}, and the connection asks the region {here}: "
                f"choose {name} as its Region, and leave its Base URL empty",
                status=error.status,
            )
    tried = f"{error}. No other region takes the key either ({', '.join(others)})"
    return CredentialsRefusedError(tried, status=error.status)


async def _takes(client: OrttoClient) -> bool:
    try:
        async with client:
            await client.tags()
    except CredentialsRefusedError as error:
        return error.status not in _AS_IN_ANOTHER_REGION
    except DestinationError:
        return False
    return True
