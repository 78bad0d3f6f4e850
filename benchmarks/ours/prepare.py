"""Extract, map, plan and chunk in one process, nothing sent (issue A, must-show 5).

Usage: prepare.py RESULT WORKDIR LAKE.
"""

from __future__ import annotations

import importlib
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent.parent))

from benchmarks.ours.steps import run_of_environment
from benchmarks.peers.measured import measured

STEPS = ("extract", "map", "plan", "chunk")
MODULES = (
    "extracting.extract_unit",
    "refresh.snapshot_choice",
    "sources.opening",
    "mapping.map_profiles",
    "records.lease",
    "records.plan",
    "planning.plan_changes",
    "planning.chunk_changes",
)


def main() -> None:
    run = run_of_environment(sys.argv[2], sys.argv[3])
    for module in MODULES:
        importlib.import_module(f"segment_exports.{module}")
    with measured(sys.argv[1]) as facts:
        steps = {}
        for step in STEPS:
            start = time.perf_counter()
            getattr(run, step)()
            steps[step] = round(time.perf_counter() - start, 3)
        facts["steps"] = steps


if __name__ == "__main__":
    main()
