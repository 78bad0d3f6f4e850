"""Somebody is erased at the destination too: who is asked for where, who is left, and how it ends."""

from __future__ import annotations

import io
import json
import os
import sys
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import pytest
from tests.faults.export_run import RunningExport
from tests.faults.lake_folder import LakeFolder, Profile, people
from tests.segment_exports.traces import traces
from tests.stands.account_stand import Place
from tests.stands.alone import Why

from segment_emulators.account_api.faults import Fault, FaultKind
from segment_exports.commands.erasing import erased_there
from segment_exports.records.keyed_hash import KeyedHasher
from segment_exports_airflow.cli import subcommands

if TYPE_CHECKING:
    from collections.abc import Coroutine, Iterable
    from pathlib import Path

    from tests.stands.account_stand import AccountStand

READERS = people(*range(5))
ANN = Profile("customer-ann", "ann@example.com")


@pytest.fixture
def export(
    tmp_path: Path, stand: AccountStand, monkeypatch: pytest.MonkeyPatch, short_waits: None
) -> RunningExport:
    return RunningExport(tmp_path, stand, monkeypatch, settings("newsletter"))


def settings(name: str) -> dict[str, object]:
    return {
        "name": name,
        "segments": [{"name": "Readers", "list": f"Readers of {name}"}],
        "mapping": {"Email": "EMail", "FirstName": "FirstName"},
        "guards": {"min_count": 1000, "stop_above_invalid": 1.0},
        "when_member_leaves": "keep",
    }


def write(export: RunningExport, number: int, profiles: Iterable[Profile]) -> None:
    LakeFolder(export.lake).write(number, {"Readers": profiles})


@dataclass(frozen=True)
class Told:
    """What the command printed, and its exit code."""

    code: int
    out: str
    err: str


def erase(
    export: RunningExport,
    monkeypatch: pytest.MonkeyPatch,
    *options: str,
    emails: tuple[str, ...] = (ANN.EMail,),
    ids: tuple[str, ...] = (),
    there: bool = True,
) -> Told:
    """Erase people from a shell."""
    arguments = ["--staging", str(export.staging), *options, *(["--at-destination"] if there else [])]
    for option, lines in (("--emails", emails), ("--customer-ids", ids)):
        if lines:
            file = export.staging.parent / f"{option[2:]}.txt"
            file.write_text("\n".join(lines))
            arguments += [option, str(file)]
    out, err = io.StringIO(), io.StringIO()
    with monkeypatch.context() as patch:
        patch.setattr(sys, "stdout", out)
        patch.setattr(sys, "stderr", err)
        code = subcommands.erase(arguments)
    told = Told(code, out.getvalue(), err.getvalue())
    for personal in (*emails, *ids, *(one.id for one in export.stand.people())):
        assert personal not in told.out + told.err
    return told


def asked(stand: AccountStand, told: Told) -> str:
    """What is told of the account."""
    (line,) = (one for one in told.out.splitlines() if one.startswith(f"{stand.connection_id} ("))
    return line.partition("): ")[2]


def note(export: RunningExport) -> Path:
    return export.staging / "_accounts" / export.stand.connection_id / "to_be_erased.json"


def deletions(stand: AccountStand) -> int:
    paths = ("/contact/", "/person/archive", "/person/delete")
    return sum(one.method != "GET" and one.path.startswith(paths) for one in stand.emulator.log.entries)


def everybody_else() -> set[str]:
    return {one.EMail for one in READERS}


@pytest.mark.parametrize("by", ["address", "customer"])
def test_the_contact_is_gone_and_the_next_runs_neither_miss_nor_make_it(
    export: RunningExport, stand: AccountStand, monkeypatch: pytest.MonkeyPatch, by: str
) -> None:
    write(export, 1, [*READERS, ANN])
    export.run()
    named = {"emails": (ANN.EMail,)} if by == "address" else {"emails": (), "ids": (ANN.CustomerId,)}

    told = erase(export, monkeypatch, **named)

    assert told.code == 0, told
    assert stand.addresses() == everybody_else()
    absent = int(by == "address")  # by the address nobody is left
    assert asked(stand, told) == f"{1 + absent} asked for: 1 deleted, {absent} not there."
    for number in (2, 3):
        write(export, number, [*READERS, ANN])
        assert not (result := export.run()).red, result.report.red_reasons
    assert stand.addresses() == everybody_else()
    assert not note(export).exists()


def test_without_being_asked_for_it_no_destination_is_asked(
    export: RunningExport, stand: AccountStand, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(export, 1, [*READERS, ANN])
    export.run()
    before = len(stand.emulator.log)

    told = erase(export, monkeypatch, there=False)

    assert told.code == 0
    assert "delete their contacts at the destination, which keeps a record of its own" in told.out
    assert len(stand.emulator.log) == before


def test_staff_gave_the_contact_another_address_and_it_is_deleted_by_its_id(
    export: RunningExport, stand: AccountStand, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(export, 1, [*READERS, ANN])
    export.run()
    stand.staff.change_email(ANN.EMail, "ann@married.example")
    stand.staff.add_contact(ANN.EMail)

    told = erase(export, monkeypatch)

    assert told.code == 0
    assert "2 deleted" in told.out
    assert stand.addresses() == everybody_else()


TROUBLES = {
    "revoked": "was answered 401",
    "disabled": "is disabled (Enabled is off); nothing is sent until it is on again",
    "unsigned": "nobody has agreed on connection",
    "gone": "there is no connection",
    "of another type": "is of type http; wanted is one of type autopilot or ortto",
    "down": "was answered 503",
}


@pytest.mark.parametrize("trouble", TROUBLES)
def test_what_fails_there_is_told_our_own_records_are_erased_and_doing_it_again_completes_it(
    export: RunningExport, stand: AccountStand, monkeypatch: pytest.MonkeyPatch, trouble: str
) -> None:
    write(export, 1, [*READERS, ANN])
    export.run()
    key, variable = stand.key, f"AIRFLOW_CONN_{stand.connection_id.upper()}"
    if trouble == "revoked":
        stand.emulator.rotate_key("another-key-of-the-account")
    elif trouble == "down":
        path = "^/(contact/|person/archive)"
        stand.emulator.inject(Fault(kind=FaultKind.ERROR, status=503, path=path, times=None))
    elif trouble == "disabled":
        export.connect(enabled=False)
    elif trouble == "gone":
        monkeypatch.delenv(variable)
    else:
        conn_type = "http" if trouble == "of another type" else stand.name
        monkeypatch.setenv(variable, json.dumps({"conn_type": conn_type, "host": stand.url, "password": key}))

    told = erase(export, monkeypatch)

    assert told.code == 3
    assert TROUBLES[trouble] in told.out
    assert "Mend it, and erase the same people again" in told.out
    assert ANN.EMail in stand.addresses()
    assert "1 contact is on a list or may be" in told.out, "our own records were seen to"
    assert note(export).exists()
    stand.emulator.inject()
    stand.emulator.rotate_key(key)
    export.connect()
    write(export, 2, READERS)
    assert not export.run().red, "the ledger has forgotten her by now"

    again = erase(export, monkeypatch)

    assert again.code == 0, again
    assert " asked for: 1 deleted, " in asked(stand, again)
    assert stand.addresses() == everybody_else()
    assert not note(export).exists()


def test_interrupted_it_is_completed_by_doing_it_again(
    export: RunningExport, stand: AccountStand, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(export, 1, [*READERS, ANN])
    export.run()

    def interrupted(work: Coroutine[Any, Any, Any]) -> None:
        work.close()
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(erased_there.asyncio, "run", interrupted)
        told = erase(export, monkeypatch)

    assert told.code == 130
    assert "erase the same people again, which completes it" in told.err
    assert ANN.EMail in stand.addresses()
    assert erase(export, monkeypatch).code == 0
    assert stand.addresses() == everybody_else()


def test_the_note_of_who_is_left_names_nobody_and_whoever_is_erased_next_completes_it(
    export: RunningExport, stand: AccountStand, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(export, 1, [*READERS, ANN])
    export.run()
    key = stand.key
    stand.emulator.rotate_key("another-key-of-the-account")
    assert erase(export, monkeypatch, emails=(), ids=(ANN.CustomerId,)).code == 3
    noted = note(export).read_text()
    assert ANN.EMail not in noted
    assert ANN.CustomerId not in noted
    stand.emulator.rotate_key(key)
    export.connect()

    told = erase(export, monkeypatch, emails=(READERS[0].EMail,))

    assert told.code == 0, told
    assert stand.addresses() == everybody_else() - {READERS[0].EMail}


def test_a_rehearsal_tells_what_would_be_asked_and_does_nothing(
    export: RunningExport, stand: AccountStand, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(export, 1, [*READERS, ANN])
    export.run()
    files = {path: path.read_bytes() for path in export.staging.rglob("*") if path.is_file()}
    before = len(stand.emulator.log)

    told = erase(export, monkeypatch, "--dry-run", emails=(ANN.EMail, "nobody@example.com"))

    assert told.code == 0
    assert "Nothing was done: this is a rehearsal" in told.out
    assert "Addresses and ids to be erased: 2; erased before: 0" in told.out
    assert "No ledger knows 1 of the addresses (line 2)" in told.out
    assert f"{stand.connection_id} (" in told.out
    assert ") would be asked to delete 2 contacts or addresses" in told.out
    assert {path: path.read_bytes() for path in export.staging.rglob("*") if path.is_file()} == files
    assert len(stand.emulator.log) == before


def test_a_rehearsal_tells_which_account_could_not_be_asked(
    export: RunningExport, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(export, 1, [*READERS, ANN])
    export.run()
    export.connect(enabled=False)

    told = erase(export, monkeypatch, "--dry-run")

    assert told.code == 3
    assert "is disabled" in told.out


def test_somebody_whom_no_ledger_knows_is_asked_for_nowhere(
    export: RunningExport, stand: AccountStand, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(export, 1, READERS)
    export.run()
    stand.staff.add_contact(ANN.EMail)

    told = erase(export, monkeypatch)

    assert told.code == 0
    assert "No ledger or run knows of an account that holds them" in told.out
    assert deletions(stand) == 0


def test_a_contact_that_is_somebody_elses_too_is_left_alone_and_told(
    export: RunningExport, stand: AccountStand, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another export reads the same address as another customer's, who isn't erased."""
    write(export, 1, [*READERS, ANN])
    export.run()
    other = RunningExport(export.staging.parent, stand, monkeypatch, settings("other"))
    write(other, 2, [*READERS, replace(ANN, CustomerId="another")])
    other.run()

    told = erase(export, monkeypatch, emails=(), ids=(ANN.CustomerId,))

    assert told.code == 3
    assert "1 contact is somebody else's too, as a ledger knows, and left alone" in told.out
    assert ANN.EMail in stand.addresses()
    assert deletions(stand) == 0


@pytest.mark.parametrize("by", ["address", "customer"])
def test_in_flight_what_is_sent_already_is_deleted_and_again_after_the_run(
    export: RunningExport, stand: AccountStand, monkeypatch: pytest.MonkeyPatch, by: str
) -> None:
    """The first run ever: no ledger knows her, and a request on the wire makes her after the deletion."""
    write(export, 1, [*READERS, ANN])
    named = {"emails": (ANN.EMail,)} if by == "address" else {"emails": (), "ids": (ANN.CustomerId,)}
    first: list[Told] = []

    def meanwhile() -> None:
        first.append(erase(export, monkeypatch, **named))
        stand.staff.add_contact(ANN.EMail)

    assert not export.run(before_upload=meanwhile).red

    assert first[0].code == 3
    assert "a run of newsletter is under way, or was killed" in first[0].out
    assert ANN.EMail in stand.addresses()
    again = erase(export, monkeypatch, emails=(ANN.EMail,), ids=(ANN.CustomerId,))
    assert again.code == 0, again
    assert stand.addresses() == everybody_else()


@pytest.mark.alone(Why.UNANSWERED)
def test_known_by_a_hash_alone_she_must_be_named_by_her_address(
    export: RunningExport, stand: AccountStand, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Her upsert was never answered: there may be a contact, and nobody knows its id."""
    write(export, 1, [ANN])
    fault = Fault(kind=FaultKind.RESET, **stand.at(Place.UPSERT), work_done=True, times=None)
    stand.emulator.inject(fault)
    assert export.run().red
    stand.emulator.inject()

    told = erase(export, monkeypatch, emails=(), ids=(ANN.CustomerId,))

    assert told.code == 3
    assert "erase them again by their addresses" in told.out
    assert ANN.EMail in stand.addresses()
    assert erase(export, monkeypatch).code == 0
    assert stand.addresses() == set()


def test_nothing_is_kept_of_her_in_the_end(
    export: RunningExport, stand: AccountStand, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(export, 1, [*READERS, ANN])
    export.run()
    person = stand.person(ANN.EMail)
    assert person is not None
    for number in (2, 3):
        erase(export, monkeypatch, ids=(ANN.CustomerId,))
        write(export, number, READERS)
        assert not export.run().red

    assert erase(export, monkeypatch, ids=(ANN.CustomerId,)).code == 0

    hasher = KeyedHasher(os.environ["AIRFLOW_VAR_AUTOPILOT_LEDGER_SECRET"])
    assert traces(export.staging, (ANN.EMail, ANN.CustomerId, person.id), hasher) == set()
