"""Files of others: only regular ones are opened, none out of their folder, and none is waited for."""

from __future__ import annotations

import os
import socket
from typing import TYPE_CHECKING

import pytest

from segment_exports.records.storing.foreign_files import ForeignFileError, read_foreign, require_regular

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def make_socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as one:
        one.bind(path.name)  # in the working folder: a socket's path is short


def make_circle(path: Path) -> None:
    other = path.with_name("other")
    other.symlink_to(path)
    path.symlink_to(other)


def make_way_out(path: Path) -> None:
    outside = path.parent.parent / "outside"
    outside.write_text("name: x")
    path.symlink_to(outside)


def make_way_out_by_a_folder(path: Path) -> None:
    (path.parent.parent / "outside").mkdir()
    (path.parent.parent / "outside" / path.name).write_text("name: x")
    (path.parent / "folder").symlink_to(path.parent.parent / "outside")
    path.symlink_to(path.parent / "folder" / path.name)


STRANGE: dict[str, tuple[Callable[[Path], object], str]] = {
    "pipe": (lambda path: os.mkfifo(path), "is a pipe, and no file"),
    "link to a pipe": (
        lambda path: (os.mkfifo(path.with_name("p")), path.symlink_to(path.with_name("p"))),
        "is a pipe, and no file",
    ),
    "endless device": (lambda path: path.symlink_to("/dev/zero"), "is a link that leads out of"),
    "socket": (make_socket, "is a socket, and no file"),
    "folder": (lambda path: path.mkdir(), "is a folder, and no file"),
    "circle": (make_circle, "is a link that leads round in a circle"),
    "link out": (make_way_out, "is a link that leads out of"),
    "link out by a folder": (make_way_out_by_a_folder, "is a link that leads out of"),
    "link to nothing": (lambda path: path.symlink_to("nothing"), "can't be read: No such file or directory"),
    "too large": (lambda path: path.write_bytes(bytes(101)), "has more than 100 bytes"),
}


@pytest.mark.timeout(10)
@pytest.mark.parametrize("kind", STRANGE)
def test_what_is_no_regular_file_of_its_folder_is_refused_in_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    make, told = STRANGE[kind]
    folder = tmp_path / "folder"
    folder.mkdir()
    monkeypatch.chdir(folder)
    make(folder / "x")
    with pytest.raises(ForeignFileError, match=told):
        read_foreign(folder / "x", 100, within=folder)


def test_a_device_is_refused_wherever_it_may_lie() -> None:
    with pytest.raises(ForeignFileError, match="is a device, and no file"):
        read_foreign("/dev/zero", 100)


def test_a_link_inside_of_the_folder_is_followed_as_kubernetes_mounts_files(tmp_path: Path) -> None:
    folder = tmp_path / "mounted"
    (folder / "..2026_11_28").mkdir(parents=True)
    (folder / "..2026_11_28" / "x.yaml").write_bytes(b"name: x")
    (folder / "..data").symlink_to("..2026_11_28")
    (folder / "x.yaml").symlink_to("..data/x.yaml")
    (tmp_path / "current").symlink_to(folder)
    for one in (folder, tmp_path / "current"):
        assert read_foreign(one / "x.yaml", 7, within=one) == b"name: x"
        assert require_regular(one / "x.yaml", within=one) == folder / "..2026_11_28" / "x.yaml"
