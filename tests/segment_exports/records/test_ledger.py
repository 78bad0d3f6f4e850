from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest

from segment_exports.errors import LedgerError
from segment_exports.records.keyed_hash import KeyedHasher
from segment_exports.records.ledger import (
    LedgerFolder,
    LedgerInfo,
    counts_as_address,
    newest_ledgers,
    newest_sequence,
)
from segment_exports.records.staging import Store
from segment_exports.records.tables.schemas import LEDGER

if TYPE_CHECKING:
    from pathlib import Path

HASHER = KeyedHasher("a secret of the tests that is long enough")


@pytest.fixture
def export(tmp_path: Path) -> Store:
    return Store.local(tmp_path)


@pytest.fixture
def folder(export: Store) -> LedgerFolder:
    return LedgerFolder(export, "newsletter", "autopilot_default")


def info_of(sequence: int, **changes: Any) -> LedgerInfo:
    return LedgerInfo(
        export="newsletter",
        account="autopilot_default",
        sequence=sequence,
        run_id=f"run_{sequence}",
        written_at="2026-11-01T05:00:00+00:00",
        secret_fingerprint=HASHER.fingerprint,
        mapping_fingerprint="mapping",
        membership="list",
        snapshots={"A": "2026-11-01T05:00:00+00:00"},
        lists={"A": "id of A"},
        members={},
        addresses=0,
    ).model_copy(update=changes)


def rows_of(*rows: dict[str, Any]) -> pa.Table:
    blank = {"member_of": [], "uncertain_of": [], "suppressed": False}
    return pa.Table.from_pylist(
        [blank | row | {"email_hash": HASHER.text(row["email_hash"])} for row in rows], schema=LEDGER
    )


def write(folder: LedgerFolder, sequence: int, *tables: pa.Table) -> None:
    with folder.writing(info_of(sequence)) as ledger:
        for table in tables:
            ledger.write(table)


def test_before_the_first_run_the_ledger_is_empty_and_not_lost(folder: LedgerFolder) -> None:
    ledger = folder.latest()
    assert (ledger.info, ledger.sequence, ledger.titles) == (None, 0, ())
    assert not folder.is_lost()
    with ledger.opened() as file:
        assert file is None


def test_a_ledger_tells_what_is_in_it(folder: LedgerFolder) -> None:
    write(
        folder,
        7,
        rows_of(
            {"email_hash": "a", "payload_hash": HASHER.text("1"), "member_of": ["A", "B"]},
            {"email_hash": "b", "uncertain_run": "run_6", "member_of": ["A"]},
        ),
        rows_of(),
        rows_of({"email_hash": "c", "rejected_hash": HASHER.text("2")}),
    )
    ledger = folder.latest()
    assert ledger.info == info_of(7, members={"A": 2, "B": 1}, addresses=2)
    assert (ledger.sequence, ledger.titles) == (7, ("A",))
    with ledger.opened() as file:
        assert file.metadata.num_rows == 3


def test_the_highest_sequence_counts_and_the_last_five_are_kept(folder: LedgerFolder) -> None:
    for sequence in (9, 10, 100, 2, 3, 4):
        write(folder, sequence)
    assert folder.latest().sequence == 100
    assert folder.with_sequence(3).info == info_of(3)
    with pytest.raises(LedgerError, match=r"ledger 2 of export newsletter .* is missing"):
        folder.with_sequence(2)
    assert folder.with_sequence(0).info is None


def test_writing_a_sequence_again_replaces_it(folder: LedgerFolder) -> None:
    write(folder, 1, rows_of({"email_hash": "a", "contact_id": "1"}))
    write(folder, 1, rows_of({"email_hash": "a", "contact_id": "1"}, {"email_hash": "b", "contact_id": "2"}))
    assert folder.latest().info == info_of(1, addresses=2)


def test_a_ledger_that_breaks_off_leaves_the_one_before(folder: LedgerFolder) -> None:
    def break_off() -> None:
        with folder.writing(info_of(2)) as ledger:
            ledger.write(rows_of({"email_hash": "a"}))
            raise RuntimeError

    with pytest.raises(RuntimeError):
        break_off()
    assert folder.latest().info is None
    assert not folder.is_lost()
    write(folder, 1)
    with pytest.raises(RuntimeError):
        break_off()
    assert folder.latest().sequence == 1


def test_a_ledger_that_was_there_and_is_gone_is_lost_until_one_is_written(
    folder: LedgerFolder, export: Store
) -> None:
    write(folder, 1)
    assert not folder.is_lost()
    export.remove("ledger")
    assert folder.is_lost()
    assert not LedgerFolder(export, "newsletter", "another_account").is_lost()
    write(folder, 2)
    assert not folder.is_lost()


def test_ledgers_of_two_accounts_are_never_taken_for_each_other(export: Store) -> None:
    first, second = (LedgerFolder(export, "newsletter", account) for account in ("a/b", "a"))
    for folder, account, sequence in ((first, "a/b", 4), (second, "a", 5)):
        assert folder.latest().info is None
        with folder.writing(info_of(sequence, account=account)):
            pass
    assert (first.latest().sequence, second.latest().sequence) == (4, 5)
    assert newest_sequence(export) == 5
    assert [ledger.sequence for ledger in newest_ledgers(export, "newsletter")] == [5, 4]


def test_a_ledger_of_another_account_is_not_believed(export: Store, folder: LedgerFolder) -> None:
    write(folder, 1)
    for name in export.names("ledger/autopilot_default"):
        export.write_bytes(f"ledger/other/{name}", export.read_bytes(f"ledger/autopilot_default/{name}"))
    with pytest.raises(LedgerError, match="is the ledger of newsletter for autopilot_default, not of"):
        LedgerFolder(export, "newsletter", "other").latest()


def test_other_files_beside_ledgers_are_no_ledgers(export: Store, folder: LedgerFolder) -> None:
    write(folder, 1)
    export.write_bytes("ledger/autopilot_default/notes.parquet", b"")
    assert folder.latest().sequence == newest_sequence(export) == 1


def test_an_export_without_ledgers_has_sequence_0(export: Store) -> None:
    assert newest_sequence(export) == 0
    assert newest_ledgers(export, "newsletter") == []


@pytest.mark.parametrize("content", [b"", b"no Parquet", None], ids=["empty", "text", "another table"])
def test_an_unreadable_ledger_is_told_by_its_path_with_what_to_do(
    folder: LedgerFolder, export: Store, content: bytes | None
) -> None:
    write(folder, 1)
    name = "ledger/autopilot_default/0000000002-run_2.parquet"
    if content is None:
        with export.parquet_writer(name, LEDGER):
            pass
    else:
        export.write_bytes(name, content)
    with pytest.raises(LedgerError, match=r"0000000002-run_2\.parquet can't be believed: .*move it away"):
        folder.latest()


@pytest.mark.parametrize(
    ("row", "counts"),
    [
        ({"payload_hash": HASHER.text("1")}, True),
        ({"contact_id": "person_1"}, True),
        ({"uncertain_run": "run_1", "uncertain_of": ["A"]}, True),
        ({"rejected_hash": HASHER.text("1"), "rejected_reason": "no"}, False),
        ({}, False),
    ],
)
def test_an_address_counts_where_the_destination_has_it_or_may_have_it(
    row: dict[str, Any], counts: bool
) -> None:
    assert counts_as_address(rows_of({"email_hash": "a"} | row)).to_pylist() == [counts]


@pytest.mark.parametrize("account", ["Autopilot EU", "a" * 250, "счёт" * 60, "aux"])
def test_the_ledgers_of_an_account_of_any_name_are_found(export: Store, account: str) -> None:
    folder = LedgerFolder(export, "newsletter", account)
    with folder.writing(info_of(3, account=account)):
        pass
    (newest,) = newest_ledgers(export, "newsletter")
    assert newest.info
    assert newest.info.account == account
    export.remove("ledger")
    assert LedgerFolder(export, "newsletter", account).is_lost()


def test_a_ledger_that_was_written_before_capitals_were_marked_is_the_accounts(export: Store) -> None:
    with LedgerFolder(export, "newsletter", "Autopilot_EU").writing(info_of(3, account="Autopilot_EU")):
        pass
    for name in (*export.sub("ledger").all_files(),):
        export.write_bytes(f"ledger/Autopilot_EU/{name.split('/')[-1]}", export.read_bytes(f"ledger/{name}"))
        export.remove(f"ledger/{name.split('/')[0]}")
    for name in export.names("accounts"):
        export.write_bytes("accounts/Autopilot_EU.has-ledger", b"")
        export.remove(f"accounts/{name}")
    folder = LedgerFolder(export, "newsletter", "Autopilot_EU")
    assert folder.latest().sequence == 3
    assert [one.sequence for one in newest_ledgers(export, "newsletter")] == [3]
    with folder.writing(info_of(4, account="Autopilot_EU")):
        pass
    assert export.names("ledger") == ["Autopilot_EU"]
    assert [one.sequence for one in newest_ledgers(export, "newsletter")] == [4]
    export.remove("ledger")
    assert LedgerFolder(export, "newsletter", "Autopilot_EU").is_lost()
