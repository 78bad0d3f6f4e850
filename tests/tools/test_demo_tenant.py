"""The demo's tenant is as old as yesterday, and the same people whatever the day."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import TYPE_CHECKING

import pytest

from demo_tenant import write_lake

if TYPE_CHECKING:
    from pathlib import Path

AT_NOON = datetime(2026, 3, 29, 12, tzinfo=UTC)
"""Much of Europe sets its clocks forward on that day."""


def written_at(now: datetime, folder: Path) -> dict[str, bytes]:
    write_lake(folder, customers=60, now=now)
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*.csv")}


def days(files: dict[str, bytes]) -> set[str]:
    return {"/".join(name.split("/")[3:7]) for name in files}


@pytest.mark.parametrize(
    ("now", "yesterday", "the_day_before"),
    [
        (AT_NOON, "2026/03/28/0500", "2026/03/27/0500"),
        (AT_NOON.replace(hour=0, minute=0), "2026/03/28/0500", "2026/03/27/0500"),
        (AT_NOON.replace(hour=23, minute=59), "2026/03/28/0500", "2026/03/27/0500"),
        (datetime(2026, 3, 29, 1, tzinfo=timezone(timedelta(hours=9))), "2026/03/27/0500", "2026/03/26/0500"),
        (datetime(2028, 3, 1, 4, tzinfo=UTC), "2028/02/29/0500", "2028/02/28/0500"),
    ],
    ids=["noon", "midnight", "before midnight", "east of Greenwich, where the date is another", "leap day"],
)
def test_the_newest_snapshot_is_of_yesterday(
    tmp_path: Path, now: datetime, yesterday: str, the_day_before: str
) -> None:
    assert days(written_at(now, tmp_path)) == {yesterday, the_day_before}


def test_on_another_day_the_same_people_are_in_it(tmp_path: Path) -> None:
    today = written_at(AT_NOON, tmp_path / "today")
    later = written_at(AT_NOON + timedelta(days=100), tmp_path / "later")

    assert today.keys() != later.keys()
    assert sorted(today.values()) == sorted(later.values())


def test_the_clock_of_the_machine_is_the_default(tmp_path: Path) -> None:
    before = datetime.now(UTC)
    write_lake(tmp_path, customers=60)
    after = datetime.now(UTC)

    found = days({path.relative_to(tmp_path).as_posix(): b"" for path in tmp_path.rglob("*.csv")})
    yesterdays = {f"{now - timedelta(days=1):%Y/%m/%d}/0500" for now in (before, after)}
    assert max(found) in yesterdays
