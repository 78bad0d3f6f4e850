"""Three refreshes of one tenant: everybody whom a delivery can treat wrongly, among many ordinary people."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from tests.faults.lake_folder import Profile

if TYPE_CHECKING:
    from collections.abc import Collection

LISTS = {"Gold": "Gold", "Churn": "Win-back", "Readers": "Readers"}
"""Segment → list, in order of precedence."""


@dataclass(frozen=True)
class Event:
    """Something that staff or a person did at the destination before a refresh; ``to`` is a new address."""

    what: str
    email: str
    title: str = ""
    to: str = ""


def ordinary(number: int, **changes: str) -> Profile:
    """Someone to whom nothing happens."""
    told = {"FirstName": f"Nora{number}", "LastName": "Öz", "Tier": "gold", "Points": str(number)}
    return Profile(f"c{number}", f"p{number}@example.com", **(told | changes))


def someone(name: str, **changes: str) -> Profile:
    """Someone to whom something happens, named by it."""
    told = {"EMail": f"{name}@example.com", "FirstName": name.title(), "Tier": "silver", "Points": "7"}
    return Profile(f"id-{name}", **(told | changes))


STORIES: dict[str, tuple[str, str, str]] = {
    # name: segments in refresh 1, 2 and 3 (G, C, R; "-" is none)
    "steady": ("G", "G", "G"),
    "changes": ("G", "G", "G"),
    "joins": ("G", "GR", "GR"),
    "leaves": ("GC", "G", "G"),
    "returns": ("C", "-", "C"),
    "erased": ("GR", "GR", "-"),
    "newcomer": ("-", "C", "C"),
    "late": ("-", "-", "GR"),
    "unsubscribes": ("G", "G", "GR"),
    "withdraws": ("GR", "GR", "GR"),
    "relents": ("C", "C", "C"),
    "deleted": ("R", "R", "R"),
    "deleted-changes": ("GR", "GR", "GR"),
    "deleted-joins": ("G", "GC", "GC"),
    "deleted-leaves": ("GC", "G", "G"),
    "signs-up-again": ("GC", "GC", "GC"),
    "moves": ("GC", "GC", "GC"),
    "moves-unsubscribed": ("GR", "GR", "GR"),
    "moves-away": ("C", "R", "R"),
    "moves-and-withdraws": ("G", "G", "G"),
    "moves-to-taken": ("G", "G", "G"),
    "merged-into": ("G", "-", "-"),
    "merges": ("R", "R", "R"),
    "shares": ("G", "G", "G"),
    "shares-too": ("R", "R", "R"),
    "shares-refusing": ("G", "G", "G"),
    "shares-agreeing": ("R", "R", "R"),
    "bad": ("G", "G", "G"),
    "broken": ("GC", "GC", "GC"),
    "upper": ("R", "R", "R"),
    "changed-there": ("GC", "GC", "G"),
    "changed-there-unsubscribed": ("G", "GR", "GR"),
    "changed-in-both": ("GC", "GC", "GC"),
}

EVENTS: dict[int, tuple[Event, ...]] = {
    1: (
        Event("add", "moves-to-taken-new@example.com"),
        Event("add", "p1@example.com"),
        Event("add", "p4@example.com"),
        Event("unsubscribe", "p4@example.com"),
        Event("add", "stranger@example.com"),
    ),
    2: (
        Event("unsubscribe", "unsubscribes@example.com"),
        Event("unsubscribe", "p2@example.com"),
        Event("unsubscribe", "moves-unsubscribed@example.com"),
        Event("delete", "deleted@example.com"),
        Event("delete", "deleted-changes@example.com"),
        Event("delete", "deleted-joins@example.com"),
        Event("delete", "deleted-leaves@example.com"),
        Event("delete", "signs-up-again@example.com"),
        Event("add", "signs-up-again@example.com"),
        Event("put", "stranger@example.com", "Gold"),
        Event("change", "changed-there@example.com", to="changed-there@example.org"),
        Event("unsubscribe", "changed-there-unsubscribed@example.com"),
        Event("change", "changed-there-unsubscribed@example.com", to="unsubscribed@example.org"),
        Event("change", "changed-in-both@example.com", to="changed-in-both@example.org"),
    ),
    3: (Event("unsubscribe", "changes@example.com"),),
}


def profile_of(name: str, number: int) -> Profile:
    """Return the profile of a story in a refresh."""
    return replace(someone(name), **_changes(name, min(number, 3)))


def _changes(name: str, number: int) -> dict[str, str]:
    later = number >= 2
    changed = {
        "changes": {"Tier": f"tier {number}"},
        "deleted-changes": {"Points": "8"} if later else {},
        "signs-up-again": {"Points": "8"} if later else {},
        "unsubscribes": {"Tier": "bronze"} if later else {},
        "withdraws": {"Subscriber": "No", "Tier": "secret"} if later else {},
        "relents": {"Subscriber": ("Yes", "", "Yes")[number - 1]},
        "moves": {"EMail": "moves-new@example.com"} if later else {},
        "moves-unsubscribed": {"EMail": "moves-unsubscribed-new@example.com"} if later else {},
        "moves-away": {"EMail": "moves-away-new@example.com"} if later else {},
        "moves-to-taken": {"EMail": "moves-to-taken-new@example.com"} if later else {},
        "moves-and-withdraws": {"EMail": "moved@example.com", "Subscriber": "No"} if later else {},
        "merges": {"EMail": "merged@example.com", "PreviousCustomerId": "id-merged-into; x"} if later else {},
        "shares": {"EMail": "shared@example.com"},
        "shares-too": {"EMail": "Shared@Example.com", "Tier": "other"},
        "shares-refusing": {"EMail": "shared-no@example.com", "Subscriber": ("Yes", "No", "Yes")[number - 1]},
        "shares-agreeing": {"EMail": "shared-no@example.com"},
        "bad": {"EMail": "someone@bad.example.com"},
        "broken": {"Points": "many"} if number == 2 else {},
        "changed-there": {"Tier": "bronze"} if later else {},
        "changed-there-unsubscribed": {"Tier": "bronze"} if later else {},
        "changed-in-both": {"EMail": "changed-in-both@example.org"} if later else {},
        "upper": {"EMail": " Upper@EXAMPLE.com "},
    }  # fmt: skip
    return changed.get(name, {})


def refresh(
    number: int, ordinary_people: int, *, without_points: Collection[str] = ()
) -> dict[str, list[Profile]]:
    """Return the segments of one of the three refreshes; later ones are like the third.

    :param without_points: addresses that have no value in Points.
    """
    segments: dict[str, list[Profile]] = {segment: [] for segment in LISTS}
    for one in range(ordinary_people):
        changed = {"Tier": "platinum"} if number == 2 and one % 10 == 3 else {}
        segments[("Gold", "Churn", "Readers")[one % 3]].append(ordinary(one, **changed))
    segments["Readers"] += [ordinary(one) for one in range(0, ordinary_people, 17) if one % 3 != 2]
    for name, places in STORIES.items():
        for letter in places[min(number, 3) - 1].replace("-", ""):
            segments[{"G": "Gold", "C": "Churn", "R": "Readers"}[letter]].append(profile_of(name, number))
    segments["Gold"].append(Profile("no-address", "", "Nobody"))
    segments["Churn"].append(Profile("half-address", "half at example.com", "Half"))
    return {
        segment: [replace(one, Points="") if one.EMail in without_points else one for one in profiles]
        for segment, profiles in segments.items()
    }
