"""Which snapshots of a table are whole: proved by what ``model.json`` names or named, never by their age.

A snapshot is whole when every file that ``model.json`` names is there, no number is left out between them,
and no further part of the table lies beside them: it may be behind what was written. An earlier snapshot is
held against what ``model.json`` said of it when it was the last one (:mod:`.seen_snapshots`).
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import TYPE_CHECKING

from segment_exports.records.outcomes import counted
from segment_exports.sieve.net import names_told
from segment_exports.sources.lake.locations import SnapshotFile, data_file
from segment_exports.sources.lake.model_json import CsvFormat
from segment_exports.sources.lake.parts import left_out_numbers, left_out_of_spark, number_of, parts_beside
from segment_exports.sources.lake.seen_snapshots import SeenFile, SeenSnapshot

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
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
CUT_OFF = (
    "if the export was cut off, rows are missing, and the members in them count as having left. Look at the "
    "export in Customer Insights, or run it again"
)
_NOT_READ = (
    "the members in them are not read. So the segment doesn't count as whole, and nobody leaves its list for "
    "not being in it"
)
NOT_NAMED = (
    "model.json still names {}: this one may be under way, or its export ended before model.json was written"
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

    :param unread: of those that are whole by the rules of the definition alone, the files that lie there and
        are not read; none where a file is left out.
    :param newest_lacks: what the one lacks that ``model.json`` names.
    :param elsewhere: paths of files of the table that lie in no snapshot's folder.
    """

    whole: dict[datetime, SeenSnapshot] = field(default_factory=dict)
    lacking: dict[datetime, str] = field(default_factory=dict)
    doubts: dict[datetime, list[str]] = field(default_factory=dict)
    unread: dict[datetime, tuple[str, ...]] = field(default_factory=dict)
    newest_lacks: str | None = None
    elsewhere: tuple[str, ...] = ()


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
            if current and folder == current.folder:
                continue
            if current and now is not None and time > now:
                known.lacking[time] = NOT_NAMED.format(current.folder)
            elif folder in seen:
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
        unread = _Unread.of(seen, files)
        doubts = list(unread.doubts(self._table, seen.folder))
        if unread.missed and self._rules.unaccounted_allowed:
            known.unread[time] = unread.parts
            doubts.insert(0, f"{self._table}: {unread.missed}: {_NOT_READ}")
        else:
            lacks = lacks or unread.missed
        if doubts:
            known.doubts[time] = doubts
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
        elif not all(map(_is_numbered, there)) or left_out_numbers(there):
            known.lacking[self.time(folder)] = "its files are not numbered without a gap"
        else:
            layout = current.files[0].layout if current and current.files else CsvFormat()
            seen = tuple(SeenFile(name, state, layout) for name, state in files.items())
            known.whole[self.time(folder)] = SeenSnapshot(self._table, folder, None, seen)


def empty_files(snapshot: SeenSnapshot) -> list[str]:
    """Doubt files without a byte beside others: a segment that has no member may be one such file."""
    segment, files = snapshot.table, snapshot.files
    if not files:
        return [
            f"model.json names no file of {segment}: the segment counts as empty, and who was in it as "
            "having left. Look at it in Customer Insights if that can't be"
        ]
    empty = [snapshot.file(one).path for one in files if one.state and one.state.size == 0]
    if not empty or len(files) == 1:
        return []
    if len(empty) == len(files):
        told = f"All {len(files)} files of {segment} have 0 bytes ({names_told(empty)})"
        return [f"{told}: the segment counts as empty"]
    among = f"of {len(files)} files of {segment}"
    return [
        f"{counted(len(empty), f'{among} has', f'{among} have')} 0 bytes ({names_told(empty)}): {CUT_OFF}"
    ]


def _is_numbered(file: SnapshotFile) -> bool:
    return number_of(file) is not None and data_file(file.path, file.table) is not None


def _missing(seen: SeenSnapshot, files: Folder, *, is_current: bool) -> str | None:
    """Return which files that were named aren't there, or aren't what they were."""
    missing = [seen.file(one).path for one in seen.files if one.name not in files]
    if missing:
        verb = "names" if is_current else "named"
        return f"model.json {verb} what isn't there: {names_told(missing)}"
    late = [seen.file(one).path for one in seen.files if not is_current and one.state is None]
    if late:
        return f"nobody knows how large these were to be, which came too late: {names_told(late)}"
    changed = [
        seen.file(one).path
        for one in seen.files
        if not is_current and one.state and one.state.size != files[one.name].size
    ]
    if changed:
        return f"model.json named what has another size now: {names_told(changed)}"
    return None


@dataclass(frozen=True)
class _Unread:
    """What of a snapshot is not read.

    :param parts: paths of files that are parts of the table, to all appearances.
    :param gaps: names that are left out between the files that ``model.json`` names.
    :param others: names of other files that lie there.
    :param spark_gaps: how many numbers are left out between Spark's files, and the first of them.
    :param names_none: ``model.json`` names no file.
    """

    parts: tuple[str, ...]
    gaps: tuple[str, ...]
    others: tuple[str, ...]
    spark_gaps: tuple[int, str] | None
    names_none: bool = False

    @classmethod
    def of(cls, seen: SeenSnapshot, files: Folder) -> _Unread:
        """Hold what lies in a snapshot's folder against what ``model.json`` names."""
        named = [seen.file(one) for one in seen.files]
        there = (SnapshotFile(seen.table, seen.folder, name) for name in files)
        known = frozenset(named)
        unnamed = [file for file in there if file not in known]
        parts = dict.fromkeys(parts_beside(named, unnamed))
        return cls(
            tuple(file.path for file in parts),
            tuple(left_out_numbers(named)),
            tuple(file.name for file in unnamed if file not in parts),
            left_out_of_spark(named),
            names_none=not named,
        )

    @property
    def missed(self) -> str | None:
        """What isn't accounted for; None where nothing is."""
        if self.parts and self.names_none:
            return f"model.json names no partition, and yet there are {names_told(self.parts)}"
        if self.parts:
            return (
                f"model.json doesn't name what lies beside the files that it names: {names_told(self.parts)}"
            )
        if self.gaps:
            return f"model.json leaves out {names_told(self.gaps)} between the files that it names"
        return None

    def doubts(self, table: str, folder: str) -> Iterator[str]:
        """Yield what may mean that something is missing, and may not."""
        if self.others:
            yield (
                f"{table}: {names_told(self.others)} in the folder {folder} is no file that model.json "
                "names, and is not read"
            )
        if self.spark_gaps:
            count, first = self.spark_gaps
            yield (
                f"{table}: between the files that model.json names {counted(count, 'part is', 'parts are')} "
                f"left out (the first is {first}): Spark writes none without rows, but if the export was cut "
                "off, members are missing"
            )
