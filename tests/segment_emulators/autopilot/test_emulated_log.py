"""The access log, staff's actions, and reading the account back."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from tests.segment_emulators.served_process import wait_until

from segment_emulators.autopilot import Fault, FaultKind

if TYPE_CHECKING:
    from .conftest import Api


def test_an_entry_tells_what_was_sent(api: Api) -> None:
    list_id = api.new_list("Readers")
    before, wall = time.monotonic(), time.time()
    api.bulk(
        {"Email": "A@example.com", "FirstName": "A", "custom": {"string--Tier": "high"}},
        {"Email": "b@example.com", "_autopilot_list": list_id},
    )
    entry = api.emulator.log.entries[-1]
    assert (entry.method, entry.path, entry.endpoint, entry.status) == (
        "POST", "/contacts", "upsert_contacts", 200,
    )  # fmt: skip
    assert entry.contacts == 2
    assert entry.emails == ("a@example.com", "b@example.com")
    assert entry.lists == (list_id,)
    assert entry.joins == (("b@example.com", list_id),)
    assert entry.body_keys == ("Email", "FirstName", "_autopilot_list", "custom", "custom/string--Tier")
    assert entry.worked
    wait_until(lambda: entry.finished is not None)
    assert before <= entry.arrived <= entry.finished <= time.monotonic()
    assert wall - 0.1 <= entry.wall_time <= time.time() + 0.1


def test_a_path_is_told_decoded_and_an_id_by_its_address(api: Api) -> None:
    list_id, contact_id = api.new_list("Readers"), api.upsert(Email="a+b@example.com")
    api.post(f"/list/{list_id}/contact/{contact_id}")
    api.delete(f"/list/{list_id}/contact/a%2Bb@example.com")
    joined, left = api.emulator.log.select("join_list", "leave_list")
    assert joined.emails == left.emails == ("a+b@example.com",)
    assert joined.lists == left.lists == (list_id,)
    assert joined.joins == left.leaves == (("a+b@example.com", list_id),)
    assert joined.leaves == left.joins == ()
    assert left.path == f"/list/{list_id}/contact/a+b@example.com"


def test_the_key_is_never_in_the_log(api: Api) -> None:
    api.get("/account")
    api.call("GET", "/account", headers={"autopilotapikey": "another-secret"})
    own, other = api.emulator.log.entries
    assert own.key != other.key
    for secret in (api.emulator.api_key, "another-secret"):
        assert secret not in repr([own, other])


def test_requests_that_were_not_carried_out_are_told_too(api: Api) -> None:
    api.emulator.inject(Fault(kind=FaultKind.ERROR))
    for _ in range(2):
        api.bulk({"Email": "a@example.com"})
    log = api.emulator.log
    assert [(entry.worked, entry.status, entry.fault) for entry in log.entries] == [
        (False, 500, "error"),
        (True, 200, None),
    ]
    assert log.times_sent("upsert_contacts") == {"a@example.com": 2}
    assert log.times_sent("upsert_contacts", worked_only=True) == {"a@example.com": 1}


def test_selecting(api: Api) -> None:
    api.new_list("Readers")
    api.get("/lists")
    api.get("/contact/x@example.com")
    log = api.emulator.log
    wait_until(lambda: sum(log.totals.values()) == 3)
    assert [entry.endpoint for entry in log.writes()] == ["create_list"]
    assert [entry.endpoint for entry in log.select(status=404)] == ["get_contact"]
    assert [entry.endpoint for entry in log.select(method="GET", since=2)] == ["get_contact"]
    assert log.totals == {("create_list", 200): 1, ("get_lists", 200): 1, ("get_contact", 404): 1}


def test_staff_leave_no_trace_in_the_log(api: Api) -> None:
    staff, account = api.emulator.staff, api.emulator.account
    first, second = staff.add_list("Readers"), staff.add_list("Readers")
    contact_id = staff.add_contact("Ana@example.com", lists=(first, second), FirstName="Ana")
    assert account.contacts_by_email()["ana@example.com"]["FirstName"] == "Ana"
    assert "api_originated" not in account.contacts_by_email()["ana@example.com"]
    assert account.members("Readers") == {"ana@example.com"}
    assert staff.remove_from_list(first, contact_id)
    assert not staff.remove_from_list(first, contact_id)
    assert (account.members(first), account.members(second)) == (set(), {"ana@example.com"})
    staff.set_field(contact_id, "boolean--Has--Reviewed", True)
    staff.unsubscribe("ana@example.com")
    assert account.unsubscribed() == {"ana@example.com"}
    staff.change_email(contact_id, "ruiz@example.com")
    staff.rename_list(second, "Old readers")
    assert account.members("Old readers") == {"ruiz@example.com"}
    staff.delete_list(second)
    assert "lists" not in account.contacts_by_email()["ruiz@example.com"]
    assert account.list_ids("Readers") == [first]
    staff.delete_contact("ruiz@example.com")
    assert account.contacts_by_email() == {}
    assert len(api.emulator.log) == 0


def test_reset_empties_everything(api: Api) -> None:
    emulator = api.emulator
    api.bulk({"Email": "a@example.com"})
    emulator.switch(delete_status=204)
    emulator.inject(Fault(kind=FaultKind.ERROR))
    emulator.revoke_key()
    emulator.reset()
    assert (len(emulator.log), emulator.account.contacts_by_email()) == (0, {})
    assert emulator.switches == emulator.config.switches
    assert api.get("/account").status_code == 200
