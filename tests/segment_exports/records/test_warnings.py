from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from segment_exports.records.staging import Store
from segment_exports.records.warnings import forget_warnings, record_warnings, recorded_warnings

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
