"""Nobody begins in a folder where another works."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest

from folder_lock import FolderInUseError, only_one_in

if TYPE_CHECKING:
    from pathlib import Path

LEAVES_ONE_BEHIND = """
import subprocess, sys, time
from pathlib import Path
from folder_lock import only_one_in
with only_one_in(Path(sys.argv[1])):
    left = subprocess.Popen(["sleep", "60"], stdout=subprocess.DEVNULL, close_fds=False)
    print(left.pid, flush=True)
    time.sleep(60)
"""
STAYS = """
import sys, time
from pathlib import Path
from folder_lock import only_one_in
with only_one_in(Path(sys.argv[1])):
    print("in", flush=True)
    time.sleep(60)
"""


def working(script: str, folder: Path, repository: Path) -> subprocess.Popen[str]:
    """Start a process that works in the folder."""
    return subprocess.Popen(
        [sys.executable, "-c", script, str(folder)],
        env=os.environ | {"PYTHONPATH": str(repository / "tools")},
        stdout=subprocess.PIPE,
        text=True,
    )


def test_a_second_one_is_refused_in_one_line_that_says_what_to_do(tmp_path: Path) -> None:
    folder = tmp_path / ".demo"

    with (
        only_one_in(folder),
        pytest.raises(FolderInUseError, match=rf"\.demo is in use by .* \(process {os.getpid()}\); end that"),
        only_one_in(folder),
    ):
        pass


def test_the_next_one_may_begin_when_the_first_has_ended(tmp_path: Path) -> None:
    for _ in range(2):
        with only_one_in(tmp_path / ".demo"):
            pass


def test_other_folders_are_free(tmp_path: Path) -> None:
    with only_one_in(tmp_path / ".demo"), only_one_in(tmp_path / ".airflow"):
        pass


def test_the_folder_itself_may_be_made_anew_meanwhile(tmp_path: Path) -> None:
    folder = tmp_path / ".demo"
    folder.mkdir()

    with only_one_in(folder):
        folder.rmdir()
        with pytest.raises(FolderInUseError), only_one_in(folder):
            pass


def test_what_a_killed_process_left_behind_keeps_others_out_and_is_named(
    tmp_path: Path, repository: Path
) -> None:
    folder = tmp_path / ".demo"
    with working(LEAVES_ONE_BEHIND, folder, repository) as process:
        assert process.stdout is not None
        left = int(process.stdout.readline())
        process.kill()
        process.wait()
        try:
            refused = pytest.raises(FolderInUseError, match=f"left behind; end it first: kill {left}$")
            with refused, only_one_in(folder):
                pass
        finally:
            os.kill(left, signal.SIGKILL)

    until = time.monotonic() + 30
    while True:
        with suppress(FolderInUseError), only_one_in(folder):
            break
        assert time.monotonic() < until


def test_a_process_that_was_killed_keeps_nobody_out(tmp_path: Path, repository: Path) -> None:
    folder = tmp_path / ".demo"
    with working(STAYS, folder, repository) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "in\n"
        with pytest.raises(FolderInUseError, match=f"process {process.pid}"), only_one_in(folder):
            pass
        process.kill()

    with only_one_in(folder):
        pass
