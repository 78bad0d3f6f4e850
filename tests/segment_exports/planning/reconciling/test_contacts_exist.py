"""Is it the account of the ledger: a few contacts are looked for."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest
from tests.segment_exports.staged_run import Person, Stage

from segment_exports.errors import LedgerError
from segment_exports.planning.reconciling.contacts_exist import require_contacts_exist
from segment_exports.records.ledger import Ledger
from segment_exports.records.outcomes import Outcome

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

ANN = Person("ann@example.com", "1", ("A",))
BOB = Person("bob@example.com", "2", ("A", "B"))


@dataclass
class Destination:
    """What an account answers: which contacts exist."""

    gone: bool = False
    asked: list[str] = field(default_factory=list)

    def members(self, list_id: str) -> list[list[tuple[str, str | None]]]:
        raise NotImplementedError

    def flagged(self, titles: Sequence[str]) -> list[list[tuple[str, str | None, list[str]]]]:
        raise NotImplementedError

    def count_existing(self, contact_ids: Sequence[str]) -> int:
        self.asked += contact_ids
        return 0 if self.gone else len(contact_ids)


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    return Stage(tmp_path)


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
