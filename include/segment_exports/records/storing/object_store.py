"""What an object store has to be able to do."""

from __future__ import annotations

from fsspec import AbstractFileSystem

from segment_exports.errors import StagingError


def require_exclusive_create(fs: AbstractFileSystem) -> None:
    """Refuse a file system that would look first and write then.

    :raises StagingError: it can't make a file only if it isn't there in one step.
    """
    if getattr(fs.pipe_file, "__func__", None) is AbstractFileSystem.pipe_file:
        raise StagingError(
            f"the file system {type(fs).__name__} can't make a file only if it isn't there in one "
            f"step, so two runs could deliver at once. Stage on a disk, or on an object store that can "
            f"(abfss, s3, gs)"
        )
