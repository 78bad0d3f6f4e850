"""One command at a time in a folder: two schedulers on one SQLite, or a demo under a demo, spoil both."""

from __future__ import annotations

import fcntl
import os
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

if TYPE_CHECKING:
    from collections.abc import Iterator


class FolderInUseError(Exception):
    """Another process works in the folder; the text names both and says what to do."""


@contextmanager
def only_one_in(folder: Path) -> Iterator[None]:
    """Keep every other process out of a folder that may come and go.

    The lock is beside it. Processes that are started with ``close_fds=False`` hold it too: where this one
    is killed, what it leaves behind keeps others out. The file of the lock stays.

    :raises FolderInUseError: another process is in.
    """
    with folder.with_name(f"{folder.name}.lock").open("a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.seek(0)
            raise FolderInUseError(f"{folder} is in use by {_told(lock.read(), Path(lock.name))}") from None
        os.set_inheritable(lock.fileno(), True)
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        yield


def _told(holder: str, lock: Path) -> str:
    """Say who holds a lock, and how to end it."""
    if holder.isdecimal() and psutil.pid_exists(int(holder)):
        return (
            f"another `make up` or `make demo` (process {holder}); "
            "end that one first, with Ctrl-C where it runs or with kill"
        )
    left = " ".join(map(str, _processes_with(lock)))
    return f"what a `make up` or `make demo` that was killed left behind; end it first: kill {left}"


def _processes_with(file: Path) -> Iterator[int]:
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            if process.pid != os.getpid() and any(
                one.path == str(file.resolve()) for one in process.open_files()
            ):
                yield process.pid
