"""What real answers of Ortto's showed, held by status and keys, in data of our own.

They were recorded by an independent client of the API (``phpdevkits/ortto-sdk``, its tests' fixtures of
people, tags, audiences and the account's schema, of November 2025).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    import requests

    from .conftest import Api

PERSON_ID = re.compile(r"00[0-9a-f]{20}00")
META = {"total_contacts", "total_organizations", "total_matches", "total_subscribers"}
PAGE = {"contacts", "meta", "offset", "next_offset", "cursor_id", "has_more"}


def refused(answer: requests.Response) -> tuple[int, set[str]]:
    """Return status and keys of an error, which names its own status."""
    told = answer.json()
    assert told["code"] == answer.status_code
    assert re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", told["request_id"])
    return answer.status_code, set(told)


class TestMerge:
    def test_a_person_is_created_and_then_merged(self, api: Api) -> None:
        sent = {"str::email": "eva@example.com", "str::first": "Eva"}
        for word in ("created", "merged"):
            answer = api.merge(sent, merge_by=["str::email"], merge_strategy=2, find_strategy=0)
            assert (answer.status_code, set(answer.json())) == (200, {"people"})
            (item,) = answer.json()["people"]
            assert (set(item), item["status"]) == ({"person_id", "status"}, word)
            assert PERSON_ID.fullmatch(item["person_id"])
        assert "X-Version" in answer.headers
        assert "Retry-After" not in answer.headers

    def test_fifty_four_people_have_as_many_items_and_ids_in_no_order(self, api: Api) -> None:
        ids = api.made(*(f"p{one}@example.com" for one in range(54)))
        assert len(set(ids)) == 54
        assert ids != sorted(ids)

    def test_an_unknown_field_alone(self, api: Api) -> None:
        unknown = "str::no_such_field"
        answer = api.merge({"str::email": "eva@example.com", unknown: "x"})
        assert refused(answer) == (400, {"request_id", "code", "error", "details"})
        told = f"failed to validate field {unknown} in schema: {unknown}: Object not found"
        assert answer.json()["error"] == f"No valid contacts provided ({told})"
        assert answer.json()["details"] == [{"status": "invalid", "error": told}]

    def test_a_new_person_who_is_suppressed(self, api: Api) -> None:
        api.put("/suppression-list/email/add", {"emails": ["eva@example.com"]})
        answer = api.merge("eva@example.com", suppression_list_field_id="str::email")
        assert refused(answer) == (400, {"request_id", "code", "error", "details"})
        assert answer.json()["error"] == "No valid contacts provided (Email is suppressed)"
        assert answer.json()["details"] == [{"status": "suppressed", "error": "Email is suppressed"}]

    def test_a_known_person_who_is_suppressed_is_merged(self, api: Api) -> None:
        api.made("eva@example.com")
        api.put("/suppression-list/email/add", {"emails": ["eva@example.com"]})
        assert api.words("eva@example.com", suppression_list_field_id="str::email") == ["merged"]

    def test_a_suppressed_address_is_made_where_nobody_asked_to_compare(self, api: Api) -> None:
        api.put("/suppression-list/email/add", {"emails": ["eva@example.com"]})
        assert api.words("eva@example.com") == ["created"]

    def test_a_birthday_of_nulls_and_a_city_without_a_name_are_taken(self, api: Api) -> None:
        sent = {
            "str::email": "eva@example.com",
            "dtz::b": {"year": None, "month": None, "day": None},
            "geo::city": {"name": None},
        }
        assert api.words(sent) == ["created"]


class TestListing:
    def test_a_page(self, api: Api) -> None:
        api.made({"str::email": "eva@example.com", "str::first": "Eva"}, "ben@example.com")
        answer = api.post("/person/get", {"fields": ["str::email", "str::first"]})
        page = answer.json()
        assert (answer.status_code, set(page), set(page["meta"])) == (200, PAGE, META)
        assert {frozenset(one) for one in page["contacts"]} == {frozenset({"id", "fields"})}
        assert {frozenset(one["fields"]) for one in page["contacts"]} == {
            frozenset({"str::email", "str::first"}),
            frozenset({"str::email"}),
        }
        assert (page["offset"], page["next_offset"], page["has_more"]) == (0, 2, False)
        assert page["meta"]["total_subscribers"] == 2
        assert re.fullmatch("[0-9a-f]{24}", page["cursor_id"])

    @pytest.mark.parametrize(
        "narrowed",
        [
            {"filter": {"$has_any_value": {"field_id": "str::email"}}},
            {"filter": {"$and": [{"$has_any_value": {"field_id": "str::email"}}]}},
            {"q": "eva"},
        ],
        ids=str,
    )
    def test_subscribers_are_not_counted_when_it_is_narrowed(
        self, api: Api, narrowed: dict[str, object]
    ) -> None:
        api.made("eva@example.com")
        page = api.post("/person/get", {"fields": ["str::email"], **narrowed}).json()
        assert (page["meta"]["total_matches"], page["meta"]["total_subscribers"]) == (1, 0)

    def test_nobody_is_null(self, api: Api) -> None:
        page = api.post("/person/get", {"type": "archived", "fields": ["str::email"]}).json()
        assert page["contacts"] is None
        assert (page["meta"], page["next_offset"]) == (dict.fromkeys(META, 0), 0)

    def test_an_offset_beyond_everybody_is_as_if_the_account_were_empty(self, api: Api) -> None:
        api.made("eva@example.com")
        page = api.post("/person/get", {"fields": ["str::email"], "limit": 50, "offset": 100}).json()
        assert page == {
            "contacts": None,
            "meta": dict.fromkeys(META, 0),
            "offset": 0,
            "next_offset": 0,
            "cursor_id": "0" * 24,
            "has_more": False,
        }

    def test_a_page_sorted_by_name(self, api: Api) -> None:
        names = ["Correia", "Blanda", "Doe"]
        api.made(*({"str::email": f"p{one}@example.com", "str::last": one} for one in names))
        asked = {"fields": ["str::last"], "limit": 2, "sort_by_field_id": "str::last", "sort_order": "asc"}
        page = api.post("/person/get", asked).json()
        assert [one["fields"]["str::last"] for one in page["contacts"]] == ["Blanda", "Correia"]
        assert (page["next_offset"], page["has_more"]) == (2, True)

    def test_the_account_of_a_person_comes_unasked(self, api: Api) -> None:
        api.made("eva@example.com")
        api.emulator.staff.set_field("eva@example.com", "idt::o", "106904f4fd2dad244ea03100")
        assert api.listed("str::email") == [
            {"idt::o": "106904f4fd2dad244ea03100", "str::email": "eva@example.com"}
        ]

    @pytest.mark.parametrize(("cursor", "told"), [("x" * 36, "38"), ("f" * 20, "22")])
    def test_a_malformed_cursor(self, api: Api, cursor: str, told: str) -> None:
        answer = api.post("/person/get", {"cursor_id": cursor})
        assert refused(answer) == (400, {"request_id", "code", "error"})
        assert answer.json()["error"] == (
            f"{api.emulator.config.instance}: Failed to parse request cannot unmarshal into an ID, "
            f"the length must be 12 or 24 + 2 for hex but it is {told}: Object not found"
        )

    def test_an_unknown_operation(self, api: Api) -> None:
        unknown = {"$int::gt": {"field_id": "int::e", "value": 1}}
        answer = api.post("/person/get", {"filter": unknown})
        assert refused(answer) == (400, {"request_id", "code", "error"})
        assert answer.json()["error"].endswith("Unknown operation $int::gt (Invalid value)")

    def test_people_by_id_are_an_object(self, api: Api) -> None:
        (eva,) = api.made({"str::email": "eva@example.com", "str::first": "Eva"})
        asked = {"contact_ids": [eva], "fields": ["str::email", "str::first", "str::last"]}
        answer = api.post("/person/get-by-ids", asked)
        fields = {"str::email": "eva@example.com", "str::first": "Eva"}
        assert answer.json() == {"contacts": {eva: {"id": eva, "fields": fields}}}


class TestFieldsAndSchema:
    def test_no_custom_field_is_null_and_no_namespace(self, api: Api) -> None:
        assert api.post("/person/custom-field/get").json() == {"fields": None}
        assert api.post("/instance-schema/get", {"namespaces": ["cm"]}).json() == {"namespaces": {}}

    def test_a_text_is_made(self, api: Api) -> None:
        answer = api.post("/person/custom-field/create", {"type": "text", "name": "Loyalty Tier 7"})
        told = {"name": "Loyalty Tier 7", "field_id": "str:cm:loyalty-tier-7", "display_type": "text"}
        assert (answer.status_code, answer.json()) == (200, told)
        (item,) = api.post("/person/custom-field/get", {}).json()["fields"]
        assert (set(item), item["tracked_value"]) == ({"field", "tracked_value"}, False)
        assert item["field"] == {
            "id": "str:cm:loyalty-tier-7",
            "name": "Loyalty Tier 7",
            "display_type": "text",
            "liquid_name": "people.custom.loyalty-tier-7",
        }

    def test_a_select_has_its_values(self, api: Api) -> None:
        wanted = {"type": "single_select", "name": "Tier", "values": ["Gold", "Silver"]}
        answer = api.post("/person/custom-field/create", wanted).json()
        assert set(answer) == {"name", "field_id", "display_type", "values"}
        (item,) = api.post("/person/custom-field/get", {}).json()["fields"]
        assert item["field"]["dic_items"] == ["Gold", "Silver"]

    def test_the_values_of_a_select_change(self, api: Api) -> None:
        wanted = {"type": "single_select", "name": "Tier", "values": ["Gold", "Silver"]}
        field_id = api.post("/person/custom-field/create", wanted).json()["field_id"]
        answer = api.put("/person/custom-field/update", {"field_id": field_id, "add_values": ["Tin"]})
        assert answer.json() == {
            "field_id": field_id,
            "values": ["Gold", "Silver", "Tin"],
            "track_changes": False,
        }

    def test_a_text_has_no_values(self, api: Api) -> None:
        field_id = api.post("/person/custom-field/create", {"type": "text", "name": "Tier"}).json()[
            "field_id"
        ]
        answer = api.put("/person/custom-field/update", {"field_id": field_id, "track_changes": True})
        assert answer.json() == {"field_id": field_id, "values": None, "track_changes": True}

    def test_the_schema(self, api: Api) -> None:
        api.post("/person/custom-field/create", {"type": "text", "name": "Tier"})
        spaces = api.post("/instance-schema/get", {"namespaces": []}).json()["namespaces"]
        assert set(spaces) == {"", "o", "cm"}
        fields = spaces[""]["fields"]
        assert fields["str::email"]["display_type"] == "email"
        assert fields["u4s::t"]["read_only"] is True
        assert (fields["bol::hb"]["read_only"], fields["bol::hb"]["hidden"]) == (True, True)
        assert "read_only" not in fields["bol::p"]
        assert fields["str::u-ctx"]["read_only"] is True
        assert set(fields["act::s-all"]) == {"id", "name", "display_type", "attributes"}
        assert fields["tme::s-all!f"]["read_only"] is True
        assert not {"str::person_id", "str::fcm_ios_token"} & set(fields)
        assert set(spaces["cm"]["fields"]) == {"str:cm:tier"}


class TestTagsAndAudiences:
    def test_the_ids_of_tags_repeat_across_kinds(self, api: Api) -> None:
        tags = api.post("/tags/get", {}).json()
        assert [(one["id"], one["type"]) for one in tags] == [(1, ""), (1, "organization")]
        assert set(tags[0]) >= {
            "id", "instance_id", "name", "created_by_id", "created_by_name", "created_by_email",
            "created_at", "last_used", "count", "type",
        }  # fmt: skip

    def test_subscribers_of_a_tag_are_absent_where_there_are_none(self, api: Api) -> None:
        api.made({"fields": {"str::email": "eva@example.com"}, "tags": ["Readers"]})
        (tag,) = api.post("/tags/get", {"q": "readers"}).json()
        assert (tag["count"], tag["subscribers"], "sms_opted_in" in tag) == (1, 1, False)

    def test_an_audience_is_a_filter_on_a_tag(self, api: Api) -> None:
        api.made({"fields": {"str::email": "eva@example.com"}, "tags": ["Readers"]}, "ben@example.com")
        (tag_id,) = api.emulator.account.list_ids("Readers")
        on_tag = {"$u4s::is": {"label": "Tag is Readers", "field_id": "u4s::t", "value": int(tag_id)}}
        narrowed = {"$and": [{"$and": [on_tag]}]}
        audience_id = api.emulator.staff.make_audience("Readers", narrowed)
        (shown,) = api.post("/audiences/get", {"with_filter": True}).json()
        assert (shown["filter"], shown["members"], shown["subscribers"]) == (narrowed, 1, 1)
        (bare,) = api.post("/audiences/get", {"limit": 40}).json()
        assert bare["filter"] is None
        assert set(bare) == {
            "id", "instance_id", "folder_id", "data_source_id", "icon_id", "type", "building", "ready",
            "is_public", "sms_is_public", "sms_public_name", "sms_public_description", "filter", "filter_sha",
            "last_built_at", "new_filter", "new_filter_sha", "last_used", "created", "created_by_id",
            "created_by_name", "edited_at", "name", "public_name", "public_description", "exit_selection",
            "new_exit_criteria_filter", "ds_destinations", "sms_opted_in", "subscribers", "members",
            "added_last_30_days", "engagement", "revenue", "is_cold",
        }  # fmt: skip

        eva = api.emulator.account.get("eva@example.com").contact_id
        wanted = {"audience_id": audience_id, "people": [{"person_id": eva, "subscribed": False}]}
        told = {"audience_id": audience_id, "people": [{"person_status": "by-id", "status": "unsubscribed"}]}
        assert api.put("/audience/subscribe", wanted).json() == told

    def test_subscriptions(self, api: Api) -> None:
        (eva,) = api.made("eva@example.com")
        everybody = {"$has_any_value": {"field_id": "str::email"}}
        api.emulator.staff.make_audience("Everybody", everybody)
        (by_id,) = api.post("/person/subscriptions", {"people": [{"person_id": eva}]}).json()["people"]
        (by_email,) = api.post("/person/subscriptions", {"people": [{"email": "eva@example.com"}]}).json()[
            "people"
        ]
        permissions = {f"{one}_permissions" for one in ("email", "sms", "ios", "android", "web")}
        assert set(by_id) == {"person_status", "person_id", "subscriptions"} | permissions
        assert set(by_email) == set(by_id) | {"email"}
        assert (by_id["person_status"], by_email["person_status"]) == ("by-id", "merged")
        assert (by_id["email_permissions"], by_id["sms_permissions"]) == (True, False)
        (one,) = by_id["subscriptions"]
        assert {"audience_id", "audience_name", "member_from", "subscribed", "subscribed_from"} <= set(one)


class TestActivities:
    def test_a_new_person_was_subscribed_by_the_api(self, api: Api) -> None:
        (eva,) = api.made("eva@example.com")
        page = api.post("/person/get/activities", {"person_id": eva}).json()
        assert set(page) == {"activities", "meta", "offset", "next_offset"}
        assert page["meta"] == {
            "total_activities": 1,
            "field_ids": None,
            "has_more": False,
            "retention": {"type": "time", "max_value": 90},
        }
        (one,) = page["activities"]
        assert set(one) == {"id", "attr", "created_at", "field_id", "render_cmds"}
        assert (one["field_id"], one["attr"]) == (
            "act::s-all",
            {"str::is": "API", "str::s-ctx": "Subscribed via API"},
        )

    def test_none_of_some_kinds_is_null(self, api: Api) -> None:
        (eva,) = api.made("eva@example.com")
        asked = {"person_id": eva, "activities": ["act::o", "act::c"], "limit": 20, "offset": 0}
        page = api.post("/person/get/activities", asked).json()
        assert (page["activities"], page["meta"]["field_ids"]) == (None, ["act::o", "act::c"])

    def test_those_that_are_sent_are_queued_and_only_an_id_comes_back(self, api: Api) -> None:
        (eva,) = api.made("eva@example.com")
        by_id = {"activity_id": "act::c", "person_id": eva}
        merged = {"activity_id": "act::c", "fields": {"str::email": "ben@example.com"}}
        answer = api.post("/activities/create", {"activities": [by_id, merged]})
        queued = {"status": "queued", "person_status": "queued"}
        assert (answer.status_code, answer.json()) == (
            200,
            {"activities": [{"person_id": eva, **queued}, queued]},
        )
        assert set(api.emulator.account.contacts_by_email()) == {"eva@example.com", "ben@example.com"}


def test_archive_restore_and_delete_count(api: Api) -> None:
    ids = api.made(*(f"p{one}@example.com" for one in range(11)))
    chosen = {"inclusion_ids": ids}
    for method, path, word in (
        ("PUT", "archive", "archived"),
        ("PUT", "restore", "restored"),
        ("PUT", "archive", "archived"),
        ("DELETE", "delete", "deleted"),
    ):
        answer = api.call(method, f"/person/{path}", chosen)
        told = {"scheduled_contacts": 0, f"{word}_contacts": 11}
        assert (answer.status_code, answer.json()) == (200, told)
    assert api.listed("str::email") == []
