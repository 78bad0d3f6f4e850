"""Storage that fails now and then: tried again, waited out, or told with what a person has to do."""

from __future__ import annotations

import errno
import io
import os
import traceback
from pathlib import Path
from typing import Any

import pytest
from fsspec.implementations.local import LocalFileSystem

from segment_exports.errors import SourceError, SourceNotReadyError, StagingError
from segment_exports.records import staging
from segment_exports.records.storing.trouble import in_words
from segment_exports.sources.lake.storage import ExportFolder, FileState
from segment_exports.sources.snapshot_marks import SnapshotChangedError

CONTENT = b"1,a@x.example\n" * 10


class HttpError(Exception):
    """What a client library of a storage account raises; its words hold a signature."""

    def __init__(self, status: int) -> None:
        super().__init__("https://account.example/?sig=secret")
        self.status_code = status


class ClientAuthenticationError(Exception):
    """Refused credentials, as azure-core names them."""


class Failing(LocalFileSystem):
    """Fails as it is told, one error for each call, and counts the calls."""

    cachable = False

    def __init__(self, *errors: Exception) -> None:
        super().__init__()
        self.errors = list(errors)
        self.calls = 0

    def fail(self) -> None:
        self.calls += 1
        if self.errors:
            raise self.errors.pop(0)

    def info(self, path: str, **kwargs: Any) -> dict[str, Any]:
        self.fail()
        found: dict[str, Any] = super().info(path, **kwargs)
        return found

    def cat_file(self, path: str, *args: Any, **kwargs: Any) -> bytes:
        self.fail()
        content: bytes = super().cat_file(path, *args, **kwargs)
        return content

    def ls(self, path: str, *args: Any, **kwargs: Any) -> Any:
        self.fail()
        return super().ls(path, *args, **kwargs)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "T").mkdir()
    (tmp_path / "T" / "T_1.csv").write_bytes(CONTENT)
    return tmp_path


class Folder:
    """A folder on a failing file system; nobody sleeps."""

    def __init__(self, root: Path, *errors: Exception) -> None:
        self.slept: list[float] = []
        self.fs = Failing(*errors)
        self.folder = ExportFolder(self.fs, str(root), waits=(1.0, 4.0), sleep=self.slept.append)


PASSING = [
    OSError(errno.EIO, "with a token in it"),
    ConnectionResetError(errno.ECONNRESET, "x"),
    TimeoutError("x"),
    HttpError(503),
    HttpError(429),
    HttpError(500),
    RuntimeError("of a client library"),
]


@pytest.mark.parametrize("error", PASSING, ids=repr)
@pytest.mark.parametrize("times", [1, 2])
def test_what_fails_for_a_moment_is_tried_again(root: Path, error: Exception, times: int) -> None:
    made = Folder(root, *[error] * times)
    assert made.folder.read("T/T_1.csv", len(CONTENT)) == CONTENT
    assert made.slept == [1.0, 4.0][:times]


@pytest.mark.parametrize("error", PASSING, ids=repr)
def test_what_fails_three_times_is_waited_out_and_its_own_words_are_not_repeated(
    root: Path, error: Exception
) -> None:
    made = Folder(root, *[error] * 3)
    with pytest.raises(
        SourceNotReadyError, match=r"T_1\.csv can't be read just now, after 3 tries \("
    ) as told:
        made.folder.state("T/T_1.csv")
    assert "token" not in str(told.value)
    assert "sig=" not in str(told.value)
    assert made.fs.calls == 3


def test_a_reason_that_the_system_knows_is_told(root: Path) -> None:
    made = Folder(root, *[OSError(errno.EIO, "x")] * 3)
    with pytest.raises(SourceNotReadyError, match=r"\(OSError, Input/output error\)"):
        made.folder.files("T")


@pytest.mark.parametrize(
    "error",
    [PermissionError(13, "x"), HttpError(403), HttpError(401), ClientAuthenticationError("x")],
    ids=repr,
)
def test_what_may_not_be_read_is_final_and_names_what_is_lacking(root: Path, error: Exception) -> None:
    made = Folder(root, error)
    with pytest.raises(
        SourceError, match=r"may not be read .*: the user of the worker must be allowed"
    ) as told:
        made.folder.read("T/T_1.csv", len(CONTENT))
    assert not isinstance(told.value, SourceNotReadyError)
    assert made.slept == []


def test_on_an_object_store_the_role_is_named(root: Path) -> None:
    class Store:
        def invalidate_cache(self) -> None: ...

        def info(self, path: str) -> dict[str, Any]:
            raise HttpError(403)

    with pytest.raises(
        SourceError, match=r"HTTP 403.*needs the role Storage Blob Data Reader on the container"
    ):
        ExportFolder(Store(), "container/Export").state("model.json")  # type: ignore[arg-type]


@pytest.mark.parametrize("error", [FileNotFoundError("x"), HttpError(404)], ids=repr)
def test_what_is_not_there_is_not_tried_again(root: Path, error: Exception) -> None:
    made = Folder(root, error)
    with pytest.raises(FileNotFoundError):
        made.folder.read("T/T_1.csv", len(CONTENT))
    assert made.slept == []
    assert Folder(root).folder.files("U") == {}


@pytest.mark.parametrize("error", PASSING, ids=repr)
@pytest.mark.parametrize("after", range(3))
def test_a_folder_that_can_not_be_listed_for_a_moment_is_not_taken_for_an_empty_one(
    root: Path, error: Exception, after: int
) -> None:
    """Else the newest snapshot would pass for one that isn't there, and the one before be delivered."""
    (root / "T" / "2026-11-01").mkdir()
    (root / "T" / "2026-11-01" / "T_1.csv").write_bytes(CONTENT)
    made = Folder(root)
    listing = made.fs.ls

    def failing(path: str, *args: Any, **kwargs: Any) -> Any:
        nonlocal after
        after -= 1
        if after == -1:
            raise error
        return listing(path, *args, **kwargs)

    made.fs.ls = failing  # type: ignore[method-assign]
    assert list(made.folder.files("T")) == [f"{root}/T/2026-11-01/T_1.csv", f"{root}/T/T_1.csv"]
    assert made.slept == [1.0][: after < 0]


def test_a_place_that_can_not_be_looked_at_for_a_moment_is_not_taken_for_none(root: Path) -> None:
    made = Folder(root, OSError(errno.EIO, "x"))
    assert made.folder.is_there("T")
    assert made.slept == [1.0]


def test_a_link_has_the_state_of_what_it_leads_to(root: Path) -> None:
    (root / "T" / "T_2.csv").symlink_to(root / "T" / "T_1.csv")
    (root / "T" / "T_3.csv").symlink_to(root / "T" / "nowhere.csv")
    folder = Folder(root).folder
    assert folder.files("T") == {
        f"{root}/T/{name}": folder.state(f"T/{name}") for name in ("T_1.csv", "T_2.csv")
    }


def test_an_error_of_ours_is_not_waited_out(root: Path) -> None:
    made = Folder(root, TypeError("x"))
    with pytest.raises(SourceError, match=r"can't be read \(TypeError\)") as told:
        made.folder.read("T/T_1.csv", len(CONTENT))
    assert not isinstance(told.value, SourceNotReadyError)


class Breaking(io.BytesIO):
    """A connection that breaks once, when so much was read."""

    def __init__(self, after: int) -> None:
        super().__init__(CONTENT)
        self.after = after

    def read(self, size: int | None = -1, /) -> bytes:
        if self.tell() >= self.after:
            self.after = len(CONTENT) + 1
            raise ConnectionResetError("x")
        return super().read(size)


class Store:
    """An object store of one file, whose connections break."""

    def __init__(self, *etags: str) -> None:
        self.etags = list(etags)
        self.opened = 0

    def invalidate_cache(self) -> None: ...

    def info(self, _path: str) -> dict[str, Any]:
        etag = self.etags[min(self.opened, len(self.etags) - 1)]
        return {"size": len(CONTENT), "etag": etag}

    def open(self, _path: str, _mode: str) -> Breaking:
        self.opened += 1
        return Breaking(30 * self.opened)


def whole(folder: ExportFolder) -> bytes:
    with folder.open("T_1.csv") as file:
        return b"".join(iter(lambda: file.read(10), b""))


def test_a_connection_that_breaks_while_a_file_is_read_is_taken_up_where_it_broke() -> None:
    store = Store("v1")
    slept: list[float] = []
    assert whole(ExportFolder(store, "c", sleep=slept.append)) == CONTENT  # type: ignore[arg-type]
    assert store.opened > 2
    assert len(slept) == store.opened - 1


def test_a_file_that_was_left_is_not_opened_again(root: Path) -> None:
    with Folder(root).folder.open("T/T_1.csv") as file:
        assert file.read(3) == CONTENT[:3]
    with pytest.raises(SourceError, match="can't be read"):
        file.read(3)


def test_two_versions_of_a_file_are_never_read_as_one() -> None:
    with pytest.raises(SnapshotChangedError, match=r"T_1\.csv was written again since this run chose it"):
        whole(ExportFolder(Store("v1", "v2"), "c", sleep=lambda _: None))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("info", "mark"),
    [({"size": 3, "etag": "0x8D"}, "0x8D"), ({"size": 3, "mtime": 1.5}, "1.5"), ({"size": 3}, "")],
)
def test_a_file_has_the_mark_that_its_file_system_tells(info: dict[str, Any], mark: str) -> None:
    assert FileState.of(info) == FileState(3, mark)


@pytest.mark.timeout(20)
@pytest.mark.parametrize("kind", ["link out", "pipe", "device", "circle", "folder out"])
def test_what_is_no_file_of_the_exports_folder_is_refused_and_never_waited_for(
    tmp_path: Path, kind: str
) -> None:
    lake, outside = tmp_path / "lake", tmp_path / "outside"
    for folder in (lake, outside):
        folder.mkdir()
    (outside / "f.csv").write_bytes(CONTENT)
    name = "f.csv"
    if kind == "pipe":
        os.mkfifo(lake / name)
    elif kind == "folder out":
        (lake / "Gold").symlink_to(outside)
        name = "Gold/f.csv"
    else:
        target = {"link out": outside / "f.csv", "device": Path("/dev/zero"), "circle": lake / name}[kind]
        (lake / name).symlink_to(target)
    folder = ExportFolder.local(lake)
    for read in (folder.state, lambda name: folder.read(name, 100), lambda name: folder.open(name).read(10)):
        with pytest.raises(SourceError, match=r"is a (link that leads|pipe).*; nothing is read from it"):
            read(name)


def test_links_inside_of_the_exports_folder_and_to_it_are_followed(tmp_path: Path) -> None:
    (tmp_path / "lake").mkdir()
    (tmp_path / "lake" / "f.csv").write_bytes(CONTENT)
    (tmp_path / "lake" / "link.csv").symlink_to("f.csv")
    (tmp_path / "current").symlink_to("lake")
    assert ExportFolder.local(tmp_path / "current").read("link.csv", len(CONTENT)) == CONTENT


QUOTING = [
    HttpError(403),
    HttpError(500),
    PermissionError("https://account.example/?sig=secret"),
    OSError(errno.EIO, "https://account.example/?sig=secret"),
    ValueError("https://account.example/?sig=secret"),
    KeyError("https://account.example/?sig=secret"),
]


@pytest.mark.parametrize("error", QUOTING, ids=lambda error: type(error).__name__)
def test_what_a_storage_says_stands_neither_in_the_message_nor_in_the_chain_that_airflow_prints(
    root: Path, error: Exception
) -> None:
    for asked in (("read", "T/T_1.csv", 100), ("state", "T/T_1.csv")):
        with pytest.raises((SourceError, FileNotFoundError)) as raised:
            getattr(Folder(root, *[error] * 3).folder, asked[0])(*asked[1:])
        assert "account.example" not in "".join(traceback.format_exception(raised.value))


@pytest.mark.parametrize("error", QUOTING[:4], ids=lambda error: type(error).__name__)
def test_nor_where_it_is_the_staging_that_lies_there(root: Path, error: Exception) -> None:
    for look in (staging.Store.exists, staging.Store.names, staging.Store.read_bytes):
        with pytest.raises(type(error) if isinstance(error, HttpError) else StagingError) as raised:
            look(staging.Store(Failing(error), str(root)), "T")
        told = in_words(raised.value, str(root))
        assert "account.example" not in "".join(traceback.format_exception(told))
