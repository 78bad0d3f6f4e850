"""One chunk, delivered to a quiet account."""

from __future__ import annotations

import pytest

from segment_emulators.autopilot import BadContact, MapKeys
from segment_exports.delivery.job import StopKind
from segment_exports.errors import StagingError
from segment_exports.records.outcomes import UNSUBSCRIBE

WAYS = ["list", "bulk", "field"]


def memberships(scene, number_of_people) -> dict[str, set[str]]:
    """Lists (or true fields that stand for them) by address."""
    found = {}
    for number in range(number_of_people):
        email = f"p{number}@example.com"
        custom = {one["kind"]: one["value"] for one in scene.contact(email).get("custom_fields", [])}
        fields = {kind.removeprefix("List ") for kind, value in custom.items() if value is True}
        found[email] = {title for title in scene.titles if email in scene.members(title)} | fields
    return found


@pytest.mark.parametrize("way", WAYS)
async def test_every_contact_is_upserted_and_on_its_lists(scene, people, way) -> None:
    scene.emulator.switch(list_in_bulk="honoured")
    lists = [["News"], ["News", "Win back"], [], ["Win back"]]
    scene.chunk([people(number, joins=lists[number % 4]) for number in range(250)])
    result = await scene.deliver(membership=way)

    assert result.complete
    assert result.counts["upsert"] == {"delivered": 250}
    assert result.counts["join"] == {"delivered": 251}
    assert memberships(scene, 250) == {
        f"p{number}@example.com": set(lists[number % 4]) for number in range(250)
    }
    assert scene.contact("p7@example.com")["FirstName"] == "Nora7"
    assert set(scene.outcomes().values()) == {"delivered"}


@pytest.mark.parametrize(("way", "batches"), [("list", 10), ("bulk", 15), ("field", 10)])
async def test_batches_are_as_full_as_they_can_be(scene, people, way, batches) -> None:
    scene.emulator.switch(list_in_bulk="honoured")
    lists = {"list": [[]], "bulk": [["News"], ["News", "Win back"]], "field": [["News"]]}[way]
    scene.chunk([people(number, joins=lists[number % len(lists)]) for number in range(990)])
    await scene.deliver(membership=way)
    sizes = sorted((entry.contacts for entry in scene.emulator.log.select("upsert_contacts")), reverse=True)

    assert len(sizes) == batches
    assert sizes[:-1] == [100] * (batches - 1)


@pytest.mark.parametrize("way", WAYS)
async def test_no_batch_names_an_address_twice(scene, people, way) -> None:
    scene.emulator.switch(list_in_bulk="honoured")
    scene.chunk([people(number, joins=["News", "Win back"]) for number in range(130)])
    await scene.deliver(membership=way)

    for entry in scene.emulator.log.select("upsert_contacts"):
        assert len(set(entry.emails)) == len(entry.emails)


@pytest.mark.parametrize("way", WAYS)
async def test_nothing_but_the_payload_and_membership_is_sent(scene, people, way) -> None:
    scene.emulator.switch(list_in_bulk="honoured")
    scene.chunk([people(number, joins=["News"]) for number in range(20)])
    await scene.deliver(membership=way)
    keys = {key for entry in scene.emulator.log.entries for key in entry.body_keys}
    extra = {"list": set(), "bulk": {"_autopilot_list"}, "field": {"custom/boolean--List--News"}}[way]

    assert keys - {"name"} == {"Email", "FirstName", "custom", "custom/string--Tier"} | extra


@pytest.mark.parametrize("way", WAYS)
async def test_people_who_unsubscribed_stay_so(scene, people, way) -> None:
    scene.emulator.switch(list_in_bulk="honoured")
    scene.emulator.staff.add_contact("p3@example.com", unsubscribed=True)
    scene.chunk([people(number, joins=["News"]) for number in range(20)])
    await scene.deliver(membership=way)

    assert scene.contact("p3@example.com")["unsubscribed"] is True


@pytest.mark.parametrize("way", ["list", "field"])
async def test_members_without_a_changed_payload_cost_no_upsert_of_it(scene, people, way) -> None:
    known = scene.emulator.staff.add_contact("p0@example.com", FirstName="As before")
    scene.chunk([people(0, payload=None, payload_hash=None, contact_id=known, joins=["News"])])
    result = await scene.deliver(membership=way)

    assert result.counts == {"upsert": {}, "join": {"delivered": 1}, "leave": {}}
    assert scene.contact("p0@example.com")["FirstName"] == "As before"
    assert memberships(scene, 1) == {"p0@example.com": {"News"}}
    assert scene.requests()["upsert_contacts"] == (0 if way == "list" else 1)


async def test_five_hundred_joins_and_three_hundred_leaves_are_eight_hundred_calls(scene, people) -> None:
    ids = scene.adopt("News")
    rows = []
    for number in range(800):
        email, leaves = f"p{number}@example.com", number >= 500
        known = scene.emulator.staff.add_contact(email, lists=(ids["News"],) if leaves else ())
        rows.append(
            people(
                number,
                contact_id=known,
                payload=None,
                joins=[] if leaves else ["News"],
                leaves=["News"] if leaves else [],
            )
        )
    scene.chunk(rows)
    await scene.deliver()

    assert scene.requests() == {"get_lists": 1, "join_list": 500, "leave_list": 300}
    assert scene.members("News") == {f"p{number}@example.com" for number in range(500)}


async def test_addresses_are_compared_without_regard_to_case(scene, people) -> None:
    scene.emulator.switch(map_keys=MapKeys.AS_SENT)
    scene.chunk([people(0, email="Nora@Example.com", joins=["News"])])
    result = await scene.deliver()

    assert result.complete
    assert result.count("delivered") == 2


async def test_who_left_or_never_was_there_counts_as_gone(scene, people) -> None:
    ids = scene.adopt("News")
    member = scene.emulator.staff.add_contact("p0@example.com", lists=(ids["News"],))
    other = scene.emulator.staff.add_contact("p1@example.com")
    leaver = {"is_contact": False, "payload": None, "leaves": ["News"]}
    scene.chunk(
        [
            people(0, email=None, contact_id=member, **leaver),
            people(1, contact_id=other, **leaver),
            people(2, contact_id="person_GONE", **leaver),
            people(3, **leaver),
        ]
    )
    result = await scene.deliver()

    assert result.counts["leave"] == {"delivered": 4}
    assert scene.members("News") == set()


async def test_withdrawn_people_are_unsubscribed_before_anything_else(scene, people) -> None:
    ids = scene.adopt("News")
    scene.emulator.staff.add_contact("p9@example.com", lists=(ids["News"],))
    withdrawn = people(9, is_contact=False, payload=None, leaves=["News", UNSUBSCRIBE])
    scene.chunk([people(0, joins=["News"]), withdrawn])
    result = await scene.deliver(requests_in_flight=1)
    writes = [entry.endpoint for entry in scene.emulator.log.writes()]

    assert result.counts["leave"] == {"delivered": 2}
    assert writes == ["unsubscribe_contact", "leave_list", "upsert_contacts", "join_list"]
    assert scene.emulator.account.unsubscribed() == {"p9@example.com"}


async def test_a_complete_chunk_is_not_touched_again(scene, people) -> None:
    scene.chunk([people(number, joins=["News"]) for number in range(30)])
    await scene.deliver()
    sent = len(scene.emulator.log)
    again = await scene.deliver()

    assert len(scene.emulator.log) == sent
    assert (again.attempt, again.complete, again.delivered_before) == (1, True, 60)
    assert again.membership == "list"


async def test_a_chunk_that_was_planned_anew_is_refused(scene, people) -> None:
    fingerprint = scene.chunk([people(0)])
    scene.chunk([people(1)])

    with pytest.raises(StagingError, match="clear chunk_changes"):
        await scene.deliver(fingerprint=fingerprint)
    assert len(scene.emulator.log) == 0


async def test_an_empty_chunk_sends_nothing(scene) -> None:
    scene.chunk([])
    result = await scene.deliver()

    assert result.complete
    assert len(scene.emulator.log) == 0


async def test_requests_are_counted_as_the_account_saw_them(scene, people) -> None:
    scene.chunk([people(number, joins=["News"]) for number in range(30)])
    result = await scene.deliver()

    assert result.requests["total"] == len(scene.emulator.log) == 34
    assert scene.last_client.counters.total == 34


async def test_a_list_of_the_chunk_must_be_one_of_the_export(scene, people) -> None:
    scene.chunk([people(0, joins=["Elsewhere"])])

    with pytest.raises(StagingError, match="does not have: Elsewhere"):
        await scene.deliver()
    assert set(scene.outcomes().values()) == {"not_sent"}


async def test_a_refused_contact_joins_nothing(scene, people) -> None:
    scene.emulator.switch(bad_contact=BadContact.REFUSES_BATCH, bad_emails={"p1@example.com"})
    scene.chunk([people(number, joins=["News"]) for number in range(3)])
    result = await scene.deliver()

    assert result.complete
    assert scene.outcomes()[1, "upsert", None] == "rejected"
    assert scene.outcomes()[1, "join", "News"] == "rejected"
    assert scene.members("News") == {"p0@example.com", "p2@example.com"}


async def test_a_list_that_vanished_stops_the_run(scene, people) -> None:
    ids = scene.adopt("News")
    scene.chunk([people(number, joins=["News"]) for number in range(150)])
    scene.emulator.staff.delete_list(ids["News"])
    result = await scene.deliver()

    assert result.stopped.kind is StopKind.LIST
    assert "'News'" in result.stopped.message
    assert set(scene.outcomes().values()) == {"not_sent"}
    assert scene.emulator.log.writes() == []
