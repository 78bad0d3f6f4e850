"""A run believes a yes only where it, or a run before it, has read all that may say no."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from tests.segment_exports.staged_run import START, Person, Stage, definition_of, operations

from segment_exports.records.plan import PlanState

if TYPE_CHECKING:
    from pathlib import Path

ANN = Person("ann@example.com", "1", ("A",))
BOB = Person("bob@example.com", "2", ("A", "B"))
CAT = Person("cat@example.com", "3", ("A",))
ASKS = {"permission": {"attribute": "Consent", "equals": "Yes"}}
ONLY_A: dict[str, Any] = {"segments": ("A",)}
SAMPLE: dict[str, Any] = {"whole": False}


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    return Stage(tmp_path, definition_of(**ASKS))


@pytest.mark.parametrize("part", [ONLY_A, SAMPLE], ids=["some segments", "a sample"])
def test_whom_a_full_run_withheld_no_run_of_a_part_adds(stage: Stage, part: dict[str, Any]) -> None:
    stage.run(1).whole([ANN], withheld=[BOB])
    run = stage.run(2).read([ANN, BOB], **part)
    run.plan()
    assert operations(run.chunks()) == {}


def test_a_member_who_refused_in_another_segment_leaves_in_a_run_of_one(stage: Stage) -> None:
    stage.run(1).whole([ANN, BOB])
    stopped = stage.run(2).read([ANN], withheld=[BOB])
    stopped.plan()
    run = stage.run(3).read([ANN, BOB], **ONLY_A)
    run.plan()
    assert set(operations(run.chunks())) == {(f"person_{BOB.email}", "leave", title) for title in "AB"}


@pytest.mark.parametrize("part", [ONLY_A, SAMPLE], ids=["some segments", "a sample"])
def test_a_run_of_a_part_adds_nobody_whose_other_rows_nobody_read(stage: Stage, part: dict[str, Any]) -> None:
    stage.run(1).whole([ANN])
    run = stage.run(2).read([Person(ANN.email, "1", ("A",), version=1), CAT], **part)
    plan = run.plan()
    assert operations(run.chunks()) == {(ANN.email, "upsert", None): 1}
    assert plan.contacts.unjudged == 1
    assert "1 person is not known to give permission, and so not added" in " ".join(plan.warnings)
    report = run.deliver().settle()
    assert (report.contacts.delivered, report.contacts.not_sent, report.red) == (1, 1, False)


@pytest.mark.parametrize("leaving", ["keep", "remove"])
def test_who_has_a_new_address_keeps_the_old_one_until_a_run_that_may_add_the_new(
    tmp_path: Path, leaving: str
) -> None:
    """A run of one segment took the old address off its list, and could not put the new one there."""
    stage = Stage(tmp_path, definition_of(when_member_leaves=leaving, **ASKS))
    stage.run(1).whole([ANN, BOB])
    renamed = Person("bob@new.example.com", BOB.customer, ("A", "B"))
    part = stage.run(2).read([ANN, Person(renamed.email, renamed.customer, ("A",))], **ONLY_A)
    part.plan()
    assert operations(part.chunks()) == {}
    part.settle()
    run = stage.run(3).read([ANN, renamed])
    run.plan()
    done = {what for who, what, _ in operations(run.chunks()) if who == f"person_{BOB.email}"}
    assert done == {"leave"}


def test_without_a_rule_of_permission_a_run_of_a_part_adds_whom_it_reads(tmp_path: Path) -> None:
    run = Stage(tmp_path).run(1).read([CAT], **ONLY_A)
    run.plan()
    assert len(operations(run.chunks())) == 2


def test_an_older_snapshot_that_is_forced_joins_nobody_who_withdrew_since(stage: Stage) -> None:
    stage.run(1).whole([ANN, BOB])
    dan = Person("dan@example.com", "4", ("B",))
    stage.run(5).whole([ANN, dan], withheld=[BOB])
    run = stage.run(6).read([ANN, BOB, dan], snapshot=START + timedelta(days=1))
    run.plan(force=True)
    assert operations(run.chunks()) == {}


def test_a_withdrawal_holds_under_the_address_that_the_customer_had_before(stage: Stage) -> None:
    stage.run(1).whole([ANN, BOB])
    renamed = Person("bob@new.example.com", BOB.customer, BOB.segments)
    stage.run(5).whole([ANN], withheld=[renamed])
    run = stage.run(6).read([ANN, BOB], snapshot=START + timedelta(days=1))
    run.plan(force=True)
    assert operations(run.chunks()) == {}


def test_a_customer_who_refuses_at_one_address_only_is_mailed_at_the_other_and_told(stage: Stage) -> None:
    other = Person("bob@old.example.com", BOB.customer, BOB.segments)
    run = stage.run(1).read([ANN, BOB], withheld=[other, CAT])
    (warning,) = run.plan().warnings
    assert ("bob@example.com", "join", "A") in operations(run.chunks())
    assert warning.startswith("1 CustomerId stands in several rows of this run, which give")


def test_a_later_full_run_that_reads_a_yes_lifts_the_refusal(stage: Stage) -> None:
    stage.run(1).whole([ANN], withheld=[BOB])
    stage.run(2).whole([ANN, BOB])
    assert stage.known(BOB.email)["member_of"] == ["A", "B"]
    run = stage.run(3).read([ANN, Person(BOB.email, BOB.customer, ("A",), version=1)], **ONLY_A)
    run.plan()
    assert operations(run.chunks()) == {(BOB.email, "upsert", None): 1}


def test_a_refusal_is_remembered_where_a_guard_stopped_the_run_that_read_it(tmp_path: Path) -> None:
    stage = Stage(tmp_path, definition_of(**ASKS))
    stage.run(1).whole([ANN, BOB])
    stage.definition = definition_of(guards={"stop_above_invalid": 0.0}, **ASKS)
    assert stage.run(2).read([BOB], withheld=[ANN], invalid=["77"]).plan().state is PlanState.STOPPED
    run = stage.run(3).read([ANN, BOB], **SAMPLE)
    run.plan()
    assert ANN.email not in {who for who, _, _ in operations(run.chunks())}


def test_a_dry_run_shows_the_same_and_writes_down_nothing(stage: Stage) -> None:
    stage.run(1).whole([ANN], withheld=[BOB])
    written = stage.export.names("refusals")
    plan = stage.run(2).read([ANN, BOB, CAT], **ONLY_A).plan(dry_run=True)
    assert (plan.contacts.due, plan.contacts.unjudged) == (0, 1)
    assert stage.export.names("refusals") == written


def test_of_contacts_that_were_mapped_before_another_run_read_a_refusal_nothing_is_sent(stage: Stage) -> None:
    stage.run(1).whole([ANN, BOB])
    slow = stage.run(2).read([ANN, BOB], snapshot=START + timedelta(days=1))
    stage.run(5).whole([ANN], withheld=[BOB])
    plan = slow.plan(force=True)
    assert operations(slow.chunks()) == {}
    assert (plan.contacts.total, plan.contacts.gone) == (2, 1)
    assert any("another run has read since that they give no permission" in text for text in plan.warnings)


def test_who_refused_leaves_in_any_later_run_where_that_one_came_to_nothing(stage: Stage) -> None:
    """It was killed between its plan and its first request; this one reads a part, or another day."""
    stage.run(1).whole([ANN, BOB])
    stage.run(2).read([BOB], withheld=[ANN]).plan()
    for number, read, options in (
        (3, ONLY_A, {}),
        (4, {"snapshot": START + timedelta(days=1)}, {"force": True}),
    ):
        run = stage.run(number).read([BOB], **read)
        run.plan(**options)
        assert operations(run.chunks()) == {("person_ann@example.com", "leave", "A"): 1}


def test_an_older_snapshot_takes_no_yes_from_a_member_for_longer_than_its_own_run(stage: Stage) -> None:
    stage.run(5).whole([ANN, BOB])
    stage.run(6).read([ANN], withheld=[BOB], snapshot=START + timedelta(days=1)).plan()
    run = stage.run(7).read([ANN, BOB], **ONLY_A)
    run.plan()
    assert operations(run.chunks()) == {}


def test_where_nobody_wrote_refusals_down_yet_only_members_are_known_to_be_allowed(stage: Stage) -> None:
    """As after an update: who withdrew stands in the ledger, and on no list."""
    dan = Person("dan@example.com", "4", ("B",))
    stage.run(1).whole([ANN, BOB, dan])
    stage.run(2).whole([ANN, dan], withheld=[BOB])
    stage.export.remove("refusals")
    changed = [Person(one.email, one.customer, one.segments, version=1) for one in (ANN, BOB)]
    run = stage.run(3).read(changed, **ONLY_A)
    run.plan()
    assert operations(run.chunks()) == {(ANN.email, "upsert", None): 1}
    forced = stage.run(4).read([*changed, dan], snapshot=START + timedelta(days=1))
    plan = forced.plan(force=True)
    assert operations(forced.chunks()) == {(ANN.email, "upsert", None): 1}
    assert "no run has written down yet who withdrew" in " ".join(plan.warnings)


def bob_in_a_run_of_one_segment(stage: Stage, number: int) -> set[str]:
    run = stage.run(number).read([ANN, Person(BOB.email, BOB.customer, ("A",))], **ONLY_A)
    run.plan()
    return {what for who, what, _ in operations(run.chunks()) if who == BOB.email}


def test_a_refusal_in_the_newest_snapshot_of_one_segment_counts_where_another_was_overtaken(
    stage: Stage,
) -> None:
    """One segment was delivered by itself meanwhile, from a later day."""
    stage.run(1).whole([ANN, BOB])
    stage.run(5).whole([ANN, Person(BOB.email, BOB.customer, ("A",))], **ONLY_A)
    dan = Person("dan@example.com", "4", ("B",))
    stage.run(6).whole([ANN, dan], withheld=[BOB], snapshot=START + timedelta(days=3))
    assert stage.known(BOB.email)["member_of"] == []
    assert bob_in_a_run_of_one_segment(stage, 7) == set()


def test_an_older_snapshot_joins_nobody_who_withdrew_since_although_the_segments_have_other_names_now(
    stage: Stage,
) -> None:
    stage.run(1).whole([ANN, BOB])
    dan = Person("dan@example.com", "4", ("B",))
    stage.run(5).whole([ANN, dan], withheld=[BOB])
    stage.definition = definition_of(segments=["Gold", "Silver"], **ASKS)
    renamed = [Person(one.email, one.customer, ("Gold",)) for one in (ANN, BOB)]
    names: dict[str, Any] = {"segments": ("Gold", "Silver")}
    older = stage.run(6).read(renamed, snapshot=START + timedelta(days=1), **names)
    older.plan(force=True)
    assert BOB.email not in {who for who, _, _ in operations(older.chunks())}
    newer = stage.run(7).read(renamed, **names)
    newer.plan()
    assert (BOB.email, "join", "Gold") in operations(newer.chunks())


def test_where_the_newest_refusals_are_lost_only_members_are_known_to_be_allowed(stage: Stage) -> None:
    stage.run(1).whole([ANN, BOB])
    stage.run(2).whole([ANN, Person("dan@example.com", "4", ("B",))], withheld=[BOB])
    stage.export.remove(f"refusals/{stage.export.names('refusals')[-1]}")
    assert bob_in_a_run_of_one_segment(stage, 3) == set()


@pytest.mark.parametrize(
    ("before", "then"),
    [
        ({}, ASKS),
        (ASKS, {"permission": {"attribute": "Marketing", "equals": "Yes"}}),
        ({"permission": {"attribute": "Consent", "equals": ["Yes", "Maybe"]}}, ASKS),
        (ASKS, {"segments": ["A", "B", "C"], **ASKS}),
    ],
    ids=["a first rule", "another attribute", "fewer values", "one more segment"],
)
def test_who_was_delivered_under_another_rule_is_not_known_to_be_allowed_by_this_one(
    tmp_path: Path, before: dict[str, Any], then: dict[str, Any]
) -> None:
    dan = Person("dan@example.com", "4", ("B",))
    stage = Stage(tmp_path, definition_of(**{"when_member_leaves": "remove"} | before))
    stage.run(1).whole([ANN, BOB, dan])
    stage.run(2).whole([ANN, dan])
    stage.definition = definition_of(**then)
    assert bob_in_a_run_of_one_segment(stage, 3) == set()
    stage.run(4).whole([ANN, BOB, dan], segments=stage.definition.segment_names)
    assert stage.known(BOB.email)["member_of"] == ["A", "B"]


MANY = [Person(f"p{number}@example.com", f"c{number}", ("A", "B")) for number in range(6)]


def refusals_of_many(tmp_path: Path, min_count: int) -> Stage:
    """All but one refused; a refusal is kept by address and by customer."""
    stage = Stage(tmp_path, definition_of(**ASKS, guards={"min_count": min_count, "stop_above_added": 1.0}))
    stage.run(1).whole(MANY[:1], withheld=MANY[1:])
    return stage


def test_a_rule_that_all_at_once_matches_everybody_lifts_no_refusal(tmp_path: Path) -> None:
    stage = refusals_of_many(tmp_path, min_count=9)
    plan = stage.run(2).read(MANY).plan()
    assert plan.state is PlanState.STOPPED
    (told,) = plan.tripped_guards
    assert "every row (12 read)" in told
    assert "10 addresses and customers that refused before" in told

    after = stage.run(3).read(MANY[:2], **ONLY_A)
    after.plan()
    assert operations(after.chunks()) == {}


def test_who_approves_of_a_rule_that_matches_everybody_adds_nobody_who_refused(tmp_path: Path) -> None:
    """They would be taken off again, and unsubscribed, by the next run of one segment."""
    stage = refusals_of_many(tmp_path, min_count=9)
    run = stage.run(2).read([*MANY, CAT])
    run.plan()
    assert {who for who, _, _ in operations(run.chunks(approved=True))} == {CAT.email}
    assert run.deliver().settle(approved=True).contacts.not_sent == len(MANY) - 1


def test_few_refusals_that_are_lifted_in_favour_of_everybody_are_a_warning(tmp_path: Path) -> None:
    stage = refusals_of_many(tmp_path, min_count=10)
    plan = stage.run(2).read(MANY).plan()
    (told,) = [text for text in plan.warnings if "permission.equals" in text]
    assert told.endswith("would be allowed: is it the attribute and the value that are meant?")


@pytest.mark.parametrize(("lifted", "min_count", "is_believed"), [(2, 2, True), (3, 2, False), (4, 8, True)])
def test_up_to_half_of_the_refusals_are_lifted_without_a_word_where_somebody_refuses_still(
    tmp_path: Path, lifted: int, min_count: int, is_believed: bool
) -> None:
    """Or as many as the guards let pass; of more no one knows whether the rule still asks what is meant."""
    stage = refusals_of_many(tmp_path, min_count=min_count)
    allowed, refused = MANY[: 1 + lifted], MANY[1 + lifted :]
    run = stage.run(2).read(allowed, withheld=refused)
    plan = run.plan()
    assert not [text for text in plan.warnings if "permission.equals" in text]
    assert (plan.state is PlanState.READY) is is_believed
    assert len({who for who, _, _ in operations(run.chunks())}) == (lifted if is_believed else 0)
    assert is_believed or "a value that permission.equals names" in plan.tripped_guards[0]
