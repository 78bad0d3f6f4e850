"""Requests, time and bans of whole exports to an emulated Ortto: ``python -m benchmarks.ortto``.

Every figure is of a whole export, from the lake to the ledger, against an emulator that keeps the vendor's
rate and bans. The rate that is used is that of each upload by itself: from its first request to its last.
"""

from __future__ import annotations

import argparse
import shutil
import time
from collections import Counter
from contextlib import contextmanager
from typing import TYPE_CHECKING

from benchmarks.engine_cases import budget_used
from benchmarks.ours.ortto import OrttoRun, make_lake
from benchmarks.processes import ROOT
from segment_emulators.ortto import EmulatorConfig, MixedPeople, OrttoEmulator, Switches, serve_ortto

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

_FOLDER = ROOT / ".bench/ortto"
_POISON = 20
_WRITES = frozenset({"merge_people", "create_field"})


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the cases that were asked for and print a line for each export."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.ortto", description=__doc__)
    parser.add_argument("--people", type=int, default=100_000, help="of the refreshes")
    parser.add_argument("--only", choices=("refreshes", "poison"))
    asked = parser.parse_args(arguments)
    if asked.only != "poison":
        refreshes(asked.people)
    if asked.only != "refreshes":
        poison()
    return 0


def refreshes(people: int, rate: int = 10) -> None:
    """Export three refreshes: the first, one in which nothing changed, one in which a hundredth did."""
    with _emulated(rate) as emulator:
        lake = make_lake(_emptied(), people)
        for snapshot in ("first", "same", "changed"):
            _export(emulator, lake, snapshot, rate, f"{people:,} people at {rate}/s, {snapshot}")


def poison(people: int = 10_000, rate: int = 30) -> None:
    """Export people of whom the account refuses a few, by each way in which it may answer that."""
    for mixed in (None, *MixedPeople):
        with _emulated(rate) as emulator:
            emulator.switch(bad_domains=["poison.example"], mixed=mixed or MixedPeople.ITEMS)
            lake = make_lake(_emptied(), people, poison=_POISON if mixed else 0)
            told = f"{_POISON} refused of {people:,}, {mixed}" if mixed else f"none refused of {people:,}"
            _export(emulator, lake, "first", rate, f"{told}, at {rate}/s")


def _export(emulator: OrttoEmulator, lake: Path, snapshot: str, rate: int, told: str) -> None:
    run = OrttoRun(_FOLDER / "run", lake, snapshot, emulator.url, emulator.api_key, in_flight=4, rate=rate)
    for step in ("extract", "map", "plan", "chunk"):
        getattr(run, step)()
    counts, bad, shares, seconds = Counter[str](), 0, [], 0.0
    for reference in run.references():
        emulator.log.clear()
        began = time.perf_counter()
        run.deliver(reference)
        seconds += time.perf_counter() - began
        arrivals = emulator.log.entries
        counts.update(one.endpoint for one in arrivals)
        bad += sum(400 <= one.status < 500 and one.status != 429 for one in arrivals)
        shares.append(budget_used([one.arrived for one in arrivals], rate))
    run.settle()
    writes = sum(count for name, count in counts.items() if name in _WRITES)
    used = f", at least {min(shares):.1%} of the rate used" if shares else ""
    print(
        f"{told}: {counts.total()} requests ({writes} writes) in {seconds:.1f} s{used}; {bad} bad requests, "
        f"{len(emulator.bans)} bans; {dict(counts)}",
        flush=True,
    )


@contextmanager
def _emulated(rate: int) -> Iterator[OrttoEmulator]:
    switches = Switches(rate=rate)
    with serve_ortto(EmulatorConfig(switches=switches, log_limit=1_000_000)) as emulator:
        yield emulator


def _emptied() -> Path:
    shutil.rmtree(_FOLDER, ignore_errors=True)
    _FOLDER.mkdir(parents=True)
    return _FOLDER


if __name__ == "__main__":
    raise SystemExit(main())
