"""Tests that run at one destination alone, each with its reason; ``pytest --by-destination`` counts them.

``@pytest.mark.alone(Why.…)``, or ``pytestmark`` for a whole module.
"""

from __future__ import annotations

from collections import Counter
from enum import Enum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    import pytest


class Why(Enum):
    """Destination → why a test is its alone. Where no destination is its subject, Autopilot does for all."""

    LISTS = ("autopilot", "lists are made, renamed, deleted and adopted by their id; a tag is its name")
    PROBING = (
        "autopilot",
        "whether a bulk upsert honours _autopilot_list is found out, and checked in every run",
    )
    SINGLE_CALLS = ("autopilot", "a join or a leave is a call of its own, which may fail by itself")
    FIELDS_FOR_LISTS = ("autopilot", "membership is a boolean field of the contact, which no list shows")
    BODIES = ("autopilot", "answers of Autopilot's own form: email_contact_map, lists, pages of members")
    SWITCHES = ("autopilot", "a question that is open at Autopilot; Ortto's are in test_ortto_switches.py")
    PLANNING = ("autopilot", "its subject is planning, mapping or reading, which know no destination")
    STAGING = ("autopilot", "its subject is what lies in the staging, which is the same for any destination")
    ENGINE = ("autopilot", "its subject is the engine, over a destination of the test's own")
    UNANSWERED = ("autopilot", "whom a request made that was never answered has no id; Ortto is asked for it")
    ORTTO_SWITCHES = ("ortto", "a question that is open at Ortto")
    ORTTO_INPUT = (
        "ortto",
        "something that only accounts of Ortto have: an archive, typed fields",
    )
    MOVING = ("autopilot", "it begins at Autopilot and ends at Ortto")
    RATE = ("autopilot", "its subject is the pacing that all destinations share, in seconds of a real clock")

    @property
    def destination(self) -> str:
        """Where such a test runs."""
        return self.value[0]

    @property
    def reason(self) -> str:
        """Why it runs there alone."""
        return self.value[1]


def alone_at(item: pytest.Item) -> str | None:
    """Return the one destination that a test is meant for, None if it is for all."""
    mark = item.get_closest_marker("alone")
    return mark.args[0].destination if mark else None


def table(items: Iterable[pytest.Item]) -> list[str]:
    """Return lines that tell how many tests run at each destination, and how many there alone and why."""
    runs: Counter[str] = Counter()
    reasons: Counter[Why] = Counter()
    for item in items:
        callspec = getattr(item, "callspec", None)
        if callspec is None or "stand" not in callspec.params:
            continue
        runs[callspec.params["stand"]] += 1
        if mark := item.get_closest_marker("alone"):
            reasons[mark.args[0]] += 1
    lines = []
    for destination, count in sorted(runs.items()):
        alone = {why: number for why, number in reasons.items() if why.destination == destination}
        lines.append(f"{destination}: {count} tests, {sum(alone.values())} of them there alone")
        most_first = sorted(alone.items(), key=lambda one: -one[1])
        lines += [f"  {number:4} {why.reason}" for why, number in most_first]
    return lines
