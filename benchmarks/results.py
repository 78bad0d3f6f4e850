"""What a benchmark run brought: samples by case, medians, the machine, one JSON file."""

from __future__ import annotations

import json
import os
import platform
import re
import statistics
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

_VERSIONS = ("apache-airflow", "pyarrow", "aiohttp", "orjson", "uvloop", "pydantic")


@dataclass
class Results:
    """Samples of every case in the order in which they came."""

    mode: str
    made_at: str = ""
    machine: dict[str, Any] = field(default_factory=dict)
    versions: dict[str, str] = field(default_factory=dict)
    cases: dict[str, dict[str, Any]] = field(default_factory=dict)
    failures: dict[str, str] = field(default_factory=dict)

    @classmethod
    def begin(cls, mode: str) -> Results:
        """Return empty results of this machine."""
        return cls(mode, datetime.now(UTC).isoformat(timespec="seconds"), machine_facts(), version_facts())

    @classmethod
    def load(cls, path: Path) -> Results:
        """Return the results that :meth:`save` wrote."""
        known = json.loads(path.read_text())
        return cls(**{name: known[name] for name in cls.__dataclass_fields__})

    def save(self, path: Path, **more: Any) -> None:
        """Write everything, medians included, and ``more`` beside it."""
        cases = {key: {**case, "median": self.median(key)} for key, case in self.cases.items()}
        fields = {name: getattr(self, name) for name in self.__dataclass_fields__}
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps({**fields, "cases": cases, **more}, indent=1) + "\n")

    def add(self, key: str, sample: dict[str, Any], case: dict[str, Any]) -> None:
        """Add one measurement of a case."""
        known = self.cases.setdefault(key, {"case": case, "samples": []})
        known["samples"].append(sample)

    def fail(self, key: str, error: BaseException) -> None:
        """Note that a case could not be measured."""
        self.failures[key] = f"{type(error).__name__}: {error}"

    def median(self, key: str) -> dict[str, float]:
        """Return the median of every number of a case's samples; empty for a case that wasn't run."""
        samples = self.cases.get(key, {}).get("samples", [])
        numbers: dict[str, list[float]] = {}
        for sample in samples:
            for name, value in sample.items():
                if isinstance(value, int | float) and not isinstance(value, bool):
                    numbers.setdefault(name, []).append(value)
        return {name: round(statistics.median(values), 4) for name, values in numbers.items()}

    def value(self, key: str, name: str) -> float | None:
        """Return one median, or None where it wasn't measured."""
        return self.median(key).get(name)

    def spread(self, key: str, name: str) -> tuple[float, float] | None:
        """Return the lowest and the highest of one number over the rounds."""
        values = [sample[name] for sample in self.cases.get(key, {}).get("samples", []) if name in sample]
        return (min(values), max(values)) if values else None


def machine_facts() -> dict[str, Any]:
    """Return what matters of this machine; nothing that names it."""
    cpu = re.search(r"model name\s*:\s*(.+)", _read("/proc/cpuinfo"))
    memory = re.search(r"MemTotal:\s*(\d+)", _read("/proc/meminfo"))
    return {
        "cpu": cpu[1].strip() if cpu else platform.processor(),
        "cores": len(os.sched_getaffinity(0)),
        "memory_gb": round(int(memory[1]) * 1024 / 1e9, 1) if memory else None,
        "system": f"{platform.system()} {platform.release()}",
        "load_at_start": round(os.getloadavg()[0], 2),
    }


def version_facts() -> dict[str, str]:
    """Return the versions of what is measured; the peers' stand in their locked requirements."""
    found = {"python": platform.python_version()}
    for name in _VERSIONS:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    peers = Path(__file__).parent / "peers"
    for peer, package in (("drt", "drt-core"), ("dlt", "dlt")):
        text = (peers / peer / "requirements.txt").read_text()
        if match := re.search(rf"^{package}==(\S+)", text, re.MULTILINE):
            found[package] = match[1]
    return found


def _read(path: str) -> str:
    try:
        return Path(path).read_text()
    except OSError:
        return ""
