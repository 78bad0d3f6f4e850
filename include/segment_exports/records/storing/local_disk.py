"""Files on this machine's disk: a temporary sibling, synced, is put in place in one step.

File and folder are synced, so that a power cut leaves the old file or the new one, and no empty one:
what is relied on after a crash (leases, ledgers, plans, receipts, tombstones) must be there after it.
"""

from __future__ import annotations

import os
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

if TYPE_CHECKING:
    from collections.abc import Iterator

_PRIVATE_FOLDER = 0o700
_SIBLING_NAME = 100
"""Characters of a file's name in that of its sibling, which so is no longer than the longest of ours."""


@contextmanager
def replacing(target: str) -> Iterator[Path]:
    """Give a path to write to; the file takes the target's place at the end, or is gone on an error."""
    with _sibling(target) as temporary:
        yield temporary
        _sync(temporary)
        temporary.replace(target)
        _sync(temporary.parent)


def create(target: str, data: bytes) -> None:
    """Make a file with its content, unless one is there.

    :raises FileExistsError: one is.
    """
    with _sibling(target) as temporary:
        temporary.write_bytes(data)
        _sync(temporary)
        try:
            os.link(temporary, target)
        except FileExistsError:
            raise
        except OSError:  # no hard links (SMB): still made by one process alone, but filled after that
            _create_and_fill(Path(target), data)
        _sync(temporary.parent)


def make_parent(target: str) -> None:
    """Make the folders above a file, for nobody but us."""
    parent = Path(target).parent
    missing = [folder for folder in (parent, *parent.parents) if not folder.exists()]
    # One by one: mkdir(parents=True) would give its mode to the last folder alone.
    for folder in reversed(missing):
        folder.mkdir(mode=_PRIVATE_FOLDER, exist_ok=True)
        _sync(folder.parent)


@contextmanager
def _sibling(target: str) -> Iterator[Path]:
    """Give a path beside the target that is gone at the end, whatever happens."""
    path = Path(target)
    temporary = path.with_name(f".{path.name[:_SIBLING_NAME]}.{uuid4().hex}")
    try:
        yield temporary
    finally:
        temporary.unlink(missing_ok=True)


def _create_and_fill(path: Path, data: bytes) -> None:
    with path.open("xb") as file:
        try:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        except BaseException:  # an empty file would pass for one that somebody made
            path.unlink(missing_ok=True)
            raise


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError:
        # Some network file systems sync no folders; a file that can't be synced is not on the disk.
        if not path.is_dir():
            raise
    finally:
        os.close(descriptor)
