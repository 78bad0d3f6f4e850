from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from segment_exports.records.outcomes import UNSUBSCRIBE, Operation, Outcome
from segment_exports.records.tables.schemas import CHUNK, CONTACTS, LEDGER, RECEIPT
from segment_exports.settling.earlier_contacts import EARLIER, EarlierContacts
from segment_exports.settling.effects import effects_of
from segment_exports.settling.folding import Fold

AT = datetime(2026, 11, 1, 5, tzinfo=UTC)
LISTS = ("A", "B")
NAMES = "abcde"


def key(name: str) -> bytes:
    return name.encode().ljust(16, b"\0")


def ledger_row(name: str, **known: Any) -> dict[str, Any]:
    blank = {"member_of": [], "uncertain_of": [], "suppressed": False, "seen_on": []}
    return dict.fromkeys(LEDGER.names) | blank | {"email_hash": key(name)} | known


def change(name: str, **planned: Any) -> dict[str, Any]:
    lists = {name: [] for name in ("joins", "leaves", "member_of", "previous_contact_ids")}
    blank = {"is_contact": True, **lists, "payload_hash": key("payload 1")}
    return dict.fromkeys(CHUNK.names) | blank | {"email_hash": key(name)} | planned


def answer(row: int, operation: str, outcome: Outcome, **told: Any) -> dict[str, Any]:
    blank = {"recreated": False, "attempts": 1, "at": AT}
    return (
        dict.fromkeys(RECEIPT.names)
        | blank
        | {"row": row, "operation": operation, "outcome": outcome.value}
        | told
    )


def folded(
    ledger: list[dict[str, Any]],
    changes: list[dict[str, Any]],
    answers: list[dict[str, Any]],
    *,
    customers: dict[str, str] | None = None,
    earlier: tuple[dict[str, Any], ...] = (),
    moved_ids: tuple[str, ...] = (),
    taken_ids: tuple[str, ...] = (),
    memberships_known: bool = True,
) -> dict[str, dict[str, Any]]:
    effects = effects_of(
        pa.Table.from_pylist(changes, schema=CHUNK),
        pa.Table.from_pylist(answers, schema=RECEIPT),
        LISTS,
    )
    contacts = [
        dict.fromkeys(CONTACTS.names)
        | {"email_hash": key(name), "customer_hash": key(customer), "email": "", "segments": []}
        | {"payload": "", "payload_hash": key("")}
        for name, customer in sorted((customers or {}).items())
    ]
    earlier_rows = [{name: row.get(name, []) for name in EARLIER.names} for row in earlier]
    fold = Fold(
        "run_2",
        LISTS,
        EarlierContacts(
            pa.Table.from_pylist(earlier_rows, schema=EARLIER),
            *(pa.array(ids, pa.string()) for ids in (moved_ids, taken_ids)),
        ),
        memberships_known=memberships_known,
    )
    rows = fold.apply(
        pa.Table.from_pylist(ledger, schema=LEDGER), effects, pa.Table.from_pylist(contacts, schema=CONTACTS)
    )
    assert rows.schema == LEDGER
    assert rows["email_hash"].to_pylist() == sorted(rows["email_hash"].to_pylist())
    return {row["email_hash"].rstrip(b"\0").decode(errors="replace"): row for row in rows.to_pylist()}


UPSERTED = answer(0, "upsert", Outcome.DELIVERED, contact_id="person_1")


def test_where_somebody_was_only_seen_is_kept_until_they_join_or_leave() -> None:
    known = ledger_row("a", contact_id="person_1", seen_on=["A", "B"])
    assert folded([known], [], [])["a"]["seen_on"] == ["A", "B"]
    planned = change("a", contact_id="person_1", joins=["A"], leaves=["B"])
    for outcomes, seen, member, in_doubt in (
        ((Outcome.DELIVERED, Outcome.DELIVERED), [], ["A"], []),
        ((Outcome.NOT_SENT, Outcome.NOT_SENT), ["A", "B"], [], []),
        ((Outcome.FAILED, Outcome.FAILED), [], [], ["A", "B"]),
    ):
        answers = [
            answer(0, what, outcome, list=title)
            for what, title, outcome in zip(("join", "leave"), LISTS, outcomes, strict=True)
        ]
        row = folded([known], [planned], answers)["a"]
        assert (row["seen_on"], row["member_of"], row["uncertain_of"]) == (seen, member, in_doubt)


def test_what_was_acknowledged_is_known() -> None:
    rows = folded(
        [],
        [change("a", payload="{}", joins=["A", "B"])],
        [
            UPSERTED,
            answer(0, "join", Outcome.DELIVERED, list="A"),
            answer(0, "join", Outcome.NOT_SENT, list="B"),
        ],
        customers={"a": "customer"},
    )
    assert rows["a"] == ledger_row(
        "a",
        customer_hash=key("customer"),
        contact_id="person_1",
        payload_hash=key("payload 1"),
        member_of=["A"],
    )


def test_what_was_not_sent_is_not_known() -> None:
    answers = [answer(0, "upsert", Outcome.NOT_SENT), answer(0, "join", Outcome.NOT_SENT, list="A")]
    assert folded([], [change("a", payload="{}", joins=["A"])], answers) == {}


def test_what_may_have_been_done_is_uncertain_and_names_the_run_that_knows_the_address() -> None:
    rows = folded(
        [ledger_row("b", payload_hash=key("payload 0"), member_of=["A"])],
        [change("a", payload="{}", joins=["A"]), change("b", payload="{}", leaves=["A"])],
        [
            answer(0, "upsert", Outcome.FAILED),
            answer(0, "join", Outcome.FAILED, list="A"),
            answer(1, "upsert", Outcome.FAILED),
            answer(1, "leave", Outcome.FAILED, list="A"),
        ],
    )
    unknown = {"payload_hash": None, "uncertain_of": ["A"], "uncertain_run": "run_2"}
    assert rows == {name: ledger_row(name, **unknown) for name in "ab"}


def test_certainty_returns_with_the_next_answer() -> None:
    before = ledger_row("a", uncertain_of=["A", "B"], uncertain_run="run_1")
    rows = folded(
        [before],
        [change("a", payload="{}", joins=["A"], leaves=["B"])],
        [
            UPSERTED,
            answer(0, "join", Outcome.DELIVERED, list="A"),
            answer(0, "leave", Outcome.DELIVERED, list="B"),
        ],
    )
    assert rows["a"] == ledger_row("a", contact_id="person_1", payload_hash=key("payload 1"), member_of=["A"])


def test_a_leave_ends_a_membership_and_keeps_the_row() -> None:
    before = ledger_row("a", contact_id="person_1", payload_hash=key("p"), member_of=["A", "B"])
    rows = folded([before], [change("a", leaves=["A"])], [answer(0, "leave", Outcome.DELIVERED, list="A")])
    assert rows["a"] == before | {"member_of": ["B"]}


@pytest.mark.parametrize("outcome", [Outcome.FAILED, Outcome.NOT_SENT, Outcome.REJECTED])
def test_a_leave_stays_due_until_its_unsubscribe_was_acknowledged(outcome: Outcome) -> None:
    before = ledger_row("a", contact_id="person_1", payload_hash=key("p"), member_of=["A"])
    changes = [change("a", is_contact=False, payload_hash=None, leaves=["A", UNSUBSCRIBE])]
    left = answer(0, "leave", Outcome.DELIVERED, list="A")
    rows = folded([before], changes, [left, answer(0, "leave", outcome, list=UNSUBSCRIBE)])
    assert (rows["a"]["member_of"], rows["a"]["uncertain_of"]) == ([], ["A"])
    rows = folded([rows["a"]], changes, [left, answer(0, "leave", Outcome.DELIVERED, list=UNSUBSCRIBE)])
    assert rows["a"] == before | {"member_of": []}


def test_a_contact_that_was_made_anew_has_only_what_it_was_given_since() -> None:
    before = ledger_row("a", contact_id="person_1", payload_hash=key("p"), member_of=["A", "B"])
    rows = folded(
        [before],
        [change("a", payload="{}", member_of=["A", "B"])],
        [
            answer(0, "upsert", Outcome.DELIVERED, contact_id="person_2", recreated=True),
            answer(0, "join", Outcome.DELIVERED, list="B", recreated=True),
        ],
    )
    assert (rows["a"]["contact_id"], rows["a"]["member_of"]) == ("person_2", ["B"])


@pytest.mark.parametrize("upsert", [None, Outcome.NOT_SENT, Outcome.REJECTED, Outcome.FAILED])
def test_a_contact_that_a_join_made_anew_has_no_fields_until_it_is_sent_whole(upsert: Outcome | None) -> None:
    before = ledger_row("a", contact_id="person_1", payload_hash=key("payload 1"))
    answers = [answer(0, "join", Outcome.DELIVERED, list="B", contact_id="person_2", recreated=True)]
    answers += [answer(0, "upsert", upsert, recreated=True)] if upsert else []

    rows = folded([before], [change("a", joins=["B"])], answers)

    assert (rows["a"]["contact_id"], rows["a"]["member_of"]) == ("person_2", ["B"])
    assert rows["a"]["payload_hash"] is None


def test_a_rejection_is_kept_with_its_time_and_reason_until_the_contact_is_taken() -> None:
    changes = [change("a", payload="{}")]
    rows = folded([], changes, [answer(0, "upsert", Outcome.REJECTED, reason="bad phone")])
    rejected = ledger_row("a", rejected_hash=key("payload 1"), rejected_at=AT, rejected_reason="bad phone")
    assert rows["a"] == rejected
    assert folded([rejected], changes, [answer(0, "upsert", Outcome.NOT_SENT)])["a"] == rejected
    assert folded([rejected], changes, [UPSERTED])["a"]["rejected_hash"] is None


def test_a_rejected_leave_is_no_rejected_contact() -> None:
    before = ledger_row("a", contact_id="person_1", member_of=["A"])
    rows = folded([before], [change("a", leaves=["A"])], [answer(0, "leave", Outcome.REJECTED, list="A")])
    assert rows["a"] == before


def test_suppression_lasts_until_a_join_succeeds() -> None:
    rows = folded(
        [],
        [change("a", payload="{}", joins=["A"])],
        [UPSERTED, answer(0, "join", Outcome.SUPPRESSED, list="A")],
    )
    assert rows["a"]["suppressed"]
    assert folded(list(rows.values()), [change("a", payload="{}")], [UPSERTED])["a"]["suppressed"]
    joined = folded(
        list(rows.values()), [change("a", joins=["B"])], [answer(0, "join", Outcome.DELIVERED, list="B")]
    )
    assert not joined["a"]["suppressed"]


BEFORE_MOVE = ledger_row(
    "a", contact_id="person_1", payload_hash=key("p"), member_of=["A"], uncertain_of=["B"]
)


def test_a_moved_contact_ends_under_its_old_address_and_takes_its_lists_along() -> None:
    moved = {"earlier": (BEFORE_MOVE,), "moved_ids": ("person_1",)}
    changes = [
        change("b", payload="{}", joins=["B"], previous_contact_ids=["person_1"], moved_contact_id="person_1")
    ]
    rows = folded([BEFORE_MOVE], changes, [UPSERTED, answer(0, "join", Outcome.NOT_SENT, list="B")], **moved)
    assert list(rows) == ["b"]
    assert (rows["b"]["member_of"], rows["b"]["uncertain_of"]) == (["A"], ["B"])
    rows = folded([BEFORE_MOVE], changes, [UPSERTED, answer(0, "join", Outcome.DELIVERED, list="B")], **moved)
    assert (rows["b"]["member_of"], rows["b"]["uncertain_of"]) == (["A", "B"], [])
    # A leave is sent to both: to the contact, and to whoever has the new address.
    left = [
        change(
            "b", payload="{}", leaves=["A"], previous_contact_ids=["person_1"], moved_contact_id="person_1"
        )
    ]
    rows = folded([BEFORE_MOVE], left, [UPSERTED, answer(0, "leave", Outcome.DELIVERED, list="A")], **moved)
    assert (rows["b"]["member_of"], rows["b"]["uncertain_of"]) == ([], ["B"])


def test_a_contact_that_may_have_been_moved_may_have_taken_its_lists_along() -> None:
    changes = [change("b", payload="{}", previous_contact_ids=["person_1"], moved_contact_id="person_1")]
    rows = folded([BEFORE_MOVE], changes, [answer(0, "upsert", Outcome.FAILED)], earlier=(BEFORE_MOVE,))
    assert rows["a"] == BEFORE_MOVE
    assert (rows["b"]["member_of"], rows["b"]["uncertain_of"]) == ([], ["A", "B"])


def test_a_contact_that_has_the_new_address_already_is_one_row_whoever_gave_it_that() -> None:
    changes = [change("b", payload="{}", joins=["A"], previous_contact_ids=["person_0", "person_1"])]
    answers = [UPSERTED, answer(0, "join", Outcome.DELIVERED, list="A")]
    both = {"earlier": (BEFORE_MOVE,), "moved_ids": ("person_1",)}
    rows = folded([BEFORE_MOVE], changes, answers, **both)
    assert list(rows) == ["b"]
    assert (rows["b"]["member_of"], rows["b"]["uncertain_of"]) == (["A"], ["B"])


@given(st.sets(st.sampled_from(LISTS)), st.sets(st.sampled_from(LISTS)), st.sets(st.sampled_from(LISTS)))
def test_one_contact_of_two_rows_is_believed_on_no_list_that_it_also_left(
    held: set[str], gained: set[str], left: set[str]
) -> None:
    """What was joined under one address and left under the other is sent again."""
    before = ledger_row("a", contact_id="person_1", member_of=sorted(held - left))
    changes = [change("b", payload="{}", joins=sorted(gained), previous_contact_ids=["person_1"])]
    joined = [answer(0, "join", Outcome.DELIVERED, list=title) for title in sorted(gained)]
    both = {"earlier": (before | {"left": sorted(left)},), "moved_ids": ("person_1",)}
    rows = folded([before], changes, [UPSERTED, *joined], **both)
    assert list(rows) == ["b"]
    assert set(rows["b"]["member_of"]) == (held | gained) - left
    assert set(rows["b"]["uncertain_of"]) == gained & left


@given(st.sets(st.sampled_from(LISTS)), st.sets(st.sampled_from(LISTS)), st.sets(st.sampled_from(LISTS)))
def test_a_contact_that_is_another_persons_now_brings_what_it_has_in_doubt_and_leaves_no_row_but_its_id(
    held: set[str], gained: set[str], left: set[str]
) -> None:
    before = ledger_row("a", customer_hash=key("c1"), contact_id="person_1", member_of=sorted(held | left))
    leaver = change("a", is_contact=False, contact_id="person_1")
    changes = [leaver, change("b", payload="{}", joins=sorted(gained))]
    answers = [answer(0, "leave", Outcome.DELIVERED, list=title) for title in sorted(left)]
    answers.append(answer(1, "upsert", Outcome.DELIVERED, contact_id="person_1"))
    answers += [answer(1, "join", Outcome.DELIVERED, list=title) for title in sorted(gained)]
    after = before | {"member_of": sorted(held - left), "left": sorted(left)}
    rows = folded([before], changes, answers, earlier=(after,), taken_ids=("person_1",))
    taker, (remembered,) = rows.pop("b"), rows.values()
    assert taker["contact_id"] == "person_1"
    assert set(taker["member_of"]) == gained - left
    assert set(taker["uncertain_of"]) == ((held - left) | gained) - (gained - left)
    assert (remembered["customer_hash"], remembered["contact_id"]) == (key("c1"), "person_1")
    assert remembered["member_of"] == remembered["uncertain_of"] == []
    assert remembered["payload_hash"] is None


def test_a_contact_that_was_not_moved_brings_nothing() -> None:
    changes = [change("b", payload="{}", previous_contact_ids=["person_1"], moved_contact_id="person_1")]
    another = answer(0, "upsert", Outcome.DELIVERED, contact_id="person_2")
    rows = folded([BEFORE_MOVE], changes, [another], earlier=(BEFORE_MOVE,))
    assert rows["a"] == BEFORE_MOVE
    assert (rows["b"]["member_of"], rows["b"]["uncertain_of"]) == ([], [])


def test_the_customer_of_an_address_follows_the_source() -> None:
    before = [ledger_row(name, contact_id=name, customer_hash=key("old")) for name in "ab"]
    rows = folded(before, [], [], customers={"a": "new"})
    assert [rows[name]["customer_hash"] for name in "ab"] == [key("new"), key("old")]


def test_memberships_kept_in_another_way_are_forgotten() -> None:
    before = [
        ledger_row("a", contact_id="1", member_of=["A"]),
        ledger_row("b", contact_id="2", uncertain_of=["B"], uncertain_run="run_1", payload_hash=key("p")),
    ]
    rows = folded(
        before,
        [change("a", joins=["B"])],
        [answer(0, "join", Outcome.DELIVERED, list="B")],
        memberships_known=False,
    )
    assert [(rows[name]["member_of"], rows[name]["uncertain_of"]) for name in "ab"] == [(["B"], []), ([], [])]
    assert rows["b"]["uncertain_run"] is None


lists = st.lists(st.sampled_from(LISTS), unique=True)
known_rows = st.builds(
    lambda contact, payload, member, doubted: {
        "contact_id": contact,
        "payload_hash": payload,
        "member_of": [one for one in LISTS if one in member],
        "uncertain_of": [one for one in LISTS if one in doubted and one not in member],
        "uncertain_run": "run_1" if set(doubted) - set(member) else None,
    },
    st.sampled_from([None, "person_0"]),
    st.sampled_from([None, key("payload 0")]),
    lists,
    lists,
)
outcomes = st.sampled_from(list(Outcome)[1:])


@settings(deadline=None, max_examples=80)
@given(
    st.dictionaries(st.sampled_from(NAMES), known_rows),
    st.dictionaries(
        st.sampled_from(NAMES),
        st.tuples(st.booleans(), lists, lists, st.lists(outcomes, min_size=5, max_size=5)),
    ),
)
def test_folding_an_outcome_twice_is_folding_it_once(
    known: dict[str, dict[str, Any]], planned: dict[str, tuple[bool, list[str], list[str], list[Outcome]]]
) -> None:
    ledger = [ledger_row(name, **row) for name, row in sorted(known.items())]
    changes, answers = [], []
    for row, (name, (upsert, joins, leaves, fates)) in enumerate(sorted(planned.items())):
        leaves = [one for one in leaves if one not in joins]
        changes.append(change(name, payload="{}" if upsert else None, joins=joins, leaves=leaves))
        operations = [
            *([(Operation.UPSERT, None)] if upsert else []),
            *((Operation.JOIN, one) for one in joins),
            *((Operation.LEAVE, one) for one in leaves),
        ]
        answers += [
            answer(row, what, fate, list=title, contact_id="person_1" if fate is Outcome.DELIVERED else None)
            for (what, title), fate in zip(operations, fates, strict=False)
        ]
    once = folded(ledger, changes, answers)
    assert folded(ledger, changes, answers) == once
    # Also on top of itself: a run whose receipts were folded before planning is folded again in vain.
    assert folded(list(once.values()), changes, answers) == once
    for row in once.values():
        assert not set(row["member_of"]) & set(row["uncertain_of"])
        if row["uncertain_of"]:
            assert row["uncertain_run"]


def test_a_contact_that_lives_under_another_address_is_known_until_it_has_left() -> None:
    before = ledger_row(
        "a", customer_hash=key("c"), contact_id="person_0", payload_hash=key("p"), member_of=["A", "B"]
    )
    rows = folded(
        [before],
        [change("a", payload="{}", contact_id="person_0", member_of=["A", "B"])],
        [
            UPSERTED,
            answer(0, "join", Outcome.DELIVERED, list="A", contact_id="person_1"),
            answer(0, "join", Outcome.FAILED, list="B", contact_id="person_1"),
            answer(0, "leave", Outcome.DELIVERED, list="A", contact_id="person_0"),
            answer(0, "leave", Outcome.FAILED, list="B", contact_id="person_0"),
        ],
    )
    own = rows.pop("a")
    (elsewhere,) = rows.values()
    assert own == before | {
        "contact_id": "person_1",
        "payload_hash": key("payload 1"),
        "member_of": ["A"],
        "uncertain_of": ["B"],
        "uncertain_run": "run_2",
    }
    left = {
        "customer_hash": key("c"),
        "contact_id": "person_0",
        "uncertain_of": ["B"],
        "uncertain_run": "run_2",
    }
    assert elsewhere == ledger_row("a", **left) | {"email_hash": elsewhere["email_hash"]}


@given(st.sets(st.sampled_from(LISTS)), st.sets(st.sampled_from(LISTS)), st.sets(st.sampled_from(LISTS)))
def test_whatever_a_displaced_contact_may_be_on_and_has_not_left_is_due(
    held: set[str], doubted: set[str], left: set[str]
) -> None:
    before = ledger_row(
        "a", contact_id="person_0", member_of=sorted(held), uncertain_of=sorted(doubted - held)
    )
    rows = folded(
        [before],
        [change("a", payload="{}", contact_id="person_0")],
        [UPSERTED, *(answer(0, "leave", Outcome.DELIVERED, list=title) for title in sorted(left))],
    )
    assert rows.pop("a")["member_of"] == []
    (elsewhere,) = rows.values()
    assert elsewhere["uncertain_of"] == sorted((held | doubted) - left)


@given(
    st.sets(st.sampled_from(LISTS)),
    st.sets(st.sampled_from(LISTS)),
    st.sets(st.sampled_from(LISTS)),
    st.booleans(),
)
def test_whom_an_unanswered_request_may_have_made_may_be_on_all_that_it_did_not_leave_with_the_known_one(
    held: set[str], doubted: set[str], left: set[str], both: bool
) -> None:
    before = ledger_row(
        "a",
        contact_id="person_0",
        member_of=sorted(held),
        uncertain_of=sorted(doubted - held),
        uncertain_run="run_1",
    )
    rows = folded(
        [before],
        [change("a", payload="{}", contact_id="person_0", leaves=sorted(left), maybe_anew=both)],
        [UPSERTED, *(answer(0, "leave", Outcome.DELIVERED, list=title) for title in sorted(left))],
    )
    own = rows.pop("a")
    assert (own["contact_id"], own["member_of"]) == ("person_1", [])
    assert own["uncertain_of"] == sorted((held | doubted) - (left if both else set()))
    (elsewhere,) = rows.values()
    assert elsewhere["uncertain_of"] == sorted((held | doubted) - left)


@pytest.mark.parametrize("in_doubt", [True, False])
def test_whom_an_unanswered_request_may_have_made_after_the_known_one_was_gone_may_be_on_its_lists(
    in_doubt: bool,
) -> None:
    run = "run_1" if in_doubt else None
    before = ledger_row("a", contact_id="person_0", member_of=["A", "B"], uncertain_run=run)
    rows = folded(
        [before],
        [change("a", payload="{}", contact_id="person_0", leaves=["A"])],
        [
            answer(0, "upsert", Outcome.DELIVERED, contact_id="person_1", recreated=True),
            answer(0, "leave", Outcome.DELIVERED, list="A"),
        ],
    )
    assert (rows["a"]["member_of"], rows["a"]["uncertain_of"]) == ([], ["B"] if in_doubt else [])
