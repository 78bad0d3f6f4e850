"""Which snapshots of a table are whole: proved by what ``model.json`` names or named, never by their age.

A snapshot is whole when every file that ``model.json`` names is there, no number is left out between them,
and no further numbered file lies beside them: it may be behind what was written. An earlier snapshot is held
against what ``model.json`` said of it when it was the last one (:mod:`.seen_snapshots`).
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import TYPE_CHECKING

from segment_exports.sources.lake.locations import SnapshotFile, left_out_numbers, number_of
from segment_exports.sources.lake.model_json import CsvFormat, names_told
from segment_exports.sources.lake.seen_snapshots import SeenFile, SeenSnapshot

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime
    from zoneinfo import ZoneInfo

    from segment_exports.sources.lake.storage import FileState

    Folder = Mapping[str, FileState]

WRITTEN_IN = timedelta(hours=1)
"""How long one refresh may write: one table after the other."""
ABSENT = (
    "model.json names no partition of {}. It may be written yet: an hour after the refresh of the others a "
    "segment without a file has no members (`checks: {{when_absent: empty}}` in the source: at once)"
)
UNSEEN = (
    "no run looked at it while model.json named it, so that nobody knows which files it should have, nor "
    "which columns (`unseen_snapshots: read` in the source of the definition takes files that are numbered "
    "without a gap and name their columns)"
)


@dataclass(frozen=True)
class LakeRules:
    """What the definition says of a lake beyond ``model.json``.

    :param by_backslash: quotes inside quoted values are escaped by a backslash.
    :param unaccounted_allowed: files that model.json doesn't name, or leaves out, are doubts only.
    :param absent_is_empty_after: how old the refresh must be, by the other tables, until a table without
        partitions has no members; None for never.
    :param unseen_allowed: earlier snapshots that nobody saw are read if their files name their columns.
    """

    by_backslash: bool = False
    unaccounted_allowed: bool = False
    absent_is_empty_after: timedelta | None = None
    unseen_allowed: bool = False


@dataclass
class KnownSnapshots:
    """Snapshots of a table by their time (UTC); the others with what they lack.

    :param newest_lacks: what the one lacks that ``model.json`` names.
    """

    whole: dict[datetime, SeenSnapshot] = field(default_factory=dict)
    lacking: dict[datetime, str] = field(default_factory=dict)
    doubts: dict[datetime, list[str]] = field(default_factory=dict)
    newest_lacks: str | None = None


class Wholeness:
    """Judges the snapshots of one table.

    :param found: by folder the files that lie there.
    :param zone: of the names of the folders.
    """

    def __init__(self, table: str, found: Mapping[str, Folder], rules: LakeRules, zone: ZoneInfo) -> None:
        self._table = table
        self._found = found
        self._rules = rules
        self._zone = zone

    def judge(self, current: SeenSnapshot | None, seen: Mapping[str, SeenSnapshot]) -> KnownSnapshots:
        """Return what is known.

        :param current: the snapshot that ``model.json`` names now.
        :param seen: by folder what it said of others while it named them.
        """
        known = KnownSnapshots()
        now = self.time(current.folder) if current else None
        for folder, files in self._found.items():
            time = self.time(folder)
            # A folder newer than what model.json names may still be growing.
            if (current and folder == current.folder) or (now is not None and time > now):
                continue
            if folder in seen:
                self._add(known, seen[folder], files, is_current=False)
            else:
                self._add_unseen(known, folder, files, current)
        for one in seen.values():
            if not one.files and one.folder not in self._found:
                known.whole[self.time(one.folder)] = one
        if current is None:
            known.newest_lacks = ABSENT.format(self._table)
        else:
            self._add(known, current, self._found.get(current.folder, {}), is_current=True)
        return known

    def time(self, folder: str) -> datetime:
        """Return the time (UTC) that a folder is named by."""
        return SnapshotFile(self._table, folder, "").time(self._zone)

    def _add(self, known: KnownSnapshots, seen: SeenSnapshot, files: Folder, *, is_current: bool) -> None:
        time = self.time(seen.folder)
        lacks = _missing(seen, files, is_current=is_current)
        unaccounted = _unaccounted(seen, files)
        if unaccounted and self._rules.unaccounted_allowed:
            known.doubts[time] = [f"{self._table}: {unaccounted}: the members in them are not read"]
        elif unaccounted:
            lacks = lacks or unaccounted
        if others := [name for name in _unnamed(seen, files) if self._number(seen, name) is None]:
            known.doubts.setdefault(time, []).append(
                f"{self._table}: {names_told(others)} in the folder {seen.folder} is no file that model.json "
                "names, and is not read"
            )
        if lacks:
            known.lacking[time] = lacks
            known.newest_lacks = lacks if is_current else known.newest_lacks
        else:
            known.whole[time] = replace(
                seen, files=tuple(replace(one, state=files[one.name]) for one in seen.files)
            )

    def _add_unseen(
        self, known: KnownSnapshots, folder: str, files: Folder, current: SeenSnapshot | None
    ) -> None:
        there = [SnapshotFile(self._table, folder, name) for name in files]
        if not self._rules.unseen_allowed:
            known.lacking[self.time(folder)] = UNSEEN
        elif None in map(number_of, there) or left_out_numbers(there):
            known.lacking[self.time(folder)] = "its files are not numbered without a gap"
        else:
            layout = current.files[0].layout if current and current.files else CsvFormat()
            seen = tuple(SeenFile(name, state, layout) for name, state in files.items())
            known.whole[self.time(folder)] = SeenSnapshot(self._table, folder, None, seen)

    def _number(self, seen: SeenSnapshot, name: str) -> int | None:
        return number_of(SnapshotFile(self._table, seen.folder, name))


def _missing(seen: SeenSnapshot, files: Folder, *, is_current: bool) -> str | None:
    """Return which files that were named aren't there, or aren't what they were."""
    missing = [seen.file(one).path for one in seen.files if one.name not in files]
    if missing:
        verb = "names" if is_current else "named"
        return f"model.json {verb} what isn't there: {names_told(missing)}"
    changed = [
        seen.file(one).path
        for one in seen.files
        if not is_current and one.state and one.state.size != files[one.name].size
    ]
    if changed:
        return f"model.json named what has another size now: {names_told(changed)}"
    return None


def _unaccounted(seen: SeenSnapshot, files: Folder) -> str | None:
    """Return which numbered files ``model.json`` doesn't name, or leaves out between those that it names."""
    named = [seen.file(one) for one in seen.files]
    if None in map(number_of, named):
        return None
    unnamed = [SnapshotFile(seen.table, seen.folder, name) for name in _unnamed(seen, files)]
    if beside := [file.path for file in unnamed if number_of(file) is not None]:
        return f"model.json doesn't name what lies beside the files that it names: {names_told(beside)}"
    if left_out := left_out_numbers(named):
        return f"model.json leaves out {names_told(left_out)} between the files that it names"
    return None


def _unnamed(seen: SeenSnapshot, files: Folder) -> list[str]:
    named = {one.name for one in seen.files}
    return [name for name in files if name not in named]
