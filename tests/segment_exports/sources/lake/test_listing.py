"""What lies in a table's folder: by snapshot, or nowhere that is read."""

from __future__ import annotations

from typing import TYPE_CHECKING

from segment_exports.sources.lake.listing import Listing
from segment_exports.sources.lake.storage import ExportFolder

if TYPE_CHECKING:
    from pathlib import Path

DAY = "2026/01/05/0500"


def test_files_are_listed_by_snapshot_and_those_of_none_apart(tmp_path: Path) -> None:
    for path, content in {
        f"{DAY}/T_1.csv": "1,a@x.example\n",
        f"{DAY}/T_2.csv": "",
        f"{DAY}/deeper/T_3.csv": "1,a@x.example\n",
        f"{DAY}/nothing.txt": "",
        f"{DAY}/_SUCCESS": "ok",
        "T_4.csv": "1,a@x.example\n",
        "2026/01/05/T_5.csv": "1,a@x.example\n",
        "_delta_log/0.json": "{}",
        "T.manifest.cdm.json": "{}",
        "empty.csv": "",
    }.items():
        (tmp_path / "T" / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "T" / path).write_text(content)
    found = Listing.of(ExportFolder.local(tmp_path), "T")
    assert {folder: sorted(files) for folder, files in found.snapshots.items()} == {
        DAY: ["T_1.csv", "T_2.csv", "deeper/T_3.csv"]
    }
    assert found.elsewhere == ("T/2026/01/05/T_5.csv", "T/T_4.csv")
