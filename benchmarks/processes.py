"""Processes of a measurement: the bulk server, the tool under test, and what the kernel says of them."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
import urllib.request
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

ROOT = Path(__file__).parent.parent
API_KEY = "bench-key"
_SAMPLE_SECONDS = 0.05
_MEGABYTE = 1e6


@dataclass(frozen=True)
class BulkServer:
    """A running bulk server."""

    url: str

    def stats(self) -> dict[str, Any]:
        """Return what arrived so far."""
        return dict(self._get("/_bench/stats"))

    def writes(self) -> list[float]:
        """Return when each bulk request came that was let in, in seconds since the server's start."""
        return list(self._get("/_bench/writes"))

    def _get(self, path: str) -> Any:
        with urllib.request.urlopen(self.url + path, timeout=30) as answer:
            return json.load(answer)


@contextmanager
def bulk_server(*, latency: float = 0.0, limit: int | None = None) -> Iterator[BulkServer]:
    """Run a bulk server of its own for one measurement."""
    command = [sys.executable, "-m", "benchmarks.bulk_server", "--latency", str(latency)]
    if limit is not None:
        command += ["--limit", str(limit)]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, start_new_session=True)
    try:
        port = process.stdout.readline().strip() if process.stdout else ""
        if not port:
            raise RuntimeError("the bulk server did not start")
        yield BulkServer(f"http://127.0.0.1:{port}")
    finally:
        stop(process)


def stop(process: subprocess.Popen[Any], *, seconds: float = 15.0) -> None:
    """End a process and all of its session, gently at first."""
    for signal_number, patience in ((signal.SIGTERM, seconds), (signal.SIGKILL, 5.0)):
        try:
            os.killpg(process.pid, signal_number)
        except ProcessLookupError:
            break
        try:
            process.wait(patience)
        except subprocess.TimeoutExpired:
            continue
    process.wait()


@dataclass
class TreeMemory:
    """Peak of the summed resident memory of a process and its descendants, sampled."""

    pid: int
    peak_mb: float = 0.0
    _done: threading.Event = field(default_factory=threading.Event)

    def sample(self) -> None:
        """Take one sample; processes that ended meanwhile count nothing."""
        total = 0
        try:
            parent = psutil.Process(self.pid)
            for process in (parent, *parent.children(recursive=True)):
                try:
                    total += process.memory_info().rss
                except psutil.Error:
                    continue
        except psutil.Error:
            return
        self.peak_mb = max(self.peak_mb, total / _MEGABYTE)

    @contextmanager
    def watching(self) -> Iterator[TreeMemory]:
        """Sample in the background."""

        def loop() -> None:
            while not self._done.wait(_SAMPLE_SECONDS):
                self.sample()

        thread = threading.Thread(target=loop, daemon=True)
        thread.start()
        try:
            yield self
        finally:
            self._done.set()
            thread.join()


@dataclass(frozen=True)
class Finished:
    """How one run of a tool ended.

    ``facts`` is what the tool's script wrote of itself (``seconds`` of work after its imports,
    ``peak_mb``); empty when it was killed. ``wall`` is the whole process, start-up included.
    """

    wall: float
    tree_mb: float
    code: int
    facts: dict[str, Any]
    output: str


class ToolFailedError(RuntimeError):
    """A tool under test ended with an error; the text has the end of its output."""


def run_tool(
    command: Sequence[str],
    folder: Path,
    environment: Mapping[str, str],
    *,
    kill_when: Callable[[], bool] | None = None,
    timeout: float = 1800.0,
) -> Finished:
    """Run one tool in a session of its own; ``kill_when`` ends it with SIGKILL as soon as it is true.

    :raises ToolFailedError: it ended with an error of its own, or not in time.
    """
    folder.mkdir(parents=True, exist_ok=True)
    log = folder / "output.log"
    result = folder / "result.json"
    result.unlink(missing_ok=True)
    start = time.perf_counter()
    with log.open("w") as output:
        process = subprocess.Popen(
            [*command[:2], str(result), str(folder), *command[2:]],
            cwd=ROOT,
            env={**_clean_environment(), **environment},
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        with TreeMemory(process.pid).watching() as memory:
            killed = _wait(process, kill_when, start + timeout)
    wall = time.perf_counter() - start
    text = log.read_text(errors="replace")
    if process.returncode and not killed:
        raise ToolFailedError(f"{' '.join(command)} ended with {process.returncode}:\n{text[-3000:]}")
    facts = json.loads(result.read_text()) if result.exists() else {}
    return Finished(wall, round(memory.peak_mb, 1), process.returncode, facts, text)


def _wait(
    process: subprocess.Popen[Any], kill_when: Callable[[], bool] | None, deadline: float
) -> bool:  # fmt: skip
    """Wait for the end; return whether we brought it about."""
    pause = 0.01 if kill_when else 0.5
    while True:
        try:
            process.wait(pause)
        except subprocess.TimeoutExpired:
            late = time.perf_counter() > deadline
            if late or (kill_when and kill_when()):
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
                if late:
                    raise ToolFailedError(f"process {process.pid} was not done in time") from None
                return True
        else:
            return False


def _clean_environment() -> dict[str, str]:
    dropped = ("AIRFLOW", "PYTHON", "VIRTUAL_ENV")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(dropped)}
    return {**kept, "BENCH_KEY": API_KEY, "PYTHONHASHSEED": "0"}
