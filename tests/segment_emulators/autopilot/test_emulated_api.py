"""What is documented of Autopilot's API, or was recorded from it, over a real socket."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
import requests

if TYPE_CHECKING:
    from segment_emulators.autopilot import AutopilotEmulator

    from .conftest import Api

UUID = r"[0-9A-F]{8}-[0-9A-F]{4}-[0-9A-F]{4}-[0-9A-F]{4}-[0-9A-F]{12}"
NO_CONTACT = {"error": "Not Found", "message": "Contact could not be found."}
NO_LIST = {"error": "Not Found", "message": "List does not exist."}


class TestKey:
    def test_a_request_without_the_header_is_a_bad_request(self, emulator: AutopilotEmulator) -> None:
        answer = requests.get(f"{emulator.base_url}/account", timeout=10)
        assert answer.status_code == 400
        assert answer.json() == {"error": "Bad Request", "message": "No autopilotapikey header provided."}

    def test_a_wrong_key_is_unauthorized(self, api: Api) -> None:
        answer = api.call("GET", "/account", headers={"autopilotapikey": "wrong"})
        assert answer.status_code == 401
        assert answer.json() == {"error": "Unauthorized", "message": "Provided autopilotapikey not valid."}

    def test_a_key_in_the_query_is_no_key(self, emulator: AutopilotEmulator) -> None:
        answer = requests.get(f"{emulator.base_url}/account?autopilotapikey={emulator.api_key}", timeout=10)
        assert answer.status_code == 400

    def test_the_header_s_name_may_have_any_case(self, api: Api) -> None:
        key = api.emulator.api_key
        answer = requests.get(
            f"{api.emulator.base_url}/account", headers={"Autopilotapikey": key}, timeout=10
        )
        assert (answer.status_code, answer.json()) == (200, {})

    def test_a_rotated_key_ends_the_old_one_at_once(self, api: Api) -> None:
        api.emulator.rotate_key("another")
        assert api.get("/account").status_code == 401
        assert api.call("GET", "/account", headers={"autopilotapikey": "another"}).status_code == 200


class TestOneContact:
    def test_making_and_changing_answer_the_same(self, api: Api) -> None:
        first = api.post("/contact", {"contact": {"Email": "ana@example.com", "FirstName": "Ana"}})
        second = api.post("/contact", {"contact": {"Email": "ana@example.com", "LastName": "Ruiz"}})
        assert first.status_code == second.status_code == 200
        assert first.json() == second.json()
        assert list(first.json()) == ["contact_id"]
        assert re.fullmatch(f"person_{UUID}", first.json()["contact_id"])

    def test_what_is_not_sent_is_kept(self, api: Api) -> None:
        api.upsert(Email="ana@example.com", FirstName="Ana", Company="Contoso")
        api.upsert(Email="ana@example.com", Company="Fabrikam")
        stored = api.get("/contact/ana@example.com").json()
        assert (stored["FirstName"], stored["Company"]) == ("Ana", "Fabrikam")

    def test_the_address_is_stored_in_lower_case_and_found_in_any(self, api: Api) -> None:
        contact_id = api.upsert(Email="  Ana.Ruiz@Example.COM ")
        assert api.upsert(Email="ana.ruiz@example.com") == contact_id
        stored = api.get("/contact/ANA.ruiz@example.com").json()
        assert (stored["Email"], stored["contact_id"]) == ("ana.ruiz@example.com", contact_id)

    def test_an_id_is_as_good_as_an_address_and_both_are_decoded(self, api: Api) -> None:
        contact_id = api.upsert(Email="a+b/c@example.com")
        by_address = api.get("/contact/a%2Bb%2Fc%40example.com")
        assert by_address.json() == api.get(f"/contact/{contact_id}").json()
        assert api.get("/contact/a+b%2Fc@example.com").status_code == 404

    def test_a_new_contact_has_no_keys_for_what_is_empty(self, api: Api) -> None:
        contact_id = api.upsert(Email="ana@example.com")
        stored = api.get("/contact/ana@example.com").json()
        assert set(stored) == {"Email", "created_at", "updated_at", "api_originated", "contact_id"}
        assert stored["contact_id"] == contact_id
        assert stored["api_originated"] is True
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.000Z", stored["created_at"])

    def test_custom_fields_come_back_in_another_shape(self, api: Api) -> None:
        custom = {"string--Loyalty--Tier": "high", "integer--Points": 10, "boolean--Has--Reviewed": True}
        api.upsert(Email="ana@example.com", custom=custom)
        assert api.get("/contact/ana@example.com").json()["custom_fields"] == [
            {"kind": "Loyalty Tier", "value": "high", "fieldType": "string", "deleted": False},
            {"kind": "Points", "value": 10, "fieldType": "integer", "deleted": False},
            {"kind": "Has Reviewed", "value": True, "fieldType": "boolean", "deleted": False},
        ]
        assert api.get("/contacts/custom_fields").json() == [
            {"name": "Loyalty Tier", "fieldType": "string"},
            {"name": "Points", "fieldType": "integer"},
            {"name": "Has Reviewed", "fieldType": "boolean"},
        ]

    def test_nothing_stops_doubles_without_an_address(self, api: Api) -> None:
        assert api.upsert(FirstName="Ana") != api.upsert(FirstName="Ana")

    def test_a_new_address_keeps_the_contact(self, api: Api) -> None:
        contact_id = api.upsert(Email="ana@example.com")
        assert api.upsert(Email="ana@example.com", _NewEmail="Ana.New@example.com") == contact_id
        assert api.get("/contact/ana.new@example.com").json()["contact_id"] == contact_id
        assert api.get("/contact/ana@example.com").status_code == 404

    def test_false_subscribes_again(self, api: Api) -> None:
        api.upsert(Email="ana@example.com")
        assert api.post("/contact/ana@example.com/unsubscribe").json() == {}
        assert api.get("/contact/ana@example.com").json()["unsubscribed"] is True
        api.upsert(Email="ana@example.com", FirstName="Ana")
        assert api.emulator.account.unsubscribed() == {"ana@example.com"}
        api.upsert(Email="ana@example.com", unsubscribed=False)
        assert api.emulator.account.unsubscribed() == set()

    def test_deleting_is_for_good(self, api: Api) -> None:
        list_id = api.new_list("Readers")
        contact_id = api.upsert(Email="ana@example.com")
        api.post(f"/list/{list_id}/contact/{contact_id}")
        assert api.delete("/contact/ana@example.com").json() == {}
        assert api.get(f"/contact/{contact_id}").json() == NO_CONTACT
        assert api.get(f"/list/{list_id}/contacts").json() == {"contacts": [], "total_contacts": 0}
        assert api.upsert(Email="ana@example.com") != contact_id

    def test_deleting_by_address_deletes_all_who_have_it(self, api: Api) -> None:
        staff = api.emulator.staff
        first, second = staff.add_contact("ana@example.com"), staff.add_contact("ana@example.com")
        api.delete(f"/contact/{first}")
        assert api.get("/contact/ana@example.com").json()["contact_id"] == second
        staff.add_contact("ana@example.com")
        api.delete("/contact/ana@example.com")
        assert api.get("/contacts").json()["total_contacts"] == 0

    @pytest.mark.parametrize(
        ("method", "path"),
        [("GET", "/contact/x@example.com"), ("DELETE", "/contact/x@example.com"),
         ("POST", "/contact/x@example.com/unsubscribe")],
    )  # fmt: skip
    def test_an_unknown_contact_is_not_found(self, api: Api, method: str, path: str) -> None:
        answer = api.call(method, path)
        assert (answer.status_code, answer.json()) == (404, NO_CONTACT)

    def test_neither_id_nor_address_is_a_bad_request(self, api: Api) -> None:
        answer = api.get("/contact/ana")
        assert answer.status_code == 400
        assert answer.json() == {
            "error": "Bad Request",
            "message": "Invalid contact_id_or_email value provided.",
        }


class TestBulk:
    def test_it_answers_ids_a_map_and_the_internal_leak(self, api: Api) -> None:
        answer = api.bulk(
            {"Email": "Test1@example.com"}, {"FirstName": "No address"}, {"Email": "b@example.com"}
        )
        body = answer.json()
        assert list(body) == ["contact_ids", "email_contact_map", "_removeResultKeys"]
        first, nameless, last = body["contact_ids"]
        assert body["email_contact_map"] == {"test1@example.com": first, "b@example.com": last}
        assert body["_removeResultKeys"] == ["proposedContacts"]
        assert "Email" not in api.get(f"/contact/{nameless}").json()

    def test_it_updates_who_is_there(self, api: Api) -> None:
        contact_id = api.upsert(Email="ana@example.com", Company="Contoso")
        answer = api.bulk({"Email": "ANA@example.com", "Title": "Dr"}, {"Email": "ana@example.com"})
        assert answer.json()["email_contact_map"] == {"ana@example.com": contact_id}
        assert api.get("/contact/ana@example.com").json()["Company"] == "Contoso"

    def test_a_hundred_are_taken_and_one_more_refused_whole(self, api: Api) -> None:
        contacts = [{"Email": f"user{number}@example.com"} for number in range(101)]
        refused = api.bulk(*contacts)
        assert (refused.status_code, refused.json()["error"]) == (400, "Bad Request")
        assert api.get("/contacts").json()["total_contacts"] == 0
        assert len(api.bulk(*contacts[:100]).json()["contact_ids"]) == 100

    @pytest.mark.parametrize(
        "body", [None, [], {}, {"contacts": {}}, {"contact": {"Email": "a@example.com"}}]
    )
    def test_a_body_of_another_shape_is_refused(self, api: Api, body: object) -> None:
        assert api.post("/contacts", body).status_code == 400


class TestLists:
    def test_a_list_is_written_as_name_and_read_as_title(self, api: Api) -> None:
        made = api.post("/list", {"name": "Win-back"})
        list_id = made.json()["list_id"]
        assert made.json() == {"list_id": list_id, "name": "Win-back"}
        assert re.fullmatch(f"contactlist_{UUID}", list_id)
        assert api.get("/lists").json() == {"lists": [{"list_id": list_id, "title": "Win-back"}]}

    def test_lists_are_not_paged_and_sorted_by_id(self, api: Api) -> None:
        made = [api.new_list(f"List {number}") for number in range(120)]
        answered = [item["list_id"] for item in api.get("/lists").json()["lists"]]
        assert answered == sorted(made)

    def test_joining_and_leaving_tell_when_nothing_changed(self, api: Api) -> None:
        list_id, contact_id = api.new_list("Readers"), api.upsert(Email="ana@example.com")
        member = f"/list/{list_id}/contact/{contact_id}"
        assert [api.post(member).json() for _ in range(2)] == [{}, {"not_modified": True}]
        assert api.get("/contact/ana@example.com").json()["lists"] == [list_id]
        assert [api.delete(member).json() for _ in range(2)] == [{}, {"not_modified": True}]
        assert "lists" not in api.get("/contact/ana@example.com").json()

    def test_someone_who_is_not_a_member_is_a_404_with_an_empty_body(self, api: Api) -> None:
        list_id = api.new_list("Readers")
        api.upsert(Email="ana@example.com")
        member = f"/list/{list_id}/contact/ana%40example.com"
        answer = api.get(member)
        assert (answer.status_code, answer.content) == (404, b"")
        api.post(member)
        assert api.get(member).status_code == 200

    @pytest.mark.parametrize("method", ["POST", "DELETE", "GET"])
    def test_unknown_contact_and_unknown_list_differ(self, api: Api, method: str) -> None:
        list_id = api.new_list("Readers")
        api.upsert(Email="ana@example.com")
        no_contact = api.call(method, f"/list/{list_id}/contact/x@example.com")
        no_list = api.call(method, "/list/contactlist_x/contact/ana@example.com")
        assert (no_contact.status_code, no_contact.json()) == (404, NO_CONTACT)
        assert (no_list.status_code, no_list.json()) == (404, NO_LIST)

    def test_reading_an_unknown_list_is_an_error_with_an_empty_message(self, api: Api) -> None:
        answer = api.get("/list/contactlist_x/contacts")
        assert (answer.status_code, answer.json()["message"]) == (404, "")

    def test_unsubscribed_contacts_stay_on_their_lists(self, api: Api) -> None:
        list_id, contact_id = api.new_list("Readers"), api.upsert(Email="ana@example.com")
        api.post(f"/list/{list_id}/contact/{contact_id}")
        api.post(f"/contact/{contact_id}/unsubscribe")
        assert api.emulator.account.members("Readers") == {"ana@example.com"}


class TestPages:
    @pytest.mark.parametrize(
        ("count", "sizes"), [(0, [0]), (100, [100]), (101, [100, 1]), (250, [100, 100, 50])]
    )
    def test_a_hundred_at_a_time_until_there_is_no_bookmark(
        self, api: Api, count: int, sizes: list[int]
    ) -> None:
        list_id = api.emulator.staff.add_list("Readers")
        for number in range(count):
            api.emulator.staff.add_contact(f"user{number}@example.com", lists=(list_id,))
        for root in ("/contacts", f"/list/{list_id}/contacts"):
            pages, bookmark = [], ""
            while True:
                page = api.get(f"{root}{bookmark}").json()
                pages.append([contact["contact_id"] for contact in page["contacts"]])
                assert page["total_contacts"] == count
                if "bookmark" not in page:
                    break
                bookmark = f"/{page['bookmark']}"
            assert [len(page) for page in pages] == sizes
            everyone = [contact_id for page in pages for contact_id in page]
            assert everyone == sorted(set(everyone))


def test_a_wrong_verb_and_an_unknown_path_are_told_apart(api: Api) -> None:
    assert api.call("PUT", "/contact").status_code == 405
    assert api.get("/nothing").status_code == 404


def test_ids_depend_on_the_seed_and_the_name_only(api: Api) -> None:
    first = [api.upsert(Email="a@example.com"), api.upsert(Email="b@example.com"), api.new_list("L")]
    api.emulator.reset()
    again = [api.new_list("L"), api.upsert(Email="b@example.com"), api.upsert(Email="a@example.com")]
    assert again == first[::-1]
