"""A whole staging that is restored from an older backup: nothing is sent until that is made up for."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest
from tests.faults.export_run import RunningExport
from tests.faults.lake_folder import LakeFolder, people

if TYPE_CHECKING:
    from pathlib import Path

    from tests.stands.account_stand import AccountStand

REFUSES = 36
"""Whom the run after the backup put on the list, and who has refused since."""
RETURNS = 2
"""Whom that run took off the list, and who is in the segment again."""
ALLOWED = sorted({*range(5, 40), RETURNS} - {REFUSES})


pytestmark = pytest.mark.ways("list", "field")


@pytest.fixture
def export(
    way: str,
    tmp_path: Path,
    stand: AccountStand,
    monkeypatch: pytest.MonkeyPatch,
    short_waits: None,
) -> RunningExport:
    """One whose staging is that of before its second run, of which Airflow knows."""
    settings = {
        "destination": {"membership": way},
        "segments": [{"name": "Gold", "list": "Gold"}],
        "mapping": {"Email": "EMail"},
        "permission": {"attribute": "Subscriber", "equals": "Yes"},
        "when_member_leaves": "remove",
    }
    export = RunningExport(tmp_path, stand, monkeypatch, settings)
    lake, backup = LakeFolder(export.lake), tmp_path / "backup"
    lake.write(1, {"Gold": people(*range(30))})
    assert not export.run().red
    shutil.copytree(export.staging, backup)
    lake.write(2, {"Gold": people(*range(5, 40))})
    assert not export.run().red
    export.staging.rename(tmp_path / "newest")
    shutil.copytree(backup, export.staging)
    lake.write(3, {"Gold": [*people(*ALLOWED), *people(REFUSES, Subscriber="No")]})
    return export


def test_every_run_stops_and_names_the_run_that_is_missing(
    export: RunningExport, stand: AccountStand
) -> None:
    lost, before = export.last_run, stand.listed("Gold")

    for options in ({}, {"dry_run": True}, {"reconcile": True}, {}):
        result = export.run(**options)

        assert result.report is not None
        (reason,) = result.report.red_reasons
        assert f"holds nothing of run {lost} of the export newsletter, of which Airflow knows" in reason
        assert "was an older backup restored" in reason

    assert stand.listed("Gold") == before


def test_a_resync_that_reads_the_lists_back_makes_up_for_it_once_and_for_all(
    export: RunningExport, stand: AccountStand
) -> None:
    result = export.run(full_resync=True, reconcile=True)

    assert not result.red, result.report.red_reasons
    assert stand.listed("Gold") == {f"p{one}@example.com" for one in ALLOWED}
    again = export.run()
    assert (again.red, again.attempts) == (False, 0)


def test_one_that_could_not_judge_everybody_leaves_runs_red(
    export: RunningExport, stand: AccountStand
) -> None:
    export.run(full_resync=True, reconcile=True, sample=1)

    assert "nobody knows whom the one before put on a list" in str(export.run().report.red_reasons)
    assert not export.run(reconcile=True).red
    assert f"p{REFUSES}@example.com" not in stand.listed("Gold")
    assert not export.run().red


def test_the_newest_staging_is_believed_again(
    export: RunningExport, stand: AccountStand, tmp_path: Path
) -> None:
    """Although it knows nothing of the runs that were stopped meanwhile."""
    assert export.run().red
    shutil.rmtree(export.staging)
    (tmp_path / "newest").rename(export.staging)

    assert not export.run().red

    assert stand.listed("Gold") == {f"p{one}@example.com" for one in ALLOWED}
