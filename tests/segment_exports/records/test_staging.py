from __future__ import annotations

import errno
import os
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pyarrow as pa
import pytest
from fsspec import AbstractFileSystem
from fsspec.implementations.local import LocalFileSystem
from fsspec.implementations.memory import MemoryFileSystem
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from segment_exports.errors import DamagedFileError, StagingError
from segment_exports.records.staging import RunFiles, Store
from segment_exports.records.storing.damage import parsed

if TYPE_CHECKING:
    from collections.abc import Iterator

NUMBERS = pa.schema([("number", pa.int64())])


@pytest.fixture(params=["disk", "object store"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    if request.param == "disk":
        yield Store.local(tmp_path / "staging")
        return
    memory = Store(MemoryFileSystem(), f"/{uuid4().hex}/staging")
    yield memory
    memory.fs.rm(memory.root.rsplit("/", 1)[0], recursive=True)


def everything_in(store: Store) -> set[str]:
    """Return every file that lies there, the hidden ones too."""
    return {str(path).rsplit(store.root.strip("/"), 1)[-1].strip("/") for path in store.fs.find(store.root)}


def test_what_was_written_is_read(store: Store) -> None:
    store.write_bytes("a/b/bytes", b"\x00\xff")
    store.write_json("a/value.json", {"name": "Žluťoučký", "n": [1, None]})
    assert store.read_bytes("a/b/bytes") == b"\x00\xff"
    assert store.read_json("a/value.json") == {"name": "Žluťoučký", "n": [1, None]}
    store.write_bytes("a/b/bytes", b"again")
    assert store.sub("a").sub("b").read_bytes("bytes") == b"again"
    assert everything_in(store) == {"a/b/bytes", "a/value.json"}


def test_names_are_sorted_and_leave_out_what_is_temporary(store: Store) -> None:
    for name in ("b", "a", ".a.5f0e", "folder/c"):
        store.write_bytes(name, b"1")
    assert store.names() == ["a", "b", "folder"]
    assert store.names("folder") == ["c"]


@pytest.mark.parametrize("folder", ["nowhere", "file", "file/below"])
def test_what_is_no_folder_has_no_names(store: Store, folder: str) -> None:
    store.write_bytes("file", b"1")
    assert store.names(folder) == []


def test_a_missing_file_is_told_by_its_path_and_what_to_do(store: Store) -> None:
    store.write_bytes("file", b"1")
    for missing in ("nothing.json", "folder/nothing.json", "file/nothing.json"):
        with pytest.raises(StagingError, match=f"{missing} is missing. Clear the task"):
            store.read_bytes(missing)
    with (
        pytest.raises(StagingError, match=r"nothing\.parquet is missing"),
        store.parquet_file("nothing.parquet"),
    ):
        pass
    assert not store.exists("nothing.json")


def test_a_disk_that_fails_is_told_and_not_taken_for_one_without_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else a ledger would be one that isn't there yet, and a run that is under way one without any file."""
    store = Store.local(tmp_path)
    store.write_bytes("runs/one/plan.json", b"{}")

    def fail(path: object, *_: object, **__: object) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO), str(path))

    listings = [store.all_files, lambda: store.names("runs")]
    for call, looks in (("scandir", listings), ("stat", [*listings, lambda: store.exists("runs")])):
        with monkeypatch.context() as broken:
            broken.setattr(os, call, fail)
            for look in looks:
                with pytest.raises(StagingError, match=r"can't be written or read: Input/output error"):
                    look()
    assert store.all_files() == ["runs/one/plan.json"]


def test_a_file_is_created_once(store: Store) -> None:
    assert store.create("lease/1", b"first")
    assert not store.create("lease/1", b"second")
    assert store.read_bytes("lease/1") == b"first"
    assert everything_in(store) == {"lease/1"}


def test_of_many_that_create_at_once_one_succeeds(tmp_path: Path) -> None:
    store, together = Store.local(tmp_path), Barrier(8)

    def create(number: int) -> tuple[int, bool]:
        together.wait()
        return number, store.create("lease/1", str(number).encode() * 1000)

    for _ in range(20):
        with ThreadPoolExecutor(8) as threads:
            made = [number for number, was_made in threads.map(create, range(8)) if was_made]
        assert len(made) == 1
        assert store.read_bytes("lease/1") == str(made[0]).encode() * 1000
        store.remove("lease/1")


def test_without_hard_links_a_file_is_created_once_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError("no hard links here")

    monkeypatch.setattr(os, "link", refuse)
    store = Store.local(tmp_path)
    assert store.create("lease/1", b"first")
    assert not store.create("lease/1", b"second")
    assert store.read_bytes("lease/1") == b"first"


def test_without_hard_links_a_file_that_could_not_be_filled_is_not_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError("no hard links here")

    def full(descriptor: int) -> None:
        lease = tmp_path / "lease" / "1"
        if lease.exists() and os.path.samestat(os.fstat(descriptor), lease.stat()):
            raise OSError(28, "No space left on device")

    store = Store.local(tmp_path)
    monkeypatch.setattr(os, "link", refuse)
    store.create("lease/0", b"before")
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StagingError, match="the disk is full"):
        store.create("lease/1", b"first")
    assert everything_in(store) == {"lease/0"}


@pytest.mark.parametrize(
    ("number", "told"),
    [
        (errno.ENOSPC, "the disk is full"),
        (errno.EDQUOT, "the quota is used up"),
        (errno.EROFS, "it is on a read-only file system"),
        (errno.EACCES, r"the user .* is not permitted to"),
    ],
)
def test_trouble_of_the_disk_is_told_in_words_with_its_setting(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, told: str
) -> None:
    store = Store.local(tmp_path)

    def refuse(path: Path, _: object) -> None:
        raise OSError(number, os.strerror(number), str(path))

    monkeypatch.setattr(Path, "write_bytes", refuse)
    monkeypatch.setattr(Path, "replace", refuse)
    writes = (
        lambda: store.write_json("folder/plan.json", {}),
        lambda: store.create("folder/lease", b""),
        lambda: write_table(store),
    )
    for write in writes:
        with pytest.raises(StagingError, match=rf"{tmp_path}/folder/.*: {told}.*\. SEGMENT_EXPORTS_STAGING"):
            write()


def write_table(store: Store) -> None:
    with store.parquet_writer("folder/table.parquet", NUMBERS):
        pass


def test_an_error_that_is_not_of_the_disk_goes_on_as_it_is(tmp_path: Path) -> None:
    store = Store.local(tmp_path)
    for error in (ConnectionResetError(104, "reset"), FileNotFoundError(2, "gone", "/elsewhere/file")):
        with pytest.raises(type(error)), store.writing("file"):
            raise error


def test_what_was_written_is_synced_before_it_takes_its_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A power cut leaves the old file or the new one: never one that is there and empty."""
    seen: list[str] = []
    sync, replace, link = os.fsync, Path.replace, os.link

    def noted_sync(descriptor: int) -> None:
        seen.append("folder" if stat.S_ISDIR(os.fstat(descriptor).st_mode) else "file")
        sync(descriptor)

    def noted_replace(path: Path, target: Any) -> Path:
        seen.append("in place")
        return replace(path, target)

    def noted_link(source: Any, target: Any) -> None:
        seen.append("in place")
        link(source, target)

    store = Store.local(tmp_path)
    monkeypatch.setattr(os, "fsync", noted_sync)
    monkeypatch.setattr(Path, "replace", noted_replace)
    monkeypatch.setattr(os, "link", noted_link)
    writes = (
        lambda: store.write_bytes("plan.json", b"{}"),
        lambda: store.create("lease", b"{}"),
        lambda: write_ledger(store),
    )
    for write in writes:
        seen.clear()
        write()
        assert seen == ["file", "in place", "folder"]


def write_ledger(store: Store) -> None:
    with store.parquet_writer("ledger.parquet", NUMBERS):
        pass


class Kept(BaseModel):
    run_id: str


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", r"it is empty \(0 bytes\)"),
        (b'{"run_id": "a', "it is no whole JSON"),
        (b"\0" * 9, "it holds 9 bytes of nothing, as after a power cut"),
        (b"[]", "its content: Input should be an object"),
        (b'{"run_id": 7}', "run_id: Input should be a valid string"),
        (b"{}", "run_id: Field required"),
        (b"\xff\xfe", "it is no whole JSON"),
    ],
)
def test_a_file_that_cannot_be_believed_is_told_with_path_damage_and_advice(
    store: Store, content: bytes, told: str
) -> None:
    store.write_bytes("kept.json", content)
    with pytest.raises(DamagedFileError, match=rf"/kept\.json can't be believed: {told}.*\. Restore it\."):
        store.read_model("kept.json", Kept, advice="Restore it.")


@given(st.text("abcdef", min_size=12, max_size=40))
def test_no_content_of_a_file_comes_into_what_is_told_of_it(content: str) -> None:
    for data in (content, f'{{"run_id": ["{content}"]}}', f'["{content}"]'):
        with pytest.raises(DamagedFileError) as told:
            parsed(data.encode(), Kept, "kept.json", "Restore it")
        assert content not in str(told.value)


@pytest.mark.parametrize("share", [0.0, 0.3, 0.7, 0.99])
def test_a_parquet_file_that_was_cut_off_is_told_with_its_path(store: Store, share: float) -> None:
    numbers = pa.table({"number": range(5_000)}, schema=NUMBERS)
    with store.parquet_writer("numbers.parquet", NUMBERS) as writer:
        writer.write_table(numbers)
    whole = store.read_bytes("numbers.parquet")
    store.write_bytes("numbers.parquet", whole[: int(len(whole) * share)])
    with (
        pytest.raises(DamagedFileError, match=r"numbers\.parquet can't be believed"),
        store.parquet_file("numbers.parquet", NUMBERS.names) as file,
    ):
        file.read()


def test_damage_in_the_midst_of_a_parquet_file_is_told_while_it_is_read(store: Store) -> None:
    with store.parquet_writer("numbers.parquet", NUMBERS) as writer:
        writer.write_table(pa.table({"number": range(5_000)}, schema=NUMBERS))
    whole = bytearray(store.read_bytes("numbers.parquet"))
    whole[8 : len(whole) // 2] = b"\xff" * (len(whole) // 2 - 8)
    store.write_bytes("numbers.parquet", bytes(whole))
    for read in (lambda file: file.read(), lambda file: list(file.iter_batches()), row_group):
        with (
            pytest.raises(DamagedFileError, match=r"numbers\.parquet can't be believed"),
            store.parquet_file("numbers.parquet") as file,
        ):
            read(file)


def row_group(file: Any) -> Any:
    return file.read_row_group(0)


def test_a_parquet_file_of_other_columns_is_another_files(store: Store) -> None:
    with store.parquet_writer("contacts.parquet", NUMBERS):
        pass
    with (
        pytest.raises(DamagedFileError, match="it has no columns email, so it is another's"),
        store.parquet_file("contacts.parquet", ["number", "email"]),
    ):
        pass


class LooksThenWrites(AbstractFileSystem):
    """A file system that fsspec can only ask first and write then, such as one over FTP."""


class MirrorsAsynchronous(AbstractFileSystem):
    """One whose methods are made in each instance, as those of S3 and Google's are."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.made: dict[str, Any] = {}
        self.pipe_file = lambda path, value, mode: self.made.update({path: (value, mode)})


def test_a_file_system_that_cannot_create_exclusively_is_refused() -> None:
    with pytest.raises(StagingError, match="LooksThenWrites can't make a file only if it isn't there"):
        Store(LooksThenWrites(), "/staging").create("lease/1", b"")
    able = MirrorsAsynchronous()
    assert Store(able, "/staging").create("lease/1", b"first")
    assert able.made == {"/staging/lease/1": (b"first", "create")}


def test_a_write_that_breaks_leaves_the_old_file_and_no_other(store: Store) -> None:
    def write_half() -> None:
        with store.writing("file") as path:
            Path(path).write_bytes(b"half of the ne")
            raise RuntimeError

    def write_half_a_table() -> None:
        with store.parquet_writer("table.parquet", NUMBERS) as writer:
            writer.write_table(pa.table({"number": [1]}, NUMBERS))
            raise RuntimeError

    store.write_bytes("file", b"old")
    for write in (write_half, write_half_a_table):
        with pytest.raises(RuntimeError):
            write()
    assert store.read_bytes("file") == b"old"
    assert everything_in(store) == {"file"}


def test_a_full_disk_leaves_the_old_file_and_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = Store.local(tmp_path)
    store.write_bytes("file", b"old")

    def write_some(path: Path, data: bytes) -> int:
        with path.open("wb") as file:
            file.write(data[:2])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", write_some)
    for write in (lambda: store.write_bytes("file", b"new"), lambda: store.create("lease", b"new")):
        with pytest.raises(StagingError, match="the disk is full"):
            write()
    assert store.read_bytes("file") == b"old"
    assert everything_in(store) == {"file"}


def test_nobody_sees_a_file_before_it_is_whole(store: Store) -> None:
    with store.writing("folder/file") as path:
        Path(path).write_bytes(b"half")
        assert store.names("folder") == []
        assert not store.exists("folder/file")
        with Path(path).open("ab") as file:
            file.write(b" and half")
    assert store.read_bytes("folder/file") == b"half and half"


def test_a_parquet_file_is_read_piece_by_piece(store: Store) -> None:
    with store.parquet_writer("t.parquet", NUMBERS) as writer:
        for number in range(3):
            writer.write_table(pa.table({"number": [number]}, NUMBERS))
    with store.parquet_file("t.parquet") as file:
        assert file.num_row_groups == 3
        assert file.read_row_group(1)["number"].to_pylist() == [1]


@pytest.mark.parametrize("statistics", [False, True])
def test_the_footer_of_a_parquet_file_shows_values_only_where_that_is_asked_for(
    store: Store, statistics: bool
) -> None:
    schema = pa.schema([pa.field("email", pa.string())])
    with store.parquet_writer("t.parquet", schema, statistics=statistics) as writer:
        writer.write_table(pa.table({"email": ["a@example.com", "b@example.com"]}, schema))
    with store.parquet_file("t.parquet") as file:
        assert file.metadata.row_group(0).column(0).is_stats_set is statistics


def test_removing_takes_a_folder_with_all_that_is_in_it(store: Store) -> None:
    for name in ("run/a", "run/deep/b", "run/.c", "other"):
        store.write_bytes(name, b"1")
    store.remove("run")
    store.remove("run")
    assert everything_in(store) == {"other"}


def test_what_another_process_removes_meanwhile_is_gone_too(tmp_path: Path) -> None:
    class Racing(LocalFileSystem):
        def rm(self, *args: Any, **kwargs: Any) -> None:
            super().rm(*args, **kwargs)
            raise FileNotFoundError

    store = Store(Racing(), str(tmp_path))
    (tmp_path / "file").write_bytes(b"1")
    store.remove("file")
    assert not (tmp_path / "file").exists()


def test_folders_on_a_disk_are_private_down_from_the_first_that_is_made(tmp_path: Path) -> None:
    root = tmp_path / "new" / "staging"
    before = os.umask(0o022)
    try:
        Store.local(root).sub("newsletter").write_bytes("runs/run_1/receipts/0001/x", b"1")
        with Store.local(root).writing("newsletter/ledger/account/1.parquet") as path:
            Path(path).write_bytes(b"1")
        Store.local(root).create("_erased/x", b"")
    finally:
        os.umask(before)
    made = [tmp_path / "new", *(path for path in (tmp_path / "new").rglob("*") if path.is_dir())]
    assert len(made) == 10
    assert {stat.S_IMODE(path.stat().st_mode) for path in made} == {0o700}


def test_a_run_has_a_folder_of_its_own_whatever_its_id(store: Store) -> None:
    first, second = "manual__2026-01-01T05:00:00+00:00", "../manual__2026-01-01T05:00:00 00:00"
    for run in (first, second):
        RunFiles(store, run).store.write_bytes("x", run.encode())
    assert len(store.names("runs")) == 2
    assert RunFiles(store, first).store.read_bytes("x") == first.encode()
