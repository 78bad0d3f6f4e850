"""What is told of a wrong value, and the name that a wrong one may have been meant for."""

from __future__ import annotations

import pytest

from segment_exports.definition.problems import near
from segment_exports.settings import bounds


def test_a_name_that_is_close_is_told() -> None:
    assert near("Golf", ["Silver", "Gold"]) == " Did you mean Gold?"
    assert near("Bronze", ["Silver", "Gold"]) == ""


def test_of_so_many_names_each_is_compared_and_none_beyond() -> None:
    others = [f"{number:08d}" for number in range(bounds.NEAR_NAMES - 1)]
    assert near("Golf", [*others, "Gold"]) == " Did you mean Gold?"
    assert near("Golf", ["00009999", *others, "Gold"]) == ""


@pytest.mark.parametrize("more", [0, 1])
def test_a_name_longer_than_any_is_compared_with_none_and_none_with_it(more: int) -> None:
    wrong, meant = "a" * (bounds.NAME_CHARACTERS + more), "a" * (bounds.NAME_CHARACTERS - 1)
    assert bool(near(wrong, [meant])) is not bool(more)
    assert bool(near(meant, [wrong])) is not bool(more)
