"""The first step: nothing is read or sent unless the staging can be written, and is the one of before."""

from __future__ import annotations

import errno
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from tests.segment_exports_airflow.planned_run import RUN_ID, PlannedRuns, context_of

from segment_exports.errors import LedgerError, StagingError
from segment_exports_airflow.operators.export import CheckDestinationOperator

if TYPE_CHECKING:
    from segment_emulators.autopilot import AutopilotEmulator

pytestmark = pytest.mark.usefixtures("account")


@pytest.fixture
def staging(tmp_path: Path, account: str, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The staging of an export whose run was planned."""
    PlannedRuns(tmp_path, monkeypatch).plan()
    return tmp_path / "staging"


def check(*sent: str, **params: Any) -> Any:
    """Check the destination where Airflow knows of runs that they sent."""
    context, asked = context_of(**params), ("export_newsletter", 0, ["upload_duties", "upload"])

    def get_task_states(dag_id: str, *, map_index: int, task_ids: list[str]) -> dict[str, Any]:
        assert (dag_id, map_index, task_ids) == asked
        return {run_id: {"upload_0": "success"} for run_id in sent}

    context["ti"].get_task_states = get_task_states
    return CheckDestinationOperator(task_id="check_destination", export="newsletter").execute(context)


class TestWriting:
    @pytest.mark.parametrize("folder", ["newsletter", "newsletter/lease", "_accounts", "newsletter/runs"])
    def test_a_folder_that_takes_no_file_is_told_before_anything_is_asked(
        self, staging: Path, emulator: AutopilotEmulator, monkeypatch: pytest.MonkeyPatch, folder: str
    ) -> None:
        """Such as one that another user made, or one on a full disk."""
        write = Path.write_bytes

        def refuse(path: Path, data: bytes) -> int:
            if path.is_relative_to(staging / folder):
                raise PermissionError(errno.EACCES, "Permission denied", str(path))
            return write(path, data)

        asked = len(emulator.log.entries)
        monkeypatch.setattr(Path, "write_bytes", refuse)
        with pytest.raises(
            StagingError, match=rf"{staging / folder}/.* is not permitted to\. SEGMENT_EXPORTS_"
        ):
            check()

        assert len(emulator.log.entries) == asked

    def test_trying_leaves_nothing_behind(self, staging: Path) -> None:
        check()
        assert not list(staging.rglob(".*"))


class TestStagingOfAnother:
    def test_an_empty_one_of_an_export_that_has_delivered_is_not_believed(
        self, staging: Path, emulator: AutopilotEmulator
    ) -> None:
        shutil.rmtree(staging)
        asked = len(emulator.log.entries)
        with pytest.raises(
            LedgerError, match=rf"{staging}/newsletter holds nothing of run {RUN_ID} .* Airflow knows uploads"
        ) as told:
            check(RUN_ID)

        assert "It holds no ledger: is the volume mounted, and is SEGMENT_EXPORTS_STAGING" in str(told.value)
        assert len(emulator.log.entries) == asked

    def test_a_dry_run_does_not_believe_it_either(self, staging: Path) -> None:
        shutil.rmtree(staging)
        with pytest.raises(LedgerError, match="is the volume mounted"):
            check(RUN_ID, dry_run=True)

    def test_a_full_resync_that_reads_the_lists_back_confirms_that_it_is_made_anew(
        self, staging: Path
    ) -> None:
        shutil.rmtree(staging)
        check(RUN_ID, full_resync=True, reconcile=True)

    @pytest.mark.parametrize("alone", ["full_resync", "reconcile"])
    def test_neither_does_by_itself_since_who_withdrew_would_stay_on_lists(
        self, staging: Path, alone: str
    ) -> None:
        shutil.rmtree(staging)
        with pytest.raises(LedgerError, match="a run with full_resync and reconcile makes it anew"):
            check(RUN_ID, **{alone: True})

    def test_one_that_knows_of_a_run_is_the_one(self, staging: Path) -> None:
        check(RUN_ID)

    def test_an_older_one_lacks_the_run_that_came_after_it(
        self, staging: Path, emulator: AutopilotEmulator
    ) -> None:
        asked = len(emulator.log.entries)
        with pytest.raises(LedgerError, match=r"newsletter holds nothing of run manual__2 of the export"):
            check(RUN_ID, "manual__2")

        assert len(emulator.log.entries) == asked

    def test_a_run_that_is_cleared_and_whose_files_are_gone_is_stopped_each_time(self, staging: Path) -> None:
        """What the first stop leaves of it in the staging is no knowledge of what it sent."""
        shutil.rmtree(staging)
        for _ in range(2):
            with pytest.raises(LedgerError, match=f"holds nothing of run {RUN_ID}"):
                check(RUN_ID)

    def test_a_first_run_has_an_empty_one(self, staging: Path) -> None:
        shutil.rmtree(staging)
        check()
