"""A bad contact refuses its whole batch: all others land, it is named, and the price is small."""

from __future__ import annotations

import csv
import io
import os
from typing import TYPE_CHECKING, Any

import pytest
from tests.faults.export_run import RunningExport
from tests.faults.lake_folder import LakeFolder, Profile
from tests.faults.people import LISTS
from tests.stands.alone import Why

from segment_emulators.autopilot import BadContact, ListOnUpsert
from segment_exports.records.keyed_hash import KeyedHasher

if TYPE_CHECKING:
    from pathlib import Path

    from tests.faults.scenario import Scenario
    from tests.stands.account_stand import AccountStand

PLACES: dict[str, tuple[int, ...]] = {
    "first": (0,),
    "last": (99,),
    "in the middle": (50,),
    "first and last": (0, 99),
    "three apart": (3, 40, 77),
    "three side by side": (49, 50, 51),
}
SETTINGS: dict[str, Any] = {
    "destination": {"membership": "list"},
    "segments": ["Gold"],
    "mapping": {"Email": "EMail", "FirstName": "FirstName"},
}


@pytest.mark.parametrize("places", PLACES.values(), ids=PLACES)
def test_poison_in_a_batch_of_100(
    tmp_path: Path,
    stand: AccountStand,
    monkeypatch: pytest.MonkeyPatch,
    short_waits: None,
    places: tuple[int, ...],
) -> None:
    """Batches follow the keyed hash of the address, so that is what first and last refer to."""
    hasher = KeyedHasher(os.environ["AIRFLOW_VAR_AUTOPILOT_LEDGER_SECRET"])
    emails = sorted((f"p{number}@example.com" for number in range(100)), key=hasher.text)
    poison = {emails[place] for place in places}
    stand.refuse(poison, batch=True)
    export = RunningExport(tmp_path, stand, monkeypatch, SETTINGS)
    profiles = [Profile(f"c{email}", email, "Nora") for email in emails]
    LakeFolder(export.lake).write(1, {"Gold": profiles})

    report = export.run().report

    assert report is not None
    upserts = len({one.number for one in stand.sent() if one.what == "upsert"})
    print(f"{len(places)} poison contacts at {places}: {upserts} upserts, at most {1 + 14 * len(places)}")
    assert upserts <= 1 + 14 * len(places)
    assert stand.addresses() == set(emails) - poison
    assert stand.members("Gold") == set(emails) - poison
    assert report.contacts.delivered == 100 - len(poison)
    assert report.contacts.rejected == len(poison)
    assert report.red  # new rejections are told
    refused = export.files("manual__001").store.read_bytes("refused.csv").decode()
    named = {row["CustomerId"] for row in csv.DictReader(io.StringIO(refused))}
    assert named == {f"c{email}" for email in poison}


def test_the_next_run_does_not_try_the_poison_again(
    tmp_path: Path, stand: AccountStand, monkeypatch: pytest.MonkeyPatch, short_waits: None
) -> None:
    stand.refuse({"p3@example.com"}, batch=True)
    export = RunningExport(tmp_path, stand, monkeypatch, SETTINGS)
    lake = LakeFolder(export.lake)
    profiles = [Profile(f"c{number}", f"p{number}@example.com", "Nora") for number in range(100)]
    lake.write(1, {"Gold": profiles})
    export.run()
    before = len(stand.emulator.log)
    lake.write(2, {"Gold": profiles})

    report = export.run().report

    assert report is not None
    assert stand.writes(before) == []
    assert not report.red
    assert (report.rejected.new, report.rejected.before) == (0, 1)


@pytest.mark.alone(Why.PROBING)
@pytest.mark.parametrize("bad_contact", BadContact)
@pytest.mark.parametrize("prefix", "defg")
def test_poison_among_those_that_a_probe_tries(
    scenario: Scenario, prefix: str, bad_contact: BadContact
) -> None:
    """Membership auto tries a few contacts first; prefixes give other orders of the hashes."""
    scenario.begin(membership="auto", guards={"stop_above_rejected": 1.0, "red_above_rejected": 1.0})
    scenario.emulator.switch(list_in_bulk=ListOnUpsert.HONOURED, bad_contact=bad_contact)
    people = {segment: [Profile("anchor", "anchor@example.com")] for segment in LISTS}
    people["Gold"] += [Profile(f"b{one}", f"{prefix}{one}@bad.example.com") for one in range(40)]
    people["Gold"] += [Profile(f"c{one}", f"c{one}@example.com") for one in range(120)]
    scenario.write_segments(1, people)

    result = scenario.export.run()

    assert not result.errors
    assert result.report.contacts.delivered == 121
    assert result.report.contacts.rejected == 40
