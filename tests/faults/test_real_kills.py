"""``kill -9`` of the process that delivers: what was written down is not sent again, nothing is lost."""

from __future__ import annotations

import random
import signal
import time
from typing import TYPE_CHECKING

import pytest
from tests.faults.chunks import ChunkFolder, go, new_contact
from tests.stands.account_stand import JOINS_IN_UPSERTS

if TYPE_CHECKING:
    from pathlib import Path

    from tests.stands.account_stand import AccountStand

IN_FLIGHT = 2
CONTACTS = 1500
JOINING = 100
KILLS = 5


def let_arrive(stand: AccountStand) -> None:
    """Wait until what was on the wire has arrived and is done: the process that sent it is gone."""
    arrived = -1
    while stand.emulator.log.under_way or arrived < len(stand.emulator.log):
        arrived = len(stand.emulator.log)
        time.sleep(0.05)


@pytest.mark.timeout(240)
def test_killed_again_and_again(tmp_path: Path, stand: AccountStand) -> None:
    """1,500 upserts in 15 batches, then 100 joins; five kills somewhere in between."""
    stand.emulator.switch(latency=0.03)
    emails = [f"p{number}@example.com" for number in range(CONTACTS)]
    chunk = ChunkFolder(tmp_path, stand)
    lists = [["News"] if place < JOINING else [] for place in range(CONTACTS)]
    chunk.write(1, [new_contact(stand, email, *one) for email, one in zip(emails, lists, strict=True)])
    draws = random.Random(7)
    sent_again = []
    for _ in range(KILLS):
        known, before = chunk.acknowledged(1), len(stand.emulator.log)
        limit = before + draws.randint(4, 25)
        process = chunk.start(1, requests_in_flight=IN_FLIGHT)
        go(process)
        while len(stand.emulator.log) < limit and process.poll() is None:
            time.sleep(0.002)
        process.send_signal(signal.SIGKILL)
        process.wait()
        let_arrive(stand)
        arrived = set(chunk.sent(before))
        assert not known & arrived
        sent_again.append(arrived - chunk.acknowledged(1))
    known, before = chunk.acknowledged(1), len(stand.emulator.log)

    last = chunk.start(1, requests_in_flight=IN_FLIGHT)
    go(last)
    assert last.wait() == 0

    assert not known & set(chunk.sent(before))
    assert stand.addresses() == set(emails)
    assert stand.members("News") == set(emails[:JOINING])
    assert len(stand.list_ids("News")) == 1
    for unknown in sent_again:
        assert sum(operation == "upsert" for _, operation in unknown) <= 100 * IN_FLIGHT
        most = IN_FLIGHT if stand.usual_way not in JOINS_IN_UPSERTS else 100 * IN_FLIGHT
        assert sum(operation == "join" for _, operation in unknown) <= most
    print("sent, and not written down before the kill:", [len(one) for one in sent_again])
    assert any(sent_again)
