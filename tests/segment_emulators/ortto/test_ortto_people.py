"""Making, changing and reading people as the vendor's pages say, over the socket."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from .conftest import Api

EVA = "eva@example.com"
SKIP = {"skip_non_existing": True}
TOLD_APART = {"str::email": EVA, "str::first": "Eva", "str::last": "Ruiz"}


def has_tag(tag_id: str) -> dict[str, Any]:
    return {"$u4s::is": {"field_id": "u4s::t", "value": int(tag_id)}}


class TestStrategies:
    @pytest.mark.parametrize(
        ("strategy", "first", "postal"), [(1, "Eva", "1000"), (2, "Anna", "1000"), (3, "Eva", None)]
    )
    def test_what_becomes_of_a_known_person(
        self, api: Api, strategy: int, first: str, postal: str | None
    ) -> None:
        api.made({"str::email": EVA, "str::first": "Eva"})
        api.merge({"str::email": EVA, "str::first": "Anna", "str::postal": "1000"}, merge_strategy=strategy)
        shown = api.read(EVA, "str::first", "str::postal")
        assert (shown["str::first"], shown.get("str::postal")) == (first, postal)

    @pytest.mark.parametrize("strategy", [1, 2, 3])
    def test_an_unknown_person_is_made(self, api: Api, strategy: int) -> None:
        assert api.words(EVA, merge_strategy=strategy) == ["created"]

    def test_overwriting_keeps_what_is_not_sent_and_clears_by_null(self, api: Api) -> None:
        api.made({**TOLD_APART, "str::postal": "1000"})
        api.made({"str::email": EVA, "str::last": None})
        assert api.read(EVA, "str::first", "str::last", "str::postal") == {
            "str::first": "Eva",
            "str::postal": "1000",
        }

    def test_appending_clears_nothing(self, api: Api) -> None:
        api.made(TOLD_APART)
        api.made({"str::email": EVA, "str::last": None}, merge_strategy=1)
        assert api.read(EVA, "str::last") == {"str::last": "Ruiz"}

    def test_a_multiple_select_gains_values_unless_it_is_cleared_first(self, api: Api) -> None:
        field_id = api.emulator.staff.make_field("Topics", "multi_select", ("a", "b", "c"))
        api.made({"str::email": EVA, field_id: ["a"]})
        api.made({"str::email": EVA, field_id: ["b"]})
        assert api.read(EVA, field_id) == {field_id: ["a", "b"]}
        api.made({"fields": {"str::email": EVA, field_id: ["c"]}, "clear_fields": {field_id: True}})
        assert api.read(EVA, field_id) == {field_id: ["c"]}

    def test_an_empty_text_is_a_value_and_nothing_is_none(self, api: Api) -> None:
        has = {"$has_any_value": {"field_id": "str::last"}}
        api.made({"str::email": EVA, "str::last": ""})
        assert len(api.listed("str::email", filter=has)) == 1
        api.made({"str::email": EVA, "str::last": None})
        assert api.listed("str::email", filter=has) == []


class TestKeys:
    def test_by_id_the_address_can_change(self, api: Api) -> None:
        (eva,) = api.made(EVA)
        moved = {"str::person_id": eva, "str::email": "new@example.com"}
        assert api.words(moved, merge_by=["str::person_id"]) == ["merged"]
        assert list(api.emulator.account.contacts_by_email()) == ["new@example.com"]

    def test_an_id_that_is_not_there_is_skipped_or_made_again_and_subscribed(self, api: Api) -> None:
        (eva,) = api.made({"str::email": EVA, "bol::p": False})
        api.emulator.staff.delete_contact(EVA)
        sent = {"str::person_id": eva, "str::email": EVA}
        assert api.words(sent, merge_by=["str::person_id"], **SKIP) == ["skipped"]
        assert api.emulator.account.contacts == {}
        assert api.words(sent, merge_by=["str::person_id"]) == ["created"]
        assert api.emulator.account.unsubscribed() == set()

    def test_an_id_must_stand_alone(self, api: Api) -> None:
        assert api.merge(EVA, merge_by=["str::person_id", "str::email"]).status_code == 400

    def test_by_an_external_id_no_address_is_needed(self, api: Api) -> None:
        by = {"merge_by": ["str::ei"]}
        assert api.words({"str::ei": "7"}, **by) == ["created"]
        assert api.words({"str::ei": "7", "str::first": "Eva"}, **by) == ["merged"]

    def test_of_all_keys_those_that_are_sent_must_match(self, api: Api) -> None:
        api.made({"str::email": EVA, "str::ei": "7"}, merge_by=["str::email"])
        keys = {"merge_by": ["str::email", "str::ei"], "find_strategy": 2}
        assert api.words(EVA, **keys) == ["merged"]

    def test_a_key_may_stand_in_another_field(self, api: Api) -> None:
        other = api.emulator.staff.make_field("Other address")
        api.made({"str::email": EVA, other: "ana@example.com"})
        sent = "ana@example.com"
        assert api.words(sent, merge_by=["str::email"], merge_by_alt_fields={"str::email": [other]}) == [
            "merged"
        ]

    def test_a_field_that_is_read_only_may_be_a_key_where_nobody_is_made(self, api: Api) -> None:
        key = api.emulator.staff.make_field("Customer", namespace="cb", read_only=True)
        api.made(EVA)
        api.emulator.staff.set_field(EVA, key, "7")
        sent = {"str::email": "new@example.com", key: "7"}
        assert api.merge(sent, merge_by=[key]).status_code == 400
        assert api.words(sent, merge_by=[key], **SKIP) == ["merged"]
        assert list(api.emulator.account.contacts_by_email()) == ["new@example.com"]

    @pytest.mark.parametrize(
        ("find", "word"), [(0, "merged"), (1, "created"), (2, "created")], ids=["any", "if empty", "all"]
    )
    def test_several_keys(self, api: Api, find: int, word: str) -> None:
        api.made({"str::email": EVA, "str::ei": "7"}, merge_by=["str::email"])
        keys = {"merge_by": ["str::email", "str::ei"], "find_strategy": find}
        assert api.words({"str::email": "other@example.com", "str::ei": "7"}, **keys) == [word]

    def test_without_keys_the_key_s_own_setting_holds(self, api: Api) -> None:
        api.made(EVA)
        assert api.words(EVA) == ["merged"]

    @pytest.mark.parametrize(
        "wrong",
        [
            {"merge_by": ["bol::p"]}, {"merge_by": "str::email"}, {"merge_by": ["str::no"]},
            {"merge_strategy": 4}, {"find_strategy": 3}, {"suppression_list_field_id": "str::no"},
        ],
        ids=str,
    )  # fmt: skip
    def test_options_that_are_none(self, api: Api, wrong: dict[str, Any]) -> None:
        answer = api.merge(EVA, **wrong)
        assert (answer.status_code, "details" in answer.json()) == (400, False)
        assert api.emulator.account.contacts == {}


class TestPermission:
    def test_a_new_person_is_subscribed_unless_said_otherwise(self, api: Api) -> None:
        api.made({"str::email": EVA}, {"str::email": "no@example.com", "bol::p": False})
        assert api.emulator.account.unsubscribed() == {"no@example.com"}
        assert "u" in api.read("no@example.com", "u", "s")
        assert "s" in api.read(EVA, "u", "s")

    def test_saying_yes_subscribes_again_and_leaves_a_trace(self, api: Api) -> None:
        api.made({"str::email": EVA, "bol::p": False})
        api.made({"str::email": EVA, "bol::p": True})
        assert api.emulator.account.unsubscribed() == set()
        happened = [one.what for one in api.emulator.account.activities]
        assert happened == ["created", "unsubscribed", "subscribed", "merged"]

    def test_the_reason_may_be_written_though_the_schema_calls_it_read_only(self, api: Api) -> None:
        api.made({"str::email": EVA, "bol::p": False, "str::u-ctx": "moved from elsewhere"})
        assert api.read(EVA, "str::u-ctx", "bol::p") == {
            "str::u-ctx": "moved from elsewhere",
            "bol::p": False,
        }

    def test_the_usual_reason(self, api: Api) -> None:
        api.made({"str::email": EVA, "bol::p": False})
        assert api.read(EVA, "str::u-ctx", "str::s-ctx") == {"str::u-ctx": "Unsubscribed via API"}
        api.made({"str::email": EVA, "bol::p": True})
        assert api.read(EVA, "str::s-ctx") == {"str::s-ctx": "Subscribed via API"}

    def test_what_staff_do_is_told_apart(self, api: Api) -> None:
        api.made(EVA)
        api.emulator.staff.unsubscribe(EVA)
        happened = [(one.what, one.by_staff) for one in api.emulator.account.activities]
        assert happened == [("created", False), ("first_subscribed", False), ("unsubscribed", True)]


class TestTags:
    def test_they_are_made_and_taken_off_by_name_and_listed_by_id(self, api: Api) -> None:
        api.made({"fields": {"str::email": EVA}, "tags": ["Readers", "Win-back"]}, "ben@example.com")
        assert api.tag_names() == ["My team", "Readers", "Win-back"]
        (tag_id,) = api.emulator.account.list_ids("Readers")
        assert api.listed("tags", "u4s::t", filter=has_tag(tag_id)) == [
            {"tags": ["Readers", "Win-back"], "u4s::t": [2, 3]}
        ]
        api.made({"fields": {"str::email": EVA}, "unset_tags": ["Readers", "Never made"]})
        assert api.emulator.account.members("Readers") == set()
        assert api.emulator.account.members("Win-back") == {EVA}
        assert "Never made" not in api.tag_names()

    def test_leaving_by_id_makes_nobody(self, api: Api) -> None:
        (eva,) = api.made({"fields": {"str::email": EVA}, "tags": ["Readers"]})
        gone = "0069" + "f" * 18 + "00"
        leaves = [{"fields": {"str::person_id": one}, "unset_tags": ["Readers"]} for one in (eva, gone)]
        assert api.words(*leaves, merge_by=["str::person_id"], **SKIP) == ["merged", "skipped"]
        assert (api.emulator.account.members("Readers"), len(api.emulator.account.contacts)) == (set(), 1)

    def test_an_empty_name_is_refused(self, api: Api) -> None:
        assert api.merge({"fields": {"str::email": EVA}, "tags": [" "]}).status_code == 400

    def test_a_name_may_be_anything(self, api: Api) -> None:
        odd = ["Ü" * 300, '<b>"&', "🎈"]
        api.made({"fields": {"str::email": EVA}, "tags": odd})
        assert api.read(EVA, "tags") == {"tags": odd}

    def test_staff_s_tags_of_accounts_have_ids_of_their_own(self, api: Api) -> None:
        assert api.emulator.staff.add_tag_by_hand("Readers", "organization") == "2"
        assert api.emulator.staff.add_tag_by_hand("Readers") == "2"
        assert api.emulator.account.list_ids("Readers") == ["2"]


class TestValues:
    """Which values a field takes, and what is read back."""

    @pytest.mark.parametrize(
        ("kind", "sent", "read"),
        [
            ("text", "x" * 255, "x" * 255),
            ("large_text", "x" * 4000, "x" * 4000),
            ("link", "https://example.com", "https://example.com"),
            ("integer", -(2**63), -(2**63)),
            ("decimal", 9990, 9990),
            ("currency", 9990, 9990),
            ("bool", False, False),
            ("date", {"year": 1980, "month": 3, "day": 4}, {"year": 1980, "month": 3, "day": 4}),
            ("time", "2025-05-30T15:00:55Z", "2025-05-30T15:00:55Z"),
            ("phone", {"c": "61", "n": "401234567"}, {"c": "61", "n": "401234567"}),
            (
                "phone",
                {"phone": "61401234567", "parse_with_country_code": True},
                {"c": "61", "n": "401234567"},
            ),
            ("geo", {"name": "Somewhere"}, {"name": "Somewhere", "id": 0, "lat": 0, "lng": 0}),
            ("single_select", "a", "a"),
            ("multi_select", ["b", "a"], ["b", "a"]),
            ("object", {"a": [1]}, {"a": [1]}),
        ],
    )
    def test_good_ones(self, api: Api, kind: str, sent: Any, read: Any) -> None:
        field_id = self.field(api, kind)
        api.made({"str::email": EVA, field_id: sent})
        assert api.read(EVA, field_id) == {field_id: read}

    @pytest.mark.parametrize(
        ("kind", "sent"),
        [
            ("text", 7), ("text", "x" * 256), ("large_text", "x" * 4001), ("integer", "7"), ("integer", 1.5),
            ("integer", True), ("integer", 2**63), ("decimal", 9.99), ("bool", "yes"), ("date", "1980-03-04"),
            ("date", {"year": 1980, "month": 2, "day": 30}), ("date", {"year": 1980}),
            ("time", "2025-05-30T15:00:55"), ("time", "today"), ("phone", "+61401234567"),
            ("phone", {"c": "+61", "n": "401234567"}), ("phone", {"c": "61"}),
            ("phone", {"phone": "call me", "parse_with_country_code": True}), ("geo", "Melbourne"),
            ("single_select", "z"), ("multi_select", "a"), ("multi_select", ["z"]), ("object", [1]),
            ("object", {"a": "x" * 15_000}),
        ],
        ids=lambda value: str(value)[:30],
    )  # fmt: skip
    def test_bad_ones_are_invalid(self, api: Api, kind: str, sent: Any) -> None:
        field_id = self.field(api, kind)
        answer = api.merge({"str::email": EVA, field_id: sent})
        assert answer.status_code == 400
        (item,) = answer.json()["details"]
        assert (item["status"], field_id in item["error"]) == ("invalid", True)

    @pytest.mark.parametrize("field_id", ["u4s::t", "c", "bol::hb", "str::is"])
    def test_a_read_only_field_is_invalid(self, api: Api, field_id: str) -> None:
        assert api.merge({"str::email": EVA, field_id: "x"}).json()["details"][0]["status"] == "invalid"

    def test_an_integration_s_field_is_read_only(self, api: Api) -> None:
        field_id = api.emulator.staff.make_field("Owner", namespace="sf", read_only=True)
        api.made(EVA)
        api.emulator.staff.set_field(EVA, field_id, "x")
        assert field_id in api.post("/instance-schema/get", {}).json()["namespaces"]["sf"]["fields"]
        assert api.merge({"str::email": EVA, field_id: "x"}).status_code == 400

    @pytest.mark.parametrize(
        "wrong",
        [
            "no-at-sign", "a@b@example.com", "a b@example.com", "a@example", "", {"str::first": "Eva"},
            {"str::email": 7}, {"fields": "text"}, {}, "text@bad.example.com", "known@example.com",
        ],
        ids=str,
    )  # fmt: skip
    def test_a_person_without_a_good_address_is_invalid(self, api: Api, wrong: Any) -> None:
        api.emulator.switch(bad_emails={"known@example.com"})
        answer = api.merge(wrong)
        assert (answer.status_code, answer.json()["details"][0]["status"]) == (400, "invalid")

    @staticmethod
    def field(api: Api, kind: str) -> str:
        values = ("a", "b") if kind.endswith("select") else ()
        return api.emulator.staff.make_field("Field", kind, values)


class TestCustomFields:
    def test_an_id_is_not_the_name_and_may_end_in_a_number(self, api: Api) -> None:
        ids = [
            api.post("/person/custom-field/create", {"type": "text", "name": name}).json()["field_id"]
            for name in ("Job Title", "Job-title", "$customFieldText", "Höhe (m)")
        ]
        assert ids == ["str:cm:job-title", "str:cm:job-title-2", "str:cm:customfieldtext", "str:cm:h-he-m"]

    @pytest.mark.parametrize(
        "wrong",
        [
            {"name": "A"}, {"type": "text"}, {"type": "aggregate", "name": "A"},
            {"type": "single_select", "name": "A"}, {"type": "text", "name": "A", "values": ["a"]},
        ],
        ids=str,
    )  # fmt: skip
    def test_what_can_not_be_made(self, api: Api, wrong: dict[str, Any]) -> None:
        assert api.post("/person/custom-field/create", wrong).status_code == 400

    def test_an_account_has_room_for_so_many(self, api: Api) -> None:
        api.emulator.switch(field_limit=1)
        api.emulator.staff.make_field("A")
        assert api.post("/person/custom-field/create", {"type": "text", "name": "B"}).status_code == 400


class TestPages:
    def test_by_cursor_and_offset_everybody_once(self, api: Api) -> None:
        everybody = [f"p{one}@example.com" for one in range(7)]
        api.made(*everybody)
        found, body = [], {"limit": 3, "fields": ["str::email"]}
        for _ in range(10):
            page = api.post("/person/get", body).json()
            found += [one["fields"]["str::email"] for one in page["contacts"]]
            if not page["has_more"]:
                break
            api.merge(f"late{len(found)}@example.com")
            body = {**body, "offset": page["next_offset"], "cursor_id": page["cursor_id"]}
        assert sorted(found) == everybody

    @pytest.mark.parametrize(("limit", "size"), [(None, 50), (60, 60), (500, 61), (501, 50), (0, 50)])
    def test_beyond_the_largest_page_is_the_usual_one(self, api: Api, limit: int | None, size: int) -> None:
        api.made(*(f"p{one}@example.com" for one in range(61)))
        assert len(api.listed("str::email", **({} if limit is None else {"limit": limit}))) == size

    def test_unknown_fields_are_refused(self, api: Api) -> None:
        assert api.post("/person/get", {"fields": ["str::no"]}).status_code == 400

    def test_the_archive_takes_words_and_no_filter(self, api: Api) -> None:
        api.made(EVA, "ben@example.com")
        api.emulator.staff.archive(EVA)
        api.emulator.staff.archive("ben@example.com")
        assert api.listed("str::email", type="archived", q="eva") == [{"str::email": EVA}]
        narrowed = {"type": "archived", "filter": {"$has_any_value": {"field_id": "str::email"}}}
        assert api.post("/person/get", narrowed).status_code == 400


class TestFilters:
    @pytest.mark.parametrize(
        ("narrowed", "found"),
        [
            ({"$str::is": {"field_id": "str::first", "value": "Eva"}}, "eva"),
            ({"$str::contains": {"field_id": "str::email", "value": "N@EX"}}, "ben"),
            ({"$str::starts": {"field_id": "str::email", "value": "e"}}, "eva"),
            ({"$str::ends": {"field_id": "str::email", "value": ".com"}}, "ben eva"),
            ({"$bol::is": {"field_id": "bol::p", "value": False}}, "ben"),
            ({"$bol::is": {"field_id": "bol::p", "value": True}}, "eva"),
            ({"$is_opted_out": {}}, "ben"),
            ({"$int::greater_than": {"field_id": "int:cm:age", "value": 40}}, "ben"),
            ({"$int::between": {"field_id": "int:cm:age", "from": 30, "to": 41}}, "ben eva"),
            ({"$geo::is": {"field_id": "geo::city", "value": "Lyon"}}, "eva"),
            ({"$has_any_value": {"field_id": "str::first"}}, "eva"),
            ({"$has_no_value": {"field_id": "str::first"}}, "ben"),
            ({"$str::is_not": {"field_id": "str::first", "value": "eva"}}, "ben"),
            ({"$str::is": {"field_id": "geo::city", "value": "Lyon"}}, "eva"),
            ({"$int::is_not": {"field_id": "int:cm:age", "value": 30}}, "ben"),
            ({"$u4s::is": {"field_id": "u4s::t", "value": 1}}, ""),
            (
                {
                    "$or": [
                        {"$str::is": {"field_id": "str::first", "value": "Eva"}},
                        {"$and": [{"$int::is": {"field_id": "int:cm:age", "value": 41}}]},
                    ]
                },
                "ben eva",
            ),
        ],
        ids=lambda one: " ".join(sorted(one)) if isinstance(one, set) else str(one),
    )
    def test_who_is_found(self, api: Api, narrowed: dict[str, Any], found: str) -> None:
        api.emulator.staff.make_field("Age", "integer")
        api.made(
            {"str::email": EVA, "str::first": "Eva", "int:cm:age": 30, "geo::city": {"name": "Lyon"}},
            {"str::email": "ben@example.com", "bol::p": False, "int:cm:age": 41},
        )
        shown = api.listed("str::email", filter=narrowed)
        assert " ".join(sorted(one["str::email"].partition("@")[0] for one in shown)) == found

    @pytest.mark.parametrize(
        "wrong",
        [
            {"$and": []}, {"$and": {}}, {"$str::is": {"field_id": "str::no", "value": "x"}}, "x",
            {"$str::like": {"field_id": "str::first"}}, {"$no": {"field_id": "str::first"}},
            {"$str::is": "x"},
            {"$or": [{"$has_any_value": {"field_id": "str::first"}}] * 51},
        ],
        ids=lambda value: str(value)[:40],
    )  # fmt: skip
    def test_what_is_no_filter(self, api: Api, wrong: Any) -> None:
        assert api.post("/person/get", {"filter": wrong}).status_code == 400


class TestAway:
    def test_who_is_archived_is_out_of_every_listing_and_tag(self, api: Api) -> None:
        (eva,) = api.made({"fields": {"str::email": EVA}, "tags": ["Readers"]})
        api.put("/person/archive", {"inclusion_ids": [eva]})
        assert api.listed("str::email") == []
        assert api.post("/person/get-by-ids", {"contact_ids": [eva]}).json() == {"contacts": {}}
        assert api.emulator.account.members("Readers") == set()
        api.put("/person/restore", {"inclusion_ids": [eva]})
        assert api.emulator.account.members("Readers") == {EVA}

    def test_only_who_is_archived_can_be_deleted(self, api: Api) -> None:
        (eva,) = api.made(EVA)
        answer = api.call("DELETE", "/person/delete", {"inclusion_ids": [eva]})
        assert answer.json()["deleted_contacts"] == 0
        assert api.emulator.account.find(EVA) is not None

    def test_all_rows_are_everybody_but_the_exceptions(self, api: Api) -> None:
        ids = api.made(EVA, "ben@example.com", "cleo@example.com")
        api.put("/person/archive", {"all_rows_selected": True, "exclusion_ids": ids[:1]})
        assert list(api.emulator.account.contacts) == ids[:1]

    def test_at_most_a_hundred_at_a_time(self, api: Api) -> None:
        assert api.put("/person/archive", {"inclusion_ids": ["x"] * 101}).status_code == 400
        assert api.put("/person/archive", {}).status_code == 400

    def test_the_suppression_list_can_be_read_and_changed(self, api: Api) -> None:
        api.put("/suppression-list/email/add", {"emails": [EVA, "ben@example.com"]})
        api.put("/suppression-list/email/remove", {"emails": ["Ben@example.com"]})
        page = api.post("/suppression-list/email/get", {"limit": 500}).json()
        assert [one["email"] for one in page["suppressions"]] == [EVA]


class TestTheWayIn:
    @pytest.mark.parametrize(("state", "told"), [("expired", "expired"), ("maker_left", "no longer active")])
    def test_a_key_that_may_not_be_used(self, api: Api, state: str, told: str) -> None:
        api.emulator.switch(state=state)
        answer = api.post("/person/get", {})
        assert (answer.status_code, told in answer.json()["error"]) == (403, True)

    @pytest.mark.parametrize("status", [401, 404])
    def test_the_wrong_region(self, api: Api, status: int) -> None:
        api.emulator.switch(wrong_region=status)
        assert api.post("/person/get", {}).status_code == status

    def test_a_wrong_key_and_none(self, api: Api) -> None:
        assert api.call("POST", "/person/get", {}, headers={"X-Api-Key": "wrong"}).status_code == 401
        assert api.call("POST", "/person/get", {}, headers={"X-Api-Key": None}).status_code == 400

    @pytest.mark.parametrize(
        ("method", "path", "status"),
        [("POST", "/person/nothing", 404), ("GET", "/person/get", 405), ("POST", "/person/archive", 405)],
    )
    def test_paths_and_methods_that_are_not_there(
        self, api: Api, method: str, path: str, status: int
    ) -> None:
        assert api.call(method, path, {}).status_code == status

    @pytest.mark.parametrize("body", [b"{", b"[1]", b'"x"'])
    def test_a_body_that_is_no_object(self, api: Api, body: bytes) -> None:
        url = f"{api.emulator.base_url}/person/get"
        answer = api.session.post(url, data=body, headers={"X-Api-Key": api.emulator.api_key}, timeout=10)
        assert (answer.status_code, answer.json()["code"]) == (400, 400)

    @pytest.mark.parametrize("people", [[], None, [{}] * 101])
    def test_too_few_people_and_too_many(self, api: Api, people: Any) -> None:
        assert api.post("/person/merge", {"people": people}).status_code == 400

    def test_the_log_tells_what_a_merge_said(self, api: Api) -> None:
        (eva,) = api.made({"str::email": EVA, "bol::p": False})
        leave = {"fields": {"str::person_id": eva}, "unset_tags": ["Readers"]}
        api.made(leave, merge_by=["str::person_id"], **SKIP)
        api.listed("str::email")
        made, left = api.emulator.log.select("merge_people")
        assert (made.emails, made.permissions, made.contacts, made.reads) == ((EVA,), (False,), 1, False)
        assert (left.emails, left.permissions, left.lists) == ((EVA,), (None,), ("Readers",))
        assert (left.joins, left.leaves) == ((), ((EVA, "Readers"),))
        assert left.options == {"merge_by": ["str::person_id"], "skip_non_existing": True}
        assert left.body_keys == ("str::person_id", "unset_tags")
        assert [one.endpoint for one in api.emulator.log.writes()] == ["merge_people"] * 2
