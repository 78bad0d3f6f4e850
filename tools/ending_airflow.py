"""Ends the processes of an Airflow: first the tasks, which may be sending, and last the API server.

Airflow's scheduler, told to end, waits for its tasks and lets them work on as long as they like. A task that
ends has its state written down by the API server.
"""

from __future__ import annotations

import os
import signal
import time
from contextlib import suppress
from typing import TYPE_CHECKING

import psutil

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Collection, Mapping

SECONDS_FOR_TASKS = 20
"""An upload that is told to end sends nothing more after two seconds, and awaits answers for ten."""
_SECONDS_FOR_ANSWERS = 5
"""Of the API server, to whoever still has a page open."""
_LAST = "api-server"


def end_airflow(components: Mapping[str, subprocess.Popen[bytes]]) -> None:
    """End every process that these components started, also those that left their process group.

    Each is asked first: a task then lets its operator end what it does (``on_kill``), and writes down what
    came of it. Whoever hasn't ended in time is killed.
    """
    api_server = [process for name, process in components.items() if name == _LAST]
    _end([process for name, process in components.items() if name != _LAST], SECONDS_FOR_TASKS)
    _end(api_server, _SECONDS_FOR_ANSWERS)


def _end(processes: Collection[subprocess.Popen[bytes]], seconds: float) -> None:
    sessions = {process.pid for process in processes}
    asked: set[int] = set()
    until = time.monotonic() + seconds
    while (left := _processes_of(sessions)) and time.monotonic() < until:
        # The scheduler starts what it had queued before it ends: those are asked as they appear.
        for pid in left - asked:
            _signal(pid, signal.SIGTERM)
        asked |= left
        for process in processes:
            process.poll()
        time.sleep(0.1)
    for pid in left:
        _signal(pid, signal.SIGKILL)
    for process in processes:
        process.wait()


def _signal(pid: int, number: signal.Signals) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, number)


def _processes_of(sessions: set[int]) -> set[int]:
    """Return the processes of these sessions; Airflow's tasks have process groups of their own."""
    found = set()
    for pid in psutil.pids():
        with suppress(ProcessLookupError, PermissionError, psutil.NoSuchProcess):
            if os.getsid(pid) in sessions and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE:
                found.add(pid)
    return found
