"""Which files are parts of a table, by their names: ``<Table>_<n>``, Spark's ``part-<n>``, or another form.

Whoever exports writes a table in parts. A part that isn't read is people who are lost, or a refusal.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from segment_exports.sources.lake.locations import SnapshotFile

_SPARK = re.compile(r"part-(?:[a-z]-)?([0-9]{1,9})(?![0-9])", re.IGNORECASE)
_DIGITS = re.compile(r"[0-9]+")


def number_of(file: SnapshotFile) -> int | None:
    """Return *n* of a file ``<Table>_<n>``, whatever its ending and letter case; None for another name."""
    match = re.fullmatch(re.escape(file.table) + r"_([0-9]{1,6})(\..*)?", _name(file), re.IGNORECASE)
    return int(match[1]) if match else None


def left_out_numbers(files: Iterable[SnapshotFile]) -> list[str]:
    """Return the names that are left out of numbered files of one table, which begin with 0 or 1."""
    numbered = {number: file.table for file in files if (number := number_of(file)) is not None}
    if not numbered:
        return []
    wanted = range(min(1, *numbered), max(numbered)) if len(numbered) > 1 else range(1, max(numbered))
    table = next(iter(numbered.values()))
    return [f"{table}_{number}.csv" for number in wanted if number not in numbered]


def left_out_of_spark(files: Iterable[SnapshotFile]) -> tuple[int, str] | None:
    """Return (how many, the first) of Spark's numbers that are left out below the highest; None for none."""
    numbers = {int(match[1]) for file in files if (match := _SPARK.match(_name(file)))}
    count = max(numbers, default=-1) + 1 - len(numbers)
    if not count:
        return None
    return count, f"part-{next(number for number in range(max(numbers)) if number not in numbers):05d}"


def parts_beside(named: Sequence[SnapshotFile], unnamed: Iterable[SnapshotFile]) -> list[SnapshotFile]:
    """Return the files that plainly are parts of the table beside those that are named.

    That is, by name: numbered as the table's files or as Spark's are, or like a named file but for its
    numbers; where none is named, each. Not one that has the name of a named file and another ending: that is
    the same once more.
    """
    stems, forms = {_stem(file) for file in named}, {_form(file) for file in named}
    return [
        file
        for file in unnamed
        if _stem(file) not in stems
        and (
            not named
            or number_of(file) is not None
            or _SPARK.match(file.name) is not None
            or ("0" in _form(file) and _form(file) in forms)
        )
    ]


def _name(file: SnapshotFile) -> str:
    return file.name.rpartition("/")[2]


def _stem(file: SnapshotFile) -> str:
    return _name(file).partition(".")[0].casefold()


def _form(file: SnapshotFile) -> str:
    """Return a name without ending, letter case and numbers."""
    return _DIGITS.sub("0", _stem(file))
