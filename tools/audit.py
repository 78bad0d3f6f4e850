"""Audit the locks: hashes and licences offline, and known advisories where their database can be reached.

Fails on a pin without a hash, on an installed package that isn't the pinned one, on a licence that
``[tool.pip-licenses]`` of ``pyproject.toml`` doesn't name, and on an advisory. What could not be looked up is
told by its number and is no failure, unless ``--require-advisories`` says so.
"""

from __future__ import annotations

import argparse
import itertools
import json
import subprocess
import sys
from dataclasses import dataclass
from importlib.metadata import distributions
from typing import TYPE_CHECKING, Any

from packaging.utils import canonicalize_name

from lock import LOCKS, ROOT, requirements_of

if TYPE_CHECKING:
    from pathlib import Path

_DATABASES = ("pypi", "osv")
_SECONDS_OF_SILENCE = "5"  # a database that can't be reached shall not hold an offline audit for a minute


@dataclass(frozen=True)
class Finding:
    """What one part of the audit found: a sentence, and lines of what is wrong (none: all is well)."""

    seen: str
    wrong: list[str]
    looked_up: bool = True

    def __str__(self) -> str:
        mark = "WRONG" if self.wrong else "ok" if self.looked_up else "?"
        return "\n".join([f"{mark:5}  {self.seen}", *(f"       {line}" for line in self.wrong)])


def main(arguments: list[str] | None = None) -> int:
    """Print every part's finding; answer the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--offline", action="store_true", help="leave the advisories out")
    parser.add_argument("--require-advisories", action="store_true", help="fail if they can't be looked up")
    parser.add_argument("--osv-url", help="ask this server of the OSV protocol for advisories, and no other")
    given = parser.parse_args(arguments)
    findings = [hashes(ROOT), installed(ROOT), licences(ROOT)]
    if not given.offline:
        findings.append(advisories(ROOT, given.osv_url))
    print("\n".join(map(str, findings)))
    unknown = given.require_advisories and not all(finding.looked_up for finding in findings)
    return int(unknown or any(finding.wrong for finding in findings))


def hashes(folder: Path) -> Finding:
    """Every pin of every lock in a folder has the hashes of its files."""
    pins = {(lock, name): hashed for lock in LOCKS for name, hashed in _hashes_by_pin(folder / lock)}
    wrong = [f"{lock}: {name} has no hash" for (lock, name), hashed in pins.items() if not hashed]
    return Finding(f"Hashes: {len(pins) - len(wrong)} of {len(pins)} pins of {len(LOCKS)} locks.", wrong)


def _hashes_by_pin(lock: Path) -> list[tuple[str, int]]:
    lines = [line for line in lock.read_text().splitlines() if not line.lstrip().startswith("#")]
    begins = [number for number, line in enumerate(lines) if line and not line.startswith(" ")]
    return [
        (lines[begin].strip(" \\"), sum("--hash=sha256:" in line for line in lines[begin:end]))
        for begin, end in itertools.pairwise([*begins, len(lines)])
    ]


def installed(folder: Path) -> Finding:
    """What this environment holds is what the locks pin, besides the project and its installer."""
    pins = {
        (canonicalize_name(pin.name), next(iter(pin.specifier)).version)
        for lock in ("requirements-tools.txt", "requirements-dev.txt")
        for pin in requirements_of(folder / lock)
    }
    here = {(canonicalize_name(each.name), each.version) for each in distributions()}
    wrong = [
        f"{name} {version} is installed, and no lock pins it"
        for name, version in sorted(here - pins)
        if name not in {"segment-exports", "pip", "setuptools", "wheel"}
    ]
    return Finding(f"Environment: {len(here & pins)} packages are installed as they are pinned.", wrong)


def licences(folder: Path) -> Finding:
    """Every installed package has a licence that the folder's ``pyproject.toml`` names."""
    ran = _run(folder, "piplicenses", "--from=mixed", "--format=json", "--python", sys.executable)
    if ran.returncode:
        wrong = [line for line in ran.stderr.splitlines() if line.strip()]
        return Finding("Licences: one isn't among those of pyproject.toml.", wrong)
    return Finding(f"Licences: {len(json.loads(ran.stdout))} packages, all of known ones.", [])


def advisories(folder: Path, osv_url: str | None = None) -> Finding:
    """No pin of any lock has an advisory in the first database that can be reached."""
    for database in ("osv",) if osv_url else _DATABASES:
        known: dict[tuple[str, str], list[Any]] = {}
        for lock in LOCKS:
            of_lock = _audited(folder, lock, database, osv_url)
            if not of_lock:
                break
            known |= of_lock
        else:
            wrong = [
                f"{name} {version}: {advisory['id']}, mended in: {', '.join(advisory['fix_versions']) or '-'}"
                for (name, version), found in sorted(known.items())
                for advisory in found
            ]
            return Finding(f"Advisories: {len(wrong)} for {len(known)} packages, says {database}.", wrong)
    return Finding(
        "Advisories: NOT CHECKED, their databases can't be reached from here.", [], looked_up=False
    )


def _audited(folder: Path, lock: str, database: str, osv_url: str | None) -> dict[tuple[str, str], list[Any]]:
    """The advisories by package; a package that the database doesn't know is left out."""
    ran = _run(
        folder, "pip_audit", "-r", lock, "--require-hashes", "--disable-pip", "--format", "json",
        "--progress-spinner", "off", "--timeout", _SECONDS_OF_SILENCE, "-s", database,
        *(["--osv-url", osv_url] if osv_url else []),
    )  # fmt: skip
    packages = json.loads(ran.stdout)["dependencies"] if ran.stdout.strip() else []
    return {(each["name"], each["version"]): each["vulns"] for each in packages if "vulns" in each}


def _run(folder: Path, module: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", module, *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


if __name__ == "__main__":
    sys.exit(main())
