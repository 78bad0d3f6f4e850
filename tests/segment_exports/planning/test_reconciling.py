from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest
from tests.segment_exports.staged_run import START, Person, Stage, definition_of, operations

from segment_exports.errors import LedgerError
from segment_exports.planning.reconciling import reconcile, require_contacts_exist
from segment_exports.records import lease
from segment_exports.records.ledger import Ledger
from segment_exports.records.outcomes import Outcome
from segment_exports.records.plan import PlanState

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

ANN = Person("ann@example.com", "1", ("A",))
BOB = Person("bob@example.com", "2", ("A", "B"))
CAT = Person("cat@example.com", "3", ("B",))
IDS = {"A": "list_a", "B": "list_b"}


@dataclass
class Destination:
    """What an account answers: list members page by page, and which contacts exist."""

    members: dict[str, list[list[str]]] = field(default_factory=dict)
    gone: bool = False
    asked: list[str] = field(default_factory=list)

    def member_ids(self, list_id: str) -> Iterator[Sequence[str]]:
        self.asked.append(list_id)
        yield from self.members[list_id]

    def count_existing(self, contact_ids: Sequence[str]) -> int:
        self.asked += contact_ids
        return 0 if self.gone else len(contact_ids)


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    return Stage(tmp_path, definition_of(when_member_leaves="remove"))


def reconciled(stage: Stage, destination: Destination, ids: dict[str, str] = IDS) -> dict[str, int]:
    held = lease.acquire(stage.export, "reconciling", is_alive=lambda _: False)
    return reconcile(stage.export, stage.ledgers.latest(), held, destination, ids, START)


def test_the_ledger_believes_what_the_destination_shows(stage: Stage) -> None:
    stage.run(1).whole([ANN, BOB, CAT])
    corrected = reconciled(
        stage,
        Destination(
            {
                "list_a": [["person_bob@example.com", "somebody else"], []],
                "list_b": [["person_bob@example.com"], ["person_cat@example.com", "person_ann@example.com"]],
            }
        ),
    )
    assert corrected == {"A": 1, "B": 0}
    assert stage.known(ANN.email)["member_of"] == []
    assert stage.known(BOB.email)["member_of"] == ["A", "B"]
    ledger = stage.ledgers.latest()
    assert (ledger.info.run_id, ledger.sequence) == ("reconciling", 2)
    assert ledger.info.members == {"A": 1, "B": 2}
    assert ledger.info.snapshots == {"A": stage.run(1).now.isoformat(), "B": stage.run(1).now.isoformat()}


def test_memberships_of_unknown_fate_are_settled_where_the_contact_is_known(stage: Stage) -> None:
    stage.run(1).whole([Person(ANN.email, "1", ("B",)), CAT])
    run = stage.run(2).read([ANN, Person(CAT.email, "3", ("A", "B")), Person("dan@example.com", "4")])
    run.plan()
    run.chunks()
    run.deliver(lambda *_: Outcome.FAILED).settle()
    shown = Destination({"list_a": [["person_cat@example.com"]], "list_b": [["person_cat@example.com"]]})
    assert reconciled(stage, shown) == {"A": 1, "B": 0}
    rows = {name: stage.known(f"{name}@example.com") for name in ("ann", "cat", "dan")}
    assert [(row["member_of"], row["uncertain_of"]) for row in rows.values()] == [
        ([], []),
        (["A", "B"], []),
        # Nobody knows which contact this would be.
        ([], ["A"]),
    ]


def test_lists_that_are_not_known_by_their_id_stay_as_they_are(stage: Stage) -> None:
    stage.run(1).whole([ANN, CAT])
    destination = Destination({"list_a": [[]], "other": [[]]})
    assert reconciled(stage, destination, {"A": "list_a", "B": "", "Other": "other"}) == {"A": 1}
    assert destination.asked == ["list_a"]
    assert stage.known(CAT.email)["member_of"] == ["B"]


def test_before_the_first_run_there_is_nothing_to_reconcile(stage: Stage) -> None:
    assert reconciled(stage, Destination()) == {}
    assert stage.ledgers.latest().info is None


def test_a_reader_that_breaks_off_leaves_the_ledger_as_it_was(stage: Stage) -> None:
    stage.run(1).whole([ANN])
    before = stage.ledgers.latest()
    with pytest.raises(KeyError):
        reconciled(stage, Destination({"list_a": [[]]}))
    assert stage.ledgers.latest() == before


def test_reconciling_twice_in_one_run_is_reconciling_once(stage: Stage) -> None:
    stage.run(1).whole([ANN, BOB])
    shown = Destination({"list_a": [["person_bob@example.com"]], "list_b": [["person_bob@example.com"]]})
    reconciled(stage, shown)
    rows = stage.ledger_rows()
    assert reconciled(stage, shown) == {"A": 0, "B": 0}
    assert stage.ledger_rows() == rows


def test_a_run_that_reconciles_repairs_what_differs_and_the_next_has_nothing_to_do(stage: Stage) -> None:
    stage.run(1).whole([ANN, BOB])
    stage.definition = definition_of(
        segments=[{"name": name, "list_id": list_id} for name, list_id in IDS.items()]
    )
    stage.members = {"list_a": ["person_ann@example.com"], "list_b": ["person_bob@example.com"]}
    run = stage.run(2).read([ANN, BOB])
    run.plan(reconcile=True)
    # Planned again: the first try was cut off after it had reconciled.
    run.plan(reconcile=True)
    assert operations(run.chunks()) == {(BOB.email, "join", "A"): 1}
    run.deliver().settle()
    assert stage.run(3).read([ANN, BOB]).plan().state is PlanState.NOTHING_DUE


def test_a_handful_of_contacts_is_looked_for_always_the_same(stage: Stage) -> None:
    stage.run(1).whole([Person(f"p{one}@example.com", str(one)) for one in range(50)])
    first, second = Destination(), Destination()
    for destination in (first, second):
        require_contacts_exist(stage.ledgers.latest(), destination)
    assert first.asked == second.asked
    assert len(set(first.asked)) == 5


def test_none_of_them_there_stops_the_run(stage: Stage) -> None:
    stage.run(1).whole([ANN, BOB])
    with pytest.raises(LedgerError, match="none of 2 contacts"):
        require_contacts_exist(stage.ledgers.latest(), Destination(gone=True))


def test_a_ledger_that_knows_no_contact_asks_for_none(stage: Stage) -> None:
    destination = Destination(gone=True)
    require_contacts_exist(Ledger(stage.export, None, None), destination)
    run = stage.run(1).read([ANN])
    run.plan()
    run.chunks()
    run.deliver(lambda *_: Outcome.REJECTED).settle()
    require_contacts_exist(stage.ledgers.latest(), destination)
    stage.run(2).whole([])
    require_contacts_exist(stage.ledgers.latest(), destination)
    assert destination.asked == []
