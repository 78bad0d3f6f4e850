"""Listing people, and reading them by id."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from segment_emulators.ortto.config import Paging
from segment_emulators.ortto.cursors import Listing
from segment_emulators.ortto.fields import PERMISSION, TAGS
from segment_emulators.ortto.filters import FilterError, test_of
from segment_emulators.ortto.people import time_text
from segment_emulators.ortto.routing import Call, RefusedError, answered, error, route

if TYPE_CHECKING:
    from collections.abc import Iterable

    from segment_emulators.account_api.answers import Answer
    from segment_emulators.ortto.people import Person

PAGE, LARGEST_PAGE = 50, 500
MOST_FIELDS, MOST_IDS = 150, 500
_BEYOND = {
    "contacts": None,
    "meta": dict.fromkeys(("total_contacts", "total_organizations", "total_matches", "total_subscribers"), 0),
    "offset": 0,
    "next_offset": 0,
    "cursor_id": "0" * 24,
    "has_more": False,
}
"""What was recorded for an offset beyond everybody: as if the account were empty."""
_ID_LENGTHS = {12, 26}
_SEARCHED = ("str::email", "str::first", "str::last", "str::name", "phn::phone")


@route("POST", "/person/get", reads=True)
def get_people(call: Call) -> Answer:
    """List people: the next page by ``next_offset`` and the cursor of the answer before.

    ``contacts`` is null where there is nobody, and nobody is counted as a subscriber as soon as the listing
    is narrowed.
    """
    body, account = call.body, call.account
    archived = body.get("type") == "archived"
    if archived and body.get("filter"):
        raise call.malformed("a filter can't be used on the archive")
    fields = _asked(call)
    limit, offset = _number(call, "limit", PAGE), _number(call, "offset", 0)
    limit = limit if 1 <= limit <= LARGEST_PAGE else PAGE
    cursor = body.get("cursor_id") or None
    listing = account.cursors.find(_checked(call, cursor)) if cursor else None
    if listing is None or call.switches.paging is Paging.LIVE:
        cursor = cursor or f"00{next(account.arrivals):022x}"
        listing = _found(call, archived=archived)
        account.cursors.keep(cursor, listing)
    if 0 < offset >= len(listing.ids):
        return answered(_BEYOND)
    people = account.archive_of if archived else account.contacts
    page = [people[one] for one in listing.ids[offset : offset + limit] if one in people]
    contacts = [_shown(call, one, fields, call.switches.seen_after) for one in page]
    following = min(offset + limit, max(len(listing.ids), offset))
    return answered(
        {
            "contacts": [one for one in contacts if one is not None] or None,
            "meta": {
                "total_contacts": len(people),
                "total_organizations": 0,
                "total_matches": len(listing.ids),
                "total_subscribers": listing.subscribers,
            },
            "offset": offset,
            "next_offset": following,
            "cursor_id": cursor,
            "has_more": following < len(listing.ids),
        }
    )


@route("POST", "/person/get-by-ids", reads=True)
def get_people_by_ids(call: Call) -> Answer:
    """Read people by id; who isn't there is not in the object."""
    ids = call.body.get("contact_ids")
    if not isinstance(ids, list) or not ids or len(ids) > MOST_IDS:
        raise call.malformed(f"contact_ids must be an array of 1 to {MOST_IDS} ids")
    fields = _asked(call)
    found = [call.account.contacts.get(_checked(call, one, 24)) for one in ids]
    shown = [_shown(call, one, fields, call.switches.seen_by_id_after) for one in found if one is not None]
    return answered({"contacts": {one["id"]: one for one in shown if one is not None}})


def _asked(call: Call) -> tuple[str, ...]:
    """Return the fields that are asked for.

    Nobody knows what is done about one that isn't there. Refusing it finds a client's mistakes.

    :raises RefusedError: one of them isn't there, or too many.
    """
    fields = call.body.get("fields") or []
    if not isinstance(fields, list) or len(fields) > MOST_FIELDS:
        raise call.malformed(f"fields must be an array of up to {MOST_FIELDS} ids")
    for one in fields:
        if one != "tags" and call.account.fields.find(str(one)) is None:
            raise RefusedError(error(400, f"{call.config.instance}: {one}: Object not found"))
    return tuple(fields)


def _number(call: Call, key: str, default: int) -> int:
    value = call.body.get(key, default)
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise call.malformed(f"{key} must be a number")
    return value


def _checked(call: Call, given: Any, length: int | None = None) -> str:
    """Return an id that has the form of one.

    :raises RefusedError: it has not.
    """
    text = given if isinstance(given, str) else ""
    if len(text) + 2 not in _ID_LENGTHS or (length and len(text) != length):
        raise call.malformed(
            f"cannot unmarshal into an ID, the length must be 12 or 24 + 2 for hex but it is "
            f"{len(text) + 2}: Object not found"
        )
    return text


def _found(call: Call, *, archived: bool) -> Listing:
    """Find the people that a listing is about, the newest first."""
    body, account = call.body, call.account
    now, delay = account.clock(), call.switches.seen_after
    query = str(body.get("q") or "").lower().split()
    test = None
    if body.get("filter"):
        try:
            test = test_of(body["filter"], account.fields, call.switches.email_case)
        except FilterError as wrong:
            raise call.malformed(str(wrong)) from wrong
    found = []
    subscribers = 0
    for person in (account.archive_of if archived else account.contacts).values():
        fields, tags = person.seen(now, delay)
        if fields is None or (test and not test(fields, tags)) or not _has_words(fields, query):
            continue
        found.append((person, fields))
        subscribers += fields.get(PERMISSION) is True
    _sort(call, found)
    is_narrowed = bool(test or query or archived)
    return Listing(tuple(one.contact_id for one, _ in found), 0 if is_narrowed else subscribers)


def _sort(call: Call, found: list[tuple[Person, dict[str, Any]]]) -> None:
    key = call.body.get("sort_by_field_id")
    if key and call.account.fields.find(str(key)) is None:
        raise call.malformed("sort_by_field_id names no field")
    if key and key != "c":
        found.sort(key=lambda one: str(one[1].get(key, "")))
    if not key or call.body.get("sort_order") != "asc":
        found.reverse()


def _has_words(fields: dict[str, Any], words: list[str]) -> bool:
    if not words:
        return True
    there = " ".join(str(fields.get(key, "")) for key in _SEARCHED).lower()
    return all(word in there for word in words)


def _shown(call: Call, person: Person, asked: Iterable[str], delay: float) -> dict[str, Any] | None:
    """Return a person with the fields asked for, but not the empty ones; None where it isn't seen yet."""
    seen, tags = person.seen(call.account.clock(), delay)
    if seen is None:
        return None
    known = call.account.tags
    fields = {"idt::o": seen["idt::o"]} if "idt::o" in seen else {}
    own = {"c": time_text(person.created_at), "e": time_text(person.edited_at)}
    for field_id in asked:
        if field_id in {"tags", TAGS}:
            ids = [one for one in tags if one in known]
            value: Any = [known[one].title for one in ids] if field_id == "tags" else ids
            value = value or None
        else:
            value = seen.get(field_id, own.get(field_id))
        if value is not None:
            fields[field_id] = value
    return {"id": person.contact_id, "fields": fields}
