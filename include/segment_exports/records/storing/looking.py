"""What lies on a file system, where one that can't be looked at now is no empty one.

fsspec's own ``walk`` and, on a disk, ``exists`` take any error for *nothing is there*: a folder that could
not be listed for a moment would be one without files, which nobody notices.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fsspec.asyn import AsyncFileSystem

if TYPE_CHECKING:
    from fsspec import AbstractFileSystem

_NOT_THERE = (FileNotFoundError, NotADirectoryError)


def is_there(fs: AbstractFileSystem, path: str) -> bool:
    """Tell whether there is a file or folder.

    :raises OSError: it can't be told; also what else the file system raises.
    """
    try:
        fs.info(path)
    except _NOT_THERE:
        return False
    return True


def files_below(fs: AbstractFileSystem, folder: str) -> dict[str, dict[str, Any]]:
    """Return what fsspec tells of each file below a folder, by its path; none where the folder isn't there.

    :raises OSError: a folder or a file can't be looked at; also what else the file system raises.
    """
    if _lists_at_once(fs):
        try:
            return dict(fs.find(folder, detail=True))
        except _NOT_THERE:
            return {}
    files: dict[str, dict[str, Any]] = {}
    folders = [folder]
    while folders:
        place = folders.pop()
        try:
            found = fs.ls(place, detail=True)
        except _NOT_THERE:  # deleted since the one above it was listed
            continue
        for one in found:
            if one["type"] == "directory":
                folders += [one["name"]] if one["name"].strip("/") != place.strip("/") else []
            elif (info := _of_its_target(fs, one)) is not None:
                files[one["name"]] = info
    return files


def _lists_at_once(fs: AbstractFileSystem) -> bool:
    """Tell whether the file system has a listing of all files of its own, as object stores have."""
    return isinstance(fs, AsyncFileSystem) and type(fs)._find is not AsyncFileSystem._find


def _of_its_target(fs: AbstractFileSystem, info: dict[str, Any]) -> dict[str, Any] | None:
    """Return what is told of a file; of a link, what it leads to, which fsspec calls empty if it fails."""
    if not info.get("islink"):
        return info
    try:
        return dict(fs.info(info["name"]))
    except _NOT_THERE:
        return None
