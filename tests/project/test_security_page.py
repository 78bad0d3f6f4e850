"""``docs/security.md`` has a row for every bound, with its value as it is and a test that there is."""

from __future__ import annotations

import ast
import re
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from segment_exports.settings import bounds

if TYPE_CHECKING:
    from pathlib import Path

UNITS = {"KIB", "MIB"}
ELSEWHERE = {"LONGEST_MESSAGE"}
"""Of the layer below; ``MESSAGE_CHARACTERS`` is the same."""
BOUNDS = {
    name: value
    for name, value in vars(bounds).items()
    if name.isupper() and name not in UNITS | ELSEWHERE | {"TYPE_CHECKING"}
}
HEAD = "| bound | value | one beyond it | test | took |"
TEST = re.compile(r"`([\w/]+\.py)::(\w+)`")


def in_words(name: str, value: float | timedelta) -> str:
    """Return a bound as the page writes it."""
    if isinstance(value, timedelta):
        hours = value / timedelta(hours=1)
        return f"{value.days} days" if value.days > 1 else f"{hours:g} h"
    kind = name.rpartition("_")[2]
    if kind == "BYTES":
        for unit, size in (("GiB", 1024 * bounds.MIB), ("MiB", bounds.MIB), ("KiB", bounds.KIB)):
            if value % size == 0:
                return f"{value // size:,} {unit}"
    unit = {"BYTES": " bytes", "CHARACTERS": " characters", "SECONDS": " s", "DAYS": " days"}.get(kind, "")
    return f"{value:,.15g}{' a second' if kind == 'RATE' else unit}"


@pytest.fixture(scope="module")
def rows(repository: Path) -> dict[str, list[str]]:
    """The cells of each row of the table of bounds but its first, by the bound's name."""
    lines = iter((repository / "docs" / "security.md").read_text(encoding="utf-8").splitlines())
    assert HEAD in lines
    assert next(lines).startswith("|---")
    found: dict[str, list[str]] = {}
    for line in lines:
        if not line.startswith("|"):
            break
        first, *others = (cell.strip() for cell in line.strip("|").split("|"))
        name = first.strip("`")
        assert name not in found, f"{name} stands there twice"
        found[name] = others
    return found


def test_every_bound_stands_there_with_its_value(rows: dict[str, list[str]]) -> None:
    told = {name: cells[0] for name, cells in rows.items()}
    assert told == {name: in_words(name, value) for name, value in BOUNDS.items()}


def test_they_stand_in_the_order_of_their_module(rows: dict[str, list[str]]) -> None:
    assert list(rows) == list(BOUNDS)


def test_none_is_left_out_for_being_of_the_layer_below() -> None:
    assert {getattr(bounds, name) for name in ELSEWHERE} <= set(BOUNDS.values())


@pytest.mark.parametrize("name", BOUNDS)
def test_each_says_what_comes_of_one_beyond_it_and_what_that_took(
    rows: dict[str, list[str]], name: str
) -> None:
    assert len(rows[name]) == 4
    assert all(rows[name])


@pytest.mark.parametrize("name", BOUNDS)
def test_a_test_goes_one_beyond_it(repository: Path, rows: dict[str, list[str]], name: str) -> None:
    tests = TEST.findall(rows[name][2])
    assert tests
    assert TEST.sub("", rows[name][2]).strip() == ""
    for file, test in tests:
        tree = ast.parse((repository / "tests" / file).read_text(encoding="utf-8"))
        kinds = ast.FunctionDef | ast.AsyncFunctionDef
        assert test in {each.name for each in ast.walk(tree) if isinstance(each, kinds)}, f"{file}::{test}"
