"""Run the benchmark: ``python -m benchmarks.run [--short|--medium|--full]``.

Writes ``.bench/results-<mode>.json`` and, unless ``--no-page``, ``docs/performance.md`` with its chart;
``--again`` writes the page anew from the last results, say with other findings.
Prints each target with its figure; a missed target does not change the exit code.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from benchmarks.airflow_cases import airflow_samples
from benchmarks.engine_cases import run_case, warm_up
from benchmarks.ours.alone import alone_samples
from benchmarks.page import write_page
from benchmarks.processes import ROOT
from benchmarks.results import Results
from benchmarks.schedule import MODES, engine_cases, interleaved
from benchmarks.startup import startup_samples
from benchmarks.targets import judge

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from benchmarks.schedule import Mode

Sample = tuple[str, dict[str, Any], dict[str, Any]]
PARTS = ("engine", "alone", "startup", "airflow")


def main(arguments: list[str] | None = None) -> int:
    """Run the parts asked for and print the targets; return 0, met or missed."""
    options = _parse(arguments)
    mode = MODES[options.mode]
    if options.size:
        mode = replace(mode, size=options.size)
    path = ROOT / f".bench/results-{mode.name}.json"
    if options.again:
        results = Results.load(path)
        minutes = float(json.loads(path.read_text())["minutes"])
    else:
        results = Results.begin(mode.name)
        minutes = _measure_all(options, mode, results, path)
    targets = judge(results, mode.size)
    results.save(path, targets=[target.to_json() for target in targets], minutes=round(minutes, 1))
    if options.page:
        write_page(results, targets, mode.size)
    print(f"\nTargets ({mode.name}, {minutes:.0f} minutes; all figures in {path.relative_to(ROOT)}):")
    for target in targets:
        figure = f"{target.figure:>28}  (wanted {target.wanted})"
        print(f"  {target.key:4} {target.verdict:12} {figure}  {target.text}")
    for key, error in results.failures.items():
        print(f"  could not be measured: {key}: {error[:300]}")
    return 0


def _parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.set_defaults(mode="short")
    for name in MODES:
        parser.add_argument(f"--{name}", dest="mode", action="store_const", const=name)
    parser.add_argument("--size", type=int, help="contacts of the main size, for a quick look (10000, 2000)")
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=PARTS)
    parser.add_argument("--only", default="", help="run only cases whose key holds this text")
    parser.add_argument(
        "--again", action="store_true", help="measure nothing: judge the last results, write the page anew"
    )
    parser.add_argument("--page", action=argparse.BooleanOptionalAction, default=None)
    options = parser.parse_args(arguments)
    if options.page is None:
        options.page = not options.only and not options.size and options.mode == "full"
    return options


def _measure_all(options: argparse.Namespace, mode: Mode, results: Results, path: Path) -> float:
    """Measure what was asked for; return the minutes that it took."""
    start = time.monotonic()
    try:
        for part in options.parts:
            _measure(part, mode, results, path, options.only)
    except KeyboardInterrupt:
        print("\ninterrupted; what was measured so far is kept", flush=True)
    return (time.monotonic() - start) / 60


def _measure(part: str, mode: Mode, results: Results, path: Path, only: str) -> None:
    samples = {
        "engine": _engine_samples,
        "alone": alone_samples,
        "startup": startup_samples,
        "airflow": airflow_samples,
    }[part](mode, results, only)
    for key, sample, case in samples:
        results.add(key, sample, case)
        results.save(path)
        print(f"{key:52} {_told(sample)}", flush=True)


def _engine_samples(mode: Mode, results: Results, only: str) -> Iterator[Sample]:
    cases = [case for case in engine_cases(mode) if case.rounds and only in case.key]
    for tool in {case.tool for case in cases}:
        warm_up(tool)
    for number, case in interleaved(cases):
        if case.key in results.failures:
            continue
        try:
            for key, sample in run_case(case, number):
                yield key, sample, case.describe()
        except Exception as error:  # noqa: BLE001 - one tool that fails must not end the comparison
            results.fail(case.key, error)
            print(f"{case.key:52} FAILED {str(error)[:500]}", file=sys.stderr, flush=True)


def _told(sample: dict[str, Any]) -> str:
    names = (
        "seconds",
        "per_second",
        "cpu_seconds",
        "peak_mb",
        "above_mb",
        "requests",
        "throttled",
        "sent_twice",
        "budget_used",
        "not_on_data",
    )
    return "  ".join(f"{name} {sample[name]:,}" for name in names if name in sample)


if __name__ == "__main__":
    sys.exit(main())
