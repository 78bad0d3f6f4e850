"""People who are erased at a destination too: what became of each contact and address that was asked for."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence


class Fate(Enum):
    """What became of a contact, or of all contacts with an address."""

    DELETED = "deleted"
    ABSENT = "was not there"
    LEFT = "may be there still"


@dataclass(frozen=True)
class ErasedThere:
    """The fate of each contact and each address, in the order in which they were given.

    :param reasons: why some are left, each once, without anybody's name.
    """

    contact_ids: tuple[Fate, ...]
    emails: tuple[Fate, ...]
    reasons: tuple[str, ...] = ()


class Eraser(Protocol):
    """Deletes people at one account, for good."""

    async def erase(self, emails: Sequence[str], contact_ids: Sequence[str]) -> ErasedThere:
        """Delete contacts by their ids, then whoever has one of the addresses still.

        Trouble with the account ends it: who wasn't asked for is left too. Doing it again is harmless.

        :param emails: as they are sent, normalised.
        """
