"""Whatever a gateway, a proxy or a blocked account answers, nobody is booked for it; the next attempt sends.

The answers come over a socket, from a server that stands before the account.
"""

from __future__ import annotations

import json

import pytest

from segment_emulators.autopilot import BadContact, Fault, FaultKind
from segment_exports.delivery.job import StopKind

PAGE = {"body": "<html>Maintenance</html>", "content_type": "text/html"}
OWN = {"error": "Payment Required", "message": "Your subscription is past due."}
TROUBLE = {
    "402": {"status": 402, "body": json.dumps(OWN)},
    "403 page": {"status": 403, **PAGE},
    "407 page": {"status": 407, **PAGE},
    "423 empty": {"status": 423},
    "425 empty": {"status": 425},
    "451": {"status": 451, "body": "{}"},
    "400 page": {"status": 400, **PAGE},
    "400 text": {"status": 400, "body": "Bad Request", "content_type": "text/plain"},
    "400 of a gateway": {"status": 400, "body": '{"message":"malformed"}'},
    "409 page": {"status": 409, **PAGE},
    "422 empty": {"status": 422},
    "404 empty": {"status": 404},
    "404 page": {"status": 404, **PAGE},
    "404 of a gateway": {"status": 404, "body": '{"message":"no route; contact the network team"}'},
    "200 page": {"status": 200, **PAGE},
    "200 empty": {"status": 200},
    "204": {"status": 204},
    "200 error inside": {"status": 200, "body": '{"error":"Service down","message":"(various)"}'},
    "200 another shape": {"status": 200, "body": '{"status":"maintenance"}'},
    "200 cut off": {"status": 200, "body": '{"email_contact_map":{"p1@exa'},
    "200 array": {"status": 200, "body": "[]"},
}
MAPS = {"200 empty map": {"status": 200, "body": '{"contact_ids":[],"email_contact_map":{}}'}}
MISSING = json.dumps({"error": "Not Found", "message": "Contact could not be found."})
CALLS = {
    "upsert": ("POST", "^/contacts$"),
    "join": ("POST", "^/list/.*/contact/"),
    "leave": ("DELETE", "^/list/.*/contact/"),
    "unsubscribe": ("POST", "/unsubscribe$"),
}
BEFORE = {"make list": ("POST", "^/list$"), "lists": ("GET", "^/lists$"), "look": ("GET", "^/contact/")}


def gateway(call: str, **answer) -> Fault:
    method, path = (CALLS | BEFORE)[call]
    return Fault(kind=FaultKind.GATEWAY, method=method, path=path, times=None, **answer)


def rows(scene, people) -> list[dict]:
    """Twenty new contacts who join, four known ones who leave, four who are unsubscribed."""
    ids = scene.adopt("Win back")
    made = [people(number, joins=["News"]) for number in range(20)]
    for number in range(20, 28):
        known = scene.emulator.staff.add_contact(f"p{number}@example.com", lists=(ids["Win back"],))
        leaves = ["Win back"] if number < 24 else ["Win back", "@unsubscribe"]
        made.append(people(number, payload=None, contact_id=known, leaves=leaves, is_contact=False))
    return made


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("trouble", TROUBLE | MAPS)
async def test_nobody_is_booked_for_it_and_the_next_attempt_does_all(scene, people, trouble, call) -> None:
    if trouble in MAPS and call != "upsert":
        pytest.skip("only an upsert answers a map")
    scene.chunk(rows(scene, people))
    scene.emulator.inject(gateway(call, **(TROUBLE | MAPS)[trouble]))
    first = await scene.deliver()
    scene.emulator.inject()
    second = await scene.deliver()

    assert not first.complete
    assert "rejected" not in {outcome for counts in first.counts.values() for outcome in counts}
    told = first.stopped.message if first.stopped else first.trouble
    status = trouble.split()[0]
    assert f"was answered {status}" in told or "took none" in told
    assert ("page" in trouble) == ("an HTML page" in told)
    assert second.complete
    assert scene.members("News") == {f"p{number}@example.com" for number in range(20)}
    assert scene.members("Win back") == set()
    assert scene.emulator.account.unsubscribed() == {f"p{number}@example.com" for number in range(24, 28)}


@pytest.mark.parametrize("trouble", ["402", "400 page", "423 empty", "451", "200 error inside"])
async def test_it_costs_a_few_requests_and_stops_with_its_words(scene, people, trouble) -> None:
    scene.chunk([people(number) for number in range(3000)])
    scene.emulator.inject(gateway("upsert", **TROUBLE[trouble]))
    result = await scene.deliver()

    assert result.stopped.kind is StopKind.FORBIDDEN
    assert "in a row" in result.stopped.message
    assert result.counts["upsert"] == {"not_sent": 3000}
    assert len(scene.emulator.log.entries) < 40


@pytest.mark.parametrize("trouble", ["400 page", "403 page", "404 empty", "200 empty map"])
async def test_a_moment_of_it_costs_nobody_anything(scene, people, trouble) -> None:
    scene.chunk([people(number, joins=["News"]) for number in range(300)])
    fault = gateway("upsert", **(TROUBLE | MAPS)[trouble])
    scene.emulator.inject(fault.model_copy(update={"times": 2}))
    result = await scene.deliver()

    assert result.complete
    assert result.counts["upsert"] == {"delivered": 300}
    assert len(scene.members("News")) == 300


async def test_who_is_on_lists_is_not_called_left_by_a_gateway(scene, people) -> None:
    ids = scene.adopt("News")
    known = [scene.emulator.staff.add_contact(f"p{n}@example.com", lists=(ids["News"],)) for n in range(5)]
    scene.chunk([people(n, payload=None, contact_id=one, leaves=["News"]) for n, one in enumerate(known)])
    scene.emulator.inject(gateway("leave", status=404))
    result = await scene.deliver()

    assert result.counts["leave"] == {"failed": 5}
    assert "DELETE /list/{list}/contact/{contact} was answered 404: no body" in result.trouble


def leaving(scene, people) -> list[dict]:
    """Three people who are no contacts any more and leave a list."""
    ids = scene.adopt("News")
    known = [scene.emulator.staff.add_contact(f"p{n}@example.com", lists=(ids["News"],)) for n in range(3)]
    due = {"payload": None, "email": None, "is_contact": False, "leaves": ["News"]}
    return [people(number, contact_id=one, **due) for number, one in enumerate(known)]


async def test_leaves_that_a_gateway_says_are_done_are_not_believed_where_they_are_not(scene, people) -> None:
    scene.chunk(leaving(scene, people))
    scene.emulator.inject(gateway("leave", status=200, body="{}"))
    first = await scene.deliver()
    scene.emulator.inject()

    assert first.counts["leave"] == {"not_sent": 3}
    assert "shows the contact on the list still" in first.trouble
    assert (await scene.deliver()).complete
    assert scene.members("News") == set()


async def test_one_leave_of_an_upload_is_looked_at(scene, people) -> None:
    scene.chunk(leaving(scene, people))
    assert (await scene.deliver()).complete

    assert scene.requests() == {"get_lists": 1, "leave_list": 3, "check_membership": 1}


async def test_a_look_that_tells_nothing_keeps_nobody_from_leaving(scene, people) -> None:
    scene.chunk(leaving(scene, people))
    scene.emulator.inject(
        Fault(kind=FaultKind.GATEWAY, method="GET", path="^/list/.*/contact/", times=None, status=404, **PAGE)
    )
    assert (await scene.deliver()).complete
    assert scene.members("News") == set()


async def test_an_unsubscribe_that_finds_nobody_is_looked_at_before_it_is_believed(scene, people) -> None:
    here = scene.emulator.staff.add_contact("p0@example.com")
    scene.chunk(
        [
            people(0, payload=None, contact_id=here, leaves=["@unsubscribe"], is_contact=False),
            people(1, payload=None, contact_id="person_GONE", leaves=["@unsubscribe"], is_contact=False),
        ]
    )
    scene.emulator.inject(gateway("unsubscribe", status=404, body=MISSING))
    result = await scene.deliver()

    assert scene.outcomes() == {
        (0, "leave", "@unsubscribe"): "not_sent",
        (1, "leave", "@unsubscribe"): "delivered",
    }
    assert "GET /contact/{contact} shows the contact" in result.trouble
    scene.emulator.inject()
    assert (await scene.deliver()).complete
    assert scene.emulator.account.unsubscribed() == {"p0@example.com"}


async def test_nor_is_a_leave(scene, people) -> None:
    scene.chunk(leaving(scene, people))
    scene.emulator.inject(gateway("leave", status=404, body=MISSING))
    first = await scene.deliver()
    scene.emulator.inject()

    assert first.counts["leave"] == {"not_sent": 3}
    assert "was answered 404, but GET /contact/{contact} shows" in first.trouble
    assert (await scene.deliver()).complete
    assert scene.members("News") == set()


def missing_once() -> Fault:
    return gateway("look", status=404, body=MISSING).model_copy(update={"times": 1})


async def test_in_field_way_who_leaves_is_called_gone_by_two_answers(scene, people) -> None:
    known = scene.emulator.staff.add_contact("p0@example.com", custom={"boolean--List--News": True})
    due = {"payload": None, "email": None, "is_contact": False, "leaves": ["News"]}
    scene.chunk([people(0, contact_id=known, **due)])
    scene.emulator.inject(missing_once())

    assert (await scene.deliver(membership="field")).complete
    assert scene.contact("p0@example.com")["custom_fields"][0]["value"] is False


async def test_who_unsubscribed_under_an_earlier_address_is_called_gone_by_two_answers(scene, people) -> None:
    old = scene.emulator.staff.add_contact("old@example.com", unsubscribed=True)
    scene.chunk([people(0, joins=["News"], previous_contact_ids=[old])])
    scene.emulator.inject(missing_once())

    assert (await scene.deliver()).complete
    assert scene.members("News") == set()


@pytest.mark.parametrize("answer", [{"status": 204}, {"status": 200}, {"body": '{"contact_id":"person_1"}'}])
@pytest.mark.parametrize("call", ["join", "leave", "unsubscribe"])
async def test_a_success_in_another_form_counts_where_a_look_shows_that_it_is_done(
    scene, people, call, answer
) -> None:
    """Not all of these answers were recorded: an API that gives others is not called broken."""
    scene.chunk(rows(scene, people))
    scene.emulator.inject(gateway(call, work_done=True, **answer))

    assert (await scene.deliver()).complete
    assert len(scene.members("News")) == 20
    assert len(scene.emulator.account.unsubscribed()) == 4


REFUSALS = {
    "plan limit": {"status": 400, "body": '{"error":"Bad Request","message":"Your plan allows no more."}'},
    "left out": MAPS["200 empty map"],
}


@pytest.mark.parametrize("count", [3, 15, 160])
@pytest.mark.parametrize("refusal", REFUSALS)
async def test_who_is_refused_like_everybody_else_is_not_rejected(scene, people, refusal, count) -> None:
    scene.chunk([people(number, joins=["News"]) for number in range(count)])
    scene.emulator.inject(gateway("upsert", **REFUSALS[refusal]))
    first = await scene.deliver()
    scene.emulator.inject()

    assert first.stopped.kind in (StopKind.REFUSED_ALIKE, StopKind.FORBIDDEN)
    assert first.counts["upsert"] == {"not_sent": count}
    assert (await scene.deliver()).complete
    assert len(scene.members("News")) == count


async def test_nor_who_is_refused_a_list_like_everybody_else(scene, people) -> None:
    scene.chunk([people(number, joins=["News"]) for number in range(30)])
    refusal = json.dumps({"error": "Bad Request", "message": "The list can not be changed."})
    scene.emulator.inject(gateway("join", status=400, body=refusal))
    first = await scene.deliver()

    assert first.stopped.kind is StopKind.REFUSED_ALIKE
    assert "The list can not be changed" in first.stopped.message
    assert first.counts["join"] == {"not_sent": 30}


async def test_who_is_answered_under_an_address_that_was_not_sent_may_have_been_made(scene, people) -> None:
    """They are of unknown fate, not refused: the ledger would not know whom a later refusal takes off."""
    scene.chunk([people(number, joins=["News"]) for number in range(4)])
    scene.emulator.inject(
        gateway("upsert", work_done=True, body='{"email_contact_map":{"<p0@example.com>":"person_1"}}')
    )
    first = await scene.deliver(membership="field")
    scene.emulator.inject()

    assert first.counts["upsert"] == {"failed": 4}
    told = first.stopped.message if first.stopped else first.trouble
    assert "with addresses that were not sent" in told
    assert (await scene.deliver(membership="field")).complete


async def test_an_account_that_fills_up_midway_rejects_nobody_after_that(scene, people) -> None:
    scene.chunk([people(number) for number in range(300)])
    fault = gateway("upsert", **REFUSALS["plan limit"])
    scene.emulator.inject(fault.model_copy(update={"skip": 1}))
    first = await scene.deliver(requests_in_flight=1)

    assert first.stopped.kind is StopKind.REFUSED_ALIKE
    assert first.counts["upsert"] == {"delivered": 100, "not_sent": 200}


async def test_nor_one_that_fills_up_within_a_batch_and_leaves_out_the_rest(scene, people) -> None:
    scene.emulator.switch(bad_emails={f"p{number}@example.com" for number in range(40, 300)})
    scene.chunk([people(number, joins=["News"]) for number in range(300)])
    first = await scene.deliver(requests_in_flight=2)
    scene.emulator.switch(bad_emails=set())

    assert first.stopped.kind in (StopKind.FORBIDDEN, StopKind.REFUSED_ALIKE)
    assert first.counts["upsert"] == {"delivered": 40, "not_sent": 260}
    assert (await scene.deliver()).complete
    assert len(scene.members("News")) == 300


@pytest.mark.parametrize("bad_contact", list(BadContact))
async def test_bad_contacts_among_good_ones_are_rejected_all_the_same(scene, people, bad_contact) -> None:
    bad = {f"p{number}@example.com" for number in range(0, 120, 3)}
    scene.emulator.switch(bad_contact=bad_contact, bad_emails=bad)
    scene.chunk([people(number) for number in range(120)])
    result = await scene.deliver()

    assert result.complete
    assert result.counts["upsert"] == {"delivered": 80, "rejected": 40}


async def test_one_bad_contact_alone_in_a_run_is_rejected(scene, people) -> None:
    scene.emulator.switch(bad_emails={"p0@example.com"})
    scene.chunk([people(0, joins=["News"])])
    result = await scene.deliver()

    assert result.complete
    assert (result.counts["upsert"], result.counts["join"]) == ({"rejected": 1}, {"rejected": 1})


async def test_a_few_bad_contacts_in_the_last_chunk_of_a_run_that_took_others_are_rejected(
    scene, people
) -> None:
    scene.emulator.switch(bad_emails={f"p{number}@example.com" for number in range(10, 15)})
    scene.chunk([people(number) for number in range(10)], number=1)
    await scene.deliver(number=1)
    scene.chunk([people(number) for number in range(10, 15)], number=2)

    assert (await scene.deliver(number=2)).counts["upsert"] == {"rejected": 5}


async def test_what_waits_to_be_rejected_is_sent_again_after_a_stop(scene, people) -> None:
    scene.emulator.switch(bad_emails={f"p{number}@example.com" for number in range(5)})
    scene.chunk([people(number) for number in range(5)])
    first = await scene.deliver()
    scene.emulator.switch(bad_emails={"p0@example.com"})
    second = await scene.deliver()

    assert first.counts["upsert"] == {"not_sent": 5}
    assert second.counts["upsert"] == {"delivered": 4, "rejected": 1}


@pytest.mark.parametrize(
    ("call", "trouble"),
    [("make list", one) for one in ("402", "400 page", "404 empty", "204", "200 error inside")]
    + [("lists", one) for one in ("402", "400 text", "404 page", "200 another shape", "200 array")]
    + [("look", one) for one in ("402", "404 of a gateway", "404 empty", "200 error inside", "204")],
)
async def test_nor_by_what_is_asked_before_the_first_contact(scene, people, call, trouble) -> None:
    """No list is made twice, and nobody is taken for gone who was looked at in vain."""
    scene.adopt("Win back")
    old = scene.emulator.staff.add_contact("old@example.com", unsubscribed=True)
    scene.chunk(
        [people(0, joins=["News"], previous_contact_ids=[old]), people(1, joins=["News", "Win back"])]
    )
    scene.emulator.inject(gateway(call, **TROUBLE[trouble]))
    first = await scene.deliver()
    scene.emulator.inject()

    assert not first.complete
    assert f"was answered {trouble.split()[0]}" in (first.stopped.message if first.stopped else first.trouble)
    assert "rejected" not in str(first.counts)
    second = await scene.deliver()
    assert second.complete
    assert sorted(one.title for one in scene.emulator.account.lists.values()) == ["News", "Win back"]
    assert scene.members("News") == {"p1@example.com"}
