"""``docs/performance.md`` and its chart, written from the results and never by hand.

What profiling found about missed targets stands in ``benchmarks/findings.json``, by target.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.chart import Bar, bar_chart
from benchmarks.processes import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from benchmarks.results import Results
    from benchmarks.targets import Target

PAGE = ROOT / "docs/performance.md"
CHART = ROOT / "docs/performance.svg"
FINDINGS = Path(__file__).parent / "findings.json"
_TITLE = "Contacts per second, source to acknowledged batch (line: lowest and highest round)"


def write_page(
    results: Results, targets: list[Target], size: int, *, page: Path = PAGE, chart: Path = CHART
) -> None:
    """Write the page and the chart."""
    findings = json.loads(FINDINGS.read_text()) if FINDINGS.exists() else {}
    chart.write_text(bar_chart(_TITLE, dict(_groups(results, size))))
    parts = (
        _head(results, size, chart.name),
        _targets(targets, findings),
        _engine(results),
        _crash(results),
        _refreshes(results),
        _rest(results, "Whole Airflow runs", "airflow/"),
        _rest(results, "One task at a time: memory above its imports", "task/"),
        _rest(results, "Before any data, and alone", ("startup/", "prepare/", "dataverse/")),
        _failures(results),
    )
    page.write_text("\n".join(line for part in parts for line in part))


def _head(results: Results, size: int, chart: str) -> Iterator[str]:
    machine = results.machine
    versions = ", ".join(f"{name} {version}" for name, version in results.versions.items())
    yield "# Performance"
    yield ""
    yield (
        f"Written by `python -m benchmarks --{results.mode}` on {results.made_at[:10]} and never by hand; "
        "`make bench-full` makes it anew."
    )
    yield ""
    yield (
        f"Machine: {machine['cores']} cores of {machine['cpu']}, {machine['memory_gb']} GB, "
        f"{machine['system']}, load {machine['load_at_start']} at the start. Versions: {versions}."
    )
    yield ""
    yield (
        f"The work: {size:,} contacts of 10 fields, 100 a request, to one server with Autopilot's bulk "
        "shape that parses every body, in a process of its own on the same machine. Every tool reads the "
        "same profiles in the form that it reads fastest; this project reads Customer Insights' CSV export, "
        "and validates, merges, hashes, plans and writes receipts on the way, which the others don't. "
        "Seconds count from the end of the imports. Rounds are interleaved; figures are medians. The peers' "
        "configurations are in `benchmarks/peers/`."
    )
    yield ""
    yield f"![{_TITLE}]({chart})"
    yield ""


def _targets(targets: list[Target], findings: dict[str, str]) -> Iterator[str]:
    rows = [(one.key, one.text, one.wanted, one.figure, one.verdict) for one in targets]
    yield from _section("Targets", ("", "target", "wanted", "figure", ""), rows)
    missed = [target for target in targets if target.met is False]
    if missed:
        yield "### What was missed, and why"
        yield ""
    for one in missed:
        reason = findings.get(one.key, "not looked into yet.")
        yield f"- **{one.key}** ({one.figure}, wanted {one.wanted}): {reason}"
    yield ""


def _failures(results: Results) -> Iterator[str]:
    if results.failures:
        yield "## Could not be measured"
        yield ""
        yield from (f"- `{key}`: {error.splitlines()[0]}" for key, error in results.failures.items())
        yield ""


def _groups(results: Results, size: int) -> Iterator[tuple[str, list[Bar]]]:
    for server, name in (("0ms", "server answers at once"), ("50ms", "server answers after 50 ms")):
        bars = []
        for key, case in results.cases.items():
            if not key.startswith(f"engine/first/{size}/{server}/"):
                continue
            tool = case["case"]["tool"]
            if server == "0ms" and tool.startswith("ceiling"):
                continue  # ten times longer than all others: it would hide them
            low, high = results.spread(key, "per_second") or (0, 0)
            kind = tool.split("-")[0]
            kind = kind if kind in {"ours", "ceiling"} else "peer"
            bars.append(Bar(case["case"]["label"], kind, results.value(key, "per_second") or 0, low, high))
        if bars:
            yield f"{size:,} contacts, {name}", bars


def _engine(results: Results) -> Iterator[str]:
    rows = []
    for key, case in results.cases.items():
        if not key.startswith("engine/first/"):
            continue
        _, _, size, server, _ = key.split("/")
        middle = results.median(key)
        low, high = results.spread(key, "per_second") or (0, 0)
        whole = (
            ("cpu_seconds", "{:.2f}"),
            ("peak_mb", "{:.0f}"),
            ("requests", "{:.0f}"),
            ("throttled", "{:.0f}"),
        )
        cells = [form.format(middle[name]) for name, form in (("seconds", "{:.2f}"), *whole)]
        speed = (f"{middle['per_second']:,.0f}", f"{low:,.0f} to {high:,.0f}")
        rows.append((f"{int(size):,}", server, case["case"]["label"], len(case["samples"]), *speed, *cells))
    heads = (
        *("contacts", "server", "tool", "rounds", "contacts/s", "lowest to highest"),
        *("seconds", "CPU s", "peak MB", "requests", "429"),
    )
    yield from _section("First export, engine alone", heads, rows)


def _crash(results: Results) -> Iterator[str]:
    rows = []
    for key, case in results.cases.items():
        if key.startswith("engine/crash/"):
            middle = results.median(key)
            worst = (results.spread(key, "sent_twice") or (0, 0))[1]
            killed_at, twice = f"{middle['killed_at']:,.0f}", f"{middle['sent_twice']:,.0f}"
            rows.append((case["case"]["label"], killed_at, twice, f"{worst:,.0f}"))
    yield from _section(
        "Killed midway (SIGKILL), then run again",
        ("tool", "received at the kill", "sent twice, median", "worst round"),
        rows,
    )


def _refreshes(results: Results) -> Iterator[str]:
    names = {"same": "nothing changed", "changed": "1 % changed"}
    rows = []
    for key, case in results.cases.items():
        if key.startswith("engine/refreshes/"):
            middle = results.median(key)
            numbers = (f"{middle['seconds']:.2f}", f"{middle['requests']:,.0f}", f"{middle['sent']:,.0f}")
            rows.append((names[key.rsplit("/", 1)[1]], case["case"]["label"], *numbers))
    yield from _section(
        "The next refresh, engine alone", ("refresh", "tool", "seconds", "requests", "contacts sent"), rows
    )


def _rest(results: Results, title: str, prefix: str | tuple[str, ...]) -> Iterator[str]:
    rows = []
    for key in results.cases:
        if key.startswith(prefix):
            told = ", ".join(f"{name} {value:,g}" for name, value in results.median(key).items())
            rows.append((f"`{key}`", len(results.cases[key]["samples"]), told))
    yield from _section(title, ("case", "rounds", "medians"), rows)


def _section(title: str, heads: Iterable[str], rows: list[tuple[Any, ...]]) -> Iterator[str]:
    if rows:
        yield f"## {title}"
        yield ""
        yield from _table(heads, rows)


def _table(heads: Iterable[str], rows: Iterable[tuple[Any, ...]]) -> Iterator[str]:
    heads = list(heads)
    yield "| " + " | ".join(heads) + " |"
    yield "|" + "---|" * len(heads)
    for row in rows:
        yield "| " + " | ".join(str(cell) for cell in row) + " |"
    yield ""
