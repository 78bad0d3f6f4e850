"""Settings are read in one place: nobody else asks the environment for them, or writes their names out."""

from __future__ import annotations

import ast
import re
from typing import TYPE_CHECKING

import pytest

from segment_exports.settings import names

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

FOLDERS = ("include", "plugins", "dags", "tools")
WING = "include/segment_exports/settings"
CONSTANTS = {name: value for name, value in vars(names).items() if name.isupper() and name != "PREFIX"}
A_NAME = re.compile(rf"{names.PREFIX}[A-Z]|{names.LEDGER_SECRET}|{names.FORMER_LEDGER_SECRET}")


def readings(code: str) -> list[str]:
    """Every place of the code that looks a setting up by its name, in whatever mapping."""
    return [ast.unparse(node) for node in ast.walk(ast.parse(code)) if _looks_up(node)]


def _looks_up(node: ast.AST) -> bool:
    match node:
        case ast.Subscript(slice=key, ctx=ast.Load()):
            return _is_name(key)
        case ast.Call(func=ast.Attribute(attr="get" | "getenv" | "pop" | "setdefault"), args=[key, *_]):
            return _is_name(key)
        case ast.Call(func=ast.Name(id="getenv"), args=[key, *_]):
            return _is_name(key)
        case ast.Compare(left=key, ops=[ast.In() | ast.NotIn()]):
            return _is_name(key)
    return False


def _is_name(key: ast.expr) -> bool:
    match key:
        case ast.Constant(value=str(text)):
            return bool(A_NAME.search(text))
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name in CONSTANTS
        case ast.JoinedStr(values=parts):
            return any(_is_name(part) for part in parts)
        case ast.FormattedValue(value=inner):
            return _is_name(inner)
    return False


def literals(code: str) -> Iterator[str]:
    """Give every text of the code, but for docstrings."""
    tree = ast.parse(code)
    docstrings = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docstrings:
            yield node.value


@pytest.fixture(scope="module")
def elsewhere(repository: Path) -> dict[str, str]:
    """The code of every module outside the settings' own wing, by its path."""
    found = {
        file.relative_to(repository).as_posix(): file.read_text(encoding="utf-8")
        for folder in FOLDERS
        for file in sorted((repository / folder).rglob("*.py"))
    }
    assert {path.split("/")[0] for path in found} == set(FOLDERS)
    return {path: code for path, code in found.items() if not path.startswith(f"{WING}/")}


def test_nobody_else_asks_the_environment_for_a_setting(elsewhere: dict[str, str]) -> None:
    assert {path: found for path, code in elsewhere.items() if (found := readings(code))} == {}


def test_nobody_else_writes_the_name_of_a_setting_out(elsewhere: dict[str, str]) -> None:
    written = {
        path: [text for text in literals(code) if A_NAME.search(text)] for path, code in elsewhere.items()
    }

    assert {path: texts for path, texts in written.items() if texts} == {}


@pytest.mark.parametrize(
    "code",
    [
        "os.environ['SEGMENT_EXPORTS_LAKE']",
        "os.environ.get(LAKE)",
        "environment.get(names.STAGING, 'staging')",
        "os.getenv('AIRFLOW_VAR_AUTOPILOT_LEDGER_SECRET')",
        "getenv(f'AIRFLOW_VAR_{LEDGER_SECRET}')",
        "STAGING_CONNECTION in os.environ",
    ],
)
def test_a_reading_would_be_found(code: str) -> None:
    assert readings(code)


@pytest.mark.parametrize(
    "code",
    ["{STAGING: str(folder)}", "f'{LAKE} is set'", "os.environ.get('AIRFLOW_HOME')", "settings[LIMIT]"],
)
def test_what_names_a_setting_for_another_process_or_in_a_message_is_no_reading(code: str) -> None:
    assert not readings(code)


def test_the_settings_stand_below_everything_else(repository: Path) -> None:
    for file in (repository / WING).glob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            for module in _imported(node):
                own = ("segment_exports.errors", "segment_exports.settings")
                assert not module.startswith(("segment_exports", "airflow")) or module.startswith(own), file


def _imported(node: ast.AST) -> list[str]:
    match node:
        case ast.Import(names=modules):
            return [one.name for one in modules]
        case ast.ImportFrom(module=str(module)):
            return [module]
    return []
