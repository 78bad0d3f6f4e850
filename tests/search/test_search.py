"""Whatever happens, in any order: nobody is mailed who refused, and nobody is lost."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from hypothesis import HealthCheck, Phase, given, note, settings
from tests.search.steps import Rules, courses, rules

if TYPE_CHECKING:
    from tests.search.steps import Step

EXAMPLES = int(os.environ.get("SEARCH_EXAMPLES", "25"))
HELD = frozenset(os.environ.get("SEARCH_FOR", "").split())
MOST_STEPS = int(os.environ.get("SEARCH_STEPS", "8"))


@settings(
    max_examples=EXAMPLES,
    phases=[Phase.explicit, Phase.reuse, Phase.generate, Phase.shrink],
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(rules=rules(), steps=courses(MOST_STEPS))
def test_nobody_is_mailed_who_refused_and_nobody_is_lost(
    course: Any, rules: Rules, steps: list[Step]
) -> None:
    note("\n    ".join(["The course:", repr(rules), *map(repr, steps)]))
    course(rules, HELD).take(steps)
