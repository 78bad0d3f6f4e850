from __future__ import annotations

import json

import orjson
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from segment_exports.autopilot.membership import MembershipWay, field_of
from segment_exports.delivery.bodies import Bodies, address_only, insert_custom, insert_member
from segment_exports.delivery.chunk import Chunk, State
from segment_exports.schemas import CHUNK

TRICKY = st.one_of(
    st.text(max_size=20),
    st.sampled_from(['"custom":{"', '\\"custom\\":{\\"', "custom", '}},{"custom":{"a":1}', "{", '"', "\\"]),
)
VALUES = st.one_of(TRICKY, st.integers(-1000, 1000), st.booleans(), st.none())
CUSTOM = st.dictionaries(TRICKY.filter(bool), VALUES, max_size=3)
CONTACTS = st.fixed_dictionaries(
    {"Email": TRICKY}, optional={"FirstName": TRICKY, "Title": TRICKY, "custom": CUSTOM}
)
FLAGS = {"boolean--List--News": True, "boolean--List--Win--back": False}
MEMBERS = json.dumps(FLAGS)[1:-1].encode()


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
    content = Bodies(chunk, MembershipWay.LIST, {}).render([0, 2], [-1, -1])

    assert content.contacts == [people(0)["payload"].encode(), people(2)["payload"].encode()]
    assert (content.upserts, content.joins, content.leaves) == ([0, 1], [], [])


def test_in_bulk_way_a_contact_carries_one_list(chunk) -> None:
    content = Bodies(chunk, MembershipWay.BULK, {"News": "contactlist_1"}).render([0, 1, 2], [0, 0, -1])

    assert [json.loads(one).get("_autopilot_list") for one in content.contacts] == ["contactlist_1"] * 2 + [
        None
    ]
    assert json.loads(content.contacts[1]) == {"Email": "p1@example.com", "_autopilot_list": "contactlist_1"}
    assert (content.upserts, content.joins) == ([0, 2], [(0, 0), (1, 0)])


def test_in_field_way_a_contact_carries_all_that_is_due(chunk) -> None:
    content = Bodies(chunk, MembershipWay.FIELD, {}).render([0, 1, 2], [-1] * 3)

    assert json.loads(content.contacts[1])["custom"] == FLAGS
    assert "List" not in content.contacts[2].decode()
    assert (content.upserts, content.joins, content.leaves) == ([0, 2], [(0, 0), (1, 0)], [(1, 1)])


def test_what_is_done_is_not_rendered_again(chunk) -> None:
    chunk.upsert[0] = State.DELIVERED
    chunk.join[0, 0] = State.DELIVERED
    content = Bodies(chunk, MembershipWay.FIELD, {}).render([0], [-1])

    assert content.contacts == [b'{"Email":"p0@example.com"}']
    assert (content.upserts, content.joins) == ([], [])
