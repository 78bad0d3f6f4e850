"""Any destination reckons what a plan costs in requests: the least of it all, and the worst of each row."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa
import pytest

from segment_exports.records.plan import PlannedWork
from segment_exports.records.tables.schemas import CHUNK

if TYPE_CHECKING:
    from tests.destinations.conftest import Stand

NOTHING = PlannedWork(
    rows=0, upserts=0, joins=0, leaves=0, unsubscribes=0, places=0, nameless=0, earlier_contacts=0
)


def test_nothing_costs_nothing(stand: Stand) -> None:
    assert set(stand.destination.request_cost().least(NOTHING).values()) == {0}


@pytest.mark.ways("auto", "list", "bulk", "field")
def test_the_least_is_what_a_delivery_of_upserts_sends(stand: Stand, way: str) -> None:
    cost = stand.destination.request_cost()
    people = [stand.person(f"P{number}") for number in range(2 * cost.batch + 1)]
    work = PlannedWork(
        **(vars(NOTHING) | {"rows": len(people), "upserts": len(people), "places": len(people)})
    )

    stand.deliver(stand.plan(*people))

    assert set(cost.least(work).values()) == {3} == {len(stand.eyes.writes())}
    at_worst = cost.at_worst(pa.Table.from_pylist(people, CHUNK), way)
    assert round(at_worst.sum(), 6) >= len(people) / cost.batch


def test_no_row_costs_less_for_what_is_due_besides(stand: Stand) -> None:
    cost = stand.destination.request_cost()
    plain, busy = stand.person("Ann"), stand.person("Bob", joins=["News", "Win back"], leaves=["Old"])
    for membership in cost.least(NOTHING):
        first, second = cost.at_worst(pa.Table.from_pylist([plain, busy], CHUNK), membership)
        assert 0 < first <= second
