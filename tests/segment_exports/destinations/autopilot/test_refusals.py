"""One bad contact does not sink a batch: it is named, and all others land."""

from __future__ import annotations

import pytest

from segment_emulators.autopilot import BadContact, Fault, FaultKind, MapKeys, UnknownList
from segment_exports.delivery.job import RejectedGuard, StopKind
from segment_exports.destinations.autopilot.batches import LEFT_OUT


@pytest.mark.parametrize(
    "culprits",
    [(0,), (99,), (50,), (49,), (3, 50, 97), (0, 1, 2), (0, 33, 66, 99), ()],
    ids=lambda places: "-".join(map(str, places)) or "none",
)
async def test_culprits_in_a_batch_cost_at_most_one_and_fourteen_requests_each(
    scene, people, culprits
) -> None:
    scene.emulator.switch(
        bad_contact=BadContact.REFUSES_BATCH, bad_emails={f"p{place}@example.com" for place in culprits}
    )
    scene.chunk([people(number) for number in range(100)])
    result = await scene.deliver()
    requests = scene.requests()["upsert_contacts"]
    print(f"culprits at {culprits}: {requests} requests, at most {1 + 14 * len(culprits)} allowed")

    assert requests <= 1 + 14 * len(culprits)
    assert {row for (row, _, _), outcome in scene.outcomes().items() if outcome == "rejected"} == set(
        culprits
    )
    assert result.counts["upsert"].get("delivered", 0) == 100 - len(culprits)
    assert len(scene.emulator.account.contacts) == 100 - len(culprits)


async def test_a_culprit_is_named_with_reason_and_status_but_not_with_its_data(scene, people) -> None:
    scene.emulator.switch(bad_contact=BadContact.REFUSES_BATCH, bad_emails={"p1@example.com"})
    scene.chunk([people(number) for number in range(4)])
    await scene.deliver()
    (refused,) = [one for one in scene.receipts() if one["outcome"] == "rejected"]

    assert (refused["row"], refused["operation"], refused["http_status"]) == (1, "upsert", 400)
    assert refused["reason"] == "One or more contacts are invalid."
    assert "example.com" not in str(scene.receipts())


async def test_who_is_missing_from_the_answer_is_rejected_under_a_200(scene, people) -> None:
    scene.emulator.switch(bad_contact=BadContact.LEFT_OUT, bad_emails={"p1@example.com", "p7@example.com"})
    scene.chunk([people(number, joins=["News"]) for number in range(10)])
    result = await scene.deliver()
    refused = [
        one for one in scene.receipts() if one["outcome"] == "rejected" and one["operation"] == "upsert"
    ]

    assert [(one["row"], one["http_status"], one["reason"]) for one in refused] == [
        (1, 200, LEFT_OUT),
        (7, 200, LEFT_OUT),
    ]
    assert scene.requests()["upsert_contacts"] == 1
    assert len(scene.members("News")) == 8
    assert result.complete


@pytest.mark.parametrize("keys", list(MapKeys))
async def test_an_address_that_is_answered_in_another_form_is_still_that_address(scene, people, keys) -> None:
    scene.emulator.switch(map_keys=keys, bad_emails={"p1@example.com"})
    emails = ["jörg@müller.example.com", "a.b+c@example.com", "nora@čaj.example.com"]
    rows = [people(number + 10, email=email, joins=["News"]) for number, email in enumerate(emails)]
    scene.chunk([*rows, people(1)])
    result = await scene.deliver()

    assert result.counts["upsert"] == {"delivered": 3, "rejected": 1}
    assert scene.members("News") == set(emails)
    assert scene.requests()["upsert_contacts"] == 1


async def test_a_batch_that_is_too_large_is_split(scene, people) -> None:
    scene.emulator.inject(Fault(kind=FaultKind.ERROR, path="^/contacts$", status=413, times=3))
    scene.chunk([people(number) for number in range(100)])
    result = await scene.deliver()

    assert result.counts["upsert"] == {"delivered": 100}
    assert scene.requests()["upsert_contacts"] == 7


async def test_large_contacts_make_small_batches(scene, people) -> None:
    wide = '{"Email":"p%d@example.com","Title":"' + "x" * 300_000 + '"}'
    scene.chunk([people(number, payload=wide % number) for number in range(14)])
    result = await scene.deliver()

    assert result.complete
    assert [entry.contacts for entry in scene.emulator.log.select("upsert_contacts")] == [6, 6, 2]


async def test_a_list_that_the_bulk_upsert_does_not_take_rejects_nobody_but_the_join(scene, people) -> None:
    scene.emulator.switch(list_in_bulk="honoured", unknown_list=UnknownList.REFUSED)
    scene.chunk([people(number, joins=["News"]) for number in range(10)])
    result = await scene.deliver(membership="bulk")

    assert result.complete
    assert len(scene.members("News")) == 10


SEVEN = tuple(f"List {number}" for number in range(7))


def known_to_join(scene, people, number: int, *titles: str):
    """A contact that the account has, of which only joins are due."""
    contact_id = scene.emulator.staff.add_contact(f"p{number}@example.com")
    return people(number, payload=None, contact_id=contact_id, joins=titles)


@pytest.mark.parametrize("membership", ["bulk", "auto"])
@pytest.mark.parametrize(
    ("bad_contact", "at_most"), [(BadContact.LEFT_OUT, 7), (BadContact.REFUSES_BATCH, 7 + 2 * (14 + 6))]
)
async def test_a_refused_contact_that_only_joins_has_one_fate_for_every_list(
    scene, people, bad_contact, at_most, membership
) -> None:
    """It costs a split once, not once per list."""
    bad = {"p1@example.com", "p70@example.com"}
    scene.titles = SEVEN
    scene.adopt(*SEVEN)
    scene.emulator.switch(list_in_bulk="honoured", bad_contact=bad_contact, bad_emails=bad)
    scene.chunk([known_to_join(scene, people, number, *SEVEN) for number in range(100)])
    result = await scene.deliver(membership=membership)

    assert result.complete
    assert result.counts["join"] == {"delivered": 98 * 7, "rejected": 2 * 7}
    rejected = [one for one in scene.receipts() if one["outcome"] == "rejected"]
    assert {(one["row"], one["list"]) for one in rejected} == {(row, one) for row in (1, 70) for one in SEVEN}
    assert len({one["reason"] for one in rejected}) == 1
    assert [len(scene.members(title)) for title in SEVEN] == [98] * 7
    probes = 3 if membership == "auto" else 0
    assert scene.requests()["upsert_contacts"] <= at_most + probes


async def test_a_join_that_the_bulk_upsert_refuses_is_rejected_alone(scene, people) -> None:
    """The refusal may be for the list."""
    scene.emulator.switch(list_in_bulk="honoured")
    scene.emulator.inject(Fault(kind=FaultKind.ERROR, path="^/contacts$", status=400, times=1))
    scene.chunk([known_to_join(scene, people, 0, "News", "Win back")])
    result = await scene.deliver(membership="bulk")

    assert result.complete
    assert scene.outcomes() == {(0, "join", "News"): "rejected", (0, "join", "Win back"): "delivered"}
    assert scene.requests()["upsert_contacts"] == 2


async def test_a_403_for_a_contact_that_only_joins_leaves_it_to_the_next_attempt(scene, people) -> None:
    scene.emulator.switch(list_in_bulk="honoured")
    scene.emulator.inject(Fault(kind=FaultKind.HTML, path="^/contacts$", status=403, times=1))
    scene.chunk([known_to_join(scene, people, 0, "News", "Win back")])
    result = await scene.deliver(membership="bulk")

    assert not result.complete
    assert result.trouble == "POST /contacts was answered 403: an HTML page"
    assert result.counts["join"] == {"not_sent": 2}
    assert scene.requests()["upsert_contacts"] == 1
    assert (await scene.deliver(membership="bulk")).counts["join"] == {"delivered": 2}


@pytest.mark.parametrize("bad_contact", list(BadContact))
async def test_the_guard_stops_a_run_that_is_mostly_refused(scene, people, bad_contact) -> None:
    bad = {f"p{number}@example.com" for number in range(400) if number % 5}
    scene.emulator.switch(bad_contact=bad_contact, bad_emails=bad)
    scene.chunk([people(number) for number in range(400)])
    guard = RejectedGuard(stop_above=0.5, minimum_judged=100)
    result = await scene.deliver(requests_in_flight=2, guard=guard)

    assert result.stopped.kind is StopKind.REJECTED_GUARD
    assert "stop_above_rejected allows 50.0%" in result.stopped.message
    assert result.counts["upsert"]["not_sent"] > 0
    assert result.counts["upsert"]["delivered"] + result.counts["upsert"]["rejected"] >= 100


async def test_the_guard_counts_the_chunks_before(scene, people) -> None:
    bad = {f"p{number}@example.com" for number in range(600) if number % 5}
    scene.emulator.switch(bad_emails=bad)
    scene.chunk([people(number) for number in range(400)], number=1)
    first = await scene.deliver(number=1)
    scene.chunk([people(number) for number in range(400, 600)], number=2)
    second = await scene.deliver(number=2, requests_in_flight=1)

    assert first.stopped is None
    assert second.stopped.kind is StopKind.REJECTED_GUARD
    assert "400 of 500 contacts" in second.stopped.message


async def test_the_guard_is_silent_below_its_minimum(scene, people) -> None:
    scene.emulator.switch(bad_emails={f"p{number}@example.com" for number in range(100) if number % 5})
    scene.chunk([people(number) for number in range(100)])
    assert (await scene.deliver()).complete


def test_the_guard_allows_just_its_share() -> None:
    guard = RejectedGuard(stop_above=0.5, minimum_judged=500)
    assert not guard.trips(499, 499)
    assert not guard.trips(500, 250)
    assert guard.trips(500, 251)


async def test_a_403_for_everything_stops_without_judging_anybody(scene, people) -> None:
    scene.emulator.inject(Fault(kind=FaultKind.ERROR, path="^/contacts$", status=403, times=None))
    scene.chunk([people(number) for number in range(2000)])
    result = await scene.deliver(requests_in_flight=4)

    assert result.stopped.kind is StopKind.FORBIDDEN
    assert len(scene.emulator.log) < 30
    assert "rejected" not in result.counts["upsert"]


async def test_a_403_for_one_contact_rejects_that_one(scene, people) -> None:
    """A firewall before the destination may dislike the text of one contact."""
    scene.emulator.inject(Fault(kind=FaultKind.HTML, path="^/contacts$", status=403, times=1))
    scene.chunk([people(number) for number in range(100)])
    result = await scene.deliver()

    assert result.counts["upsert"] == {"delivered": 100}


async def test_a_join_that_is_refused_is_rejected_alone(scene, people) -> None:
    scene.emulator.inject(Fault(kind=FaultKind.ERROR, path="^/list/", method="POST", status=400, skip=2))
    scene.chunk([people(number, joins=["News"]) for number in range(5)])
    result = await scene.deliver()

    assert result.counts == {"upsert": {"delivered": 5}, "join": {"delivered": 4, "rejected": 1}, "leave": {}}
    assert len(scene.members("News")) == 4


async def test_rejected_contacts_are_sent_again_only_when_asked(scene, people) -> None:
    scene.emulator.switch(bad_emails={"p1@example.com"})
    scene.chunk([people(number) for number in range(3)])
    await scene.deliver()
    scene.emulator.switch(bad_emails=set())
    assert (await scene.deliver()).counts["upsert"] == {"delivered": 2, "rejected": 1}
    assert scene.requests()["upsert_contacts"] == 1

    assert (await scene.deliver(resend_rejected=True)).counts["upsert"] == {"delivered": 3}
    assert scene.emulator.log.times_sent("upsert_contacts")["p0@example.com"] == 1
