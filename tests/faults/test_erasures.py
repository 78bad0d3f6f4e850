"""Somebody is erased at any moment of a run: nothing of them is sent after that, and what was sent ends."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest
from tests.faults.export_run import RunningExport
from tests.faults.lake_folder import LakeFolder, Profile
from tests.stands.account_stand import Place

from segment_emulators.account_api.faults import Fault, FaultKind
from segment_exports.commands.erasing.erasure import erase
from segment_exports.records.keyed_hash import KeyedHasher
from segment_exports.records.staging import Store

if TYPE_CHECKING:
    from pathlib import Path

    from tests.stands.account_stand import AccountStand

pytestmark = pytest.mark.ways("list", "bulk", "field")

PEOPLE = [Profile(f"customer{number}", f"reader{number}@example.com") for number in range(8)]
ERASED = PEOPLE[5]


@pytest.fixture
def export(
    way: str,
    tmp_path: Path,
    stand: AccountStand,
    monkeypatch: pytest.MonkeyPatch,
    short_waits: None,
) -> RunningExport:
    settings = {
        "segments": ["Readers"],
        "mapping": {"Email": "EMail"},
        "guards": {"min_count": 1000},
        "destination": {"membership": way},
    }
    stand.join_in_upserts()
    export = RunningExport(tmp_path, stand, monkeypatch, settings)
    LakeFolder(export.lake).write(1, {"Readers": PEOPLE})
    return export


def erase_one(export: RunningExport, *, by: str = "address") -> None:
    hasher = KeyedHasher(os.environ["AIRFLOW_VAR_AUTOPILOT_LEDGER_SECRET"])
    known = {"address": {"emails": [ERASED.EMail]}, "customer": {"customer_ids": [ERASED.CustomerId]}}[by]
    erase(Store.local(export.staging), hasher, **known, now=datetime.now(UTC))


def everybody_else() -> set[str]:
    return {one.EMail for one in PEOPLE} - {ERASED.EMail}


@pytest.mark.parametrize("by", ["address", "customer"])
def test_between_plan_and_upload(export: RunningExport, stand: AccountStand, by: str) -> None:
    run = export.run(before_upload=lambda: erase_one(export, by=by))

    assert stand.addresses() == stand.listed("Readers") == everybody_else()
    assert run.report is not None
    assert not run.report.red, run.report.red_reasons
    assert "2 operations were not sent, since who is concerned was erased" in " ".join(run.report.warnings)
    assert (run.report.contacts.delivered, run.report.contacts.not_sent) == (7, 1)
    assert not export.run().report.red


def test_before_a_failed_upload_is_cleared(export: RunningExport, stand: AccountStand) -> None:
    """The run was settled in between, days may have passed."""
    key = stand.emulator.api_key
    assert export.run(before_upload=stand.emulator.revoke_key).red
    erase_one(export)
    stand.emulator.rotate_key(key)
    export.connect()

    cleared = export.clear_upload(export.last_run)

    assert stand.addresses() == everybody_else()
    assert not cleared.report.red, cleared.report.red_reasons


def test_between_two_attempts_at_an_upload(export: RunningExport, stand: AccountStand) -> None:
    stand.emulator.inject(Fault(kind=FaultKind.ERROR, status=503, times=40, **stand.at(Place.UPSERT)))

    def mend() -> None:
        stand.emulator.inject()
        erase_one(export)

    export.run(between_attempts=mend)

    assert stand.addresses() == stand.listed("Readers") == everybody_else()


def test_after_half_of_it_was_sent_the_next_run_takes_the_person_off(
    export: RunningExport, stand: AccountStand
) -> None:
    """What was sent in the moment before is at the account, and ends with the next run."""
    export.run()
    assert ERASED.EMail in stand.listed("Readers")
    erase_one(export)

    assert not export.run().report.red
    assert stand.listed("Readers") == everybody_else()
