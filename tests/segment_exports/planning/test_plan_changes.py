from __future__ import annotations

import re
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from tests.segment_exports.staged_run import HASHER, START, Person, Stage, definition_of, operations

from segment_exports.errors import LeaseHeldError, LedgerError
from segment_exports.records.outcomes import UNSUBSCRIBE, Outcome
from segment_exports.records.plan import Comparison, PlanState
from segment_exports.records.report import RunState

if TYPE_CHECKING:
    from pathlib import Path

ANN = Person("ann@example.com", "1", ("A",))
BOB = Person("bob@example.com", "2", ("A", "B"))
CAT = Person("cat@example.com", "3", ("B",))


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    return Stage(tmp_path)


def test_the_first_export_upserts_everybody_and_joins_their_lists(stage: Stage) -> None:
    run = stage.run(1).read([ANN, BOB, CAT])
    plan = run.plan()
    assert plan.comparison is Comparison.FIRST
    assert operations(run.chunks()) == {
        ("ann@example.com", "upsert", None): 1,
        ("ann@example.com", "join", "A"): 1,
        ("bob@example.com", "upsert", None): 1,
        ("bob@example.com", "join", "A"): 1,
        ("bob@example.com", "join", "B"): 1,
        ("cat@example.com", "upsert", None): 1,
        ("cat@example.com", "join", "B"): 1,
    }
    assert plan.least_requests.model_dump() == {"list": 1 + 4, "bulk": 1, "field": 1}
    report = run.deliver().settle()
    assert (report.state, report.red, report.contacts.delivered) == (RunState.DELIVERED, False, 3)


def test_nothing_changed_sends_nothing_and_is_green(stage: Stage) -> None:
    stage.run(1).whole([ANN, BOB])
    run = stage.run(2).read([ANN, BOB])
    assert run.plan().state is PlanState.NOTHING_DUE
    assert run.chunks() == []
    report = run.settle()
    assert (report.state, report.red, report.contacts.unchanged) == (RunState.NOTHING_CHANGED, False, 2)


def test_only_what_changed_is_sent(stage: Stage) -> None:
    stage.run(1).whole([ANN, BOB, CAT])
    run = stage.run(2).read([Person(ANN.email, "1", ("A",), version=1), Person(BOB.email, "2", ("A",)), CAT])
    run.plan()
    assert operations(run.chunks()) == {(ANN.email, "upsert", None): 1}


def test_leavers_stay_unless_they_are_to_be_removed(tmp_path: Path) -> None:
    for setting, expected in (
        ("keep", {}),
        ("remove", {(BOB.email, "leave", "B"): 1, ("person_cat@example.com", "leave", "B"): 1}),
    ):
        stage = Stage(tmp_path / setting, definition_of(when_member_leaves=setting))
        dan = Person("dan@example.com", "4", ("B",))
        stage.run(1).whole([ANN, BOB, CAT, dan])
        run = stage.run(2).read([ANN, Person(BOB.email, "2", ("A",)), dan])
        run.plan()
        assert operations(run.chunks()) == expected


def test_who_left_and_stays_is_told_where_falling_out_of_the_segment_may_be_a_withdrawal(
    tmp_path: Path,
) -> None:
    consent = {"attribute": "Consent", "equals": "Yes"}
    dan = Person("dan@example.com", "4", ("B",))
    eve = Person("eve@example.com", "5", ("A",))
    for setting, expected in (({"permission": consent}, "2 people left their segment and stay"), ({}, "")):
        stage = Stage(tmp_path / str(len(setting)), definition_of(when_member_leaves="keep", **setting))
        stage.run(1).whole([ANN, BOB, CAT, dan, eve])
        # Cat is gone, Bob has left one of two segments, Eve's profile became invalid.
        plan = stage.run(2).read([ANN, Person(BOB.email, "2", ("A",)), dan], invalid=["5"]).plan()
        told = [text for text in plan.warnings if "stay on its list" in text]
        assert [text.startswith(expected) for text in told] == ([True] if expected else [])


@pytest.mark.parametrize(
    "reading", [{"segments": ("A",)}, {"whole": False}], ids=["a subset of the segments", "a sample"]
)
def test_nobody_leaves_a_list_that_was_not_read_whole(tmp_path: Path, reading: dict) -> None:
    stage = Stage(tmp_path, definition_of(when_member_leaves="remove"))
    stage.run(1).whole([ANN, CAT])
    run = stage.run(2).read([ANN], **reading)
    run.plan()
    assert operations(run.chunks()) == {}


def test_a_member_whose_profile_became_invalid_has_not_left(tmp_path: Path) -> None:
    stage = Stage(tmp_path, definition_of(when_member_leaves="remove"))
    stage.run(1).whole([ANN, CAT])
    run = stage.run(2).read([ANN], invalid=["3"])
    run.plan()
    assert operations(run.chunks()) == {}


def test_a_withdrawn_permission_ends_the_membership_whatever_the_setting_for_leavers(stage: Stage) -> None:
    stage.run(1).whole([ANN, BOB])
    run = stage.run(2).read([ANN], withheld=[BOB])
    run.plan()
    assert operations(run.chunks()) == {
        ("person_bob@example.com", "leave", "A"): 1,
        ("person_bob@example.com", "leave", "B"): 1,
    }
    run.deliver().settle()
    again = stage.run(3).read([ANN], withheld=[BOB])
    assert again.plan().state is PlanState.NOTHING_DUE


def test_a_leave_that_failed_for_a_withdrawn_permission_is_repeated(stage: Stage) -> None:
    stage.run(1).whole([ANN, BOB])
    run = stage.run(2).read([ANN], withheld=[BOB])
    run.plan()
    run.chunks()
    assert run.deliver(lambda *_: Outcome.FAILED).settle().red
    again = stage.run(3).read([ANN], withheld=[BOB])
    again.plan()
    assert len(operations(again.chunks())) == 2


def test_a_withdrawn_permission_can_unsubscribe(tmp_path: Path) -> None:
    stage = Stage(tmp_path, definition_of(when_permission_withdrawn="unsubscribe"))
    stage.run(1).whole([ANN, CAT])
    run = stage.run(2).read([ANN], withheld=[CAT])
    plan = run.plan()
    assert ("person_cat@example.com", "leave", UNSUBSCRIBE) in operations(run.chunks())
    assert plan.operations.leave == 2


def test_a_withdrawn_permission_reaches_the_address_the_customer_had_before(stage: Stage) -> None:
    stage.run(1).whole([ANN])
    run = stage.run(2).read([CAT], withheld=[Person("ann@new.example.com", ANN.customer)])
    run.plan()
    assert ("person_ann@example.com", "leave", "A") in operations(run.chunks())


def test_a_changed_address_leaves_the_lists_and_is_named_to_the_new_contact(stage: Stage) -> None:
    stage.run(1).whole([ANN, CAT])
    run = stage.run(2).read([Person("ann@new.example.com", ANN.customer), CAT])
    run.plan()
    chunks = run.chunks()
    assert operations(chunks) == {
        ("ann@new.example.com", "upsert", None): 1,
        ("ann@new.example.com", "join", "A"): 1,
        ("person_ann@example.com", "leave", "A"): 1,
    }
    new = next(row for row in chunks[0].to_pylist() if row["email"] == "ann@new.example.com")
    assert new["previous_contact_ids"] == ["person_ann@example.com"]
    assert new["moved_contact_id"] is None


def test_a_merged_customer_is_found_by_its_previous_id(stage: Stage) -> None:
    stage.run(1).whole([ANN])
    run = stage.run(2).read([Person("ann@new.example.com", "9", previous=("7", ANN.customer))])
    run.plan()
    assert ("person_ann@example.com", "leave", "A") in operations(run.chunks())


def test_an_address_that_another_customer_still_has_stays(stage: Stage) -> None:
    stage.run(1).whole([ANN])
    shared = Person(ANN.email, "8", ("A",))
    run = stage.run(2).read([Person("ann@new.example.com", ANN.customer), shared])
    run.plan()
    assert [key for key in operations(run.chunks()) if key[1] == "leave"] == []


def test_a_moved_contact_keeps_its_lists_under_the_new_address(tmp_path: Path) -> None:
    stage = Stage(tmp_path, definition_of(when_email_changes="move"))
    stage.run(1).whole([ANN])
    moved = Person("ann@new.example.com", ANN.customer)
    run = stage.run(2).read([moved])
    run.plan()
    assert [key for key in operations(run.chunks()) if key[1] == "leave"] == []
    run.deliver(contact_id=lambda _: "person_ann@example.com").settle()
    assert list(stage.ledger_rows()) == [HASHER.text("ann@new.example.com")]
    assert stage.run(3).read([moved]).plan().state is PlanState.NOTHING_DUE


def test_what_was_rejected_waits_seven_days_or_a_change(stage: Stage) -> None:
    run = stage.run(1).read([ANN, BOB])
    run.plan()
    run.chunks()
    report = run.deliver(
        lambda row, *_: Outcome.REJECTED if row["email"] == ANN.email else Outcome.DELIVERED
    ).settle()
    assert (report.red, report.rejected.new) == (True, 1)

    next_day = stage.run(2).read([ANN, BOB])
    assert next_day.plan().contacts.refused_before == 1
    assert next_day.chunks() == []
    report = next_day.settle()
    assert (report.red, report.contacts.rejected, report.rejected.before) == (False, 1, 1)
    assert "rejected before" in next_day.files.store.read_bytes("refused.csv").decode()

    assert stage.run(3).read([Person(ANN.email, "1", version=1), BOB]).plan(dry_run=True).contacts.due == 1
    assert stage.run(4).read([ANN, BOB]).plan(dry_run=True, retry_rejected=True).contacts.due == 1
    assert stage.run(9).read([ANN, BOB]).plan(dry_run=True).contacts.due == 1


def test_a_failed_join_after_a_good_upsert_is_repeated_alone(stage: Stage) -> None:
    run = stage.run(1).read([ANN])
    run.plan()
    run.chunks()
    run.deliver(lambda _, operation, __: Outcome.FAILED if operation == "join" else Outcome.DELIVERED)
    assert run.settle().contacts.failed == 1
    again = stage.run(2).read([ANN])
    again.plan()
    assert operations(again.chunks()) == {(ANN.email, "join", "A"): 1}


def test_a_join_of_unknown_fate_is_undone_when_its_contact_left(stage: Stage) -> None:
    run = stage.run(1).read([ANN, BOB])
    run.plan()
    run.chunks()
    run.deliver(lambda row, *_: None if row["email"] == ANN.email else Outcome.DELIVERED, ended=False)
    assert run.settle().contacts.failed == 1
    again = stage.run(2).read([BOB])
    again.plan()
    assert operations(again.chunks()) == {(ANN.email, "leave", "A"): 1}


def test_an_older_snapshot_is_superseded_and_sends_nothing(stage: Stage) -> None:
    stage.run(5).whole([ANN, BOB])
    late = stage.run(6).read([Person(ANN.email, "1", version=7)], withheld=[BOB], snapshot=START)
    assert late.plan().state is PlanState.SUPERSEDED
    assert late.chunks() == []
    report = late.settle()
    assert (report.state, report.red, report.contacts.not_sent) == (RunState.SUPERSEDED, False, 1)
    assert (
        stage.run(7).read([ANN], snapshot=START).plan(dry_run=True, force=True).state
        is not PlanState.SUPERSEDED
    )


def test_the_ledgers_own_snapshot_is_completed(stage: Stage) -> None:
    run = stage.run(1).read([ANN, BOB])
    run.plan()
    run.chunks()
    run.deliver(lambda row, *_: Outcome.NOT_SENT if row["email"] == ANN.email else Outcome.DELIVERED).settle()
    again = stage.run(2).read([ANN, BOB], snapshot=START + timedelta(days=1))
    again.plan()
    assert {who for who, _, _ in operations(again.chunks())} == {ANN.email}


def test_a_killed_run_is_settled_by_the_next_plan(stage: Stage) -> None:
    killed = stage.run(1).read([ANN, BOB])
    killed.plan()
    killed.chunks()
    killed.deliver(lambda row, *_: Outcome.DELIVERED if row["email"] == ANN.email else None, ended=False)
    run = stage.run(2).read([ANN, BOB])
    run.plan()
    assert {who for who, _, _ in operations(run.chunks())} == {BOB.email}


def test_a_living_run_keeps_others_waiting_and_a_dry_run_waits_for_nobody(stage: Stage) -> None:
    stage.run(1).read([ANN]).plan()
    stage.alive = frozenset({"run_001"})
    with pytest.raises(LeaseHeldError, match="run_001"):
        stage.run(2).read([ANN]).plan()
    assert stage.run(3).read([ANN]).plan(dry_run=True).state is PlanState.READY


def test_a_slow_old_run_cannot_replace_a_newer_ledger(stage: Stage) -> None:
    slow = stage.run(1).read([ANN])
    slow.plan()
    slow.chunks()
    stage.run(2).whole([ANN, BOB])
    before = stage.ledger_rows()
    report = slow.deliver().settle()
    assert report.red
    assert stage.ledger_rows() == before


def test_planning_again_in_the_same_run_forgets_nothing(stage: Stage) -> None:
    run = stage.run(1).read([ANN, BOB])
    run.plan()
    run.chunks()
    run.deliver(lambda row, *_: Outcome.DELIVERED if row["email"] == ANN.email else Outcome.NOT_SENT)
    stage.definition = definition_of(mapping={"Email": "EMail", "FirstName": "First"})
    run.read([Person(ANN.email, "1", version=1), BOB]).plan()
    assert operations(run.chunks()) == {
        (ANN.email, "upsert", None): 1,
        (BOB.email, "upsert", None): 1,
        (BOB.email, "join", "A"): 1,
        (BOB.email, "join", "B"): 1,
    }


def test_over_the_limit_nothing_is_planned_and_the_figures_are_told(tmp_path: Path) -> None:
    stage = Stage(tmp_path, definition_of(limit={"profiles": 2}))
    run = stage.run(1).read([ANN, BOB, CAT])
    assert run.plan().state is PlanState.STOPPED
    assert run.chunks(approved=True) == [], "nobody can let it pass"
    report = run.settle(approved=True)
    assert (report.state, report.contacts.not_sent) == (RunState.STOPPED, 3)
    (reason,) = report.red_reasons
    assert re.search(r"3 profiles.*allows 2.*A 2, B 2.*Nothing was sent", reason)


def test_the_limit_counts_other_exports_to_the_account_and_kept_leavers(tmp_path: Path) -> None:
    other = Stage(tmp_path, definition_of(name="other", limit={"profiles": 3}))
    other.run(1).whole([ANN, BOB])
    other.run(2).whole([ANN])
    stage = Stage(tmp_path, definition_of(limit={"profiles": 3}))
    plan = stage.run(1).read([ANN, CAT]).plan(dry_run=True)
    assert plan.limit.used == 3
    over = stage.run(2).read([CAT, Person("dan@example.com", "4")]).plan(dry_run=True)
    assert over.exceeded_limit is not None


def test_truncating_keeps_those_delivered_before_and_removes_nobody(tmp_path: Path) -> None:
    limit = {"profiles": 2, "when_over": "truncate"}
    stage = Stage(tmp_path, definition_of(limit=limit, when_member_leaves="remove"))
    stage.run(1).whole([ANN, BOB])
    run = stage.run(2).read([ANN, BOB, CAT])
    plan = run.plan()
    assert (plan.over_limit, plan.contacts.total, plan.state) == (1, 2, PlanState.NOTHING_DUE)
    assert run.settle().profiles.over_limit == 1


def test_a_lost_ledger_is_red_until_a_full_resync_that_reads_the_lists_back_confirms_it(
    tmp_path: Path,
) -> None:
    stage = Stage(tmp_path, definition_of(when_member_leaves="remove"))
    stage.run(1).whole([ANN, BOB])
    stage.staging.remove("newsletter/ledger")
    with pytest.raises(LedgerError, match="full_resync"):
        stage.run(2).read([ANN]).plan()
    with pytest.raises(LedgerError, match="who withdrew meanwhile would stay"):
        stage.run(3).read([ANN]).plan(full_resync=True)
    run = stage.run(4).read([ANN])
    plan = run.plan(full_resync=True, reconcile=True)
    assert (plan.comparison, plan.comparison_why) == (Comparison.FULL, "full_resync was chosen")
    assert operations(run.chunks()) == {(ANN.email, "upsert", None): 1, (ANN.email, "join", "A"): 1}


def test_a_full_resync_sends_all_again(stage: Stage) -> None:
    stage.run(1).whole([ANN, BOB])
    run = stage.run(2).read([ANN, BOB])
    run.plan(full_resync=True)
    assert len(operations(run.chunks())) == 5


def test_an_account_that_has_none_of_our_contacts_stops_the_run(stage: Stage) -> None:
    stage.run(1).whole([ANN, BOB])
    stage.existing = lambda _: 0
    with pytest.raises(LedgerError, match="another account"):
        stage.run(2).read([ANN]).plan()


def test_reconcile_finds_members_who_were_taken_off(stage: Stage) -> None:
    stage.run(1).whole([ANN, BOB])
    stage.members = {"list_a": ["person_bob@example.com"], "list_b": ["person_bob@example.com"]}
    run = stage.run(2).read([ANN, BOB])
    stage.definition = definition_of(
        segments=[{"name": "A", "list_id": "list_a"}, {"name": "B", "list_id": "list_b"}]
    )
    run.plan(reconcile=True)
    assert operations(run.chunks()) == {(ANN.email, "join", "A"): 1}


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        (range(100), range(160), "60 of 100 members would be added"),
        (range(300), range(200), "100 of 300 members would be removed"),
        (range(100), range(0), "brought no profile"),
    ],
)
def test_a_guard_stops_the_run_before_anything_is_sent(
    tmp_path: Path, before: range, after: range, message: str
) -> None:
    stage = Stage(tmp_path, definition_of(guards={}, when_member_leaves="remove"))
    stage.run(1).whole([Person(f"p{one}@example.com", str(one)) for one in before])
    run = stage.run(2).read([Person(f"p{one}@example.com", str(one)) for one in after])
    plan = run.plan()
    assert plan.state is PlanState.STOPPED
    assert any(message in text for text in plan.tripped_guards), plan.tripped_guards
    assert run.chunks() == []
    report = run.settle()
    assert (report.state, report.red, report.contacts.not_sent) == (RunState.STOPPED, True, plan.contacts.due)
    assert len(stage.run(3).read([]).files.store.names("chunks")) == 0


def test_a_person_can_let_a_stopped_run_pass(tmp_path: Path) -> None:
    stage = Stage(tmp_path, definition_of(guards={"stop_above_invalid": 0.0}))
    run = stage.run(1).read([ANN], invalid=["7"])
    assert run.plan().state is PlanState.STOPPED
    run.chunks(approved=True)
    report = run.deliver().settle(approved=True)
    assert (report.state, report.red, report.contacts.delivered) == (RunState.DELIVERED, False, 1)


def test_an_old_snapshot_turns_the_run_red(tmp_path: Path) -> None:
    stage = Stage(tmp_path, definition_of(max_age_hours=24))
    run = stage.run(3).read([ANN], snapshot=START)
    run.plan()
    run.chunks()
    assert "72.0 hours old" in run.deliver().settle().red_reasons[0]
