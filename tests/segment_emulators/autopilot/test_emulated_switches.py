"""One test per open question: the emulator does as its switch says."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from pydantic import ValidationError

from segment_emulators.autopilot import (
    AddressTaken,
    BadContact,
    EmptyValue,
    ListOnUpsert,
    MapKeys,
    Names,
    SameTitle,
    UnknownCustomField,
    UnknownList,
)

if TYPE_CHECKING:
    from segment_emulators.autopilot import AutopilotEmulator

    from .conftest import Api

GOOD = {"Email": "good@example.com"}
BAD = [
    {"Email": "no-at-sign"},
    {"Email": "a@b@example.com"},
    {"Email": "a b@example.com"},
    {"Email": "a@example"},
    {"Email": "a@.example.com"},
    {"Email": ""},
    {"Email": 7},
    {"Email": "Anyone@BAD.example.com"},
    {"Email": "Known@example.com"},
    {"Email": "fine@example.com", "custom": "text"},
    "text",
]


class TestBadContact:
    @pytest.mark.parametrize("bad", BAD, ids=str)
    def test_is_left_out_of_the_map(self, api: Api, bad: object) -> None:
        api.emulator.switch(bad_contact=BadContact.LEFT_OUT, bad_emails={"known@example.com"})
        answer = api.bulk(bad, GOOD)
        assert answer.status_code == 200
        assert list(answer.json()["email_contact_map"]) == ["good@example.com"]
        assert len(answer.json()["contact_ids"]) == 1
        assert list(api.emulator.account.contacts_by_email()) == ["good@example.com"]

    @pytest.mark.parametrize("bad", BAD, ids=str)
    def test_refuses_the_whole_batch(self, api: Api, bad: object) -> None:
        api.emulator.switch(bad_contact=BadContact.REFUSES_BATCH, bad_emails={"known@example.com"})
        answer = api.bulk(GOOD, bad)
        assert (answer.status_code, answer.json()["error"]) == (400, "Bad Request")
        assert "known" not in answer.text.lower()
        assert api.emulator.account.contacts_by_email() == {}

    @pytest.mark.parametrize("rule", BadContact)
    def test_is_always_refused_alone(self, api: Api, rule: BadContact) -> None:
        api.emulator.switch(bad_contact=rule)
        assert api.post("/contact", {"contact": {"Email": "x@bad.example.com"}}).status_code == 400

    def test_syntax_may_be_left_unjudged(self, api: Api) -> None:
        api.emulator.switch(bad_syntax=False)
        assert "no-at-sign" in api.bulk({"Email": "no-at-sign"}).json()["email_contact_map"]


class TestListInUpsert:
    @pytest.mark.parametrize(
        ("rule", "new_joins", "existing_joins"),
        [(ListOnUpsert.HONOURED, True, True), (ListOnUpsert.ON_CREATION, True, False),
         (ListOnUpsert.IGNORED, False, False)],
    )  # fmt: skip
    @pytest.mark.parametrize("in_bulk", [True, False])
    def test_for_a_new_and_an_existing_contact(
        self, api: Api, rule: ListOnUpsert, new_joins: bool, existing_joins: bool, in_bulk: bool
    ) -> None:
        other = ListOnUpsert.IGNORED if rule is ListOnUpsert.HONOURED else ListOnUpsert.HONOURED
        api.emulator.switch(
            list_in_bulk=rule if in_bulk else other, list_in_single=other if in_bulk else rule
        )
        list_id = api.new_list("Readers")
        api.emulator.staff.add_contact("old@example.com")
        for email in ("new@example.com", "old@example.com"):
            contact = {"Email": email, "_autopilot_list": list_id}
            assert (api.bulk(contact) if in_bulk else api.post("/contact", {"contact": contact})).ok
        expected = {"new@example.com"} if new_joins else set()
        expected |= {"old@example.com"} if existing_joins else set()
        assert api.emulator.account.members("Readers") == expected

    @pytest.mark.parametrize(("rule", "status"), [(UnknownList.IGNORED, 200), (UnknownList.REFUSED, 400)])
    def test_with_a_list_that_does_not_exist(self, api: Api, rule: UnknownList, status: int) -> None:
        api.emulator.switch(unknown_list=rule)
        contact = {"Email": "ana@example.com", "_autopilot_list": "contactlist_gone"}
        assert api.post("/contact", {"contact": contact}).status_code == status


class TestSameTitle:
    def test_makes_a_second_list(self, api: Api) -> None:
        api.emulator.switch(same_title=SameTitle.NEW_LIST)
        assert api.new_list("Readers") != api.new_list("Readers")

    def test_is_a_conflict(self, api: Api) -> None:
        api.emulator.switch(same_title=SameTitle.CONFLICT)
        api.new_list("Readers")
        answer = api.post("/list", {"name": "Readers"})
        assert answer.status_code == 409
        assert answer.json() == {"error": "Conflict", "message": "A list with this name already exists."}
        assert len(api.emulator.account.list_ids("Readers")) == 1


@pytest.mark.parametrize(("rule", "expected"), [(Names.OVERWRITTEN, "Anna"), (Names.KEPT, "Ana")])
def test_names_that_are_there(api: Api, rule: Names, expected: str) -> None:
    api.emulator.switch(names=rule)
    api.upsert(Email="ana@example.com", FirstName="Ana", Company="A")
    api.upsert(Email="ana@example.com", FirstName="Anna", LastName="Ruiz", Company="B")
    stored = api.get("/contact/ana@example.com").json()
    assert (stored["FirstName"], stored["LastName"], stored["Company"]) == (expected, "Ruiz", "B")


class TestUnknownCustomField:
    CUSTOM = {"string--Known": "a", "string--Unknown": "b"}  # noqa: RUF012

    @pytest.mark.parametrize(
        ("rule", "kept"),
        [(UnknownCustomField.KEPT, ["Known", "Unknown"]), (UnknownCustomField.IGNORED, ["Known"])],
    )
    def test_is_kept_or_ignored(self, api: Api, rule: UnknownCustomField, kept: list[str]) -> None:
        api.emulator.switch(unknown_custom_field=rule)
        api.emulator.account.know_custom_field("string--Known")
        api.upsert(Email="ana@example.com", custom=self.CUSTOM)
        stored = api.get("/contact/ana@example.com").json()
        assert [field["kind"] for field in stored["custom_fields"]] == kept

    def test_is_refused(self, api: Api) -> None:
        api.emulator.switch(unknown_custom_field=UnknownCustomField.REFUSED)
        api.emulator.account.know_custom_field("string--Known")
        assert api.bulk({"Email": "ana@example.com", "custom": self.CUSTOM}).json()["email_contact_map"] == {}
        assert api.upsert(Email="ana@example.com", custom={"string--Known": "a"})


@pytest.mark.parametrize("empty", ["", None])
@pytest.mark.parametrize(("rule", "stays"), [(EmptyValue.KEEPS, True), (EmptyValue.CLEARS, False)])
def test_empty_values(api: Api, rule: EmptyValue, stays: bool, empty: str | None) -> None:
    api.emulator.switch(empty_value=rule)
    api.upsert(Email="ana@example.com", Company="A", custom={"string--Tier": "high"})
    api.upsert(Email="ana@example.com", Company=empty, custom={"string--Tier": empty})
    stored = api.get("/contact/ana@example.com").json()
    assert ("Company" in stored, "custom_fields" in stored) == (stays, stays)


@pytest.mark.parametrize(
    ("rule", "key"), [(MapKeys.STORED, "ana@example.com"), (MapKeys.AS_SENT, "Ana@Example.com")]
)
def test_keys_of_the_map(api: Api, rule: MapKeys, key: str) -> None:
    api.emulator.switch(map_keys=rule)
    assert list(api.bulk({"Email": "Ana@Example.com"}).json()["email_contact_map"]) == [key]


def test_a_new_address_that_is_taken(api: Api) -> None:
    api.upsert(Email="taken@example.com")
    api.emulator.switch(address_taken=AddressTaken.REFUSED)
    move = {"contact": {"Email": "ana@example.com", "_NewEmail": "taken@example.com"}}
    assert api.post("/contact", move).status_code == 400
    api.emulator.switch(address_taken=AddressTaken.TWO_CONTACTS)
    assert api.post("/contact", move).status_code == 200
    assert api.get("/contacts").json()["total_contacts"] == 2


@pytest.mark.parametrize(("status", "body"), [(200, b"{}"), (204, b"")])
def test_the_status_of_a_deletion(api: Api, status: int, body: bytes) -> None:
    api.emulator.switch(delete_status=status)
    api.upsert(Email="ana@example.com")
    answer = api.delete("/contact/ana@example.com")
    assert (answer.status_code, answer.content) == (status, body)


def test_an_unknown_switch_or_value_is_refused(emulator: AutopilotEmulator) -> None:
    with pytest.raises(ValidationError):
        emulator.switch(no_such_switch=True)
    with pytest.raises(ValidationError):
        emulator.switch(rate=0)
