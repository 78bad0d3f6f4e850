"""The result of a check as plain text for a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from segment_exports.sieve.visible import in_one_line

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from segment_exports.commands.checking.check_result import CheckResult, SegmentCheck

_HEADINGS = ("segment", "list", "snapshot (UTC)", "rows", "with address", "size")
_RIGHT = (False, False, False, True, True, True)


def written(results: Sequence[CheckResult], folder: Path) -> str:
    """Return the results as text: per export its problems, notes and a table of what would be read."""
    if not results:
        return f"No definitions in {folder}\n"
    bad = sum(not result.is_good for result in results)
    total = f"{len(results)} export{'s' if len(results) > 1 else ''} checked, {bad or 'none'} with errors"
    return "\n\n".join([*(_one(result) for result in results), total]) + "\n"


def _one(result: CheckResult) -> str:
    lines = [f"{result.export}: {'good' if result.is_good else 'WOULD NOT RUN'}"]
    for mark, texts in (("error", result.problems), ("note", result.notes)):
        lines += [f"  {mark}: " + text.replace("\n", "\n    ") for text in texts]
    return "\n".join(lines + _table(result.segments))


def _table(segments: Sequence[SegmentCheck]) -> list[str]:
    if not segments:
        return []
    rows = [_HEADINGS, *(tuple(map(in_one_line, _cells(one))) for one in segments)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(_HEADINGS))]
    return ["  " + "  ".join(map(_aligned, row, widths, _RIGHT)).rstrip() for row in rows]


def _aligned(text: str, width: int, right: bool) -> str:
    return text.rjust(width) if right else text.ljust(width)


def _cells(one: SegmentCheck) -> tuple[str, ...]:
    return (
        one.name,
        one.list,
        f"{one.snapshot:%Y-%m-%d %H:%M}" if one.snapshot else "-",
        _number(one.rows),
        _number(one.rows_with_address),
        "-" if one.size_bytes is None else f"{one.size_bytes / 1e6:,.1f} MB",
    )


def _number(count: int | None) -> str:
    return "-" if count is None else f"{count:,}"
