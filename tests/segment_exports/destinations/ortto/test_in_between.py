"""What changes, or stays away, between two requests of a chunk or two attempts at it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from segment_emulators.account_api.faults import Fault, FaultKind
from segment_emulators.ortto import AddressWithId

if TYPE_CHECKING:
    from tests.segment_exports.destinations.ortto.conftest import Account

MERGE = "^/person/merge$"


def test_who_was_met_and_is_given_another_address_before_the_next_attempt_is_left_alone(
    account: Account,
) -> None:
    account.emulator.staff.add_contact("ann@example.com", unsubscribed=True)
    account.emulator.inject(Fault(kind=FaultKind.ERROR, path=MERGE, skip=1, times=None))
    number = account.plan(account.person("Ann", joins=["News"]))
    met = account.id_of("ann@example.com")
    assert account.deliver(number).counts["join"] == {"failed": 1}
    assert account.ids_told(number) == {"ann@example.com": met}
    account.emulator.inject()
    account.emulator.staff.change_email("ann@example.com", "elsewhere@example.com")

    result = account.deliver(number)

    assert result.complete, result.trouble
    assert account.emulator.account.members("News") == set()
    assert account.emulator.account.unsubscribed() == {"elsewhere@example.com", "ann@example.com"}
    assert account.ids_told(number)["ann@example.com"] not in (met, None)


def test_who_was_met_and_tagged_loses_the_tag_when_the_address_is_anothers(account: Account) -> None:
    account.emulator.staff.add_contact("ann@example.com")
    account.emulator.inject(
        Fault(kind=FaultKind.ERROR, path=MERGE, skip=1, times=None, work_done=True, status=500)
    )
    number = account.plan(account.person("Ann", joins=["News"]))
    assert account.deliver(number).counts["join"] == {"failed": 1}
    assert account.emulator.account.members("News") == {"ann@example.com"}
    account.emulator.inject()
    account.emulator.staff.change_email("ann@example.com", "elsewhere@example.com")

    result = account.deliver(number)

    assert result.complete, result.trouble
    assert account.emulator.account.members("News") == {"ann@example.com"}
    assert account.ids_told(number) == {"ann@example.com": account.id_of("ann@example.com")}


def test_leavers_who_are_refused_without_their_addresses_are_sent_with_them_each(account: Account) -> None:
    # The last request is on its way before another answer tells that the account wants addresses.
    names = [f"P{number}" for number in range(201)]
    account.send(*[account.person(name, joins=["News"]) for name in names])
    account.emulator.switch(address_with_id=AddressWithId.NEEDED)
    account.emulator.inject(Fault(kind=FaultKind.DELAYED_ANSWER, path=MERGE, times=3, seconds=0.5))
    ids = [account.id_of(f"{name.lower()}@example.com") for name in names]

    result = account.send(*[account.leaver(person_id, "News") for person_id in ids])

    assert result.counts["leave"] == {"delivered": 201}
    assert account.emulator.account.members("News") == set()


@pytest.mark.parametrize("with_id", AddressWithId)
@pytest.mark.parametrize("alone", [False, True])
def test_who_leaves_keeps_an_address_that_is_changed_meanwhile(
    account: Account, with_id: AddressWithId, alone: bool
) -> None:
    # The address is written where it stands beside an id, so it goes along only where the account wants it.
    account.send(account.person("Ann", joins=["News"]))
    account.emulator.switch(address_with_id=with_id)
    person_id = account.id_of("ann@example.com")

    result = account.send(account.leaver(person_id, "News", email="ann@example.com", maybe_anew=alone))

    assert result.complete, result.trouble
    assert account.emulator.account.members("News") == set()
    with_address = ["str::email" in one.body_keys for one in account.emulator.log.select("merge_people")[1:]]
    assert with_address == ([False, True] if with_id is AddressWithId.NEEDED else [False])
