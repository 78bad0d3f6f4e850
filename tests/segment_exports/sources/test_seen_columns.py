from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from segment_exports.errors import SourceError, SourceNotReadyError, StagingError
from segment_exports.records.staging import Store
from segment_exports.sources.seen_columns import ColumnUse, SeenColumns

if TYPE_CHECKING:
    from pathlib import Path

OPT_IN = {"OptIn": ColumnUse("optin2", labelled=True), "EMail": ColumnUse("email")}
CLOSED = SourceError("403")


@pytest.fixture
def store(tmp_path: Path) -> Store:
    store = Store.local(tmp_path)
    SeenColumns(store).keep("profiles", OPT_IN, metadata=True)
    return store


def test_the_same_columns_pass(store: Store) -> None:
    SeenColumns(store).require_same("profiles", OPT_IN, OPT_IN)


def test_another_column_is_refused_with_both(store: Store) -> None:
    with pytest.raises(
        SourceError, match=r"'OptIn' was the column optin2 in a run before, and is optin now.*take .*columns"
    ):
        SeenColumns(store).require_same("profiles", ["OptIn"], {"OptIn": ColumnUse("optin", labelled=True)})


def test_a_column_that_is_there_no_more_is_refused(store: Store) -> None:
    with pytest.raises(SourceError, match=r"'OptIn' was the column optin2 in a run before, and is none now"):
        SeenColumns(store).require_same("profiles", ["OptIn"], {})


def test_numbers_where_labels_were_are_refused(store: Store) -> None:
    with pytest.raises(SourceError, match=r"\(optin2\) had labels in a run before, and has numbers now"):
        SeenColumns(store).require_same("profiles", ["OptIn"], {"OptIn": ColumnUse("optin2")})


def test_a_choice_without_values_tells_nothing_and_changes_nothing(store: Store) -> None:
    untold = {"OptIn": ColumnUse("optin2", labelled=None)}
    SeenColumns(store).require_same("profiles", untold, untold)
    SeenColumns(store).keep("profiles", untold, metadata=True)

    with pytest.raises(SourceError, match="had labels"):
        SeenColumns(store).require_same("profiles", ["OptIn"], {"OptIn": ColumnUse("optin2")})


def test_attributes_that_are_not_asked_for_now_stay_known(store: Store) -> None:
    SeenColumns(store).keep("profiles", {"EMail": ColumnUse("email")}, metadata=True)

    with pytest.raises(SourceError, match="'OptIn' was the column optin2"):
        SeenColumns(store).require_same("profiles", ["OptIn"], {"OptIn": ColumnUse("optin")})


def test_metadata_that_were_open_are_waited_for(store: Store) -> None:
    with pytest.raises(SourceNotReadyError, match=r"can't be read now.*\(403\).*take .*columns"):
        SeenColumns(store).require_metadata("profiles", CLOSED)


def test_metadata_that_never_were_open_are_done_without(store: Store) -> None:
    SeenColumns(store).require_metadata("memberships", CLOSED)


def test_taken_away_nothing_is_known(store: Store) -> None:
    store.remove("columns")

    SeenColumns(store).require_metadata("profiles", CLOSED)
    SeenColumns(store).require_same("profiles", ["OptIn"], {"OptIn": ColumnUse("optin")})


def test_without_a_store_nothing_is_remembered() -> None:
    seen = SeenColumns()
    seen.keep("profiles", OPT_IN, metadata=True)

    seen.require_same("profiles", ["OptIn"], {"OptIn": ColumnUse("optin")})


def test_what_is_damaged_is_not_believed(store: Store) -> None:
    (name,) = store.names("columns")
    store.write_bytes(f"columns/{name}", b"{")

    with pytest.raises(StagingError, match=r"Take .* away: then columns are looked for anew"):
        SeenColumns(store).require_same("profiles", ["OptIn"], OPT_IN)
