"""What ``make`` removes, what it leaves alone, and what it says where it can't begin."""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Make = Callable[..., subprocess.CompletedProcess[str]]

LEFT_BY_DEMO_AND_TESTS = (".venv", ".demo", ".bench", ".hypothesis", ".mypy_cache", ".pytest_cache")


@pytest.fixture
def make(repository: Path, tmp_path: Path) -> Make:
    """Run make in an empty folder, as it would run in a clone."""
    (tmp_path / "Makefile").symlink_to(repository / "Makefile")
    for needed in ("requirements.txt", "requirements-tools.txt", "pyproject.toml"):
        (tmp_path / needed).touch()

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["make", *arguments],
            cwd=tmp_path,
            env={"PATH": os.environ["PATH"]},
            capture_output=True,
            text=True,
            check=False,
        )

    return run


def test_clean_leaves_the_state_of_ones_own_exports_alone_and_tells_where_it_lies(
    make: Make, tmp_path: Path
) -> None:
    for folder in (*LEFT_BY_DEMO_AND_TESTS, ".airflow"):
        (tmp_path / folder).mkdir()
    (tmp_path / ".airflow" / "ledger.key").write_text("a secret that never changes")

    done = make("clean")

    assert done.returncode == 0, done.stderr
    assert {one.name for one in tmp_path.iterdir() if one.is_dir()} == {".airflow"}
    assert (tmp_path / ".airflow" / "ledger.key").exists()
    assert f"Left alone: {tmp_path}/.airflow" in done.stdout


def test_clean_says_nothing_of_a_state_that_is_not_there(make: Make) -> None:
    assert "Left alone" not in make("clean").stdout


def test_the_help_says_that_clean_leaves_the_state(make: Make) -> None:
    (line,) = (line for line in make("help").stdout.splitlines() if "clean" in line)

    assert ".airflow" in line


@pytest.mark.parametrize("python", ["/nope/python", "false"])
def test_a_python_that_does_not_run_is_told_in_words(make: Make, python: str) -> None:
    done = make("check", f"PYTHON={python}")

    assert done.returncode != 0
    assert done.stderr.startswith(
        f"Python 3.11, 3.12 or 3.13 is needed, and {python} isn't one that runs.\n"
        "Install one, or name it: make PYTHON=/path/to/python3.12 check\n"
    )


@pytest.mark.parametrize(
    ("arguments", "flag"),
    [
        (["erase", "EMAILS=people.txt", "AT_DESTINATION=yes"], "--at-destination"),
        (["erase", "EMAILS=people.txt", "DRY_RUN=yes"], "--dry-run"),
        (["move", "EXPORT=newsletter", "TO=ortto_default", "APPLY=yes"], "--apply"),
    ],
)
def test_what_cannot_be_undone_is_done_for_a_yes_alone(make: Make, arguments: list[str], flag: str) -> None:
    name = arguments[-1].partition("=")[0]

    assert flag in make("--dry-run", *arguments).stdout
    for no in ([], [f"{name}="], [f"{name}=no"]):
        assert flag not in make("--dry-run", *arguments[:-1], *no).stdout
    maybe = make("--dry-run", *arguments[:-1], f"{name}=maybe")
    assert maybe.returncode
    assert "write yes or no, not maybe" in maybe.stderr
