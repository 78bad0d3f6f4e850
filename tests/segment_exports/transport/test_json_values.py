from __future__ import annotations

import json
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from segment_exports.transport.json_values import has_more_values

VALUES = st.recursive(
    st.none() | st.integers() | st.text(alphabet='a",\\[{'),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text('a",{\\'), inner, max_size=4),
    max_leaves=30,
)


def number_of(value: Any) -> int:
    inside = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return 1 + sum(map(number_of, inside))


@given(VALUES)
def test_no_text_of_more_values_than_the_bound_passes(value: Any) -> None:
    text, number = json.dumps(value).encode(), number_of(value)
    assert all(has_more_values(text, most) for most in range(number - 1))


@given(VALUES)
def test_a_text_of_half_as_many_values_as_the_bound_always_passes(value: Any) -> None:
    assert not has_more_values(json.dumps(value).encode(), 2 * number_of(value))


def test_commas_and_brackets_inside_of_strings_are_no_values() -> None:
    text = json.dumps([{"words": 'one, two, [three], {four} "quoted, too" \\'}] * 10).encode()
    assert not has_more_values(text, 31)
    assert has_more_values(text, 20)


@pytest.mark.parametrize("text", [b"[{}," * 5_000_000, b'["\\"' + b'\\",' * 5_000_000, b'"",' * 5_000_000])
def test_it_takes_no_longer_than_its_length_whatever_the_text_is(text: bytes) -> None:
    begun = time.perf_counter()
    has_more_values(text, 3_000_000)
    assert time.perf_counter() - begun < 10
