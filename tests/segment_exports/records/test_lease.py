from __future__ import annotations

import multiprocessing
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest
from fsspec.implementations.memory import MemoryFileSystem

from segment_exports.errors import LeaseHeldError, RunSupersededError
from segment_exports.records.lease import (
    Lease,
    acquire,
    confirm,
    current_lease,
    holder,
    leases,
    reason_to_stop,
    release,
    renew,
    reopen,
)
from segment_exports.records.staging import Store

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


@pytest.fixture(params=["disk", "object store"])
def export(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    if request.param == "disk":
        yield Store.local(tmp_path)
        return
    memory = Store(MemoryFileSystem(), f"/{tmp_path.name}")
    yield memory
    memory.remove("lease")


def alive(*runs: str) -> Callable[[str], bool]:
    return frozenset(runs).__contains__


def test_the_first_run_takes_the_first_lease(export: Store) -> None:
    assert current_lease(export) is None
    assert acquire(export, "run 1", is_alive=alive()) == Lease(1, "run 1")
    assert current_lease(export) == Lease(1, "run 1")


def test_a_run_that_plans_again_keeps_its_lease(export: Store) -> None:
    lease = acquire(export, "run 1", is_alive=alive("run 1"))
    assert acquire(export, "run 1", is_alive=alive("run 1")) == lease


def test_a_living_holder_keeps_others_out_and_is_named(export: Store) -> None:
    acquire(export, "run 1", is_alive=alive())
    with pytest.raises(LeaseHeldError, match="run 1 of this export is delivering"):
        acquire(export, "run 2", is_alive=alive("run 1"))
    assert current_lease(export) == Lease(1, "run 1")


def test_a_released_lease_is_taken_although_its_run_lives(export: Store) -> None:
    release(export, acquire(export, "run 1", is_alive=alive()))
    assert acquire(export, "run 2", is_alive=alive("run 1")) == Lease(2, "run 2")


def test_a_dead_holder_is_taken_over_and_finds_out(export: Store) -> None:
    dead = acquire(export, "run 1", is_alive=alive())
    taken = acquire(export, "run 2", is_alive=alive())
    assert taken == Lease(2, "run 2")
    confirm(export, taken)
    assert reason_to_stop(export, taken) is None
    assert "run 2 holds a newer one" in str(reason_to_stop(export, dead))
    with pytest.raises(RunSupersededError, match="run 1 planned under lease 1, but run run 2 holds a newer"):
        confirm(export, dead)
    with pytest.raises(RunSupersededError):
        renew(export, dead)
    with pytest.raises(RunSupersededError):
        reopen(export, dead)


def test_an_upload_stops_whose_run_was_settled_meanwhile(export: Store) -> None:
    lease = acquire(export, "run 1", is_alive=alive())
    assert reason_to_stop(export, lease) is None
    release(export, lease)
    assert "run 1 was settled while this task sent" in str(reason_to_stop(export, lease))


def test_a_run_comes_back_with_a_new_lease_after_another_had_it(export: Store) -> None:
    acquire(export, "run 1", is_alive=alive())
    release(export, acquire(export, "run 2", is_alive=alive()))
    assert acquire(export, "run 1", is_alive=alive("run 1", "run 2")) == Lease(3, "run 1")


def test_a_renewed_lease_fences_off_what_was_planned_before(export: Store) -> None:
    first = acquire(export, "run 1", is_alive=alive())
    second = renew(export, first)
    assert second == Lease(2, "run 1")
    with pytest.raises(RunSupersededError):
        confirm(export, first)
    assert acquire(export, "run 1", is_alive=alive()) == second


def test_a_released_lease_opens_again_for_a_cleared_upload(export: Store) -> None:
    lease = acquire(export, "run 1", is_alive=alive())
    release(export, lease)
    reopen(export, lease)
    with pytest.raises(LeaseHeldError):
        acquire(export, "run 2", is_alive=alive("run 1"))
    reopen(export, lease)
    release(export, lease)
    release(export, lease)
    assert acquire(export, "run 2", is_alive=alive("run 1")) == Lease(2, "run 2")


def test_the_holder_is_the_newest_lease_until_it_is_released(export: Store) -> None:
    assert holder(export) is None
    lease = acquire(export, "run 1", is_alive=alive())
    assert holder(export) == lease
    release(export, lease)
    assert holder(export) is None


def test_a_lease_that_is_taken_while_it_opens_again_is_lost(
    export: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    lease = acquire(export, "run 1", is_alive=alive())
    release(export, lease)
    remove = Store.remove

    def remove_late(store: Store, name: str) -> None:
        monkeypatch.undo()
        acquire(export, "run 2", is_alive=alive())
        remove(store, name)

    monkeypatch.setattr(Store, "remove", remove_late)
    with pytest.raises(RunSupersededError, match="run 2"):
        reopen(export, lease)


def test_releasing_an_old_lease_does_nothing_to_the_new_one(export: Store) -> None:
    old = acquire(export, "run 1", is_alive=alive())
    acquire(export, "run 2", is_alive=alive())
    release(export, old)
    with pytest.raises(LeaseHeldError):
        acquire(export, "run 3", is_alive=alive("run 2"))


def test_fences_stay_above_what_was_written_even_if_the_leases_are_lost(export: Store) -> None:
    assert acquire(export, "run 8", is_alive=alive(), above=7).fence == 8
    assert acquire(export, "run 9", is_alive=alive(), above=7).fence == 9


def test_only_the_last_hundred_leases_are_kept(export: Store) -> None:
    for number in range(105):
        release(export, acquire(export, f"run {number}", is_alive=alive()))
    assert [one.fence for one in leases(export)] == list(range(6, 106))
    assert [one.run_id for one in leases(export, above=103)] == ["run 103", "run 104"]
    # Of the newest, the mark of its release is there too.
    assert len(export.names("lease")) == 200


def test_a_lease_forgotten_while_all_are_read_is_left_out(
    export: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(3):
        acquire(export, f"run {number}", is_alive=alive())
    monkeypatch.setattr(Store, "names", lambda *_: [f"{fence:010d}.json" for fence in range(4)])
    assert [one.fence for one in leases(export)] == [1, 2, 3]


def _try_to_acquire(folder: str, run_id: str) -> tuple[str, int | None]:
    try:
        return run_id, acquire(Store.local(folder), run_id, is_alive=lambda run: run != "dead").fence
    except LeaseHeldError:
        return run_id, None


@pytest.mark.parametrize("kind", ["threads", "processes"])
def test_of_many_runs_that_take_over_a_dead_one_at_once_one_wins(tmp_path: Path, kind: str) -> None:
    executor = (
        ThreadPoolExecutor(8)
        if kind == "threads"
        else ProcessPoolExecutor(4, multiprocessing.get_context("fork"))
    )
    with executor:
        for attempt in range(5):
            folder = tmp_path / str(attempt)
            acquire(Store.local(folder), "dead", is_alive=lambda _: False)
            runs = [f"run {number}" for number in range(12)]
            won = [
                (run, fence)
                for run, fence in executor.map(_try_to_acquire, [str(folder)] * len(runs), runs)
                if fence is not None
            ]
            assert len(won) == 1
            assert current_lease(Store.local(folder)) == Lease(2, won[0][0])


def test_a_run_whose_lease_was_lost_sends_no_more_under_the_number_that_another_has_now(
    export: Store,
) -> None:
    lost = acquire(export, "run 1", is_alive=alive())
    export.remove("lease")
    assert acquire(export, "run 2", is_alive=alive("run 1")).fence == lost.fence

    with pytest.raises(RunSupersededError, match="run 2 holds a newer one"):
        confirm(export, lost)
