"""Where the files of a lake export lie below its folder, whatever address ``model.json`` gives.

Layout (Microsoft's page on the Blob storage export)::

    <container>/CustomerInsights_<instance>/<export>/<Table>/<YYYY>/<MM>/<DD>/<HHMM>/<Table>_<n>.csv

A ``location`` is an address in Customer Insights' own storage account. It comes from outside: only
its part below the export counts, and only where that is exactly this layout.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from segment_exports.errors import SourceError

if TYPE_CHECKING:
    from collections.abc import Iterable
    from zoneinfo import ZoneInfo

_INSTANCE = "CustomerInsights_"
_DEPTH = 6
_TIME = re.compile(r"([0-9]{4})/([0-9]{2})/([0-9]{2})/([0-9]{2})([0-9]{2})")
_FIRST_TIME = datetime.min.replace(tzinfo=UTC) + timedelta(days=1)
_LAST_TIME = datetime.max.replace(tzinfo=UTC) - timedelta(days=1)
"""Times that exist in every zone."""
_NOTES = re.compile(r"[._].*|model.*\.json|.*\.cdm\.json", re.IGNORECASE)
"""What programs lay beside data: hidden files, ``_SUCCESS``, and descriptions."""
_ENCODED = re.compile(r"%[0-9A-Fa-f]{2}")


@dataclass(frozen=True, order=True)
class SnapshotFile:
    """One file: its table, the folder of its snapshot (``YYYY/MM/DD/HHMM``) and its name."""

    table: str
    folder: str
    name: str

    @property
    def path(self) -> str:
        """Path below the export's folder."""
        return f"{self.table}/{self.folder}/{self.name}"

    def time(self, zone: ZoneInfo) -> datetime:
        """Return the snapshot's time in UTC; the folder names it in ``zone``.

        Where clocks change, a time that comes twice is the second, and one that doesn't exist the time after
        the change, as for the schedule that a run stands for.

        :raises ValueError: there is no such time.
        """
        match = _TIME.fullmatch(self.folder)
        if match is None:
            raise ValueError(self.folder)
        year, month, day, hour, minute = (int(part) for part in match.groups())
        time = datetime(year, month, day, hour, minute, tzinfo=zone)
        return max(time.replace(fold=fold).astimezone(UTC) for fold in (0, 1))


def listed_file(path: str, root: str, table: str) -> SnapshotFile | None:
    """Return the file for a path of a listing if it lies in a snapshot's folder, be it deeper.

    None for one elsewhere, and for what programs lay beside data, such as ``_SUCCESS``.
    """
    parts = path.removeprefix(root.rstrip("/") + "/").split("/")
    names = parts[_DEPTH - 1 :]
    if parts[0] != table or not names or any(map(_NOTES.fullmatch, names)):
        return None
    return _timed(SnapshotFile(table, "/".join(parts[1 : _DEPTH - 1]), "/".join(names)))


def is_note(path: str) -> bool:
    """Tell whether a path is of what programs lay beside data, such as ``_SUCCESS``."""
    return any(map(_NOTES.fullmatch, path.strip("/").split("/")))


def data_file(path: str, table: str) -> SnapshotFile | None:
    """Return the file for a path below the export's folder if it is one that can be read; else None."""
    return _in_layout(path.split("/"), table)


def located_files(locations: Iterable[str], root: str, table: str) -> list[SnapshotFile]:
    """Return the files that ``model.json`` points at for a table, in its order.

    :raises SourceError: a location points outside this export or its table, or isn't in the layout.
    """
    files: list[SnapshotFile] = []
    exports: set[tuple[str, ...]] = set()
    for number, location in enumerate(locations, start=1):
        place = f"model.json: location of partition {number} of {table}"
        export, inside = _split(_parts(location, place))
        file = _in_layout(inside, table)
        if file is None:
            raise SourceError(
                f"{place} isn't {table}/<YYYY>/<MM>/<DD>/<HHMM>/<file>.csv below the export's folder"
            )
        exports.add(export)
        files.append(file)
    _one_export(exports, root, table)
    return files


def _parts(location: str, place: str) -> list[str]:
    """Return the decoded folders and file name of a location; refuse whatever could lead elsewhere."""
    try:
        path = unquote(urlsplit(location).path, errors="strict") if location.isprintable() else ".."
    except ValueError:
        path = ".."
    parts = path.removeprefix("/").split("/")
    hostile = "\\" in path or not path.isprintable() or _ENCODED.search(path)
    if hostile or any(part.strip() in ("", ".", "..") for part in parts):
        raise SourceError(
            f"{place} leads outside the export's folder or can't be read; nothing is read from it"
        )
    return parts


def _split(parts: list[str]) -> tuple[tuple[str, ...], list[str]]:
    """Return (what names the export, the path below it)."""
    for index, part in enumerate(parts[:-2]):
        if part.startswith(_INSTANCE):
            return tuple(parts[index : index + 2]), parts[index + 2 :]
    return tuple(parts[:-_DEPTH]), parts[-_DEPTH:]


def _in_layout(parts: list[str], table: str) -> SnapshotFile | None:
    folder = "/".join(parts[1:-1])
    if len(parts) != _DEPTH or parts[0] != table or not parts[-1].lower().endswith(".csv"):
        return None
    return _timed(SnapshotFile(table, folder, parts[-1]))


def _timed(file: SnapshotFile) -> SnapshotFile | None:
    """Return a file if its folder names a time."""
    try:
        time = file.time(UTC)  # type: ignore[arg-type]
    except ValueError:
        return None
    return file if _FIRST_TIME <= time <= _LAST_TIME else None


def _one_export(exports: set[tuple[str, ...]], root: str, table: str) -> None:
    if len(exports) > 1:
        raise SourceError(f"model.json: the partitions of {table} point at more than one export")
    mine = tuple(root.rstrip("/").split("/")[-2:])
    for export in exports:
        named = len(export) == len(mine) and export[0].startswith(_INSTANCE)
        if named and mine[0].startswith(_INSTANCE) and export != mine:
            raise SourceError(
                f"model.json: the partitions of {table} point at the export {'/'.join(export)}, "
                f"but the folder that is read is {'/'.join(mine)}; nothing is read from another export"
            )
