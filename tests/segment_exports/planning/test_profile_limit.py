from __future__ import annotations

import sys
from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest
from tests.segment_exports.staged_run import ACCOUNT, Person, Stage, definition_of, operations

from segment_exports.definition import Limit
from segment_exports.planning.profile_limit import (
    CountedAddresses,
    Room,
    count_distinct,
    exceeded_limit,
    other_ledgers,
    room_for,
)
from segment_exports.records.outcomes import Outcome
from segment_exports.records.plan import Plan, PlanState
from segment_exports.records.tables.sorted_tables import hash_ranges

if TYPE_CHECKING:
    from pathlib import Path

    from segment_exports.records.ledger import Ledger


def people(*numbers: int) -> list[Person]:
    return [Person(f"p{number}@example.com", str(number)) for number in numbers]


def stage_of(folder: Path, export: str = "newsletter", **limit: object) -> Stage:
    return Stage(folder, definition_of(name=export, limit={"profiles": 1000} | limit))


def ledger_of(stage: Stage) -> Ledger:
    return stage.ledgers.latest()


def test_addresses_of_several_exports_count_once(tmp_path: Path) -> None:
    stages = [stage_of(tmp_path, name) for name in ("first", "second", "third")]
    for stage, numbers in zip(stages, (range(10), range(5, 20), range(18, 21)), strict=True):
        stage.run(1).whole(people(*numbers))
    ledgers = [ledger_of(stage) for stage in stages]
    assert [count_distinct(ledgers[:size]) for size in range(4)] == [0, 10, 20, 21]
    with ExitStack() as stack:
        counted = CountedAddresses(ledgers, stack)
        parts = [counted.below(bound) for bound in hash_ranges(5, rows_per_range=1)]
    assert sum(map(len, parts)) == 21


def test_other_exports_of_the_account_are_found_whatever_else_lies_there(tmp_path: Path) -> None:
    for name in ("first", "second"):
        stage_of(tmp_path, name).run(1).whole(people(1))
    stage_of(tmp_path, "never_ran").run(1).read(people(1))
    staging = stage_of(tmp_path).staging
    staging.write_json("_accounts/autopilot_default/lists.json", {})
    staging.write_bytes("notes.txt", b"a file that somebody left here")
    assert [name for name, _ in other_ledgers(staging, ACCOUNT, "second")] == ["first"]
    assert other_ledgers(staging, "another_account", "second") == []


@pytest.mark.parametrize(
    ("limit", "expected"),
    [
        ({"scope": "destination", "when_over": "fail"}, Room(sys.maxsize, sys.maxsize)),
        ({"scope": "destination", "when_over": "truncate"}, Room(sys.maxsize, 10 - 7)),
        ({"scope": "export", "when_over": "fail"}, Room(sys.maxsize, sys.maxsize)),
        # Three of the run's contacts stand in the ledger already.
        ({"scope": "export", "when_over": "truncate"}, Room(10, 10 - 3)),
    ],
)
def test_the_room_that_a_limit_leaves(tmp_path: Path, limit: dict[str, str], expected: Room) -> None:
    stage = stage_of(tmp_path)
    stage.run(1).whole(people(1, 2, 3, 4, 5))
    run = stage.run(2).read(people(3, 4, 5, 6))
    with run.files.store.parquet_file("contacts.parquet") as contacts:
        room = room_for(
            Limit(profiles=10, **limit), at_destination=7, contacts=contacts, own=ledger_of(stage)
        )
    assert room == expected


def test_no_room_is_left_where_more_are_at_the_destination_than_allowed(tmp_path: Path) -> None:
    run = stage_of(tmp_path).run(1).read([])
    limit = Limit(profiles=10, when_over="truncate")
    with run.files.store.parquet_file("contacts.parquet") as contacts:
        room = room_for(limit, at_destination=12, contacts=contacts, own=ledger_of(stage_of(tmp_path)))
    assert room.new == 0


def test_a_message_over_the_limit_tells_what_each_segment_brought() -> None:
    assert exceeded_limit(Limit(profiles=10), used=10, segments={}, total=10) is None
    assert exceeded_limit(Limit(profiles=10, when_over="truncate"), used=11, segments={}, total=11) is None
    for scope, where in (("destination", "in all exports to this account"), ("export", "in this export")):
        told = exceeded_limit(Limit(profiles=10, scope=scope), used=11, segments={"A": 8, "B": 4}, total=9)
        assert told is not None
        assert where in told
        assert "11 profiles" in told
        assert "9 contacts; by segment: A 8, B 4." in told


def test_the_limit_of_one_export_counts_its_run_alone(tmp_path: Path) -> None:
    stage_of(tmp_path, "other").run(1).whole(people(1, 2, 3))
    stage = stage_of(tmp_path, profiles=2, scope="export")
    assert stage.run(1).read(people(4, 5)).plan(dry_run=True).limit.used == 2
    over = stage.run(2).read(people(4, 5, 6)).plan(dry_run=True)
    assert over.state is PlanState.STOPPED
    assert "3 profiles" in str(over.exceeded_limit)


def test_who_was_delivered_by_another_export_needs_no_room(tmp_path: Path) -> None:
    stage_of(tmp_path, "other").run(1).whole(people(1, 2, 3))
    stage = stage_of(tmp_path, profiles=4, when_over="truncate")
    plan = stage.run(1).read(people(1, 2, 4, 5)).plan()
    assert (plan.over_limit, plan.contacts.total, plan.limit.used) == (1, 3, 4)


def test_truncating_sends_those_of_the_ledger_first_and_always_the_same_new_ones(tmp_path: Path) -> None:
    stage = stage_of(tmp_path, profiles=6, scope="export", when_over="truncate")
    stage.run(1).whole(people(1, 2, 3))
    chosen = []
    for number in (2, 3):
        run = stage.run(number).read(
            [Person(one.email, one.customer, version=9) for one in people(*range(1, 41))]
        )
        plan = run.plan()
        assert (plan.over_limit, plan.contacts.total, plan.limit.used) == (34, 6, 6)
        chosen.append({who for who, _, _ in operations(run.chunks())})
        assert {one.email for one in people(1, 2, 3)} <= chosen[-1]
        run.deliver(lambda *_: Outcome.NOT_SENT).settle()
    assert chosen[0] == chosen[1]


def test_who_waits_for_a_superseded_segment_needs_no_room_but_the_others_are_limited(tmp_path: Path) -> None:
    stage = stage_of(tmp_path, profiles=4)
    stage.run(5).whole([Person("a@example.com", "a", ("A",)), Person("b@example.com", "b", ("B",))])
    waiting = [Person(f"w{one}@example.com", f"w{one}", ("A",)) for one in range(9)]

    def with_new_ones(number: int, new: int) -> Plan:
        people_of_b = [Person(f"n{one}@example.com", f"n{one}", ("B",)) for one in range(new)]
        run = stage.run(number).read([*waiting, *people_of_b], older=["A"])
        plan = run.plan(dry_run=True)
        assert plan.limit.used == 2 + new
        assert plan.contacts.superseded == len(waiting)
        assert any("of A is older than the one delivered last" in text for text in plan.warnings)
        return plan

    assert with_new_ones(6, new=2).state is PlanState.READY
    assert "5 profiles" in str(with_new_ones(7, new=3).exceeded_limit)
