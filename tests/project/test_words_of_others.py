"""No error of a library or a server gets its words into a message, nor into the chain that Airflow prints.

``str(error)`` of requests holds a URL with its query, of a storage library what the server said, of pyarrow a
row, of ``KeyError`` an address. So what is caught and is not ours is told by ``sieve.foreign`` alone.
"""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING, NamedTuple

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

FOLDERS = ("include/segment_exports", "plugins", "dags")
SHAPE_ALONE = {"errno", "filename", "start", "exceptions", "errors"}
"""Attributes of a foreign error that are no words. (Of pydantic's ``errors`` our own words are made.)"""
READS_NO_WORDS = {
    "error_told",
    "reason_told",
    "status_of",
    "place_of",
    "of",
    "own_words",
    "in_words",
    "staging_trouble",
    "is_timeout",
}
"""Functions that tell an error's kind, number or place; those with ``_`` are judged by themselves."""
WORDS_OF_OUR_OWN = {
    "field_mapping.py",  # a ValueError of a check of ours
    "yaml_text.py",  # what PyYAML says of a definition, and where
    "bounded_http.py",  # a foreign error again, of the kind that its callers know
    "csv_files.py",  # only numbers are taken out of what Arrow says
}


class Finding(NamedTuple):
    """A place where a foreign error's words get out."""

    line: int
    what: str


def names_of(node: ast.expr | None) -> set[str]:
    """Return the last names of the classes in an ``except``."""
    if node is None:
        return {"BaseException"}
    parts = node.elts if isinstance(node, ast.Tuple) else [node]
    found: set[str] = set()
    for part in parts:
        if isinstance(part, ast.BinOp):
            found |= names_of(part.left) | names_of(part.right)
        else:
            found.add(part.attr if isinstance(part, ast.Attribute) else getattr(part, "id", "?"))
    return found


def own_errors(trees: dict[Path, ast.Module]) -> set[str]:
    """Return the names of all exception classes of the project."""
    classes = [node for tree in trees.values() for node in ast.walk(tree) if isinstance(node, ast.ClassDef)]
    return {one.name for one in classes if one.name.endswith("Error")}


def leaks(tree: ast.AST, ours: set[str]) -> Iterator[Finding]:
    """Yield where the words of a foreign error get out."""
    for handler in (node for node in ast.walk(tree) if isinstance(node, ast.ExceptHandler)):
        if handler.name is None or names_of(handler.type) <= ours:
            continue
        yield from leaks_of(handler, handler.name)
    for call in (node for node in ast.walk(tree) if isinstance(node, ast.Call)):
        name = call.func.attr if isinstance(call.func, ast.Attribute) else ""
        told = [one.value for one in call.keywords if one.arg == "exc_info"]
        if (name == "exception" and not told) or any(
            isinstance(one, ast.Constant) and one.value for one in told
        ):
            yield Finding(call.lineno, "a log with the words of whatever was raised")


def leaks_of(handler: ast.ExceptHandler, name: str) -> Iterator[Finding]:
    parents = {child: node for node in ast.walk(handler) for child in ast.iter_child_nodes(node)}
    for node in ast.walk(handler):
        if not (isinstance(node, ast.Name) and node.id == name and isinstance(node.ctx, ast.Load)):
            continue
        parent = parents[node]
        if isinstance(parent, ast.Raise):
            if parent.cause is node:
                yield Finding(node.lineno, "raised from it: Airflow prints the chain")
        elif isinstance(parent, ast.Attribute):
            if parent.attr not in SHAPE_ALONE and parent.attr != "with_traceback":
                yield Finding(node.lineno, f"its {parent.attr}")
        elif isinstance(parent, ast.Call):
            called = (
                parent.func.attr if isinstance(parent.func, ast.Attribute) else getattr(parent.func, "id", "")
            )
            is_judged = called.startswith("_") or called in {*READS_NO_WORDS, "type", "isinstance"}
            if not is_judged and called != "set_exception":
                yield Finding(node.lineno, f"handed to {called}")
        else:
            yield Finding(node.lineno, f"in a {type(parent).__name__}")


@pytest.fixture(scope="module")
def trees(repository: Path) -> dict[Path, ast.Module]:
    files = [file for folder in FOLDERS for file in sorted((repository / folder).rglob("*.py"))]
    assert files
    return {file: ast.parse(file.read_text(encoding="utf-8")) for file in files}


def test_no_message_and_no_chain_holds_the_words_of_a_foreign_error(trees: dict[Path, ast.Module]) -> None:
    ours = own_errors(trees)
    found = {file: list(leaks(tree, ours)) for file, tree in trees.items()}

    assert {file: told for file, told in found.items() if told and file.name not in WORDS_OF_OUR_OWN} == {}
    assert {file.name for file, told in found.items() if told} == WORDS_OF_OUR_OWN


@pytest.mark.parametrize(
    "code",
    [
        "raise Ours(f'{error}')",
        "raise Ours(f'{error!r}')",
        "raise Ours(str(error))",
        "raise Ours('x') from error",
        "raise Ours(error.args[0])",
        "raise Ours(f'{error.strerror}')",
        "log.info('%s', error)",
        "log.exception('x')",
        "log.error('x', exc_info=True)",
        "return {'told': error}",
        "return 'x' + format(error)",
    ],
)
def test_it_finds_each_way_out(code: str) -> None:
    tree = ast.parse(
        f"def f():\n    try:\n        g()\n    except (OSError, Ours) as error:\n        {code}\n"
    )
    assert list(leaks(tree, {"Ours"}))


@pytest.mark.parametrize(
    "code",
    [
        "raise Ours(error_told(error)) from None",
        "raise",
        "raise error",
        "return type(error).__name__",
        "return error.errno",
        "log.error('x', exc_info=UnforeseenError.of(error))",
    ],
)
def test_it_lets_pass_what_holds_no_words(code: str) -> None:
    tree = ast.parse(f"def f():\n    try:\n        g()\n    except OSError as error:\n        {code}\n")
    assert list(leaks(tree, set())) == []
