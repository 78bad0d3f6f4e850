"""An object store at a URL, and what it has to be able to do."""

from __future__ import annotations

from typing import Any

import fsspec
from fsspec import AbstractFileSystem

from segment_exports.errors import StagingError
from segment_exports.sieve.foreign import error_told
from segment_exports.sieve.quiet_clients import quiet_clients


def opened(url: str) -> Any:
    """Return file system and path of a URL, with the credentials of fsspec's own settings.

    :raises StagingError: there is no file system for it.
    """
    try:
        found = fsspec.core.url_to_fs(url)
    except (ImportError, ValueError) as error:
        raise StagingError(
            f"{url} can't be reached ({error_told(error)}): is the file system of its protocol installed?"
        ) from None
    quiet_clients()
    return found


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
