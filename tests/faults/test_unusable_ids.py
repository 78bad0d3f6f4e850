"""A server, or a cache before it, answers addresses or garbage for ids: nothing of that is kept."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from tests.faults.export_run import RunningExport
from tests.faults.lake_folder import LakeFolder, people
from tests.stands.alone import Why

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.stands.account_stand import AccountStand

pytestmark = pytest.mark.alone(Why.BODIES)

SETTINGS = {"segments": ["Gold"], "mapping": {"Email": "EMail"}, "guards": {"min_count": 1000}}
READERS = people(*range(40))


@pytest.fixture
def export(
    tmp_path: Path, stand: AccountStand, monkeypatch: pytest.MonkeyPatch, short_waits: None
) -> RunningExport:
    settings = SETTINGS | {"destination": {"membership": "field"}}
    export = RunningExport(tmp_path, stand, monkeypatch, settings)
    LakeFolder(export.lake).write(1, {"Gold": READERS})
    return export


@pytest.fixture
def give_ids(
    stand: AccountStand, monkeypatch: pytest.MonkeyPatch
) -> Callable[[Callable[[str], str | None]], None]:
    """Let the account give contacts ids by their address; None leaves one as it would be."""
    usual = stand.emulator.account._new_id

    def give(id_of: Callable[[str], str | None]) -> None:
        monkeypatch.setattr(
            stand.emulator.account, "_new_id", lambda kind, name: id_of(name) or usual(kind, name)
        )

    return give


def held(folder: Path, text: str) -> list[str]:
    """Names of the files of the ledger, the history and the receipts, and of reports, that hold a text."""
    kept = [*folder.rglob("ledger/**/*"), *folder.rglob("history/**/*"), *folder.rglob("receipts/**/*")]
    kept += folder.rglob("report.json")
    return [file.name for file in kept if file.is_file() and text.encode() in file.read_bytes()]


def test_addresses_for_ids_are_kept_nowhere(export: RunningExport, give_ids, caplog) -> None:
    give_ids(lambda email: email)
    caplog.set_level("DEBUG")

    run = export.run(retries=0)

    assert run.red
    assert "without a usable 'email_contact_map'" in " ".join(run.errors)
    assert run.report.contacts.rejected == 0
    assert held(export.staging, "@example.com") == []
    assert "@example.com" not in caplog.text + json.dumps(run.errors)


def test_one_bad_id_among_many_leaves_that_contact_open_and_the_others_delivered(
    export: RunningExport, stand: AccountStand, give_ids
) -> None:
    odd = READERS[17].EMail
    give_ids(lambda email: "../account\x1b[2J" if email == odd else None)

    run = export.run(retries=1)

    assert run.red
    assert (run.report.contacts.delivered, run.report.contacts.rejected) == (len(READERS) - 1, 0)
    assert run.report.contacts.failed == 1, "it may have been taken, and nobody knows as whom"
    assert held(export.staging, "\x1b[2J") == []
    give_ids(lambda _: None)
    stand.staff.delete_contact(odd)
    assert not export.run().red
    assert stand.addresses() == {one.EMail for one in READERS}
