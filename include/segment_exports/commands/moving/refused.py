"""People who may not be mailed: their addresses in a file without a name, 25 bytes of each in memory.

An address is known by its keyed hash; several contacts that share one are one person, who refused if any did.
"""

from __future__ import annotations

import tempfile
from array import array
from enum import IntEnum, IntFlag
from typing import TYPE_CHECKING

import numpy as np

from segment_exports.mapping.email_address import EmailRefusal, judge_email

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Sequence

    import numpy.typing as npt

    from segment_exports.records.keyed_hash import KeyedHasher

    Mask = npt.NDArray[np.bool_]


class Refusal(IntFlag):
    """Why somebody may not be mailed."""

    UNSUBSCRIBED = 1
    UNDELIVERABLE = 2
    OF_OUR_LISTS = 4
    """No reason: they are on one of the export's lists."""


class There(IntEnum):
    """How somebody stands at the account that they move to."""

    NOBODY = 0
    OFF = 1
    MAYBE_MAILED = 2
    """Of several people with one address, one that may be mailed is what counts."""


def usable(email: str | None) -> str | None:
    """Return an address in the form in which exports send it; None for one that they never send."""
    judged = judge_email(email) if email else EmailRefusal.MISSING
    return None if isinstance(judged, EmailRefusal) else judged


class RefusedPeople:
    """Takes people in; once sealed, each address is there once.

    :param hasher: by whose hashes they are known.
    :ivar spelled: by place, how an address is spelled at the other account where that differs, of people who
        may be mailed: to a service that minds letter case they are others.
    """

    def __init__(self, hasher: KeyedHasher) -> None:
        self._hasher = hasher
        self._file = tempfile.TemporaryFile()  # noqa: SIM115 - it is kept until close()
        self._size = 0
        self._hashes = bytearray()
        self._offsets = array("q")
        self._flags = bytearray()
        self.flags: npt.NDArray[np.uint8] = np.empty(0, np.uint8)
        self.there: npt.NDArray[np.uint8] = np.empty(0, np.uint8)
        self.spelled: dict[int, set[str]] = {}
        self._keys: npt.NDArray[np.bytes_] = np.empty(0, "S16")
        self._places: npt.NDArray[np.int64] = np.empty(0, np.int64)

    def close(self) -> None:
        """Let go of the addresses."""
        self._file.close()

    def add(self, email: str, refusal: Refusal) -> None:
        """Take in one, by an address in the form in which it is sent."""
        line = email.encode() + b"\n"
        self._file.write(line)
        self._hashes += self._hasher.text(email)
        self._offsets.append(self._size)
        self._flags.append(refusal)
        self._size += len(line)

    def seal(self) -> None:
        """Make one of all who share an address."""
        hashes = np.frombuffer(bytes(self._hashes), "S16")
        offsets, flags = np.frombuffer(self._offsets, np.int64), np.frombuffer(bytes(self._flags), np.uint8)
        self._keys, first, of_each = np.unique(hashes, return_index=True, return_inverse=True)
        self._places = offsets[first]
        self.flags = np.zeros(len(self._keys), np.uint8)
        np.bitwise_or.at(self.flags, of_each, flags)
        self.there = np.zeros(len(self._keys), np.uint8)
        self._hashes, self._offsets, self._flags = bytearray(), array("q"), bytearray()

    def leave_out(self, hashes: Collection[bytes]) -> None:
        """Take people out who have one of these keyed hashes: they have no reason any more."""
        for one in hashes:
            if (place := self._place(np.frombuffer(one, "S16"))) is not None:
                self.flags[place] = 0

    def without_left_out(self, emails: Sequence[str]) -> list[str]:
        """Return those of some addresses whose people were not taken out."""
        places = ((one, self.find(one)) for one in emails)
        return [one for one, place in places if place is not None and self.flags[place]]

    def have(self, refusal: Refusal) -> Mask:
        """Tell who has a reason."""
        found: Mask = (self.flags & refusal) != 0
        return found

    def forget_there(self, which: Mask | None = None) -> None:
        """Take back what is known of how they stand."""
        self.there[slice(None) if which is None else which] = There.NOBODY

    def stand(self, email: str | None, *, is_off: bool) -> None:
        """Note how somebody stands at the other account; nothing of whom isn't among them."""
        if email is None or (place := self.find(email)) is None:
            return
        self.there[place] = max(self.there[place], There.OFF if is_off else There.MAYBE_MAILED)
        if not is_off and email != usable(email):
            self.spelled.setdefault(place, set()).add(email)

    def find(self, email: str | None) -> int | None:
        """Return the place of an address, whatever its letter case; None if it isn't there."""
        judged = usable(email)
        return None if judged is None else self._place(np.frombuffer(self._hasher.text(judged), "S16"))

    def _place(self, key: npt.NDArray[np.bytes_]) -> int | None:
        place = int(np.searchsorted(self._keys, key)[0]) if len(self._keys) else 0
        return place if place < len(self._keys) and self._keys[place] == key[0] else None

    def mask_of(self, emails: Iterable[str]) -> Mask:
        """Tell who has one of some addresses."""
        found = np.zeros(len(self._keys), np.bool_)
        found[[place for one in emails if (place := self.find(one)) is not None]] = True
        return found

    def emails(self, which: Mask, size: int) -> Iterator[Sequence[str]]:
        """Yield the addresses of some, so many at a time."""
        places = np.flatnonzero(which)
        for at in range(0, len(places), size):
            yield [self._email(int(self._places[one])) for one in places[at : at + size]]

    def spellings(self, which: Mask) -> list[str]:
        """Return the other spellings of some people's addresses."""
        places = (place for place in sorted(self.spelled) if which[place])
        return [email for place in places for email in sorted(self.spelled[place])]

    def _email(self, offset: int) -> str:
        self._file.seek(offset)
        return self._file.readline().rstrip(b"\n").decode()
