"""Courses that the search found, as short as it could make them, each under the name of what went wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from tests.search.steps import (
    SEGMENTS,
    Changes,
    Corrected,
    Erased,
    Has,
    IsIn,
    Lost,
    Rules,
    Run,
    Says,
    SignsUp,
    Silenced,
    Unsubscribed,
)

if TYPE_CHECKING:
    from tests.search.steps import Step

GOLD = Run(segments=("Gold",))
AS_BEFORE = Run(back=1, force=True)

COURSES: dict[str, tuple[Rules, list[Step]]] = {
    "a subset mails whom nobody read whole": (Rules(), [GOLD]),
    "a subset mails whom a full run withheld": (
        Rules(),
        [Says("dan", "No"), Run(), GOLD],
    ),
    "a forced older snapshot lists who withdrew since": (
        Rules(),
        [Run(), Says("ann", "No"), Run(), AS_BEFORE],
    ),
    "an address corrected at the destination makes a second contact": (
        Rules(),
        [Run(), Corrected("ann@example.com", "ann@new.example.com"), Changes("ann"), Run()],
    ),
    "a second contact for somebody who unsubscribed as the first": (
        Rules(),
        [
            Run(),
            Unsubscribed("ann@example.com"),
            Corrected("ann@example.com", "ann@new.example.com"),
            Changes("ann"),
            Run(),
        ],
    ),
    "a run of a part takes an old address off and may not add the new one": (
        Rules(),
        [Run(), Has("ben", "ben@new.example.com"), GOLD],
    ),
    "an address that is another's now stays on the list of who had it": (
        Rules(leavers="keep"),
        [Run(), Has("ann", "dan@example.com"), Run()],
    ),
    "who moves and leaves a segment at once stays on its list": (
        Rules(emails="move"),
        [Run(), IsIn("cem", ("Gold",)), Has("cem", "ann@new.example.com"), Run()],
    ),
    "a column that is empty for a while takes nobody off, and holds nobody who says no elsewhere": (
        Rules(),
        [
            Run(),
            Silenced("Gold"),
            Erased("ann"),
            Says("cem", "No"),
            IsIn("ben", ("Churn",)),
            Run(),
            Silenced("Gold", silent=False),
            Run(),
        ],
    ),
    "a lost ledger is made anew, and who refuses after that stays": (
        Rules(),
        [
            Run(),
            IsIn("ben", ()),
            Lost(segments=("Gold",)),
            Says("ann", "No"),
            Says("ben", "No"),
            IsIn("ben", ("Churn",)),
            Erased("cem"),
            Run(),
        ],
    ),
    "a lost run is repaired in parts, and whom it listed stays": (
        Rules(leavers="keep"),
        [Run(), IsIn("dan", SEGMENTS), Run(settled=False), Lost("run", ("Gold",)), Says("dan", "No"), Run()],
    ),
    "who can't be moved, since another contact has the new address, is mailed twice": (
        Rules(leavers="keep", emails="move"),
        [Run(), SignsUp("ben@new.example.com"), Has("ben", "ben@new.example.com"), Run(), Run()],
    ),
    "who was given the new address there leaves a list that who has the old one now is not on": (
        Rules(),
        [
            Run(),
            Corrected("ben@example.com", "ben@new.example.com"),
            Has("ben", "ben@new.example.com"),
            Has("cem", "ben@example.com"),
            Run(),
            Run(),
        ],
    ),
}


@pytest.mark.parametrize("name", COURSES)
def test_what_the_search_found_holds(course: Any, name: str) -> None:
    rules, steps = COURSES[name]
    course(rules).take(steps)
