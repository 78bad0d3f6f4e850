"""What every measured script tells of itself: seconds of work and peak memory, as one JSON file.

Only the standard library: the scripts beside it run in virtual environments of their own.
"""

from __future__ import annotations

import json
import re
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator


def memory_mb(name: str = "VmHWM") -> float:
    """Return this process's peak (``VmHWM``) or present (``VmRSS``) resident memory in MB (10^6 bytes)."""
    status = Path("/proc/self/status").read_text()
    found = re.search(rf"{name}:\s+(\d+) kB", status)
    return int(found[1]) * 1024 / 1e6 if found else 0.0


@contextmanager
def measured(result: str) -> Iterator[dict[str, Any]]:
    """Time the block; write seconds (wall, CPU), memory and what it put into the dict to ``result``.

    Enter it when all imports are done: start-up is told apart (the harness times the whole process).
    """
    facts: dict[str, Any] = {"imported_mb": round(memory_mb("VmRSS"), 1)}
    start, cpu = time.perf_counter(), time.process_time()
    yield facts
    facts["seconds"] = time.perf_counter() - start
    facts["cpu_seconds"] = round(time.process_time() - cpu, 3)
    facts["peak_mb"] = round(memory_mb(), 1)
    Path(result).write_text(json.dumps(facts))
