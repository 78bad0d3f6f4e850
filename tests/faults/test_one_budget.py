"""Two exports to one account, in two processes, at 20 requests a second: the account's log tells how it went.

In Airflow the upload tasks of an account wait for the one slot of its pool; here a file lock stands for
the slot.
"""

from __future__ import annotations

import itertools
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest
from tests.faults.chunks import ChunkFolder, go, new_contact
from tests.stands.alone import Why

if TYPE_CHECKING:
    from pathlib import Path

    from tests.stands.account_stand import AccountStand

    from segment_emulators.autopilot import Arrival

pytestmark = pytest.mark.alone(Why.RATE)

RATE = 20
LONGEST_MEASURING = 240.0
"""Seconds in which a measurement on a busy machine is made again."""

LONGEST_CHUNK = 600.0
"""Seconds of the account's rate that a chunk takes at most; those of this test take a few."""

BETWEEN_TASKS = 3.0
"""Seconds in which nothing is sent between two upload tasks of a real Airflow; two were measured."""


@dataclass(frozen=True)
class Share:
    """How much of the account's budget was used, and how much of it for nothing."""

    requests: int
    seconds: float
    throttled: int

    @property
    def of_budget(self) -> float:
        """Requests that were let through, of those that the rate allows."""
        return (self.requests - self.throttled) / (RATE * self.seconds)

    def __str__(self) -> str:
        return (
            f"{self.requests} requests in {self.seconds:.1f} s: {self.of_budget:.1%} of the budget, "
            f"{self.throttled} answered 429 ({self.throttled / self.requests:.2%})"
        )


def share(entries: list[Arrival]) -> Share:
    arrived = [entry.arrived for entry in entries]
    throttled = sum(entry.status == 429 for entry in entries)
    return Share(len(entries) - 1, arrived[-1] - arrived[0], throttled)


def deliver_both(tmp_path: Path, stand: AccountStand, joins: int, *, slot: str | None) -> list[Arrival]:
    """Let the second export begin as soon as the first has sent something; return the account's log.

    Each has one chunk, and joins a list of its own by single calls.
    """
    processes = []
    for name in ("first", "second"):
        folder = ChunkFolder(tmp_path / name, stand, lists=(name,))
        folder.folder.mkdir(parents=True)
        folder.write(1, [new_contact(stand, f"{name}{number}@example.com", name) for number in range(joins)])
        processes.append(folder.start(1, account=tmp_path / "account", rate=RATE, slot=slot))
    stand.emulator.reset()
    stand.emulator.switch(rate=RATE)
    go(processes[0])
    while not stand.emulator.log.entries:
        assert processes[0].poll() is None
        time.sleep(0.01)
    go(processes[1])
    assert [process.wait() for process in processes] == [0, 0]
    for name in ("first", "second"):
        assert len(stand.members(name)) == joins
    return stand.emulator.log.entries


def use_through_one_slot(tmp_path: Path, stand: AccountStand) -> tuple[float, float]:
    """Return the share of the budget that is used with chunks of full size, and the share of 429s."""
    entries = deliver_both(tmp_path, stand, 100, slot=str(tmp_path / "slot"))
    second = next(place for place, one in enumerate(entries) if one.emails and "second" in one.emails[0])
    change = second - sum(one.endpoint != "upsert_contacts" for one in entries[second - 3 : second])
    tasks = [share(entries[:change]), share(entries[change:])]
    overall = share(entries)
    at_full_size = min(task.of_budget for task in tasks) * LONGEST_CHUNK / (LONGEST_CHUNK + BETWEEN_TASKS)
    gap = entries[change].arrived - entries[change - 1].arrived
    print("first task:", tasks[0], "second task:", tasks[1], sep="\n")
    print(f"both, with {gap:.2f} s between them: {overall}")
    print(f"with chunks of ten minutes and {BETWEEN_TASKS:g} s between them: {at_full_size:.1%}")
    return at_full_size, overall.throttled / overall.requests


@pytest.mark.timeout(400)
def test_through_one_slot_the_budget_is_used_and_kept(tmp_path: Path, stand: AccountStand) -> None:
    """Measured again and again: a machine that is busy with something else uses less."""
    until = time.monotonic() + LONGEST_MEASURING
    used, throttled = 0.0, 1.0
    for attempt in itertools.count():
        used, throttled = use_through_one_slot(tmp_path / str(attempt), stand)
        if (used >= 0.95 and throttled <= 0.001) or time.monotonic() > until:
            break

    assert used >= 0.95
    assert throttled <= 0.001


@pytest.mark.timeout(400)
def test_without_the_slot_two_tasks_get_in_each_other_s_way_and_still_lose_nothing(
    tmp_path: Path, stand: AccountStand
) -> None:
    """What the pool is for: each task paces itself to the whole rate, and gives way only after 429s.

    Tried again and again: on a machine that is busy with something else, both may be slower than the rate.
    """
    until = time.monotonic() + LONGEST_MEASURING
    for attempt in itertools.count():
        used = share(deliver_both(tmp_path / str(attempt), stand, 80, slot=None))
        if used.throttled or time.monotonic() > until:
            break

    print("no slot:", used)
    assert used.throttled > 0
