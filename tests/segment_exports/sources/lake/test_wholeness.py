from __future__ import annotations

import time
from zoneinfo import ZoneInfo

from segment_exports.sources import Attribute
from segment_exports.sources.lake.model_json import CsvFormat
from segment_exports.sources.lake.seen_snapshots import SeenFile, SeenSnapshot
from segment_exports.sources.lake.storage import FileState
from segment_exports.sources.lake.wholeness import LakeRules, Wholeness

FOLDER = "2026/01/05/0500"


def test_a_snapshot_of_many_files_is_judged_soon() -> None:
    """Each file was looked for among all that model.json names: 8,000 took four seconds a look."""
    there = {f"T_{number}.csv": FileState(10) for number in range(1, 40_001)}
    named = tuple(SeenFile(name, there[name], CsvFormat()) for name in list(there)[:20_000])
    current = SeenSnapshot("T", FOLDER, (Attribute("CustomerId", "string"),), named)
    begun = time.perf_counter()
    known = Wholeness("T", {FOLDER: there}, LakeRules(), ZoneInfo("UTC")).judge(current, {})
    assert time.perf_counter() - begun < 15
    assert known.newest_lacks is not None
    assert known.newest_lacks.startswith(
        "model.json doesn't name what lies beside the files that it names: T"
    )
    assert len(known.newest_lacks) < 5_000
