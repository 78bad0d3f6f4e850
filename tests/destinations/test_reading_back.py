"""Any destination can be read back: who is on a list, and how many of some contacts are there still."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.stands.alone import Why

from segment_exports.records.receipts import read_receipts

if TYPE_CHECKING:
    from tests.destinations.conftest import Stand


def test_the_members_of_a_list_are_those_that_were_delivered_to_it(stand: Stand) -> None:
    people = [stand.person(f"P{number}", joins=["News"]) for number in range(150)]
    number = stand.plan(*people, stand.person("Eve"))
    stand.deliver(number)
    receipts = read_receipts(stand.run, number).table.to_pylist()
    joined = {one["contact_id"] for one in receipts if one["operation"] == "join"}
    everybody = {one["contact_id"] for one in receipts if one["contact_id"]}

    reader = stand.destination.reader(stand.account())
    list_id = stand.destination.known_lists(stand.folder)["News"]

    shown = {contact_id: email for page in reader.members(list_id) for contact_id, email in page}
    assert shown.keys() == joined
    assert set(shown.values()) == {f"p{number}@example.com" for number in range(150)}
    assert len(joined) == 150
    assert reader.count_existing(sorted(everybody)[:20]) == 20


@pytest.mark.alone(Why.FIELDS_FOR_LISTS)
def test_whom_fields_put_on_lists_are_those_that_were_delivered_to_them(stand: Stand) -> None:
    people = [stand.person(f"P{number}", joins=["News"]) for number in range(150)]
    number = stand.plan(*people, stand.person("Ann", joins=["News", "Win back"]), stand.person("Eve"))
    stand.deliver(number, membership="field")
    receipts = read_receipts(stand.run, number).table.to_pylist()
    joined = {one["contact_id"] for one in receipts if one["operation"] == "join"}

    reader = stand.destination.reader(stand.account())
    shown = [one for page in reader.flagged(["Win back", "News", "Unknown"]) for one in page]

    assert {contact_id for contact_id, _, _ in shown} == joined
    assert len(shown) == len(joined) == 151
    assert {email: set(titles) for _, email, titles in shown} == {
        **{f"p{number}@example.com": {"News"} for number in range(150)},
        "ann@example.com": {"News", "Win back"},
    }
    assert [one for page in reader.flagged(["Unknown"]) for one in page] == []


@pytest.mark.alone(Why.FIELDS_FOR_LISTS)
def test_who_left_a_list_has_its_field_no_more(stand: Stand) -> None:
    ann, bob = (stand.person(name, joins=["News", "Win back"]) for name in ("Ann", "Bob"))
    stand.deliver(stand.plan(ann, bob), membership="field")
    stand.deliver(stand.plan(ann | {"payload": None, "joins": [], "leaves": ["News"]}), membership="field")

    reader = stand.destination.reader(stand.account())
    on = {email: set(titles) for page in reader.flagged(["News", "Win back"]) for _, email, titles in page}

    assert on == {"ann@example.com": {"Win back"}, "bob@example.com": {"News", "Win back"}}


def test_who_was_deleted_there_does_not_exist(stand: Stand) -> None:
    number = stand.plan(stand.person("Ann"), stand.person("Bob"))
    stand.deliver(number)
    ids = [one["contact_id"] for one in read_receipts(stand.run, number).table.to_pylist()]
    stand.eyes.staff.delete_contact("ann@example.com")

    assert stand.destination.reader(stand.account()).count_existing(ids) == 1
