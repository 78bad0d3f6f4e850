"""The permission says nothing of anybody: nobody is added or taken for withdrawn, and duties go on."""

from __future__ import annotations

import os
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest
from tests.faults.lake_folder import Profile

from segment_exports.commands.erasing.erasure import erase
from segment_exports.errors import StagingError
from segment_exports.records.keyed_hash import KeyedHasher
from segment_exports.records.plan import planned
from segment_exports.records.staging import Store

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tests.faults.export_run import RunResult
    from tests.faults.scenario import Scenario

ANCHOR = Profile("anchor", "anchor@example.com")
ANN, BEN, CEM, DAN, EVA, FAY = (
    Profile(name, f"{name}@example.com", name) for name in ("ann", "ben", "cem", "dan", "eva", "fay")
)
EVERYBODY = (ANCHOR, ANN, BEN, CEM, DAN)


def addresses(*people: Profile) -> set[str]:
    return {one.EMail for one in people}


def silent(people: Iterable[Profile]) -> list[Profile]:
    """The same, of whom the column of consent is empty."""
    return [replace(one, Subscriber="") for one in people]


def on_gold(scenario: Scenario) -> set[str]:
    return scenario.stand.members("Gold")


def erase_one(scenario: Scenario, person: Profile, *, by: str = "address") -> None:
    hasher = KeyedHasher(os.environ["AIRFLOW_VAR_AUTOPILOT_LEDGER_SECRET"])
    staging = Store.local(scenario.export.staging)
    emails, ids = ([person.EMail], []) if by == "address" else ([], [person.CustomerId])
    erase(staging, hasher, emails=emails, customer_ids=ids, now=datetime.now(UTC))


def only_leaves(scenario: Scenario, result: RunResult) -> bool:
    """Whether a run sent nothing but leaves, and nobody could have let more pass."""
    plan = planned(scenario.export.files(result.run_id).store)
    assert result.report is not None
    operations = result.report.operations
    sent = {name for name, counts in operations.items() if counts.delivered}
    return sent <= {"leave"} and not plan.may_be_approved and result.red


@pytest.fixture(params=["remove", "keep"])
def delivered(scenario: Scenario, request: pytest.FixtureRequest) -> Scenario:
    scenario.begin(when_member_leaves=request.param)
    scenario.write_segments(1, {"Gold": EVERYBODY, "Churn": [ANCHOR], "Readers": [ANCHOR]})
    assert not scenario.export.run().red
    assert on_gold(scenario) == addresses(*EVERYBODY)
    return scenario


def test_where_a_segment_has_none_the_others_and_erasures_are_believed(delivered: Scenario) -> None:
    """Ben says No elsewhere, Cem was erased, Dan is in the segment no more, Fay is new."""
    churn = [ANCHOR, replace(BEN, Subscriber="No"), EVA]
    delivered.write_segments(
        2, {"Gold": silent((ANCHOR, ANN, BEN, CEM, FAY)), "Churn": churn, "Readers": [ANCHOR]}
    )
    erase_one(delivered, CEM)

    result = delivered.export.run()

    assert on_gold(delivered) == addresses(ANCHOR, ANN, DAN)
    assert only_leaves(delivered, result)
    (reason,) = result.report.red_reasons
    assert reason.startswith("permission: Subscriber (permission.attribute) has no value in any row of ")
    assert "Nothing was sent but 2 leaves of people who withdrew or were erased" in reason
    assert result.report.state == "stopped"


def test_where_the_rule_matches_nobody_no_answer_is_believed(delivered: Scenario) -> None:
    gold = [replace(one, Subscriber="\u201cYes\u201d") for one in (ANCHOR, ANN, BEN, CEM)]
    others = [replace(ANCHOR, Subscriber="No")]
    delivered.write_segments(2, {"Gold": gold, "Churn": others, "Readers": others})
    erase_one(delivered, CEM)

    result = delivered.export.run()

    assert on_gold(delivered) == addresses(ANCHOR, ANN, BEN, DAN)
    assert only_leaves(delivered, result)
    assert "permission.equals matches no row: of 6 values" in result.report.red_reasons[0]


def test_whose_profile_is_invalid_in_such_a_segment_has_not_withdrawn(delivered: Scenario) -> None:
    gold = silent((ANCHOR, replace(ANN, Points="many"), replace(BEN, EMail="ben at example.com"), CEM, DAN))
    delivered.write_segments(2, {"Gold": gold, "Churn": [ANCHOR], "Readers": [ANCHOR]})
    assert only_leaves(delivered, delivered.export.run())
    assert on_gold(delivered) == addresses(*EVERYBODY)


def test_when_the_column_is_back_all_that_waited_is_sent(delivered: Scenario) -> None:
    delivered.write_segments(2, {"Gold": silent((ANCHOR, ANN, FAY)), "Churn": [ANCHOR], "Readers": [ANCHOR]})
    assert delivered.export.run().red
    gold = [ANCHOR, ANN, replace(BEN, Subscriber="No"), CEM, DAN, FAY]
    delivered.write_segments(3, {"Gold": gold, "Churn": [ANCHOR], "Readers": [ANCHOR]})
    assert not delivered.export.run().red
    assert on_gold(delivered) == addresses(ANCHOR, ANN, CEM, DAN, FAY)


def test_who_refused_before_is_not_forgotten_over_it(delivered: Scenario) -> None:
    """A run of a part may add only who refused nowhere, as far as the last run knew that could tell."""
    other = [ANCHOR, replace(EVA, Subscriber="No")]
    delivered.write_segments(2, {"Gold": EVERYBODY, "Churn": other, "Readers": [ANCHOR]})
    assert not delivered.export.run().red
    nothing = {name: silent(people) for name, people in (("Churn", other), ("Readers", [ANCHOR]))}
    delivered.write_segments(3, {"Gold": [*EVERYBODY, EVA], **nothing})
    assert delivered.export.run().red
    delivered.write_segments(4, {"Gold": [*EVERYBODY, EVA], **nothing})
    assert not delivered.export.run(segments=["Gold"]).red
    assert on_gold(delivered) == addresses(*EVERYBODY)


PASSED_ON = replace(ANN, CustomerId="new owner", FirstName="Zoe")
OTHERWISE_GONE: dict[str, tuple[Profile, Profile | None]] = {
    "her address passed on, and she says No under another": (
        PASSED_ON,
        replace(ANN, EMail="ann@new.example.com", Subscriber="No"),
    ),
    "she has two addresses, and says No at the other": (
        ANN,
        replace(ANN, EMail="ann@new.example.com", Subscriber="No"),
    ),
    "she was erased by her id, and her address passed on": (PASSED_ON, None),
}


@pytest.mark.parametrize("why", OTHERWISE_GONE)
def test_an_address_of_which_nothing_can_be_said_is_not_unsubscribed_for_whom_it_was(
    scenario: Scenario, why: str
) -> None:
    """Nothing would undo it."""
    gold, churn = OTHERWISE_GONE[why]
    scenario.begin(when_permission_withdrawn="unsubscribe")
    rest = {"Churn": [ANCHOR, *([churn] if churn else [])], "Readers": [ANCHOR]}
    scenario.write_segments(1, {"Gold": [ANCHOR, ANN, BEN], "Churn": [ANCHOR], "Readers": [ANCHOR]})
    assert not scenario.export.run().red
    if churn is None:
        erase_one(scenario, ANN, by="customer")
    scenario.write_segments(2, {"Gold": silent([ANCHOR, gold, BEN]), **rest})
    assert scenario.export.run().red
    assert ANN.EMail in on_gold(scenario)
    scenario.write_segments(3, {"Gold": [ANCHOR, gold, BEN], **rest})
    assert not scenario.export.run().red
    assert ANN.EMail in on_gold(scenario)
    assert not scenario.stand.person(ANN.EMail).unsubscribed


def test_a_part_takes_a_customers_other_address_off_and_does_not_unsubscribe_it(scenario: Scenario) -> None:
    """It may be another person's by now: only a run of all segments can tell."""
    scenario.begin(when_permission_withdrawn="unsubscribe")
    scenario.write_segments(1, {"Gold": [ANCHOR, ANN], "Churn": [ANCHOR], "Readers": [ANCHOR]})
    assert not scenario.export.run().red
    says_no = replace(ANN, EMail="ann@new.example.com", Subscriber="No")
    scenario.write_segments(2, {"Gold": [ANCHOR, PASSED_ON], "Churn": [ANCHOR, says_no], "Readers": [ANCHOR]})
    assert not scenario.export.run(segments=["Churn"]).red
    assert ANN.EMail not in on_gold(scenario)
    assert not scenario.stand.person(ANN.EMail).unsubscribed
    assert not scenario.export.run().red
    assert ANN.EMail in on_gold(scenario)


def test_where_one_segment_is_empty_and_nobody_says_yes_in_the_others_both_is_told(
    delivered: Scenario,
) -> None:
    others = [replace(ANCHOR, Subscriber="No")]
    delivered.write_segments(2, {"Gold": silent(EVERYBODY), "Churn": others, "Readers": others})
    (reason,) = delivered.export.run().report.red_reasons
    assert "Subscriber (permission.attribute) has no value in any row of Gold (5 read)" in reason
    assert "matches no row: of 7 values of Subscriber 5 are empty and 2 are others" in reason
    assert on_gold(delivered) == addresses(*EVERYBODY)


def test_after_the_rule_is_corrected_who_was_judged_by_the_old_one_is_judged_again(
    scenario: Scenario,
) -> None:
    scenario.begin(
        permission={"attribute": "Tier", "equals": "Yes"},
        guards={"stop_above_added": 0.1, "min_count": 0, "red_above_rejected": 1.0},
    )
    people = [replace(one, Tier="Yes") for one in (ANCHOR, ANN, BEN, replace(EVA, Subscriber="No"))]
    rest = {"Churn": people[:1], "Readers": people[:1]}
    scenario.write_segments(1, {"Gold": people[:2], **rest})
    assert not scenario.export.run().red
    scenario.write_segments(2, {"Gold": people, **rest})
    stopped = scenario.export.run()
    assert stopped.red

    corrected = {"permission": {"attribute": "Subscriber", "equals": "Yes"}, "guards": {"min_count": 1000}}
    scenario.export.define(scenario.settings | corrected)
    with pytest.raises(StagingError, match=r"judged by what was asked before\. Clear map_profiles"):
        scenario.export.deliver_staged(stopped.run_id)

    assert on_gold(scenario) == addresses(ANCHOR, ANN)
    assert not scenario.export.run().red
    assert on_gold(scenario) == addresses(ANCHOR, ANN, BEN)
