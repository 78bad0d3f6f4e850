"""The export's folder on a file system that fails now and then.

Storage resets connections, times out and is busy now and then. So an error that says neither that a file
isn't there nor that it may not be read is tried again on the spot, and then it is an error that the run waits
out (:class:`.errors.SourceNotReadyError`).
"""

from __future__ import annotations

import errno
import os
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

import pyarrow as pa
from fsspec.implementations.local import LocalFileSystem

from segment_exports.errors import SourceError, SourceNotReadyError
from segment_exports.records.storing.foreign_files import ForeignFileError, require_regular
from segment_exports.records.storing.looking import files_below, is_there
from segment_exports.settings import bounds
from segment_exports.sieve.foreign import error_told, status_of
from segment_exports.sources.snapshot_marks import SnapshotChangedError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from fsspec import AbstractFileSystem

T = TypeVar("T")

WAITS = (0.5, 2.0)
"""Seconds before the second and the third try."""
_MARKS = ("etag", "ETag", "last_modified", "LastModified", "mtime", "updated", "created")
_REFUSED = (401, 403)
_MISSING = (404, 410)
_OURS = (
    TypeError,
    ValueError,
    NotImplementedError,
    AttributeError,
    ImportError,
    NotADirectoryError,
    IsADirectoryError,
)
"""What no second try changes."""


@dataclass(frozen=True)
class FileState:
    """Which bytes a file has, without looking at them: another mark means that it was written again."""

    size: int
    mark: str = ""

    @classmethod
    def of(cls, info: Mapping[str, Any]) -> FileState:
        """Return the state from what fsspec tells of a file."""
        return cls(int(info["size"]), next((str(info[key]) for key in _MARKS if info.get(key)), ""))


@dataclass(frozen=True)
class ExportFolder:
    """A folder of an fsspec file system; paths given to it are relative to ``root``.

    :param sleep: waits so many seconds.
    """

    fs: AbstractFileSystem
    root: str
    waits: tuple[float, ...] = WAITS
    sleep: Callable[[float], None] = field(default=time.sleep)

    @classmethod
    def local(cls, folder: object) -> ExportFolder:
        """Return a folder of this machine's disk."""
        return cls(LocalFileSystem(), str(folder))

    def path(self, relative: str) -> str:
        """Return the path that the file system understands, which is also the one for messages."""
        return f"{self.root}/{relative}"

    def state(self, relative: str) -> FileState:
        """Return the state of a file.

        :raises FileNotFoundError: it isn't there.
        :raises SourceNotReadyError: it can't be reached just now.
        :raises SourceError: it may not be read.
        """
        return self.tried(relative, lambda: self.state_now(relative))

    def states(self, files: Iterable[str]) -> list[FileState]:
        """Return the states of a table's files; errors as in :meth:`state`, and where they are too large."""
        states = [self.state(one) for one in files]
        if (size := sum(state.size for state in states)) > bounds.TABLE_BYTES:
            raise SourceError(
                f"The files of a table below {self.root} have {size:,} bytes together; at most "
                f"{bounds.TABLE_BYTES:,} are read"
            )
        return states

    def read(self, relative: str, most: int) -> bytes:
        """Return the bytes of a file, up to so many; errors as in :meth:`state`."""

        def content() -> bytes:
            self.state_now(relative)
            return bytes(self.fs.cat_file(self.path(relative), start=0, end=most))

        return self.tried(relative, content)

    def files(self, relative: str) -> dict[str, FileState]:
        """Return the files below a folder by their whole paths, sorted; none where it isn't there."""

        def listed() -> dict[str, FileState]:
            found = files_below(self.fs, self.path(relative))
            if len(found) > bounds.LISTED_FILES:
                raise SourceError(
                    f"{self.path(relative)} holds {len(found):,} files; at most {bounds.LISTED_FILES:,} are "
                    f"looked at. Take snapshots away that nobody reads"
                )
            return {path: FileState.of(found[path]) for path in sorted(found)}

        return self.tried(relative, listed)

    def is_there(self, relative: str = "") -> bool:
        """Tell whether there is a folder, or a file; errors as in :meth:`state`."""
        return self.tried(relative, lambda: is_there(self.fs, self.path(relative).rstrip("/")))

    def found(self, pattern: str) -> list[str]:
        """Return whole paths that fit a pattern, for a hint; none where that fails."""
        try:
            return [str(path) for path in self.fs.glob(self.path(pattern))]
        except Exception:  # noqa: BLE001 - only a hint is lost
            return []

    def open(self, relative: str, state: FileState | None = None) -> SteadyFile:
        """Return a file to read from its beginning; errors as in :meth:`state` come when it is read.

        :param state: which bytes it must have; those of its first reading where it is left out.
        """
        return SteadyFile(self, relative, state)

    def tried(self, relative: str, work: Callable[[], T]) -> T:
        """Do something with the file system, up to three times; errors as in :meth:`state`."""
        for wait in (*self.waits, None):
            try:
                self.fs.invalidate_cache()
                return work()
            except SourceError:
                raise
            except Exception as error:  # noqa: BLE001 - every file system has errors of its own
                status = status_of(error)
                if isinstance(error, FileNotFoundError) or status in _MISSING:
                    raise _not_there(self.path(relative)) from None
                self._refuse_final(relative, error, status)
                if wait is None:
                    raise SourceNotReadyError(
                        f"{self.path(relative)} can't be read just now, after {len(self.waits) + 1} tries "
                        f"({error_told(error)})"
                    ) from None
            self.sleep(wait)
        raise AssertionError("the last try returns or raises")

    def state_now(self, relative: str) -> FileState:
        """Return the state of a file, tried once.

        :raises SourceError: it lies on this machine's disk and is no regular file of this folder.
        """
        path = self.path(relative)
        if isinstance(self.fs, LocalFileSystem):
            try:
                require_regular(path, within=self.root)
            except ForeignFileError as error:
                raise SourceError(f"{path} {error}; nothing is read from it") from None
        return FileState.of(self.fs.info(path))

    def _refuse_final(self, relative: str, error: Exception, status: int | None) -> None:
        path, told = self.path(relative), error_told(error)
        if (
            isinstance(error, PermissionError)
            or status in _REFUSED
            or "Authentication" in type(error).__name__
        ):
            role = (
                "the user of the worker must be allowed to read it"
                if isinstance(self.fs, LocalFileSystem)
                else "the app of the connection needs the role Storage Blob Data Reader on the container, "
                "and its secret must be right"
            )
            raise SourceError(f"{path} may not be read ({told}): {role}") from None
        if isinstance(error, _OURS):
            raise SourceError(f"{path} can't be read ({told})") from None


class SteadyFile:
    """Reads a file from beginning to end, over a connection that breaks; but never two versions of it."""

    def __init__(self, folder: ExportFolder, relative: str, state: FileState | None) -> None:
        self._folder = folder
        self._relative = relative
        self._file: Any = None
        self._state = state
        self._offset = 0
        self._is_closed = False

    def __enter__(self) -> SteadyFile:
        """Return itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the file; a parser that still reads ahead gets an error."""
        self._is_closed = True
        self._close()

    def read(self, size: int, /) -> bytes:
        """Return up to so many bytes; none at the end.

        :raises FileNotFoundError: it isn't there.
        :raises SnapshotChangedError: it was written again since this run chose it.
        """
        data = self._folder.tried(self._relative, lambda: self._read(size))
        self._offset += len(data)
        if not data or (self._state is not None and self._offset > self._state.size):
            self._hold_against(self._folder.state(self._relative))
        return data

    def _read(self, size: int) -> bytes:
        if self._is_closed:
            raise ValueError("the file is closed")
        try:
            if self._file is None:
                self._file = self._opened()
            return bytes(self._file.read(size))
        except Exception:
            self._close()
            raise

    def _opened(self) -> Any:
        path, fs = self._folder.path(self._relative), self._folder.fs
        self._hold_against(self._folder.state_now(self._relative))
        file = pa.OSFile(path) if isinstance(fs, LocalFileSystem) else fs.open(path, "rb")
        if self._offset:
            file.seek(self._offset)
        return file

    def _hold_against(self, found: FileState) -> None:
        if self._state is not None and found != self._state:
            raise SnapshotChangedError(
                f"{self._folder.path(self._relative)} was written again since this run chose it. Nothing of "
                "it is delivered, since it may be half of each; start the run again"
            )
        self._state = found

    def _close(self) -> None:
        file, self._file = self._file, None
        if file is not None:
            file.close()


def _not_there(path: str) -> FileNotFoundError:
    return FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), path)
