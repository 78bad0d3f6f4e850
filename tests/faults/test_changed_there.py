"""An address that was changed there: the first contact stays ours until it has left our lists."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from tests.faults.changed_there import CHANGED, NORA, THERE, WITHDRAWN, changed_there, on_lists, refresh
from tests.faults.lake_folder import Profile
from tests.faults.simulated_kills import run_killed
from tests.stands.account_stand import Place

from segment_emulators.autopilot import Fault, FaultKind

if TYPE_CHECKING:
    from tests.faults.scenario import Scenario

WAYS = pytest.mark.ways("list", "bulk", "field")


@WAYS
@pytest.mark.parametrize("leaving", ["keep", "remove"])
def test_is_on_each_list_once_and_the_report_says_so(scenario: Scenario, way: str, leaving: str) -> None:
    changed_there(scenario, way, when_member_leaves=leaving)
    scenario.write_segments(2, refresh(CHANGED))

    result = scenario.export.run()

    assert not result.red, result.report.red_reasons
    assert on_lists(scenario, NORA.EMail) == {"Gold"}
    assert on_lists(scenario, THERE) == set()
    assert "1 person has another address at the destination" in " ".join(result.report.warnings)
    again = scenario.export.run()
    assert again.attempts == 0
    assert "another address" not in " ".join(again.report.warnings)


@WAYS
@pytest.mark.parametrize("later", [{}, {"full_resync": True}, {"reconcile": True}, {"retry_rejected": True}])
def test_who_unsubscribed_there_is_put_on_no_list_in_this_run_or_a_later_one(
    scenario: Scenario, way: str, later: dict[str, bool]
) -> None:
    changed_there(scenario, way, unsubscribed=True)
    scenario.write_segments(2, refresh(CHANGED))
    assert not scenario.export.run().red
    assert on_lists(scenario, NORA.EMail) == set()
    joins_more = replace(CHANGED, Tier="silver")
    scenario.write_segments(3, refresh(joins_more, churn=(joins_more,)))

    assert not scenario.export.run(**later).red

    assert on_lists(scenario, NORA.EMail) == set()
    assert scenario.stand.person(THERE).unsubscribed


@WAYS
def test_who_unsubscribed_there_after_the_second_contact_was_made_joins_no_further_list(
    scenario: Scenario, way: str
) -> None:
    changed_there(scenario, way)
    scenario.write_segments(2, refresh(CHANGED))
    assert not scenario.export.run().red
    scenario.stand.staff.unsubscribe(THERE)
    scenario.write_segments(3, refresh(CHANGED, churn=(CHANGED,)))

    assert not scenario.export.run().red

    assert "Win-back" not in on_lists(scenario, NORA.EMail)


@WAYS
@pytest.mark.parametrize("unsubscribed", [False, True])
def test_a_join_alone_makes_no_member_of_whoever_unsubscribed(
    scenario: Scenario, way: str, unsubscribed: bool
) -> None:
    """Nothing of her changed but her segments, so her upsert isn't due."""
    changed_there(scenario, way, unsubscribed=unsubscribed)
    scenario.write_segments(2, refresh(NORA, churn=(NORA,)))

    assert not scenario.export.run().red

    everywhere = on_lists(scenario, NORA.EMail) | on_lists(scenario, THERE)
    if unsubscribed:
        assert on_lists(scenario, NORA.EMail) == set()
    else:
        assert everywhere == {"Gold", "Win-back"}
        assert not on_lists(scenario, NORA.EMail) & on_lists(scenario, THERE)


@WAYS
def test_a_leave_reaches_the_first_contact(scenario: Scenario, way: str) -> None:
    changed_there(scenario, way)
    scenario.write_segments(2, refresh(churn=(CHANGED,)))

    assert not scenario.export.run().red

    assert on_lists(scenario, NORA.EMail) == {"Win-back"}
    assert on_lists(scenario, THERE) == set()


@WAYS
@pytest.mark.parametrize("later", ["changes", "withdraws", "leaves"])
def test_the_first_contact_leaves_later_where_it_could_not_at_once(
    scenario: Scenario, way: str, later: str
) -> None:
    changed_there(scenario, way)
    scenario.write_segments(2, refresh(CHANGED))
    leaves = scenario.stand.at(Place.LEAVE_APART, way)
    scenario.emulator.inject(Fault(kind=FaultKind.ERROR, status=503, times=None, **leaves))
    assert scenario.export.run(retries=0).red
    assert on_lists(scenario, THERE) == {"Gold"}
    scenario.emulator.inject()
    now = {"changes": [replace(NORA, Tier="silver")], "withdraws": [WITHDRAWN], "leaves": []}[later]
    scenario.write_segments(3, refresh(*now))

    assert not scenario.export.run().red

    assert on_lists(scenario, THERE) == set()
    assert on_lists(scenario, NORA.EMail) == ({"Gold"} if later == "changes" else set())
    assert scenario.export.run().attempts == 0


@WAYS
@pytest.mark.parametrize("status", [503, 500])
@pytest.mark.parametrize("unsubscribed", [False, True])
def test_the_first_contact_leaves_with_the_next_run_where_nothing_could_be_written(
    scenario: Scenario, way: str, unsubscribed: bool, status: int
) -> None:
    """Its leave is in doubt, and no contact has the address yet: the lists are still known to be left."""
    changed_there(scenario, way, unsubscribed=unsubscribed)
    scenario.write_segments(2, refresh(CHANGED, churn=(CHANGED,)))
    writes = Fault(kind=FaultKind.ERROR, status=status, times=None, **scenario.stand.at(Place.WRITES, way))
    assert scenario.export.run(retries=1, before_upload=lambda: scenario.emulator.inject(writes)).red
    assert on_lists(scenario, THERE) == {"Gold"}
    scenario.emulator.inject()

    assert not scenario.export.run().red

    assert on_lists(scenario, THERE) == set()
    assert on_lists(scenario, NORA.EMail) == (set() if unsubscribed else {"Gold", "Win-back"})
    assert scenario.export.run_until_calm().attempts == 0


@WAYS
@pytest.mark.parametrize("unsubscribed", [False, True])
def test_what_cannot_be_looked_at_is_not_believed(scenario: Scenario, way: str, unsubscribed: bool) -> None:
    changed_there(scenario, way, unsubscribed=unsubscribed)
    scenario.write_segments(2, refresh(CHANGED))
    unseen = Fault(kind=FaultKind.ERROR, status=500, times=None, **scenario.stand.at(Place.LOOK))
    assert scenario.export.run(retries=0, before_upload=lambda: scenario.emulator.inject(unseen)).red
    scenario.emulator.inject()

    assert not scenario.export.run().red

    assert on_lists(scenario, NORA.EMail) == (set() if unsubscribed else {"Gold"})
    assert on_lists(scenario, THERE) == set()


@WAYS
@pytest.mark.parametrize("answers", range(1, 6))
@pytest.mark.parametrize(("unsubscribed", "goes_on"), [(False, True), (True, False)])
def test_after_a_kill_at_any_answer(
    scenario: Scenario,
    monkeypatch: pytest.MonkeyPatch,
    way: str,
    unsubscribed: bool,
    answers: int,
    goes_on: bool,
) -> None:
    """The upload goes on, or its run is never settled and the next one takes over."""
    changed_there(scenario, way, unsubscribed=unsubscribed)
    scenario.write_segments(2, refresh(CHANGED))
    run_killed(scenario.export, monkeypatch, answers, goes_on=goes_on)

    assert not scenario.export.run().red

    assert on_lists(scenario, NORA.EMail) == (set() if unsubscribed else {"Gold"})
    assert on_lists(scenario, THERE) == set()


MOVED = replace(NORA, EMail=THERE)
"""The source has the address as well."""


def slowly(scenario: Scenario, *answers: Fault) -> None:
    """Let leaves be answered only after all else."""
    scenario.emulator.inject(
        *answers, Fault(kind=FaultKind.LATENCY, seconds=0.3, times=None, **scenario.stand.at(Place.LEAVE))
    )


@WAYS
@pytest.mark.parametrize("mode", ["add", "move"])
@pytest.mark.parametrize("troubled", [False, True])
def test_an_address_that_was_changed_there_and_in_the_source_is_one_contact(
    scenario: Scenario, way: str, mode: str, troubled: bool
) -> None:
    """Leaving under the old address must not undo joining under the new one, whatever is slow or repeated."""
    scenario.begin(membership=way, when_email_changes=mode)
    scenario.stand.join_in_upserts()
    scenario.write_segments(1, refresh(NORA, churn=(NORA,)))
    assert not scenario.export.run().red
    scenario.stand.staff.change_email(NORA.EMail, THERE)
    scenario.write_segments(2, refresh(MOVED))
    if troubled:
        leaves = scenario.stand.at(Place.LEAVE)
        slowly(scenario, Fault(kind=FaultKind.ERROR, status=503, times=2, **leaves))

    assert not scenario.export.run().red

    scenario.emulator.inject()
    assert on_lists(scenario, THERE) == {"Gold"}
    assert scenario.stand.person(NORA.EMail) is None
    assert scenario.export.run().attempts == 0
    scenario.write_segments(3, refresh(replace(MOVED, Subscriber="No")))
    assert not scenario.export.run().red
    assert on_lists(scenario, THERE) == set()


@WAYS
@pytest.mark.parametrize("slow", [False, True])
def test_who_was_given_the_new_address_there_first_stays_on_the_list_though_another_has_the_old_one(
    scenario: Scenario, way: str, slow: bool
) -> None:
    """Another export may have moved the contact. The old address gets a contact of its own."""
    changed_there(scenario, way)
    ben = Profile("c2", NORA.EMail, "Ben")
    scenario.write_segments(2, refresh(MOVED, ben))
    if slow:
        slowly(scenario)

    assert not scenario.export.run().red

    assert (on_lists(scenario, NORA.EMail), on_lists(scenario, THERE)) == ({"Gold"}, {"Gold"})
    assert not scenario.export.run().red
    assert (on_lists(scenario, NORA.EMail), on_lists(scenario, THERE)) == ({"Gold"}, {"Gold"})
    assert scenario.export.run().attempts == 0


@WAYS
def test_an_old_address_whose_contact_is_another_one_leaves(scenario: Scenario, way: str) -> None:
    scenario.begin(membership=way)
    scenario.stand.join_in_upserts()
    scenario.write_segments(1, refresh(NORA))
    assert not scenario.export.run().red
    scenario.write_segments(2, refresh(MOVED))

    assert not scenario.export.run().red

    assert (on_lists(scenario, NORA.EMail), on_lists(scenario, THERE)) == (set(), {"Gold"})
    assert scenario.export.run().attempts == 0


@WAYS
def test_who_unsubscribed_under_the_address_that_the_source_gets_later_joins_nothing_more(
    scenario: Scenario, way: str
) -> None:
    changed_there(scenario, way, unsubscribed=True)
    scenario.write_segments(2, refresh(CHANGED))
    assert not scenario.export.run().red
    scenario.write_segments(3, refresh(MOVED))

    assert not scenario.export.run().red

    assert on_lists(scenario, NORA.EMail) == set()
    assert scenario.stand.person(THERE).unsubscribed


@WAYS
@pytest.mark.parametrize("says", ["leaves", "withdraws"])
@pytest.mark.parametrize("leaving", ["keep", "remove"])
def test_who_moves_and_leaves_or_withdraws_at_once_is_off_the_list_in_that_run(
    scenario: Scenario, way: str, says: str, leaving: str
) -> None:
    scenario.begin(membership=way, when_email_changes="move", when_member_leaves=leaving)
    scenario.stand.join_in_upserts()
    scenario.write_segments(1, refresh(NORA, churn=(NORA,)))
    assert not scenario.export.run().red
    says_no = replace(MOVED, Subscriber="No")
    scenario.write_segments(2, refresh(says_no) if says == "withdraws" else refresh(churn=(MOVED,)))

    assert not scenario.export.run().red

    now = on_lists(scenario, THERE) | on_lists(scenario, NORA.EMail)
    if says == "withdraws":
        assert now == set()
    else:
        assert now == ({"Win-back"} if leaving == "remove" else {"Gold", "Win-back"})
        assert scenario.stand.person(NORA.EMail) is None
    assert scenario.export.run().attempts == 0
