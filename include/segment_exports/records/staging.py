"""Store: the files between the steps, on any fsspec file system.

A file appears whole or not at all: on a local disk by a temporary sibling and an atomic replace, on an object
store by one put (a rename there is copy and delete, a broken stream would commit what it has). What a file
holds is believed only if it came through :meth:`Store.read_model` or :meth:`Store.parquet_file`.
"""

from __future__ import annotations

import json
import tempfile
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import pyarrow as pa
import pyarrow.parquet as pq
from fsspec.implementations.local import LocalFileSystem

from segment_exports.errors import StagingError
from segment_exports.records.storing import local_disk
from segment_exports.records.storing.damage import CLEAR, ParquetReading, missing, parsed
from segment_exports.records.storing.file_names import earlier_file_name, file_name
from segment_exports.records.storing.looking import files_below, is_there
from segment_exports.records.storing.object_store import opened, require_exclusive_create
from segment_exports.records.storing.trouble import told_as_trouble, told_of_staging
from segment_exports.settings import bounds
from segment_exports.settings.names import STAGING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from fsspec import AbstractFileSystem

T = TypeVar("T")
_TRIAL = ".tried".ljust(len("0123456789-.parquet") + bounds.FILE_NAME_BYTES, "_")
_TRIAL_SIZE = 4096


@dataclass(frozen=True)
class Store:
    """A folder on an fsspec file system; paths given to it are relative to ``root``."""

    fs: AbstractFileSystem
    root: str

    @classmethod
    def local(cls, folder: Path | str) -> Store:
        """Return a store in a folder of this machine's disk."""
        return cls(LocalFileSystem(), str(Path(folder).absolute()))

    @classmethod
    def at(cls, place: str) -> Store:
        """Return a store in a folder that exists, or at a URL (its credentials come from fsspec's settings).

        :raises StagingError: there is no such folder, or no file system for the URL.
        """
        if "://" in place:
            return cls(*opened(place))
        if not Path(place).is_dir():
            raise StagingError(f"{place} is no folder; name the staging root ({STAGING})")
        return cls.local(place)

    @property
    def is_local(self) -> bool:
        """Whether files lie on this machine's disk, where rename and link are atomic."""
        return isinstance(self.fs, LocalFileSystem)

    def path(self, relative: str) -> str:
        """Return the path that the file system understands."""
        return f"{self.root.rstrip('/')}/{relative}"

    def sub(self, relative: str) -> Store:
        """Return the store of a folder below this one."""
        return Store(self.fs, self.path(relative))

    def named(self, folder: str, text: str, *, before: str = "", ending: str = "") -> str:
        """Return the path of a file or folder named for a text; also of one that has its earlier name."""
        earlier = earlier_file_name(text)
        if earlier is not None and f"{before}{earlier}{ending}" not in self.names(folder):
            earlier = None
        return f"{folder}/{before}{earlier or file_name(text)}{ending}"

    def exists(self, relative: str) -> bool:
        """Tell whether a file or folder is there now, past any listing cache.

        :raises StagingError: it can't be told.
        """
        self.fs.invalidate_cache()
        path = self.path(relative).rstrip("/")
        with told_as_trouble(path):
            return is_there(self.fs, path)

    def names(self, folder: str = "") -> list[str]:
        """Return the sorted names in a folder, without temporary ones; empty if it isn't there."""
        target = self.path(folder).rstrip("/")
        self.fs.invalidate_cache()
        try:
            with told_as_trouble(target):
                found = [str(path).rstrip("/") for path in self.fs.ls(target, detail=False)]
        except (FileNotFoundError, NotADirectoryError):
            return []
        # An object store may list the folder itself, and a file as its only content.
        inside = (path.rsplit("/", 1)[-1] for path in found if path.lstrip("/") != target.lstrip("/"))
        return sorted(name for name in inside if not name.startswith("."))

    def read_bytes(self, relative: str, *, advice: str = CLEAR) -> bytes:
        """Return a file's bytes.

        :param advice: what to do where it isn't there.
        :raises StagingError: it isn't there, or can't be read.
        """
        path = self.path(relative)
        try:
            with told_as_trouble(path):
                return bytes(self.fs.cat_file(path))
        except (FileNotFoundError, NotADirectoryError):
            raise missing(path, advice) from None

    def read_model(self, relative: str, model: Callable[..., T], *, advice: str = CLEAR) -> T:
        """Return what a JSON file holds.

        :param model: a pydantic model, a dataclass, or a type such as ``dict[str, str]``.
        :param advice: what to do where it can't be believed.
        :raises StagingError: it isn't there, or is no such file: cut off, empty, or another's.
        """
        return parsed(self.read_bytes(relative, advice=advice), model, self.path(relative), advice)

    def read_json(self, relative: str) -> Any:
        """Return a JSON file's content, whatever it is.

        :raises StagingError: it isn't there, or holds no JSON.
        """
        return self.read_model(relative, object)

    def write_bytes(self, relative: str, data: bytes) -> None:
        """Write a file whole, replacing one that is there.

        :raises StagingError: the disk takes no file.
        """
        target = self.path(relative)
        with self._making(target):
            if self.is_local:
                with local_disk.replacing(target) as temporary:
                    temporary.write_bytes(data)
            else:
                self.fs.pipe_file(target, data)

    def write_json(self, relative: str, value: Any) -> None:
        """Write a JSON file whole."""
        self.write_bytes(relative, json.dumps(value, indent=2, ensure_ascii=False).encode() + b"\n")

    def create(self, relative: str, data: bytes) -> bool:
        """Write a file only if none is there, in one atomic step; return whether this call made it.

        :raises StagingError: the file system has no such step, or takes no file.
        """
        target = self.path(relative)
        try:
            with self._making(target):
                if self.is_local:
                    local_disk.create(target, data)
                else:
                    require_exclusive_create(self.fs)
                    self.fs.pipe_file(target, data, mode="create")
        except FileExistsError:
            return False
        return True

    @contextmanager
    def writing(self, relative: str) -> Iterator[str]:
        """Give a local path to write to; the file appears whole at the end, or not at all on an error.

        :raises StagingError: the disk takes no file.
        """
        target = self.path(relative)
        with self._making(target):
            if self.is_local:
                with local_disk.replacing(target) as temporary:
                    yield str(temporary)
                return
            with tempfile.TemporaryDirectory() as folder:
                local = str(Path(folder) / "file")
                yield local
                self.fs.put_file(local, target)

    @contextmanager
    def parquet_writer(
        self, relative: str, schema: pa.Schema, *, repeating: Sequence[str] = (), statistics: bool = False
    ) -> Iterator[pq.ParquetWriter]:
        """Give a Parquet writer; the file appears whole at the end, or not at all on an error.

        :param repeating: columns (or ``<column>.list.element``) that hold few distinct values.
        :param statistics: keep the least and greatest value of every column: for files that are queried,
            not for those with addresses, of which the footer would then show some.
        """
        how: dict[str, Any] = {
            "compression": "zstd",
            "compression_level": 1,
            "use_dictionary": list(repeating),
        }
        with (
            self.writing(relative) as path,
            pq.ParquetWriter(path, schema, write_statistics=statistics, **how) as writer,
        ):
            yield writer

    @contextmanager
    def parquet_file(
        self, relative: str, columns: Sequence[str] = (), *, advice: str = CLEAR
    ) -> Iterator[pq.ParquetFile]:
        """Open a Parquet file for reading piece by piece.

        :param columns: those that it must have, else it is another's.
        :param advice: what to do where it can't be believed.
        :raises StagingError: it isn't there, or is no such file, also while it is read.
        """
        target = self.path(relative)
        if self.is_local:
            if not Path(target).exists():
                raise missing(target, advice)
            with ParquetReading(target, target, advice, columns, pre_buffer=False) as file:
                yield file
            return
        try:
            with told_as_trouble(target):
                opened = self.fs.open(target, "rb")
        except FileNotFoundError:
            raise missing(target, advice) from None
        with opened as stream, ParquetReading(stream, target, advice, columns) as file:
            yield file

    def require_writable(self) -> None:
        """Write a file with the longest of our names into the folder and take it away again.

        :raises StagingError: it can't be written.
        """
        self.write_bytes(_TRIAL, bytes(_TRIAL_SIZE))
        self.remove(_TRIAL)

    def modified(self, relative: str) -> datetime | None:
        """Return when a file was written last (UTC), or None where it isn't there or nobody knows."""
        self.fs.invalidate_cache()
        try:
            written: datetime = self.fs.modified(self.path(relative))
        except (FileNotFoundError, NotADirectoryError, NotImplementedError):
            return None
        return written if written.tzinfo else written.replace(tzinfo=UTC)

    def all_files(self) -> list[str]:
        """Return every file below the store, the temporary ones too, by its path relative to the root.

        :raises StagingError: a folder can't be listed.
        """
        self.fs.invalidate_cache()
        root = self.root.strip("/") + "/"
        with told_as_trouble(self.root):
            return sorted(path.strip("/").removeprefix(root) for path in files_below(self.fs, self.root))

    def remove(self, relative: str) -> None:
        """Delete a file or folder with all that is in it; nothing happens where there is none."""
        if self.exists(relative):
            with suppress(FileNotFoundError):  # another process was faster
                self.fs.rm(self.path(relative), recursive=True)

    @contextmanager
    def _making(self, target: str) -> Iterator[None]:
        with told_of_staging(target):
            if self.is_local:
                local_disk.make_parent(target)
            yield


@dataclass(frozen=True)
class RunFiles:
    """Where one run of one export keeps its files; ``name`` is that of its folder, where that is known."""

    export: Store
    run: str
    name: str | None = None

    @cached_property
    def folder(self) -> str:
        """The run's own folder, relative to the export's."""
        return f"runs/{self.name}" if self.name else self.export.named("runs", self.run)

    @property
    def store(self) -> Store:
        """What lies in that folder."""
        return self.export.sub(self.folder)

    REFRESH = "refresh.json"
    CONTACTS = "contacts.parquet"
    INVALID = "invalid.parquet"
    WITHHELD = "withheld.parquet"
    UNJUDGED = "unjudged.parquet"
    MAP = "map.json"
    PLAN = "plan.json"
    CHANGES = "changes.parquet"
    HELD_BACK = "held_back.parquet"
    DUTIES = "duties.parquet"
    REPORT = "report.json"
    REFUSED = "refused.csv"

    @staticmethod
    def profiles(segment: str) -> str:
        """Profiles of one segment as read: one string column per attribute that is needed."""
        return f"profiles/{file_name(segment)}.parquet"

    @staticmethod
    def extract(unit: str) -> str:
        """What the extract task of one read unit counted."""
        return f"extract/{file_name(unit)}.json"

    @staticmethod
    def chunk(number: int) -> str:
        """The operations of one upload task."""
        return f"chunks/{number:04d}.parquet"

    @staticmethod
    def receipts(number: int) -> str:
        """The folder of one chunk's receipts."""
        return f"receipts/{number:04d}"
