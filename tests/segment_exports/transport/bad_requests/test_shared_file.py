from __future__ import annotations

import os
import tempfile
from typing import TYPE_CHECKING

import pytest

from segment_exports.transport.bad_requests.shared_file import locked, private_folder, replace, text_of

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path / f"segment-exports-{os.getuid()}"


def test_the_folder_is_made_for_the_user_alone_and_found_again(temporary: Path) -> None:
    assert private_folder() == private_folder() == temporary
    assert temporary.stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("mode", [0o777, 0o770, 0o755])
def test_one_that_others_may_read_or_write_is_not_used(temporary: Path, mode: int) -> None:
    temporary.mkdir()
    temporary.chmod(mode)
    with pytest.raises(PermissionError):
        private_folder()


def test_neither_is_a_link_nor_a_file(temporary: Path, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir(mode=0o700)
    temporary.symlink_to(tmp_path / "mine")
    with pytest.raises(PermissionError):
        private_folder()
    temporary.unlink()
    temporary.write_text("")
    with pytest.raises(PermissionError):
        private_folder()


def test_one_at_a_time_has_the_file(tmp_path: Path) -> None:
    with locked(tmp_path, "name") as file:
        assert text_of(file) == ""
        replace(file, "text")
        with pytest.raises(BlockingIOError), locked(tmp_path, "name"):
            pass
    with locked(tmp_path, "name") as file:
        assert text_of(file) == "text"


def test_a_link_in_its_place_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "name.lock").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(OSError, match="symbolic links"), locked(tmp_path, "name"):
        pass
    (tmp_path / "other.new").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(OSError, match="symbolic links"):
        replace(tmp_path / "other.json", "text")
    assert not (tmp_path / "elsewhere").exists()
