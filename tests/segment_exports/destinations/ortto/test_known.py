"""Known people: updated, given and losing tags, and nobody made or subscribed by it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from segment_emulators.ortto import (
    AddressWithId,
    ArchivedPerson,
    MixedPeople,
    Order,
    PermissionOmitted,
    SkippedPerson,
)
from segment_exports.records.staging import RunFiles
from segment_exports.records.tables.schemas import CONTACTS

if TYPE_CHECKING:
    from tests.segment_exports.destinations.ortto.conftest import Account

COUNT = 130


def names(count: int = COUNT) -> list[str]:
    return [f"P{number}" for number in range(count)]


def email(name: str) -> str:
    return f"{name.lower()}@example.com"


def at(account: Account, name: str) -> dict[str, Any] | None:
    found = account.emulator.account.contacts_by_email().get(email(name))
    return None if found is None else found["fields"]


def members(account: Account, title: str = "News") -> set[str]:
    return account.emulator.account.members(title)


def known(account: Account, name: str, **due: Any) -> dict[str, Any]:
    """A row of somebody whom the ledger knows as on News."""
    row = {"contact_id": account.id_of(email(name)), "member_of": ["News"]}
    return account.person(name, **(row | due))


@pytest.fixture
def delivered(account: Account) -> Account:
    """An account with people that an earlier run delivered."""
    assert account.send(*[account.person(name, joins=["News"]) for name in names()]).complete
    account.emulator.log.clear()
    return account


def contacts_of_run(account: Account, *rows: dict[str, Any]) -> None:
    """Write contacts.parquet, from which payloads of those who are gone are fetched."""
    import pyarrow as pa

    wanted = dict.fromkeys(CONTACTS.names) | {"segments": [], "payload_hash": bytes(16)}
    told = [wanted | {name: row[name] for name in ("email_hash", "email", "payload")} for row in rows]
    with account.run.parquet_writer(RunFiles.CONTACTS, CONTACTS) as writer:
        writer.write_table(pa.Table.from_pylist(told, CONTACTS))


@pytest.mark.parametrize("skipped", SkippedPerson)
@pytest.mark.parametrize("omitted", PermissionOmitted)
@pytest.mark.parametrize("few", [False, True])
def test_whatever_happened_there_the_account_ends_as_it_must(
    delivered: Account, skipped: SkippedPerson, omitted: PermissionOmitted, few: bool
) -> None:
    account, staff = delivered, delivered.emulator.staff
    account.emulator.switch(skipped=skipped, permission_omitted=omitted)
    chosen = names(8) if few else names()
    rows = [known(account, name, first=f"New {name}", joins=["Win back"]) for name in chosen]
    staff.unsubscribe(email("P0"))
    staff.delete_contact(email("P1"))
    staff.unsubscribe(email("P2"))
    staff.archive(email("P2"))
    staff.archive(email("P3"))
    staff.change_email(email("P4"), "elsewhere@example.com")
    staff.unsubscribe(email("P5"))
    staff.change_email(email("P5"), "refused@example.com")

    result = account.send(*rows)

    assert result.complete, (result.stopped, result.trouble, result.counts)
    assert {email(name) for name in chosen} - {email("P5")} <= members(account)
    assert members(account, "Win back") == {email(name) for name in chosen} - {email("P5")}
    off = {"P0", "P2", "P5"}
    for name in chosen:
        person = at(account, name)
        assert person is not None
        assert person["str::first"] == f"New {name}"
        assert person["bol::p"] is (name not in off), name
    assert not members(account) & {"elsewhere@example.com", "refused@example.com"}
    assert (at(account, "refused") or {}).get("bol::p") is False


@pytest.mark.parametrize("archived", ArchivedPerson)
def test_who_is_gone_gets_back_the_tags_though_nothing_else_was_due(
    delivered: Account, archived: ArchivedPerson
) -> None:
    account = delivered
    account.emulator.switch(archived=archived)
    row = known(account, "P1", joins=["Win back"])
    contacts_of_run(account, row)
    account.emulator.staff.archive(email("P1"))

    result = account.send(row | {"payload": None})

    assert result.complete, result.trouble
    assert email("P1") in members(account) & members(account, "Win back")
    assert result.recreated == 1


@pytest.mark.parametrize("skipped", SkippedPerson)
@pytest.mark.parametrize("omitted", PermissionOmitted)
@pytest.mark.parametrize("with_id", AddressWithId)
def test_leavers_lose_the_tag_and_nobody_is_made_or_subscribed(
    delivered: Account, skipped: SkippedPerson, omitted: PermissionOmitted, with_id: AddressWithId
) -> None:
    account, staff = delivered, delivered.emulator.staff
    account.emulator.switch(skipped=skipped, permission_omitted=omitted, address_with_id=with_id)
    leaving = names(125)
    rows = [account.leaver(account.id_of(email(name)), "News") for name in leaving]
    staff.unsubscribe(email("P0"))
    staff.delete_contact(email("P1"))
    staff.archive(email("P2"))

    result = account.send(*rows)

    assert result.complete, (result.stopped, result.trouble, result.counts)
    assert members(account) == {email(name) for name in names()[125:]}
    assert at(account, "P1") is None
    assert at(account, "P2") is None
    assert (at(account, "P0") or {})["bol::p"] is False
    assert (at(account, "P9") or {})["bol::p"] is True


@pytest.mark.parametrize("skipped", SkippedPerson)
def test_leavers_who_are_all_gone_have_left(delivered: Account, skipped: SkippedPerson) -> None:
    account = delivered
    account.emulator.switch(skipped=skipped)
    rows = [account.leaver(account.id_of(email(name)), "News") for name in names(30)]
    for name in names(30):
        account.emulator.staff.delete_contact(email(name))

    result = account.send(*rows)

    assert result.complete, result.trouble
    assert result.counts["leave"] == {"delivered": 30}


def test_who_withdrew_is_unsubscribed(delivered: Account) -> None:
    account = delivered

    result = account.send(account.leaver(account.id_of(email("P0")), "News", "@unsubscribe"))

    assert result.complete, result.trouble
    assert (at(account, "P0") or {})["bol::p"] is False
    assert email("P0") not in members(account)


def test_joins_and_leaves_of_a_contact_ride_along_with_its_update(delivered: Account) -> None:
    account = delivered
    rows = [known(account, name, joins=["Win back"], leaves=["News"], member_of=[]) for name in names(100)]

    result = account.send(*rows)

    assert result.complete, result.trouble
    assert members(account, "Win back") == {email(name) for name in names(100)}
    assert members(account) == {email(name) for name in names()[100:]}
    assert len(account.emulator.log.select("merge_people")) == 1


@pytest.mark.parametrize("mixed", MixedPeople)
@pytest.mark.parametrize("order", Order)
def test_bad_people_among_the_known_are_named(delivered: Account, mixed: MixedPeople, order: Order) -> None:
    account = delivered
    account.emulator.switch(mixed=mixed, order=order)
    rows = [known(account, name, first=f"New {name}") for name in names(100)]
    for place in (3, 70):
        rows[place]["payload"] = rows[place]["payload"].replace(f'"New P{place}"', "20")

    result = account.send(*rows)

    assert result.complete, (result.stopped, result.trouble, result.counts)
    assert result.counts["upsert"] == {"delivered": 98, "rejected": 2}
    assert (at(account, "P4") or {})["str::first"] == "New P4"
    assert (at(account, "P3") or {})["str::first"] == "P3"


def test_an_earlier_address_that_refused_speaks_for_the_new_one(delivered: Account) -> None:
    account = delivered
    account.emulator.staff.unsubscribe(email("P0"))
    row = account.person("Fresh", joins=["News"], previous_contact_ids=[account.id_of(email("P0"))])

    result = account.send(row)

    assert result.complete, result.trouble
    assert email("fresh") not in members(account)
    assert (at(account, "fresh") or {})["bol::p"] is False


def test_a_moved_person_is_given_the_new_address(delivered: Account) -> None:
    account = delivered
    old = account.id_of(email("P0"))
    row = account.person(
        "Fresh",
        joins=["Win back"],
        previous_contact_ids=[old],
        moved_contact_id=old,
        moved_member_of=["News"],
    )

    result = account.send(row)

    assert result.complete, result.trouble
    assert account.id_of(email("fresh")) == old
    assert at(account, "P0") is None
    assert email("fresh") in members(account, "Win back")


def test_a_moved_person_whose_new_address_is_taken_leaves(delivered: Account) -> None:
    account = delivered
    old = account.id_of(email("P0"))
    row = account.person(
        "P1", joins=["Win back"], previous_contact_ids=[old], moved_contact_id=old, moved_member_of=["News"]
    )

    result = account.send(row)

    assert result.complete, result.trouble
    assert at(account, "P0") is not None
    assert email("P0") not in members(account)
    assert email("P1") in members(account, "Win back")


@pytest.mark.parametrize("by_id", [False, True])
def test_who_may_have_been_made_anew_leaves_under_every_name(delivered: Account, by_id: bool) -> None:
    account = delivered
    person_id = account.id_of(email("P0")) if by_id else None
    row = account.leaver("x", "News", contact_id=person_id, email=email("P1"), maybe_anew=True)

    result = account.send(row)

    assert result.complete, result.trouble
    gone = {email("P1"), email("P0")} if by_id else {email("P1")}
    assert members(account) == {email(name) for name in names()} - gone


@pytest.mark.parametrize("count", [2, 130])
@pytest.mark.parametrize("leaver", [0, 1])
def test_people_who_exchanged_their_addresses_are_on_the_lists_of_their_addresses(
    delivered: Account, count: int, leaver: int
) -> None:
    account, staff = delivered, delivered.emulator.staff
    rows = [known(account, name, first="New", joins=["Win back"]) for name in names(count)]
    rows[leaver] |= {"leaves": ["News"], "member_of": []}
    staff.change_email(email("P0"), "between@example.com")
    staff.change_email(email("P1"), email("P0"))
    staff.change_email("between@example.com", email("P1"))
    number = account.plan(*rows)

    result = account.deliver(number)

    assert result.complete, (result.stopped, result.trouble, result.counts)
    both = {email("P0"), email("P1")}
    assert both & members(account) == {email(f"P{1 - leaver}")}
    assert both <= members(account, "Win back")
    told = account.ids_told(number)
    assert {one: told[one] for one in both} == {one: account.id_of(one) for one in both}
