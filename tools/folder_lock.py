"""One command at a time in a folder: two schedulers on one SQLite, or a demo under a demo, spoil both."""

from __future__ import annotations

import fcntl
import os
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


class FolderInUseError(Exception):
    """Another process works in the folder; the text names both and says what to do."""


@contextmanager
def only_one_in(folder: Path) -> Iterator[None]:
    """Keep every other process out of a folder that may come and go.

    The lock is beside it and ends with the process, however that ends; its file stays.

    :raises FolderInUseError: another process is in.
    """
    with folder.with_name(f"{folder.name}.lock").open("a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.seek(0)
            raise FolderInUseError(
                f"{folder} is in use by another `make up` or `make demo` (process {lock.read() or '?'}); "
                "end that one first, with Ctrl-C where it runs or with kill"
            ) from None
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        yield
