"""Any course of merges leaves the account as the vendor's page says, by another reading of that page."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from hypothesis import given
from hypothesis import strategies as st

from segment_emulators.ortto import EmulatorConfig, OrttoEmulator, Switches
from segment_emulators.ortto.routing import Request

if TYPE_CHECKING:
    from .conftest import Api

FIELDS = ("str::first", "str::last", "str::postal")
TAGS = ("Readers", "Win-back", "VIP")

people = st.fixed_dictionaries(
    {
        "email": st.sampled_from(["a@example.com", "b@example.com", "C@Example.com", "c@example.com"]),
        "fields": st.dictionaries(st.sampled_from(FIELDS), st.sampled_from([None, "", "x", "y"])),
        "permission": st.sampled_from([None, True, False]),
        "tags": st.lists(st.sampled_from(TAGS), unique=True),
        "gone": st.lists(st.sampled_from(TAGS), unique=True),
    }
)
requests_sent = st.fixed_dictionaries(
    {
        "people": st.lists(people, min_size=1, max_size=4, unique_by=lambda one: one["email"].lower()),
        "strategy": st.sampled_from([1, 2, 3]),
        "skip": st.booleans(),
    }
)


class Page:
    """The page's words, one person at a time; tags and permission beside the fields."""

    def __init__(self) -> None:
        self.people: dict[str, dict[str, Any]] = {}

    def read(self, sent: dict[str, Any], strategy: int, *, skip: bool) -> str:
        known = self.people.get(sent["email"].lower())
        if known is None and skip:
            return "skipped"
        if known is not None and strategy == 3:
            return "merged"
        word = "created" if known is None else "merged"
        if known is None:
            known = {"fields": {}, "tags": set(), "subscribed": sent["permission"] is not False}
            self.people[sent["email"].lower()] = known
        elif strategy == 2 and sent["permission"] is not None:
            known["subscribed"] = sent["permission"]
        for key, value in sent["fields"].items():
            if strategy == 2 or word == "created" or key not in known["fields"]:
                known["fields"] |= {key: value}
        known["fields"] = {key: value for key, value in known["fields"].items() if value is not None}
        known["tags"] = (known["tags"] | set(sent["tags"])) - (set(sent["gone"]) - set(sent["tags"]))
        return word


def body_of(request: dict[str, Any]) -> bytes:
    def person(sent: dict[str, Any]) -> dict[str, Any]:
        permission = {} if sent["permission"] is None else {"bol::p": sent["permission"]}
        return {
            "fields": {"str::email": sent["email"], **sent["fields"], **permission},
            "tags": sent["tags"],
            "unset_tags": [one for one in sent["gone"] if one not in sent["tags"]],
        }

    return json.dumps(
        {
            "people": [person(one) for one in request["people"]],
            "merge_by": ["str::email"],
            "merge_strategy": request["strategy"],
            "skip_non_existing": request["skip"],
        }
    ).encode()


@given(course=st.lists(requests_sent, max_size=8))
def test_a_course_of_merges(course: list[dict[str, Any]]) -> None:
    emulator = OrttoEmulator(EmulatorConfig(switches=Switches(rate=None)))
    page = Page()
    for request in course:
        entry = emulator.log.add(0.0, 0.0, "POST", "/person/merge")
        arrived = Request(emulator.account, emulator.config, entry, entry.path, body_of(request), 0)
        answer = arrived.perform(emulator.switches)
        told = json.loads(answer.body)["people"]  # type: ignore[union-attr]
        read = [page.read(one, request["strategy"], skip=request["skip"]) for one in request["people"]]
        assert [one["status"] for one in told] == read

    account = emulator.account
    there = {(one.email or "").lower(): one for one in account.contacts.values()}
    assert (set(there), len(account.contacts)) == (set(page.people), len(page.people))
    for email, wanted in page.people.items():
        person = there[email]
        shown = {key: person.fields[key] for key in FIELDS if key in person.fields}
        assert (shown, not person.is_unsubscribed) == (wanted["fields"], wanted["subscribed"])
        assert {account.tags[one].title for one in person.tags} == wanted["tags"]
    for title in TAGS:
        members = {one.lower() for one in account.members(title)}
        assert members == {email for email, one in page.people.items() if title in one["tags"]}


def test_many_at_once_lose_and_double_nobody(api: Api) -> None:
    def merge(number: int) -> list[str]:
        sent = [
            {"fields": {"str::email": f"p{(number * 3 + one) % 60}@example.com"}, "tags": ["Readers"]}
            for one in range(5)
        ]
        return api.made(*sent)

    with ThreadPoolExecutor(8) as threads:
        ids = list(threads.map(merge, range(60)))
    account = api.emulator.account
    assert len(account.contacts) == len(account.members("Readers")) == 60
    for number, made in enumerate(ids):
        emails = [f"p{(number * 3 + one) % 60}@example.com" for one in range(5)]
        assert [account.contacts[one].email for one in made] == emails
