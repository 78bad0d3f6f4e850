"""Whatever Autopilot does where nobody knows: for every switch the account ends as it must."""

from __future__ import annotations

import itertools
import time
from typing import TYPE_CHECKING, Any

import pytest
from tests.faults.people import LISTS, Event
from tests.stands.alone import Why

from segment_emulators.account_api.access_log import most_in_a_second
from segment_emulators.autopilot import (
    AddressTaken,
    BadContact,
    EmptyValue,
    Fault,
    FaultKind,
    ListOnUpsert,
    MapKeys,
    Names,
    SameTitle,
    UnknownCustomField,
    UnknownList,
)
from segment_exports.transport.pacing import MARGIN
from segment_exports.transport.transport import Transport

if TYPE_CHECKING:
    from tests.faults.scenario import Scenario

pytestmark = pytest.mark.alone(Why.SWITCHES)

PEOPLE = 80

SWITCHES: dict[str, dict[str, Any]] = {
    "a bad contact refuses its batch": {"bad_contact": BadContact.REFUSES_BATCH},
    "a bad contact is left out": {"bad_contact": BadContact.LEFT_OUT},
    "single upserts honour lists": {"list_in_single": ListOnUpsert.HONOURED},
    "empty values clear": {"empty_value": EmptyValue.CLEARS},
    "the map holds addresses as sent": {"map_keys": MapKeys.AS_SENT},
    "unknown lists are refused": {"unknown_list": UnknownList.REFUSED},
    "a title is taken once": {"same_title": SameTitle.CONFLICT},
    "delete answers 204": {"delete_status": 204},
    "addresses are not looked at": {"bad_syntax": False},
    "every call takes its time": {"latency": 0.01},
    "names are kept": {"names": Names.KEPT},
    "unknown fields are dropped": {"unknown_custom_field": UnknownCustomField.IGNORED},
}

EXPECTS: dict[str, dict[str, Any]] = {
    "names are kept": {"keeps_names": True},
    "unknown fields are dropped": {"drops_unknown_fields": True},
}


def three_refreshes(scenario: Scenario) -> None:
    for number in (1, 2, 3):
        result = scenario.refresh(number)
        assert not result.red, result.report.red_reasons
        scenario.check()


@pytest.mark.parametrize("switch", SWITCHES)
def test_the_account_is_what_it_must_be(scenario: Scenario, switch: str) -> None:
    scenario.emulator.switch(**SWITCHES[switch])
    scenario.begin(people=PEOPLE, expects=EXPECTS.get(switch))

    three_refreshes(scenario)


@pytest.mark.parametrize("in_bulk", ListOnUpsert)
@pytest.mark.ways("auto", "bulk")
def test_lists_in_bulk_upserts(scenario: Scenario, way: str, in_bulk: ListOnUpsert) -> None:
    scenario.emulator.switch(list_in_bulk=in_bulk)
    scenario.begin(people=PEOPLE, membership=way)

    three_refreshes(scenario)

    joined = scenario.emulator.log.select("join_list")
    honoured = in_bulk is ListOnUpsert.HONOURED
    assert (joined == []) == honoured


def test_a_bad_contact_refuses_a_batch_that_also_joins_lists(scenario: Scenario) -> None:
    scenario.emulator.switch(list_in_bulk=ListOnUpsert.HONOURED, bad_contact=BadContact.REFUSES_BATCH)
    scenario.begin(people=PEOPLE, membership="auto")

    three_refreshes(scenario)

    assert scenario.emulator.log.select("join_list") == []


@pytest.mark.parametrize(("first", "then"), list(itertools.permutations(ListOnUpsert, 2)))
def test_an_account_that_changes_its_mind_about_lists(
    scenario: Scenario, first: ListOnUpsert, then: ListOnUpsert
) -> None:
    """What was found out about an account is checked in every run, not believed for ever."""
    scenario.emulator.switch(list_in_bulk=first)
    scenario.begin(people=PEOPLE, membership="auto")
    assert not scenario.refresh(1).red
    scenario.check()
    scenario.emulator.switch(list_in_bulk=then)

    assert not scenario.refresh(2).red

    scenario.check()


@pytest.mark.parametrize("bad_contact", BadContact)
def test_fields_that_the_account_refuses_cost_only_their_contacts(
    scenario: Scenario, bad_contact: BadContact
) -> None:
    """The account knows the tier, but not the points: who has points is refused, all others land."""
    scenario.emulator.switch(unknown_custom_field=UnknownCustomField.REFUSED, bad_contact=bad_contact)
    scenario.emulator.account.know_custom_field("string--Loyalty--Tier")
    pointless = {f"p{number}@example.com" for number in range(40) if number % 7}
    scenario.begin(
        people=40,
        expects={"refuses": lambda email: email not in pointless},
        guards={"red_above_rejected": 1.0, "stop_above_rejected": 1.0, "min_count": 1000},
    )
    scenario.without_points = pointless

    result = scenario.refresh(1)

    assert result.report.contacts.rejected == result.report.contacts.total - len(pointless)
    scenario.check()


def test_a_field_that_the_account_refuses_of_nearly_everybody_is_mended_once(scenario: Scenario) -> None:
    """Refused in a row for one reason: that is the mapping's fault, and rejects nobody for seven days."""
    emulator = scenario.emulator
    emulator.switch(unknown_custom_field=UnknownCustomField.REFUSED, bad_contact=BadContact.REFUSES_BATCH)
    emulator.account.know_custom_field("string--Loyalty--Tier")
    scenario.begin(people=40)
    scenario.without_points = {"p7@example.com"}
    scenario.happen(1)
    scenario.write(1)
    first = scenario.export.run()
    emulator.account.know_custom_field("integer--Points")
    second = scenario.export.run()

    assert "one and the same reason" in str(first.report.red_reasons)
    assert first.report.contacts.rejected == 0
    assert not second.red
    scenario.check()


@pytest.mark.parametrize("taken", AddressTaken)
def test_new_addresses_of_other_contacts_are_never_taken_away(
    scenario: Scenario, taken: AddressTaken
) -> None:
    scenario.emulator.switch(address_taken=taken)
    scenario.begin(people=40, when_email_changes="move")

    for number in (1, 2, 3):
        assert not scenario.refresh(number).red

    scenario.check()


@pytest.mark.parametrize("same_title", SameTitle)
@pytest.mark.parametrize("kind", [FaultKind.RESET, FaultKind.ERROR])
@pytest.mark.parametrize("work_done", [True, False])
def test_no_list_is_made_twice(
    scenario: Scenario, kind: FaultKind, work_done: bool, same_title: SameTitle
) -> None:
    scenario.emulator.switch(same_title=same_title)
    scenario.emulator.inject(
        Fault(kind=kind, method="POST", path="^/list$", skip=1, times=2, work_done=work_done)
    )
    scenario.begin(people=10)

    result = scenario.refresh(1)

    assert not result.red, result.report.red_reasons
    scenario.check()


@pytest.mark.parametrize("unknown_list", UnknownList)
@pytest.mark.ways("list", "auto")
def test_a_list_that_vanishes_stops_the_run(scenario: Scenario, way: str, unknown_list: UnknownList) -> None:
    """Between planning and sending, in every way of keeping membership; no list is made in its place."""
    scenario.emulator.switch(list_in_bulk=ListOnUpsert.HONOURED, unknown_list=unknown_list)
    scenario.begin(people=40, membership=way)
    scenario.refresh(1)

    def vanish() -> None:
        for list_id in scenario.stand.list_ids("Win-back"):
            scenario.stand.delete_list(list_id)

    result = scenario.refresh(2, before_upload=vanish)

    assert result.red
    assert any("Win-back" in reason and "vanished" in reason for reason in result.report.red_reasons)
    assert scenario.stand.list_ids("Win-back") == []


def test_a_title_that_stands_twice_stops_the_run_before_anything_is_sent(scenario: Scenario) -> None:
    scenario.begin(people=10)
    ids = [scenario.stand.add_list("Gold") for _ in range(2)]

    result = scenario.refresh(1)

    assert result.red
    assert all(any(list_id in reason for reason in result.report.red_reasons) for list_id in ids)
    assert scenario.stand.writes() == []


def test_a_list_of_others_is_adopted_by_its_id_and_keeps_whom_they_put_there(scenario: Scenario) -> None:
    list_id = scenario.stand.add_list("Gold")
    scenario.begin(people=40)
    segments = [{"name": name, "list": title} for name, title in LISTS.items()]
    segments[0]["list_id"] = list_id
    scenario.export.define({**scenario.settings, "segments": segments})
    scenario.do(Event("add", "friend@example.com"))
    scenario.do(Event("put", "friend@example.com", "Gold"))

    three_refreshes(scenario)

    assert scenario.stand.list_ids("Gold") == [list_id]


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """When requests went out, in monotonic seconds."""
    moments: list[float] = []
    note = Transport._on_sent

    async def noting(client: Transport, *arguments: Any) -> None:
        moments.append(time.monotonic())
        await note(client, *arguments)

    monkeypatch.setattr(Transport, "_on_sent", noting)
    return moments


@pytest.mark.parametrize("rate", [5, 20])
def test_the_account_s_rate_is_kept(scenario: Scenario, sent: list[float], rate: int) -> None:
    """At the rate that stands on the connection, hardly a request is answered 429.

    On a busy machine some are: those that come too soon after one that was long on its way.
    """
    scenario.emulator.switch(rate=rate)
    scenario.begin(people=0)
    scenario.export.connect(rate=rate)

    result = scenario.refresh(1)

    assert not result.red, result.report.red_reasons
    scenario.check()
    arrived = [entry.arrived for entry in scenario.emulator.log.entries]
    assert len(arrived) > 2 * rate
    assert most_in_a_second(sent) <= rate
    on_the_way = [there - gone for there, gone in zip(arrived, sent, strict=True)]
    excused = sum(1 + seconds * rate for seconds in on_the_way if seconds > MARGIN)
    assert len(scenario.emulator.log.select(status=429)) <= 1 + excused


@pytest.mark.parametrize(
    "switches", [{"throttled_count": False}, {"throttled_count": True, "retry_after": 1}]
)
def test_an_account_that_allows_less_than_the_connection_says(
    scenario: Scenario, switches: dict[str, Any]
) -> None:
    """Others use it too, or its rate was lowered: the export gives way, and loses nothing."""
    scenario.emulator.switch(rate=20, **switches)
    scenario.begin(people=2)
    scenario.export.connect(rate=60)

    result = scenario.refresh(1)

    assert not result.red, result.report.red_reasons
    assert result.attempts == 1
    scenario.check()
    assert scenario.emulator.log.select(status=429)
