"""Compile the lock files from their short inputs, or check that they match them.

Each ``requirements*.in`` becomes the ``requirements*.txt`` of its name (tools: set-up; dev: tests; docker:
the image): every package pinned with the hashes of its files, for Python 3.11 to 3.13, installable with
plain pip. Pins that are there are kept while they satisfy the input; ``--upgrade`` looks for newer ones.
"""

from __future__ import annotations

import argparse
import difflib
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parent.parent
LOCKS = {
    "requirements-tools.txt": ["requirements-tools.in"],
    "requirements.txt": ["requirements.in"],
    "requirements-dev.txt": ["requirements-dev.in", "-c", "requirements.txt"],
    "requirements-docker.txt": ["requirements-docker.in", "-c", "requirements.txt"],
}
_UNREACHABLE = re.compile(
    r"dns error|failed to (connect|fetch|lookup)|connection (refused|reset)|timed out|network", re.IGNORECASE
)


class RegistryUnreachableError(Exception):
    """The package registry did not answer, so nothing could be compiled."""


def main() -> int:
    """Write the locks, or compare them; answer the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--check", action="store_true", help="compare only; exit 1 if a lock is out of date")
    parser.add_argument("--upgrade", action="store_true", help="take the newest versions allowed")
    arguments = parser.parse_args()
    if arguments.check:
        return check()
    for lock in LOCKS:
        compile_lock(ROOT, lock, upgrade=arguments.upgrade)
        print(f"{lock} written")
    return 0


def check() -> int:
    """Compile each lock again, with its own pins preferred, and compare."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for file in ROOT.glob("requirements*"):
            shutil.copy(file, folder)
        stale = [lock for lock in LOCKS if not is_current(folder, lock)]
    if stale:
        print(f"Out of date: {', '.join(stale)}. Run: make lock", file=sys.stderr)
        return 1
    print("Lock files match their inputs.")
    return 0


def is_current(folder: Path, lock: str) -> bool:
    """Tell whether a lock is what its input compiles to, or without a registry whether it satisfies it."""
    try:
        compile_lock(folder, lock)
    except RegistryUnreachableError:
        print(
            f"The package registry is not reachable, so {lock} is only checked against the lines of its "
            "input, not compiled again.",
            file=sys.stderr,
        )
        missing = unsatisfied(folder, lock)
        print("\n".join(f"{lock} does not satisfy {line}" for line in missing), end="", file=sys.stderr)
        return not missing
    old, new = (ROOT / lock).read_text().splitlines(), (folder / lock).read_text().splitlines()
    for line in difflib.unified_diff(old, new, lock, "compiled again", lineterm="", n=0):
        print(line, file=sys.stderr)
    return old == new


def compile_lock(folder: Path, lock: str, *, upgrade: bool = False) -> None:
    """Compile one lock in a folder.

    :raises RegistryUnreachableError: the registry did not answer.
    :raises SystemExit: the input can't be resolved; the text is uv's.
    """
    uv = shutil.which("uv", path=str(Path(sys.executable).parent)) or shutil.which("uv")
    if uv is None:
        raise SystemExit("uv is missing. Run: make .venv/.ready  (or: pip install -r requirements-tools.txt)")
    command = [
        uv, "pip", "compile", "--universal", "--python-version", "3.11", "--no-header", "--quiet",
        "--generate-hashes",
        *(["--upgrade"] if upgrade else []), *LOCKS[lock], "-o", lock,
    ]  # fmt: skip
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode:
        if _UNREACHABLE.search(done.stderr):
            raise RegistryUnreachableError(done.stderr)
        raise SystemExit(f"{lock} can't be compiled:\n{done.stderr}")


def unsatisfied(folder: Path, lock: str) -> list[str]:
    """Return the lines of a lock's input that no pin of the lock satisfies."""
    pins = {canonicalize_name(pin.name): pin for pin in requirements_of(folder / lock)}
    wanted = requirements_of(folder / LOCKS[lock][0])
    return [
        str(requirement)
        for requirement in wanted
        if (pin := pins.get(canonicalize_name(requirement.name))) is None
        or not requirement.specifier.contains(next(iter(pin.specifier)).version, prereleases=True)
    ]


def requirements_of(file: Path) -> list[Requirement]:
    """Read the requirements of an input or a lock, one a line; options and hashes are left out."""
    lines = (line.split("#")[0].strip(" \\") for line in file.read_text().splitlines())
    return [Requirement(line) for line in lines if line and not line.startswith("-")]


if __name__ == "__main__":
    sys.exit(main())
