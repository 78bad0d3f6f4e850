"""Who refused, and when another run may take that back."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from segment_exports.errors import StagingError
from segment_exports.records.refusals import NOBODY_REFUSED, Reading, RefusalFolder, Refusals
from segment_exports.records.staging import Store

if TYPE_CHECKING:
    from pathlib import Path

SEGMENTS = ("Gold", "Silver")
ANN, BOB = np.uint64(1), np.uint64(2)
ASKED = "a rule and its segments"


def snapshot(day: int) -> str:
    return f"2026-11-{day:02d}T05:00:00+00:00"


def reading(*days: int, is_full: bool = True) -> Reading:
    """Gold of the first day, Silver of the second."""
    return Reading({name: snapshot(day) for name, day in zip(SEGMENTS, days, strict=False)}, is_full)


def after(
    before: Refusals,
    run: Reading,
    *,
    refused: tuple[np.uint64, ...] = (),
    allowed: tuple[np.uint64, ...] = (),
) -> Refusals:
    return before.after(run, np.array(refused, np.uint64), np.isin(before.keys, np.array(allowed)), {}, ASKED)


def test_a_refusal_counts_in_runs_that_read_less_and_in_older_snapshots() -> None:
    told = after(NOBODY_REFUSED, reading(5, 5), refused=(ANN,))
    assert told.against(reading(6, is_full=False)).tolist() == [ANN]
    assert told.against(reading(4, 4)).tolist() == [ANN]
    assert told.against(reading(6, 4)).tolist() == [ANN]
    assert told.against(reading(5, 5)).tolist() == []


def test_only_a_full_reading_as_new_as_the_refusal_lifts_it() -> None:
    told = after(NOBODY_REFUSED, reading(5, 5), refused=(ANN,))
    for less in (reading(6, is_full=False), reading(4, 9), reading(4, 4)):
        assert after(told, less, allowed=(ANN,)).keys.tolist() == [ANN]
    assert after(told, reading(5, 6), allowed=(ANN,)).keys.tolist() == []
    assert after(told, reading(5, 6), allowed=(BOB,)).keys.tolist() == [ANN]


def test_a_refusal_in_a_segment_that_is_no_longer_in_the_definition_is_lifted_by_what_is_as_new() -> None:
    told = after(NOBODY_REFUSED, reading(5, 9), refused=(ANN,))
    older, as_new = (Reading({"Gold": snapshot(day)}, is_full=True) for day in (6, 9))
    assert told.against(older).tolist() == [ANN]
    assert after(told, older, allowed=(ANN,)).keys.tolist() == [ANN]
    assert after(told, as_new, allowed=(ANN,)).keys.tolist() == []


def test_refusals_are_complete_once_a_full_reading_is_as_new_as_what_was_delivered() -> None:
    nothing = np.empty(0, np.uint64)
    delivered = {"Gold": snapshot(5), "Silver": snapshot(5)}

    def then(before: Refusals, run: Reading, asked: str = ASKED) -> Refusals:
        return before.after(run, nothing, np.zeros(len(before.keys), np.bool_), delivered, asked)

    assert then(NOBODY_REFUSED, reading(6, is_full=False)).complete_for is None
    older = then(NOBODY_REFUSED, reading(4, 4))
    assert older.complete_for is None
    newer = then(older, reading(5, 5))
    assert newer.complete_for == ASKED
    assert then(newer, reading(1, 1), "another rule").complete_for == ASKED
    assert then(newer, reading(6, 6), "another rule").complete_for == "another rule"


def test_what_was_written_is_read_back_and_the_highest_sequence_counts(tmp_path: Path) -> None:
    folder = RefusalFolder(Store.local(tmp_path), "a secret's name")
    first = after(NOBODY_REFUSED, reading(5, 5), refused=(BOB, ANN))
    folder.write(first, sequence=9, run_id="scheduled__2026-11-05")
    second = after(first, reading(6, is_full=False), refused=(BOB,))
    folder.write(second, sequence=10, run_id="manual__1")
    found = folder.latest()
    assert (found.keys.tolist(), found.places.tolist()) == (second.keys.tolist(), second.places.tolist())
    assert (found.readings, found.complete_for) == (second.readings, ASKED)
    assert folder.latest(settled=10).complete_for == ASKED
    lost = folder.latest(settled=11)
    assert (lost.keys.tolist(), lost.complete_for) == (second.keys.tolist(), None)


def test_under_another_secret_nobody_is_known_until_a_reading_as_new_as_the_refusals(tmp_path: Path) -> None:
    told = after(NOBODY_REFUSED, reading(5, 5), refused=(ANN,))
    RefusalFolder(Store.local(tmp_path), "a secret's name").write(told, sequence=1, run_id="run")
    other = RefusalFolder(Store.local(tmp_path), "another secret's name").latest()
    assert len(other.keys) == 0
    assert other.complete_for is None
    assert after(other, reading(4, 4)).complete_for is None
    assert after(other, reading(5, 5)).complete_for == ASKED


@pytest.mark.parametrize("left", [b"", b"PAR1", b"half of it"])
def test_a_record_that_is_torn_is_never_taken_for_an_empty_one(tmp_path: Path, left: bytes) -> None:
    folder = RefusalFolder(Store.local(tmp_path), "a secret's name")
    folder.write(NOBODY_REFUSED, sequence=1, run_id="run")
    file = tmp_path / "refusals" / "0000000001-run.parquet"
    file.write_bytes(left)
    with pytest.raises(StagingError, match=f"{file}.*Restore it from a backup; or move it away"):
        folder.latest()


@dataclass
class Book:
    """The slow way: per person the readings in which they refused."""

    refused: dict[int, list[Reading]] = field(default_factory=dict)

    def run(self, now: Reading, refused: set[int], allowed: set[int]) -> None:
        for one, readings in self.refused.items():
            if one in refused or (now.is_full and one in allowed):
                self.refused[one] = [old for old in readings if not now.covers(old.snapshots)]
        for one in refused:
            self.refused.setdefault(one, []).append(now)

    def against(self, now: Reading) -> set[int]:
        return {
            one
            for one, readings in self.refused.items()
            if any(not (now.is_full and now.covers(old.snapshots)) for old in readings)
        }


PEOPLE = st.sets(st.integers(0, 5))
READINGS = st.one_of(
    st.builds(reading, st.integers(1, 4), st.integers(1, 4)),
    st.builds(lambda day: reading(day, is_full=False), st.integers(1, 4)),
)


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(READINGS, PEOPLE, PEOPLE), max_size=7), READINGS)
def test_the_record_says_what_a_book_of_all_runs_says(runs, then):
    book, told = Book(), NOBODY_REFUSED
    for now, refused, allowed in runs:
        book.run(now, refused, allowed - refused)
        told = after(
            told,
            now,
            refused=tuple(np.uint64(one) for one in sorted(refused)),
            allowed=tuple(np.uint64(one) for one in allowed - refused),
        )
        assert np.all(told.keys[:-1] <= told.keys[1:])
    assert set(told.against(then).tolist()) == book.against(then)
