"""What is known of people's permission, by nothing but the rows that runs have read.

The stand-in for all that the exporter does about permission: small, slow, and without any of its code.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from tests.search.steps import SEGMENTS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.faults.lake_folder import Profile
    from tests.search.source import Snapshot


def address_of(row: Profile) -> str | None:
    """Return the address of a row, as contacts have it; None where it is none."""
    text = row.EMail.strip().lower()
    return text if "@" in text and " " not in text else None


def ids_of(row: Profile) -> set[str]:
    """Return the CustomerIds that a person has and had."""
    return {row.CustomerId, *row.PreviousCustomerId.split(";")} - {""}


def refuses(row: Profile) -> bool:
    """Tell whether a row gives no permission: a No, or nothing."""
    return row.Subscriber != "Yes"


@dataclass(frozen=True)
class Reading:
    """The rows that a run may know: all of its segments in a snapshot.

    A sample sends the first of them only, but nobody for whom another row says no. Where nobody of a segment
    has an answer (``is_silent``), its rows speak against nobody, and nobody may be sent.
    """

    number: int
    segments: Snapshot
    is_sample: bool = False
    is_silent: bool = False

    @classmethod
    def of(cls, number: int, segments: Snapshot, *, is_sample: bool) -> Reading:
        """Return what may be known of the rows that a run has read."""
        silent = {one for one, rows in segments.items() if not any(row.Subscriber for row in rows)}
        rows = {
            one: [replace(row, Subscriber="Yes") for row in rows] if one in silent else rows
            for one, rows in segments.items()
        }
        return cls(number, rows, is_sample=is_sample, is_silent=bool(silent))

    @property
    def whole(self) -> bool:
        """Whether those are all rows that there are, and each has an answer that may be one."""
        return set(self.segments) == set(SEGMENTS) and not self.is_silent

    def rows(self, address: str | None = None) -> list[Profile]:
        """Return all rows, or those of an address."""
        every = [row for rows in self.segments.values() for row in rows]
        return every if address is None else [row for row in every if address_of(row) == address]

    def addresses(self) -> set[str]:
        """Return the addresses that stand in it."""
        return {address for row in self.rows() if (address := address_of(row))}

    def owner(self, address: str) -> Profile:
        """Return the row that makes the contact: by the order of segments, then by CustomerId."""
        for rows in self.segments.values():
            here = [row for row in rows if address_of(row) == address]
            if here:
                return min(here, key=lambda row: row.CustomerId)
        raise KeyError(address)

    def of_person(self, ids: set[str]) -> list[Profile]:
        """Return the rows of a person, under whatever id."""
        return [row for row in self.rows() if ids_of(row) & ids]


@dataclass
class Knowledge:
    """Who refused, and who is known to be allowed.

    ``refused`` tells of addresses and CustomerIds the snapshot in which they refused. ``vouched`` are
    addresses all of whose rows were read once, and allowed. Until all rows of the newest snapshot were read
    once, nobody can tell who refused since an older one.
    """

    refused: dict[str, int] = field(default_factory=dict)
    vouched: set[str] = field(default_factory=set)
    erased: set[str] = field(default_factory=set)
    newest: int = 0
    is_complete: bool = False

    def learn(self, reading: Reading) -> None:
        """Take in what a run has read: a refusal counts until a whole reading, as new, says otherwise."""
        for row in reading.rows():
            if refuses(row):
                for key in self._keys(row):
                    self.refused[key] = max(self.refused.get(key, 0), reading.number)
        self.newest = max(self.newest, reading.number)
        if not reading.whole:
            return
        self.is_complete |= reading.number == self.newest
        for address in [one for one in reading.addresses() if self.may_be_mailed(one, reading)]:
            self.vouched.add(address)
            for row in reading.rows(address):
                for key in self._keys(row):
                    self.refused.pop(key, None)

    def may_be_mailed(self, address: str, reading: Reading) -> bool:
        """Tell whether an address may be made a contact or join a list in a run that has read this."""
        rows = reading.rows(address)
        keys = {key for row in rows for key in self._keys(row)}
        if reading.is_silent or not rows or keys & self.erased or any(refuses(row) for row in rows):
            return False
        if reading.whole:
            return all(self.refused.get(key, 0) <= reading.number for key in keys)
        return address in self.vouched and not keys & set(self.refused)

    def says_no(self, address: str, ids: set[str], reading: Reading) -> bool:
        """Tell whether a contact that was delivered under this address for this person has to leave."""
        if reading.rows(address):
            return not self.may_be_mailed(address, reading) and (
                reading.whole or self.knows_a_no(address, reading)
            )
        return bool({address, *ids} & self.erased) or any(refuses(row) for row in reading.of_person(ids))

    def has_reason(self, address: str, ids: set[str], reading: Reading) -> bool:
        """Tell whether anything speaks against a contact, now or in what was read before."""
        told = [*reading.rows(address), *reading.of_person(ids)]
        keys = {address, *ids, *(key for row in told for key in self._keys(row))}
        return bool(keys & (set(self.refused) | self.erased)) or any(refuses(row) for row in told)

    def knows_a_no(self, address: str, reading: Reading) -> bool:
        """Tell whether anybody behind an address refused or was erased, as far as rows were read."""
        rows = reading.rows(address)
        keys = {address, *(key for row in rows for key in self._keys(row))}
        return any(refuses(row) for row in rows) or bool(keys & (set(self.refused) | self.erased))

    def is_erased(self, address: str, reading: Reading) -> bool:
        """Tell whether an address, or anybody behind it, was erased."""
        return bool(
            {address, *(key for row in reading.rows(address) for key in self._keys(row))} & self.erased
        )

    @staticmethod
    def _keys(row: Profile) -> Iterator[str]:
        yield from ids_of(row)
        if address := address_of(row):
            yield address
