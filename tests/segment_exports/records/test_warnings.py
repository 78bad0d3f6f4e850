from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from segment_exports.records.staging import Store
from segment_exports.records.warnings import bounded, forget_warnings, record_warnings, recorded_warnings
from segment_exports.settings import bounds

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def run(tmp_path: Path) -> Store:
    return Store.local(tmp_path)


def test_a_run_without_warnings_has_none(run: Store) -> None:
    record_warnings(run, "wait_for_refresh", [])
    assert recorded_warnings(run) == []


def test_the_warnings_of_all_steps_are_told_each_once(run: Store) -> None:
    record_warnings(run, "extract A/B", ["A is cut", "the source is old"])
    record_warnings(run, "wait_for_refresh", ["the source is old", "B is inactive"])
    assert recorded_warnings(run) == ["A is cut", "the source is old", "B is inactive"]


def test_a_step_that_is_done_again_replaces_its_own_warnings_alone(run: Store) -> None:
    record_warnings(run, "extract A", ["A is cut"])
    record_warnings(run, "extract B", ["B is cut"])

    record_warnings(run, "extract A", [])
    record_warnings(run, "extract B", ["B is empty"])

    assert recorded_warnings(run) == ["B is empty"]


def test_a_run_that_reads_anew_forgets_all_but_what_was_found_before(run: Store) -> None:
    record_warnings(run, "extract A", ["A is cut"])
    record_warnings(run, "check_destination", ["the clock is wrong"])
    for _ in range(2):
        forget_warnings(run, but_for="check_destination")
    assert recorded_warnings(run) == ["the clock is wrong"]


def test_warnings_are_kept_visible_and_bounded(tmp_path: Path) -> None:
    run = Store.local(tmp_path)
    record_warnings(run, "a", [f"file {number}" for number in range(10_000)])
    (first, *_, last) = recorded_warnings(run)
    assert (first, last) == ("file 0", "9,801 more like these are left out")
    record_warnings(run, "a", ["x" * 1_000_000, "Gold\x1b[2J\U000e0041.csv"])
    long, hidden = recorded_warnings(run)
    assert 10_000 < len(long) <= bounds.MESSAGE_CHARACTERS
    assert hidden == r"Gold[2J\U000e0041.csv"
    most = tuple(f"{number}" for number in range(bounds.WARNINGS))
    assert bounded(most) == most
    assert bounded((*most, "one more")) == (*most[:-1], "2 more like these are left out")
    assert bounded(bounded(f"{number}" for number in range(500))) == bounded(map(str, range(500)))
