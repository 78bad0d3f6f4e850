"""Which column an attribute is must not depend on whether Dataverse tells its metadata today."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from tests.segment_exports.sources.written_tables import LABEL, PROFILES, WrittenTables, read_all

from segment_exports.errors import SourceError, SourceNotReadyError
from segment_exports.records.staging import Store
from segment_exports.sources.dataverse.table_names import CLOSED

if TYPE_CHECKING:
    from pathlib import Path

TWO_CONSENTS = {
    "msdynci_customerid": ("String", "CustomerId"),
    "msdynci_email": ("String", "EMail"),
    "msdynci_optin": ("String", "Consent of 2019"),
    "msdynci_optin2": ("String", "OptIn"),
}
ATTRIBUTES = ("EMail", "OptIn", "CustomerId")


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store.local(tmp_path)


@pytest.fixture
def tables(monkeypatch: pytest.MonkeyPatch) -> WrittenTables:
    tables = WrittenTables()
    tables.serve(monkeypatch)
    return tables


@pytest.fixture
def two_consents(tables: WrittenTables) -> WrittenTables:
    """Everybody said Yes in 2019, and says No today."""
    tables.columns = dict(TWO_CONSENTS)
    for row in tables.profiles:
        row |= {"msdynci_optin": "Yes", "msdynci_optin2": "No"}
    return tables


def consents(rows: list[dict[str, Any]]) -> set[str]:
    return {row["OptIn"] for row in rows}


def test_metadata_that_are_closed_for_one_run_hold_it_up(two_consents: WrittenTables, store: Store) -> None:
    assert consents(read_all(two_consents.source(store), ATTRIBUTES)) == {"No"}

    two_consents.is_open = False
    with pytest.raises(SourceNotReadyError, match=r"metadata of msdynci_.* can't be read now"):
        read_all(two_consents.source(store), ATTRIBUTES)

    two_consents.is_open = True
    assert consents(read_all(two_consents.source(store), ATTRIBUTES)) == {"No"}


def test_a_label_that_moved_to_another_column_is_told(two_consents: WrittenTables, store: Store) -> None:
    read_all(two_consents.source(store), ATTRIBUTES)

    two_consents.columns |= {"msdynci_optin": ("String", "OptIn"), "msdynci_optin2": ("String", "Newer")}
    with pytest.raises(SourceError, match=r"'OptIn' was the column msdynci_optin2 .* and is msdynci_optin "):
        read_all(two_consents.source(store), ATTRIBUTES)


def test_the_columns_own_name_is_the_way_out(two_consents: WrittenTables, store: Store) -> None:
    read_all(two_consents.source(store), ATTRIBUTES)

    two_consents.columns |= {"msdynci_optin": ("String", "OptIn"), "msdynci_optin2": ("String", "Newer")}
    rows = read_all(two_consents.source(store), ("EMail", "msdynci_optin2", "CustomerId"))

    assert {row["msdynci_optin2"] for row in rows} == {"No"}


def test_metadata_that_open_show_another_column_which_is_told(
    two_consents: WrittenTables, store: Store
) -> None:
    two_consents.is_open = False
    assert consents(read_all(two_consents.source(store), ATTRIBUTES)) == {"Yes"}

    two_consents.is_open = True
    with pytest.raises(SourceError, match=r"'OptIn' was the column msdynci_optin in a run before"):
        read_all(two_consents.source(store), ATTRIBUTES)


def test_a_sample_is_held_against_what_was_read_too(two_consents: WrittenTables, store: Store) -> None:
    read_all(two_consents.source(store), ATTRIBUTES)

    two_consents.is_open = False
    with pytest.raises(SourceNotReadyError):
        two_consents.source(store).sample("Gold", ATTRIBUTES, 5)


def test_looking_at_a_sample_remembers_nothing(two_consents: WrittenTables, store: Store) -> None:
    two_consents.source(store).sample("Gold", ATTRIBUTES, 5)

    assert store.all_files() == []


def test_where_they_never_were_open_it_is_doubted_each_time(tables: WrittenTables, store: Store) -> None:
    tables.is_open = False
    for _ in range(2):
        source = tables.source(store)
        rows = read_all(source)
        assert {row["OptIn"] for row in rows} == {"1"}
        assert CLOSED in source.doubts


def test_choices_whose_labels_do_not_come_any_more_are_told(tables: WrittenTables, store: Store) -> None:
    read_all(tables.source(store))

    def without_labels(table: str, start: int, body: dict[str, Any]) -> dict[str, Any]:
        if table == PROFILES:
            for row in body["value"]:
                row.pop(f"msdynci_optin{LABEL}", None)
        return body

    tables.alter = without_labels
    with pytest.raises(SourceError, match=r"'OptIn' \(msdynci_optin\) had labels .* and has numbers now"):
        read_all(tables.source(store))


def test_the_previous_ids_must_not_vanish_in_silence(tables: WrittenTables, store: Store) -> None:
    tables.columns["msdynci_previouscustomerid"] = ("String", "PreviousCustomerId")
    for row in tables.profiles:
        row["msdynci_previouscustomerid"] = None
    attributes = ("EMail", "CustomerId", "PreviousCustomerId")
    read_all(tables.source(store), attributes)

    del tables.columns["msdynci_previouscustomerid"]
    with pytest.raises(SourceError, match="'PreviousCustomerId' was the column msdynci_previouscustomerid"):
        read_all(tables.source(store), attributes)
