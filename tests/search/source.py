"""The people at the source, and every snapshot that was made of them."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from tests.faults.lake_folder import Profile
from tests.search.steps import PEOPLE, SEGMENTS, Changes, Has, IsIn, MergesInto, Says, Silenced

if TYPE_CHECKING:
    from tests.search.steps import Step

ANCHOR = Profile("zoe", "zoe@example.com")
"""Is in all segments, always: a guard stops a run whose segment is suddenly empty."""

Snapshot = dict[str, list[Profile]]


def _first_people() -> dict[str, Profile]:
    people = {one: Profile(one, f"{one}@example.com", one) for one in PEOPLE}
    return people | {"dan": replace(people["dan"], EMail="ann@example.com")}


def _first_segments() -> dict[str, tuple[str, ...]]:
    return {"ann": ("Gold",), "ben": SEGMENTS, "cem": ("Churn",), "dan": ("Churn",)}


@dataclass
class Source:
    """Profiles as they are now, and the snapshots of them; the first has number 1.

    In the beginning everybody says yes; ann and dan, of different segments, share ann's address.
    """

    profiles: dict[str, Profile] = field(default_factory=_first_people)
    segments: dict[str, tuple[str, ...]] = field(default_factory=_first_segments)
    silent: set[str] = field(default_factory=set)
    snapshots: list[Snapshot] = field(default_factory=list)
    _changes: int = 0

    def change(self, step: Step) -> None:
        """Do what a step does to the people; a person who was merged into another is gone for good."""
        match step:
            case Says(person, consent) if person in self.profiles:
                self.profiles[person] = replace(self.profiles[person], Subscriber=consent)
            case Has(person, address) if person in self.profiles:
                self.profiles[person] = replace(self.profiles[person], EMail=address)
            case IsIn(person, segments):
                self.segments[person] = segments
            case Changes(person) if person in self.profiles:
                self._changes += 1
                self.profiles[person] = replace(self.profiles[person], LastName=f"Change {self._changes}")
            case MergesInto(person, other) if person != other and {person, other} <= set(self.profiles):
                before = self.profiles.pop(person)
                ids = [person, before.PreviousCustomerId, self.profiles[other].PreviousCustomerId]
                known = ";".join(one for one in ids if one)
                self.profiles[other] = replace(self.profiles[other], PreviousCustomerId=known)
            case Silenced(segment, silent):
                self.silent = self.silent - {segment} | ({segment} if silent else set())

    def refresh(self) -> bool:
        """Take a snapshot; tell whether there is something new in it."""
        taken = {
            segment: [
                *(profile for person, profile in self.profiles.items() if segment in self.segments[person]),
                ANCHOR,
            ]
            for segment in SEGMENTS
        }
        for segment in self.silent:
            taken[segment] = [replace(one, Subscriber="") for one in taken[segment]]
        if self.snapshots and taken == self.snapshots[-1]:
            return False
        self.snapshots.append(taken)
        return True
