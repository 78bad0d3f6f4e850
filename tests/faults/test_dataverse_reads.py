"""What Dataverse leaves out, or tells otherwise than before, is taken neither for a No nor for a Yes."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from tests.faults.export_run import RunningExport
from tests.segment_exports.sources.written_tables import (
    LABEL,
    MEMBERSHIPS,
    PROFILES,
    SEGMENT,
    WrittenTables,
    address,
)
from tests.stands.alone import Why

if TYPE_CHECKING:
    from pathlib import Path

    from tests.stands.account_stand import AccountStand

pytestmark = pytest.mark.alone(Why.PLANNING)

PEOPLE = 40
EVERYBODY = {address(number) for number in range(PEOPLE)}
SETTINGS = {
    "source": {
        "type": "dataverse",
        "connection": "dataverse_default",
        "page_size": 4,
        "missing_profiles": 0.1,
    },
    "destination": {"membership": "list"},
    "segments": [SEGMENT],
    "mapping": {"Email": "EMail"},
    "permission": {"attribute": "OptIn", "equals": "Yes"},
    "when_permission_withdrawn": "unsubscribe",
    "first_run": "deliver",
}


class Account:
    """An export of written tables, and what its runs made of the account."""

    def __init__(self, tables: WrittenTables, export: RunningExport, stand: AccountStand) -> None:
        self.tables = tables
        self.export = export
        self._stand = stand

    def on_list(self) -> set[str]:
        return self._stand.members(SEGMENT)

    def unsubscribed(self) -> set[str]:
        return self._stand.unsubscribed()

    def warnings(self, result: Any) -> str:
        return "\n".join(result.report.warnings)


@pytest.fixture
def account(
    tmp_path: Path, stand: AccountStand, monkeypatch: pytest.MonkeyPatch, short_waits: None
) -> Account:
    tables = WrittenTables(PEOPLE)
    tables.serve(monkeypatch)
    connection = {
        "conn_type": "dataverse",
        "host": "https://written.crm.dynamics.com",
        "login": "client",
        "password": "secret",
        "extra": {"tenant": "contoso.example"},
    }
    monkeypatch.setenv("AIRFLOW_CONN_DATAVERSE_DEFAULT", json.dumps(connection))
    return Account(tables, RunningExport(tmp_path, stand, monkeypatch, SETTINGS), stand)


@pytest.fixture
def delivered(account: Account) -> Account:
    assert not account.export.run().red
    assert account.on_list() == EVERYBODY
    return account


def test_who_refuses_is_not_mailed_while_the_metadata_are_closed(account: Account) -> None:
    """All said Yes in 2019; ten say No in the column that is called OptIn today."""
    account.tables.columns |= {
        "msdynci_optin": ("String", "Consent of 2019"),
        "msdynci_optin2": ("String", "OptIn"),
    }
    for number, row in enumerate(account.tables.profiles):
        row |= {"msdynci_optin": "Yes", "msdynci_optin2": "No" if number < 10 else "Yes"}
    allowed = EVERYBODY - {address(number) for number in range(10)}
    assert not account.export.run().red
    assert account.on_list() == allowed

    account.tables.is_open = False
    assert account.export.run().red
    assert account.on_list() == allowed


def test_a_member_without_a_profile_stays_as_it_is(delivered: Account) -> None:
    """Neither off the list nor unsubscribed: nobody knows what they permit."""
    del delivered.tables.profiles[:2]
    result = delivered.export.run()

    assert not result.red
    assert delivered.on_list() == EVERYBODY
    assert delivered.unsubscribed() == set()
    assert f"2 of {PEOPLE} members have no profile in Dataverse" in delivered.warnings(result)
    assert result.report.profiles.invalid == 2


def test_who_says_no_still_leaves_beside_one_without_a_profile(delivered: Account) -> None:
    del delivered.tables.profiles[0]
    delivered.tables.profiles[0]["msdynci_optin" + LABEL] = "No"
    assert not delivered.export.run().red

    assert delivered.on_list() == EVERYBODY - {address(1)}
    assert delivered.unsubscribed() == {address(1)}


def without_consent(table: str, start: int, body: dict[str, Any]) -> dict[str, Any]:
    """A page of profiles lacks the column of consent."""
    for row in body["value"] if (table, start) == (PROFILES, 4) else ():
        row.pop("msdynci_optin")
    return body


def without_list(table: str, start: int, body: dict[str, Any]) -> dict[str, Any]:
    """A page of memberships lacks the lists of segments."""
    for row in body["value"] if (table, start) == (MEMBERSHIPS, 4) else ():
        row.pop("msdynci_segments")
    return body


def with_a_row_twice(table: str, start: int, body: dict[str, Any]) -> dict[str, Any]:
    """A page of memberships begins with a row of the page before, in place of its own."""
    if (table, start) == (MEMBERSHIPS, 4):
        body["value"][0] = body["value"][0] | {"msdynci_customerid": "c003"}
    return body


@pytest.mark.parametrize("alter", [without_consent, without_list, with_a_row_twice])
def test_what_does_not_come_is_no_withdrawal_and_no_leave(delivered: Account, alter: Any) -> None:
    delivered.tables.alter = alter

    assert delivered.export.run().red
    assert delivered.on_list() == EVERYBODY
    assert delivered.unsubscribed() == set()


def test_who_is_in_the_segment_by_another_spelling_is_told(delivered: Account) -> None:
    for row in delivered.tables.members[:3]:
        row["msdynci_segments"] = '["gold"]'

    told = delivered.warnings(delivered.export.run())
    assert (
        "Rows of the segment Gold in Dataverse are left out: the segment is written 'gold' in 3 rows" in told
    )


def labels_left_out(*columns: str) -> Any:
    """Four customers come without the labels of their choices."""

    def alter(table: str, start: int, body: dict[str, Any]) -> dict[str, Any]:
        for row in body["value"] if (table, start) == (PROFILES, 4) else ():
            for column in columns:
                row.pop(column + LABEL, None)
        return body

    return alter


def test_a_number_where_a_label_was_is_no_withdrawal(delivered: Account) -> None:
    delivered.tables.alter = labels_left_out("msdynci_optin")
    result = delivered.export.run()

    assert result.red
    assert any("OptIn: Dataverse tells labels of some values" in text for text in result.errors)
    assert delivered.on_list() == EVERYBODY
    assert delivered.unsubscribed() == set()


def test_labels_that_do_not_come_at_all_are_no_withdrawal(delivered: Account) -> None:
    for row in delivered.tables.profiles:
        del row["msdynci_optin" + LABEL]

    assert delivered.export.run().red
    assert delivered.unsubscribed() == set()


def test_a_number_where_a_label_was_in_another_field_is_told(account: Account) -> None:
    account.export.define(SETTINGS | {"mapping": {"Email": "EMail", "custom": {"string--Tier": "Tier"}}})
    account.tables.alter = labels_left_out("msdynci_tier")
    result = account.export.run()

    assert not result.red
    assert "msdynci_tier: Dataverse tells no label of some values" in account.warnings(result)
