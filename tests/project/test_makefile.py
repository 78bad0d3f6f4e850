"""What ``make`` says where it can't begin."""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Make = Callable[..., subprocess.CompletedProcess[str]]


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


@pytest.mark.parametrize("python", ["/nope/python", "false"])
def test_a_python_that_does_not_run_is_told_in_words(make: Make, python: str) -> None:
    done = make("check", f"PYTHON={python}")

    assert done.returncode != 0
    assert done.stderr.startswith(
        f"Python 3.11, 3.12 or 3.13 is needed, and {python} isn't one that runs.\n"
        "Install one, or name it: make PYTHON=/path/to/python3.12 check\n"
    )
