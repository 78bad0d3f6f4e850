"""The client asks as the vendor's pages say, and holds each answer against what was asked."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import orjson
import pytest

from segment_exports.destinations.ortto.client import CREATE, UPDATE, UPDATE_BY_ID, OrttoClient
from segment_exports.errors import OutcomeUnknownError
from segment_exports.transport.pacing import Pacer

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from tests.segment_exports.destinations.ortto.conftest import Account


def ask(account: Account, question: Callable[[OrttoClient], Coroutine[Any, Any, Any]]) -> Any:
    async def run() -> Any:
        client = OrttoClient(account.emulator.base_url, account.emulator.api_key, pacer=Pacer(None))
        async with client:
            return await question(client)

    return asyncio.run(run())


def added(account: Account, count: int) -> list[str]:
    staff = account.emulator.staff
    return [staff.add_contact(f"p{number}@example.com") for number in range(count)]


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (
            CREATE,
            {
                "async": False,
                "merge_by": ["str::email"],
                "find_strategy": 0,
                "merge_strategy": 3,
                "skip_non_existing": False,
                "suppression_list_field_id": "str::email",
            },
        ),
        (
            UPDATE,
            {
                "async": False,
                "merge_by": ["str::email"],
                "find_strategy": 0,
                "merge_strategy": 2,
                "skip_non_existing": True,
            },
        ),
        (
            UPDATE_BY_ID,
            {
                "async": False,
                "merge_by": ["str::person_id"],
                "find_strategy": 0,
                "merge_strategy": 2,
                "skip_non_existing": True,
            },
        ),
    ],
)
def test_every_option_of_a_merge_is_said(options: Any, told: dict[str, Any]) -> None:
    assert orjson.loads(b"{" + options.members() + b"}") == told


@pytest.mark.parametrize("count", [0, 1, 499, 500, 501, 1203])
def test_all_pages_are_read(account: Account, count: int) -> None:
    ids = added(account, count)

    async def everybody(client: OrttoClient) -> list[str]:
        return [one.person_id async for page in client.people() for one in page.people]

    assert sorted(ask(account, everybody)) == sorted(ids)


def test_people_are_found_by_id_and_who_is_not_there_is_left_out(account: Account) -> None:
    (person_id,) = added(account, 1)

    found = ask(account, lambda client: client.people_by_id([person_id, "00" * 12]))

    assert {key: one.fields["str::email"] for key, one in found.items()} == {person_id: "p0@example.com"}


def test_people_are_found_by_address_whatever_its_case(account: Account) -> None:
    added(account, 3)

    found = ask(account, lambda client: client.people_with(["P1@Example.com", "nobody@example.com"]))

    assert [one.fields["str::email"] for one in found] == ["p1@example.com"]


def test_tags_of_accounts_are_not_those_of_people(account: Account) -> None:
    tag = account.emulator.staff.add_list("News")
    account.emulator.staff.add_tag_by_hand("Accounts", "organization")

    found = ask(account, lambda client: client.tags())

    assert (tag, "News") in [(one.tag_id, one.name) for one in found]
    assert "Accounts" not in [one.name for one in found]


def test_an_account_without_anything_is_answered_with_null_and_read_as_empty(account: Account) -> None:
    assert ask(account, lambda client: client.custom_fields()) == ()
    assert ask(account, lambda client: client.people_with(["nobody@example.com"])) == []
    assert ask(account, lambda client: client.archived("nobody@example.com")) == []


def test_an_archived_person_is_found_in_the_archive_alone(account: Account) -> None:
    (person_id,) = added(account, 1)
    ask(account, lambda client: client.archive([person_id]))

    assert ask(account, lambda client: client.people_by_id([person_id])) == {}
    archived = ask(account, lambda client: client.archived("p0@example.com"))
    assert [one.person_id for one in archived] == [person_id]

    ask(account, lambda client: client.delete([person_id]))
    assert ask(account, lambda client: client.archived("p0@example.com")) == []


def test_a_field_has_the_id_that_the_account_gives_it(account: Account) -> None:
    made = ask(account, lambda client: client.create_custom_field("Shoe size", "integer"))

    (there,) = ask(account, lambda client: client.custom_fields())
    assert (there.field_id, there.name, there.display_type) == (made, "Shoe size", "integer")


@pytest.mark.parametrize(
    "body",
    [
        b'{"contacts":{"00aa":{"id":"00aa","fields":{}}}}',
        b'{"contacts":{"0011":{"id":"00aa","fields":{}}}}',
        b'{"contacts":[]}',
        b"[]",
    ],
)
def test_somebody_else_than_was_asked_for_is_not_believed(account: Account, body: bytes) -> None:
    from segment_emulators.ortto import Fault, FaultKind

    fault = Fault(kind=FaultKind.GATEWAY, status=200, body=body.decode(), path="get-by-ids", times=None)
    account.emulator.inject(fault)

    with pytest.raises(OutcomeUnknownError):
        ask(account, lambda client: client.people_by_id(["0011"]))
