from __future__ import annotations

import asyncio
import fcntl
import json
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.segment_exports.transport.bad_requests.sending_process import MOST, SECONDS
from tests.segment_exports.transport.virtual_time import VirtualTime, most_in

from segment_exports.transport.bad_requests.budget import MARGIN, BadRequests, Place, Uncounted, is_bad
from segment_exports.transport.call import Call

if TYPE_CHECKING:
    from collections.abc import Callable

SCRIPT = Path(__file__).with_name("sending_process.py")


async def at_once() -> int:
    return 7


@pytest.fixture
def world() -> VirtualTime:
    return VirtualTime()


@pytest.fixture
def budget(world: VirtualTime, tmp_path: Path) -> Callable[..., BadRequests]:
    """Makes budgets of one service, as different processes have them."""

    def make(**options: Any) -> BadRequests:
        wanted = {"most": 9, "seconds": 15.0, "folder": tmp_path, "clock": world.clock, "sleep": world.sleep}
        return BadRequests("service", **{**wanted, **options})

    return make


async def bad(budget: BadRequests, status: int = 400) -> None:
    _, place = await budget.start(at_once)
    place.answered(status)


@pytest.mark.parametrize(
    ("status", "counts"), [(200, False), (302, False), (400, True), (401, True), (404, True), (422, True),
                           (429, False), (499, True), (500, False), (503, False)],
)  # fmt: skip
def test_bad_is_what_is_answered_4xx_but_for_429(status, counts) -> None:
    assert is_bad(status) is counts


async def test_so_many_go_at_once_and_the_next_waits_until_the_first_counts_no_more(world, budget) -> None:
    one = budget()
    await world.run(*(bad(one) for _ in range(9)))
    assert world.now == 1000.0
    await world.run(bad(one))
    assert world.now == pytest.approx(1015 + MARGIN)


async def test_good_ones_count_as_long_as_they_are_under_way(world, budget) -> None:
    one, other = budget(), budget()
    places = [(await one.start(at_once))[1] for _ in range(9)]

    async def answered() -> None:
        await world.sleep(3)
        places[0].answered(200)

    await world.run(other.start(at_once), answered())
    assert 1003 <= world.now <= 1003.2
    for place in places[1:]:
        place.answered(503)
    await world.run(*(other.start(at_once) for _ in range(8)))
    assert world.now <= 1003.2


async def test_a_place_brings_along_what_was_waited_for_with_it(budget) -> None:
    assert (await budget().start(at_once))[0] == 7


async def test_a_start_for_which_there_is_no_place_is_lost_and_another_taken(world, budget) -> None:
    """Else requests that waited together would go out together."""
    one, starts = budget(), []

    async def begin() -> int:
        starts.append(world.now)
        return len(starts)

    await world.run(*(bad(one) for _ in range(9)))
    ((ticket, _),) = await world.run(one.start(begin))
    assert ticket == len(starts) == 2
    assert starts[-1] == world.now


async def test_what_nobody_answered_counts_until_the_same_call_is_answered_well(world, budget) -> None:
    one, call = budget(most=1), Call()
    _, place = await one.start(at_once)
    call.on_wire = True
    call.unanswered_in(place)
    await world.run(one.start(at_once))
    assert world.now == pytest.approx(1015 + MARGIN)

    two, call = budget(most=2), Call()
    _, place = await two.start(at_once)
    call.on_wire = True
    call.unanswered_in(place)
    call.answered_well()
    began = world.now
    await world.run(two.start(at_once))
    assert world.now == began


async def test_what_did_not_go_out_gives_its_place_back(world, budget) -> None:
    one, call = budget(most=1), Call()
    _, place = await one.start(at_once)
    call.unanswered_in(place)
    await world.run(one.start(at_once))
    assert world.now == 1000.0


async def test_it_tells_whether_there_were_bad_ones_of_anybody_here(world, budget) -> None:
    one, other = budget(), budget()
    assert not other.happened_lately()
    await bad(one)
    assert other.happened_lately()
    world.now += 15 + MARGIN
    assert not other.happened_lately()


async def test_all_wait_until_a_shut_out_is_over_and_it_is_told_once(world, budget) -> None:
    one, other = budget(), budget()
    assert one.shut_out() == pytest.approx(15 + MARGIN)
    world.now += 4
    assert other.shut_out() == pytest.approx(11 + MARGIN)
    await world.run(other.start(at_once))
    assert world.now == pytest.approx(1015 + MARGIN)
    assert other.warnings == ()
    (told,) = one.warnings
    assert told.startswith("the service shut this machine out for a while after bad requests, once: ")


@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    processes=st.integers(1, 3),
    workers=st.integers(2, 5),
    badness=st.sampled_from([0.05, 0.5, 1.0]),
    lost=st.sampled_from([0.0, 0.2]),
    slowest=st.sampled_from([0.1, 3.0]),
)
def test_no_rolling_time_sees_more_bad_ones_than_allowed(
    seed, processes, workers, badness, lost, slowest
) -> None:
    """As the service counts them: whenever it took one in between its sending and its answer, also if that
    answer was lost."""
    rng, world, moments = random.Random(seed), VirtualTime(), []

    async def call(budget: BadRequests) -> None:
        state, good = Call(), rng.random() > badness
        while True:
            _, place = await budget.start(at_once)
            await world.sleep(rng.uniform(0, slowest))
            if not good:
                moments.append(world.now)
            await world.sleep(rng.uniform(0, slowest))
            if rng.random() >= lost:
                place.answered(200 if good else 400)
                if good:
                    state.answered_well()
                return
            state.on_wire = True
            state.unanswered_in(place)

    async def work(budget: BadRequests) -> None:
        for _ in range(4):
            await call(budget)

    with tempfile.TemporaryDirectory() as folder:
        budgets = [
            BadRequests(
                "service", most=9, seconds=15.0, folder=Path(folder), clock=world.clock, sleep=world.sleep
            )
            for _ in range(processes)
        ]
        asyncio.run(world.run(*(work(one) for one in budgets for _ in range(workers))))
    assert most_in(15.0 + MARGIN / 2, moments) <= 9


def start(*arguments: object) -> subprocess.Popen[str]:
    command = [sys.executable, str(SCRIPT), *map(str, arguments)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def test_processes_share_one_budget(tmp_path: Path) -> None:
    running = [start(tmp_path, 4, 3) for _ in range(3)]
    moments = [float(line) for one in running for line in one.communicate()[0].split()]
    assert [one.returncode for one in running] == [0, 0, 0]
    assert len(moments) == 36
    assert most_in(SECONDS + MARGIN, moments) <= MOST


async def test_what_a_killed_process_had_under_way_counts_as_bad_from_then_on(tmp_path: Path) -> None:
    """Nobody knows what became of it, and nobody will."""
    process = start(tmp_path, MOST, 0)
    for _ in range(MOST):
        assert process.stdout is not None
        assert process.stdout.readline() == "taken\n"
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        if not slept:
            process.kill()
            process.communicate()
        slept.append(seconds)

    one = BadRequests(
        "service",
        most=MOST,
        seconds=SECONDS,
        folder=tmp_path,
        clock=lambda: time.monotonic() + sum(slept),
        sleep=sleep,
    )
    await one.start(at_once)
    while_it_lived, *afterwards = slept
    assert while_it_lived < 0.1
    assert sum(afterwards) <= SECONDS + MARGIN + 0.1
    assert max(afterwards) > MARGIN


def files(folder: Path) -> dict[str, Path]:
    return {one.suffix: one for one in folder.iterdir()}


async def test_its_file_is_the_users_alone_and_holds_times_and_numbers(budget, tmp_path: Path) -> None:
    await bad(budget())
    found = files(tmp_path)
    assert {one.stat().st_mode & 0o777 for one in found.values()} == {0o600}
    held = json.loads(found[".json"].read_text())
    assert [(place[1:]) for place in held["places"]] == [[1, 1000.0, "bad"]]


@pytest.mark.parametrize(
    "text", ["{", "[]", '{"shut_until": 0, "places": [["1-a", 1, 1, "good"]]}', "\0" * 50]
)
async def test_a_file_that_cant_be_read_counts_as_full(world, budget, tmp_path: Path, text) -> None:
    await bad(budget())
    files(tmp_path)[".json"].write_text(text)
    await world.run(budget().start(at_once))
    assert world.now == pytest.approx(1015 + MARGIN)


async def test_times_of_before_the_machine_was_started_count_no_more(world, budget, tmp_path: Path) -> None:
    before = budget()
    await world.run(*(bad(before) for _ in range(9)))
    before.shut_out()
    world.now = 5.0
    await world.run(budget().start(at_once))
    assert world.now == 5.0


async def test_without_a_folder_a_process_counts_for_itself_and_says_so(world, budget, tmp_path) -> None:
    one = budget(folder=tmp_path / "not there")
    await world.run(*(bad(one) for _ in range(10)))
    assert world.now == pytest.approx(1015 + MARGIN)
    (told,) = one.warnings
    assert "are not counted" in told
    assert "FileNotFoundError, No such file or directory" in told


async def test_a_folder_that_turns_unusable_loses_no_count(world, budget, tmp_path, monkeypatch) -> None:
    from segment_exports.transport.bad_requests import budget as module

    def full(*_: object) -> None:
        raise OSError(28, "")

    one = budget()
    await world.run(*(bad(one) for _ in range(8)))
    monkeypatch.setattr(module, "replace", full)
    await world.run(bad(one), bad(one))
    assert world.now == pytest.approx(1015 + MARGIN)
    assert "OSError, No space left on device" in one.warnings[0]


async def test_whose_lock_is_never_given_back_is_left_behind(world, budget, tmp_path: Path) -> None:
    await bad(budget())
    with files(tmp_path)[".lock"].open() as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        one = budget()
        await world.run(one.start(at_once))
    assert 1010 < world.now < 1011
    assert "locked by a process that does not go on" in one.warnings[0]


async def test_what_is_answered_while_another_has_the_file_is_written_down_later(
    world, budget, tmp_path: Path
) -> None:
    """Until then it stands there as under way, and counts."""
    one, other = budget(most=1), budget(most=1)
    _, place = await one.start(at_once)
    with files(tmp_path)[".lock"].open() as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        place.answered(400)
    assert not other.happened_lately()
    assert one.happened_lately()
    assert other.happened_lately()
    await world.run(other.start(at_once))
    assert world.now == pytest.approx(1015 + MARGIN)


async def test_a_service_that_shuts_nobody_out_has_no_budget() -> None:
    uncounted = Uncounted()
    places = [(await uncounted.start(at_once))[1] for _ in range(100)]
    for place in places:
        assert isinstance(place, Place)
        place.answered(400)
    assert not uncounted.happened_lately()
    assert uncounted.shut_out() == 0.0
    assert uncounted.warnings == ()
