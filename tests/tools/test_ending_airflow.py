"""All that an Airflow started ends with it: tasks first, and asked before they are killed."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import psutil

import ending_airflow
from ending_airflow import end_airflow

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

TASK = """
import os, signal, sys, time
from pathlib import Path
def end(*_):
    Path("task").write_text("asked")
    sys.exit()
signal.signal(signal.SIGTERM, {at_sigterm})
Path("ready").write_text(str(os.getpid()))
while True:
    time.sleep(0.05)
"""
SCHEDULER = """
import os, signal, subprocess, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)  # it waits for its tasks, as Airflow's does
subprocess.Popen([sys.executable, "-c", sys.argv[1]], process_group=0).wait()
"""
API_SERVER = """
import signal, sys, time
from pathlib import Path
def end(*_):
    Path("api-server").write_text("after the task" if Path("task").exists() else "before the task")
    sys.exit()
signal.signal(signal.SIGTERM, end)
Path("serves").touch()
while True:
    time.sleep(0.05)
"""


def started(folder: Path, *program: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-c", *program], cwd=folder, start_new_session=True)


def airflow_with_a_task(folder: Path, *, at_sigterm: str) -> tuple[dict[str, subprocess.Popen[bytes]], int]:
    """Start what looks like an Airflow, and return its components and the process of its task."""
    components = {
        "api-server": started(folder, API_SERVER),
        "scheduler": started(folder, SCHEDULER, TASK.format(at_sigterm=at_sigterm)),
    }
    while not ((folder / "serves").exists() and (folder / "ready").exists() and pid_in(folder)):
        assert all(one.poll() is None for one in components.values())
    return components, pid_in(folder)


def pid_in(folder: Path) -> int:
    return int((folder / "ready").read_text() or 0)


def test_a_task_in_a_process_group_of_its_own_is_asked_and_the_api_server_outlives_it(tmp_path: Path) -> None:
    components, task = airflow_with_a_task(tmp_path, at_sigterm="end")

    end_airflow(components)

    assert (tmp_path / "task").read_text() == "asked"
    assert (tmp_path / "api-server").read_text() == "after the task"
    assert not psutil.pid_exists(task)
    assert all(one.returncode is not None for one in components.values())


def test_a_task_that_does_not_end_in_time_is_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ending_airflow, "SECONDS_FOR_TASKS", 0.5)
    components, task = airflow_with_a_task(tmp_path, at_sigterm="signal.SIG_IGN")

    end_airflow(components)

    assert not psutil.pid_exists(task) or psutil.Process(task).status() == psutil.STATUS_ZOMBIE
    assert all(one.returncode is not None for one in components.values())
