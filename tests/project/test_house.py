"""The house as ``docs/architecture.md`` draws it; import-linter's contracts hold which way its arrows go."""

from __future__ import annotations

import ast
import graphlib
import io
import re
import tokenize
import tomllib
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

CORE = "include/segment_exports"
PROVIDER = "plugins/segment_exports_airflow"
KNOW_NO_DESTINATION = ("delivery", "planning", "settling", "records", "mapping", "transport")
DESTINATIONS = ("autopilot", "ortto")
LONGEST = 330
FULLEST = 16
"""Modules of a folder, its index not counted."""
ROOTS = ("include", "plugins", "dags", "tools", "tests", "benchmarks")


def modules(repository: Path) -> dict[str, Path]:
    """Every module of the repository by its dotted name."""
    found = {}
    for root in ROOTS:
        # tests and benchmarks are packages of the repository itself; the others are on the path.
        base = repository if root in ("tests", "benchmarks") else repository / root
        for file in sorted((repository / root).rglob("*.py")):
            parts = file.relative_to(base).with_suffix("").parts
            found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = file
    return found


def imported(file: Path, known: dict[str, Path]) -> set[str]:
    """Modules that a file imports anywhere in it, for type checking too."""
    names = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            inner = {f"{node.module}.{alias.name}" for alias in node.names}
            names |= {one for one in inner if one in known} or {node.module}
    return names & known.keys()


def test_no_import_of_the_repository_goes_in_a_circle(repository: Path) -> None:
    known = modules(repository)
    graph = {name: imported(file, known) - {name} for name, file in known.items()}
    assert len(graph) > 300
    graphlib.TopologicalSorter(graph).prepare()


@pytest.mark.parametrize("wing", KNOW_NO_DESTINATION)
def test_a_wing_that_serves_every_destination_names_none(repository: Path, wing: str) -> None:
    for file in (repository / CORE / wing).rglob("*.py"):
        for said, is_docstring in words_of(file):
            if any(name in said.lower() for name in ("autopilot", "ortto")):
                assert is_docstring, f"{file}: {said}"
                assert "for example" in " ".join(said.lower().split()).replace("for\nexample", ""), file


def words_of(file: Path) -> list[tuple[str, bool]]:
    """Names, strings and comments of a module, each with whether it is a docstring."""
    source = file.read_text(encoding="utf-8")
    docstrings = {
        node.value.lineno
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    }
    tokens = tokenize.generate_tokens(io.StringIO(source).readline)
    return [(token.string, token.start[0] in docstrings) for token in tokens]


def test_no_module_of_the_core_is_long_and_no_folder_full(repository: Path) -> None:
    folders: dict[Path, int] = {}
    for file in (repository / CORE).rglob("*.py"):
        assert len(file.read_text(encoding="utf-8").splitlines()) < LONGEST, file
        folders[file.parent] = folders.get(file.parent, 0) + (file.stem != "__init__")
    assert {folder: count for folder, count in folders.items() if count > FULLEST} == {}


def test_only_errors_lie_outside_the_wings(repository: Path) -> None:
    assert {file.name for file in (repository / CORE).glob("*.py")} == {"__init__.py", "errors.py"}


@pytest.mark.parametrize("package", [CORE, PROVIDER])
def test_every_door_says_what_is_behind_it(repository: Path, package: str) -> None:
    for door in sorted((repository / package).rglob("__init__.py")):
        told = ast.get_docstring(ast.parse(door.read_text(encoding="utf-8"))) or ""
        behind = {one.stem for one in door.parent.glob("*.py")} | {
            one.parent.name for one in door.parent.glob("*/__init__.py")
        }
        for name in behind - {"__init__", "__main__"}:
            assert re.search(rf"^{name}\b", told, re.MULTILINE), f"{door}: {name}"


def test_every_test_of_the_core_stands_where_its_module_does(repository: Path) -> None:
    """A file of tests may have another name than one module, but its folder is that of a wing."""
    tests = repository / "tests" / "segment_exports"
    for file in tests.rglob("test_*.py"):
        assert (repository / CORE / file.parent.relative_to(tests)).is_dir(), file


def test_the_page_draws_the_layers_that_make_lint_holds(repository: Path) -> None:
    contracts = tomllib.loads((repository / "pyproject.toml").read_text(encoding="utf-8"))["tool"][
        "importlinter"
    ]["contracts"]
    (layers,) = (one["layers"] for one in contracts if one["type"] == "layers")
    page = (repository / "docs" / "architecture.md").read_text(encoding="utf-8")
    drawn = page.split("## The house")[1].split("From `planning` down")[0].replace("dags → plugins → ", "")

    assert [line.strip().replace("│", "|") for line in drawn.strip().splitlines()] == layers


def test_what_the_page_names_is_there(repository: Path) -> None:
    page = (repository / "docs" / "architecture.md").read_text(encoding="utf-8")
    roots = (repository, repository / CORE, repository / PROVIDER)
    places = set(re.findall(r"`([a-z_/]+(?:/|\.py|\.md))`", page))
    assert len(places) > 50
    assert {one for one in places if not any((root / one).exists() for root in roots)} == set()

    code = "\n".join(file.read_text(encoding="utf-8") for root in roots[1:] for file in root.rglob("*.py"))
    names = set(re.findall(r"`(_[a-z_]+|[A-Z][a-z]+[A-Z]\w+|[A-Z]+_[A-Z_]+)`", page))
    assert len(names) > 15
    assert {one for one in names if not re.search(rf"\b{one}\b", code)} == set()
