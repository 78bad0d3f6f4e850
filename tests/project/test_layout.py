"""Arrows go one way: dags → plugins → include. And nothing in the repository ties it to one machine."""

from __future__ import annotations

import ast
import os
import re
import subprocess
from pathlib import Path

import pytest

SCRIPTS = ("include/segment_exports", "include/segment_emulators", "plugins/segment_exports_airflow")


def imports(file: Path) -> set[str]:
    """Top-level packages that a file imports, anywhere in it."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module.split(".")[0])
    return names


def modules(repository: Path, folder: str) -> list[Path]:
    found = sorted((repository / folder).rglob("*.py"))
    assert found, folder
    return found


@pytest.fixture(scope="module")
def tracked(repository: Path) -> list[Path]:
    # Whoever owns the clone, and even if a hook of another repository runs the tests.
    own = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    command = ["git", "-c", "safe.directory=*", "ls-files"]
    listed = subprocess.run(
        command, cwd=repository, env=own, capture_output=True, text=True, check=True
    ).stdout.splitlines()
    return [repository / name for name in listed if (repository / name).is_file()]


def test_the_core_imports_no_airflow(repository: Path) -> None:
    for file in modules(repository, "include/segment_exports"):
        assert not imports(file) & {"airflow", "segment_exports_airflow", "segment_emulators"}, file


def test_the_emulators_import_neither_airflow_nor_the_provider(repository: Path) -> None:
    for file in modules(repository, "include/segment_emulators"):
        assert not imports(file) & {"airflow", "segment_exports_airflow"}, file


def test_the_provider_knows_no_emulator(repository: Path) -> None:
    for file in modules(repository, "plugins"):
        assert "segment_emulators" not in imports(file), file


def test_dags_are_wiring(repository: Path) -> None:
    for file in modules(repository, "dags"):
        assert imports(file) <= {
            "__future__",
            "datetime",
            "typing",
            "collections",
            "airflow",
            "segment_exports_airflow",
            "segment_exports",
        }
        assert len(file.read_text().splitlines()) <= 150, file


def test_no_module_is_named_for_having_no_purpose(repository: Path) -> None:
    for folder in SCRIPTS:
        for file in modules(repository, folder):
            assert file.stem not in {
                "utils",
                "util",
                "helpers",
                "helper",
                "common",
                "manager",
                "misc",
                "base",
            }, file


def test_no_module_of_a_plugin_folder_shadows_a_standard_one(repository: Path) -> None:
    """Airflow would import ``plugins/types.py`` as the module ``types``."""
    assert (repository / "plugins" / ".airflowignore").read_text().split() == ["segment_exports_airflow/"]
    assert list((repository / "plugins").glob("*.py")) == []


def test_no_file_names_a_registry_host_or_a_path_of_one_machine(tracked: list[Path]) -> None:
    host = re.compile(r"pypi\.org|pythonhosted|registry\.npmjs|deb\.debian\.org|/home/[a-z]+/|/work/|/root/")
    mine = Path(__file__).resolve()
    for file in tracked:
        if file.suffix in {".png", ".parquet"} or file == mine:
            continue
        found = host.search(file.read_text(encoding="utf-8", errors="ignore"))
        assert found is None, f"{file}: {found and found[0]}"


def test_locks_hold_every_package_pinned_and_name_no_place_to_take_it_from(repository: Path) -> None:
    for lock in repository.glob("requirements*.txt"):
        lines = [line for line in lock.read_text().splitlines() if line and not line.lstrip().startswith("#")]
        pins = [line for line in lines if not line.startswith("    --hash=sha256:")]
        assert pins
        assert all("==" in pin and "@" not in pin for pin in pins), lock
        assert not any(line.startswith("-") for line in lines), lock
