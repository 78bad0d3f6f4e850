"""However a command of ``tools/`` is ended, it ends what it started."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
HEAD = """
import os, signal, time
from ending import end_on_signals, uninterrupted
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
for one in SIGNALS:
    signal.signal(one, signal.SIG_DFL)  # whoever runs the tests may ignore some, as nohup does
def all_signals():
    for one in SIGNALS:
        os.kill(os.getpid(), one)
        time.sleep(0.01)
"""
ENDS_IN_ORDER = f"""{HEAD}
end_on_signals()
try:
    print("ready", flush=True)
    for _ in range(1200):  # a signal that comes a moment before a sleep does not wake it
        time.sleep(0.05)
except KeyboardInterrupt:
    all_signals()
    print("all ended")
"""
STOPS_AT_THE_END = f"""{HEAD}
end_on_signals()
with uninterrupted():
    all_signals()
    print("stopped whole", flush=True)
os.kill(os.getpid(), signal.SIGHUP)
"""
OUTLIVES_ITS_TERMINAL = f"""{HEAD}
signal.signal(signal.SIGHUP, signal.SIG_IGN)
end_on_signals()
os.kill(os.getpid(), signal.SIGHUP)
time.sleep(0.01)
print("goes on")
"""


def started(script: str, repository: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", script],
        env=os.environ | {"PYTHONPATH": str(repository / "tools")},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.parametrize("number", SIGNALS)
def test_the_first_signal_ends_a_command_and_those_after_it_let_it_end_in_order(
    number: signal.Signals, repository: Path
) -> None:
    with started(ENDS_IN_ORDER, repository) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        process.send_signal(number)

        assert process.communicate(timeout=30)[0] == "all ended\n"
        assert process.returncode == 0


def test_no_signal_interrupts_the_ending_itself(repository: Path) -> None:
    with started(STOPS_AT_THE_END, repository) as process:
        told, error = process.communicate(timeout=30)

    assert told == "stopped whole\n"
    assert "KeyboardInterrupt" in error, "afterwards signals are heard again"


def test_what_was_started_to_outlive_its_terminal_does(repository: Path) -> None:
    with started(OUTLIVES_ITS_TERMINAL, repository) as process:
        assert process.communicate(timeout=30) == ("goes on\n", "")
