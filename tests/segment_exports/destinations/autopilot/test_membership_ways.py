"""Which way of keeping membership is taken, and that it is right either way."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from segment_emulators.autopilot import Fault, FaultKind, ListOnUpsert
from segment_exports.delivery.job import StopKind
from segment_exports.destinations.autopilot.membership import BulkAnswer, MembershipMemory

NOW = datetime(2026, 3, 1, tzinfo=UTC)
UNANSWERED_LOOK_AT_A_LIST = Fault(
    kind=FaultKind.ERROR, status=503, method="GET", path="^/list/[^/]+/contacts", times=None
)


def bulk_requests(scene) -> int:
    return scene.requests()["upsert_contacts"]


def joins(scene) -> int:
    return scene.requests()["join_list"]


def first_export(people, count=300):
    return [people(number, joins=["News"]) for number in range(count)]


def everybody(count=300) -> set[str]:
    return {f"p{number}@example.com" for number in range(count)}


@pytest.mark.parametrize(
    ("rule", "answer", "way"),
    [
        (ListOnUpsert.HONOURED, BulkAnswer(True, True), "bulk"),
        (ListOnUpsert.ON_CREATION, BulkAnswer(True, False), "list"),
        (ListOnUpsert.IGNORED, BulkAnswer(False, None), "list"),
    ],
)
async def test_auto_finds_out_with_a_new_and_an_existing_contact(scene, people, rule, answer, way) -> None:
    scene.emulator.switch(list_in_bulk=rule)
    scene.chunk(first_export(people))
    result = await scene.deliver(membership="auto")

    assert MembershipMemory(scene.account).read() == answer
    assert result.membership == way
    assert result.complete
    assert result.counts["join"] == {"delivered": 300}
    assert scene.members("News") == everybody()
    assert joins(scene) == (0 if way == "bulk" else 300 - (answer.new is True))


@pytest.mark.parametrize("rule", list(ListOnUpsert))
async def test_the_probe_writes_nothing_that_is_not_due(scene, people, rule) -> None:
    scene.emulator.switch(list_in_bulk=rule)
    scene.chunk(first_export(people, 40))
    await scene.deliver(membership="auto")
    keys = {key for entry in scene.emulator.log.entries for key in entry.body_keys}

    assert keys <= {"Email", "FirstName", "custom", "custom/string--Tier", "_autopilot_list", "name"}
    assert len(scene.emulator.account.contacts) == 40
    assert scene.members("News") == everybody(40)


async def test_the_answer_is_remembered_per_connection(scene, people) -> None:
    scene.emulator.switch(list_in_bulk=ListOnUpsert.HONOURED)
    MembershipMemory(scene.account).write(BulkAnswer(True, True), NOW)
    scene.chunk(first_export(people))
    result = await scene.deliver(membership="auto")

    assert result.membership == "bulk"
    assert bulk_requests(scene) == 3
    assert scene.requests()["get_contact"] == 0


async def test_few_joins_are_not_worth_finding_out(scene, people) -> None:
    scene.emulator.switch(list_in_bulk=ListOnUpsert.HONOURED)
    scene.chunk(first_export(people, 5))
    result = await scene.deliver(membership="auto")

    assert result.membership == "list"
    assert MembershipMemory(scene.account).read() is None


async def test_only_existing_contacts_at_hand_answer_for_these(scene, people) -> None:
    scene.emulator.switch(list_in_bulk=ListOnUpsert.HONOURED)
    rows = [
        people(number, contact_id=scene.emulator.staff.add_contact(f"p{number}@example.com"), joins=["News"])
        for number in range(30)
    ]
    scene.chunk(rows)
    result = await scene.deliver(membership="auto")

    assert MembershipMemory(scene.account).read() == BulkAnswer(None, True)
    assert result.membership == "bulk"
    assert scene.members("News") == everybody(30)


async def test_an_existing_contact_that_is_a_member_already_proves_nothing(scene, people) -> None:
    ids = scene.adopt("News")
    scene.emulator.switch(list_in_bulk=ListOnUpsert.IGNORED)
    rows = []
    for number in range(30):
        on = (ids["News"],) if number < 2 else ()
        known = scene.emulator.staff.add_contact(f"p{number}@example.com", lists=on)
        rows.append(people(number, contact_id=known, joins=["News"]))
    scene.chunk(rows)
    await scene.deliver(membership="auto")

    assert MembershipMemory(scene.account).read() == BulkAnswer(None, False)
    assert scene.members("News") == everybody(30)


@pytest.mark.parametrize("rule", [ListOnUpsert.IGNORED, ListOnUpsert.ON_CREATION])
@pytest.mark.parametrize("asked", ["auto", "bulk"])
async def test_a_way_that_does_not_hold_is_noticed_and_repaired(scene, people, rule, asked) -> None:
    """The account stopped honouring it, or the one who forced it was wrong."""
    scene.emulator.switch(list_in_bulk=rule)
    MembershipMemory(scene.account).write(BulkAnswer(True, True), NOW)
    rows = [
        people(number, contact_id=scene.emulator.staff.add_contact(f"p{number}@example.com"), joins=["News"])
        for number in range(250)
    ]
    scene.chunk(rows)
    result = await scene.deliver(membership=asked)

    assert result.membership == "list"
    assert "single calls" in result.membership_note
    assert MembershipMemory(scene.account).read() is None
    assert scene.members("News") == everybody(250)
    assert result.complete
    assert bulk_requests(scene) == 3


async def test_a_way_that_ceases_to_hold_midway_is_noticed_at_the_end(scene, people) -> None:
    scene.emulator.switch(list_in_bulk=ListOnUpsert.HONOURED)
    scene.chunk(first_export(people, 400))
    client = scene.client()
    upsert, sent = client.bulk_upsert, []

    async def stops_after_the_second(contacts, call):
        sent.append(1)
        if len(sent) == 3:
            scene.emulator.switch(list_in_bulk=ListOnUpsert.IGNORED)
        return await upsert(contacts, call)

    client.bulk_upsert = stops_after_the_second
    result = await scene.deliver(client, membership="bulk", requests_in_flight=1)

    assert "single calls" in result.membership_note
    assert scene.members("News") == everybody(400)
    assert set(scene.outcomes().values()) == {"delivered"}


def new_contacts_and_one_that_exists(scene, people, count=30) -> set[str]:
    """Make the chunk. The last contact exists, which we don't know: lists kept for new ones only miss it."""
    scene.emulator.staff.add_contact(f"p{count - 1}@example.com")
    scene.chunk(first_export(people, count))
    return everybody(count)


async def test_the_sample_holds_contacts_that_were_known_before(scene, people) -> None:
    """One of 300 is: it is looked at, whatever chance says of the others."""
    scene.emulator.switch(list_in_bulk=ListOnUpsert.ON_CREATION)
    known = scene.emulator.staff.add_contact("p250@example.com")
    rows = first_export(people)
    rows[250] |= {"contact_id": known, "payload": None}
    scene.chunk(rows)
    result = await scene.deliver(membership="bulk", uniform=lambda: 0.0)

    assert "single calls" in result.membership_note
    assert scene.members("News") == everybody()


async def test_joins_that_nobody_could_check_are_in_doubt_until_the_next_attempt_checks_them(
    scene, people
) -> None:
    """The check reads the list at the end; it is not answered. All that is left to the retry is the check."""
    scene.emulator.switch(list_in_bulk=ListOnUpsert.ON_CREATION)
    wanted = new_contacts_and_one_that_exists(scene, people)
    scene.emulator.inject(UNANSWERED_LOOK_AT_A_LIST)
    first = await scene.deliver(membership="bulk", uniform=lambda: 0.0)

    assert first.stopped.kind is StopKind.UNREACHABLE
    assert scene.members("News") == wanted - {"p29@example.com"}
    assert scene.outcomes()[0, "upsert", None] == "delivered"
    assert scene.outcomes()[0, "join", "News"] == "failed"
    scene.emulator.inject()
    sent = bulk_requests(scene)
    second = await scene.deliver(membership="bulk", uniform=lambda: 0.0)

    assert second.complete
    assert "single calls" in second.membership_note
    assert bulk_requests(scene) == sent, "the contacts are known to be there"
    assert scene.members("News") == wanted
    assert set(scene.outcomes().values()) == {"delivered"}


async def test_joins_that_stand_are_not_sent_again_for_want_of_a_check(scene, people) -> None:
    scene.emulator.switch(list_in_bulk=ListOnUpsert.HONOURED)
    scene.chunk(first_export(people, 30))
    scene.emulator.inject(UNANSWERED_LOOK_AT_A_LIST)
    assert not (await scene.deliver(membership="bulk")).complete
    scene.emulator.inject()
    before = len(scene.emulator.log)
    result = await scene.deliver(membership="bulk")
    third = await scene.deliver(membership="bulk")

    assert result.complete
    assert scene.emulator.log.writes(before) == []
    assert set(scene.outcomes().values()) == {"delivered"}
    assert third.requests["total"] == 0


async def test_another_way_at_the_retry_checks_what_went_in_bulk_before(scene, people) -> None:
    """As where ``auto`` has forgotten, just before it was killed, that bulk upserts serve."""
    scene.emulator.switch(list_in_bulk=ListOnUpsert.ON_CREATION)
    wanted = new_contacts_and_one_that_exists(scene, people)
    scene.emulator.inject(UNANSWERED_LOOK_AT_A_LIST)
    assert not (await scene.deliver(membership="bulk", uniform=lambda: 0.0)).complete
    scene.emulator.inject()
    result = await scene.deliver(membership="list", uniform=lambda: 0.0)

    assert result.complete
    assert scene.members("News") == wanted


async def test_bulk_checks_a_sample_at_the_start_and_at_the_end_and_the_total(scene, people) -> None:
    scene.emulator.switch(list_in_bulk=ListOnUpsert.HONOURED)
    scene.chunk(first_export(people, 300))
    await scene.deliver(membership="bulk")

    assert scene.requests()["check_membership"] == 10
    assert scene.requests()["get_list_contacts"] == 1
    assert bulk_requests(scene) == 3


async def test_a_second_list_costs_a_second_place(scene, people) -> None:
    scene.emulator.switch(list_in_bulk=ListOnUpsert.HONOURED)
    scene.chunk([people(number, joins=["News", "Win back"]) for number in range(200)])
    await scene.deliver(membership="bulk")

    assert bulk_requests(scene) == 4
    assert scene.members("News") == scene.members("Win back") == everybody(200)


async def test_fields_stand_for_lists_and_leave_other_fields_alone(scene, people) -> None:
    known = scene.emulator.staff.add_contact("p0@example.com", custom={"boolean--List--Win--back": True})
    scene.chunk(
        [
            people(0, payload=None, contact_id=known, joins=["News"], leaves=["Win back"]),
            people(1, joins=["News", "Win back"]),
            people(2, payload='{"Email":"p2@example.com"}', joins=["News"]),
        ]
    )
    result = await scene.deliver(membership="field")

    def fields(number):
        return {one["kind"]: one["value"] for one in scene.contact(f"p{number}@example.com")["custom_fields"]}

    assert result.complete
    assert fields(0) == {"List News": True, "List Win back": False}
    assert fields(1) == {"Tier": "gold", "List News": True, "List Win back": True}
    assert fields(2) == {"List News": True}
    assert scene.requests() == {"upsert_contacts": 1}


async def test_in_field_way_nobody_is_made_anew_by_leaving(scene, people) -> None:
    withdrawn = {"payload": None, "is_contact": False, "leaves": ["News"]}
    scene.chunk([people(0, contact_id="person_GONE", **withdrawn), people(1, **withdrawn)])
    result = await scene.deliver(membership="field")

    assert result.counts["leave"] == {"delivered": 2}
    assert not scene.emulator.account.contacts


async def test_in_field_way_a_leaver_whose_address_is_unknown_costs_one_look_up(scene, people) -> None:
    """And one that is gone two."""
    gone = people(1, email=None, payload=None, contact_id="person_GONE", leaves=["News"], is_contact=False)
    known = scene.emulator.staff.add_contact("P0@example.com", custom={"boolean--List--News": True})
    scene.chunk([people(0, email=None, payload=None, contact_id=known, leaves=["News"]), gone])
    result = await scene.deliver(membership="field")

    assert result.counts["leave"] == {"delivered": 2}
    assert scene.contact("p0@example.com")["custom_fields"][0]["value"] is False
    assert scene.requests() == {"get_contact": 3, "upsert_contacts": 1}
