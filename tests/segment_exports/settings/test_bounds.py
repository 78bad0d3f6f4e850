"""Every bound stands in one place, with the largest real thing."""

from __future__ import annotations

import ast
import itertools
import re
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from segment_exports.settings import bounds

if TYPE_CHECKING:
    from collections.abc import Iterator

OF_OTHERS = {"KIB", "MIB", "TYPE_CHECKING", "LONGEST_MESSAGE"}
BOUNDS = [name for name in vars(bounds) if name.isupper() and name not in OF_OTHERS]
NO_BOUNDS = {
    ("chunk_changes.py", "MOST_SECONDS"),  # how what is sent is cut
    ("chunk_changes.py", "MOST_BYTES"),
    ("api.py", "LARGEST_BODY"),
    ("chunk.py", "_EXTRA_BYTES"),
    ("csv_files.py", "_HEAD_BYTES"),  # a piece of what has its bound
    ("keyed_hash.py", "HASH_BYTES"),  # the length itself
}
LIKE_A_BOUND = re.compile(
    r"_?(MAX|MOST|LONGEST|LARGEST)_\w*(BYTES|SECONDS|PAGES|FILE|BODY|ANSWER|VALUE|NAME)|\w+_BYTES"
)


def documented() -> Iterator[str]:
    body = ast.parse(Path(bounds.__file__).read_text(encoding="utf-8")).body
    for one, words in itertools.pairwise(body):
        if isinstance(one, ast.Assign) and isinstance(words, ast.Expr):
            yield from (name.id for name in ast.walk(one) if isinstance(name, ast.Name))


def test_each_says_why_it_is_so() -> None:
    assert [name for name in BOUNDS if name not in set(documented())] == []


@pytest.mark.parametrize("name", BOUNDS)
def test_each_leaves_room_for_something(name: str) -> None:
    value = getattr(bounds, name)
    assert value > (timedelta(0) if isinstance(value, timedelta) else 0)


@pytest.mark.parametrize("name", BOUNDS)
def test_each_is_asked_for(name: str, repository: Path) -> None:
    code = (file for part in ("include", "plugins") for file in (repository / part).rglob("*.py"))
    assert any(f"bounds.{name}" in file.read_text(encoding="utf-8") for file in code)


def test_no_other_module_has_one(repository: Path) -> None:
    found = {
        (file.name, target.id)
        for file in (repository / "include/segment_exports").rglob("*.py")
        if file.name != "bounds.py"
        for node in ast.parse(file.read_text(encoding="utf-8")).body
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant | ast.BinOp)
        for target in node.targets
        if isinstance(target, ast.Name) and LIKE_A_BOUND.fullmatch(target.id)
    }
    assert found <= NO_BOUNDS, found - NO_BOUNDS
