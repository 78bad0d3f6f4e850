from __future__ import annotations

import io
import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from fsspec.implementations.memory import MemoryFileSystem
from tests.segment_exports.commands_given import look_up, open_staging
from tests.segment_exports.staged_run import HASHER, LEDGERS_SECRET, START, Person, Stage, definition_of

from segment_exports.commands.erasing.erasure import erase, main
from segment_exports.commands.erasing.erasure_told import Erasure
from segment_exports.errors import LedgerError, StagingError
from segment_exports.records.keyed_hash import KeyedHasher
from segment_exports.records.staging import Store
from segment_exports.records.tombstones import erased_hashes
from segment_exports.settings import bounds

if TYPE_CHECKING:
    from collections.abc import Iterator


SECRET = "a secret of the tests that is long enough"


def erase_command(arguments: list[str]) -> int:
    def open_account(connection_id: str) -> Any:
        raise AssertionError(f"{connection_id} is asked for nothing")

    return main(arguments, open_staging=open_staging, look_up=look_up, open_account=open_account)


ANN, BOB = "ann@example.com", "bob@example.com"


@pytest.fixture(params=["disk", "object store"])
def staging(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    if request.param == "disk":
        yield Store.local(tmp_path)
        return
    memory = Store(MemoryFileSystem(), f"/{tmp_path.name}")
    yield memory
    memory.remove("_erased")


def test_before_anybody_is_erased_nobody_is(staging: Store) -> None:
    assert erased_hashes(staging, HASHER) == frozenset()


def test_addresses_and_customers_become_tombstones_as_mapping_would_hash_them(staging: Store) -> None:
    erasure = erase(
        staging,
        HASHER,
        emails=[" Ann@Example.COM ", "", BOB, ANN],
        customer_ids=["  7f3e ", ""],
        now=START,
    )
    assert erasure == Erasure(new=3, already=0, known_to={}, unknown_emails=(1, 3, 4), unknown_ids=(1,))
    assert erased_hashes(staging, HASHER) == {HASHER.text(one) for one in (ANN, BOB, "7f3e", "7F3E")}


@pytest.mark.parametrize("line", ["9C40-BEE7", "9c40-bee7", "9C40-bee7"])
def test_an_id_is_erased_in_either_case_for_each_system_prints_it_in_its_own(
    tmp_path: Path, line: str
) -> None:
    stage = Stage(tmp_path)
    stage.run(1).whole([Person(ANN, "9c40-bee7"), Person(BOB, "2")])
    erasure = erase(stage.staging, HASHER, customer_ids=[line], now=START)
    assert (erasure.new, erasure.known_to, erasure.unknown_ids) == (1, {"newsletter": 1}, ())
    assert HASHER.text("9c40-bee7") in erased_hashes(stage.staging, HASHER)


@pytest.mark.parametrize(
    "written", ['"7f3e"', "'7F3E'", "{7F3E}", "7f3e;", "(7f3e),", "7f3e\u200b", "<7f3e>"]
)
def test_an_id_is_erased_without_what_lists_put_around_it(staging: Store, written: str) -> None:
    erase(staging, HASHER, customer_ids=[written], now=START)

    assert HASHER.text("7f3e") in erased_hashes(staging, HASHER)


def test_an_id_of_marks_alone_is_one(staging: Store) -> None:
    erase(staging, HASHER, customer_ids=["{}"], now=START)

    assert erased_hashes(staging, HASHER) == {HASHER.text("{}")}


def test_what_no_ledger_knows_is_told_by_its_place(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    stage.run(1).whole([Person(ANN, "1"), Person(BOB, "2")])
    erasure = erase(
        stage.staging,
        HASHER,
        emails=[BOB, "", "bobb@example.com"],
        customer_ids=["customer-1", "1"],
        now=START,
    )
    assert (erasure.unknown_emails, erasure.unknown_ids) == ((3,), (1,))


def test_erasing_again_changes_nothing(staging: Store) -> None:
    erase(staging, HASHER, emails=[ANN], now=START)
    name = f"_erased/{HASHER.fingerprint}/{HASHER.text(ANN).hex()}"
    before = staging.read_bytes(name)
    again = erase(staging, HASHER, emails=[ANN, BOB], now=START.replace(year=2030))
    assert (again.new, again.already) == (1, 1)
    assert staging.read_bytes(name) == before
    assert json.loads(before) == {"erased_at": START.isoformat()}


def test_no_address_stands_in_names_or_contents(staging: Store) -> None:
    erase(staging, HASHER, emails=[ANN], customer_ids=["customer-7"], now=START)
    for name in staging.all_files():
        told = name.encode() + staging.read_bytes(name)
        assert b"ann" not in told
        assert b"customer-7" not in told


def test_what_is_no_address_is_told_by_its_place_and_nobody_is_erased(staging: Store) -> None:
    with pytest.raises(StagingError, match=r"address 2 of 3 is none \(no at sign\); nobody was erased"):
        erase(staging, HASHER, emails=[ANN, "someone", BOB], now=START)
    assert erased_hashes(staging, HASHER) == frozenset()


def test_tombstones_under_another_key_are_told_since_they_hold_nobody_back(staging: Store) -> None:
    erase(staging, HASHER, emails=[ANN], now=START)
    other = KeyedHasher("the secret after it was rotated")
    with pytest.raises(
        LedgerError, match=f"delete .*{HASHER.fingerprint} and erase them again under this one"
    ):
        erased_hashes(staging, other)
    staging.remove(f"_erased/{HASHER.fingerprint}")
    erase(staging, other, emails=[ANN], now=START)
    assert erased_hashes(staging, other) == {other.text(ANN)}


def test_nobody_is_erased_under_another_key_than_that_of_earlier_tombstones(staging: Store) -> None:
    erase(staging, HASHER, emails=[ANN], now=START)
    with pytest.raises(
        LedgerError,
        match=f"nobody was erased: another key than this .* the tombstones .*{HASHER.fingerprint}",
    ):
        erase(staging, KeyedHasher("another secret of the tests"), emails=[BOB], now=START)
    assert erased_hashes(staging, HASHER) == {HASHER.text(ANN)}


def test_nobody_is_erased_under_another_key_than_that_of_the_ledgers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("first", "second"):
        Stage(tmp_path, definition_of(name=name)).run(1).whole([Person(ANN, "1")])
    monkeypatch.setenv("AIRFLOW_VAR_AUTOPILOT_LEDGER_SECRET", "another secret of the tests of erasure")
    monkeypatch.setattr(sys, "stdin", io.StringIO(f"{ANN}\n"))

    assert erase_command(["--staging", str(tmp_path), "--emails", "-"]) == 1

    told = capsys.readouterr()
    assert told.out == ""
    for name in ("first", "second"):
        ledger = next((tmp_path / name / "ledger").rglob("*.parquet"))
        assert f"the ledger {ledger} of export {name}" in told.err
    assert "Set AUTOPILOT_LEDGER_SECRET to the key that Airflow has" in told.err
    assert not (tmp_path / "_erased").exists()


def test_nobody_is_erased_under_another_key_than_that_of_a_first_run_under_way(tmp_path: Path) -> None:
    run = Stage(tmp_path, definition_of(name="first")).run(1).read([Person(ANN, "1")])
    run.plan()

    with pytest.raises(LedgerError, match=r"stands behind the run under way of export first\."):
        erase(Store.local(tmp_path), KeyedHasher("another secret of the tests"), emails=[ANN], now=START)

    assert not (tmp_path / "_erased").exists()


def test_under_a_new_key_people_can_be_erased_before_the_first_run(tmp_path: Path) -> None:
    Stage(tmp_path, definition_of(name="first")).run(1).whole([Person(ANN, "1")])
    Store.local(tmp_path).remove("first/ledger")
    other = KeyedHasher("another secret of the tests")

    assert erase(Store.local(tmp_path), other, emails=[ANN], now=START).new == 1


def test_the_exports_that_delivered_to_the_person_are_named(tmp_path: Path) -> None:
    people = [Person(ANN, "1"), Person(BOB, "2")]
    for name in ("first", "second"):
        Stage(tmp_path, definition_of(name=name)).run(1).whole(people)
    Stage(tmp_path, definition_of(name="second"), account="another").run(2).whole(people[:1])
    Stage(tmp_path, definition_of(name="third")).run(1).whole([Person("cat@example.com", "3")])
    erasure = erase(Store.local(tmp_path), HASHER, emails=[ANN], customer_ids=["2"], now=START)
    assert erasure.known_to == {"first": 2, "second": 3}


def test_the_command_reads_people_from_files_and_tells_what_is_left_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    Stage(tmp_path / "staging").run(1).whole([Person(ANN, "1")])
    (tmp_path / "people.txt").write_text(f"\ufeff{ANN}\n\n{BOB}\n", encoding="utf-8")
    monkeypatch.setenv("AIRFLOW_VAR_AUTOPILOT_LEDGER_SECRET", LEDGERS_SECRET)
    monkeypatch.setattr(sys, "stdin", io.StringIO("\ufeff1\n77-31\n"))
    arguments = [
        "--staging",
        str(tmp_path / "staging"),
        "--emails",
        str(tmp_path / "people.txt"),
        "--customer-ids",
        "-",
    ]
    assert erase_command(arguments) == 0
    told = capsys.readouterr().out
    assert "Addresses and ids erased: 4; erased before: 0" in told
    assert "No ledger knows 1 of the addresses (line 3)" in told
    assert "No ledger knows 1 of the ids (line 2)" in told
    assert "newsletter (1)" in told
    assert "delete their contacts at the destination" in told
    assert ANN not in told
    assert len(erased_hashes(Store.local(tmp_path / "staging"), HASHER)) == 4
    assert HASHER.text("1") in erased_hashes(Store.local(tmp_path / "staging"), HASHER)


@pytest.mark.parametrize("folder", [".", "mistyped", "staging/newsletter"])
def test_a_folder_in_which_no_export_has_run_holds_nobody_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], folder: str
) -> None:
    Stage(tmp_path / "staging").run(1).whole([Person(ANN, "1")])
    (tmp_path / "mistyped").mkdir()
    monkeypatch.setenv("AIRFLOW_VAR_AUTOPILOT_LEDGER_SECRET", SECRET)
    monkeypatch.setattr(sys, "stdin", io.StringIO(f"{ANN}\n"))
    assert erase_command(["--staging", str(tmp_path / folder), "--emails", "-"]) == 1
    told = capsys.readouterr()
    assert "nobody was erased" in told.err
    assert "is no staging root, for no export has run in it" in told.err
    assert not list(tmp_path.rglob("_erased"))


@pytest.mark.parametrize(
    ("arguments", "key", "message"),
    [
        (["--staging", "nowhere", "--emails", "-"], SECRET, "nowhere is no folder"),
        (
            ["--staging", "nosuchprotocol://bucket", "--emails", "-"],
            SECRET,
            "nosuchprotocol://bucket can't be reached",
        ),
        (["--staging", ".", "--emails", "-"], None, "Variable AUTOPILOT_LEDGER_SECRET is missing"),
        (["--staging", ".", "--emails", "-"], "short", "has 5 characters"),
        (["--staging", ".", "--emails", "-"], "s" * 31, "a new one must have at least 32"),
        (["--staging", ".", "--emails", "missing.txt"], SECRET, "missing.txt can't be read"),
        (["--staging", ".", "--emails", "pipe"], SECRET, "pipe is a pipe, and no file"),
        (["--staging", ".", "--emails", "/dev/zero"], SECRET, "/dev/zero is a device, and no file"),
        (["--staging", ".", "--emails", "latin.txt"], SECRET, "latin.txt can't be read as UTF-8 text"),
        (["--staging", ".", "--customer-ids", "utf16.txt"], SECRET, "utf16.txt can't be read as UTF-8 text"),
        (
            ["--staging", ".", "--customer-ids", "utf16-unmarked.txt"],
            SECRET,
            "utf16-unmarked.txt can't be read as UTF-8",
        ),
        (
            ["--staging", ".", "--customer-ids", "empty.txt"],
            SECRET,
            "nobody was erased: no line names anybody",
        ),
        (
            ["--staging", ".", "--emails", "blank.txt", "--customer-ids", "empty.txt"],
            SECRET,
            "no line names anybody",
        ),
        (["--staging", ".", "--emails", "-"], SECRET, "address 1 of 1 is none"),
    ],
)
def test_a_command_that_cannot_do_it_says_why_and_erases_nobody(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    key: str | None,
    message: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "newsletter" / "runs" / "a dry run").mkdir(parents=True)
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "latin.txt").write_bytes("müller@example.com".encode("latin-1"))
    (tmp_path / "utf16.txt").write_bytes("7f3e\r\n".encode("utf-16"))
    (tmp_path / "utf16-unmarked.txt").write_bytes("7f3e\r\n".encode("utf-16-le"))
    (tmp_path / "empty.txt").touch()
    (tmp_path / "blank.txt").write_text("\ufeff \n\n", encoding="utf-8")
    monkeypatch.delenv("AIRFLOW_VAR_AUTOPILOT_LEDGER_SECRET", raising=False)
    if key is not None:
        monkeypatch.setenv("AIRFLOW_VAR_AUTOPILOT_LEDGER_SECRET", key)
    monkeypatch.setattr(sys, "stdin", io.StringIO("no address\n"))
    assert erase_command(arguments) == 1
    told = capsys.readouterr()
    assert message in told.err
    assert "Traceback" not in told.err
    assert not (tmp_path / "_erased").exists()


def test_the_command_needs_somebody_to_erase(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        erase_command(["--staging", str(tmp_path)])
    assert "--emails, of --customer-ids" in capsys.readouterr().err


@pytest.mark.parametrize("file", ["-", "people.txt"])
def test_a_list_has_so_many_bytes_and_with_one_more_nobody_is_erased(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], file: str
) -> None:
    monkeypatch.setenv("AIRFLOW_VAR_AUTOPILOT_LEDGER_SECRET", "k" * 32)
    monkeypatch.chdir(tmp_path)
    people = "a@example.com\n" * 10
    Path("people.txt").write_text(people)
    for most in (len(people), len(people) - 1):
        monkeypatch.setattr(bounds, "ERASED_BYTES", most)
        monkeypatch.setattr(sys, "stdin", io.StringIO(people))
        assert erase_command(["--staging", str(tmp_path), "--emails", file]) == 1
        told = capsys.readouterr().err
        assert ("has more than 139" in told) is (most < len(people))
        assert ("no export has run in it" in told) is (most == len(people))
