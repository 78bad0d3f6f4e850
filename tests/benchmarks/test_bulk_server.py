"""The bulk server answers what Autopilot would, counts what came, and limits arrivals in any second."""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.request

import orjson
import pytest
from benchmarks.bulk_server import Account, answer
from benchmarks.processes import API_KEY, bulk_server


def upsert(account, *emails, **fields):
    body = orjson.dumps({"contacts": [{"Email": email, **fields} for email in emails]})
    return answer(account, "POST", "/v1/contacts", body)


class TestUpsert:
    def test_gives_every_address_one_id_whatever_its_case(self):
        account = Account()
        _, first = upsert(account, "Ana@Example.com", "bo@example.com")
        _, second = upsert(account, "ana@example.com")
        assert set(first["email_contact_map"]) == {"ana@example.com", "bo@example.com"}
        assert second["email_contact_map"]["ana@example.com"] == first["email_contact_map"]["ana@example.com"]
        assert len(set(first["contact_ids"])) == 2

    def test_leaves_an_unusable_address_out_of_the_map(self):
        status, value = upsert(Account(), "no address", "ana@example.com")
        assert (status, list(value["email_contact_map"])) == (200, ["ana@example.com"])

    def test_refuses_more_than_a_hundred_and_takes_none_of_them(self):
        account = Account()
        status, _ = upsert(account, *(f"c{n}@example.com" for n in range(101)))
        assert (status, account.stats()["distinct"]) == (400, 0)

    @pytest.mark.parametrize("body", [b"{", b"[]", b"{}", b'{"contacts": 3}'])
    def test_refuses_what_is_no_list_of_contacts(self, body):
        assert answer(Account(), "POST", "/v1/contacts", body)[0] == 400

    def test_counts_contacts_that_come_again(self):
        account = Account()
        upsert(account, "a@example.com", "b@example.com")
        upsert(account, "b@example.com", "c@example.com")
        stats = account.stats()
        assert (stats["contacts"], stats["distinct"], stats["seen_again"], stats["batches"]) == (4, 3, 1, 2)


class TestReadingBack:
    def test_tells_the_fields_that_were_sent_last(self):
        account = Account()
        upsert(account, "a@example.com", Title="Buyer")
        upsert(account, "A@example.com", Title="Owner", custom={"boolean--In--News": True})
        status, contact = answer(account, "GET", "/v1/contact/a%40example.com", b"")
        assert (status, contact["Title"], contact["Email"]) == (200, "Owner", "a@example.com")
        assert contact["custom_fields"] == [
            {"kind": "In News", "value": True, "fieldType": "boolean", "deleted": False}
        ]

    def test_knows_no_contact_that_never_came(self):
        assert answer(Account(), "GET", "/v1/contact/a%40example.com", b"")[0] == 404

    def test_keeps_lists_and_their_members(self):
        account = Account()
        upsert(account, "a@example.com")
        _, made = answer(account, "POST", "/v1/list", b'{"name": "News"}')
        path = f"/v1/list/{made['list_id']}/contact/a%40example.com"
        assert answer(account, "GET", path, b"") == (404, None)
        assert answer(account, "POST", path, b"") == (200, {})
        assert answer(account, "POST", path, b"") == (200, {"not_modified": True})
        assert answer(account, "GET", path, b"") == (200, {})
        assert account.stats()["members"] == {"News": 1}


class TestLimit:
    def test_refuses_what_is_too_much_for_any_rolling_second(self):
        now = [0.0]
        account = Account(limit=2, clock=lambda: now[0])
        admitted = []
        for now[0] in (0.0, 0.5, 0.9, 1.6, 1.95):
            admitted.append(account.admit())
        # 0.9 is the third within a second; the second that ends at 1.6 holds 0.9 and 1.6 only
        assert admitted == [True, True, False, True, True]

    def test_counts_refused_arrivals_as_arrivals(self):
        now = [0.0]
        account = Account(limit=1, clock=lambda: now[0])
        admitted = []
        for now[0] in (0.0, 0.7, 1.4, 2.5):
            admitted.append(account.admit())
        assert admitted == [True, False, False, True]
        assert account.stats()["throttled"] == 2


def call(url, body=None, key=API_KEY):
    request = urllib.request.Request(url, data=body, headers={"autopilotapikey": key})
    with urllib.request.urlopen(request, timeout=10) as got:
        return json.load(got)


def test_a_running_server_answers_after_its_latency_and_counts_what_came():
    body = orjson.dumps({"contacts": [{"Email": "a@example.com"}]})
    with bulk_server(latency=0.1) as server:
        start = time.perf_counter()
        value = call(server.url + "/v1/contacts", body)
        assert time.perf_counter() - start >= 0.099  # the server's timers count whole milliseconds
        assert list(value["email_contact_map"]) == ["a@example.com"]
        with pytest.raises(urllib.error.HTTPError, match="401"):
            call(server.url + "/v1/contacts", body, key="")
        assert server.stats()["requests"] == 2
        assert len(server.writes()) == 1
        url = server.url
    with pytest.raises(urllib.error.URLError):
        call(url + "/v1/account")
