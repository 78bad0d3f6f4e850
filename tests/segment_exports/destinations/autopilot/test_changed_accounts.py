"""The destination changed behind our back, or the person behind an address did."""

from __future__ import annotations

import pytest

from segment_emulators.autopilot import AddressTaken, Fault, FaultKind
from segment_exports.destinations.autopilot.answers import ContactNotFoundError
from segment_exports.records.outcomes import CONTACT_GONE


@pytest.mark.parametrize("way", ["list", "field"])
async def test_who_must_leave_and_was_merged_or_made_anew_there_is_found_by_the_address(
    scene, people, way
) -> None:
    ids = scene.adopt("News")
    other = scene.emulator.staff.add_contact(
        "p0@example.com", lists=(ids["News"],), custom={"boolean--List--News": True}
    )
    due = {"payload": None, "is_contact": False, "leaves": ["News", "@unsubscribe"]}
    scene.chunk([people(0, contact_id="person_MERGED", **due), people(1, contact_id="person_GONE", **due)])
    result = await scene.deliver(membership=way)

    assert result.counts["leave"] == {"delivered": 4}
    found = scene.contact("p0@example.com")
    assert (found["contact_id"], found["unsubscribed"]) == (other, True)
    if way == "field":
        assert found["custom_fields"][0]["value"] is False
    else:
        assert scene.members("News") == set()
    told = {(one["row"], one["list"]): one["reason"] for one in scene.receipts()}
    assert told == {(0, "News"): None, (0, "@unsubscribe"): None} | {
        (1, title): CONTACT_GONE for title in ("News", "@unsubscribe")
    }


@pytest.mark.parametrize("maybe_anew", [False, True])
async def test_who_must_leave_is_looked_for_by_the_address_only_where_need_be(
    scene, people, maybe_anew
) -> None:
    """Where a request that was never answered may have made another contact, both have to leave."""
    ids = scene.adopt("News")
    known, other = (
        scene.emulator.staff.add_contact(one, lists=(ids["News"],))
        for one in ("p0@elsewhere.example.com", "p0@example.com")
    )
    scene.chunk(
        [people(0, payload=None, is_contact=False, contact_id=known, leaves=["News"], maybe_anew=maybe_anew)]
    )
    assert (await scene.deliver()).complete

    assert scene.requests()["leave_list"] == (2 if maybe_anew else 1)
    assert scene.members("News") == (set() if maybe_anew else {"p0@example.com"})
    assert scene.emulator.account.find("p0@example.com").contact_id == other


@pytest.mark.parametrize("way", ["list", "bulk", "field"])
async def test_a_contact_that_was_deleted_and_is_sent_again_gets_back_what_it_was_a_member_of(
    scene, people, way
) -> None:
    scene.adopt("News", "Win back")
    scene.emulator.switch(list_in_bulk="honoured")
    scene.chunk([people(0, contact_id="person_OLD", joins=["News"], member_of=["Win back"])])
    result = await scene.deliver(membership=way)

    assert (result.recreated, result.rejoined) == (1, 1)
    assert result.counts["join"] == {"delivered": 1}
    (rejoined,) = scene.settled().extra.to_pylist()
    assert (rejoined["operation"], rejoined["list"], rejoined["recreated"]) == ("join", "Win back", True)
    (upserted,) = [one for one in scene.receipts() if one["operation"] == "upsert"]
    assert upserted["recreated"]
    assert upserted["contact_id"] == scene.contact("p0@example.com")["contact_id"]
    if way == "field":
        assert len(scene.contact("p0@example.com")["custom_fields"]) == 3
    else:
        assert scene.members("News") == scene.members("Win back") == {"p0@example.com"}


@pytest.mark.parametrize("way", ["list", "bulk", "field"])
async def test_a_gone_contact_without_a_payload_is_restored_from_the_runs_contacts(
    scene, people, way
) -> None:
    scene.adopt("News", "Win back")
    scene.emulator.switch(list_in_bulk="honoured")
    whole = [people(number) for number in range(40)]
    scene.contacts(whole)
    changes = {"payload": None, "contact_id": "person_OLD", "joins": ["News"], "member_of": ["Win back"]}
    scene.chunk([people(7, **changes), people(9, **changes)])
    result = await scene.deliver(membership=way)

    assert result.complete
    assert result.recreated == 2
    assert scene.contact("p7@example.com")["FirstName"] == "Nora7"
    if way != "field":
        assert scene.members("News") == scene.members("Win back") == {"p7@example.com", "p9@example.com"}
    extra = {(one["operation"], one["list"]) for one in scene.settled().extra.to_pylist()}
    assert extra == {("upsert", None), ("join", "Win back")}


async def test_a_gone_contact_that_nobody_can_restore_is_rejected_with_a_reason(scene, people) -> None:
    scene.adopt("News")
    scene.chunk([people(0, payload=None, contact_id="person_OLD", joins=["News"])])
    result = await scene.deliver()
    (refused,) = scene.receipts()

    assert result.counts["join"] == {"rejected": 1}
    assert (refused["reason"], refused["contact_id"]) == (CONTACT_GONE, None)


async def test_a_contact_that_is_gone_again_is_not_restored_for_ever(scene, people) -> None:
    scene.adopt("News")
    scene.contacts([people(0)])
    scene.chunk([people(0, payload=None, contact_id="person_OLD", joins=["News"])])
    client = scene.client()

    async def never_there(*_):
        raise ContactNotFoundError("Contact could not be found.")

    client.join = never_there
    result = await scene.deliver(client)

    assert result.counts["join"] == {"rejected": 1}
    assert scene.requests()["upsert_contacts"] == 1


async def test_who_unsubscribed_under_the_old_address_is_not_joined_under_the_new(scene, people) -> None:
    scene.adopt("News")
    gone = scene.emulator.staff.add_contact("old@example.com", unsubscribed=True)
    active = scene.emulator.staff.add_contact("other@example.com")
    scene.chunk(
        [
            people(0, joins=["News"], previous_contact_ids=[gone]),
            people(1, joins=["News"], previous_contact_ids=[active]),
            people(2, joins=["News"], previous_contact_ids=["person_GONE"]),
        ]
    )
    result = await scene.deliver()

    assert result.counts == {
        "upsert": {"delivered": 3},
        "join": {"delivered": 2, "suppressed": 1},
        "leave": {},
    }
    assert scene.members("News") == {"p1@example.com", "p2@example.com"}
    assert result.complete


async def test_every_contact_that_the_person_was_is_looked_at(scene, people) -> None:
    """Somebody who unsubscribed under the second of three addresses did not under the first."""
    scene.adopt("News")
    first = scene.emulator.staff.add_contact("first@example.com")
    second = scene.emulator.staff.add_contact("second@example.com", unsubscribed=True)
    scene.chunk([people(0, joins=["News"], previous_contact_ids=[first, second], moved_contact_id=first)])
    result = await scene.deliver()

    assert result.counts["join"] == {"suppressed": 1}
    assert scene.contact("first@example.com")["contact_id"] == first, "nor is the other one moved"


@pytest.mark.parametrize("way", ["bulk", "field"])
async def test_nor_in_the_other_ways(scene, people, way) -> None:
    scene.adopt("News")
    scene.emulator.switch(list_in_bulk="honoured")
    gone = scene.emulator.staff.add_contact("old@example.com", unsubscribed=True)
    scene.chunk([people(0, joins=["News"], previous_contact_ids=[gone]), people(1, joins=["News"])])
    result = await scene.deliver(membership=way)

    assert result.counts["join"] == {"delivered": 1, "suppressed": 1}
    assert "p0@example.com" not in scene.members("News")
    assert all(
        "List News" not in str(one) for one in scene.contact("p0@example.com").get("custom_fields", [])
    )


async def test_a_changed_address_moves_the_contact_if_that_is_asked_for(scene, people) -> None:
    scene.adopt("News")
    known = scene.emulator.staff.add_contact("old@example.com", Title="Dr")
    scene.chunk([people(0, joins=["News"], previous_contact_ids=[known], moved_contact_id=known)])
    result = await scene.deliver()

    assert result.complete
    assert scene.contact("old@example.com") is None
    assert scene.contact("p0@example.com")["contact_id"] == known
    assert scene.contact("p0@example.com")["Title"] == "Dr"
    assert len(scene.emulator.account.contacts) == 1


@pytest.mark.parametrize("taken", list(AddressTaken))
async def test_nobody_is_moved_onto_another_contact(scene, people, taken) -> None:
    scene.adopt("News")
    scene.emulator.switch(address_taken=taken)
    known = scene.emulator.staff.add_contact("old@example.com")
    other = scene.emulator.staff.add_contact("p0@example.com")
    scene.chunk([people(0, joins=["News"], previous_contact_ids=[known], moved_contact_id=known)])
    await scene.deliver()

    assert scene.contact("old@example.com")["contact_id"] == known
    assert scene.contact("p0@example.com")["contact_id"] == other


async def test_who_unsubscribed_is_not_moved(scene, people) -> None:
    scene.adopt("News")
    known = scene.emulator.staff.add_contact("old@example.com", unsubscribed=True)
    scene.chunk([people(0, joins=["News"], previous_contact_ids=[known], moved_contact_id=known)])
    result = await scene.deliver()

    assert scene.contact("old@example.com")["unsubscribed"] is True
    assert result.counts["join"] == {"suppressed": 1}


@pytest.mark.parametrize(
    "fault",
    [
        Fault(kind=FaultKind.RESET, path="^/contact$", work_done=True),
        Fault(kind=FaultKind.DELAYED_ANSWER, path="^/contact$", seconds=0.6),
        Fault(kind=FaultKind.LATENCY, path="^/contact$", seconds=0.45),
    ],
    ids=["reset", "time-out", "time-out, done late"],
)
async def test_a_move_that_was_not_answered_is_not_made_twice(scene, people, fault) -> None:
    scene.adopt("News")
    known = scene.emulator.staff.add_contact("old@example.com")
    scene.emulator.inject(fault)
    scene.chunk([people(0, joins=["News"], previous_contact_ids=[known], moved_contact_id=known)])
    result = await scene.deliver(scene.client(timeout_seconds=0.4))

    assert result.complete
    assert scene.requests()["upsert_contact"] == 1
    assert scene.contact("p0@example.com")["contact_id"] == known
    assert len(scene.emulator.account.contacts) == 1


SEVERAL = ("News", "Win back", "Gold", "Silver")


def twice_in_a_request(scene) -> list[tuple[str, ...]]:
    """Return the addresses of every bulk upsert that names one of them twice."""
    sent = [entry.emails for entry in scene.emulator.log.select("upsert_contacts")]
    return [emails for emails in sent if len(set(emails)) < len(emails)]


@pytest.mark.parametrize("way", ["list", "bulk", "field"])
async def test_who_was_deleted_and_is_to_join_several_lists_is_made_anew_once(scene, people, way) -> None:
    """As after a reconcile of an account whose contacts somebody deleted: every join is answered 404."""
    scene.titles = SEVERAL
    scene.adopt(*SEVERAL)
    scene.emulator.switch(list_in_bulk="honoured")
    scene.contacts([people(number) for number in range(12)])
    scene.chunk(
        [people(n, payload=None, contact_id=f"person_OLD-{n}", joins=list(SEVERAL)) for n in range(12)]
    )
    result = await scene.deliver(membership=way)

    assert result.complete
    assert result.counts["join"] == {"delivered": 48}
    assert twice_in_a_request(scene) == []
    assert scene.requests()["upsert_contacts"] <= (1 if way == "list" else 6)


async def test_two_people_of_whom_staff_gave_one_the_others_address_are_not_in_one_request(
    scene, people
) -> None:
    """Kept as fields, one leaves under the address that the account shows, which the other one joins by."""
    left = scene.emulator.staff.add_contact("p0@example.com", custom={"boolean--List--News": True})
    scene.chunk(
        [
            people(0, joins=["Win back"]),
            people(1, email=None, payload=None, contact_id=left, leaves=["News"], is_contact=False),
        ]
    )
    result = await scene.deliver(membership="field")

    assert result.complete
    assert twice_in_a_request(scene) == []
