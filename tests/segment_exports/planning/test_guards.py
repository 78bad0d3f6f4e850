from __future__ import annotations

from typing import Any

import pytest

from segment_exports.definition import Guards
from segment_exports.planning.guards import tripped_guards
from segment_exports.records.plan import PlannedList

GUARDS = Guards(stop_above_invalid=0.05, stop_above_added=0.5, stop_above_removed=0.2, min_count=50)


def a_list(**changes: Any) -> PlannedList:
    counts = {"held": 1000, "joins": 0, "added": 0, "leaves": 0, "whole": True, "filled": True}
    return PlannedList(title="News", list_id="1", **(counts | changes))


def tripped(*lists: PlannedList, invalid: int = 0, read: int = 1000, guards: Guards = GUARDS) -> list[str]:
    return list(tripped_guards(guards, invalid=invalid, read=read, lists=lists, emptied=()))


@pytest.mark.parametrize(("invalid", "read", "trips"), [(50, 1000, False), (51, 1000, True), (0, 0, False)])
def test_too_many_invalid_profiles_trip(invalid: int, read: int, trips: bool) -> None:
    told = tripped(invalid=invalid, read=read)
    assert bool(told) is trips
    if trips:
        assert "51 of 1000 profiles are invalid (5.1%); guards.stop_above_invalid allows 5.0%" in told[0]


@pytest.mark.parametrize(
    ("change", "trips"),
    [
        ({"added": 500}, False),
        ({"added": 501}, True),
        ({"leaves": 200}, False),
        ({"leaves": 201}, True),
        ({"held": 10, "added": 50}, False),
        ({"held": 10, "added": 51}, True),
        ({"held": 60, "leaves": 50}, False),
        ({"held": 60, "leaves": 51}, True),
    ],
)
def test_additions_and_removals_trip_above_share_and_count(change: dict[str, Any], trips: bool) -> None:
    assert bool(tripped(a_list(**change))) is trips


def test_each_list_is_judged_by_itself_and_named_with_its_figures() -> None:
    told = tripped(
        a_list(added=600, leaves=300), a_list(), a_list(leaves=210).model_copy(update={"title": "Win-back"})
    )
    assert [text.split(";")[0] for text in told] == [
        "list News: 600 of 1000 members would be added (60.0%)",
        "list News: 300 of 1000 members would be removed (30.0%)",
        "list Win-back: 210 of 1000 members would be removed (21.0%)",
    ]


def test_a_limit_is_told_in_as_many_places_as_it_has() -> None:
    (told,) = tripped(invalid=2, read=10_000, guards=Guards(stop_above_invalid=0.0001))
    assert "2 of 10000 profiles are invalid (0.02%); guards.stop_above_invalid allows 0.01%" in told


def test_an_empty_list_is_filled_without_a_guard() -> None:
    assert tripped(a_list(held=0, added=100_000)) == []


def test_a_list_that_was_never_full_is_filled_without_a_guard_but_not_emptied() -> None:
    assert tripped(a_list(filled=False, added=100_000)) == []
    assert tripped(a_list(filled=False, leaves=900)) != []


def test_members_that_are_sent_again_are_no_additions() -> None:
    assert tripped(a_list(joins=1000, added=0)) == []


def test_a_list_whose_segments_brought_nothing_trips_however_small() -> None:
    small = a_list(held=3, leaves=3)
    told = tripped_guards(GUARDS, invalid=0, read=0, lists=[small], emptied=[small])
    assert told == (
        "list News: its segments brought no profile, but 3 members are on it; "
        "a segment that is suddenly empty never empties a list",
    )
