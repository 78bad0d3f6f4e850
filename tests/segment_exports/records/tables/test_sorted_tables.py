from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
from hypothesis import example, given, settings
from hypothesis import strategies as st

from segment_exports.records.keyed_hash import HASH_TYPE
from segment_exports.records.staging import Store
from segment_exports.records.tables.sorted_tables import (
    ROWS_PER_RANGE,
    SortedReader,
    hash_ranges,
    key_array,
    match,
    prefixes,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

STEADY = settings(deadline=None, max_examples=60)
SCHEMA = pa.schema([pa.field("email_hash", HASH_TYPE, nullable=False), pa.field("number", pa.int64())])

# Hashes that differ late, that hold or end in zero bytes, and that stand at the ends of ranges.
hashes = st.one_of(
    st.binary(min_size=16, max_size=16),
    st.binary(min_size=1, max_size=2).map(lambda tail: tail.rjust(16, b"\0")),
    st.binary(min_size=1, max_size=2).map(lambda head: head.ljust(16, b"\0")),
    st.builds(
        lambda part, beside: ((part << 61) + beside).to_bytes(8) + bytes(8),
        st.integers(1, 7),
        st.integers(-2, 2),
    ),
    st.sampled_from([b"\0" * 16, b"\xff" * 16]),
)
sorted_hashes = st.lists(hashes, max_size=40, unique=True).map(sorted)


def table_of(keys: list[bytes]) -> pa.Table:
    return pa.table({"email_hash": pa.array(keys, HASH_TYPE), "number": range(len(keys))}, schema=SCHEMA)


def pieces_of(table: pa.Table, sizes: list[int]) -> Iterator[pa.Table]:
    start = 0
    for size in [*sizes, len(table)]:
        yield table.slice(start, size)
        start += size


@STEADY
@example(keys=[(2**62 - 1).to_bytes(8) + bytes(8)], sizes=[], ranges=4)
@given(sorted_hashes, st.lists(st.integers(0, 7), max_size=8), st.integers(1, 9))
def test_ranges_partition_any_sorted_table_however_it_is_cut(
    keys: list[bytes], sizes: list[int], ranges: int
) -> None:
    bounds = hash_ranges(ranges, rows_per_range=1)
    assert len(bounds) == ranges
    reader = SortedReader(pieces_of(table_of(keys), sizes), SCHEMA)
    parts = [reader.below(bound) for bound in bounds]
    assert pa.concat_tables(parts).equals(table_of(keys))
    for low, high, part in zip([0, *bounds], bounds, parts, strict=False):
        for key in part["email_hash"].to_pylist():
            number = int.from_bytes(key[:8])
            assert low <= number
            assert high is None or number < high


@STEADY
@given(sorted_hashes, sorted_hashes, st.integers(1, 9))
def test_equal_hashes_of_two_tables_meet_in_one_range(
    left: list[bytes], right: list[bytes], ranges: int
) -> None:
    readers = [SortedReader(iter([table_of(keys)]), SCHEMA) for keys in (left, right)]
    met = set()
    for bound in hash_ranges(ranges, rows_per_range=1):
        ours, theirs = (set(reader.below(bound)["email_hash"].to_pylist()) for reader in readers)
        met |= ours & theirs
    assert met == set(left) & set(right)


@STEADY
@given(sorted_hashes, st.lists(hashes, max_size=40))
def test_a_match_is_the_position_of_the_equal_key_or_none(known: list[bytes], asked: list[bytes]) -> None:
    position = match(
        key_array(pa.array(asked, HASH_TYPE)), key_array(pa.chunked_array([pa.array(known, HASH_TYPE)]))
    )
    assert position.tolist() == [known.index(key) if key in known else -1 for key in asked]


@STEADY
@given(st.lists(hashes, max_size=20), st.integers(0, 20), st.integers(0, 20))
def test_keys_and_prefixes_of_a_slice_are_those_of_its_rows(keys: list[bytes], start: int, size: int) -> None:
    column = pa.array(keys, HASH_TYPE).slice(start, size)
    expected = keys[start : start + size]
    assert key_array(column).tolist() == [key.rstrip(b"\0") for key in expected]
    assert prefixes(column).tolist() == [int.from_bytes(key[:8]) for key in expected]


@STEADY
@given(st.lists(hashes, max_size=20, unique=True))
def test_keys_sort_as_arrow_sorts_them(keys: list[bytes]) -> None:
    assert np.sort(key_array(pa.array(keys, HASH_TYPE))).tolist() == [
        key.rstrip(b"\0") for key in sorted(keys)
    ]


def test_prefixes_of_nulls_are_of_the_right_length() -> None:
    for values in ([None, None], [b"\xff" * 16, None]):
        assert len(prefixes(pa.array(values, HASH_TYPE))) == 2


@STEADY
@given(st.integers(0, 10**9))
def test_ranges_hold_about_as_many_rows_as_they_should(rows: int) -> None:
    rows_per_range = 10**7
    bounds = hash_ranges(rows, rows_per_range)
    assert bounds[-1] is None
    assert bounds[:-1] == sorted(set(bounds[:-1]))
    assert rows / len(bounds) <= rows_per_range
    assert len(bounds) <= rows / rows_per_range + 1


def test_a_file_is_read_in_its_order_and_no_file_as_an_empty_one(tmp_path: Path) -> None:
    store, rows = Store.local(tmp_path), ROWS_PER_RANGE * 2 + 7
    keys = [number.to_bytes(8) + bytes(8) for number in range(rows)]
    with store.parquet_writer("t.parquet", SCHEMA) as writer:
        writer.write_table(table_of(keys), row_group_size=1000)
    with store.parquet_file("t.parquet") as file:
        reader = SortedReader.of_file(file, SCHEMA)
        first = reader.below(10_000)
        assert first["number"].to_pylist() == list(range(10_000))
        assert first["email_hash"].num_chunks == 1
        assert len(reader.below(10_000)) == 0
        assert len(reader.below(None)) == rows - 10_000
        assert len(reader.below(None)) == 0
        only_numbers = SortedReader.of_file(file, SCHEMA, ["email_hash"]).below(None)
        assert only_numbers.column_names == ["email_hash"]
    nothing = SortedReader.of_file(None, SCHEMA, ["number"])
    assert nothing.below(None).schema.names == ["number"]
