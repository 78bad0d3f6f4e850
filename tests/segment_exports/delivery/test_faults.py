"""Whatever goes wrong on the way there and back, the account ends as planned and nothing is made twice."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from segment_emulators.autopilot import (
    BadContact,
    EmptyValue,
    Fault,
    FaultKind,
    Names,
    SameTitle,
    UnknownCustomField,
)
from segment_exports.delivery.job import StopKind
from segment_exports.errors import OutcomeUnknownError
from segment_exports.records.receipts import ReceiptFolder
from segment_exports.transport.retrying import RetrySettings

FAULTS = {
    "time-out, done": {"kind": FaultKind.DELAYED_ANSWER, "seconds": 0.8},
    "time-out, done late": {"kind": FaultKind.LATENCY, "seconds": 0.8},
    "429": {"kind": FaultKind.THROTTLED},
    "408": {"kind": FaultKind.ERROR, "status": 408},
    "500": {"kind": FaultKind.ERROR},
    "500, done": {"kind": FaultKind.ERROR, "work_done": True},
    "503, done": {"kind": FaultKind.ERROR, "status": 503, "work_done": True},
    "reset": {"kind": FaultKind.RESET},
    "reset, done": {"kind": FaultKind.RESET, "work_done": True},
    "cut off": {"kind": FaultKind.CUT_BODY},
    "truncated JSON": {"kind": FaultKind.TRUNCATED_JSON},
    "HTML 502": {"kind": FaultKind.HTML},
    "HTML 200, done": {"kind": FaultKind.HTML, "status": 200, "work_done": True},
    "HTML 200, not done": {"kind": FaultKind.HTML, "status": 200},
}
ENDPOINTS = {
    "upsert": ("POST", "^/contacts$"),
    "join": ("POST", "^/list/.*/contact/"),
    "leave": ("DELETE", "^/list/.*/contact/"),
    "unsubscribe": ("POST", "/unsubscribe$"),
    "lists": ("GET", "^/lists$"),
    "make list": ("POST", "^/list$"),
    "any": (None, ""),
}


def mixed_rows(scene, people) -> list[dict]:
    """A hundred and twenty new contacts of which six join, four known ones that join, four that leave
    (of one we know only the id), one that withdrew permission."""
    ids = scene.adopt("Win back")
    rows = [people(number, joins=["News"] if number % 20 == 7 else []) for number in range(120)]
    for number in range(120, 129):
        known = scene.emulator.staff.add_contact(f"p{number}@example.com", lists=(ids["Win back"],))
        if number < 124:
            rows.append(people(number, payload=None, contact_id=known, joins=["News"]))
        else:
            leaves = ["Win back", "@unsubscribe"] if number == 128 else ["Win back"]
            rows.append(people(number, email=None, payload=None, contact_id=known, leaves=leaves))
    return rows


def expect_end_state(scene) -> None:
    contacts, lists = scene.emulator.account.contacts.values(), scene.emulator.account.lists.values()
    expected = {f"p{number}@example.com" for number in range(129)}
    assert sorted(contact.email for contact in contacts) == sorted(expected)
    joined = [*range(7, 120, 20), *range(120, 124)]
    assert scene.members("News") == {f"p{number}@example.com" for number in joined}
    assert scene.members("Win back") == {f"p{number}@example.com" for number in range(120, 124)}
    assert scene.emulator.account.unsubscribed() == {"p128@example.com"}
    assert sorted(one.title for one in lists) == ["News", "Win back"]


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("endpoint", ENDPOINTS)
async def test_a_fault_changes_nothing_of_the_end_state(scene, people, endpoint, fault) -> None:
    method, path = ENDPOINTS[endpoint]
    scene.chunk(mixed_rows(scene, people))
    scene.emulator.inject(Fault(method=method, path=path, times=2, **FAULTS[fault]))
    patience = 0.4 if "seconds" in FAULTS[fault] else 30.0
    result = await scene.deliver(scene.client(timeout_seconds=patience), requests_in_flight=3)

    assert result.complete, result
    assert result.counts["upsert"] == {"delivered": 120}
    expect_end_state(scene)


@pytest.mark.parametrize("same_title", list(SameTitle))
@pytest.mark.parametrize("names", list(Names))
@pytest.mark.parametrize("custom", [UnknownCustomField.KEPT, UnknownCustomField.IGNORED])
@pytest.mark.parametrize("empty", list(EmptyValue))
async def test_every_unknown_of_the_api_is_coped_with(
    scene, people, same_title, names, custom, empty
) -> None:
    scene.emulator.switch(same_title=same_title, names=names, unknown_custom_field=custom, empty_value=empty)
    scene.chunk(mixed_rows(scene, people))
    result = await scene.deliver()

    assert result.complete
    expect_end_state(scene)


async def test_a_custom_field_that_the_account_refuses_rejects_each_contact_with_it(scene, people) -> None:
    scene.emulator.switch(
        unknown_custom_field=UnknownCustomField.REFUSED, bad_contact=BadContact.REFUSES_BATCH
    )
    scene.chunk([people(number) for number in range(4)] + [people(9, payload='{"Email":"p9@example.com"}')])
    result = await scene.deliver()

    assert result.counts["upsert"] == {"rejected": 4, "delivered": 1}


async def test_a_key_that_is_revoked_midway_stops_at_once(scene, people) -> None:
    scene.emulator.inject(Fault(kind=FaultKind.KEY_REVOKED, path="^/contacts$", skip=2))
    scene.chunk([people(number, joins=["News"]) for number in range(1000)])
    result = await scene.deliver(requests_in_flight=3)

    assert result.stopped.kind is StopKind.CREDENTIALS
    assert "was revoked" in result.stopped.message
    assert scene.emulator.config.api_key not in str(result)
    delivered = result.counts["upsert"]["delivered"]
    assert result.counts["upsert"] == {"delivered": delivered, "not_sent": 1000 - delivered}
    assert len(scene.emulator.account.contacts) == delivered


async def test_after_the_key_was_rotated_the_same_chunk_goes_on(scene, people) -> None:
    scene.emulator.inject(Fault(kind=FaultKind.KEY_REVOKED, path="^/contacts$", skip=2))
    scene.chunk([people(number, joins=["News"]) for number in range(500)])
    await scene.deliver(requests_in_flight=3)
    scene.emulator.rotate_key(scene.emulator.config.api_key)
    result = await scene.deliver()

    assert result.complete
    assert result.attempt == 2
    assert set(scene.emulator.log.times_sent("upsert_contacts", worked_only=True).values()) == {1}
    assert len(scene.members("News")) == 500


async def test_a_dead_destination_is_given_up_and_nothing_is_called_failed(scene, people) -> None:
    scene.chunk([people(number) for number in range(2000)])
    result = await scene.deliver(scene.client(base_url="http://127.0.0.1:9/v1"))

    assert result.stopped.kind is StopKind.UNREACHABLE
    assert "no connection to 127.0.0.1:9" in result.stopped.message
    assert result.counts["upsert"] == {"not_sent": 2000}


async def test_a_destination_that_only_answers_500_is_given_up(scene, people) -> None:
    scene.emulator.inject(Fault(kind=FaultKind.ERROR, path="^/contacts$", times=None))
    scene.chunk([people(number) for number in range(3000)])
    result = await scene.deliver(requests_in_flight=2)
    counts = result.counts["upsert"]

    assert result.stopped.kind is StopKind.UNREACHABLE
    assert counts["failed"] + counts["not_sent"] == 3000
    assert 0 < counts["failed"] <= 1000
    sent = scene.emulator.log.times_sent("upsert_contacts")
    assert {row for (row, _, _), outcome in scene.outcomes().items() if outcome == "failed"} >= {
        int(email.split("@")[0][1:]) for email in sent
    }


async def test_one_contact_that_breaks_the_server_costs_nobody_else(scene, people) -> None:
    """A batch that is answered 500 while others are taken is split like one that is refused."""
    scene.chunk([people(number) for number in range(300)])
    client = scene.client()
    upsert = client.bulk_upsert

    async def breaks_at_p7(contacts, call):
        if any(b'"p7@example.com"' in contact for contact in contacts):
            call.in_doubt = True
            raise OutcomeUnknownError("POST /contacts was answered 500", status=500)
        return await upsert(contacts, call)

    client.bulk_upsert = breaks_at_p7
    result = await scene.deliver(client, requests_in_flight=3)

    assert result.stopped is None
    assert result.counts["upsert"] == {"delivered": 299, "failed": 1}
    assert scene.outcomes()[7, "upsert", None] == "failed"


async def test_the_deadline_ends_all_waiting(scene, people) -> None:
    scene.emulator.inject(Fault(kind=FaultKind.THROTTLED, path="^/contacts$", skip=2, times=None))
    scene.chunk([people(number) for number in range(1000)])
    client = scene.client(retry=RetrySettings(throttle_patience=1000))
    deadline = datetime(2026, 3, 1, tzinfo=UTC)

    def now() -> datetime:
        is_waiting = len(scene.emulator.log.select(status=429)) > 2
        return deadline if is_waiting else deadline - timedelta(hours=1)

    result = await scene.deliver(client, now=now, deadline=deadline, requests_in_flight=2)

    assert result.stopped.kind is StopKind.DEADLINE
    assert result.counts["upsert"] == {"delivered": 200, "not_sent": 800}
    assert result.seconds < 30, "throttling alone would be waited out for 1,000 s"


async def test_a_reason_to_stop_is_noticed_within_seconds_and_told(scene, people) -> None:
    scene.emulator.switch(latency=0.02)
    scene.chunk([people(number, joins=["News"]) for number in range(500)])
    asked = []

    def should_stop() -> str | None:
        asked.append(1)
        return "the connection was removed" if len(asked) > 3 else None

    result = await scene.deliver(should_stop=should_stop, requests_in_flight=2)

    assert (result.stopped.kind, result.stopped.message) == (StopKind.ASKED, "the connection was removed")
    assert result.count("failed") == 0
    assert result.counts["join"].get("not_sent", 0) > 0
    delivered = {
        row
        for (row, operation, _), outcome in scene.outcomes().items()
        if (operation, outcome) == ("join", "delivered")
    }
    assert scene.members("News") == {f"p{row}@example.com" for row in delivered}


async def test_a_reason_before_the_first_request_sends_nothing(scene, people) -> None:
    scene.chunk([people(0)])
    result = await scene.deliver(should_stop=lambda: "disabled")

    assert len(scene.emulator.log) == 0
    assert result.counts["upsert"] == {"not_sent": 1}


async def test_a_question_that_fails_stops_nothing(scene, people) -> None:
    def should_stop() -> str | None:
        raise ConnectionError("Airflow is away")

    scene.chunk([people(number) for number in range(10)])
    assert (await scene.deliver(should_stop=should_stop)).complete


async def test_a_zombie_stops_when_a_newer_attempt_has_begun(scene, people) -> None:
    scene.emulator.switch(latency=0.02)
    scene.chunk([people(number) for number in range(5000)])
    job = scene.job()

    async def retry_meanwhile():
        await asyncio.sleep(0.2)
        ReceiptFolder(job.run, 1, job.fingerprint).begin("later")

    result, _ = await asyncio.gather(scene.deliver(requests_in_flight=1), retry_meanwhile())

    assert result.stopped.kind is StopKind.ASKED
    assert "newer attempt" in result.stopped.message
    assert result.counts["upsert"]["not_sent"] > 0
