from __future__ import annotations

from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from segment_exports.errors import SourceError
from segment_exports.sources.web.json_columns import text_column


def texts(*values: Any) -> list[str | None]:
    column = text_column([{"x": value} for value in values], "x")
    assert column.type == pa.string()
    return list(column.to_pylist())


@pytest.mark.parametrize(
    ("values", "told"),
    [
        (["a", "", None, " "], ["a", None, None, " "]),
        ([True, False, None], ["true", "false", None]),
        ([3, -4, None], ["3", "-4", None]),
        ([3.0, 2.5, None], ["3", "2.5", None]),
        ([3, 2.5], ["3", "2.5"]),
        ([123456789012.0, -98765432109876.0, None], ["123456789012", "-98765432109876", None]),
        ([123456789012.0, "n/a"], ["123456789012", "n/a"]),
        ([5, "n/a", None, ""], ["5", "n/a", None, None]),
        ([True, 1, 1.0, "x"], ["true", "1", "1", "x"]),
        ([2**53 + 1, 0.5], ["9007199254740993", "0.5"]),
        ([2**63 + 5], ["9223372036854775813"]),
        ([{"a": [1]}, None], ['{"a":[1]}', None]),
        ([[1, "b"]], ['[1,"b"]']),
        ([], []),
        ([None, None], [None, None]),
    ],
)
def test_values_are_written_as_the_lake_writes_them(values: list[Any], told: list[str | None]) -> None:
    assert texts(*values) == told


def test_an_attribute_that_a_row_leaves_out_is_empty() -> None:
    assert text_column([{"x": "a"}, {}, {"y": 1}], "x").to_pylist() == ["a", None, None]


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False)))
def test_a_number_keeps_its_value_whether_alone_or_among_text(numbers: list[float]) -> None:
    alone, mixed = texts(*numbers), texts(*numbers, "text")

    assert [float(text) for text in alone if text is not None] == numbers
    assert [float(text) for text in mixed[:-1] if text is not None] == numbers


def test_a_value_of_more_than_a_mebibyte_is_refused() -> None:
    assert texts("x" * 2**20) == ["x" * 2**20]
    with pytest.raises(SourceError, match="A value of x has 1,048,577 bytes"):
        texts("x" * (2**20 + 1))


def test_a_value_that_is_nested_too_deep_is_refused() -> None:
    value: Any = 1
    for _ in range(300):
        value = [value]
    with pytest.raises(SourceError, match="nested too deep to be written as text"):
        texts(value)
