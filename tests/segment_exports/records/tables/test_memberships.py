from __future__ import annotations

import numpy as np
import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from segment_exports.records.tables.memberships import to_lists, to_matrix
from segment_exports.records.tables.schemas import LIST_KEYS

STEADY = settings(deadline=None, max_examples=60)
TITLES = ("News", "Loyalty", "Zürich 🚲", "")
titles = st.permutations(TITLES).flatmap(
    lambda order: st.integers(0, 4).map(lambda size: tuple(order[:size]))
)
some_lists = st.lists(st.lists(st.sampled_from(TITLES), unique=True, max_size=4), max_size=12)


@STEADY
@given(some_lists, titles)
def test_a_column_of_lists_comes_back_in_the_order_of_the_titles(
    rows: list[list[str]], known: tuple[str, ...]
) -> None:
    matrix = to_matrix(pa.array(rows, LIST_KEYS), known)
    assert matrix.shape == (len(rows), len(known))
    back = to_lists(matrix, known)
    assert back.type == LIST_KEYS
    assert back.to_pylist() == [[title for title in known if title in row] for row in rows]


@STEADY
@given(some_lists, st.integers(0, 12), st.integers(0, 12))
def test_a_slice_and_a_chunked_column_are_read_alike(rows: list[list[str]], start: int, cut: int) -> None:
    whole = pa.array(rows, LIST_KEYS)
    expected = to_matrix(whole, TITLES)[start:]
    assert np.array_equal(to_matrix(whole.slice(start), TITLES), expected)
    chunked = pa.chunked_array([whole.slice(start, cut), whole.slice(start + cut)], LIST_KEYS)
    assert np.array_equal(to_matrix(chunked, TITLES), expected)


def test_a_null_list_holds_nothing() -> None:
    column = pa.array([None, ["News"], None], LIST_KEYS)
    assert to_matrix(column, ("News",)).tolist() == [[False], [True], [False]]


@STEADY
@given(st.integers(0, 9), st.integers(0, 4), st.randoms(use_true_random=False))
def test_any_matrix_comes_back(rows: int, columns: int, random: np.random.Generator) -> None:
    matrix = np.array([[random.random() < 0.5 for _ in range(columns)] for _ in range(rows)], np.bool_)
    matrix = matrix.reshape(rows, columns)
    assert np.array_equal(to_matrix(to_lists(matrix, TITLES[:columns]), TITLES[:columns]), matrix)
