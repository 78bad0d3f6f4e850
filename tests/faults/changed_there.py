"""Nora, whose address staff change at the destination, and the lists that she is on."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from tests.faults.lake_folder import Profile

if TYPE_CHECKING:
    from tests.faults.scenario import Scenario

ANCHOR = Profile("anchor", "anchor@example.com")
NORA = Profile("c1", "nora@example.com", "Nora")
CHANGED = replace(NORA, Tier="gold")
WITHDRAWN = replace(NORA, Tier="gold", Subscriber="No")
THERE = "nora.oz@example.org"
"""Her address at the destination, after staff changed it."""


def refresh(*gold: Profile, churn: tuple[Profile, ...] = ()) -> dict[str, list[Profile]]:
    return {"Gold": [ANCHOR, *gold], "Churn": [ANCHOR, *churn], "Readers": [ANCHOR]}


def on_lists(scenario: Scenario, email: str) -> set[str]:
    """Return the lists that the contact of an address is on."""
    return scenario.stand.lists_of(email)


def changed_there(
    scenario: Scenario, way: str | None = None, *, unsubscribed: bool = False, **settings: str
) -> None:
    """Deliver Nora as a member of Gold; then staff change her address, and maybe she unsubscribes."""
    scenario.begin(membership=way, **settings)
    scenario.stand.join_in_upserts()
    scenario.write_segments(1, refresh(NORA))
    assert not scenario.export.run().red
    scenario.stand.staff.change_email(NORA.EMail, THERE)
    if unsubscribed:
        scenario.stand.staff.unsubscribe(THERE)
