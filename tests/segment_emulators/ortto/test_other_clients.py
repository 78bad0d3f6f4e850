"""Whatever an independent client reads of Ortto's API is answered, in the form that it expects.

The calls are those of a public reader that copies an account into a warehouse. Nothing of its code is here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .conftest import Api

OF_PEOPLE = (
    "str::first", "str::last", "str::email", "str::postal", "str::ei", "phn::phone", "geo::city",
    "geo::region", "geo::country", "bol::gdpr", "bol::p", "bol::sp", "dtz::b", "u4s::t", "idt::o",
)  # fmt: skip
OF_ORGANIZATIONS = ("str:o:name", "str:o:website", "str:o:industry", "int:o:employees")


def answered(api: Api, path: str, **body: Any) -> Any:
    answer = api.post(path, body)
    assert answer.status_code == 200, answer.text
    return answer.json()


def rows(api: Api, path: str, key: str, fields: list[str]) -> Iterator[dict[str, Any]]:
    """Read page after page by offset and cursor, until an answer says that there is no more."""
    body: dict[str, Any] = {"limit": 500, "offset": 0, "fields": fields}
    while True:
        page = answered(api, path, **body)
        yield from page[key] or []
        if not page["has_more"]:
            return
        body |= {"offset": page["next_offset"], "cursor_id": page["cursor_id"]}


def test_a_reader_copies_people_with_all_fields_and_organizations_tags_and_audiences(api: Api) -> None:
    answer = api.post("/person/custom-field/create", {"name": "Loyalty Tier", "type": "text"})
    made = answer.json()["field_id"]
    for start in range(0, 600, 100):
        emails = [f"person{start + number}@example.com" for number in range(100)]
        api.made(*({"fields": {"str::email": one, made: "Gold"}, "tags": ["Readers"]} for one in emails))

    of_people = [one["field"]["id"] for one in answered(api, "/person/custom-field/get")["fields"]]
    of_organizations = [one["id"] for one in answered(api, "/accounts/custom-field/get")["fields"] or []]
    people = list(rows(api, "/person/get", "contacts", [*OF_PEOPLE, *of_people]))
    organizations = list(rows(api, "/accounts/get", "accounts", [*OF_ORGANIZATIONS, *of_organizations]))
    tags = [one["name"] for one in answered(api, "/tags/get")]
    audiences = answered(api, "/audiences/get", limit=40, offset=0)

    assert len({one["id"] for one in people}) == 600
    assert all(one["fields"][made] == "Gold" for one in people)
    assert organizations == []
    assert "Readers" in tags
    assert audiences == []


def test_a_listing_of_no_organization_is_as_it_was_recorded(api: Api) -> None:
    page = answered(api, "/accounts/get", q="nobody")

    assert page.pop("cursor_id").startswith("10")
    assert page == {
        "accounts": [],
        "meta": {"total_contacts": 0, "total_organizations": 0, "total_matches": 0, "total_subscribers": 0},
        "offset": 0,
        "next_offset": 0,
        "has_more": False,
    }


def test_an_archive_of_organizations_is_refused_as_it_was_recorded(api: Api) -> None:
    answer = api.post("/accounts/get", {"type": "archived"})

    assert answer.status_code == 400
    assert answer.json()["error"] == "One or more attributes is invalid"
