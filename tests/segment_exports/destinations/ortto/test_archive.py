"""Who unsubscribed and was archived is never made anew to be mailed, whoever they are to us."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from segment_emulators.ortto import ArchivedPerson

if TYPE_CHECKING:
    from tests.segment_exports.destinations.ortto.conftest import Account


def archived(account: Account, *emails: str, unsubscribed: bool) -> None:
    for email in emails:
        account.emulator.staff.add_contact(email, unsubscribed=unsubscribed)
        account.emulator.staff.archive(email)


def reads_of_archive(account: Account) -> int:
    return len(account.emulator.log.select("get_people"))


@pytest.mark.parametrize("way", ArchivedPerson)
@pytest.mark.parametrize("others", [0, 600])
def test_new_people_who_had_unsubscribed_before_they_were_archived(
    account: Account, way: ArchivedPerson, others: int
) -> None:
    account.emulator.switch(archived=way)
    archived(account, "ann@example.com", unsubscribed=True)
    archived(
        account, "ben@example.com", *(f"x{one}@example.com" for one in range(others)), unsubscribed=False
    )

    result = account.send(*[account.person(name, joins=["News"]) for name in ("Ann", "Ben", "Cem")])

    assert result.complete, result.trouble
    assert account.emulator.account.unsubscribed() == {"ann@example.com"}
    assert account.emulator.account.members("News") == {f"{one}@example.com" for one in ("ann", "ben", "cem")}


def test_a_small_archive_is_read_once_for_all_new_people(account: Account) -> None:
    archived(account, "ann@example.com", unsubscribed=True)

    account.send(
        *[account.person(name, joins=["News"]) for name in (*(f"P{one}" for one in range(250)), "Ann")]
    )

    assert reads_of_archive(account) == 1
    assert account.emulator.account.unsubscribed() == {"ann@example.com"}


def test_a_large_archive_is_asked_for_few_people_one_by_one(account: Account) -> None:
    archived(account, *(f"x{number}@example.com" for number in range(1700)), unsubscribed=True)

    account.send(account.person("X8", joins=["News"]), account.person("New", joins=["News"]))

    assert reads_of_archive(account) == 3  # one page of four, then each of two
    assert account.emulator.account.unsubscribed() == {"x8@example.com"}


def test_who_is_archived_while_a_chunk_is_delivered_is_found(account: Account) -> None:
    rows: list[dict[str, Any]] = [account.person(f"P{number}", joins=["News"]) for number in range(3)]
    account.send(*rows)
    known = [row | {"contact_id": account.id_of(row["email"]), "member_of": ["News"]} for row in rows]
    account.emulator.staff.unsubscribe("p1@example.com")
    account.emulator.staff.archive("p1@example.com")

    result = account.send(account.person("New", joins=["News"]), *known)

    assert result.complete, result.trouble
    assert account.emulator.account.unsubscribed() == {"p1@example.com"}


def test_the_archive_says_nothing_where_new_people_are_made_unsubscribed_anyway(account: Account) -> None:
    account.new_people = "unsubscribed"

    account.send(account.person("Ann"))

    assert reads_of_archive(account) == 0


@pytest.mark.parametrize("new_people", ["subscribed", "unsubscribed"])
def test_nobody_is_moved_to_an_address_that_had_unsubscribed_before_it_was_archived(
    account: Account, new_people: str
) -> None:
    account.send(account.person("Ann", joins=["News"]))
    old = account.id_of("ann@example.com")
    archived(account, "new@example.com", unsubscribed=True)
    account.new_people = new_people
    moving = {"previous_contact_ids": [old], "moved_contact_id": old, "moved_member_of": ["News"]}

    result = account.send(account.person("New", joins=["News"], **moving))

    assert result.complete, result.trouble
    assert account.id_of("ann@example.com") == old
    assert account.emulator.account.unsubscribed() == {"new@example.com"}
    assert account.emulator.account.members("News") == {"new@example.com"}


@pytest.mark.parametrize("others", [0, 1700])
def test_a_known_person_who_unsubscribed_is_found_in_the_archive_under_another_address(
    account: Account, others: int
) -> None:
    account.send(account.person("Ann", joins=["News"]))
    archived(account, *(f"x{number}@example.com" for number in range(others)), unsubscribed=False)
    row = account.person("Ann", contact_id=account.id_of("ann@example.com"), member_of=["News"])
    staff = account.emulator.staff
    staff.unsubscribe("ann@example.com")
    staff.change_email("ann@example.com", "other@example.com")
    staff.archive("other@example.com")

    result = account.send(row)

    assert result.complete, result.trouble
    assert account.emulator.account.unsubscribed() == {"ann@example.com"}


def test_an_earlier_address_that_refused_and_was_archived_speaks_for_the_new_one(account: Account) -> None:
    account.send(account.person("Ann", joins=["News"]))
    old = account.id_of("ann@example.com")
    account.emulator.staff.unsubscribe("ann@example.com")
    account.emulator.staff.archive("ann@example.com")

    result = account.send(account.person("New", joins=["News"], previous_contact_ids=[old]))

    assert result.complete, result.trouble
    assert account.emulator.account.unsubscribed() == {"new@example.com"}
    assert account.emulator.account.members("News") == set()
