"""Who has unsubscribed is read before anybody is written, in as few requests as it takes."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from segment_emulators.account_api.faults import Fault, FaultKind
from segment_exports.destinations.ortto.client import OrttoClient
from segment_exports.destinations.ortto.permissions import NOT_THERE, Permissions, Standing
from segment_exports.transport.pacing import Pacer

if TYPE_CHECKING:
    from tests.segment_exports.destinations.ortto.conftest import Account


CHANGED = (
    '{"contacts":null,"meta":{"total_contacts":9,"total_matches":1,"total_subscribers":0},"offset":0,'
    '"next_offset":0,"cursor_id":"","has_more":false}'
)


def looked(account: Account, batches: int, *looks: list[str]) -> list[list[Standing]]:
    async def run() -> list[list[Standing]]:
        client = OrttoClient(account.emulator.base_url, account.emulator.api_key, pacer=Pacer(None))
        async with client:
            permissions = Permissions(client)
            await permissions.prepare(batches)
            return [await permissions.look(ids, [None] * len(ids)) for ids in looks]

    return asyncio.run(run())


def requests(account: Account, endpoint: str) -> int:
    return len(account.emulator.log.select(endpoint))


@pytest.fixture
def people(account: Account) -> dict[str, str]:
    staff = account.emulator.staff
    return {
        name: staff.add_contact(f"{name}@example.com", unsubscribed=name.startswith("off"))
        for name in ("on1", "off1", "on2", "off2")
    }


def test_few_are_read_by_id(account: Account, people: dict[str, str]) -> None:
    ((on, off, gone),) = looked(account, 1, [people["on1"], people["off1"], "00" * 12])

    assert on == Standing(is_off=False, is_there=True, email="on1@example.com")
    assert off == Standing(is_off=True, is_there=True, email="off1@example.com")
    assert gone == NOT_THERE
    assert requests(account, "get_people") == 0


def test_of_many_those_who_unsubscribed_are_read_at_once(account: Account, people: dict[str, str]) -> None:
    first, second, third = looked(
        account, 3, [people["on1"], people["off1"]], [people["on2"]], [people["off2"]]
    )

    assert [one.is_off for one in first + second + third] == [False, True, False, True]
    assert (requests(account, "get_people"), requests(account, "get_people_by_ids")) == (1, 1)


def test_where_more_unsubscribed_than_are_written_each_batch_is_read(account: Account) -> None:
    ids = [
        account.emulator.staff.add_contact(f"off{number}@example.com", unsubscribed=True)
        for number in range(1001)
    ]

    first, second = looked(account, 2, ids[:2], ids[2:4])

    assert all(one.is_off for one in first + second)
    assert (requests(account, "get_people"), requests(account, "get_people_by_ids")) == (1, 2)


def test_a_listing_that_leaves_somebody_out_is_given_up(account: Account, people: dict[str, str]) -> None:
    account.emulator.switch(seen_after=3600.0)
    late = account.emulator.staff.add_contact("late@example.com", unsubscribed=True)

    first, second = looked(account, 3, [late], [people["off1"]])

    assert [one.is_off for one in first + second] == [True, True]
    assert requests(account, "get_people_by_ids") == 2


def test_who_unsubscribes_while_a_long_chunk_is_delivered_is_seen(
    account: Account, people: dict[str, str]
) -> None:
    now = [0.0]
    client = OrttoClient(
        account.emulator.base_url, account.emulator.api_key, pacer=Pacer(None), clock=lambda: now[0]
    )

    async def run() -> list[list[bool]]:
        async with client:
            permissions, seen = Permissions(client), []
            await permissions.prepare(3)
            for now[0] in (0.0, 59.0, 60.0):
                account.emulator.staff.unsubscribe("on2@example.com")
                standings = await permissions.look([people["on1"], people["on2"]], [None, None])
                seen.append([one.is_off for one in standings])
            return seen

    assert asyncio.run(run())[-1] == [False, True]


def test_a_listing_of_nobody_is_believed_only_where_all_are_counted_as_subscribers(account: Account) -> None:
    ids = [account.emulator.staff.add_contact(f"on{number}@example.com") for number in range(4)]

    looked(account, 2, ids[:2], ids[2:])

    assert (requests(account, "get_people"), requests(account, "get_people_by_ids")) == (2, 1)
    account.emulator.log.clear()
    account.emulator.inject(
        Fault(kind=FaultKind.GATEWAY, path="^/person/get$", skip=1, status=200, body=CHANGED)
    )

    looked(account, 2, ids[:2], ids[2:])

    assert (requests(account, "get_people"), requests(account, "get_people_by_ids")) == (2, 2)


@pytest.mark.parametrize(("status", "body"), [(200, CHANGED), (400, '{"code":400,"error":"no such filter"}')])
def test_a_listing_that_is_cut_or_refused_is_done_without(
    account: Account, people: dict[str, str], status: int, body: str
) -> None:
    account.emulator.inject(Fault(kind=FaultKind.GATEWAY, path="^/person/get$", status=status, body=body))

    first, second = looked(account, 3, [people["off1"]], [people["on1"]])

    assert [one.is_off for one in first + second] == [True, False]
