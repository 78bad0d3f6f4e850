"""Killed at any moment, an attempt is taken up where its receipts end: nothing is lost, nothing that was
acknowledged and written down is sent again."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from segment_emulators.autopilot import Fault, FaultKind
from segment_exports.records.receipts import read_receipts
from segment_exports.records.staging import Store

KINDS = [
    {"kind": FaultKind.ERROR},
    {"kind": FaultKind.ERROR, "work_done": True},
    {"kind": FaultKind.RESET, "work_done": True},
    {"kind": FaultKind.RESET},
    {"kind": FaultKind.TRUNCATED_JSON},
    {"kind": FaultKind.HTML, "status": 200, "work_done": True},
    {"kind": FaultKind.CUT_BODY},
]
WRITES = ("upsert_contacts", "join_list", "leave_list", "unsubscribe_contact")


def written_down(scene) -> set[tuple[str, str, str | None]]:
    """What the receipts say was delivered: (address, operation, list)."""
    return {
        (f"p{one['row']}@example.com", one["operation"], one["list"])
        for one in scene.receipts()
        if one["outcome"] == "delivered"
    }


def sent(scene, since: int = 0) -> list[tuple[str, str, str | None]]:
    """Operations that requests after the given one named, in order, as often as they did."""
    titles = {list_id: one.title for list_id, one in scene.emulator.account.lists.items()}
    operations = {"upsert_contacts": "upsert", "join_list": "join", "leave_list": "leave"}
    return [
        (email, operations[entry.endpoint], titles[entry.lists[0]] if entry.lists else None)
        for entry in scene.emulator.log.select(*operations, since=since)
        for email in entry.emails
    ]


async def kill_when(scene, delivery: asyncio.Task, arrivals: int) -> None:
    """Cut a delivery off without a chance to clean up, as far as that can be done inside one process."""
    while len(scene.emulator.log) < arrivals and not delivery.done():
        await asyncio.sleep(0.001)
    delivery.cancel()
    await asyncio.gather(delivery, return_exceptions=True)
    await asyncio.sleep(0.02)


def rows_of(scene, people, count: int, lists: list[list[str]]) -> list[dict]:
    ids = scene.adopt("News", "Win back")
    rows = []
    for number in range(count):
        if number % 7 == 3:
            known = scene.emulator.staff.add_contact(
                f"p{number}@example.com", lists=(ids["Win back"],), custom={"boolean--List--Win--back": True}
            )
            rows.append(people(number, payload=None, contact_id=known, joins=["News"], leaves=["Win back"]))
        elif number % 7 == 5:
            gone = {"payload": None, "contact_id": f"person_GONE{number}", "member_of": ["Win back"]}
            rows.append(people(number, joins=["News"], **gone))
        else:
            rows.append(people(number, joins=lists[number % len(lists)]))
    scene.contacts([people(number) for number in range(count)])
    return rows


@settings(
    max_examples=20,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(data=st.data())
def test_any_kills_and_faults_end_in_the_state_that_was_planned(scene_in, people, data) -> None:
    way = data.draw(st.sampled_from(["list", "bulk", "auto", "field"]), label="way")
    rule = data.draw(st.sampled_from(["honoured", "on_creation", "ignored"]), label="rule")
    in_flight = data.draw(st.sampled_from([1, 3, 8]), label="in flight")
    count = data.draw(st.sampled_from([12, 40, 230]), label="contacts")
    kills = data.draw(st.lists(st.integers(1, 60), max_size=3), label="kills after so many requests")
    chance = data.draw(st.sampled_from([0.0, 0.1, 0.3]), label="share of faults")
    lists = data.draw(
        st.lists(st.sampled_from([[], ["News"], ["News", "Win back"]]), min_size=1, max_size=3), label="lists"
    )
    faults = [
        Fault(**kind, path=".", times=None, probability=chance / len(KINDS), seed=place)
        for place, kind in enumerate(KINDS)
        if chance
    ]

    async def scenario(scene) -> None:
        scene.emulator.switch(list_in_bulk=rule)
        rows = rows_of(scene, people, count, lists)
        scene.chunk(rows)
        for kill in kills:
            scene.emulator.inject(*faults)
            known, so_far = written_down(scene), len(scene.emulator.log)
            job = {"membership": way, "requests_in_flight": in_flight}
            await kill_when(scene, asyncio.create_task(scene.deliver(**job)), so_far + kill)
            again = [one for one in sent(scene, so_far) if one in known]
            assert not again or way != "list", f"sent again although written down: {again[:3]}"
        known, so_far = written_down(scene), len(scene.emulator.log)
        scene.emulator.inject()
        result = await scene.deliver(membership=way, requests_in_flight=in_flight)
        assert result.complete, result
        if "single calls" not in str(result.membership_note):
            assert not [one for one in sent(scene, so_far) if one in known]
        assert set(scene.outcomes().values()) <= {"delivered"}
        for title in scene.titles:
            expected = {row["email"] for row in rows if title in row["joins"] + row["member_of"]}
            assert members(scene, way, title) == expected, title
        contacts = {one["Email"]: one for one in map(dict, _contacts(scene))}
        assert sorted(contacts) == sorted(row["email"] for row in rows)
        assert all(contacts[row["email"]]["FirstName"] for row in rows if row["member_of"])

    with scene_in() as scene:
        asyncio.run(scenario(scene))


def members(scene, way: str, title: str) -> set[str]:
    if way != "field":
        return scene.members(title)
    flag = {"kind": f"List {title}", "value": True, "fieldType": "boolean", "deleted": False}
    return {one["Email"] for one in _contacts(scene) if flag in one.get("custom_fields", [])}


def _contacts(scene) -> list[dict]:
    return [one.to_json() for one in scene.emulator.account.contacts.values()]


_CHILD = """
import asyncio, sys
from segment_exports.destinations.autopilot.client import AutopilotClient
from segment_exports.destinations.autopilot.destination import AutopilotDestination
from segment_exports.definition import ListTarget
from segment_exports.delivery.engine import deliver_chunk_blocking
from segment_exports.delivery.job import ChunkJob
from segment_exports.transport.pacing import Pacer
from segment_exports.records.receipts import chunk_fingerprint
from segment_exports.records.staging import Store

url, key, folder, in_flight, list_id = sys.argv[1:]
run = Store.local(folder + "/run")
deliver_chunk_blocking(
    ChunkJob(
        run=run, number=1, fingerprint=chunk_fingerprint(run, 1), account=Store.local(folder + "/account"),
        lists=(ListTarget("News", list_id),), membership="list", requests_in_flight=int(in_flight),
    ),
    AutopilotDestination(AutopilotClient(url, key, pacer=Pacer(None))),
)
"""


@pytest.mark.parametrize(("in_flight", "arrivals"), [(4, 9), (8, 25), (8, 120)])
async def test_kill_9_loses_nothing_and_sends_again_only_what_was_in_flight(
    scene, people, in_flight, arrivals
) -> None:
    ids = scene.adopt("News")
    scene.titles = ("News",)
    scene.emulator.switch(latency=0.05)  # so that it isn't done before it is killed
    scene.chunk([people(number, joins=["News"] if number < 500 else []) for number in range(2000)])
    folder = str(Path(scene.run.root).parent)
    arguments = [scene.emulator.base_url, scene.emulator.api_key, folder, str(in_flight), ids["News"]]
    child = subprocess.Popen([sys.executable, "-c", _CHILD, *arguments], start_new_session=True)
    try:
        limit = time.monotonic() + 60
        while len(scene.emulator.log) < arrivals and time.monotonic() < limit:
            await asyncio.sleep(0.001)
    finally:
        os.kill(child.pid, signal.SIGKILL)
        child.wait()
    await asyncio.sleep(0.1)
    killed_at, known = len(scene.emulator.log), written_down(scene)
    before = sent(scene)
    receipts = read_receipts(scene.run, 1)
    assert receipts.last_cut_off == 1
    uncertain = {
        (f"p{row}@example.com", operation, title)
        for (row, operation, title), outcome in scene.outcomes().items()
        if outcome == "failed"
    }
    assert uncertain >= set(before) - known

    scene.emulator.switch(latency=0)
    result = await scene.deliver(requests_in_flight=in_flight)
    after = sent(scene, killed_at)
    again = [one for one in after if one in set(before)]
    requests_again = len({one for one in again if one[1] != "upsert"}) + len(again) // 100
    print(f"killed after {killed_at} requests: {len(again)} operations again, {in_flight} in flight")

    assert result.complete
    assert not [one for one in after if one in known]
    assert len(again) <= 100 * in_flight
    assert requests_again <= in_flight
    assert len(scene.emulator.account.contacts) == 2000
    assert scene.members("News") == {f"p{number}@example.com" for number in range(500)}


async def test_a_receipt_that_cannot_be_written_ends_the_attempt_as_if_killed(
    scene, people, monkeypatch
) -> None:
    scene.chunk([people(number) for number in range(300)])
    write, written = Store.write_bytes, []

    def full_after_two(store, relative, data):
        if relative.endswith(".arrow"):
            written.append(relative)
            if len(written) > 1:
                raise OSError(28, "No space left on device")
        write(store, relative, data)

    monkeypatch.setattr(Store, "write_bytes", full_after_two)
    with pytest.raises(OSError, match="No space left"):
        await scene.deliver(requests_in_flight=1)
    monkeypatch.undo()

    assert sorted(scene.outcomes().values()) == ["delivered"] * 100 + ["failed"] * 200
    assert (await scene.deliver()).complete
    assert scene.emulator.log.times_sent("upsert_contacts")["p0@example.com"] == 1


@pytest.fixture
def scene_in(served, scene):
    """Opens a fresh scene, since one test of properties needs many."""
    from contextlib import contextmanager

    @contextmanager
    def fresh():
        served.reset()
        with tempfile.TemporaryDirectory() as folder:
            yield type(scene)(served, Store.local(f"{folder}/run"), Store.local(f"{folder}/account"))

    return fresh
