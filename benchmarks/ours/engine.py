"""The engine alone: from the source to the last acknowledged batch, in one process.

Usage: engine.py RESULT WORKDIR LAKE. Started again in the same folder after a kill, it goes on where a
retried task would: steps that had ended stay ended, the upload reads its receipts. The ledger is
settled afterwards; what that takes is told apart (``settle_seconds``), since no batch waits for it.
"""

from __future__ import annotations

import importlib
import json
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent.parent))

import aiohttp  # noqa: F401 - the client loads it when it is opened; imports are not what is measured

from benchmarks.ours.prepare import MODULES
from benchmarks.ours.steps import run_of_environment
from benchmarks.peers.measured import measured, memory_mb

STEPS = ("extract", "map", "plan", "chunk", "upload")


def main() -> None:
    run = run_of_environment(sys.argv[2], sys.argv[3])
    for module in (*MODULES, "delivery.engine", "destinations.autopilot.destination", "settling.settle_run"):
        importlib.import_module(f"segment_exports.{module}")
    ended = run.files.store
    result = Path(sys.argv[1])
    with measured(str(result)) as facts:
        steps = {}
        for step in STEPS:
            if ended.exists(f"ended/{step}"):
                continue
            start = time.perf_counter()
            getattr(run, step)()
            ended.write_bytes(f"ended/{step}", b"")
            steps[step] = round(time.perf_counter() - start, 3)
        facts["steps"] = steps
    start = time.perf_counter()
    run.settle()
    facts |= {"settle_seconds": round(time.perf_counter() - start, 3), "peak_mb": round(memory_mb(), 1)}
    result.write_text(json.dumps(facts))


if __name__ == "__main__":
    main()
