"""New people: made with the permission that the definition says, and whoever exists keeps theirs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from segment_emulators.ortto import Fault, FaultKind, IgnoredPerson, MixedPeople, Order, PermissionOmitted

if TYPE_CHECKING:
    from tests.segment_exports.destinations.ortto.conftest import Account

MIXED = list(MixedPeople)
ORDERS = list(Order)


def many(account: Account, count: int = 150, **due: Any) -> list[dict[str, Any]]:
    return [account.person(f"P{number}", joins=["News"], **due) for number in range(count)]


def fields_at(account: Account, email: str) -> dict[str, Any]:
    found: dict[str, Any] = account.emulator.account.contacts_by_email()[email]["fields"]
    return found


def merges(account: Account) -> int:
    return len(account.emulator.log.select("merge_people"))


def test_new_people_are_made_with_fields_and_tags(account: Account) -> None:
    result = account.send(*many(account, 250))

    assert result.complete
    assert len(account.emulator.account.members("News")) == 250
    person = fields_at(account, "p7@example.com")
    assert (person["str::first"], person["int:cm:spent"]) == ("P7", 9990)
    assert person["str:cm:loyalty-tier"] == "Gold"
    assert merges(account) == 3


@pytest.mark.parametrize(("new_people", "permission"), [("subscribed", True), ("unsubscribed", False)])
def test_new_people_have_the_permission_that_the_definition_says(
    account: Account, new_people: str, permission: bool
) -> None:
    account.new_people = new_people

    account.send(account.person("Ann", joins=["News"]), account.person("Bob"))

    assert fields_at(account, "ann@example.com")["bol::p"] is permission
    assert fields_at(account, "bob@example.com")["bol::p"] is False, "who is kept off all lists has refused"


@pytest.mark.parametrize("omitted", PermissionOmitted)
@pytest.mark.parametrize("ignored", IgnoredPerson)
@pytest.mark.parametrize("tags", [False, True])
@pytest.mark.parametrize("new_people", ["subscribed", "unsubscribed"])
def test_who_exists_is_updated_and_keeps_the_permission(
    account: Account, omitted: PermissionOmitted, ignored: IgnoredPerson, tags: bool, new_people: str
) -> None:
    account.emulator.switch(permission_omitted=omitted, ignored=ignored, ignored_tags=tags)
    account.new_people = new_people
    account.emulator.staff.add_contact("refused@example.com", unsubscribed=True)
    account.emulator.staff.add_contact("willing@example.com", unsubscribed=False)

    refused, willing = account.person("Refused", joins=["News"]), account.person("Willing")
    result = account.send(*many(account, 30), refused, willing)

    assert result.complete, result.trouble
    assert fields_at(account, "refused@example.com")["bol::p"] is False
    assert fields_at(account, "willing@example.com")["bol::p"] is True
    assert fields_at(account, "refused@example.com")["str::first"] == "Refused"
    assert "refused@example.com" in account.emulator.account.members("News")
    assert "willing@example.com" not in account.emulator.account.members("News")


@pytest.mark.parametrize("mixed", MixedPeople)
@pytest.mark.parametrize("order", Order)
def test_bad_people_are_named_and_all_others_delivered(
    account: Account, mixed: MixedPeople, order: Order
) -> None:
    account.emulator.switch(mixed=mixed, order=order)
    account.emulator.staff.suppress("p7@example.com")
    rows = many(account)
    rows[20]["payload"] = rows[20]["payload"].replace('"P20"', "20")
    rows[140]["payload"] = rows[140]["payload"].replace('"P140"', "140")

    result = account.send(*rows)

    assert result.complete, (result.stopped, result.trouble, result.counts)
    assert result.counts["upsert"] == {"delivered": 147, "suppressed": 1, "rejected": 2}
    assert result.counts["join"] == {"delivered": 147, "suppressed": 1, "rejected": 2}
    assert len(account.emulator.account.members("News")) == 147


@pytest.mark.parametrize("order", Order)
def test_ids_are_those_of_their_people_in_whatever_order_they_are_answered(
    account: Account, order: Order
) -> None:
    account.emulator.switch(order=order)
    number = account.plan(*many(account, 320))
    account.deliver(number)

    told = account.ids_told(number)

    assert len(told) == 320
    assert told == {email: account.id_of(email) for email in told}


def test_why_somebody_was_refused_is_told_in_the_words_of_the_definition(account: Account) -> None:
    rows = many(account, 30)
    rows[20]["payload"] = rows[20]["payload"].replace('"Gold"', "20")
    number = account.plan(*rows)

    account.deliver(number)

    told = "failed to validate field Loyalty Tier: … is not a valid text"
    assert account.reasons(number) == {"p20@example.com": told}


def test_who_was_made_and_could_not_be_read_back_is_of_unknown_fate(account: Account) -> None:
    account.emulator.inject(Fault(kind=FaultKind.ERROR, path="get-by-ids", times=None))

    result = account.send(*many(account, 30))

    assert not result.complete
    assert result.counts["upsert"] == {"failed": 30}
    assert result.counts["join"] == {"failed": 30}

    account.emulator.inject()
    again = account.deliver(1)

    assert again.complete
    assert len(account.emulator.account.contacts) == 30
    assert len(account.emulator.account.members("News")) == 30


def test_a_stop_while_people_are_read_back_leaves_them_of_unknown_fate(account: Account) -> None:
    account.emulator.switch(seen_by_id_after=3600.0)
    stopped: list[str] = []
    account.emulator.inject(Fault(kind=FaultKind.LATENCY, seconds=0.3, path="get-by-ids", times=None))

    def reason() -> str | None:
        stopped.extend("x" for _ in account.emulator.log.select("get_people_by_ids"))
        return "the connection was disabled" if stopped else None

    result = account.send(*many(account, 30), should_stop=reason, stop_poll_seconds=0.01)

    assert result.stopped is not None
    assert set(result.counts["upsert"]) <= {"failed", "delivered"}


@pytest.mark.parametrize("order", Order)
def test_one_who_was_made_proves_no_order(account: Account, order: Order) -> None:
    account.emulator.switch(order=order)
    account.emulator.staff.suppress("p0@example.com")
    rows = many(account, 3)
    rows[2]["payload"] = rows[2]["payload"].replace('"P2"', "2")
    number = account.plan(*rows)

    result = account.deliver(number)

    assert result.counts["upsert"] == {"delivered": 1, "suppressed": 1, "rejected": 1}
    assert account.reasons(number) == {
        "p0@example.com": "the address stands on the account's suppression list",
        "p2@example.com": "failed to validate field FirstName: … is not a valid text",
    }
