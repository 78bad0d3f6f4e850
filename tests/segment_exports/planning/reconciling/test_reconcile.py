"""Reconciling is the same where membership is kept as lists and where it is a field of contacts."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.segment_exports.staged_run import HASHER, START, Person, Stage, definition_of, operations

from segment_exports.commands.erasing.erasure import erase
from segment_exports.errors import NotFoundError
from segment_exports.planning.reconciling.reconcile import Reconciled, reconcile
from segment_exports.records import lease
from segment_exports.records.outcomes import Outcome
from segment_exports.records.plan import PlanState

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from segment_exports.definition import ExportDefinition

ANN = Person("ann@example.com", "1", ("A",))
BOB = Person("bob@example.com", "2", ("A", "B"))
CAT = Person("cat@example.com", "3", ("B",))
IDS = {"A": "list_a", "B": "list_b"}
KINDS = ("list", "field")


@dataclass
class Destination:
    """What an account answers: members of lists page by page, and which contacts exist.

    A member is named by their contact id, or by (contact id, address); the id shows the address else. Asked
    for fields, it shows the same members.
    """

    lists: dict[str, list[list[str | tuple[str, str | None]]]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    def members(self, list_id: str) -> Iterator[Sequence[tuple[str, str | None]]]:
        self.asked.append(list_id)
        for page in self.lists[list_id]:
            yield [_shown(one) for one in page]

    def flagged(self, titles: Sequence[str]) -> Iterator[Sequence[tuple[str, str | None, Sequence[str]]]]:
        on: dict[tuple[str, str | None], list[str]] = {}
        for title in titles:
            for one in (one for page in self.lists[IDS[title]] for one in page):
                on.setdefault(_shown(one), []).append(title)
        people = [(*one, its) for one, its in on.items()]
        yield from (people[:1], people[1:])

    def count_existing(self, contact_ids: Sequence[str]) -> int:
        return len(contact_ids)


def _shown(one: str | tuple[str, str | None]) -> tuple[str, str | None]:
    return (one, one.removeprefix("person_") if "@" in one else None) if isinstance(one, str) else one


def kept_as(kind: str, **changes: Any) -> ExportDefinition:
    destination = {"connection": "autopilot_default", "membership": kind}
    return definition_of(**{"destination": destination, "when_member_leaves": "remove"} | changes)


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def stage(tmp_path: Path, kind: str) -> Stage:
    return Stage(tmp_path, kept_as(kind))


@pytest.fixture
def of_lists(tmp_path: Path) -> Stage:
    return Stage(tmp_path, kept_as("list"))


def shows(stage: Stage, **members: list[str]) -> None:
    """Let the destination show these members of the lists, as the definition keeps them."""
    kind = stage.definition.destination.membership
    lists = [{"name": name, "list_id": list_id} for name, list_id in IDS.items()]
    stage.definition = kept_as(kind, segments=lists)
    stage.flags, stage.members = {}, {}
    if kind == "field":
        stage.flags = members
    else:
        stage.members = {IDS[title]: people for title, people in members.items()}


def found(
    stage: Stage,
    destination: Destination,
    ids: dict[str, str] = IDS,
    *,
    people: Sequence[Person] = (ANN, BOB, CAT),
    withheld: Sequence[Person] = (),
) -> Reconciled:
    """Reconcile in a run of these people."""
    run = stage.run(9).read(people, withheld=withheld)
    held = lease.acquire(stage.export, "reconciling", is_alive=lambda _: False)
    return reconcile(run.request(), stage.ledgers.latest(), held, destination, ids)


def reconciled(
    stage: Stage, destination: Destination, ids: dict[str, str] = IDS, **read: Any
) -> dict[str, int]:
    return dict(found(stage, destination, ids, **read).corrected)


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


def test_a_membership_of_unknown_fate_is_sure_where_it_is_shown_and_else_in_doubt_still(stage: Stage) -> None:
    stage.run(1).whole([Person(ANN.email, "1", ("B",)), CAT])
    run = stage.run(2).read([ANN, Person(CAT.email, "3", ("A", "B")), Person("dan@example.com", "4")])
    run.plan()
    run.chunks()
    run.deliver(lambda *_: Outcome.FAILED).settle()
    shown = Destination({"list_a": [["person_cat@example.com"]], "list_b": [["person_cat@example.com"]]})
    assert reconciled(stage, shown) == {"A": 1, "B": 0}
    rows = {name: stage.known(f"{name}@example.com") for name in ("ann", "cat", "dan")}
    assert [(row["member_of"], row["uncertain_of"]) for row in rows.values()] == [
        ([], ["A", "B"]),
        (["A", "B"], []),
        # The address is shown on no list, and nobody knows which contact this would be.
        ([], ["A"]),
    ]


def test_lists_that_are_not_known_by_their_id_stay_as_they_are(of_lists: Stage) -> None:
    stage = of_lists
    stage.run(1).whole([ANN, CAT])
    destination = Destination({"list_a": [[]], "other": [[]]})
    assert reconciled(stage, destination, {"A": "list_a", "B": "", "Other": "other"}) == {"A": 1}
    assert destination.asked == ["list_a"]
    assert stage.known(CAT.email)["member_of"] == ["B"]


def test_before_the_first_run_there_is_nothing_to_reconcile(stage: Stage) -> None:
    assert reconciled(stage, Destination({"list_a": [[]], "list_b": [[]]})) == {"A": 0, "B": 0}
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
    shows(stage, A=["person_ann@example.com"], B=["person_bob@example.com"])
    run = stage.run(2).read([ANN, BOB])
    run.plan(reconcile=True)
    # Planned again: the first try was cut off after it had reconciled.
    run.plan(reconcile=True)
    assert operations(run.chunks()) == {(BOB.email, "join", "A"): 1}
    run.deliver().settle()
    assert stage.run(3).read([ANN, BOB]).plan().state is PlanState.NOTHING_DUE


def test_an_address_that_is_shown_settles_what_is_of_unknown_fate_and_gives_its_contact(stage: Stage) -> None:
    run = stage.run(1).read([ANN])
    run.plan()
    run.chunks()
    run.deliver(lambda *_: Outcome.FAILED).settle()
    found(stage, Destination({"list_a": [[("id 7", "Ann@Example.com")]], "list_b": [[]]}))
    row = stage.known(ANN.email)
    assert (row["contact_id"], row["member_of"], row["uncertain_of"]) == ("id 7", ["A"], [])


def lost_run(stage: Stage, number: int, people: list[Person]) -> None:
    """Deliver, and lose the run's folder before it is settled."""
    run = stage.run(number).read(people)
    run.plan()
    run.chunks()
    run.deliver()
    stage.export.remove(f"runs/{run.files.run}")


@pytest.mark.parametrize("before", [[], [ANN], [ANN, Person(BOB.email, "2", ("A",))]])
def test_who_withdrew_leaves_the_lists_that_a_lost_run_put_them_on(
    stage: Stage, before: list[Person]
) -> None:
    if before:
        stage.run(1).whole(before)
    lost_run(stage, 2, [ANN, BOB])
    shows(stage, A=["person_ann@example.com", "person_bob@example.com"], B=["person_bob@example.com"])
    run = stage.run(3).read([ANN], withheld=[BOB])
    plan = run.plan(reconcile=True)
    done = operations(run.chunks(approved=True))
    leaves = {(who, title) for who, what, title in done if what == "leave"}
    assert leaves == {("person_bob@example.com", "A"), ("person_bob@example.com", "B")}
    if not any(one.email == BOB.email for one in before):
        assert "list B: 1 person was on it without giving permission or although erased" in " ".join(
            plan.warnings
        )
    run.deliver().settle(approved=True)
    assert stage.known(BOB.email)["member_of"] == stage.known(BOB.email)["uncertain_of"] == []


def test_who_was_erased_since_leaves_too(stage: Stage) -> None:
    stage.run(1).whole([ANN])
    lost_run(stage, 2, [ANN, CAT])
    erase(stage.staging, HASHER, emails=[CAT.email], now=START)
    shown = Destination({"list_a": [["person_ann@example.com"]], "list_b": [["person_cat@example.com"]]})
    assert found(stage, shown, people=[ANN]).taken_up == {"A": 0, "B": 1}
    assert stage.known(CAT.email)["uncertain_of"] == ["B"]


def test_who_refused_in_an_earlier_run_and_is_gone_from_the_source_leaves_too(stage: Stage) -> None:
    stage.run(1).whole([ANN, CAT])
    lost_run(stage, 2, [ANN, BOB, CAT])
    stage.run(3).whole([ANN, CAT], withheld=[BOB])
    shown = Destination(
        {
            "list_a": [["person_ann@example.com", "person_bob@example.com"]],
            "list_b": [["person_cat@example.com"]],
        }
    )
    assert found(stage, shown, people=[ANN, CAT]).taken_up == {"A": 1, "B": 0}


def test_who_was_made_anew_by_the_lost_run_leaves_under_the_contact_that_is_shown(stage: Stage) -> None:
    stage.run(1).whole([ANN, BOB])
    shown = Destination({"list_a": [["person_ann@example.com", ("anew", BOB.email)]], "list_b": [[]]})
    found(stage, shown, people=[ANN], withheld=[BOB])
    row = stage.known(BOB.email)
    assert (row["contact_id"], row["payload_hash"], row["member_of"]) == ("anew", None, ["A"])


def test_nobody_is_taken_off_who_is_allowed_and_they_are_told(stage: Stage) -> None:
    stage.run(1).whole([ANN, BOB])
    shown = Destination(
        {
            "list_a": [["person_ann@example.com", "person_bob@example.com", "stranger@example.org"]],
            "list_b": [["person_bob@example.com", "person_ann@example.com", ("no address", None)]],
        }
    )
    what = found(stage, shown, people=[ANN, BOB])
    assert (what.taken_up, what.unexplained) == ({"A": 0, "B": 0}, {"A": 1, "B": 2})
    assert stage.known(ANN.email)["member_of"] == ["A"]
    assert stage.known("stranger@example.org")["seen_on"] == ["A"]
    assert len(stage.ledger_rows()) == 3, "who has no address can't be told again"
    assert [text.split(". ")[0] for text in what.warnings] == [
        "list A: 1 person is on it whom, as far as is known, this export did not put there",
        "list B: 2 people are on it whom, as far as is known, this export did not put there",
    ]


def test_of_a_list_that_was_not_read_whole_nobody_is_said_to_be_out_of_place(stage: Stage) -> None:
    stage.run(1).whole([ANN, BOB])
    run = stage.run(2).read([ANN], segments=("A",))
    held = lease.acquire(stage.export, "reconciling", is_alive=lambda _: False)
    shown = Destination({"list_a": [["person_ann@example.com"]], "list_b": [["one", "another"]]})
    what = reconcile(run.request(), stage.ledgers.latest(), held, shown, IDS)
    assert what.unexplained == {"A": 0, "B": 0}


def test_with_a_ledger_that_is_lost_who_withdrew_is_found_all_the_same(stage: Stage) -> None:
    stage.run(1).whole([ANN, BOB])
    stage.export.remove("ledger")
    shows(stage, A=["person_ann@example.com", "person_bob@example.com"], B=["person_bob@example.com"])
    run = stage.run(2).read([ANN], withheld=[BOB])
    run.plan(reconcile=True, full_resync=True)
    done = operations(run.chunks(approved=True))
    assert {who for who, what, _ in done if what == "leave"} == {"person_bob@example.com"}
    assert done[ANN.email, "upsert", None] == 1


def test_a_ledger_made_anew_of_those_who_must_leave_knows_how_membership_is_kept(
    stage: Stage, kind: str
) -> None:
    shown = Destination({"list_a": [[]], "list_b": [["person_bob@example.com"]]})
    found(stage, shown, people=[ANN], withheld=[BOB])
    ledger = stage.ledgers.latest()
    assert ledger.info.membership == kind
    assert set(ledger.titles) == {"A", "B"}
    assert stage.known(BOB.email)["uncertain_of"] == ["B"]


def test_a_field_that_the_ledger_alone_knows_is_read_too(tmp_path: Path) -> None:
    stage = Stage(tmp_path, kept_as("field"))
    stage.run(1).whole([ANN, BOB, CAT])
    stage.definition = kept_as("field", segments=["A"])
    shown = Destination({"list_a": [["person_ann@example.com"]], "list_b": [["person_cat@example.com"]]})
    assert reconciled(stage, shown, people=[ANN, BOB]) == {"A": 1, "B": 1}
    assert stage.known(CAT.email)["member_of"] == ["B"]
    assert stage.known(BOB.email)["member_of"] == []


# Who is on a list and no ledger knows it


def test_every_member_is_taken_up_as_ours_where_they_belong_and_else_as_somebody_who_was_seen(
    stage: Stage,
) -> None:
    everybody = ["person_ann@example.com", "person_bob@example.com", "dan@example.org"]
    found(stage, Destination({"list_a": [everybody], "list_b": [everybody]}), people=[ANN], withheld=[BOB])
    rows = [stage.known(one) for one in (ANN.email, BOB.email, "dan@example.org")]
    assert [(row["uncertain_of"], row["seen_on"]) for row in rows] == [
        (["A"], ["B"]),
        (["A", "B"], []),
        ([], ["A", "B"]),
    ]
    assert [row["customer_hash"] for row in rows] == [HASHER.text(ANN.customer), None, None]
    assert stage.ledgers.latest().info.addresses == 2, "nobody knows whose the third is"


@pytest.mark.parametrize("leavers", ["keep", "remove"])
@pytest.mark.parametrize("outcome", [Outcome.DELIVERED, Outcome.NOT_SENT])
def test_who_was_seen_leaves_once_they_refuse_whatever_became_of_the_run_that_saw_them_and_else_never(
    tmp_path: Path, kind: str, leavers: str, outcome: Outcome
) -> None:
    stage = Stage(tmp_path, kept_as(kind, when_member_leaves=leavers))
    stage.run(1).whole([ANN])
    shows(stage, A=["person_ann@example.com", "person_bob@example.com"], B=["person_ann@example.com"])
    run = stage.run(2).read([Person(ANN.email, "1", ("A", "B"), version=1)])
    run.plan(reconcile=True)
    run.chunks()
    run.deliver(lambda *_: outcome).settle()
    later = stage.run(3).read([Person(ANN.email, "1", ("A", "B"))])
    later.plan()
    assert not [what for _, what, _ in operations(later.chunks()) if what == "leave"]
    later.deliver().settle()
    assert stage.known(BOB.email)["seen_on"] == ["A"]
    last = stage.run(4).read([], withheld=[ANN, BOB])
    last.plan()
    assert set(operations(last.chunks(approved=True))) == {
        ("person_ann@example.com", "leave", "A"),
        ("person_ann@example.com", "leave", "B"),
        ("person_bob@example.com", "leave", "A"),
    }
    last.deliver().settle(approved=True)
    assert stage.run(5).read([], withheld=[ANN, BOB]).plan().operations.leave == 0


def test_who_was_seen_and_is_erased_leaves(stage: Stage) -> None:
    stage.run(1).whole([ANN])
    shows(stage, A=["person_ann@example.com"], B=["person_cat@example.com"])
    run = stage.run(2).read([ANN])
    run.plan(reconcile=True)
    run.settle()
    erase(stage.staging, HASHER, emails=[CAT.email], now=START)
    run = stage.run(3).read([ANN])
    run.plan()
    assert set(operations(run.chunks())) == {("person_cat@example.com", "leave", "B")}


def test_who_was_seen_and_belongs_on_the_list_later_is_ours_from_then_on(stage: Stage) -> None:
    stage.run(1).whole([ANN])
    shows(stage, A=["person_ann@example.com"], B=["person_cat@example.com"])
    run = stage.run(2).read([ANN])
    run.plan(reconcile=True)
    run.settle()
    stage.run(3).whole([ANN, CAT])
    row = stage.known(CAT.email)
    assert (row["member_of"], row["uncertain_of"], row["seen_on"]) == (["B"], [], [])


def test_a_run_of_a_part_takes_up_whom_it_did_not_judge(stage: Stage) -> None:
    stage.run(1).whole([ANN])
    lost_run(stage, 2, [ANN, CAT])
    shows(stage, A=["person_ann@example.com"], B=["person_cat@example.com"])
    run = stage.run(3).read([ANN], segments=("A",))
    run.plan(reconcile=True)
    run.settle()
    run = stage.run(4).read([ANN], withheld=[CAT])
    run.plan()
    assert set(operations(run.chunks())) == {("person_cat@example.com", "leave", "B")}


# What a list doesn't show is not believed gone


def test_who_refuses_leaves_also_where_the_list_shows_nobody(stage: Stage) -> None:
    stage.run(1).whole([ANN, BOB])
    shows(stage, A=[], B=["person_bob@example.com"])
    run = stage.run(2).read([BOB], withheld=[ANN])
    plan = run.plan(reconcile=True)
    assert "list A shows nobody, and this export put 2 people on it" in str(plan.warnings)
    assert set(operations(run.chunks())) == {
        ("person_ann@example.com", "leave", "A"),
        (BOB.email, "join", "A"),
    }


def test_who_left_leaves_where_leavers_do_and_else_once_they_refuse(tmp_path: Path, kind: str) -> None:
    for leavers, in_doubt, seen in (("remove", ["A"], []), ("keep", [], ["A"])):
        stage = Stage(tmp_path / leavers, kept_as(kind, when_member_leaves=leavers))
        stage.run(1).whole([ANN])
        found(stage, Destination({"list_a": [[]], "list_b": [[]]}), people=[])
        row = stage.known(ANN.email)
        assert (row["member_of"], row["uncertain_of"], row["seen_on"]) == ([], in_doubt, seen)


def test_of_a_list_that_the_definition_names_no_more_it_is_believed_but_of_who_refuses(stage: Stage) -> None:
    stage.run(1).whole([ANN, CAT, BOB])
    shows(stage, A=["person_ann@example.com", "person_bob@example.com"], B=[])
    ids = [{"name": "A", "list_id": "list_a"}]
    stage.definition = stage.definition.model_validate(
        stage.definition.model_dump(exclude_unset=True) | {"segments": ids}
    )
    found(
        stage,
        Destination({"list_a": [["person_ann@example.com", "person_bob@example.com"]], "list_b": [[]]}),
        people=[ANN],
        withheld=[BOB],
    )
    rows = [stage.known(one.email) for one in (CAT, BOB)]
    assert [(row["member_of"], row["uncertain_of"]) for row in rows] == [([], []), (["A"], ["B"])]


def test_an_address_that_another_contact_has_on_the_list_is_in_doubt_there(stage: Stage) -> None:
    """Staff deleted the contact and made it again: whose the list is, the next request tells."""
    stage.run(1).whole([ANN])
    found(stage, Destination({"list_a": [[]], "list_b": [[("anew", BOB.email)]]}), people=[ANN, BOB])
    assert stage.known(BOB.email)["uncertain_of"] == ["B"]
    found(stage, Destination({"list_a": [[("anew", ANN.email)]], "list_b": [[]]}), people=[ANN, BOB])
    row = stage.known(ANN.email)
    assert (row["contact_id"], row["uncertain_of"]) == ("person_ann@example.com", ["A"])


# Membership was kept in another way before


@pytest.fixture
def switched(tmp_path: Path, kind: str) -> Stage:
    """Ann and Bob were delivered as the other kind."""
    (other,) = set(KINDS) - {kind}
    stage = Stage(tmp_path, kept_as(other))
    stage.run(1).whole([ANN, BOB])
    stage.definition = kept_as(kind)
    return stage


def test_after_a_switch_the_kind_is_read_that_is_kept_now(switched: Stage, kind: str) -> None:
    shown = Destination({"list_a": [["person_ann@example.com", "person_bob@example.com"]], "list_b": [[]]})
    what = found(switched, shown, people=[ANN], withheld=[BOB])
    assert (what.corrected, what.taken_up) == ({"A": 0, "B": 0}, {"A": 1, "B": 0})
    rows = {one: switched.known(one.email) for one in (ANN, BOB)}
    assert [(row["member_of"], row["uncertain_of"]) for row in rows.values()] == [([], ["A"]), ([], ["A"])]
    assert rows[ANN]["payload_hash"] is not None
    info = switched.ledgers.latest().info
    assert (info.membership, info.members, info.filled) == (kind, {}, ())


def test_after_a_switch_it_is_said_what_is_not_read(switched: Stage, kind: str) -> None:
    what = found(switched, Destination({"list_a": [[]], "list_b": [[]]}), people=[ANN, BOB])
    (told,) = what.warnings
    (other,) = set(KINDS) - {kind}
    assert told.startswith(f"membership was kept as {other} and is kept as {kind} from now on")


def test_a_run_that_switches_and_reconciles_puts_all_on_the_lists_and_nobody_who_refuses_stays(
    switched: Stage,
) -> None:
    shows(switched, A=["person_bob@example.com"], B=[])
    run = switched.run(2).read([ANN], withheld=[BOB])
    plan = run.plan(reconcile=True)
    assert [text for text in plan.warnings if text.startswith("membership was kept as")]
    done = operations(run.chunks())
    assert set(done) == {(ANN.email, "join", "A"), ("person_bob@example.com", "leave", "A")}
    run.deliver().settle()
    assert switched.known(ANN.email)["member_of"] == ["A"]
    assert switched.run(3).read([ANN], withheld=[BOB]).plan().state is PlanState.NOTHING_DUE


def test_only_a_list_that_the_definition_names_no_more_may_be_gone(of_lists: Stage) -> None:
    stage = of_lists
    stage.run(1).whole([ANN, CAT])

    class Gone(Destination):
        def members(self, list_id: str) -> Iterator[Sequence[tuple[str, str | None]]]:
            if list_id == "list_b":
                raise NotFoundError("GET /list was answered 404")
            return super().members(list_id)

    destination = Gone({"list_a": [["person_ann@example.com"]]})
    with pytest.raises(NotFoundError):
        found(stage, destination)
    stage.definition = kept_as("list", segments=["A"])
    found(stage, destination, people=[ANN])
    assert stage.known(CAT.email)["member_of"] == []


@settings(deadline=None, max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    kind=st.sampled_from(KINDS),
    known=st.sets(st.sampled_from("abcdef")),
    on_list=st.sets(st.sampled_from("abcdef")),
    refusing=st.sets(st.sampled_from("abcdef")),
)
def test_after_a_run_with_reconcile_nobody_who_refuses_is_on_a_list_and_nobody_allowed_was_taken_off(
    kind: str, known: set[str], on_list: set[str], refusing: set[str]
) -> None:
    with TemporaryDirectory() as folder:
        stage = Stage(Path(folder), kept_as(kind, when_member_leaves="keep"))
        everybody = {name: Person(f"{name}@example.com", name) for name in "abcdef"}
        if known:
            stage.run(1).whole([everybody[name] for name in sorted(known)])
        shown = {f"person_{name}@example.com" for name in on_list}
        shows(stage, A=sorted(shown))
        allowed = [person for name, person in everybody.items() if name not in refusing]
        run = stage.run(2).read(allowed, withheld=[everybody[name] for name in sorted(refusing)])
        run.plan(reconcile=True)
        done = operations(run.chunks(approved=True))
        run.deliver().settle(approved=True)
        for who, what, _ in done:
            if what == "leave":
                assert who.removeprefix("person_")[0] in refusing
                shown.discard(who)
            elif what == "join":
                shown.add(f"person_{who}")
        assert shown == {f"person_{one.email}" for one in allowed}
