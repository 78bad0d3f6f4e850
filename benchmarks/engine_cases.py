"""Engine cases: one tool, one size, one server, in one process. Scenario by scenario, round by round."""

from __future__ import annotations

import shutil
import time
from contextlib import suppress
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from benchmarks.contacts import make_work
from benchmarks.processes import ROOT, BulkServer, Finished, ToolFailedError, bulk_server, run_tool
from benchmarks.tools import TOOLS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

DATA = ROOT / ".bench/data"
_RUNS = ROOT / ".bench/runs"
_CRASH_SHARE = 0.4
_WARM_SIZE = 1_000


class Scenario(StrEnum):
    """What is done: one first export; three refreshes in a row; a first export that is killed midway."""

    FIRST = "first"
    REFRESHES = "refreshes"
    CRASH = "crash"


@dataclass(frozen=True)
class EngineCase:
    """One cell of the comparison. ``latency`` is seconds; ``limit`` arrivals in any rolling second."""

    scenario: Scenario
    tool: str
    size: int
    latency: float = 0.0
    limit: int | None = None
    rounds: int = 1

    @property
    def key(self) -> str:
        """Name of the cell in the results."""
        server = f"{self.limit}rps" if self.limit else f"{self.latency * 1000:.0f}ms"
        return f"engine/{self.scenario}/{self.size}/{server}/{self.tool}"

    def describe(self) -> dict[str, Any]:
        """Return the case as JSON values."""
        return {**asdict(self), "label": TOOLS[self.tool].label}


class WrongResultError(RuntimeError):
    """The server does not hold what the tool should have sent: its speed means nothing."""


def run_case(case: EngineCase, round_number: int) -> Iterator[tuple[str, dict[str, Any]]]:
    """Run one case once; yield (key, sample) for each measurement that it brings.

    :raises WrongResultError: contacts are missing at the server.
    """
    folder = _RUNS / case.key.replace("/", "_") / str(round_number)
    shutil.rmtree(folder, ignore_errors=True)
    try:
        with bulk_server(latency=case.latency, limit=case.limit) as server:
            yield from _SCENARIOS[case.scenario](case, folder, server)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def warm_up(tool: str) -> None:
    """Run a tool once on a little work, unmeasured: its environment, byte code and data are there then."""
    case = EngineCase(Scenario.FIRST, tool, _WARM_SIZE)
    with suppress(ToolFailedError, WrongResultError):
        for _ in run_case(case, 0):
            pass


def _first(case: EngineCase, folder: Path, server: BulkServer) -> Iterator[tuple[str, dict[str, Any]]]:
    finished = _run(case, folder, server, "first")
    stats = server.stats()
    _check(case, stats)
    sample = _sample(case, finished, stats)
    if case.limit:
        sample["budget_used"] = round(budget_used(server.writes(), case.limit), 4)
    yield case.key, sample


def _refreshes(case: EngineCase, folder: Path, server: BulkServer) -> Iterator[tuple[str, dict[str, Any]]]:
    before = server.stats()
    for snapshot in ("first", "same", "changed"):
        finished = _run(case, folder, server, snapshot)
        stats = server.stats()
        _check(case, stats)
        added = {
            name: stats[name] - before[name] for name in ("requests", "batches", "contacts", "throttled")
        }
        calls = {name: count - before["calls"].get(name, 0) for name, count in stats["calls"].items()}
        sample = _sample(case, finished, {**stats, **added, "calls": {k: v for k, v in calls.items() if v}})
        if snapshot != "first":
            yield f"{case.key}/{snapshot}", sample
        before = stats


def _crash(case: EngineCase, folder: Path, server: BulkServer) -> Iterator[tuple[str, dict[str, Any]]]:
    target = case.size * _CRASH_SHARE
    _run(case, folder, server, "first", kill_at=target)
    time.sleep(2 * case.latency + 0.2)  # what the killed process had sent is taken in before we look
    killed_at = server.stats()["contacts"]
    finished = _run(case, folder, server, "first")
    stats = server.stats()
    _check(case, stats)
    sample = _sample(case, finished, stats)
    yield case.key, {**sample, "killed_at": killed_at, "sent_twice": stats["seen_again"]}


_SCENARIOS = {Scenario.FIRST: _first, Scenario.REFRESHES: _refreshes, Scenario.CRASH: _crash}


def _run(
    case: EngineCase, folder: Path, server: BulkServer, snapshot: str, *, kill_at: float | None = None
) -> Finished:
    tool = TOOLS[case.tool]
    work = make_work(DATA, case.size)
    return run_tool(
        tool.command(work, snapshot),
        folder,
        tool.environment(server.url, snapshot, case.limit),
        kill_when=None if kill_at is None else lambda: server.stats()["contacts"] >= kill_at,
    )


def _check(case: EngineCase, stats: dict[str, Any]) -> None:
    if stats["distinct"] != case.size:
        raise WrongResultError(f"{case.key}: {stats['distinct']} of {case.size} contacts are at the server")


def _sample(case: EngineCase, finished: Finished, stats: dict[str, Any]) -> dict[str, Any]:
    seconds = finished.facts["seconds"]
    return {
        "seconds": round(seconds, 3),
        "wall": round(finished.wall, 3),
        "per_second": round(case.size / seconds),
        "cpu_seconds": finished.facts["cpu_seconds"],
        "peak_mb": finished.facts["peak_mb"],
        "imported_mb": finished.facts["imported_mb"],
        "tree_mb": finished.tree_mb,
        "requests": stats["requests"],
        "calls": stats["calls"],
        "batches": stats["batches"],
        "sent": stats["contacts"],
        "throttled": stats["throttled"],
        "gaps": stats["gaps"],
        **{
            name: value
            for name, value in finished.facts.items()
            if name in {"steps", "exit", "settle_seconds"}
        },
    }


def budget_used(writes: list[float], limit: int) -> float:
    """Return the share of a rate that was used from the first to the last write."""
    if len(writes) < 2 or writes[-1] <= writes[0]:
        return 0.0
    return (len(writes) - 1) / (limit * (writes[-1] - writes[0]))
