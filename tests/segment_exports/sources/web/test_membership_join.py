from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from segment_exports.errors import SourceError
from segment_exports.sources.web.membership_join import UNSURE, MembershipJoin

SEGMENTS = ("A", "B", "C")
IDS = st.text("0123456789abcdefÄ", min_size=1, max_size=4)
OPEN_FILES = Path("/proc/self/fd")
KILLED_WHILE_JOINING = """
import os, pathlib, signal, sys
import pyarrow as pa
from segment_exports.sources.web.membership_join import MembershipJoin

ids = pa.array(["a", "b"], pa.string())
with MembershipJoin(("A",), ("CustomerId",), folder=pathlib.Path(sys.argv[1])) as join:
    pages = [pa.RecordBatch.from_arrays([ids, pa.array([0, 0], pa.uint16())], ["CustomerId", "segment"])]
    join.add_members(pages)
    join.add_profiles([pa.RecordBatch.from_arrays([ids], ["CustomerId"])])
    next(join.batches())
    os.kill(os.getpid(), signal.SIGKILL)
"""


def members(*pairs: tuple[str, int]) -> pa.RecordBatch:
    ids, numbers = [one for one, _ in pairs], [number for _, number in pairs]
    return pa.RecordBatch.from_arrays(
        [pa.array(ids, pa.string()), pa.array(numbers, pa.uint16())], ["CustomerId", "segment"]
    )


def profiles(*ids: str) -> pa.RecordBatch:
    return pa.RecordBatch.from_arrays(
        [pa.array([f"{one}@example.com" for one in ids], pa.string()), pa.array(ids, pa.string())],
        ["EMail", "CustomerId"],
    )


def joined(join: MembershipJoin) -> dict[str, list[tuple[str | None, str]]]:
    found: dict[str, list[tuple[str | None, str]]] = {name: [] for name in SEGMENTS}
    for segment, batch in join.batches():
        found[segment] += zip(
            batch.column("EMail").to_pylist(), batch.column("CustomerId").to_pylist(), strict=True
        )
    return {segment: sorted(rows, key=lambda row: row[1]) for segment, rows in found.items()}


@given(
    st.lists(st.lists(st.tuples(IDS, st.integers(0, 2)), max_size=30), max_size=4),
    st.lists(st.lists(IDS, max_size=30, unique=True), max_size=3),
    st.integers(1, 5),
)
@settings(max_examples=60, deadline=None)
def test_the_join_is_what_plain_python_says(
    member_pages: list[list[tuple[str, int]]],
    profile_pages: list[list[str]],
    shard_size: int,
) -> None:
    known: set[str] = set()
    pages = []
    for page in profile_pages:  # a customer has one profile
        pages.append([one for one in page if one not in known])
        known.update(page)
    with MembershipJoin(SEGMENTS, ("EMail", "CustomerId"), members_in_a_shard=shard_size) as join:
        join.add_members(members(*page) for page in member_pages)
        join.add_profiles(profiles(*page) for page in pages)
        found = joined(join)

    pairs = {pair for page in member_pages for pair in page}
    assert found == {
        segment: sorted(
            (
                (f"{one}@example.com" if one in known else None, one)
                for one, which in pairs
                if which == number
            ),
            key=lambda row: row[1],
        )
        for number, segment in enumerate(SEGMENTS)
    }
    everyone = {one for one, _ in pairs}
    assert join.counts.distinct_members == len(everyone)
    assert join.counts.without_profile == len(everyone - known)
    assert join.counts.members == {segment: len(rows) for segment, rows in found.items()}


@pytest.mark.parametrize("shard_size", [1, 100])
def test_an_id_in_other_letter_case_or_with_blanks_finds_the_only_profile_it_can_mean(
    shard_size: int,
) -> None:
    with MembershipJoin(SEGMENTS, ("EMail", "CustomerId"), members_in_a_shard=shard_size) as join:
        join.add_members([members(("C1", 0), ("c2 ", 0), ("A3", 0), ("B4 ", 0))])
        join.add_profiles([profiles("c1", "C2", "a3", "A3", "b4", "B4", "c5")])
        assert joined(join)["A"] == [
            ("A3@example.com", "A3"),
            (None, "B4 "),
            ("C2@example.com", "C2"),
            ("c1@example.com", "c1"),
        ]
        assert (join.counts.distinct_members, join.counts.without_profile) == (4, 1)


def test_who_may_be_in_a_segment_comes_apart_and_is_not_counted() -> None:
    with MembershipJoin(SEGMENTS, ("EMail", "CustomerId")) as join:
        join.add_members([members(("c1", 0), ("c2", UNSURE), ("gone", UNSURE))])
        join.add_profiles([profiles("c1", "c2", "c3")])
        found = {segment: batch.column("CustomerId").to_pylist() for segment, batch in join.batches()}
        assert found == {"A": ["c1"], None: ["c2", "gone"]}
        assert (join.counts.distinct_members, join.counts.without_profile) == (1, 0)


@pytest.mark.skipif(not OPEN_FILES.is_dir(), reason="only Linux shows a process's files without a name")
def test_only_members_are_written_down(tmp_path: Path) -> None:
    with MembershipJoin(SEGMENTS, ("EMail", "CustomerId"), folder=tmp_path) as join:
        join.add_members([members(("kept", 0))])
        join.add_profiles([profiles("kept", "somebody-else")])
        written = b"".join(
            file.read_bytes()
            for file in OPEN_FILES.iterdir()
            if file.is_symlink() and str(file.readlink()).startswith(str(tmp_path))
        )

    assert b"kept" in written
    assert b"somebody-else" not in written


def test_a_process_that_is_killed_leaves_no_file_behind(tmp_path: Path) -> None:
    killed = subprocess.run([sys.executable, "-c", KILLED_WHILE_JOINING, str(tmp_path)], check=False)

    assert killed.returncode == -signal.SIGKILL
    assert list(tmp_path.iterdir()) == []


def test_a_profile_that_comes_twice_is_told_without_naming_the_customer() -> None:
    with MembershipJoin(SEGMENTS, ("EMail", "CustomerId")) as join:
        join.add_members([members(("a1", 0))])
        join.add_profiles([profiles("a1"), profiles("a1")])

        with pytest.raises(SourceError, match="profile came twice") as caught:
            list(join.batches())

    assert "a1" not in str(caught.value)
