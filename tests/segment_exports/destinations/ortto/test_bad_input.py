"""Accounts that are not as they should be: the right end state, or words that say what to do."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from segment_emulators.ortto import Case, Fault, FaultKind, LongText, OverLimit, SamePerson, TooLarge
from segment_exports.delivery.job import StopKind

if TYPE_CHECKING:
    from tests.segment_exports.destinations.ortto.conftest import Account


def people(account: Account, count: int = 130, **due: Any) -> list[dict[str, Any]]:
    return [account.person(f"P{number}", joins=["News"], **due) for number in range(count)]


def merges(account: Account) -> list[Any]:
    found: list[Any] = account.emulator.log.select("merge_people")
    return found


# Fields


def test_missing_fields_are_told_with_those_that_there_are(account: Account) -> None:
    account.create_fields = False
    account.emulator.staff.make_field("Shoe size", "integer")

    result = account.send(*people(account, 3))

    assert result.stopped is not None
    assert result.stopped.kind is StopKind.FORBIDDEN
    for part in (
        "'Loyalty Tier' (text)",
        "'Spent' (decimal)",
        "create_fields",
        "'Shoe size'",
        "100, 150 or 200",
    ):
        assert part in result.stopped.message
    assert merges(account) == []


@pytest.mark.parametrize("status", [400, 409, 423])
def test_a_field_that_somebody_makes_meanwhile_is_found(account: Account, status: int) -> None:
    account.emulator.switch(existing_field=status)
    account.emulator.inject(Fault(kind=FaultKind.RESET, work_done=True, path="custom-field/create", times=2))

    result = account.send(*people(account, 3))

    assert result.complete, (result.stopped, result.trouble)
    fields = account.emulator.account.contacts_by_email()["p1@example.com"]["fields"]
    assert fields["str:cm:loyalty-tier"] == "Gold"


def test_a_field_of_another_type_stops_with_both_types(account: Account) -> None:
    account.emulator.staff.make_field("Spent", "text")

    result = account.send(*people(account, 3))

    assert result.stopped is not None
    assert (
        "'Spent' is of type text there, and what is mapped to it is of type decimal" in result.stopped.message
    )
    assert merges(account) == []


def test_an_account_that_has_all_its_fields_says_so(account: Account) -> None:
    account.emulator.switch(field_limit=1)

    result = account.send(*people(account, 3))

    assert result.stopped is not None
    assert "100, 150 or 200 custom fields by plan" in result.stopped.message


# Tags


def test_a_tag_that_somebody_made_by_hand_is_not_taken_over(account: Account) -> None:
    account.emulator.staff.add_list("News")

    result = account.send(*people(account, 3))

    assert result.stopped is not None
    assert result.stopped.kind is StopKind.LIST
    assert "list_id" in result.stopped.message
    assert merges(account) == []


def test_nor_one_that_differs_by_case(account: Account) -> None:
    account.emulator.staff.add_list("NEWS")

    result = account.send(*people(account, 3))

    assert result.stopped is not None
    assert "differs by case alone" in result.stopped.message


@pytest.mark.parametrize("case", Case)
def test_a_tag_that_we_made_is_ours_in_the_next_run(account: Account, case: Case) -> None:
    account.emulator.switch(tag_case=case)
    account.send(*people(account, 3))

    result = account.send(account.person("Later", joins=["News", "Win back"]))

    assert result.complete, (result.stopped, result.trouble)
    assert len(account.emulator.account.members("News")) == 4


# The account is full


@pytest.mark.parametrize("over", OverLimit)
def test_an_account_at_its_limit_gets_nobody_more_and_the_known_go_on(
    account: Account, over: OverLimit
) -> None:
    account.send(*people(account, 50))
    account.emulator.switch(contact_limit=100, over_limit=over)
    account.emulator.log.clear()
    known = [
        account.person(f"P{number}", first="New", contact_id=account.id_of(f"p{number}@example.com"))
        for number in range(50)
    ]

    result = account.send(*known, *[account.person(f"Q{number}", joins=["News"]) for number in range(900)])

    assert result.stopped is not None
    assert "number of contacts of its plan" in result.stopped.message
    assert result.counts["upsert"]["delivered"] == 50
    assert sum(entry.status == 507 for entry in merges(account)) <= 4
    fields = account.emulator.account.contacts_by_email()["p7@example.com"]["fields"]
    assert fields["str::first"] == "New"


# Sizes


def test_a_batch_is_cut_by_its_bytes(account: Account) -> None:
    account.emulator.switch(long_text=LongText.TAKEN)
    rows = people(account, 100)
    for row in rows:
        row["payload"] = row["payload"][:-1] + ',"str::postal":"' + "1" * 30_000 + '"}'

    result = account.send(*rows)

    assert result.complete, (result.stopped, result.trouble, result.counts)
    assert [entry.status for entry in merges(account)] == [200, 200]


@pytest.mark.parametrize("too_large", TooLarge)
def test_one_person_beyond_the_bytes_is_rejected_with_the_reason(
    account: Account, too_large: TooLarge
) -> None:
    account.emulator.switch(too_large=too_large)
    rows = people(account, 30)
    rows[7]["payload"] = rows[7]["payload"][:-1] + ',"str::postal":"' + "1" * 2_000_000 + '"}'

    result = account.send(*rows)

    assert result.complete, (result.stopped, result.trouble, result.counts)
    assert result.counts["upsert"] == {"delivered": 29, "rejected": 1}
    assert all(entry.status == 200 for entry in merges(account))


# Requests that are not answered


@pytest.mark.parametrize("kind", [FaultKind.RESET, FaultKind.CUT_BODY, FaultKind.ERROR, FaultKind.HTML])
def test_who_may_have_been_made_is_looked_for_before_they_are_sent_again(
    account: Account, kind: FaultKind
) -> None:
    account.emulator.switch(same_person=SamePerson.TWO_RECORDS)
    account.emulator.inject(Fault(kind=kind, work_done=True, path="person/merge", times=2))

    result = account.send(*people(account, 300))

    assert result.complete, (result.stopped, result.trouble, result.counts)
    assert len(account.emulator.account.contacts) == 300
    assert len(account.emulator.account.members("News")) == 300
