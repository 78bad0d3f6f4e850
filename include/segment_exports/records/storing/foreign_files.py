"""Files that others put on this machine's disk: definitions, a lake's files, lists of people to erase.

Only a regular file is opened: a pipe would be waited for without end, a device never ends. None is read that
a link leads to out of the folder in which it was looked for: who writes there must not let us read elsewhere.
"""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

from segment_exports.sieve.foreign import reason_told

_KINDS = (
    (stat.S_ISDIR, "a folder"),
    (stat.S_ISFIFO, "a pipe"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
)
_WITHOUT_WAITING = os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_NOFOLLOW | os.O_CLOEXEC


class ForeignFileError(ValueError):
    """A file isn't read; the text says why and goes on from its name: ``is a pipe, and no file``."""


def require_regular(path: Path | str, *, within: Path | str | None = None) -> Path:
    """Return where a file really lies, links followed.

    :param within: the folder that no link may lead out of; the file may lie anywhere where it is left out.
    :raises OSError: it isn't there or can't be looked at.
    :raises ForeignFileError: it is no regular file, or lies elsewhere.
    """
    try:
        real = Path(os.path.realpath(path, strict=True))
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise ForeignFileError("is a link that leads round in a circle") from None
        raise
    mode = real.lstat().st_mode
    if within is not None and not real.is_relative_to(os.path.realpath(within)):
        raise ForeignFileError(f"is a link that leads out of {within}")
    if not stat.S_ISREG(mode):
        raise ForeignFileError(f"is {_kind(mode)}, and no file")
    return real


def read_foreign(path: Path | str, at_most: int, *, within: Path | str | None = None) -> bytes:
    """Return what a file holds; it is never waited for.

    :param at_most: bytes that it may have.
    :raises ForeignFileError: as :func:`require_regular`; it isn't there, has more bytes or can't be read.
    """
    try:
        real = require_regular(path, within=within)
        with os.fdopen(os.open(real, _WITHOUT_WAITING), "rb") as file:
            # Again of what was opened: it may have been replaced in between.
            if not stat.S_ISREG(mode := os.fstat(file.fileno()).st_mode):
                raise ForeignFileError(f"is {_kind(mode)}, and no file")
            found = file.read(at_most + 1)
    except OSError as error:
        raise ForeignFileError(f"can't be read: {reason_told(error)}") from None
    if len(found) > at_most:
        raise ForeignFileError(f"has more than {at_most:,} bytes")
    return found


def _kind(mode: int) -> str:
    return next((name for is_kind, name in _KINDS if is_kind(mode)), "something else")
