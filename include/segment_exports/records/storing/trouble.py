"""An error of a disk in words: which place, which setting names it, and what is wrong with it."""

from __future__ import annotations

import errno
import os
import pwd
import tempfile
from contextlib import contextmanager
from typing import TYPE_CHECKING

from segment_exports.errors import SegmentExportError, StagingError, own_words
from segment_exports.settings.names import STAGING
from segment_exports.sieve.foreign import reason_told

if TYPE_CHECKING:
    from collections.abc import Iterator

_FULL = (errno.ENOSPC, errno.EDQUOT)
_NOT_PERMITTED = (errno.EACCES, errno.EPERM)
_OF_A_PLACE = (errno.EROFS, errno.ENOENT, errno.ENOTDIR, errno.ENAMETOOLONG)
_OF_A_DISK = (*_FULL, *_NOT_PERMITTED, *_OF_A_PLACE, errno.EIO, errno.ESTALE)


def staging_trouble(path: str, error: OSError) -> StagingError:
    """Return the error that tells what is wrong with a path of the staging, and which setting names it."""
    return StagingError(f"{path} can't be written or read: {_what(error)}. {STAGING} names the staging")


@contextmanager
def told_as_trouble(path: str) -> Iterator[None]:
    """Turn an error while a path of the staging is looked at or read into words; but not that it isn't there.

    :raises StagingError: naming the path, what is wrong with it and the setting.
    """
    try:
        yield
    except (FileNotFoundError, NotADirectoryError):
        raise
    except OSError as error:
        raise staging_trouble(path, error) from None


@contextmanager
def told_of_staging(path: str) -> Iterator[None]:
    """Turn an error of the disk while a file of the staging is made into words; others go on as they are.

    :raises StagingError: naming the path, what is wrong with it and the setting.
    """
    try:
        yield
    except OSError as error:
        folder = path.rsplit("/", 1)[0]
        named = str(error.filename or folder)
        is_ours = named.startswith(folder) or folder.startswith(named)
        if error.errno not in _OF_A_DISK or not is_ours:
            raise
        raise staging_trouble(path, error) from None


def in_words(error: Exception, staging: str) -> SegmentExportError:
    """Return what a step ended with in words: our own, without their frames, or a disk's.

    Where an error names no file, it is of one without a name in the folder for temporary files.

    :param staging: folder of the run in the staging.
    """
    if not isinstance(error, OSError) or error.errno not in _OF_A_DISK:
        return own_words(error)
    try:
        folder = tempfile.gettempdir()
    except FileNotFoundError:
        return StagingError("no folder for temporary files can be written; let TMPDIR name one")
    path = str(error.filename or folder)
    if path.startswith(staging):
        return staging_trouble(path, error)
    if not path.startswith(folder):
        return StagingError(f"{path} can't be written or read: {_what(error)}")
    return StagingError(
        f"no temporary file can be written in {folder}: {_what(error)}. TMPDIR names the folder"
    )


def _what(error: OSError) -> str:
    number = error.errno
    if number in _FULL:
        return "the disk is full" if number == errno.ENOSPC else "the quota is used up"
    if number == errno.EROFS:
        return "it is on a read-only file system"
    if number in _NOT_PERMITTED:
        return f"the user {_user()}, as whom the task runs, is not permitted to"
    if number == errno.ENOENT:
        return "there is no such folder"
    if number == errno.ENAMETOOLONG:
        return "this disk takes no path or name of that length"
    return reason_told(error)


def _user() -> str:
    try:
        return f"{pwd.getpwuid(os.geteuid()).pw_name} ({os.geteuid()})"
    except KeyError:  # containers run as users without a name
        return str(os.geteuid())
