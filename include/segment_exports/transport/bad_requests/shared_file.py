"""A small file that the processes of a user share: in a private folder, under a lock, written as a whole."""

from __future__ import annotations

import errno
import fcntl
import os
import stat
import tempfile
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


def private_folder() -> Path:
    """Return the user's own folder for what its processes share.

    :raises OSError: it can't be made, or others may write in it.
    """
    folder = Path(tempfile.gettempdir()) / f"segment-exports-{os.getuid()}"
    with suppress(FileExistsError):
        folder.mkdir(mode=0o700)
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid() or found.st_mode & 0o077:
        raise PermissionError(errno.EPERM, "others may write in it")
    return folder


@contextmanager
def locked(folder: Path, name: str) -> Iterator[Path]:
    """Hold the lock of a file.

    :raises BlockingIOError: somebody else holds it.
    :raises OSError: it can't be made.
    """
    handle = os.open(folder / f"{name}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield folder / f"{name}.json"
    finally:
        os.close(handle)


def text_of(file: Path) -> str:
    """Return what a file holds; empty if it isn't there."""
    try:
        return file.read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        return ""


def replace(file: Path, text: str) -> None:
    """Replace a file as a whole: who is killed leaves the one before."""
    other = file.with_suffix(".new")
    handle = os.open(other, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8") as opened:
        opened.write(text)
    other.replace(file)
