"""A request that may have been done: whatever is answered afterwards, that is not forgotten."""

from __future__ import annotations

import os
import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from tests.faults.lake_folder import Profile
from tests.stands.account_stand import Place
from tests.stands.alone import Why

from segment_emulators.autopilot import Fault, FaultKind, ListOnUpsert
from segment_exports.delivery import engine
from segment_exports.records.keyed_hash import KeyedHasher
from segment_exports.transport.transport import Transport

if TYPE_CHECKING:
    from tests.faults.scenario import Scenario

ANCHOR = [Profile("anchor", "anchor@example.com")]
PEOPLE = [Profile(f"c{number}", f"p{number}@example.com", "Nora") for number in range(6)]


def refresh(*gold: Profile) -> dict[str, list[Profile]]:
    return {"Gold": [*ANCHOR, *gold], "Churn": ANCHOR, "Readers": ANCHOR}


def begin(scenario: Scenario, way: str | None = None) -> None:
    scenario.begin(membership=way)
    if way == "bulk":
        scenario.stand.join_in_upserts()
    scenario.write_segments(1, refresh())
    assert not scenario.export.run().red
    scenario.write_segments(2, refresh(*PEOPLE))


def withdraw_all(scenario: Scenario) -> None:
    """All say No in the refresh after, and must be on no list, however little was known of them."""
    scenario.emulator.inject()
    scenario.write_segments(3, refresh(*(replace(one, Subscriber="No") for one in PEOPLE)))
    assert not scenario.export.run().red
    assert scenario.stand.members("Gold") == {"anchor@example.com"}


@pytest.mark.parametrize("status", [403, 405], ids=["403 from a firewall", "405 from a proxy"])
@pytest.mark.ways("bulk", "list")
def test_who_was_put_on_a_list_without_an_answer_and_withdraws_is_taken_off(
    scenario: Scenario, way: str, status: int
) -> None:
    begin(scenario, way)
    where = scenario.stand.at(Place.JOIN, way)
    unanswered = Fault(kind=FaultKind.RESET, work_done=True, times=4 if way == "list" else 1, **where)
    scenario.emulator.inject(unanswered, Fault(kind=FaultKind.ERROR, status=status, times=None, **where))

    assert scenario.export.run(retries=0).red

    withdraw_all(scenario)


@pytest.mark.ways("bulk")
def test_nor_is_it_forgotten_when_the_halves_of_a_batch_reach_nobody(
    scenario: Scenario, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    begin(scenario, way)
    tries, joins = 5, scenario.stand.at(Place.JOIN, way)
    scenario.emulator.inject(Fault(kind=FaultKind.RESET, work_done=True, times=tries, **joins))
    real, sent = Transport._request, []

    async def request(client: Transport, session: Any, request: Any, context: Any) -> Any:
        sent.extend([request] if re.search(joins["path"], request.path.removeprefix("/v1")) else [])
        if len(sent) > tries:
            raise ConnectionRefusedError(111, "Connection refused")
        return await real(client, session, request, context)

    with monkeypatch.context() as patched:
        patched.setattr(Transport, "_request", request)
        assert scenario.export.run(retries=0).red

    withdraw_all(scenario)


def test_a_second_attempt_that_reaches_nobody_does_not_forget_the_first(
    scenario: Scenario, monkeypatch: pytest.MonkeyPatch
) -> None:
    begin(scenario)
    joins = scenario.stand.at(Place.JOIN)
    scenario.emulator.inject(Fault(kind=FaultKind.RESET, work_done=True, times=None, **joins))

    def cut_the_line() -> None:
        async def nobody(*_: Any) -> Any:
            raise ConnectionRefusedError(111, "Connection refused")

        monkeypatch.setattr(Transport, "_request", nobody)

    real = Transport._request
    assert scenario.export.run(retries=1, between_attempts=cut_the_line).red
    monkeypatch.setattr(Transport, "_request", real)

    withdraw_all(scenario)


@pytest.mark.alone(Why.PROBING)
def test_joins_that_an_upload_could_not_check_any_more_are_made_good_by_the_next_run(
    scenario: Scenario, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only new contacts are put on the list; the sample misses one that is not, and the total isn't told."""
    monkeypatch.setitem(engine.deliver_chunk.__kwdefaults__, "uniform", lambda: 0.0)
    hasher = KeyedHasher(os.environ["AIRFLOW_VAR_AUTOPILOT_LEDGER_SECRET"])
    people = [Profile(f"n{number}", f"n{number}@example.com") for number in range(20)]
    people.sort(key=lambda one: hasher.text(one.EMail))
    last = people[-1].EMail
    scenario.begin(membership="bulk", when_member_leaves="remove")
    scenario.emulator.switch(list_in_bulk=ListOnUpsert.ON_CREATION)
    scenario.write_segments(1, refresh())
    assert not scenario.export.run().red
    scenario.stand.staff.add_contact(last)
    scenario.write_segments(2, {**refresh(), "Churn": people})
    scenario.emulator.inject(
        Fault(kind=FaultKind.ERROR, status=503, times=None, **scenario.stand.at(Place.MEMBERS))
    )

    unchecked = scenario.export.run(retries=0)

    assert unchecked.red
    assert unchecked.report.operations["join"].failed == len(people)
    assert last not in scenario.stand.members("Win-back")
    scenario.emulator.inject()
    assert not scenario.export.run().red
    assert scenario.stand.members("Win-back") == {one.EMail for one in people}
