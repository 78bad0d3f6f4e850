"""Whatever independent clients read of Autopilot's API is answered, in the form that they expect.

The calls are those that public clients make: a Singer tap, which copies an account into a warehouse,
clients in PHP, Ruby and JavaScript, form plug-ins. Nothing of their code is here.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from segment_emulators.autopilot import AutopilotEmulator

    from .conftest import Api

TIER = "string--Loyalty--Tier"


def rows(api: Api, path: str, key: str) -> Iterator[dict[str, Any]]:
    """Read page after page as the tap does: a bookmark is appended to the path, until there is none."""
    bookmark = ""
    while bookmark is not None:
        answer = api.get(f"{path}/{bookmark}" if bookmark else path)
        assert answer.status_code == 200, answer.text
        body = answer.json()
        yield from body[key]
        bookmark = body.get("bookmark")


@pytest.fixture
def account(emulator: AutopilotEmulator) -> AutopilotEmulator:
    """250 contacts, 120 of whom are gold and 50 on a list, one with nothing but an id; a journey."""
    readers = emulator.staff.add_list("Readers")
    emulator.staff.add_smart_segment("Gold", TIER, "Gold")
    emulator.staff.add_smart_segment("Nobody", "City", "Atlantis")
    emulator.staff.add_journey("Welcome")
    for number in range(249):
        emulator.staff.add_contact(
            f"contact{number}@example.com",
            lists=(readers,) if number < 50 else (),
            custom={TIER: "Gold" if number < 120 else "Basic"},
        )
    emulator.staff.add_contact(None)
    return emulator


def test_a_tap_copies_contacts_lists_segments_and_who_is_in_them(
    account: AutopilotEmulator, api: Api
) -> None:
    contacts = list(rows(api, "/contacts", "contacts"))
    lists = list(rows(api, "/lists", "lists"))
    segments = list(rows(api, "/smart_segments", "segments"))
    pairs = [
        (segment["title"], contact["contact_id"])
        for segment in segments
        for contact in rows(api, f"/smart_segments/{segment['segment_id']}/contacts", "contacts")
    ]

    assert len({one["contact_id"] for one in contacts}) == 250
    assert all(datetime.fromisoformat(one["updated_at"]) for one in contacts)
    assert [one["title"] for one in lists] == ["Readers"]
    assert {one["title"] for one in segments} == {"Gold", "Nobody"}
    assert all(one.keys() == {"segment_id", "title"} for one in segments)
    gold = {one["contact_id"] for one in contacts if one.get("custom_fields", [{}])[0].get("value") == "Gold"}
    assert {contact for _, contact in pairs} == gold
    assert len(pairs) == len(gold) == 120
    assert {one.method for one in account.log.entries} == {"GET"}


def test_who_no_longer_fits_has_left_the_smart_segment(account: AutopilotEmulator, api: Api) -> None:
    (gold,) = (one for one in rows(api, "/smart_segments", "segments") if one["title"] == "Gold")
    api.upsert(Email="contact0@example.com", custom={TIER: "Basic"})
    api.delete("/contact/contact1@example.com")

    page = api.get(f"/smart_segments/{gold['segment_id']}/contacts").json()

    assert (page["total_contacts"], len(page["contacts"])) == (118, 100)


def test_a_smart_segment_s_id_has_the_form_that_was_seen(account: AutopilotEmulator, api: Api) -> None:
    for one in rows(api, "/smart_segments", "segments"):
        kind, number = one["segment_id"].split("_sseg")
        assert kind == "contactlist"
        assert len(number) == 13
        assert number.isdecimal()


def test_an_unknown_smart_segment_is_an_error(api: Api) -> None:
    assert api.get("/smart_segments/contactlist_sseg1/contacts").status_code == 404


def test_journeys_are_read_as_they_were_recorded(account: AutopilotEmulator, api: Api) -> None:
    assert api.get("/triggers").json() == {
        "triggers": [{"trigger_id": "0001", "journey": "Welcome", "trigger_type": "apiTrigger"}]
    }


@pytest.mark.parametrize(
    ("path", "empty"),
    [
        ("/contacts", {"contacts": [], "total_contacts": 0}),
        ("/contacts/custom_fields", []),
        ("/lists", {"lists": []}),
        ("/smart_segments", {"segments": []}),
        ("/triggers", {"triggers": []}),
        ("/hooks", {"hooks": []}),
        ("/account", {}),
    ],
)
def test_every_read_of_an_empty_account_is_answered(api: Api, path: str, empty: object) -> None:
    answer = api.get(path)
    assert (answer.status_code, answer.json()) == (200, empty)
