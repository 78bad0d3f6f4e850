"""A tool is run in a session of its own, timed, and killed when asked."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import pytest
from benchmarks.peers.measured import memory_mb
from benchmarks.processes import ROOT, ToolFailedError, run_tool

MEASURED = f"""
import sys, time
sys.path.insert(0, {str(ROOT / "benchmarks/peers")!r})
from measured import measured
with measured(sys.argv[1]) as facts:
    held = bytearray(60_000_000)
    facts["seen"] = sys.argv[3]
"""
STUCK = """
import subprocess, sys, pathlib, time
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
pathlib.Path(sys.argv[2], "child").write_text(str(child.pid))
time.sleep(60)
"""


def script(folder: Path, text: str) -> str:
    path = folder / "script.py"
    path.write_text(text)
    return str(path)


def is_alive(pid: int) -> bool:
    try:
        return "State:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except (FileNotFoundError, ProcessLookupError):  # it may end while this is read
        return False


def test_tells_what_the_tool_measured_of_itself(tmp_path):
    done = run_tool([sys.executable, script(tmp_path, MEASURED), "hello"], tmp_path / "run", {})
    assert done.facts["seen"] == "hello"
    assert done.facts["peak_mb"] - done.facts["imported_mb"] > 55
    assert 0 < done.facts["seconds"] < done.wall


def test_a_tool_that_fails_is_no_result(tmp_path):
    with pytest.raises(ToolFailedError, match="no such thing"):
        run_tool([sys.executable, script(tmp_path, "raise SystemExit('no such thing')")], tmp_path / "r", {})


def test_kills_the_tool_and_its_children(tmp_path):
    told = tmp_path / "run/child"
    start = time.monotonic()
    done = run_tool(
        [sys.executable, script(tmp_path, STUCK)], tmp_path / "run", {},
        kill_when=lambda: told.exists() and bool(told.read_text()),
    )  # fmt: skip
    assert done.code == -9
    assert not done.facts
    assert time.monotonic() - start < 50, "its child ends by itself after 60 seconds"
    deadline = time.monotonic() + 30
    while is_alive(int(told.read_text())) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not is_alive(int(told.read_text()))


def test_a_tool_that_takes_too_long_fails(tmp_path):
    with pytest.raises(ToolFailedError, match="in time"):
        run_tool([sys.executable, script(tmp_path, STUCK)], tmp_path / "run", {}, timeout=1.0)


def test_peak_is_not_below_the_present():
    assert memory_mb("VmHWM") >= memory_mb("VmRSS") > 1
