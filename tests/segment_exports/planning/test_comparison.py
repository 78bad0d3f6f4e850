"""Who is due what when the definition, the addresses or the way of membership changed between runs."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from tests.segment_exports.staged_run import HASHER, START, Person, Stage, definition_of, operations

from segment_exports.commands.erasing.erasure import erase
from segment_exports.errors import LedgerError
from segment_exports.records.outcomes import UNSUBSCRIBE, Outcome
from segment_exports.records.plan import Comparison, PlanState
from segment_exports.settling.retention import purge_runs

if TYPE_CHECKING:
    from pathlib import Path

    from segment_exports.records.plan import Plan

ANN = Person("ann@example.com", "1", ("A",))
BOB = Person("bob@example.com", "2", ("A", "B"))
CAT = Person("cat@example.com", "3", ("B",))
MANY = [Person(f"p{one}@example.com", f"many {one}") for one in range(200)]
BY_FIELD = {"destination": {"connection": "autopilot_default", "membership": "field"}}


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    return Stage(tmp_path)


def due(stage: Stage, number: int, people: list[Person], **read: Any) -> dict[Any, int]:
    run = stage.run(number).read(people, **read)
    run.plan()
    return operations(run.chunks())


def leaves(stage: Stage, number: int, people: list[Person], **read: Any) -> set[tuple[str, str | None]]:
    return {(who, title) for who, what, title in due(stage, number, people, **read) if what == "leave"}


# Renamed lists, removed segments


def test_a_renamed_list_is_joined_and_the_old_one_is_kept_but_for_who_withdraws(tmp_path: Path) -> None:
    stage = Stage(tmp_path, definition_of(when_member_leaves="remove"))
    stage.run(1).whole([ANN, BOB])
    stage.definition = definition_of(
        when_member_leaves="remove", segments=[{"name": "A", "list": "New"}, "B"]
    )
    assert due(stage, 2, [ANN, BOB]) == {(ANN.email, "join", "New"): 1, (BOB.email, "join", "New"): 1}
    stage.run(2).deliver().settle()
    assert leaves(stage, 3, [BOB]) == {("person_ann@example.com", "New")}
    assert leaves(stage, 4, [BOB], withheld=[ANN]) == {
        ("person_ann@example.com", "New"),
        ("person_ann@example.com", "A"),
    }


def test_a_segment_that_the_definition_dropped_takes_nobody_off_its_list(tmp_path: Path) -> None:
    stage = Stage(tmp_path, definition_of(when_member_leaves="remove"))
    stage.run(1).whole([ANN, BOB, CAT])
    stage.definition = definition_of(when_member_leaves="remove", segments=["A"])
    assert due(stage, 2, [ANN, BOB], segments=("A",)) == {}
    assert leaves(stage, 3, [ANN], segments=("A",)) == {("person_bob@example.com", "A")}


def test_a_segment_that_was_read_but_is_in_the_definition_no_more_is_left_out(tmp_path: Path) -> None:
    stage = Stage(tmp_path, definition_of(segments=["A"]))
    assert due(stage, 1, [ANN, BOB]) == {
        (who, what, title): 1
        for who in (ANN.email, BOB.email)
        for what, title in (("upsert", None), ("join", "A"))
    }


def test_two_segments_of_one_list_keep_each_others_members(tmp_path: Path) -> None:
    lists = [{"name": "A", "list": "All"}, {"name": "B", "list": "All"}]
    stage = Stage(tmp_path, definition_of(when_member_leaves="remove", segments=lists))
    stage.run(1).whole([ANN, BOB, CAT])
    moved = Person(CAT.email, CAT.customer, ("A",))
    assert due(stage, 2, [Person(BOB.email, "2", ("B",)), moved]) == {
        ("person_ann@example.com", "leave", "All"): 1
    }
    assert leaves(stage, 3, [BOB], segments=("B",)) == set()


# The first filling of a list


def test_a_first_export_that_broke_off_is_completed_without_a_guard(tmp_path: Path) -> None:
    stage = Stage(tmp_path, definition_of(guards={}))
    run = stage.run(1).read(MANY)
    run.plan()
    run.chunks()
    few = {one.email for one in MANY[:20]}
    run.deliver(lambda row, *_: Outcome.DELIVERED if row["email"] in few else Outcome.NOT_SENT).settle()
    assert stage.run(2).read(MANY).plan().state is PlanState.READY


def test_after_a_sample_the_whole_export_runs_without_a_guard(tmp_path: Path) -> None:
    stage = Stage(tmp_path, definition_of(guards={}))
    stage.run(1).whole(MANY[:20], whole=False)
    stage.run(2).whole(MANY[:100])
    plan = stage.run(3).read(MANY).plan()
    assert plan.state is PlanState.STOPPED
    assert "100 of 100 members would be added" in plan.tripped_guards[0]


def test_a_full_resync_of_the_same_people_trips_no_guard_but_one_that_removes_does(tmp_path: Path) -> None:
    stage = Stage(tmp_path, definition_of(guards={}, when_member_leaves="remove"))
    stage.run(1).whole(MANY)
    plan = stage.run(2).read(MANY).plan(full_resync=True)
    assert (plan.state, plan.operations.join, plan.lists[0].added) == (PlanState.READY, 200, 0)
    plan = stage.run(3).read(MANY[:100]).plan(full_resync=True)
    assert "100 of 200 members would be removed" in plan.tripped_guards[0]


# Membership kept in another way


def test_a_switch_of_membership_joins_everybody_anew_and_takes_nobody_off(tmp_path: Path) -> None:
    stage = Stage(tmp_path, definition_of(guards={}, when_member_leaves="remove"))
    stage.run(1).whole([*MANY, ANN])
    stage.definition = definition_of(guards={}, when_member_leaves="remove", **BY_FIELD)
    run = stage.run(2).read(MANY, withheld=[ANN])
    plan = run.plan()
    assert (plan.state, plan.comparison) == (PlanState.READY, Comparison.FULL)
    assert (plan.operations.upsert, plan.operations.join, plan.operations.leave) == (0, 200, 0)
    assert "membership was kept as list and is kept as field from now on" in plan.warnings[0]
    run.chunks()
    run.deliver().settle()
    assert stage.known(ANN.email)["member_of"] == []
    assert stage.run(3).read(MANY).plan().state is PlanState.NOTHING_DUE


@pytest.mark.parametrize("how", ["a subset", "a killed run"])
def test_a_switch_of_membership_that_reached_some_is_completed_for_the_others(
    tmp_path: Path, how: str
) -> None:
    stage = Stage(tmp_path)
    stage.run(1).whole([ANN, CAT])
    stage.definition = definition_of(**BY_FIELD)
    if how == "a subset":
        stage.run(2).whole([ANN], segments=("A",))
    else:
        run = stage.run(2).read([ANN, CAT])
        run.plan()
        run.chunks()
        run.deliver(lambda row, *_: Outcome.DELIVERED if row["email"] == ANN.email else Outcome.NOT_SENT)
        run.settle()
    assert due(stage, 3, [ANN, CAT]) == {(CAT.email, "join", "B"): 1}


def test_memberships_that_are_fields_are_read_as_fields(tmp_path: Path) -> None:
    stage = Stage(tmp_path, definition_of(**BY_FIELD))
    stage.run(1).whole([ANN])
    stage.members, stage.flags = {"list_a": []}, {"A": ["person_ann@example.com"]}
    stage.definition = definition_of(segments=[{"name": "A", "list_id": "list_a"}, "B"], **BY_FIELD)
    assert stage.run(2).read([ANN]).plan(reconcile=True).state is PlanState.NOTHING_DUE


# Changed addresses


@pytest.fixture
def moving(tmp_path: Path) -> Stage:
    return Stage(tmp_path, definition_of(when_email_changes="move"))


NEW = Person("ann@new.example.com", ANN.customer)


def test_an_old_address_that_could_not_be_moved_leaves_in_the_next_run(moving: Stage) -> None:
    moving.run(1).whole([ANN])
    run = moving.run(2).read([NEW])
    run.plan()
    assert leaves_of(run.chunks()) == set()
    # Another contact had the new address already, so the old one stayed where it was.
    run.deliver(contact_id=lambda _: "person_somebody").settle()
    assert leaves(moving, 3, [NEW]) == {("person_ann@example.com", "A")}
    moving.run(3).deliver().settle()
    assert moving.run(4).read([NEW]).plan().state is PlanState.NOTHING_DUE


def leaves_of(chunks: list[Any]) -> set[str]:
    return {who for who, what, _ in operations(chunks) if what == "leave"}


def test_a_move_that_was_cut_off_is_tried_again_and_ends_the_old_row(moving: Stage) -> None:
    moving.run(1).whole([ANN])
    run = moving.run(2).read([NEW])
    run.plan()
    run.chunks()
    run.deliver(lambda *_: None, ended=False)
    again = moving.run(3).read([NEW])
    again.plan()
    chunk = again.chunks()[0].to_pylist()[0]
    assert (chunk["email"], chunk["moved_contact_id"]) == (NEW.email, "person_ann@example.com")
    again.deliver(contact_id=lambda _: "person_ann@example.com").settle()
    assert list(moving.ledger_rows()) == [HASHER.text(NEW.email)]


def test_an_address_that_somebody_else_still_has_is_not_moved_away_from_them(moving: Stage) -> None:
    moving.run(1).whole([ANN])
    run = moving.run(2).read([NEW, Person(ANN.email, "another customer")])
    run.plan()
    rows = [row for chunk in run.chunks() for row in chunk.to_pylist()]
    assert [(row["email"], row["previous_contact_ids"], row["moved_contact_id"]) for row in rows] == [
        (NEW.email, ["person_ann@example.com"], None)
    ]


def test_an_address_that_is_withheld_leaves_and_is_not_moved(moving: Stage) -> None:
    """Somebody else refuses under the old address: leaving it would take the moved contact off its lists."""
    moving.run(1).whole([ANN])
    run = moving.run(2).read([NEW], withheld=[Person(ANN.email, "another customer")])
    run.plan()
    rows = [row for chunk in run.chunks() for row in chunk.to_pylist()]
    assert {(row["email"], tuple(row["leaves"]), row["moved_contact_id"]) for row in rows} == {
        (NEW.email, (), None),
        (ANN.email, ("A",), None),
    }


def test_nobody_is_moved_while_somebody_unread_may_have_the_old_address(moving: Stage) -> None:
    moving.run(1).whole([ANN])
    run = moving.run(2).read([NEW], segments=("A",))
    run.plan()
    rows = [row for chunk in run.chunks() for row in chunk.to_pylist()]
    assert [(row["email"], row["moved_contact_id"]) for row in rows] == [(NEW.email, None)]


def test_a_person_who_withdrew_is_taken_off_although_addresses_are_moved(moving: Stage) -> None:
    moving.run(1).whole([ANN])
    assert leaves(moving, 2, [CAT], withheld=[NEW]) == {("person_ann@example.com", "A")}


def test_looking_at_an_earlier_contact_is_counted_as_a_request(stage: Stage) -> None:
    stage.run(1).whole([ANN])
    plan = stage.run(2).read([NEW]).plan()
    looks = 1 + 1  # at the old contact before the new one joins, at the new address before the old one leaves
    assert plan.least_requests.model_dump() == {
        "list": 1 + 1 + 1 + looks,
        "bulk": 1 + 1 + looks,
        "field": 1 + 1 + looks,
    }


# An address that passes from one person to another

HEIR = Person(ANN.email, "another customer", ("B",), version=1)


@pytest.mark.parametrize("leaving", ["keep", "remove"])
def test_who_gets_an_address_gets_none_of_the_lists_of_who_had_it(tmp_path: Path, leaving: str) -> None:
    stage = Stage(tmp_path, definition_of(when_member_leaves=leaving))
    everywhere = Person("dan@example.com", "9", ("A", "B"))
    stage.run(1).whole([Person(ANN.email, ANN.customer, ("A", "B")), everywhere])
    run = stage.run(2).read([HEIR, everywhere])
    plan = run.plan()
    assert operations(run.chunks()) == {(ANN.email, "upsert", None): 1, (ANN.email, "leave", "A"): 1}
    assert any("1 address passed from one person to another" in text for text in plan.warnings)
    run.deliver().settle()
    assert stage.run(3).read([HEIR, everywhere]).plan().state is PlanState.NOTHING_DUE


def test_a_leave_of_who_had_the_address_is_due_until_it_is_acknowledged(tmp_path: Path) -> None:
    stage = Stage(tmp_path, definition_of(when_member_leaves="keep"))
    stage.run(1).whole([ANN])
    run = stage.run(2).read([HEIR])
    run.plan()
    run.chunks()
    run.deliver(lambda row, what, title: Outcome.NOT_SENT if what == "leave" else Outcome.DELIVERED).settle()
    again = stage.run(3).read([HEIR])
    again.plan()
    assert operations(again.chunks()) == {(ANN.email, "leave", "A"): 1}


@pytest.mark.parametrize(
    "now",
    [
        Person(ANN.email, "merged", ("B",), previous=(ANN.customer,)),
        Person(ANN.email, "who shares it", ("B",), previous=(ANN.customer, "someone else")),
    ],
)
def test_who_merged_or_shares_an_address_has_it_still(tmp_path: Path, now: Person) -> None:
    stage = Stage(tmp_path, definition_of(when_member_leaves="keep"))
    stage.run(1).whole([ANN])
    run = stage.run(2).read([now])
    plan = run.plan()
    assert plan.operations.leave == 0
    assert not any("passed" in text for text in plan.warnings)


def test_a_run_of_some_segments_does_not_know_that_an_address_passed_on(tmp_path: Path) -> None:
    """The one who had it may have it still, in a segment that was not read; a whole run sees it."""
    stage = Stage(tmp_path, definition_of(when_member_leaves="keep"))
    stage.run(1).whole([ANN])
    run = stage.run(2).read([HEIR], segments=("B",))
    assert run.plan().operations.leave == 0
    run.chunks()
    run.deliver().settle()
    assert leaves(stage, 3, [HEIR]) == {(ANN.email, "A")}


def test_whose_profile_is_invalid_has_the_address_still(tmp_path: Path) -> None:
    stage = Stage(tmp_path, definition_of(when_member_leaves="keep"))
    stage.run(1).whole([ANN])
    assert leaves(stage, 2, [HEIR], invalid=[ANN.customer]) == set()


def test_who_unsubscribed_under_another_address_is_no_reason_for_who_has_this_one_now(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    run = stage.run(1).read([ANN])
    run.plan()
    run.chunks()
    run.deliver(lambda row, what, title: Outcome.SUPPRESSED if what == "join" else Outcome.DELIVERED).settle()
    again = stage.run(2).read([HEIR])
    again.plan()
    assert (ANN.email, "join", "B") in operations(again.chunks())


# Withdrawn permission that unsubscribes


def test_who_may_be_on_a_list_that_they_may_not_join_leaves_it_unless_joins_are_tried_again(
    stage: Stage,
) -> None:
    """An earlier request was never answered; then the destination said that nobody may mail them."""
    for number, outcome in ((1, Outcome.FAILED), (2, Outcome.SUPPRESSED)):
        run = stage.run(number).read([ANN])
        run.plan()
        run.chunks()
        run.deliver(lambda *what, told=outcome: told if "join" in what else Outcome.DELIVERED).settle()
    run = stage.run(3).read([ANN])
    run.plan(retry_rejected=True)
    assert operations(run.chunks()) == {(ANN.email, "join", "A"): 1}
    assert due(stage, 4, [ANN]) == {(ANN.email, "leave", "A"): 1}
    stage.run(4).deliver().settle()
    assert due(stage, 5, [ANN]) == {}


@pytest.mark.parametrize("outcome", [Outcome.FAILED, Outcome.NOT_SENT, None])
def test_an_unsubscribe_that_was_not_acknowledged_is_repeated(
    tmp_path: Path, outcome: Outcome | None
) -> None:
    stage = Stage(tmp_path, definition_of(when_permission_withdrawn="unsubscribe"))
    stage.run(1).whole([ANN, CAT])
    run = stage.run(2).read([CAT], withheld=[ANN])
    run.plan()
    run.chunks()
    run.deliver(lambda row, what, title: outcome if title == UNSUBSCRIBE else Outcome.DELIVERED)
    run.settle()
    again = stage.run(3).read([CAT], withheld=[ANN])
    again.plan()
    assert ("person_ann@example.com", "leave", UNSUBSCRIBE) in operations(again.chunks())
    again.deliver().settle()
    assert stage.run(4).read([CAT], withheld=[ANN]).plan().state is PlanState.NOTHING_DUE


# Older snapshots of some segments


def test_members_of_a_superseded_segment_wait_while_the_others_go_on(tmp_path: Path) -> None:
    stage = Stage(tmp_path, definition_of(when_member_leaves="remove"))
    stage.run(5).whole([ANN, BOB, CAT])
    older = Person(ANN.email, "1", ("A",), version=7)
    newer = Person(CAT.email, "3", ("B",), version=7)
    dan = Person("dan@example.com", "4", ("B",))
    run = stage.run(6).read([older, newer, dan], older=["A"])
    plan = run.plan()
    assert operations(run.chunks()) == {
        (CAT.email, "upsert", None): 1,
        (dan.email, "upsert", None): 1,
        (dan.email, "join", "B"): 1,
        # Bob left B, which was read anew; of A nothing newer is known.
        ("person_bob@example.com", "leave", "B"): 1,
    }
    assert plan.contacts.superseded == 1
    report = run.deliver().settle()
    assert report.contacts.not_sent == 1
    assert any("snapshot" in text and "of A is older" in text for text in report.warnings)


# People of whom only a purged run knew the address


def uncertain_leaver(stage: Stage) -> None:
    run = stage.run(1).read([ANN, BOB])
    run.plan()
    run.chunks()
    run.deliver(lambda row, *_: None if row["email"] == ANN.email else Outcome.DELIVERED, ended=False)
    run.settle()


def test_an_uncertain_leaver_whose_address_is_purged_is_told_and_nothing_is_planned(stage: Stage) -> None:
    uncertain_leaver(stage)
    stage.export.remove("runs/run_001")
    run = stage.run(2).read([BOB])
    plan = run.plan()
    assert (plan.state, plan.operations.leave) == (PlanState.NOTHING_DUE, 0)
    assert "1 person left while their last delivery was of unknown fate" in plan.warnings[0]
    assert run.chunks() == []
    assert not run.settle().red


def test_purging_keeps_the_address_of_an_uncertain_leaver(stage: Stage) -> None:
    uncertain_leaver(stage)
    purge_runs(stage.export, 30, START + timedelta(days=90))
    assert stage.run(1).files.store.names() == [
        "changes.parquet",
        "duties.parquet",
        "plan.json",
        "report.json",
    ]
    assert leaves(stage, 90, [BOB]) == {(ANN.email, "A")}


# Erased people


def erased(stage: Stage, *, emails: tuple[str, ...] = (), customers: tuple[str, ...] = ()) -> None:
    erase(stage.staging, HASHER, emails=emails, customer_ids=customers, now=START)


@pytest.mark.parametrize(
    "tombstone", [{"emails": (ANN.email,)}, {"customers": (ANN.customer,)}], ids=["address", "customer"]
)
def test_an_erased_person_leaves_although_leavers_are_kept_and_the_source_has_them_no_more(
    stage: Stage, tombstone: dict[str, tuple[str, ...]]
) -> None:
    stage.run(1).whole([ANN, CAT])
    erased(stage, **tombstone)
    assert leaves(stage, 2, [CAT]) == {("person_ann@example.com", "A")}
    stage.run(2).deliver().settle()
    assert HASHER.text(ANN.email) not in stage.ledger_rows()
    assert stage.run(3).read([CAT]).plan().state is PlanState.NOTHING_DUE


def test_an_erased_address_leaves_although_its_customer_is_to_be_moved(moving: Stage) -> None:
    moving.run(1).whole([ANN])
    erased(moving, emails=(ANN.email,))
    assert leaves(moving, 2, [NEW]) == {("person_ann@example.com", "A")}


def test_an_erased_person_leaves_in_a_subset_of_the_segments_too(stage: Stage) -> None:
    stage.run(1).whole([ANN, CAT])
    erased(stage, emails=(ANN.email,))
    assert leaves(stage, 2, [CAT], segments=("B",)) == {("person_ann@example.com", "A")}


@pytest.mark.parametrize(
    "tombstone", [{"emails": (ANN.email,)}, {"customers": (ANN.customer,)}], ids=["address", "customer"]
)
def test_of_people_who_were_erased_after_the_mapping_nothing_is_sent_but_their_leaves(
    stage: Stage, tombstone: dict[str, tuple[str, ...]]
) -> None:
    stage.run(1).whole([ANN])
    run = stage.run(2).read([replace(ANN, customer="9", version=1, previous=(ANN.customer,)), CAT])
    erased(stage, **tombstone)
    plan = run.plan()
    assert operations(run.chunks()) == {
        ("person_ann@example.com", "leave", "A"): 1,
        (CAT.email, "upsert", None): 1,
        (CAT.email, "join", "B"): 1,
    }
    assert (plan.contacts.total, plan.contacts.gone) == (2, 1)
    assert any("1 person was erased after they were mapped" in text for text in plan.warnings)
    report = run.deliver().settle()
    assert (report.red, report.contacts.delivered, report.contacts.not_sent) == (False, 1, 1)


def test_tombstones_under_another_key_stop_every_run(stage: Stage) -> None:
    erased(stage, emails=(ANN.email,))
    stage.staging.write_bytes("_erased/another key/00", b"")
    with pytest.raises(LedgerError, match="erased under another AUTOPILOT_LEDGER_SECRET"):
        stage.run(1).read([CAT]).plan()


def test_the_plan_of_a_run_says_how_it_compared(stage: Stage) -> None:
    def comparison(number: int, **options: bool) -> tuple[Comparison, str | None]:
        plan: Plan = stage.run(number).read([ANN]).plan(dry_run=True, **options)
        return plan.comparison, plan.comparison_why

    assert comparison(1) == (Comparison.FIRST, None)
    stage.run(2).whole([ANN])
    assert comparison(3) == (Comparison.CHANGES, None)
    assert comparison(3, full_resync=True) == (Comparison.FULL, "full_resync was chosen")
    stage.definition = definition_of(mapping={"Email": "EMail", "FirstName": "First"})
    assert comparison(3) == (Comparison.FULL, "the mapping changed")
    stage.definition = definition_of(**BY_FIELD)
    assert comparison(3) == (Comparison.FULL, "membership is kept as field now")
