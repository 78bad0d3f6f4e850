"""Whom a request made that was never answered, beside a known contact that has another address there.

Nobody learnt of the second contact: it leaves all the same, with the first one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.faults.changed_there import CHANGED, NORA, THERE, WITHDRAWN, changed_there, on_lists, refresh
from tests.faults.simulated_kills import run_killed
from tests.stands.account_stand import Place

from segment_emulators.autopilot import Fault, FaultKind

if TYPE_CHECKING:
    from tests.faults.scenario import Scenario

WAYS = pytest.mark.ways("list", "bulk", "auto", "field")


def make_unanswered(scenario: Scenario, way: str, *, settled: bool = True) -> None:
    """Run, and let whoever is made be made by a request that nobody learns of, and not be found."""
    changed_there(scenario, way)
    scenario.write_segments(2, refresh(CHANGED, churn=(CHANGED,)))
    done = Fault(kind=FaultKind.ERROR, work_done=True, times=None, **scenario.stand.at(Place.UPSERT, way))
    unseen = Fault(kind=FaultKind.ERROR, times=None, **scenario.stand.at(Place.MEMBERS))
    lost = scenario.export.run(
        retries=0, settle=settled, before_upload=lambda: scenario.emulator.inject(done, unseen)
    )
    assert lost.red if settled else lost.errors
    scenario.emulator.inject()


@WAYS
@pytest.mark.parametrize("settled", [True, False])
@pytest.mark.parametrize("later", ["leaves one", "leaves all", "withdraws"])
def test_whom_an_unanswered_request_made_leaves_as_the_first_contact_does(
    scenario: Scenario, way: str, settled: bool, later: str
) -> None:
    make_unanswered(scenario, way, settled=settled)
    now = {"leaves one": (CHANGED,), "leaves all": (), "withdraws": (WITHDRAWN,)}[later]
    scenario.write_segments(3, refresh(*now))

    assert not scenario.export.run().red

    assert on_lists(scenario, NORA.EMail) == ({"Gold"} if later == "leaves one" else set())
    assert on_lists(scenario, THERE) == set()
    assert scenario.export.run().attempts == 0


@WAYS
@pytest.mark.parametrize("settled", [True, False])
def test_whom_an_unanswered_request_made_leaves_later_though_the_first_contact_unsubscribed(
    scenario: Scenario, way: str, settled: bool
) -> None:
    """Who unsubscribed joins no further list; what the second one may be on is not forgotten."""
    make_unanswered(scenario, way, settled=settled)
    scenario.stand.staff.unsubscribe(THERE)
    assert not scenario.export.run().red
    scenario.write_segments(3, refresh())

    assert not scenario.export.run().red

    assert on_lists(scenario, NORA.EMail) == on_lists(scenario, THERE) == set()


@WAYS
@pytest.mark.parametrize("later", ["leaves one", "unsubscribes"])
def test_whom_an_unanswered_request_made_leaves_though_the_next_run_can_take_nobody_off(
    scenario: Scenario, way: str, later: str
) -> None:
    """The second one is not believed to be on no list but those that this run puts it on."""
    make_unanswered(scenario, way)
    if later == "unsubscribes":
        scenario.stand.staff.unsubscribe(THERE)
    leaves = Fault(kind=FaultKind.ERROR, status=503, times=None, **scenario.stand.at(Place.LEAVE_APART, way))
    scenario.emulator.inject(leaves)
    scenario.write_segments(3, refresh(CHANGED))
    assert scenario.export.run(retries=0).red
    scenario.emulator.inject()

    assert not scenario.export.run().red

    assert on_lists(scenario, NORA.EMail) == ({"Gold"} if later == "leaves one" else set())
    assert on_lists(scenario, THERE) == set()
    assert scenario.export.run().attempts == 0


@WAYS
@pytest.mark.parametrize("answers", range(1, 8))
def test_who_was_made_before_a_kill_leaves_with_the_next_run(
    scenario: Scenario, monkeypatch: pytest.MonkeyPatch, way: str, answers: int
) -> None:
    """The run was never settled, and the next one takes over with other segments."""
    changed_there(scenario, way)
    scenario.write_segments(2, refresh(CHANGED, churn=(CHANGED,)))
    run_killed(scenario.export, monkeypatch, answers, goes_on=False)
    scenario.write_segments(3, refresh(CHANGED))

    assert not scenario.export.run().red

    assert on_lists(scenario, NORA.EMail) == {"Gold"}
    assert on_lists(scenario, THERE) == set()
