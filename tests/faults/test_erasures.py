"""Somebody is erased at any moment of a run: nothing of them is sent after that, and what was sent ends."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest
from tests.faults.export_run import RunningExport
from tests.faults.lake_folder import LakeFolder, Profile

from segment_emulators.account_api.faults import Fault, FaultKind
from segment_exports.commands.erasure import erase
from segment_exports.records.keyed_hash import KeyedHasher
from segment_exports.records.staging import Store

if TYPE_CHECKING:
    from pathlib import Path

    from segment_emulators.autopilot import AutopilotEmulator

WAYS = ["list", "bulk", "field"]
PEOPLE = [Profile(f"customer{number}", f"reader{number}@example.com") for number in range(8)]
ERASED = PEOPLE[5]


@pytest.fixture(params=WAYS)
def export(
    request: pytest.FixtureRequest,
    tmp_path: Path,
    emulator: AutopilotEmulator,
    monkeypatch: pytest.MonkeyPatch,
    short_waits: None,
) -> RunningExport:
    settings = {
        "segments": ["Readers"],
        "mapping": {"Email": "EMail"},
        "guards": {"min_count": 1000},
        "destination": {"membership": request.param},
    }
    emulator.switch(list_in_bulk="honoured")
    export = RunningExport(tmp_path, emulator, monkeypatch, settings)
    LakeFolder(export.lake).write(1, {"Readers": PEOPLE})
    return export


def erase_one(export: RunningExport, *, by: str = "address") -> None:
    hasher = KeyedHasher(os.environ["AIRFLOW_VAR_AUTOPILOT_LEDGER_SECRET"])
    known = {"address": {"emails": [ERASED.EMail]}, "customer": {"customer_ids": [ERASED.CustomerId]}}[by]
    erase(Store.local(export.staging), hasher, **known, now=datetime.now(UTC))


def members(emulator: AutopilotEmulator) -> set[str]:
    """Addresses that are on the list, or have the field that stands for it."""
    fields = {
        email
        for email, one in emulator.account.contacts_by_email().items()
        if any(field["value"] is True for field in one.get("custom_fields", []))
    }
    return emulator.account.members("Readers") | fields


def everybody_else() -> set[str]:
    return {one.EMail for one in PEOPLE} - {ERASED.EMail}


@pytest.mark.parametrize("by", ["address", "customer"])
def test_between_plan_and_upload(export: RunningExport, emulator: AutopilotEmulator, by: str) -> None:
    run = export.run(before_upload=lambda: erase_one(export, by=by))

    assert set(emulator.account.contacts_by_email()) == members(emulator) == everybody_else()
    assert run.report is not None
    assert not run.report.red, run.report.red_reasons
    assert "2 operations were not sent, since who is concerned was erased" in " ".join(run.report.warnings)
    assert (run.report.contacts.delivered, run.report.contacts.not_sent) == (7, 1)
    assert not export.run().report.red


def test_before_a_failed_upload_is_cleared(export: RunningExport, emulator: AutopilotEmulator) -> None:
    """The run was settled in between, days may have passed."""
    key = emulator.api_key
    assert export.run(before_upload=emulator.revoke_key).red
    erase_one(export)
    emulator.rotate_key(key)
    export.connect()

    cleared = export.clear_upload(export.last_run)

    assert set(emulator.account.contacts_by_email()) == everybody_else()
    assert not cleared.report.red, cleared.report.red_reasons


def test_between_two_attempts_at_an_upload(export: RunningExport, emulator: AutopilotEmulator) -> None:
    emulator.inject(Fault(kind=FaultKind.ERROR, status=503, path="^/contacts$", times=40))

    def mend() -> None:
        emulator.inject()
        erase_one(export)

    export.run(between_attempts=mend)

    assert set(emulator.account.contacts_by_email()) == members(emulator) == everybody_else()


def test_after_half_of_it_was_sent_the_next_run_takes_the_person_off(
    export: RunningExport, emulator: AutopilotEmulator
) -> None:
    """What was sent in the moment before is at the account, and ends with the next run."""
    export.run()
    assert ERASED.EMail in members(emulator)
    erase_one(export)

    assert not export.run().report.red
    assert members(emulator) == everybody_else()
