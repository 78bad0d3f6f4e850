"""Members whose rows are written otherwise than the definition writes them are not lost without a word."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from tests.segment_exports.sources.written_tables import MEMBERSHIPS, PROFILES, ROOT, WrittenTables, read_all

from segment_exports.errors import SourceError, SourceNotReadyError

if TYPE_CHECKING:
    from collections.abc import Callable

LIST, KIND = "msdynci_segments", "msdynci_segmentmembershiptype"


@pytest.fixture
def tables(monkeypatch: pytest.MonkeyPatch) -> WrittenTables:
    tables = WrittenTables(people=10)
    tables.serve(monkeypatch)
    return tables


def on_page(
    table: str, start: int, change: Callable[[dict[str, Any]], None]
) -> Callable[[str, int, dict[str, Any]], dict[str, Any]]:
    """Change the body of one page of a table."""

    def altered(asked: str, first: int, body: dict[str, Any]) -> dict[str, Any]:
        if (asked, first) == (table, start):
            change(body)
        return body

    return altered


@pytest.mark.parametrize(
    ("column", "value", "told"),
    [
        (LIST, '["gold"]', "the segment is written 'gold' in 3 rows"),
        (LIST, '{"Segments": ["Other", "GOLD"]}', "the segment is written 'GOLD' in 3 rows"),
        (KIND, "customer", "msdynci_segmentmembershiptype is 'customer' in 3 rows"),
        (KIND, 100000000, "msdynci_segmentmembershiptype is '100000000' in 3 rows"),
    ],
)
def test_rows_that_are_left_out_are_told_with_their_number_and_all_of_them_are_refused(
    tables: WrittenTables, column: str, value: object, told: str
) -> None:
    for row in tables.members[:3]:
        row[column] = value
    source = tables.source()
    assert len(read_all(source)) == 7
    assert any(told in doubt for doubt in source.doubts)

    for row in tables.members[3:]:
        row[column] = value
    with pytest.raises(SourceError, match=told.replace("3 rows", "10 rows")):
        read_all(tables.source())


def test_rows_without_a_list_are_told_with_their_number(tables: WrittenTables) -> None:
    for row in tables.members[:3]:
        row[LIST] = None
    source = tables.source()

    assert len(read_all(source)) == 7
    assert any("3 membership rows of Dataverse without a list of segments" in text for text in source.doubts)


def test_rows_of_other_segments_and_of_another_kind_in_them_are_no_doubt(tables: WrittenTables) -> None:
    more = {LIST: json.dumps(["Silver"]), KIND: "Contact"}
    tables.members += [{"msdynci_customerid": f"x{number}", **more} for number in range(3)]
    tables.members[0][LIST] = json.dumps(["Gold", "gold"])
    source = tables.source()

    assert len(read_all(source)) == 10
    assert not [text for text in source.doubts if "left out" in text]


def test_a_segment_in_which_somebody_was_found_is_not_read_as_empty(tables: WrittenTables) -> None:
    def no_lists(body: dict[str, Any]) -> None:
        for row in body["value"]:
            row[LIST] = None

    tables.page_size = 100
    tables.alter = on_page(MEMBERSHIPS, 0, no_lists)

    with pytest.raises(SourceNotReadyError, match="found somebody in Gold, but no row"):
        read_all(tables.source())


@pytest.mark.parametrize("table", [PROFILES, MEMBERSHIPS])
@pytest.mark.parametrize("rows", [1, 4])
def test_a_row_without_a_column_that_was_asked_for_has_no_empty_value(
    tables: WrittenTables, table: str, rows: int
) -> None:
    column = LIST if table == MEMBERSHIPS else "msdynci_email"

    def lacking(body: dict[str, Any]) -> None:
        for row in body["value"][:rows]:
            del row[column]

    tables.alter = on_page(table, 4, lacking)

    with pytest.raises(SourceNotReadyError, match=rf"{table} without {column} in {rows} of 8 rows"):
        read_all(tables.source())


@pytest.mark.parametrize("table", [PROFILES, MEMBERSHIPS])
def test_a_row_that_comes_twice_means_that_another_may_not_have_come(
    tables: WrittenTables, table: str
) -> None:
    rows = tables.profiles if table == PROFILES else tables.members

    def repeating(body: dict[str, Any]) -> None:
        body["value"][0] = {key: rows[3][key] for key in body["value"][0]}

    tables.alter = on_page(table, 4, repeating)

    with pytest.raises(SourceError, match=rf"sends 1 of \d+ rows of {table} a second time"):
        read_all(tables.source())


@pytest.mark.parametrize("spelling", ["@Odata.nextLink", "odata.nextLink", "@nextLink"])
def test_a_next_link_of_another_version_of_odata_is_followed(tables: WrittenTables, spelling: str) -> None:
    def respelled(table: str, start: int, body: dict[str, Any]) -> dict[str, Any]:
        return {spelling if key == "@odata.nextLink" else key: value for key, value in body.items()}

    tables.alter = respelled

    assert len(read_all(tables.source())) == 10


def test_a_customer_may_have_a_row_for_each_provider(tables: WrittenTables) -> None:
    for number, row in enumerate(tables.members):
        row["msdynci_segmentmembershipid"] = str(number)
    tables.members += [{**tables.members[0], "msdynci_segmentmembershipid": "another"}]
    tables.keys = ("msdynci_segmentmembershipid",)

    assert len(read_all(tables.source())) == 10


def test_empty_pages_without_end_are_given_up(tables: WrittenTables) -> None:
    def endless(table: str, start: int, body: dict[str, Any]) -> dict[str, Any]:
        if table != MEMBERSHIPS:
            return body
        link = f"{ROOT}/api/data/v9.2/{table}?$select=x&$skiptoken={start + 1}"
        return {"value": [], "@odata.nextLink": link}

    tables.alter = endless

    with pytest.raises(SourceError, match="201 empty pages of msdynci_segmentmemberships in a row"):
        read_all(tables.source())


@pytest.mark.parametrize(
    ("column", "value", "told", "perhaps"),
    [
        (LIST, '{"Segments":["Gold","Ot', "can't be read (A membership row's segments are no JSON", ["c003"]),
        (LIST, '["Gold",null]', "can't be read (A membership row's segments are a list of 2", ["c003"]),
        (LIST, '["Gold "]', "left out: the segment is written 'Gold ' in 1 row", ["c003"]),
        (LIST, '["Gold\u200b"]', "left out: the segment is written 'Gold\\u200b' in 1 row", ["c003"]),
        ("msdynci_customerid", None, "left out: no customer is named in 1 row", []),
    ],
)
def test_one_membership_that_cannot_be_read_stops_nobody_and_takes_nobody_off(
    monkeypatch: pytest.MonkeyPatch, column: str, value: object, told: str, perhaps: list[str]
) -> None:
    tables = WrittenTables(people=120)
    tables.serve(monkeypatch)
    tables.members[3][column] = value
    source = tables.source()

    assert len(read_all(source)) == 119
    assert [one for one in source.doubts if told in one and "nobody leaves a list" in one]
    assert source.unread == {"Gold"}
    found = [row for batch in source.perhaps_members for row in batch.to_pylist()]
    assert [row["CustomerId"] for row in found] == perhaps
    assert all(row["OptIn"] == "Yes" for row in found)

    for row in tables.members[5:25]:
        row[LIST] = '{"Segments":["Gold","Ot'
    with pytest.raises(
        SourceError, match=r"no JSON but 23 characters of text \(2[01] of \d+ rows, allowed: 1%\)"
    ):
        read_all(tables.source())


def test_a_list_that_cannot_be_read_matters_only_where_its_row_is_of_the_kind_that_is_read(
    tables: WrittenTables,
) -> None:
    tables.members.append(
        {"msdynci_customerid": "c777", LIST: "Gold;", KIND: "Contact"},
    )
    source = tables.source()
    assert len(read_all(source)) == 10
    assert source.unread == frozenset()
    assert not source.perhaps_members


@pytest.mark.parametrize(("people", "is_unread"), [(12, False), (10, True), (11, False)])
def test_a_full_page_that_leads_to_no_other_may_not_be_the_last(
    monkeypatch: pytest.MonkeyPatch, people: int, is_unread: bool
) -> None:
    tables = WrittenTables(people=people, page_size=5)
    tables.serve(monkeypatch)
    source = tables.source(page_size=5)
    assert len(read_all(source)) == people
    assert any("is full (5 rows) and leads to no other" in doubt for doubt in source.doubts) == is_unread
    assert source.unread == ({"Gold"} if is_unread else set())


def test_a_profile_without_an_id_is_nobodys_and_stops_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    tables = WrittenTables(people=10)
    tables.serve(monkeypatch)
    tables.profiles.append({**tables.profiles[0], "msdynci_customerid": None})
    source = tables.source()
    assert len(read_all(source)) == 10
    assert any("1 profile of Dataverse without msdynci_customerid" in one for one in source.doubts)
