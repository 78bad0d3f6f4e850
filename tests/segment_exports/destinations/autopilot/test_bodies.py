from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np
import orjson
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from segment_exports.contact_fields.fields import field_of
from segment_exports.delivery.chunk import Chunk, State
from segment_exports.delivery.queue import NO_LIST
from segment_exports.destinations.autopilot.bodies import (
    Bodies,
    address_only,
    insert_custom,
    insert_member,
)
from segment_exports.destinations.autopilot.membership import MembershipWay
from segment_exports.records.tables.schemas import CHUNK

if TYPE_CHECKING:
    from segment_exports.delivery.content import Content

TRICKY = st.one_of(
    st.text(max_size=20),
    st.sampled_from(['"custom":{"', '\\"custom\\":{\\"', "custom", '}},{"custom":{"a":1}', "{", '"', "\\"]),
)
VALUES = st.one_of(TRICKY, st.integers(-1000, 1000), st.booleans(), st.none())
CUSTOM = st.dictionaries(TRICKY.filter(bool), VALUES, max_size=3)
CONTACTS = st.fixed_dictionaries(
    {"Email": TRICKY}, optional={"FirstName": TRICKY, "Title": TRICKY, "custom": CUSTOM}
)
NO_LISTS = np.full(3, NO_LIST)
FLAGS = {"boolean--List--News": True, "boolean--List--Win--back": False}
MEMBERS = json.dumps(FLAGS)[1:-1].encode()


def operations(content: Content) -> tuple[list[int], list[tuple[int, int]], list[tuple[int, int]]]:
    """Return the places of upserts, and (place, column) of joins and leaves."""
    joins, leaves = (
        list(zip(one.places.tolist(), one.columns.tolist(), strict=True))
        for one in (content.joins, content.leaves)
    )
    return np.flatnonzero(content.upserts).tolist(), joins, leaves


@given(CONTACTS, st.sampled_from(["compact", "spaced"]))
def test_fields_are_put_into_custom_whatever_the_contact_says(contact, style) -> None:
    separators = (",", ":") if style == "compact" else (", ", ": ")
    text = json.dumps(contact, separators=separators, ensure_ascii=False).encode("utf-8", "surrogatepass")
    expected = contact | {"custom": contact.get("custom", {}) | FLAGS}

    assert json.loads(insert_custom(text, MEMBERS)) == expected


@given(CONTACTS)
def test_a_list_is_put_beside_the_fields(contact) -> None:
    sent = json.loads(insert_member(json.dumps(contact).encode(), b'"_autopilot_list":"contactlist_1"'))
    assert sent == contact | {"_autopilot_list": "contactlist_1"}


@given(TRICKY)
def test_an_address_alone_is_json(email) -> None:
    assert orjson.loads(address_only(email)) == {"Email": email}


def test_no_fields_change_nothing() -> None:
    assert insert_custom(b'{"Email":"a"}', b"") == b'{"Email":"a"}'


def test_the_field_of_a_list_is_written_as_autopilot_writes_names() -> None:
    assert field_of("Win back 2026") == "boolean--List--Win--back--2026"


@pytest.fixture
def chunk(people) -> Chunk:
    rows = [
        people(0, joins=["News"]),
        people(1, payload=None, joins=["News"], leaves=["Win back"]),
        people(2),
    ]
    return Chunk(pa.Table.from_pylist(rows, CHUNK))


def test_in_list_way_payloads_go_out_as_they_are(chunk, people) -> None:
    content = Bodies(chunk, MembershipWay.LIST, {}).render(np.array([0, 2]), NO_LISTS[:2])

    assert content.contacts == [people(0)["payload"].encode(), people(2)["payload"].encode()]
    assert operations(content) == ([0, 1], [], [])


def test_in_bulk_way_a_contact_carries_one_list(chunk) -> None:
    content = Bodies(chunk, MembershipWay.BULK, {"News": "contactlist_1"}).render(
        np.array([0, 1, 2]), np.array([0, 0, NO_LIST])
    )

    assert [json.loads(one).get("_autopilot_list") for one in content.contacts] == ["contactlist_1"] * 2 + [
        None
    ]
    assert json.loads(content.contacts[1]) == {"Email": "p1@example.com", "_autopilot_list": "contactlist_1"}
    assert operations(content) == ([0, 2], [(0, 0), (1, 0)], [])


def test_in_field_way_a_contact_carries_all_that_is_due(chunk) -> None:
    content = Bodies(chunk, MembershipWay.FIELD, {}).render(np.array([0, 1, 2]), NO_LISTS)

    assert json.loads(content.contacts[1])["custom"] == FLAGS
    assert "List" not in content.contacts[2].decode()
    assert operations(content) == ([0, 2], [(0, 0), (1, 0)], [(1, 1)])


def test_what_is_done_is_not_rendered_again(chunk) -> None:
    chunk.upsert[0] = State.DELIVERED
    chunk.join[0, 0] = State.DELIVERED
    content = Bodies(chunk, MembershipWay.FIELD, {}).render(np.array([0]), NO_LISTS[:1])

    assert content.contacts == [b'{"Email":"p0@example.com"}']
    assert operations(content) == ([], [], [])


LISTS = [f"List {number}" for number in range(11)]
DUE = st.lists(st.lists(st.sampled_from(["join", "leave", ""]), min_size=11, max_size=11), min_size=1)


@given(DUE, st.randoms())
def test_each_contact_carries_its_own_changes_in_whatever_order_rows_are_sent(due, random) -> None:
    rows = [
        {
            "email_hash": row.to_bytes(16),
            "email": f"p{row}@example.com",
            "payload": f'{{"Email":"p{row}@example.com","custom":{{"integer--Number":{row}}}}}',
            "joins": [title for title, change in zip(LISTS, changes, strict=True) if change == "join"],
            "leaves": [title for title, change in zip(LISTS, changes, strict=True) if change == "leave"],
            "member_of": [],
            "is_contact": True,
            "previous_contact_ids": [],
        }
        for row, changes in enumerate(due)
    ]
    chunk = Chunk(pa.Table.from_pylist(rows, CHUNK))
    order = random.sample(range(len(due)), k=len(due))

    content = Bodies(chunk, MembershipWay.FIELD, {}).render(np.array(order), np.full(len(order), NO_LIST))

    assert [json.loads(one) for one in content.contacts] == [
        {
            "Email": f"p{row}@example.com",
            "custom": {"integer--Number": row}
            | {field_of(title): True for title in rows[row]["joins"]}
            | {field_of(title): False for title in rows[row]["leaves"]},
        }
        for row in order
    ]
