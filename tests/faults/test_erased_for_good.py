"""What is kept of somebody who was erased: nothing but the tombstone, once they have left the lists."""

from __future__ import annotations

import io
import os
import sys
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

import pyarrow.parquet as pq
import pytest
from tests.faults.export_run import Killed, RunningExport
from tests.faults.lake_folder import LakeFolder, Profile, people
from tests.segment_exports.traces import traces

from segment_exports.records.keyed_hash import KeyedHasher
from segment_exports.records.staging import Store
from segment_exports.settling import settle_run
from segment_exports.settling.forgetting import Forgotten, erased_people, forget_erased
from segment_exports_airflow.cli import subcommands

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from tests.stands.account_stand import AccountStand

READERS = people(*range(8))
ANN = Profile("customer-ann", "ann@example.com")


pytestmark = pytest.mark.ways("list", "field")


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
        "mapping": {"Email": "EMail", "FirstName": "FirstName"},
        "guards": {"min_count": 1000, "stop_above_invalid": 1.0},
        "destination": {"membership": way},
    }
    return RunningExport(tmp_path, stand, monkeypatch, settings)


def write(export: RunningExport, number: int, profiles: Iterable[Profile]) -> None:
    LakeFolder(export.lake).write(number, {"Readers": profiles})


def erase(export: RunningExport, monkeypatch: pytest.MonkeyPatch, *, by: str = "both") -> str:
    """Erase Ann from a shell and return nothing but what it prints."""
    emails, ids = (ANN.EMail, ""), ("", ANN.CustomerId)
    told = {"address": emails, "customer": ids, "both": (ANN.EMail, ANN.CustomerId)}[by]
    files = [export.staging.parent / name for name in ("emails.txt", "ids.txt")]
    for file, text in zip(files, told, strict=True):
        file.write_text(f"{text}\n")
    out = io.StringIO()
    monkeypatch.setattr(sys, "stdout", out)
    named = ["--emails", str(files[0]), "--customer-ids", str(files[1])]
    assert subcommands.erase(["--staging", str(export.staging), *named]) == 0
    return out.getvalue()


def kept(
    export: RunningExport, contact_id: str, *, of: tuple[str, ...] = (ANN.EMail, ANN.CustomerId)
) -> set[str]:
    """Folders of the export that hold Ann: address, id, contact, or hashes of them."""
    hasher = KeyedHasher(os.environ["AIRFLOW_VAR_AUTOPILOT_LEDGER_SECRET"])
    return {one.split("/")[1] for one in traces(export.staging, (*of, contact_id), hasher)}


def contact_of(stand: AccountStand, email: str = ANN.EMail) -> str:
    contact = stand.person(email)
    assert contact is not None
    return contact.id


@pytest.mark.parametrize("source_has_her", [True, False])
def test_the_run_that_takes_her_off_the_lists_takes_her_out_of_ledger_and_history(
    export: RunningExport, stand: AccountStand, monkeypatch: pytest.MonkeyPatch, source_has_her: bool
) -> None:
    write(export, 1, [*READERS, ANN])
    export.run()
    contact = contact_of(stand)

    told = erase(export, monkeypatch)

    assert "newsletter: 1 contact is on a list or may be: the run that takes them off" in told
    assert "newsletter: run manual__001 holds them still: it is the newest" in told
    assert kept(export, contact) == {"ledger", "runs"}
    write(export, 2, [*READERS, ANN] if source_has_her else READERS)
    assert not export.run().red
    assert ANN.EMail not in stand.members("Readers")
    assert kept(export, contact) == {"runs"}
    assert "run manual__002 holds them still" in (told := erase(export, monkeypatch))
    assert "manual__001" not in told
    assert subcommands.purge(["--staging", str(export.staging), "--keep-days", "0"]) == 0
    assert kept(export, contact) == set()
    write(export, 3, [*READERS, replace(READERS[0], CustomerId="c99", EMail="p99@example.com")])
    after = export.run()
    assert not after.red
    assert after.report.contacts.unchanged == len(READERS), "nobody else was forgotten"


@pytest.mark.parametrize("by", ["address", "customer"])
def test_one_of_both_is_enough_to_take_her_out(
    export: RunningExport, stand: AccountStand, monkeypatch: pytest.MonkeyPatch, by: str
) -> None:
    write(export, 1, [*READERS, ANN])
    export.run()
    contact = contact_of(stand)
    erase(export, monkeypatch, by=by)
    for number in (2, 3):
        write(export, number, READERS)
        assert not export.run().red
    erase(export, monkeypatch, by=by)

    assert kept(export, contact) == set()


def test_her_former_address_goes_too(
    export: RunningExport, stand: AccountStand, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(export, 1, [*READERS, replace(ANN, EMail="ann@former.example")])
    export.run()
    former = contact_of(stand, "ann@former.example")
    write(export, 2, [*READERS, ANN])
    export.run()
    erase(export, monkeypatch, by="customer")
    for number in (3, 4):
        write(export, number, READERS)
        assert not export.run().red
    erase(export, monkeypatch, by="customer")

    assert kept(export, former, of=("ann@former.example", ANN.EMail, ANN.CustomerId)) == set()


def test_an_id_that_merged_goes_with_the_one_that_it_merged_into(
    export: RunningExport, stand: AccountStand, monkeypatch: pytest.MonkeyPatch
) -> None:
    merged = replace(ANN, CustomerId="merged-into", PreviousCustomerId=ANN.CustomerId)
    write(export, 1, [*READERS, merged])
    export.run()
    contact = contact_of(stand)
    erase(export, monkeypatch, by="customer")
    for number in (2, 3):
        write(export, number, [*READERS, merged])
        assert not export.run().red
    subcommands.purge(["--staging", str(export.staging), "--keep-days", "0"])

    assert kept(export, contact) == set()


def test_who_has_the_address_now_is_not_forgotten_with_who_had_it(
    export: RunningExport, stand: AccountStand, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(export, 1, [*READERS, ANN])
    export.run()
    heir = replace(ANN, CustomerId="customer-heir")
    write(export, 2, [*READERS, heir])
    export.run()
    erase(export, monkeypatch, by="customer")
    for number in (3, 4):
        write(export, number, [*READERS, heir])
        assert not export.run().red

    hasher = KeyedHasher(os.environ["AIRFLOW_VAR_AUTOPILOT_LEDGER_SECRET"])
    ledger = pq.read_table(max(export.staging.rglob("ledger/*/*.parquet"))).to_pylist()
    assert hasher.text("customer-heir") in [row["customer_hash"] for row in ledger]
    assert hasher.text(ANN.CustomerId) not in [row["customer_hash"] for row in ledger]
    assert ANN.EMail in stand.addresses()


def test_a_profile_that_is_refused_names_nobody_who_was_erased(
    export: RunningExport, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = Profile(ANN.CustomerId, "ann-at-example.com")
    write(export, 1, [*READERS, broken])
    first = export.run()
    refused = export.files(first.run_id).store
    assert ANN.CustomerId.encode() in refused.read_bytes("refused.csv")
    erase(export, monkeypatch, by="customer")
    write(export, 2, [*READERS, broken])
    second = export.run()

    assert second.report.profiles.invalid == first.report.profiles.invalid == 1
    assert ANN.CustomerId.encode() not in export.files(second.run_id).store.read_bytes("refused.csv")
    told = erase(export, monkeypatch, by="customer")
    assert "of files of runs" in told
    assert ANN.CustomerId.encode() not in refused.read_bytes("refused.csv")


def test_a_run_under_way_is_named_and_left_alone(
    export: RunningExport, stand: AccountStand, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(export, 1, READERS)
    export.run()
    write(export, 2, [*READERS, ANN])
    told: list[str] = []

    run = export.run(before_upload=lambda: told.append(erase(export, monkeypatch)))

    assert "run manual__002 holds them still: it holds the lease" in told[0]
    assert not run.red
    assert ANN.EMail not in stand.addresses()


@pytest.mark.parametrize("writes", range(3))
def test_a_kill_in_the_middle_leaves_whole_files_and_the_next_attempt_ends_it(
    export: RunningExport, stand: AccountStand, monkeypatch: pytest.MonkeyPatch, writes: int
) -> None:
    """Whatever file was the last that was written: each reads as before or as after."""
    write(export, 1, [*READERS, ANN])
    export.run()
    contact = contact_of(stand)
    write(export, 2, READERS)
    with monkeypatch.context() as patch:
        patch.setattr(settle_run, "forget_in_books", lambda *_: (Forgotten(), []))
        erase(export, monkeypatch)
        assert not export.run().red
    assert "ledger" in kept(export, contact)

    with monkeypatch.context() as patch:
        _die_while_writing(patch, after=writes)
        with pytest.raises(Killed):
            forget(export)

    for file in export.staging.rglob("*.parquet"):
        pq.read_table(file)
    assert kept(export, contact) & {"ledger", "history"}
    forget(export)
    subcommands.purge(["--staging", str(export.staging), "--keep-days", "0"])
    assert kept(export, contact) == set()


def forget(export: RunningExport) -> None:
    staging = Store.local(export.staging)
    root = staging.sub(export.name)
    forget_erased(root, export.name, erased_people(staging, root, export.name, []), with_ledgers=True)


def _die_while_writing(monkeypatch: pytest.MonkeyPatch, *, after: int) -> None:
    """Let the process end in the middle of a file, when so many were written whole."""
    done: list[str] = []
    usual = Store.parquet_writer

    @contextmanager
    def writing(self: Store, relative: str, *args: object, **kwargs: object) -> Iterator[object]:
        with usual(self, relative, *args, **kwargs) as writer:  # type: ignore[arg-type]
            yield writer
            if len(done) >= after:
                raise Killed
        done.append(relative)

    monkeypatch.setattr(Store, "parquet_writer", writing)
