"""Which cases are run, how often: short (some minutes), medium (within 20), full (about 45).

The comparison has five rounds in full, what is beside it fewer.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from benchmarks.engine_cases import EngineCase, Scenario
from benchmarks.tools import DRT_TUNED, DRT_USUAL

if TYPE_CHECKING:
    from collections.abc import Iterator

LATENCY = 0.05
LIMIT = 20
OURS = ("ours-8", "ours-20")
PEERS = (DRT_TUNED, DRT_USUAL, "dlt-1", "dlt-20")
CEILINGS = ("ceiling-1", "ceiling-8", "ceiling-20")
AT_A_DISTANCE = (*OURS, DRT_TUNED, "dlt-1", "dlt-20", "ceiling-8", "ceiling-20")
ONE_AT_A_TIME = {DRT_TUNED, "dlt-1"}
"""After 50 ms an answer costs these a minute a round, so only the faster drt-core is run there."""

CRASHED = ("ours-8", DRT_TUNED, DRT_USUAL, "dlt-1", "dlt-20")


@dataclass(frozen=True)
class Mode:
    """One length of the benchmark; counts are rounds, 0 leaves a part out."""

    name: str
    size: int
    rounds: int
    small: int = 0
    large: int = 0
    slow_rounds: int = 0
    limited: int = 0
    refreshes: int = 0
    crashes: int = 0
    airflow_rounds: int = 0
    airflow_nothing: int = 0
    airflow_limited: int = 0
    airflow_large: bool = False
    plain_sizes: tuple[int, ...] = ()
    dataverse: bool = False
    startup_rounds: int = 1


MODES = {
    "short": Mode(
        "short", 100_000, rounds=1, small=1, limited=0, refreshes=1, crashes=1, slow_rounds=0,
        airflow_rounds=1, airflow_nothing=1, dataverse=True,
    ),
    "medium": Mode(
        "medium", 100_000, rounds=2, small=2, large=1, slow_rounds=1, limited=1, refreshes=1, crashes=1,
        airflow_rounds=2, airflow_nothing=1, airflow_limited=1, plain_sizes=(10_000,), dataverse=True,
        startup_rounds=3,
    ),
    "full": Mode(
        "full", 100_000, rounds=5, small=3, large=2, slow_rounds=5, limited=2, refreshes=3, crashes=3,
        airflow_rounds=3, airflow_nothing=3, airflow_limited=1, airflow_large=True,
        plain_sizes=(10_000, 100_000), dataverse=True, startup_rounds=5,
    ),
}  # fmt: skip


def engine_cases(mode: Mode) -> Iterator[EngineCase]:
    """Return the engine cases of a mode; those of one size and server stand together."""
    first = Scenario.FIRST
    for tool in (*OURS, *PEERS, *CEILINGS):
        yield EngineCase(first, tool, mode.size, rounds=mode.rounds)
    for tool in AT_A_DISTANCE:
        rounds = mode.slow_rounds if tool in ONE_AT_A_TIME else mode.rounds
        yield EngineCase(first, tool, mode.size, latency=LATENCY, rounds=rounds)
    for tool in (*OURS, *PEERS, *CEILINGS):
        yield EngineCase(first, tool, 10_000, rounds=mode.small)
    for tool in AT_A_DISTANCE:
        yield EngineCase(first, tool, 10_000, latency=LATENCY, rounds=mode.small)
    for tool in ("ours-8", "ceiling-8"):
        yield EngineCase(first, tool, 1_000_000, rounds=mode.large)
    yield EngineCase(first, "ours-8", mode.size, limit=LIMIT, rounds=mode.limited)
    for tool in ("ours-8", DRT_TUNED, "dlt-20"):
        yield EngineCase(Scenario.REFRESHES, tool, mode.size, rounds=mode.refreshes)
    for tool in CRASHED:
        yield EngineCase(Scenario.CRASH, tool, mode.size, rounds=mode.crashes)


def interleaved(cases: list[EngineCase]) -> Iterator[tuple[int, EngineCase]]:
    """Yield (round, case), all cases once a round, so that a slow spell of the machine hits them alike.

    Every second round goes backwards: no tool always runs right after the same other one.
    """
    for number in range(1, max((case.rounds for case in cases), default=0) + 1):
        due = [case for case in cases if case.rounds >= number]
        for case in due if number % 2 else reversed(due):
            yield number, case
