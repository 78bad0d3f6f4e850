from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from segment_exports.planning.moved_addresses import MovedAddresses, find_moved
from segment_exports.records.keyed_hash import KeyedHasher
from segment_exports.records.staging import Store
from segment_exports.records.tables.schemas import CONTACTS, LEDGER, WITHHELD
from segment_exports.records.tables.sorted_tables import prefixes

if TYPE_CHECKING:
    from pathlib import Path

HASHER = KeyedHasher("a secret of the tests that is long enough")


class Comparison:
    """A ledger, contacts and withheld addresses in words; the answers in words too."""

    def __init__(self, folder: Path) -> None:
        self.store = Store.local(folder)

    def find(
        self,
        ledger: dict[str, str | None],
        contacts: dict[str, str | None],
        *,
        withheld: dict[str, str | None] | None = None,
        previous: dict[str, list[str]] | None = None,
        ids: dict[str, str | None] | None = None,
        undelivered: tuple[str, ...] = (),
        erased: tuple[str, ...] = (),
        withdrawn: tuple[str, ...] = (),
        unjudged: tuple[str, ...] = (),
    ) -> MovedAddresses:
        """Compare; ledger, contacts and withheld give the customer of each address."""
        ids = {address: f"id of {address}" for address in ledger} | (ids or {})
        ledger_rows = [
            {
                **_keys(address, customer),
                "contact_id": ids[address],
                "payload_hash": None if address in undelivered else HASHER.text("payload"),
                "member_of": [],
                "uncertain_of": [],
                "suppressed": False,
            }
            for address, customer in ledger.items()
        ]
        contact_rows = [
            {
                **_keys(address, customer),
                "email": address,
                "previous_customer_hashes": [HASHER.text(one) for one in (previous or {}).get(address, [])],
                "segments": [],
                "payload": "{}",
                "payload_hash": HASHER.text("{}"),
            }
            for address, customer in contacts.items()
        ]
        withheld_rows = [
            {**_keys(address, customer), "reason": "permission_refused"}
            for address, customer in (withheld or {}).items()
        ]
        self.addresses = sorted(ledger, key=HASHER.text)
        files = [
            self._write(name, schema, rows)
            for name, schema, rows in (
                ("ledger", LEDGER, ledger_rows),
                ("contacts", CONTACTS, contact_rows),
                ("withheld", WITHHELD, withheld_rows),
            )
        ]
        return find_moved(
            *files, erased=_prefixes(erased), withdrawn=_prefixes(withdrawn), unjudged=_prefixes(unjudged)
        )

    def _write(self, name: str, schema: pa.Schema, rows: list[dict[str, Any]]) -> pq.ParquetFile:
        table = pa.Table.from_pylist(sorted(rows, key=lambda row: row["email_hash"]), schema=schema)
        with self.store.parquet_writer(name, schema) as writer:
            writer.write_table(table, row_group_size=2)
        return pq.ParquetFile(self.store.path(name))

    def named(self, ordinals: np.ndarray) -> set[str]:
        return {self.addresses[one] for one in ordinals.tolist()}


def _prefixes(texts: tuple[str, ...]) -> np.ndarray:
    return prefixes(pa.array([HASHER.text(one) for one in texts], pa.binary(16)))


def _keys(address: str, customer: str | None) -> dict[str, Any]:
    return {
        "email_hash": HASHER.text(address),
        "customer_hash": None if customer is None else HASHER.text(customer),
    }


def previous_ids(moved: MovedAddresses, *addresses: str) -> list[list[str]]:
    return moved.previous_contact_ids(*asked(addresses)).to_pylist()


def movable_ids(moved: MovedAddresses, *addresses: str) -> list[str | None]:
    return moved.movable_contact_ids(*asked(addresses)).to_pylist()


def asked(addresses: tuple[str, ...]) -> tuple[np.ndarray, np.ndarray]:
    return _prefixes(addresses), np.ones(len(addresses), np.bool_)


@pytest.fixture
def comparison(tmp_path: Path) -> Comparison:
    return Comparison(tmp_path)


def test_nobody_has_moved_where_everybody_has_the_address_of_the_ledger(comparison: Comparison) -> None:
    people = {f"p{one}@example.com": str(one) for one in range(20)}
    moved = comparison.find(people, people)
    assert (len(moved.away), len(moved.left_behind), len(moved.withdrawn)) == (0, 0, 0)
    assert previous_ids(moved, *people) == [[]] * 20
    assert movable_ids(moved, *people) == [None] * 20


def test_a_customer_with_a_new_address_leaves_the_old_one(comparison: Comparison) -> None:
    moved = comparison.find(
        {"old@example.com": "1", "bob@example.com": "2"}, {"new@example.com": "1", "bob@example.com": "2"}
    )
    assert comparison.named(moved.away) == {"old@example.com"}
    people = ("new@example.com", "bob@example.com", "other@example.com")
    assert previous_ids(moved, *people) == [["id of old@example.com"], [], []]
    assert movable_ids(moved, *people) == ["id of old@example.com", None, None]
    nobody = np.zeros(3, np.bool_)
    assert moved.previous_contact_ids(asked(people)[0], nobody).to_pylist() == [[], [], []]
    assert moved.movable_contact_ids(asked(people)[0], nobody).to_pylist() == [None, None, None]


def test_a_customer_that_merged_into_another_is_found_by_its_previous_id(comparison: Comparison) -> None:
    moved = comparison.find(
        {"one@example.com": "1", "two@example.com": "2"},
        {"two@example.com": "2"},
        previous={"two@example.com": ["7", "1"]},
    )
    assert comparison.named(moved.away) == {"one@example.com"}
    assert previous_ids(moved, "two@example.com") == [["id of one@example.com"]]


def test_every_former_address_is_left_and_looked_at_and_one_is_movable(comparison: Comparison) -> None:
    former = {f"old{one}@example.com": "1" for one in range(5)}
    moved = comparison.find(former, {"new@example.com": "1"}, ids={"old0@example.com": None})
    assert comparison.named(moved.away) == set(former)
    known = {f"id of old{one}@example.com" for one in range(1, 5)}
    assert set(previous_ids(moved, "new@example.com")[0]) == known
    assert set(movable_ids(moved, "new@example.com")) < known
    assert len(moved.movable) == 1


def test_a_contact_is_moved_for_one_of_two_customers_that_it_became(comparison: Comparison) -> None:
    moved = comparison.find(
        {"old@example.com": "1"},
        {"a@example.com": "2", "b@example.com": "3", "c@example.com": "1"},
        previous={"a@example.com": ["1"], "b@example.com": ["1"]},
    )
    everybody = ("a@example.com", "b@example.com", "c@example.com")
    assert previous_ids(moved, *everybody) == [["id of old@example.com"]] * 3
    assert movable_ids(moved, *everybody) == [None, None, "id of old@example.com"], "to the customer itself"


@pytest.mark.parametrize(
    "refusal",
    [
        {"withheld": {"old@example.com": "another customer"}},
        {"withheld": {"other@example.com": "1"}},
        {"erased": ("old@example.com",)},
        {"erased": ("1",)},
        {"withdrawn": ("1",)},
    ],
    ids=[
        "the address is withheld",
        "the customer is withheld",
        "the address is erased",
        "the customer is erased",
        "the customer withdrew and has no address",
    ],
)
def test_an_address_that_must_leave_is_not_moved(comparison: Comparison, refusal: dict[str, Any]) -> None:
    people = {"new@example.com": "2"}
    moved = comparison.find({"old@example.com": "1"}, people, previous={"new@example.com": ["1"]}, **refusal)
    assert previous_ids(moved, *people) == [["id of old@example.com"]]
    assert movable_ids(moved, *people) == [None]
    assert len(moved.movable) == 0


def test_an_address_that_somebody_else_still_has_is_not_left(comparison: Comparison) -> None:
    arguments = {"shared@example.com": "1"}, {"new@example.com": "1", "shared@example.com": "2"}
    moved = comparison.find(*arguments)
    assert len(moved.away) == 0
    # The person may have unsubscribed under it, so it is looked at; but it can't be moved.
    assert previous_ids(moved, "new@example.com") == [["id of shared@example.com"]]
    assert movable_ids(moved, "new@example.com") == [None]


def test_rows_without_a_customer_are_nobodys_former_address(comparison: Comparison) -> None:
    moved = comparison.find({"old@example.com": None}, {"new@example.com": None})
    assert len(moved.away) == 0


def test_a_withheld_customer_is_withdrawn_under_former_addresses_too(comparison: Comparison) -> None:
    moved = comparison.find(
        {"old@example.com": "1", "shared@example.com": "2"},
        {"shared@example.com": "3"},
        withheld={"new@example.com": "1", "refused@example.com": "2", "nameless@example.com": None},
    )
    assert comparison.named(moved.withdrawn) == {"old@example.com"}
    assert len(moved.away) == 0


def test_who_withdrew_and_has_no_valid_address_any_more_is_withdrawn(comparison: Comparison) -> None:
    moved = comparison.find(
        {"old@example.com": "1", "shared@example.com": "1"},
        {"shared@example.com": "2"},
        withdrawn=("1", "nobody"),
    )
    assert comparison.named(moved.withdrawn) == {"old@example.com"}


def test_an_old_address_is_left_behind_once_another_contact_has_the_new_one(comparison: Comparison) -> None:
    """Also where nothing but its id is known; who has a row without one was never answered, and is nobody."""
    people = {
        "old@example.com": "1",
        "new@example.com": "1",
        "new2@example.com": "2",
        "old2@example.com": "2",
        "new3@example.com": "3",
        "old3@example.com": "3",
    }
    moved = comparison.find(
        people,
        {"new@example.com": "1", "new2@example.com": "2", "new3@example.com": "3"},
        undelivered=("new2@example.com", "new3@example.com"),
        ids={"new3@example.com": None},
    )
    assert comparison.named(moved.away) == {"old@example.com", "old2@example.com", "old3@example.com"}
    assert comparison.named(moved.left_behind) == {"old@example.com", "old2@example.com"}
    assert comparison.named(moved.movable) == {"old3@example.com"}


@pytest.mark.parametrize(
    ("old", "new", "is_left_behind"), [("1", "1", False), ("1", "2", True), (None, "2", True)]
)
def test_one_contact_under_both_addresses_is_not_left_behind(
    comparison: Comparison, old: str | None, new: str, is_left_behind: bool
) -> None:
    people = {"old@example.com": "1", "new@example.com": "1"}
    moved = comparison.find(
        people, {"new@example.com": "1"}, ids={"old@example.com": old, "new@example.com": new}
    )
    assert comparison.named(moved.left_behind) == ({"old@example.com"} if is_left_behind else set())


def test_an_empty_ledger_knows_nobody(comparison: Comparison) -> None:
    moved = comparison.find({}, {"new@example.com": "1"})
    assert previous_ids(moved, "new@example.com") == [[]]
    assert movable_ids(moved, "new@example.com") == [None]
