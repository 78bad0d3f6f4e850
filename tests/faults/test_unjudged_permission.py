"""The permission says nothing of anybody: nobody is added or taken for withdrawn, and duties go on."""

from __future__ import annotations

import os
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest
from tests.faults.lake_folder import Profile

from segment_exports.commands.erasure import erase
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
    return scenario.emulator.account.members("Gold")


def erase_one(scenario: Scenario, person: Profile) -> None:
    hasher = KeyedHasher(os.environ["AIRFLOW_VAR_AUTOPILOT_LEDGER_KEY"])
    staging = Store.local(scenario.export.staging)
    erase(staging, hasher, emails=[person.EMail], customer_ids=[], now=datetime.now(UTC))


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
