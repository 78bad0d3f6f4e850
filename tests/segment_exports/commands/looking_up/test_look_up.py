"""An access request: what is kept of a person is found however their address is written."""

from __future__ import annotations

import io
import json
import sys
from typing import TYPE_CHECKING, Any

import pytest
from fsspec.implementations.memory import MemoryFileSystem
from tests.segment_exports.staged_run import HASHER, LEDGERS_SECRET, START, Person, Stage, definition_of

from segment_exports.commands.erasing.erasure import erase
from segment_exports.commands.looking_up.look_up import main
from segment_exports.commands.looking_up.search import OTHER_ADDRESS, search
from segment_exports.errors import LedgerError, StagingError
from segment_exports.records.keyed_hash import KeyedHasher
from segment_exports.records.outcomes import Outcome
from segment_exports.records.staging import Store

if TYPE_CHECKING:
    from pathlib import Path

    from segment_exports.commands.looking_up.found import Found

ANN = Person("ann@example.com", "1", ("A", "B"))
BOB = Person("bob@example.com", "2")
UMLAUT = Person("ann@müller.de", "3")


@pytest.fixture(params=["disk", "object store"])
def stage(tmp_path: Path, request: pytest.FixtureRequest) -> Stage:
    stage = Stage(tmp_path, definition_of(when_member_leaves="remove"))
    if request.param == "object store":
        stage.store = Store(MemoryFileSystem(), f"/{tmp_path.name}-{request.node.name}")
    return stage


def looked_up(stage: Stage, *emails: str, ids: tuple[str, ...] = ()) -> Found:
    return search(stage.staging, HASHER, emails=emails, customer_ids=ids)


def ask(
    stage: Stage,
    arguments: list[str],
    monkeypatch: pytest.MonkeyPatch,
    typed: str = "",
    *,
    on_tty: bool = False,
) -> int:
    stdin = io.StringIO(typed)
    monkeypatch.setattr(stdin, "isatty", lambda: on_tty)
    monkeypatch.setattr(sys, "stdin", stdin)
    return main(
        arguments,
        open_staging=lambda place: Store.at(place) if place else stage.staging,
        look_up={"AUTOPILOT_LEDGER_SECRET": LEDGERS_SECRET}.get,
    )


def test_all_that_was_sent_is_told_with_its_outcome_and_the_lists_that_it_led_to(stage: Stage) -> None:
    run = stage.run(1).read([ANN, BOB])
    run.plan()
    run.chunks()
    run.deliver(lambda row, what, title: Outcome.REJECTED if title == "B" else Outcome.DELIVERED).settle()

    found = looked_up(stage, ANN.email).exports["newsletter"]

    ((account, (known,)),) = found.accounts.items()
    assert (account, known.on_lists, known.contact_id) == (stage.account, ("A",), f"person_{ANN.email}")
    assert (known.known_as, known.last_sent_at) == ("address, line 1", run.now)
    assert {(one.operation, one.list, one.outcome) for one in found.operations} == {
        ("upsert", None, "delivered"),
        ("join", "A", "delivered"),
        ("join", "B", "rejected"),
    }
    assert {one.reason for one in found.operations if one.outcome == "rejected"} == {"as the test says"}
    (files,) = found.runs
    assert files.files["contacts.parquet"] == files.files["changes.parquet"] == 1
    assert [one.kind for one in files.refused] == ["rejected"]


@pytest.mark.parametrize(
    ("person", "written"),
    [
        (ANN, "Ann@Example.COM"),
        (ANN, "  ann@example.com\t"),
        (UMLAUT, "ann@xn--mller-kva.de"),
        (UMLAUT, "ANN@MÜLLER.DE"),
        (UMLAUT, "ann@mu\u0308ller.de"),
    ],
)
def test_an_address_is_found_however_it_is_written(stage: Stage, person: Person, written: str) -> None:
    stage.run(1).whole([person])
    assert looked_up(stage, written).exports["newsletter"].accounts, written


@pytest.mark.parametrize("written", ["{AB-1}", "ab-1", "AB-1", '"ab-1"'])
def test_an_id_is_found_however_it_is_written(stage: Stage, written: str) -> None:
    stage.run(1).whole([Person(ANN.email, "ab-1")])
    (known,) = looked_up(stage, ids=(written,)).exports["newsletter"].accounts[stage.account]
    assert known.known_as == "CustomerId, line 1"


def test_a_letter_that_may_be_another_is_named_and_nothing_is_said_of_anybody(stage: Stage) -> None:
    stage.run(1).whole([ANN])
    with pytest.raises(
        StagingError, match=r"address 1 of 1 is none \(ambiguous letter: U\+212A KELVIN SIGN\)"
    ):
        looked_up(stage, "\u212aate@example.com")


def test_whose_contact_was_given_another_address_is_found_by_the_one_before(stage: Stage) -> None:
    stage.definition = definition_of(when_email_changes="move")
    for number, email in ((1, ANN.email), (2, "anna@example.com")):
        run = stage.run(number).read([Person(email, ANN.customer, ANN.segments)])
        run.plan()
        run.chunks()
        run.deliver(contact_id=lambda _: "person_of_ann").settle()
    (known,) = looked_up(stage, ANN.email).exports["newsletter"].accounts[stage.account]
    assert (known.known_as, known.on_lists) == (OTHER_ADDRESS, ("A", "B")), "where the mail goes now"


def test_a_customer_is_found_under_every_address(stage: Stage) -> None:
    stage.run(1).whole([ANN, BOB])
    stage.run(2).whole([Person("anna@example.com", ANN.customer, ANN.segments), BOB])
    found = looked_up(stage, ids=(ANN.customer,)).exports["newsletter"]
    assert sorted(one.on_lists for one in found.accounts[stage.account]) == [(), ("A", "B")]


def test_who_gave_no_permission_is_told_with_the_snapshot_and_in_no_ledger(stage: Stage) -> None:
    run = stage.run(1).read([BOB], withheld=[ANN])
    run.plan()
    run.chunks()
    run.deliver().settle()
    found = looked_up(stage, ANN.email)
    told = found.exports["newsletter"]
    assert told.accounts == {}
    assert told.refusals == ({"A": run.now.isoformat(), "B": run.now.isoformat()},)
    assert told.runs[0].withheld == ("permission_refused",)
    assert found.unknown == ()


def test_nobody_else_is_found(stage: Stage) -> None:
    stage.run(1).whole([ANN, BOB])
    found = looked_up(stage, BOB.email)
    assert {one.known_as for one in found.exports["newsletter"].operations} == {"address, line 1"}
    assert len(found.exports["newsletter"].accounts[stage.account]) == 1


def test_each_name_of_which_nothing_is_known_is_told_by_its_line(stage: Stage) -> None:
    stage.run(1).whole([ANN])
    found = looked_up(stage, "nobody@example.com", ANN.email, ids=("77",))
    assert found.unknown == ("address, line 1", "CustomerId, line 1")


def test_an_erasure_that_was_done_is_all_that_is_left(stage: Stage) -> None:
    stage.run(1).whole([ANN, BOB])
    erase(stage.staging, HASHER, emails=[ANN.email], customer_ids=["1"], now=START)
    stage.run(2).whole([BOB])
    stage.run(3).whole([BOB])
    found = looked_up(stage, ANN.email)
    assert found.erased == {"address, line 1": START.isoformat()}
    told = found.exports["newsletter"]
    assert (told.accounts, told.operations, told.refusals) == ({}, (), ())


def test_an_export_that_cannot_be_read_is_told_and_stops_no_other(stage: Stage) -> None:
    stage.run(1).whole([ANN])
    store = stage.staging.sub("broken")
    store.write_bytes("history/operations/0000000001-run.parquet", b"no parquet")
    found = looked_up(stage, ANN.email)
    assert found.exports["newsletter"].accounts
    assert "history/operations" in str(found.exports["broken"].problem)
    assert not found.is_whole


@pytest.mark.parametrize(("arguments", "on_tty"), [([], True), ([], False), (["--emails", "-"], False)])
def test_the_address_is_asked_for_or_read_and_not_repeated(
    stage: Stage,
    arguments: list[str],
    on_tty: bool,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    stage.run(1).whole([ANN, BOB])
    assert ask(stage, arguments, monkeypatch, f"{ANN.email}\n\n", on_tty=on_tty) == 0
    told, asked = capsys.readouterr()
    assert "  on lists   A, B\n" in told
    assert ANN.email not in (told + asked).replace(f"person_{ANN.email}", "")


def test_an_address_on_the_command_line_is_refused_without_repeating_it(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        ask(stage, [ANN.email], monkeypatch)
    told = capsys.readouterr().err
    assert "you are asked for it" in told
    assert ANN.email not in told


def test_a_machine_is_answered_in_json(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run = stage.run(1)
    run.whole([ANN])
    assert ask(stage, ["--json"], monkeypatch, "1\n") == 0
    told: dict[str, Any] = json.loads(capsys.readouterr().out)
    (known,) = told["exports"]["newsletter"]["accounts"][stage.account]
    assert (known["on_lists"], known["last_sent_at"]) == (["A", "B"], run.now.isoformat())
    assert told["is_whole"] is True


def test_nobody_named_and_nobody_known_are_told_apart(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    stage.run(1).whole([ANN])
    assert ask(stage, [], monkeypatch, "\n") == 1
    assert "no address and no CustomerId was given" in capsys.readouterr().err
    assert ask(stage, [], monkeypatch, "nobody@example.com\n") == 0
    told = capsys.readouterr().out
    assert "Nothing is known of the address, line 1." in told
    assert "newsletter (1 ledger, the history of 1 run, files of 1 run)" in told


def test_under_another_key_nobody_is_looked_up_since_nothing_would_be_known_of_anybody(stage: Stage) -> None:
    other = KeyedHasher("another secret of the tests")
    run = stage.run(1).read([ANN])
    run.plan()
    with pytest.raises(LedgerError, match=r"another key than this .* the run under way of export newsletter"):
        search(stage.staging, other, emails=[ANN.email])

    run.chunks()
    run.deliver().settle()
    with pytest.raises(LedgerError, match=r"the ledger .* Set AUTOPILOT_LEDGER_SECRET to the key that"):
        search(stage.staging, other, emails=[ANN.email])
