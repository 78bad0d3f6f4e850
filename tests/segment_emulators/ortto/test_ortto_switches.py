"""One test per open question: the emulator does as its switch says."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import requests
from pydantic import ValidationError

from segment_emulators.ortto import (
    AddressWithId,
    ArchivedPerson,
    AsyncAnswer,
    Case,
    EmptyText,
    IgnoredPerson,
    LongText,
    ManyMerges,
    MixedPeople,
    Order,
    OverLimit,
    PermissionOmitted,
    SamePerson,
    SkippedPerson,
    TooLarge,
    UnknownOption,
)
from segment_emulators.ortto.routing import Request

if TYPE_CHECKING:
    from segment_emulators.ortto import OrttoEmulator

    from .conftest import Api, Clock

EVA, BEN, CLEO = "eva@example.com", "ben@example.com", "cleo@example.com"
BAD = {"str::email": BEN, "str::no": "x"}


class TestGoodAndBadPeople:
    """1."""

    def test_each_has_an_item_at_its_place(self, api: Api) -> None:
        api.emulator.switch(mixed=MixedPeople.ITEMS)
        api.put("/suppression-list/email/add", {"emails": [CLEO]})
        items = api.merge(EVA, BAD, CLEO, suppression_list_field_id="str::email").json()["people"]
        assert [one["status"] for one in items] == ["created", "invalid", "suppressed"]
        assert [set(one) for one in items[1:]] == [{"status", "error"}] * 2
        assert set(api.emulator.account.contacts_by_email()) == {EVA}

    @pytest.mark.parametrize(
        ("mixed", "named"),
        [
            (MixedPeople.REFUSED_NAMING_ALL, ["valid", "invalid", "valid"]),
            (MixedPeople.REFUSED_NAMING_BAD, ["invalid"]),
        ],
    )
    def test_nothing_is_done(self, api: Api, mixed: MixedPeople, named: list[str]) -> None:
        api.emulator.switch(mixed=mixed)
        answer = api.merge(EVA, BAD, CLEO)
        assert answer.status_code == 400
        assert [one["status"] for one in answer.json()["details"]] == named
        assert api.emulator.account.contacts == {}

    @pytest.mark.parametrize("mixed", MixedPeople)
    def test_bad_people_alone_are_always_refused(self, api: Api, mixed: MixedPeople) -> None:
        api.emulator.switch(mixed=mixed)
        assert api.merge(BAD, BAD).status_code == 400


@pytest.mark.parametrize("order", Order)
def test_2_the_order_of_the_items(api: Api, order: Order) -> None:
    api.emulator.switch(order=order)
    ids = api.made(EVA, BEN, CLEO)
    if order is Order.OTHER:
        ids.reverse()
    assert [api.emulator.account.contacts[one].email for one in ids] == [EVA, BEN, CLEO]


class TestSkipped:
    """3."""

    @pytest.mark.parametrize(
        ("rule", "words"),
        [
            (SkippedPerson.ITEM, ["merged", "skipped"]),
            (SkippedPerson.NO_ITEM, ["merged"]),
            (SkippedPerson.REFUSED_IF_NOBODY, ["merged"]),
        ],
    )
    def test_beside_one_who_is_there(self, api: Api, rule: SkippedPerson, words: list[str]) -> None:
        api.emulator.switch(skipped=rule)
        api.made(EVA)
        assert api.words(EVA, BEN, skip_non_existing=True) == words
        assert set(api.emulator.account.contacts_by_email()) == {EVA}

    @pytest.mark.parametrize(
        ("rule", "status", "people"),
        [
            (SkippedPerson.ITEM, 200, [{"status": "skipped"}]),
            (SkippedPerson.NO_ITEM, 200, None),
            (SkippedPerson.REFUSED_IF_NOBODY, 400, None),
        ],
    )
    def test_where_nobody_is_there(
        self, api: Api, rule: SkippedPerson, status: int, people: list[Any] | None
    ) -> None:
        api.emulator.switch(skipped=rule)
        answer = api.merge(BEN, skip_non_existing=True)
        assert (answer.status_code, answer.json().get("people")) == (status, people)


class TestIgnored:
    """4."""

    @pytest.mark.parametrize(
        ("rule", "words"),
        [
            (IgnoredPerson.MERGED, ["created", "merged"]),
            (IgnoredPerson.OTHER_WORD, ["created", "ignored"]),
            (IgnoredPerson.NO_ITEM, ["created"]),
        ],
    )
    def test_the_item(self, api: Api, rule: IgnoredPerson, words: list[str]) -> None:
        api.emulator.switch(ignored=rule)
        api.made(EVA)
        assert api.words(BEN, {"str::email": EVA, "str::first": "x"}, merge_strategy=3) == words
        assert api.read(EVA, "str::first") == {}

    @pytest.mark.parametrize("applied", [True, False])
    def test_tags(self, api: Api, applied: bool) -> None:
        api.emulator.switch(ignored_tags=applied)
        api.made(EVA)
        api.made({"fields": {"str::email": EVA}, "tags": ["Readers"]}, merge_strategy=3)
        assert api.emulator.account.members("Readers") == ({EVA} if applied else set())


@pytest.mark.parametrize("strategy", [1, 2])
@pytest.mark.parametrize("rule", PermissionOmitted)
def test_5_a_permission_that_is_omitted(api: Api, rule: PermissionOmitted, strategy: int) -> None:
    api.emulator.switch(permission_omitted=rule)
    api.made({"str::email": EVA, "bol::p": False})
    api.made({"str::email": EVA, "str::first": "Eva"}, merge_strategy=strategy)
    assert api.emulator.account.unsubscribed() == ({EVA} if rule is PermissionOmitted.KEPT else set())


@pytest.mark.parametrize("rule", AsyncAnswer)
def test_6_an_asynchronous_merge(api: Api, rule: AsyncAnswer) -> None:
    api.emulator.switch(async_answer=rule)
    answer = api.post(
        "/person/merge", {"people": [{"fields": {"str::email": EVA}}, {"fields": BAD}], "async": True}
    )
    (eva,) = api.emulator.account.contacts
    expected = {
        AsyncAnswer.QUEUED: {"people": [{"status": "queued"}] * 2},
        AsyncAnswer.EMPTY: {},
        AsyncAnswer.IDS: {"people": [{"person_id": eva}]},
    }
    assert (answer.status_code, answer.json()) == (200, expected[rule])


@pytest.mark.parametrize(("rule", "tags"), [(Case.FOLDED, ["VIP"]), (Case.EXACT, ["VIP", "vip"])])
def test_7_tags_that_differ_by_case(api: Api, rule: Case, tags: list[str]) -> None:
    api.emulator.switch(tag_case=rule)
    api.made({"fields": {"str::email": EVA}, "tags": ["VIP"]})
    api.made({"fields": {"str::email": BEN}, "tags": ["vip"]})
    assert api.tag_names() == ["My team", *tags]
    api.made({"fields": {"str::email": EVA}, "unset_tags": ["vip"]})
    assert (EVA in api.emulator.account.members("VIP")) is (rule is Case.EXACT)


@pytest.mark.parametrize("status", [400, 409, 423])
def test_9_a_field_that_is_there(api: Api, status: int) -> None:
    api.emulator.switch(existing_field=status)
    wanted = {"type": "text", "name": "Tier"}
    assert api.post("/person/custom-field/create", wanted).status_code == 200
    assert api.post("/person/custom-field/create", wanted).status_code == status
    assert len(api.post("/person/custom-field/get").json()["fields"]) == 1


class TestTooLarge:
    """10."""

    @pytest.mark.parametrize(("rule", "status"), [(TooLarge.TOO_LARGE, 413), (TooLarge.BAD_REQUEST, 400)])
    def test_an_answer(self, api: Api, rule: TooLarge, status: int) -> None:
        api.emulator.switch(too_large=rule)
        assert self.merge(api, 2_000_001).status_code == status
        assert self.merge(api, 2_000_000).status_code == 200

    def test_a_reset(self, api: Api) -> None:
        api.emulator.switch(too_large=TooLarge.RESET)
        with pytest.raises(requests.ConnectionError):
            self.merge(api, 2_000_001)
        assert api.emulator.account.contacts == {}

    @staticmethod
    def merge(api: Api, size: int) -> requests.Response:
        start = b'{"people":[{"fields":{"str::email":"eva@example.com"}}],"x":"'
        body = start + b"x" * (size - len(start) - 2) + b'"}'
        return api.session.post(
            f"{api.emulator.base_url}/person/merge",
            data=body,
            headers={"X-Api-Key": api.emulator.api_key},
            timeout=10,
        )


@pytest.mark.parametrize(
    ("rule", "length"), [(LongText.REFUSED, None), (LongText.CUT, 255), (LongText.TAKEN, 300)]
)
def test_11_a_text_that_is_too_long(api: Api, rule: LongText, length: int | None) -> None:
    api.emulator.switch(long_text=rule)
    answer = api.merge({"str::email": EVA, "str::first": "é" * 300})
    assert answer.status_code == (400 if length is None else 200)
    if length is not None:
        assert len(api.read(EVA, "str::first")["str::first"]) == length


@pytest.mark.parametrize(("rule", "word"), [(Case.FOLDED, "merged"), (Case.EXACT, "created")])
def test_12_addresses_that_differ_by_case(api: Api, rule: Case, word: str) -> None:
    api.emulator.switch(email_case=rule)
    api.made(EVA)
    is_eva = {"$str::is": {"field_id": "str::email", "value": "EVA@example.com"}}
    assert len(api.listed("str::email", filter=is_eva)) == (rule is Case.FOLDED)
    assert api.words("EVA@example.com") == [word]


@pytest.mark.parametrize(
    ("rule", "word", "is_unsubscribed"),
    [(ArchivedPerson.NEW_RECORD, "created", False), (ArchivedPerson.RESTORED, "merged", True)],
)
def test_13_a_person_of_the_archive(api: Api, rule: ArchivedPerson, word: str, is_unsubscribed: bool) -> None:
    api.emulator.switch(archived=rule)
    (first,) = api.made({"str::email": EVA, "bol::p": False})
    api.emulator.staff.archive(EVA)
    assert api.words(EVA) == [word]
    (now,) = api.emulator.account.contacts.values()
    assert (now.contact_id == first, now.is_unsubscribed) == (is_unsubscribed, is_unsubscribed)


class TestTheSamePersonTwice:
    """14."""

    @pytest.mark.parametrize(
        ("rule", "words", "people"),
        [
            (SamePerson.ONE, ["created", "merged"], 1),
            (SamePerson.TWO_RECORDS, ["created", "created"], 2),
        ],
    )
    def test_in_one_request(self, api: Api, rule: SamePerson, words: list[str], people: int) -> None:
        api.emulator.switch(same_person=rule)
        assert sorted(api.words(EVA, EVA)) == words
        assert len(api.emulator.account.contacts) == people

    @pytest.mark.parametrize(("rule", "people"), [(SamePerson.ONE, 1), (SamePerson.TWO_RECORDS, 2)])
    def test_in_two_requests_at_once(self, emulator: OrttoEmulator, rule: SamePerson, people: int) -> None:
        emulator.switch(same_person=rule)
        both = [self.arrived(emulator), self.arrived(emulator)]
        for request in both:
            request.perform(emulator.switches)
        assert len(emulator.account.contacts) == people

    def test_one_after_the_other_is_one(self, api: Api) -> None:
        api.emulator.switch(same_person=SamePerson.TWO_RECORDS)
        assert [api.words(EVA), api.words(EVA)] == [["created"], ["merged"]]

    @staticmethod
    def arrived(emulator: OrttoEmulator) -> Request:
        body = b'{"people":[{"fields":{"str::email":"eva@example.com"}}]}'
        entry = emulator.log.add(0.0, 0.0, "POST", "/person/merge")
        return Request(emulator.account, emulator.config, entry, entry.path, body, emulator.resets)


class TestManyMergesAtOnce:
    """15."""

    @pytest.mark.parametrize(
        ("rule", "status"),
        [(ManyMerges.TAKEN, 200), (ManyMerges.THROTTLED, 429), (ManyMerges.ERROR, 500)],
    )
    def test_beyond_those_that_are_under_way(self, api: Api, rule: ManyMerges, status: int) -> None:
        (eva,) = api.made(EVA)
        api.emulator.switch(many_merges=rule, merges_at_once=1)
        under_way = api.emulator.log.add(0.0, 0.0, "POST", "/person/merge")
        under_way.endpoint = "merge_people"
        by_id = {"str::person_id": eva}
        assert api.merge(BEN).status_code == status
        assert api.merge(by_id, merge_by=["str::person_id"]).status_code == 200
        api.emulator.log.finish(under_way, 0.0)
        assert api.merge(BEN).status_code == 200


class TestOverTheLimitOfContacts:
    """16."""

    @pytest.mark.parametrize(
        ("rule", "people", "first"), [(OverLimit.NOTHING, 1, None), (OverLimit.SOME, 2, "Eva")]
    )
    def test_a_merge_that_would_exceed_it(
        self, api: Api, rule: OverLimit, people: int, first: str | None
    ) -> None:
        api.made(EVA)
        api.emulator.switch(contact_limit=2, over_limit=rule)
        answer = api.merge({"str::email": EVA, "str::first": "Eva"}, BEN, CLEO)
        assert answer.status_code == 507
        assert len(api.emulator.account.contacts) == people
        assert api.read(EVA, "str::first").get("str::first") == first

    @pytest.mark.parametrize("rule", OverLimit)
    def test_known_people_are_no_matter(self, api: Api, rule: OverLimit) -> None:
        api.made(EVA)
        api.emulator.switch(contact_limit=1, over_limit=rule)
        assert api.words(EVA, merge_strategy=2) == ["merged"]
        assert api.words(BEN, skip_non_existing=True) == ["skipped"]


class TestWhenAChangeIsSeen:
    """17."""

    def test_by_a_listing(self, api: Api, clock: Clock) -> None:
        api.emulator.switch(seen_after=5.0)
        (eva,) = api.made({"str::email": EVA, "str::first": "Eva"})
        assert api.listed("str::first") == []
        assert api.post("/person/get-by-ids", {"contact_ids": [eva]}).json()["contacts"] != {}
        clock.now += 6
        api.made({"fields": {"str::email": EVA, "str::first": "Anna"}, "tags": ["Readers"]})
        assert api.listed("str::first", "tags") == [{"str::first": "Eva"}]
        clock.now += 6
        assert api.listed("str::first", "tags") == [{"str::first": "Anna", "tags": ["Readers"]}]

    def test_by_id(self, api: Api, clock: Clock) -> None:
        api.emulator.switch(seen_by_id_after=5.0)
        (eva,) = api.made(EVA)
        asked = {"contact_ids": [eva], "fields": ["str::email"]}
        assert api.post("/person/get-by-ids", asked).json() == {"contacts": {}}
        clock.now += 6
        assert set(api.post("/person/get-by-ids", asked).json()["contacts"]) == {eva}


@pytest.mark.parametrize(("rule", "read"), [(EmptyText.STORED, {"str::first": ""}), (EmptyText.CLEARS, {})])
def test_18_an_empty_text(api: Api, rule: EmptyText, read: dict[str, str]) -> None:
    api.emulator.switch(empty_text=rule)
    api.made({"str::email": EVA, "str::first": "Eva"})
    api.made({"str::email": EVA, "str::first": ""})
    assert api.read(EVA, "str::first") == read


@pytest.mark.parametrize(("rule", "status"), [(AddressWithId.OPTIONAL, 200), (AddressWithId.NEEDED, 400)])
def test_an_id_without_an_address(api: Api, rule: AddressWithId, status: int) -> None:
    api.emulator.switch(address_with_id=rule)
    (eva,) = api.made(EVA)
    answer = api.merge({"str::person_id": eva}, merge_by=["str::person_id"], skip_non_existing=True)
    assert answer.status_code == status


@pytest.mark.parametrize(("rule", "status"), [(UnknownOption.TAKEN, 200), (UnknownOption.REFUSED, 400)])
def test_a_value_that_a_select_does_not_have(api: Api, rule: UnknownOption, status: int) -> None:
    api.emulator.switch(unknown_option=rule)
    field_id = api.emulator.staff.make_field("Tier", "single_select", ("Gold",))
    assert api.merge({"str::email": EVA, field_id: "Tin"}).status_code == status


@pytest.mark.parametrize("status", [400, 409, 507])
def test_the_account_has_all_fields_it_may_have(api: Api, status: int) -> None:
    api.emulator.switch(field_limit=0, full_fields=status)
    answer = api.post("/person/custom-field/create", {"type": "text", "name": "Tier"})
    assert answer.status_code == status


def test_an_unknown_switch_or_value_is_refused(emulator: OrttoEmulator) -> None:
    with pytest.raises(ValidationError):
        emulator.switch(no_such_switch=True)
    with pytest.raises(ValidationError):
        emulator.switch(existing_field=200)
