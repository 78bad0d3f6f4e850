"""The targets: each with its figure from one run's results, met or missed or not measured."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from benchmarks.tools import DRT_TUNED, DRT_USUAL

if TYPE_CHECKING:
    from collections.abc import Iterator

    from benchmarks.results import Results

IN_FLIGHT = 8
BATCH = 100
STEPS = ("check", "extract", "map", "plan", "chunk", "upload", "settle")


@dataclass(frozen=True)
class Target:
    """One target; ``met`` is None where its cases were not run in this mode."""

    key: str
    text: str
    wanted: str
    figure: str
    met: bool | None

    def to_json(self) -> dict[str, Any]:
        """Return the target as JSON values."""
        return asdict(self)

    @property
    def verdict(self) -> str:
        """The word that is printed."""
        return {True: "met", False: "missed", None: "not measured"}[self.met]


def judge(results: Results, size: int) -> list[Target]:
    """Return all targets, in the order of their numbers; ``size`` is the main one of the mode."""
    parts = (_engine_fast, _engine_slow, _budget, _memory, _airflow, _nothing_changed, _crash, _startup,
             _linear, _prepare, _dataverse)  # fmt: skip
    return [target for part in parts for target in part(results, size)]


def _key(size: int, server: str, tool: str, scenario: str = "first") -> str:
    return f"engine/{scenario}/{size}/{server}/{tool}"


def _ratio(above: float | None, below: float | None) -> float | None:
    return above / below if above is not None and below else None


def _at_least(key: str, text: str, wanted: float, value: float | None, form: str = "{:.2f}") -> Target:
    figure = form.format(value) if value is not None else "-"
    return Target(key, text, "≥ " + form.format(wanted), figure, None if value is None else value >= wanted)


def _at_most(key: str, text: str, wanted: float, value: float | None, form: str = "{:.1f}") -> Target:
    figure = form.format(value) if value is not None else "-"
    return Target(key, text, "≤ " + form.format(wanted), figure, None if value is None else value <= wanted)


def _best(results: Results, size: int, server: str, tools: tuple[str, ...]) -> float | None:
    speeds = [results.value(_key(size, server, tool), "per_second") for tool in tools]
    return max((speed for speed in speeds if speed is not None), default=None)


def _engine_fast(results: Results, size: int) -> Iterator[Target]:
    ours = _best(results, size, "0ms", ("ours-8", "ours-20"))
    usual = results.value(_key(size, "0ms", DRT_USUAL), "per_second")
    tuned = results.value(_key(size, "0ms", DRT_TUNED), "per_second")
    dlt = _best(results, size, "0ms", ("dlt-1", "dlt-20"))
    times = "{:.2f}"
    yield _at_least(
        "1a", "engine, 0 ms: times drt-core's contacts/s (batches of 1,000)", 2, _ratio(ours, usual), times
    )
    yield _at_least(
        "1b", "engine, 0 ms: times drt-core's contacts/s (all in one batch)", 2, _ratio(ours, tuned), times
    )
    yield _at_least(
        "1c", "engine, 0 ms: times dlt's contacts/s (its faster way)", 2.5, _ratio(ours, dlt), times
    )
    yield _at_least("1d", "engine, 0 ms: contacts/s", 20_000, ours, "{:,.0f}")


def _engine_slow(results: Results, size: int) -> Iterator[Target]:
    for letter, in_flight, share in (("a", 20, 0.6), ("b", 8, 0.7)):
        ours = results.value(_key(size, "50ms", f"ours-{in_flight}"), "per_second")
        ceiling = results.value(_key(size, "50ms", f"ceiling-{in_flight}"), "per_second")
        text = f"engine, 50 ms, {in_flight} in flight: share of the raw ceiling"
        yield _at_least(f"2{letter}", text, share, _ratio(ours, ceiling), "{:.0%}")


def _budget(results: Results, size: int) -> Iterator[Target]:
    engine = _key(size, "20rps", "ours-8")
    airflow = f"airflow/first/{size}/20rps/ours"
    used = results.value(airflow, "budget_in_tasks") or results.value(engine, "budget_used")
    yield _at_least("3a", "20 requests/s: budget used while an upload task runs", 0.95, used, "{:.1%}")
    whole = results.value(airflow, "budget_used")
    target = _at_least(
        "3b", "20 requests/s: budget used from an export's first to its last write", 0.9, whole, "{:.1%}"
    )
    gaps = [sample.get("gaps", []) for sample in results.cases.get(airflow, {}).get("samples", [])]
    told = (
        f"{target.figure}; longest gaps {', '.join(f'{gap:.1f} s' for gap in gaps[0][:4])}"
        if gaps
        else target.figure
    )
    yield Target(target.key, target.text, target.wanted, told, target.met)
    shares = [
        _ratio(results.value(key, "throttled"), results.value(key, "requests")) for key in (engine, airflow)
    ]
    known = [share for share in shares if share is not None]
    yield _at_most("3c", "20 requests/s: share answered 429", 0.001, max(known, default=None), "{:.2%}")


def _memory(results: Results, size: int) -> Iterator[Target]:
    large = {step: results.value(f"task/{step}/1000000", "above_mb") for step in STEPS}
    known = {step: value for step, value in large.items() if value is not None}
    worst = max(known, key=lambda step: known[step], default=None)
    text = "peak memory of a task above its imports at 1,000,000 contacts, MB"
    target = _at_most("4a", text, 150, known[worst] if worst else None, "{:.0f}")
    yield Target(target.key, text, target.wanted, f"{target.figure} ({worst})" if worst else "-", target.met)
    ratios = {
        step: _ratio(value, results.value(f"task/{step}/{size}", "above_mb")) for step, value in known.items()
    }
    grown = {step: value for step, value in ratios.items() if value is not None and known[step] > 10}
    step = max(grown, key=lambda name: grown[name], default=None)
    text = f"the same, times that at {size:,} (tasks above 10 MB)"
    target = _at_most("4b", text, 1.3, grown[step] if step else None, "{:.2f}")
    yield Target(target.key, text, target.wanted, f"{target.figure} ({step})" if step else "-", target.met)


def _airflow(results: Results, size: int) -> Iterator[Target]:
    ours = f"airflow/first/{size}/0ms/ours"
    seconds = results.value(ours, "seconds")
    yield _at_most("5a", f"whole Airflow run, {size:,} contacts, 0 ms, seconds", 45, seconds)
    plain = results.value(f"airflow/first/{size}/0ms/plain", "seconds")
    yield _at_least(
        "5b", "times faster than the plain mapped-HttpOperator DAG", 8, _ratio(plain, seconds), "{:.1f}"
    )
    yield _at_most("5c", "of the run, seconds not spent on data", 25, results.value(ours, "not_on_data"))


def _nothing_changed(results: Results, size: int) -> Iterator[Target]:
    key = f"airflow/same/{size}/0ms/ours"
    engine = _key(size, "0ms", "ours-8", "refreshes") + "/same"
    writes = results.value(key, "writes")
    if writes is None and engine in results.cases:
        writes = results.value(engine, "sent")
    yield _at_most("6a", "nothing changed: writes", 0, writes, "{:.0f}")
    yield _at_most("6b", "nothing changed: seconds of the whole run", 25, results.value(key, "seconds"))


def _crash(results: Results, size: int) -> Iterator[Target]:
    key = _key(size, "0ms", "ours-8", "crash")
    spread = results.spread(key, "sent_twice")
    text = f"crash midway: contacts sent again, worst round ({IN_FLIGHT} batches in flight)"
    yield _at_most("7", text, IN_FLIGHT * BATCH, spread[1] if spread else None, "{:.0f}")


def _startup(results: Results, _: int) -> Iterator[Target]:
    yield _at_most(
        "8a",
        "DAG file parse with 50 exports, seconds",
        0.5,
        results.value("startup/dags", "seconds"),
        "{:.2f}",
    )
    hook = results.value("startup/hook", "seconds")
    yield _at_most("8b", "importing the provider's hook over Airflow itself, seconds", 0.3, hook, "{:.2f}")


def _linear(results: Results, size: int) -> Iterator[Target]:
    points = [
        (count, results.value(_key(count, "0ms", "ours-8"), "seconds"))
        for count in (10_000, size, 1_000_000)
    ]  # fmt: skip
    known = [(math.log(count), math.log(seconds)) for count, seconds in points if seconds]
    value = slope(known) if len(known) == len(points) else None
    yield _at_most("9", "log-log slope of engine time, 10,000 to 1,000,000", 1.05, value, "{:.2f}")


def slope(points: list[tuple[float, float]]) -> float:
    """Return the slope of the least-squares line through the points."""
    count = len(points)
    mean_x = sum(x for x, _ in points) / count
    mean_y = sum(y for _, y in points) / count
    above = sum((x - mean_x) * (y - mean_y) for x, y in points)
    return above / sum((x - mean_x) ** 2 for x, _ in points)


def _prepare(results: Results, _: int) -> Iterator[Target]:
    key = "prepare/100000"
    yield _at_most(
        "A5a",
        "extract, map and chunk of 100,000 profiles in one process, seconds",
        5,
        results.value(key, "seconds"),
    )
    yield _at_most("A5b", "the same, peak MB of the process", 400, results.value(key, "peak_mb"), "{:.0f}")


def _dataverse(results: Results, _: int) -> Iterator[Target]:
    key = "dataverse/1000000"
    seconds = results.value(key, "seconds")
    text = "1,000,000 profiles, 100,000 members through Dataverse, MB above the libraries"
    target = _at_most("C4", text, 300, results.value(key, "above_mb"), "{:.0f}")
    figure = f"{target.figure} in {seconds:.0f} s" if seconds is not None else target.figure
    yield Target(target.key, text, target.wanted, figure, target.met)
