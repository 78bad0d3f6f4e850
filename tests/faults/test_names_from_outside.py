"""Run ids, segments and lists of any name: runs are green, and what they left is found by the next."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pytest
from airflow.sdk.io import attach
from fsspec.implementations.memory import MemoryFileSystem
from tests.faults.export_run import RunningExport
from tests.faults.lake_folder import LakeFolder, people
from tests.stands.alone import Why

from segment_exports.errors import StagingError
from segment_exports.records.storing.file_names import earlier_file_name, file_name
from segment_exports_airflow.operators.export import CheckDestinationOperator

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.stands.account_stand import AccountStand

pytestmark = pytest.mark.alone(Why.STAGING)

SETTINGS: dict[str, Any] = {
    "segments": ["Gold"],
    "mapping": {"Email": "EMail"},
    "guards": {"min_count": 1000},
    "destination": {"membership": "list"},
    "when_member_leaves": "remove",
}
LONGEST_RUN_ID = 250
"""Of Airflow, which takes A-Za-z0-9_.~:+-."""
LONGEST_PATH = 4095
"""Of Linux."""
RUNS = [
    "a" * LONGEST_RUN_ID,
    ":+" * (LONGEST_RUN_ID // 2),
    "~" * LONGEST_RUN_ID,
    "." * LONGEST_RUN_ID,
    f"manual__2026-11-27T05:00:00+00:00_{'aB3~'.ljust(LONGEST_RUN_ID - 34, '-')}",
    "..",
    "_accounts",
    "CON",
    "aux.txt",
    "-rf",
]
SEGMENTS = [
    "Gold",
    "gold",
    "GOLD",
    "gold.",
    "Gold~c1",
    "Постоянные покупатели, которые давно ничего не брали",
    "😀" * 60,
    "長" * 80,
    "e\u0301te",
    "\u00e9te",
    "CON",
    "nul",
    "aux.txt",
    "desktop.ini",
    "-rf",
    "~root",
    "50% off",
    "x" * 200,
]


class Named(RunningExport):
    """An export whose runs have ids that somebody chose."""

    run_id = "manual__1"

    @property
    def last_run(self) -> str:
        return self.run_id


@pytest.fixture(params=["disk", "object store"])
def export(
    request: pytest.FixtureRequest,
    tmp_path: Path,
    stand: AccountStand,
    monkeypatch: pytest.MonkeyPatch,
    short_waits: None,
) -> Iterator[Named]:
    made = Named(tmp_path, stand, monkeypatch, SETTINGS)
    if request.param == "disk":
        yield made
        return
    attach(protocol="memory", fs=MemoryFileSystem())
    monkeypatch.setenv("SEGMENT_EXPORTS_STAGING", f"memory://names/{tmp_path.name}")
    yield made
    MemoryFileSystem().rm("/names", recursive=True)


@pytest.mark.parametrize("run_id", RUNS)
def test_a_run_of_any_id_is_settled_and_the_next_one_goes_on_from_it(export: Named, run_id: str) -> None:
    lake = LakeFolder(export.lake)
    lake.write(1, {"Gold": people(1, 2)})
    export.run_id = run_id
    first = export.run()
    assert (first.red, first.errors) == (False, [])
    assert first.report
    assert first.report.run_id == run_id
    lake.write(2, {"Gold": people(2)})
    export.run_id = "manual__next"
    second = export.run()
    assert (second.red, second.errors) == (False, [])
    assert second.report
    assert second.report.operations["leave"].delivered == 1
    assert export.stand.members("Gold") == {"p2@example.com"}


@pytest.mark.parametrize("run_id", [RUNS[0], RUNS[4]])
def test_a_run_of_any_id_that_died_before_its_end_is_settled_by_the_next(export: Named, run_id: str) -> None:
    lake = LakeFolder(export.lake)
    lake.write(1, {"Gold": people(1, 2)})
    export.run_id = run_id
    assert export.run(settle=False).errors == []
    lake.write(2, {"Gold": people(2)})
    export.run_id = "manual__next"
    second = export.run()
    assert (second.red, second.errors) == (False, [])
    assert second.report
    assert second.report.contacts.unchanged == 1
    assert second.report.operations["leave"].delivered == 1
    assert export.stand.members("Gold") == {"p2@example.com"}


def test_segments_of_any_name_are_delivered_each_to_its_own_list(export: Named) -> None:
    lake = LakeFolder(export.lake)
    export.define(SETTINGS | {"segments": SEGMENTS})
    everybody = {name: people(number) for number, name in enumerate(SEGMENTS)}
    lake.write(1, everybody)
    for run_id in ("manual__1", "manual__2"):
        export.run_id = run_id
        result = export.run()
        assert (result.red, result.errors) == (False, [])
    assert result.report
    assert result.report.contacts.unchanged == len(SEGMENTS)
    assert {name: export.stand.members(name) for name in SEGMENTS} == {
        name: {one.EMail for one in profiles} for name, profiles in everybody.items()
    }


def test_what_was_kept_under_earlier_names_is_found(
    tmp_path: Path, stand: AccountStand, monkeypatch: pytest.MonkeyPatch, short_waits: None
) -> None:
    export = Named(tmp_path, stand, monkeypatch, SETTINGS)
    lake = LakeFolder(export.lake)
    export.run_id = "By_Ann"
    lake.write(1, {"Gold": people(1, 2, 3)})
    assert export.run(settle=False).errors == []
    renamed = [give_its_earlier_name(export.staging, text) for text in (export.run_id, "Gold")]
    assert min(renamed) > 1
    lake.write(2, {"Gold": people(2, 3)})
    export.run_id = "manual__next"
    second = export.run()
    assert (second.red, second.errors) == (False, [])
    assert second.report
    assert second.report.contacts.unchanged == 2
    assert stand.members("Gold") == {"p2@example.com", "p3@example.com"}


def give_its_earlier_name(staging: Path, text: str) -> int:
    """Rename all that is named for a text as it was named once; return how much that was."""
    name, earlier = file_name(text), earlier_file_name(text)
    assert earlier == quote(text)
    found = [path for path in staging.rglob("*") if path.stem.removeprefix("0000000001-") == name]
    for path in sorted(found, reverse=True):
        path.rename(path.with_name(path.name.replace(name, earlier)))
    return len(found)


def test_a_disk_that_takes_no_such_path_is_told_by_the_first_step(
    tmp_path: Path, stand: AccountStand, monkeypatch: pytest.MonkeyPatch, short_waits: None
) -> None:
    """A run's own folder still fits there, and what lies in it doesn't."""
    deep = tmp_path / "staging"
    while len(str(deep)) < LONGEST_PATH - 300:
        deep /= "d" * 100
    deep /= "d" * (LONGEST_PATH - 130 - len(str(deep)))
    export = Named(tmp_path, stand, monkeypatch, SETTINGS)
    LakeFolder(export.lake).write(1, {"Gold": people(1)})
    monkeypatch.setenv("SEGMENT_EXPORTS_STAGING", str(deep))
    export.run_id = "manual__1"
    context = export.context(export.run_id, {}, "check_destination")
    with pytest.raises(StagingError, match=r"takes no path or name of that length.*names the staging"):
        CheckDestinationOperator(task_id="t", export=export.name).execute(context)
    assert not stand.writes()
