from __future__ import annotations

import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from segment_exports.mapping.previous_ids import split_previous_ids


def test_ids_are_split_at_semicolons_and_keep_their_rows():
    previous = split_previous_ids(pa.array([None, "a; b", "", " ;c;; ", "d"]))
    assert previous.ids.to_pylist() == ["a", "b", "c", "d"]
    assert previous.rows.tolist() == [1, 1, 3, 4]


@settings(max_examples=50, deadline=None)
@given(st.lists(st.none() | st.text("ab; ", max_size=6), max_size=5))
def test_each_row_has_its_previous_ids(values):
    previous = split_previous_ids(pa.array(values, pa.string()))
    pairs = list(zip(previous.rows.tolist(), previous.ids.to_pylist(), strict=True))
    assert pairs == [
        (row, one.strip())
        for row, value in enumerate(values)
        for one in (value or "").split(";")
        if one.strip()
    ]
