"""An export moves from Autopilot to Ortto: the move, and the first export, which mails no refuser."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from tests.faults.export_run import RunningExport
from tests.faults.lake_folder import LakeFolder, people
from tests.stands import ortto
from tests.stands.alone import Why
from tests.stands.autopilot import AutopilotStand

from segment_exports_airflow.cli import subcommands

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.stands.account_stand import AccountStand

    from segment_emulators.autopilot import AutopilotEmulator

pytestmark = pytest.mark.alone(Why.MOVING)

READERS = people(*range(12))
EVERYBODY = {one.EMail for one in READERS}
REFUSED = {one.EMail for one in READERS[:5]}
SETTINGS = {
    "segments": ["Readers"],
    "mapping": {"Email": "EMail", "FirstName": "FirstName"},
    "guards": {"min_count": 1000},
}


@pytest.fixture(scope="module")
def served_ortto() -> Iterator[AccountStand]:
    with ortto.serve() as stand:
        yield stand


@pytest.fixture
def export(
    tmp_path: Path,
    emulator: AutopilotEmulator,
    served_ortto: AccountStand,
    monkeypatch: pytest.MonkeyPatch,
    short_waits: None,
) -> RunningExport:
    """An export that was delivered to Autopilot, where some unsubscribed since, and goes to Ortto now."""
    served_ortto.reset()
    before = AutopilotStand(emulator)
    old = RunningExport(tmp_path, before, monkeypatch, SETTINGS)
    LakeFolder(old.lake).write(1, {"Readers": READERS})
    assert not old.run().red
    for email in REFUSED:
        emulator.staff.unsubscribe(email)
    return RunningExport(tmp_path, served_ortto, monkeypatch, SETTINGS)


def move(export: RunningExport) -> int:
    arguments = ["--staging", str(export.staging), export.name, export.stand.connection_id, "--apply"]
    return subcommands.move(arguments)


def test_after_the_move_the_first_export_mails_nobody_who_refused(export: RunningExport) -> None:
    assert move(export) == 0
    assert export.stand.addresses() == export.stand.unsubscribed() == REFUSED

    result = export.run()

    assert not result.red, result.report.red_reasons
    assert export.stand.addresses() == EVERYBODY
    assert export.stand.unsubscribed() == REFUSED
    assert result.report.contacts.delivered == len(READERS), "the ledger of Autopilot is not Ortto's"
    assert not (again := export.run()).red
    assert again.report.contacts.unchanged == len(READERS)
    assert export.stand.unsubscribed() == REFUSED


def test_without_it_they_would_be_mailed_which_is_why_there_is_a_move(export: RunningExport) -> None:
    export.run()

    assert export.stand.unsubscribed() == set()


def test_moving_after_the_first_export_mends_it(export: RunningExport) -> None:
    export.run()

    assert move(export) == 0

    assert export.stand.unsubscribed() == REFUSED
    assert not export.run().red
    assert export.stand.unsubscribed() == REFUSED


def test_the_note_is_of_this_export_and_this_account(export: RunningExport) -> None:
    move(export)

    (note,) = export.staging.glob("_accounts/*/moved/*.json")
    assert note.parts[-3:] == (export.stand.connection_id, "moved", "newsletter.json")
    told = json.loads(note.read_text())
    assert (told["from_connection"], told["unsubscribed"]) == ("autopilot_default", len(REFUSED))
    assert told["contacts"] == len(READERS)


def test_while_a_run_delivers_there_nothing_is_moved(
    export: RunningExport, capsys: pytest.CaptureFixture[str]
) -> None:
    """One person in two requests at once may become two people."""
    codes: list[int] = []

    export.run(before_upload=lambda: codes.append(move(export)))

    assert codes == [1]
    assert "of newsletter delivers to ortto_default, or was killed while it did" in capsys.readouterr().err
    assert not list(export.staging.glob("_accounts/*/moved/*.json"))
    assert move(export) == 0
