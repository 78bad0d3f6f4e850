from __future__ import annotations

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from segment_exports.mapping.shards import ShardedRows, shard_bits
from segment_exports.records.keyed_hash import HASH_TYPE

SCHEMA = pa.schema([pa.field("email_hash", HASH_TYPE), pa.field("value", pa.string())])
HASHES = st.binary(min_size=16, max_size=16) | st.sampled_from([b"\0" * 16, b"\xff" * 16])
BATCHES = st.lists(st.lists(st.tuples(HASHES, st.none() | st.text(max_size=5)), max_size=8), max_size=4)


def batch(rows: list[tuple[bytes, str | None]]) -> pa.RecordBatch:
    columns = [[one[0] for one in rows], [one[1] for one in rows]]
    return pa.RecordBatch.from_arrays(
        [pa.array(columns[0], HASH_TYPE), pa.array(columns[1], pa.string())], schema=SCHEMA
    )


@settings(max_examples=60, deadline=None)
@given(BATCHES, st.integers(0, 8))
def test_every_row_comes_back_once_in_the_shard_of_its_leading_bits(batches, bits):
    with ShardedRows(SCHEMA, bits) as shards:
        for rows in batches:
            shards.add(batch(rows))
        read = [list(zip(*shard.to_pydict().values(), strict=True)) for shard in shards.shards()]
    given_rows = [row for rows in batches for row in rows]
    assert sorted(map(repr, (row for shard in read for row in shard))) == sorted(map(repr, given_rows))
    leading = [{row[0][0] >> (8 - bits) for row in shard} for shard in read]
    assert all(len(bits_of_shard) == 1 for bits_of_shard in leading)
    assert [min(one) for one in leading] == sorted({row[0][0] >> (8 - bits) for row in given_rows})


@pytest.mark.parametrize(
    ("rows", "bits"),
    [(0, 0), (1, 0), (100, 0), (101, 1), (200, 1), (201, 2), (1_000, 4), (10**9, 8)],
)
def test_shards_are_a_power_of_two_that_holds_all_rows(rows, bits):
    assert shard_bits(rows, rows_per_shard=100) == bits
