from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest

from segment_exports.planning.uncertain_addresses import ADDRESSES, AddressBook
from segment_exports.records.keyed_hash import KeyedHasher
from segment_exports.records.staging import RunFiles, Store
from segment_exports.records.tables.schemas import CHUNK, LEDGER

if TYPE_CHECKING:
    from pathlib import Path

HASHER = KeyedHasher("a secret of the tests that is long enough")


@pytest.fixture
def export(tmp_path: Path) -> Store:
    return Store.local(tmp_path)


def changes_of(*rows: dict[str, Any]) -> pa.Table:
    """Return changes; each row names its address only as ``who``."""
    blank = {"is_contact": False, "joins": [], "leaves": ["A"], "member_of": []}
    return pa.Table.from_pylist(
        [blank | row | {"email_hash": HASHER.text(row["who"])} for row in rows], schema=CHUNK
    )


def ledger_of(**run_of: str | None) -> pa.Table:
    blank = {"member_of": [], "uncertain_of": ["A"], "suppressed": False}
    return pa.Table.from_pylist(
        [blank | {"email_hash": HASHER.text(who), "uncertain_run": run} for who, run in run_of.items()],
        schema=LEDGER,
    )


def withheld(**emails: str) -> pa.Table:
    rows = [{"email_hash": HASHER.text(who), "email": email} for who, email in emails.items()]
    return pa.Table.from_pylist(rows, schema=pa.schema([CHUNK.field(name) for name in ADDRESSES]))


NOBODY = withheld()


def sent_by(export: Store, run: str, *who: str) -> None:
    with RunFiles(export, run).store.parquet_writer(RunFiles.CHANGES, CHUNK) as writer:
        writer.write_table(changes_of(*({"who": one, "email": f"{one}@example.com"} for one in who)))


def emails(table: pa.Table) -> list[str | None]:
    return table["email"].to_pylist()


def test_the_address_is_read_from_the_run_that_sent_it(export: Store) -> None:
    sent_by(export, "run 1", "ann", "somebody")
    sent_by(export, "run 2", "bob")
    book = AddressBook(export)
    filled = book.fill_in(
        changes_of({"who": "ann"}, {"who": "bob"}, {"who": "cat", "contact_id": "person_3"}),
        ledger_of(ann="run 1", bob="run 2", cat=None),
        NOBODY,
    )
    assert emails(filled) == ["ann@example.com", "bob@example.com", None]
    assert filled.schema == CHUNK
    assert book.lost == 0


def test_who_may_have_been_made_anew_under_another_id_is_known_by_the_address_too(export: Store) -> None:
    sent_by(export, "run 1", "ann")
    book = AddressBook(export)
    changes = changes_of({"who": "ann", "contact_id": "person_1"}, {"who": "bob", "contact_id": "person_2"})
    filled = book.fill_in(changes, ledger_of(ann="run 1", bob=None), NOBODY)
    assert emails(filled) == ["ann@example.com", None]
    assert filled["maybe_anew"].to_pylist() == [True, False]
    assert filled["contact_id"].to_pylist() == ["person_1", "person_2"]
    assert book.lost == 0


def test_a_contact_of_the_run_may_have_been_made_anew_too(export: Store) -> None:
    contact = {"is_contact": True, "joins": ["B"], "email": "ann@example.com"}
    changes = changes_of({"who": "ann", **contact}, {"who": "bob", **contact})
    filled = AddressBook(export).fill_in(changes, ledger_of(ann="run 1", bob=None), NOBODY)
    assert filled["maybe_anew"].to_pylist() == [True, False]


def test_who_is_known_by_address_or_id_needs_no_book(export: Store) -> None:
    changes = changes_of({"who": "ann", "email": "ann@new.example.com"}, {"who": "bob", "contact_id": "2"})
    filled = AddressBook(export).fill_in(changes, ledger_of(ann="purged"), NOBODY)
    assert emails(filled) == ["ann@new.example.com", None]


def test_who_refuses_in_this_run_stands_in_it_with_the_address(export: Store) -> None:
    book = AddressBook(export)
    changes = changes_of({"who": "ann"}, {"who": "bob", "contact_id": "2"}, {"who": "cat", "contact_id": "3"})
    filled = book.fill_in(
        changes, ledger_of(ann="purged", bob=None), withheld(ann="ann@example.com", bob="bob@example.com")
    )
    assert emails(filled) == ["ann@example.com", "bob@example.com", None]
    assert filled["maybe_anew"].to_pylist() == [True, False, False]
    assert book.lost == 0


@pytest.mark.parametrize("run", ["purged", "run 1", None])
def test_who_stands_nowhere_any_more_is_dropped_and_counted(export: Store, run: str | None) -> None:
    sent_by(export, "run 1", "somebody")
    book = AddressBook(export)
    changes = changes_of({"who": "ann"}, {"who": "bob", "contact_id": "2"})
    for expected in (1, 2):
        assert len(book.fill_in(changes, ledger_of(ann=run), NOBODY)) == 1
        assert book.lost == expected


def test_no_changes_are_no_trouble(export: Store) -> None:
    assert len(AddressBook(export).fill_in(changes_of(), ledger_of(), NOBODY)) == 0
