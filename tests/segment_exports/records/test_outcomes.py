"""Words for counts and shares, as people read them."""

from __future__ import annotations

import pytest

from segment_exports.records.outcomes import counted, percent


@pytest.mark.parametrize(
    ("count", "nouns", "told"),
    [
        (1, ("row",), "1 row"),
        (2, ("row",), "2 rows"),
        (0, ("row",), "0 rows"),
        (1, ("person is", "people are"), "1 person is"),
        (12, ("person is", "people are"), "12 people are"),
    ],
)
def test_a_count_of_one_is_told_in_the_singular(count: int, nouns: tuple[str, ...], told: str) -> None:
    assert counted(count, *nouns) == told


@pytest.mark.parametrize(
    ("share", "told"),
    [
        (0.0, "0.0%"),
        (0.0001, "0.01%"),
        (0.000_05, "0.005%"),
        (0.001, "0.1%"),
        (0.05, "5.0%"),
        (0.050_1, "5.01%"),
        (1 / 3, "33.33%"),
        (1.0, "100.0%"),
        (9.994, "999.4%"),
        (51.0, "5100%"),
    ],
)
def test_a_share_that_is_not_zero_does_not_look_like_zero(share: float, told: str) -> None:
    assert percent(share) == told
