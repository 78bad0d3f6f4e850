"""One step of a run in a process of its own: its memory above its imports, as a task has it.

Usage: one_step.py RESULT WORKDIR LAKE STEP, with a tiny run and a server for it in the environment. The
step is done twice in the process: first in the tiny run, so that everything that it imports is loaded,
then on the work. What is told is the peak of the second above the resident memory before it.
"""

from __future__ import annotations

import ctypes
import gc
import os
import sys
from dataclasses import replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent.parent))

import pyarrow as pa

from benchmarks.ours.steps import run_of_environment
from benchmarks.peers.measured import measured, memory_mb


def forget_peak() -> None:
    """Give free memory back and let the kernel count the peak anew."""
    gc.collect()
    pa.default_memory_pool().release_unused()
    ctypes.CDLL(None).malloc_trim(0)
    Path("/proc/self/clear_refs").write_text("5")


def main() -> None:
    result, folder, lake, step = sys.argv[1:5]
    run = run_of_environment(folder, lake)
    tiny = replace(
        run,
        folder=Path(os.environ["BENCH_TINY_FOLDER"]),
        lake=Path(os.environ["BENCH_TINY_LAKE"]),
        url=os.environ["BENCH_TINY_URL"],
    )
    getattr(tiny, step)()
    forget_peak()
    with measured(result) as facts:
        before = memory_mb("VmRSS")
        getattr(run, step)()
        facts["above_mb"] = round(memory_mb() - before, 1)


if __name__ == "__main__":
    main()
