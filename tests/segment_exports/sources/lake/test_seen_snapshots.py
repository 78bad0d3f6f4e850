"""What model.json said of each snapshot: kept as it was last, a file for each table."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from segment_exports.errors import StagingError
from segment_exports.records.staging import Store
from segment_exports.settings import bounds
from segment_exports.sources import Attribute
from segment_exports.sources.lake.model_json import CsvFormat
from segment_exports.sources.lake.seen_snapshots import SeenFile, SeenSnapshot, SeenSnapshots
from segment_exports.sources.lake.storage import FileState

if TYPE_CHECKING:
    from pathlib import Path

COLUMNS = (Attribute("CustomerId", "string"), Attribute("Points", "int64"))
FIRST = SeenSnapshot(
    "High Value",
    "2026/01/05/0500",
    COLUMNS,
    (
        SeenFile("High Value_1.csv", FileState(12, "v1"), CsvFormat(header=True, delimiter=";")),
        SeenFile("High Value_2.csv", None, CsvFormat()),
    ),
)


def test_a_snapshot_goes_through_json_unchanged() -> None:
    for one in (FIRST, replace(FIRST, attributes=None), replace(FIRST, files=())):
        assert SeenSnapshot.from_json("High Value", one.to_json()) == one


def test_what_was_seen_is_remembered_by_folder(tmp_path: Path) -> None:
    seen = SeenSnapshots(Store.local(tmp_path))
    assert seen.of("High Value") == {}
    second = replace(FIRST, folder="2026/01/06/0500", attributes=COLUMNS[:1])
    seen.keep(FIRST, {})
    seen.keep(second, seen.of("High Value"))
    assert SeenSnapshots(Store.local(tmp_path)).of("High Value") == {
        FIRST.folder: FIRST,
        second.folder: second,
    }
    assert seen.of("Other") == {}


def test_the_last_look_counts(tmp_path: Path) -> None:
    seen = SeenSnapshots(Store.local(tmp_path))
    seen.keep(FIRST, {})
    grown = replace(FIRST, files=(replace(FIRST.files[0], state=FileState(20, "v2")),))
    seen.keep(grown, seen.of("High Value"))
    assert seen.of("High Value") == {FIRST.folder: grown}


def test_nothing_is_written_while_nothing_changes(tmp_path: Path) -> None:
    seen = SeenSnapshots(Store.local(tmp_path))
    seen.keep(FIRST, {})
    before = (tmp_path / "snapshots" / "High Value~c11.json").stat().st_mtime_ns
    copied = replace(FIRST, files=(replace(FIRST.files[0], state=FileState(12, "v2")), FIRST.files[1]))
    seen.keep(copied, seen.of("High Value"))
    assert (tmp_path / "snapshots" / "High Value~c11.json").stat().st_mtime_ns == before


@pytest.mark.parametrize(
    "content",
    [
        "",
        '{"attributes": [',
        "[]",
        '{"attributes": [], "snapshots": {"2026/01/05/0500": {"attributes": 0, "files": []}}}',
    ],
)
def test_what_can_not_be_believed_is_told_with_what_to_do(tmp_path: Path, content: str) -> None:
    (tmp_path / "snapshots").mkdir()
    (tmp_path / "snapshots" / "T.json").write_text(content)
    with pytest.raises(StagingError, match=r"T\.json .*Take it away: then no earlier snapshot is known"):
        SeenSnapshots(Store.local(tmp_path)).of("T")


def test_the_oldest_are_forgotten(tmp_path: Path) -> None:
    seen = SeenSnapshots(Store.local(tmp_path))
    folders = [f"{year:04d}/01/05/0500" for year in range(1, bounds.SEEN_SNAPSHOTS + 1)]
    known = {folder: replace(FIRST, folder=folder) for folder in folders}
    newest = replace(FIRST, folder="9000/01/05/0500")
    seen.keep(newest, known)
    assert list(seen.of("High Value")) == [*folders[1:], newest.folder]
