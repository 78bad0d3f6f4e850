"""Who is erased after the plan: nothing is made or joined of them any more, and they still leave."""

from __future__ import annotations

import asyncio
import hashlib
import itertools
from typing import TYPE_CHECKING

import pytest

from segment_emulators.account_api.faults import Fault, FaultKind
from segment_exports.errors import LedgerError
from segment_exports.records.outcomes import ERASED, UNSUBSCRIBE

if TYPE_CHECKING:
    from collections.abc import Callable

WAYS = ["list", "bulk", "field"]
CUSTOMER, EARLIER = b"C" * 16, b"E" * 16


def email_hash(number: int) -> bytes:
    return hashlib.md5(str(number).encode(), usedforsecurity=False).digest()


def sent(scene) -> set[str]:
    """Addresses that any upsert named."""
    return {email for one in scene.emulator.log.select("upsert_contacts") for email in one.emails}


class Erasure:
    """Erases people once something is true; ``looks`` counts the answers that named them."""

    def __init__(self, *hashes: bytes, when: Callable[[], bool]) -> None:
        self._hashes = frozenset(hashes)
        self._when = when
        self.looks = 0

    def __call__(self) -> frozenset[bytes]:
        if not self._when():
            return frozenset()
        self.looks += 1
        return self._hashes

    async def taken_up(self) -> None:
        """Wait until an upload has taken it up: it asks again only after that."""
        seen = self.looks
        while self.looks < seen + 2:
            await asyncio.sleep(0.001)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    "known_by", [email_hash(3), CUSTOMER, EARLIER], ids=["address", "customer", "merged"]
)
async def test_nothing_of_an_erased_person_is_sent(scene, people, way, known_by) -> None:
    scene.emulator.switch(list_in_bulk="honoured")
    rows = [people(number, joins=["News", "Win back"]) for number in range(6)]
    rows[3] |= {"customer_hash": CUSTOMER, "previous_customer_hashes": [EARLIER]}
    scene.chunk(rows)

    result = await scene.deliver(membership=way, erased=lambda: frozenset({known_by}))

    everybody_else = {f"p{number}@example.com" for number in (0, 1, 2, 4, 5)}
    assert sent(scene) == set(scene.emulator.account.contacts_by_email()) == everybody_else
    assert (result.complete, result.held_back) == (True, 3)
    told = {one["reason"] for one in scene.receipts() if one["row"] == 3}
    assert told == {ERASED}
    assert {one for (row, *_), one in scene.outcomes().items() if row == 3} == {"not_sent"}
    assert {one for (row, *_), one in scene.outcomes().items() if row != 3} == {"delivered"}


async def test_where_all_that_is_left_is_of_erased_people_the_account_is_asked_nothing(scene, people) -> None:
    scene.chunk([people(3, joins=["News"])])
    for _ in range(2):
        result = await scene.deliver(erased=lambda: frozenset({email_hash(3)}))
        assert (result.complete, result.held_back) == (True, 2)
    assert len(scene.emulator.log) == 0


@pytest.mark.parametrize("way", WAYS)
async def test_an_erased_person_who_is_no_contact_of_the_run_still_leaves(scene, people, way) -> None:
    ids = scene.adopt("News")
    member = scene.emulator.staff.add_contact(
        "p3@example.com", lists=(ids["News"],), **{"boolean--List--News": True}
    )
    leaver = {"is_contact": False, "email": None, "contact_id": member, "payload": None}
    scene.chunk([people(3, leaves=["News", UNSUBSCRIBE], **leaver)])

    result = await scene.deliver(membership=way, erased=lambda: frozenset({email_hash(3)}))

    assert result.counts["leave"] == {"delivered": 2}
    assert scene.emulator.account.unsubscribed() == {"p3@example.com"}
    assert way == "field" or scene.members("News") == set()


@pytest.mark.parametrize("way", ["list", "bulk"])
async def test_a_contact_who_is_erased_leaves_what_it_was_to_leave(scene, people, way) -> None:
    ids = scene.adopt("News")
    member = scene.emulator.staff.add_contact("p3@example.com", lists=(ids["News"],), FirstName="As before")
    scene.chunk([people(3, contact_id=member, leaves=["News"], joins=["Win back"])])

    result = await scene.deliver(membership=way, erased=lambda: frozenset({email_hash(3)}))

    assert scene.members("News") == scene.members("Win back") == set()
    assert scene.contact("p3@example.com")["FirstName"] == "As before"
    assert result.counts["leave"] == {"delivered": 1}


async def test_what_waits_in_the_queue_while_somebody_is_erased_is_not_sent(scene, people) -> None:
    scene.chunk([people(number, joins=["News"]) for number in range(120)])
    scene.emulator.switch(latency=0.01)
    erasure = Erasure(email_hash(119), when=lambda: scene.requests()["join_list"] >= 5)

    result = await scene.deliver(requests_in_flight=1, erased=erasure)

    assert "p119@example.com" not in scene.members("News")
    assert len(scene.members("News")) == 119
    assert scene.outcomes()[119, "upsert", None] == "delivered", "it was sent before"
    assert scene.outcomes()[119, "join", "News"] == "not_sent"
    assert (result.complete, result.held_back) == (True, 1)


@pytest.mark.parametrize(
    ("fault", "outcome"),
    [
        ({"kind": FaultKind.THROTTLED}, "not_sent"),
        ({"kind": FaultKind.ERROR, "status": 503}, "failed"),
    ],
    ids=["throttled", "of unknown fate"],
)
@pytest.mark.parametrize("way", WAYS)
async def test_a_batch_that_waits_for_its_next_attempt_goes_on_without_the_erased(
    scene, people, way, fault, outcome
) -> None:
    scene.emulator.switch(list_in_bulk="honoured")
    scene.chunk([people(number, joins=["News"]) for number in range(10)])
    scene.emulator.inject(Fault(method="POST", path="^/contacts$", **fault))
    erasure = Erasure(email_hash(3), when=lambda: scene.requests()["upsert_contacts"] >= 1)

    async def until_taken_up(_seconds: float) -> None:
        await erasure.taken_up()

    client = scene.client(sleep=until_taken_up)
    client.pacer.throttled = lambda _wait=None: 0.0
    if outcome == "not_sent":
        real_start = client.pacer.start

        async def start():
            if scene.requests()["upsert_contacts"] == 1:
                await erasure.taken_up()
            return await real_start()

        client.pacer.start = start
    result = await scene.deliver(client, membership=way, erased=erasure, stop_poll_seconds=0.05)

    first, *others = scene.emulator.log.select("upsert_contacts")
    assert "p3@example.com" in first.emails
    assert all("p3@example.com" not in one.emails for one in others)
    assert len(scene.emulator.account.contacts) == 9
    assert scene.outcomes()[3, "upsert", None] == outcome, "what may have been done is not forgotten"
    assert result.complete, "another attempt would do no more"


@pytest.mark.parametrize("way", ["list", "bulk"])
async def test_a_join_that_waits_for_its_next_attempt_is_given_up(scene, people, way) -> None:
    known = scene.emulator.staff.add_contact("p3@example.com")
    scene.adopt("News")
    scene.chunk([people(3, payload=None, email=None, contact_id=known, joins=["News"])])
    scene.emulator.inject(Fault(kind=FaultKind.ERROR, status=503, method="POST", path="/list/"))
    erasure = Erasure(email_hash(3), when=lambda: scene.requests()["join_list"] >= 1)

    async def until_taken_up(_seconds: float) -> None:
        await erasure.taken_up()

    result = await scene.deliver(
        scene.client(sleep=until_taken_up), membership=way, erased=erasure, stop_poll_seconds=0.05
    )

    assert scene.requests()["join_list"] == 1
    assert scene.members("News") == set()
    assert scene.outcomes()[3 - 3, "join", "News"] == "failed"
    assert result.complete


async def test_a_move_to_the_address_of_an_erased_person_is_not_made(scene, people) -> None:
    old = scene.emulator.staff.add_contact("old@example.com")
    scene.chunk([people(3, joins=["News"], previous_contact_ids=[old], moved_contact_id=old)])

    result = await scene.deliver(erased=lambda: frozenset({email_hash(3)}))

    assert scene.emulator.log.writes() == []
    assert result.held_back == 2


async def test_who_was_erased_is_known_before_the_first_request_or_nothing_is_sent(scene, people) -> None:
    scene.chunk([people(3, joins=["News"])])

    def unreadable() -> frozenset[bytes]:
        raise PermissionError

    with pytest.raises(PermissionError):
        await scene.deliver(erased=unreadable)
    assert len(scene.emulator.log) == 0


async def test_why_it_is_not_known_meanwhile_is_told_once_in_words(scene, people, caplog) -> None:
    scene.chunk([people(number, joins=["News"]) for number in range(60)])
    scene.emulator.switch(latency=0.01)
    looks = itertools.count()

    def lost_meanwhile() -> frozenset[bytes]:
        if next(looks):
            raise LedgerError("people were erased under another secret")
        return frozenset()

    await scene.deliver(requests_in_flight=1, erased=lost_meanwhile, stop_poll_seconds=0.01)

    assert next(looks) > 3
    told = [one for one in caplog.messages if one.startswith("Could not find out who was erased")]
    assert told == ["Could not find out who was erased, and asks on: people were erased under another secret"]


async def test_an_attempt_after_the_erasure_sends_what_is_left_of_the_others_alone(scene, people) -> None:
    scene.chunk([people(number, joins=["News"]) for number in range(250)])
    key = scene.emulator.api_key
    scene.emulator.inject(Fault(kind=FaultKind.KEY_REVOKED, method="POST", path="^/contacts$", skip=2))
    assert not (await scene.deliver(requests_in_flight=1)).complete
    scene.emulator.inject()
    scene.emulator.account.api_key = key

    result = await scene.deliver(erased=lambda: frozenset({email_hash(249)}))

    assert result.complete
    assert "p249@example.com" not in scene.emulator.account.contacts_by_email()
    assert len(scene.members("News")) == 249
