"""Virtual environments of the peers, each with the locked packages of ``benchmarks/peers/<name>``."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

from benchmarks.processes import ROOT

if TYPE_CHECKING:
    from pathlib import Path


class EnvironmentFailedError(RuntimeError):
    """A peer's packages could not be installed."""


def peer_python(name: str, root: Path) -> Path:
    """Return the interpreter of a peer's environment, made now unless it is there and current.

    :raises EnvironmentFailedError: its packages could not be installed.
    """
    requirements = ROOT / "benchmarks/peers" / name / "requirements.txt"
    folder = root / name
    mark = folder / "requirements.sha256"
    digest = hashlib.sha256(requirements.read_bytes()).hexdigest()
    python = folder / "bin/python"
    if mark.exists() and mark.read_text() == digest:
        return python
    shutil.rmtree(folder, ignore_errors=True)
    if uv := shutil.which("uv"):
        _call(uv, "venv", "-q", "--python", sys.executable, str(folder))
        _call(uv, "pip", "install", "-q", "--python", str(python), "-r", str(requirements))
    else:
        _call(sys.executable, "-m", "venv", str(folder))
        _call(str(python), "-m", "pip", "install", "-q", "-r", str(requirements))
    mark.write_text(digest)
    return python


def _call(*command: str) -> None:
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    if done.returncode:
        raise EnvironmentFailedError(f"{' '.join(command)}:\n{done.stderr[-2000:]}")
