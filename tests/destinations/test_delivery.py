"""Any destination delivers a chunk over the engine: all of it, nothing twice, every outcome written down."""

from __future__ import annotations

from typing import TYPE_CHECKING

from segment_exports.delivery.job import StopKind
from segment_exports.records.outcomes import Outcome
from segment_exports.records.receipts import read_receipts

if TYPE_CHECKING:
    from tests.destinations.conftest import Stand


def test_contacts_and_memberships_arrive(stand: Stand) -> None:
    result = stand.deliver(
        stand.plan(
            stand.person("Ann", joins=["News"]),
            stand.person("Bob", joins=["News", "Win back"]),
            stand.person("Eve"),
        )
    )

    assert result.complete
    assert result.count(Outcome.DELIVERED) == 6
    assert stand.eyes.names() == {
        "ann@example.com": "Ann",
        "bob@example.com": "Bob",
        "eve@example.com": "Eve",
    }
    assert stand.eyes.members("News") == {"ann@example.com", "bob@example.com"}
    assert stand.eyes.members("Win back") == {"bob@example.com"}


def test_every_operation_has_a_receipt_and_no_address_stands_in_one(stand: Stand) -> None:
    number = stand.plan(stand.person("Ann", joins=["News"]), stand.person("Bob"))
    stand.deliver(number)

    receipts = read_receipts(stand.run, number).table
    done = {(one["row"], one["operation"]) for one in receipts.to_pylist() if one["outcome"] == "delivered"}
    assert done == {(0, "upsert"), (0, "join"), (1, "upsert")}
    assert "@" not in str(receipts.to_pylist())


def test_what_was_delivered_is_not_sent_again(stand: Stand) -> None:
    number = stand.plan(stand.person("Ann", joins=["News"]))
    stand.deliver(number)
    sent = len(stand.eyes.writes())

    again = stand.deliver(number)

    assert again.complete
    assert again.delivered_before == 2
    assert len(stand.eyes.writes()) == sent


def test_more_contacts_than_a_request_takes_go_in_several(stand: Stand) -> None:
    result = stand.deliver(stand.plan(*(stand.person(f"P{number}") for number in range(250))))

    assert result.count(Outcome.DELIVERED) == 250
    assert len(stand.eyes.writes()) == 3
    assert len(stand.eyes.names()) == 250


def test_who_leaves_a_list_stays_a_contact(stand: Stand) -> None:
    stand.deliver(stand.plan(stand.person("Ann", joins=["News", "Win back"])))
    gone = stand.person("Ann", payload=None, leaves=["News"], is_contact=False)

    assert stand.deliver(stand.plan(gone)).complete
    assert stand.eyes.members("News") == set()
    assert stand.eyes.members("Win back") == {"ann@example.com"}
    assert set(stand.eyes.names()) == {"ann@example.com"}


def test_a_revoked_key_stops_the_delivery_and_a_new_one_goes_on(stand: Stand) -> None:
    number = stand.plan(stand.person("Ann"), stand.person("Bob"))
    stopped = stand.deliver(number, api_key="f" * 32)

    assert stopped.stopped is not None
    assert stopped.stopped.kind is StopKind.CREDENTIALS
    assert stopped.count(Outcome.NOT_SENT) == 2
    assert stand.deliver(number).complete
    assert len(stand.eyes.names()) == 2


def test_a_list_that_was_made_is_known_for_the_account(stand: Stand) -> None:
    stand.deliver(stand.plan(stand.person("Ann", joins=["News"])))

    assert set(stand.destination.known_lists(stand.folder)) == {"News"}


def test_nothing_arrives_of_people_who_were_erased_since(stand: Stand) -> None:
    ann, bob = stand.person("Ann", joins=["News"]), stand.person("Bob", joins=["News"])

    result = stand.deliver(stand.plan(ann, bob), erased=lambda: frozenset({bob["email_hash"]}))

    assert result.complete
    assert result.held_back == 2
    assert stand.eyes.names() == {"ann@example.com": "Ann"}
    assert stand.eyes.members("News") == {"ann@example.com"}


def test_who_was_erased_still_leaves(stand: Stand) -> None:
    bob = stand.person("Bob", joins=["News"])
    stand.deliver(stand.plan(bob))
    gone = stand.person("Bob", payload=None, leaves=["News"], is_contact=False)

    assert stand.deliver(stand.plan(gone), erased=lambda: frozenset({bob["email_hash"]})).complete
    assert stand.eyes.members("News") == set()
