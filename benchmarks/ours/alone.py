"""Parts of this project measured alone: preparing in one process, each task's memory, Dataverse."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

from benchmarks.contacts import SEGMENT, make_work
from benchmarks.processes import ROOT, ToolFailedError, bulk_server, run_tool, stop

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from benchmarks.results import Results
    from benchmarks.schedule import Mode

Sample = tuple[str, dict[str, Any], dict[str, Any]]
DATA = ROOT / ".bench/data"
RUNS = ROOT / ".bench/runs"
STEPS = ("extract", "map", "plan", "chunk", "upload_first", "upload", "settle")
PREPARED, LARGE, TINY = 100_000, 1_000_000, 1_000
_SCRIPTS = ROOT / "benchmarks/ours"


def alone_samples(mode: Mode, results: Results, only: str) -> Iterator[Sample]:
    """Yield the samples of this part."""
    parts = [("prepare", partial(prepare, RUNS / "prepare"))]
    sizes = [mode.size, LARGE] if mode.large else [mode.size]
    parts += [("task", partial(task_memory, RUNS / "tasks", size)) for size in sizes]
    if mode.dataverse:
        parts.append(("dataverse", partial(dataverse, RUNS / "dataverse")))
    for name, measure in parts:
        if only not in name and name not in only:
            continue
        try:
            for key, sample in measure():
                yield key, sample, {"part": name}
        except ToolFailedError as error:
            results.fail(name, error)


def prepare(folder: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """Extract, map, plan and chunk 100,000 profiles in one process, three times."""
    work = make_work(DATA, PREPARED)
    for _ in range(3):
        with emptied(folder):
            finished = run_tool(_command("prepare.py", work.lake), folder, _environment("http://none"))
            yield f"prepare/{PREPARED}", _rounded(finished.facts)


def task_memory(folder: Path, size: int) -> Iterator[tuple[str, dict[str, Any]]]:
    """Run the steps of a first export one after the other, each in a process of its own."""
    work, tiny = make_work(DATA, size), make_work(DATA, TINY)
    with emptied(folder), bulk_server() as server, bulk_server() as tiny_server:
        extra = {
            "BENCH_TINY_FOLDER": str(folder / "tiny"),
            "BENCH_TINY_LAKE": str(tiny.lake),
            "BENCH_TINY_URL": tiny_server.url,
        }
        for step in STEPS:
            environment = {**_environment(server.url), **extra}
            finished = run_tool([*_command("one_step.py", work.lake), step], folder, environment)
            if step != "upload":  # all chunks in one process, which no task does; settling needs them
                name = step.removesuffix("_first")
                yield f"task/{name}/{size}", _rounded(finished.facts)


def dataverse(folder: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """Read a segment of a tenth of a million customers from the emulated Dataverse."""
    with emptied(folder), _emulated_tenant(folder) as addresses:
        finished = run_tool(_command("dataverse_read.py", addresses), folder, {})
        yield f"dataverse/{LARGE}", _rounded(finished.facts)


@contextmanager
def _emulated_tenant(folder: Path) -> Iterator[str]:
    command = [sys.executable, "-m", "segment_emulators.customer_insights", "--customers", str(LARGE)]
    with (folder / "emulator.log").open("w") as log:
        process = subprocess.Popen(
            [*command, "--segment", f"{SEGMENT}=0.1"], cwd=ROOT, stdout=subprocess.PIPE, stderr=log,
            text=True, start_new_session=True,
        )  # fmt: skip
    try:
        line = process.stdout.readline().strip() if process.stdout else ""
        if not line:
            raise ToolFailedError("the emulator of Customer Insights did not start")
        json.loads(line)
        yield line
    finally:
        stop(process)


@contextmanager
def emptied(folder: Path) -> Iterator[None]:
    """Give an empty folder, removed afterwards."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    try:
        yield
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _command(script: str, argument: object) -> list[str]:
    return [sys.executable, str(_SCRIPTS / script), str(argument)]


def _environment(url: str) -> dict[str, str]:
    return {"BENCH_URL": url, "BENCH_SNAPSHOT": "first"}


def _rounded(facts: dict[str, Any]) -> dict[str, Any]:
    return {name: round(value, 3) if isinstance(value, float) else value for name, value in facts.items()}
