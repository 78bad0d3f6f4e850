"""The tools that are measured: how each is started on the work, with what settings."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from benchmarks.environments import peer_python
from benchmarks.processes import ROOT

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from benchmarks.contacts import WorkData

_PEERS = ROOT / "benchmarks/peers"
VENVS = ROOT / ".bench/venvs"


@dataclass(frozen=True)
class Tool:
    """One tool with one configuration. ``peer`` names its virtual environment; ours has none."""

    name: str
    label: str
    script: Path
    peer: str | None = None
    settings: Mapping[str, str] = field(default_factory=dict)
    reads: str = "parquet"

    def command(self, work: WorkData, snapshot: str) -> list[str]:
        """Return the interpreter, the script and what it reads; the harness puts its own between."""
        python = str(peer_python(self.peer, VENVS)) if self.peer else sys.executable
        source = {
            "parquet": work.parquet("first" if snapshot == "same" else snapshot),
            "sqlite": work.sqlite,
            "lake": work.lake,
        }
        return [python, str(self.script), str(source[self.reads])]

    def environment(self, url: str, snapshot: str, limit: int | None) -> dict[str, str]:
        """Return the variables that the script reads."""
        return {
            "BENCH_URL": url,
            "BENCH_SNAPSHOT": snapshot,
            "BENCH_TABLE": "first" if snapshot == "same" else snapshot,
            "BENCH_RATE": str(limit or 0),
            **self.settings,
        }


def _ceiling(in_flight: int) -> Tool:
    return Tool(
        f"ceiling-{in_flight}", f"raw asyncio ceiling, {in_flight} in flight", _PEERS / "ceiling.py",
        settings={"BENCH_IN_FLIGHT": str(in_flight)},
    )  # fmt: skip


def _ours(in_flight: int) -> Tool:
    return Tool(
        f"ours-{in_flight}", f"this project, {in_flight} in flight", ROOT / "benchmarks/ours/engine.py",
        settings={"BENCH_IN_FLIGHT": str(in_flight)}, reads="lake",
    )  # fmt: skip


def _drt(batch_size: int) -> Tool:
    return Tool(
        f"drt-{batch_size}", f"drt-core 1.2.1, engine batches of {batch_size:,}", _PEERS / "drt/run_sync.py",
        peer="drt", settings={"BENCH_BATCH_SIZE": str(batch_size)}, reads="sqlite",
    )  # fmt: skip


def _dlt(workers: int) -> Tool:
    files = "one file" if workers == 1 else f"files of 5,000, {workers} workers"
    return Tool(
        f"dlt-{workers}", f"dlt 1.31.0, {files}", _PEERS / "dlt/run_pipeline.py",
        peer="dlt", settings={"BENCH_WORKERS": str(workers)},
    )  # fmt: skip


DRT_TUNED, DRT_USUAL = "drt-100000", "drt-1000"

TOOLS = {
    tool.name: tool
    for tool in (
        _ours(8), _ours(20), _drt(100_000), _drt(1000), _dlt(1), _dlt(20),
        _ceiling(1), _ceiling(8), _ceiling(20),
    )
}  # fmt: skip
"""drt-core twice: with the fastest setting that was found, all rows in one engine batch, and with 1,000."""
