"""The wheel, built once, and an environment of its own where nothing but it and the lock is installed."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

UV = Path(sys.executable).with_name("uv")
PYTHON = os.environ.get("PACKAGING_PYTHON", sys.executable)
"""Of the fresh environment: PACKAGING_PYTHON=/path/to/python3.13 tries another than that of the tests."""


def run(*command: str | Path, **more: str) -> str:
    """Run a command and return what it prints; fail with all of it."""
    done = subprocess.run(
        [str(one) for one in command],
        env=os.environ | more,
        capture_output=True,
        text=True,
        check=False,
        stdin=subprocess.DEVNULL,
    )
    assert done.returncode == 0, f"{command}:\n{done.stdout}\n{done.stderr}"
    return done.stdout


@dataclass(frozen=True)
class Environment:
    """A Python environment; what it runs sees nothing of this repository."""

    folder: Path

    @property
    def python(self) -> str:
        return str(self.folder / "bin" / "python")

    def command(self, name: str) -> str:
        return str(self.folder / "bin" / name)


@pytest.fixture(scope="session")
def wheel(repository: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    run(UV, "build", "--quiet", "--wheel", "--out-dir", folder, repository)
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="session")
def fresh(repository: Path, wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Environment:
    """As docs/own-airflow.md installs it: the lock with its hashes, then the wheel."""
    environment = Environment(tmp_path_factory.mktemp("fresh") / "venv")
    run(UV, "venv", "--quiet", "--python", PYTHON, environment.folder)
    install = (UV, "pip", "install", "--quiet", "--python", environment.python)
    run(*install, "--require-hashes", "-r", repository / "requirements.txt")
    run(*install, "--no-deps", wheel)
    return environment
