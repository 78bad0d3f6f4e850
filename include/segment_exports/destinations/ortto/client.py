"""Client of Ortto's REST API, as far as segments are delivered with it. Knows no Airflow.

Endpoints, shapes and limits are those of the vendor's pages and of recorded answers. Nearly every call is a
POST with JSON, reads too. Options of a merge hold for all of its people. The key travels in one header.

What an answer names is held against what was asked: a cache or a gateway may give somebody else's, or a part.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import orjson

from segment_exports.destinations.ortto.answers import (
    MERGE,
    MergedItem,
    error_of,
    is_own_form,
    list_or_null,
    merged_items,
    seconds_asked,
)
from segment_exports.destinations.ortto.api import (
    ADDRESSES_OF_A_FILTER,
    DEFAULT_BASE_URL,
    EMAIL,
    KEY_HEADER,
    PAGE,
    PERSON_ID,
)
from segment_exports.errors import DestinationError, OutcomeUnknownError
from segment_exports.transport.call import Answer, Call, Request
from segment_exports.transport.identifiers import identifier, is_identifier, unusable
from segment_exports.transport.json_answers import mapping, member
from segment_exports.transport.transport import Transport
from segment_exports.transport.whole_listing import WholeListing

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping, Sequence

_OVERWRITE, _IGNORE = 2, 3
_BY_ID = "POST /person/get-by-ids"
_PEOPLE = "POST /person/get"
_TAGS = "POST /tags/get"
_FIELDS = "POST /instance-schema/get"
_OF_PEOPLE = ""


@dataclass(frozen=True)
class MergeOptions:
    """What holds for all people of a merge; every member is stated, so that no default of the key counts.

    :param may_create: then who exists is left untouched (strategy 3, "ignore"), and the suppression list is
        asked; else nobody is created (``skip_non_existing``) and values are overwritten.
    :param key: id of the field that people are found by.
    :param overwrites: values are, also where people may be created; then no suppression list is asked.
    """

    may_create: bool
    key: str = EMAIL
    overwrites: bool = False

    def members(self) -> bytes:
        """Return them as members of the request's JSON object."""
        told: dict[str, Any] = {
            "async": False,
            "merge_by": [self.key],
            "find_strategy": 0,
            "merge_strategy": _IGNORE if self.may_create and not self.overwrites else _OVERWRITE,
            "skip_non_existing": not self.may_create,
        }
        if self.may_create and not self.overwrites:
            told["suppression_list_field_id"] = EMAIL
        return orjson.dumps(told)[1:-1]


CREATE = MergeOptions(may_create=True)
"""Make those who are not there; who is there is left untouched."""
CREATE_OR_UPDATE = MergeOptions(may_create=True, overwrites=True)
"""Make those who are not there, overwrite those who are: of permission that is never more than none."""
UPDATE = MergeOptions(may_create=False)
"""Overwrite those who have the address; make nobody."""
UPDATE_BY_ID = MergeOptions(may_create=False, key=PERSON_ID)
"""Overwrite those who have the id; make nobody."""


@dataclass(frozen=True)
class Tag:
    """A tag of people. Ids are per type: one of accounts may have the same."""

    tag_id: str
    name: str


@dataclass(frozen=True)
class AccountField:
    """A custom field of the account."""

    field_id: str
    name: str
    display_type: str
    is_read_only: bool = False


@dataclass(frozen=True)
class Person:
    """A person as read back; a field that is empty is absent."""

    person_id: str
    fields: Mapping[str, Any]


@dataclass(frozen=True)
class PeoplePage:
    """Up to 500 people; ``total`` counts all pages, if it is told."""

    people: Sequence[Person]
    total: int | None
    has_more: bool


class OrttoClient(Transport):
    """Ortto's endpoints. All methods raise the errors of :meth:`Transport.send`."""

    key_header = KEY_HEADER
    example_url = DEFAULT_BASE_URL

    def error_of(self, request: Request, answer: Answer) -> DestinationError:
        """Return the error that an answer other than 2xx stands for."""
        return error_of(request.label, answer, about_people=request.about_people, whose=self.whose)

    def wait_asked(self, answer: Answer) -> float | None:
        """Return how long an answer asks to wait, in its body."""
        return seconds_asked(answer)

    def is_from_service(self, answer: Answer) -> bool:
        """Tell whether an answer other than 2xx has the API's form."""
        return is_own_form(answer)

    async def merge(
        self, people: Sequence[bytes], options: MergeOptions, call: Call | None = None
    ) -> tuple[MergedItem, ...]:
        """Write up to 100 people, each a JSON object in UTF-8 with ``fields``, ``tags`` and the like.

        One that may create is not repeated when its fate is unknown: should the first be under way still,
        there might be two records of each. Look for them first.

        :return: the items of the answer, in its order; they may be fewer than the people.
        :raises PeopleRefusedError: nobody was taken.
        """
        body = b'{"people":[' + b",".join(people) + b"]," + options.members() + b"}"
        once = options.may_create
        request = Request("POST", "/person/merge", MERGE, body, once=once, about_people=True)
        return await self.send(request, merged_items, call)

    async def people_by_id(
        self, person_ids: Sequence[str], fields: Sequence[str] = (EMAIL,), call: Call | None = None
    ) -> dict[str, Person]:
        """Return those of some people whom the account has, by id.

        :raises OutcomeUnknownError: the answer names somebody else.
        """
        body = orjson.dumps({"contact_ids": list(person_ids), "fields": list(fields)})
        request = Request("POST", "/person/get-by-ids", _BY_ID, body, about_people=True)
        asked = frozenset(person_ids)
        return await self.send(request, lambda value: _by_id(value, asked), call)

    async def people_with(self, emails: Sequence[str], fields: Sequence[str] = (EMAIL,)) -> list[Person]:
        """Return the people who have one of some addresses."""
        wanted = {one.casefold() for one in emails}
        return [
            one
            for start in range(0, len(emails), ADDRESSES_OF_A_FILTER)
            async for page in self.people(_one_of(emails[start : start + ADDRESSES_OF_A_FILTER]), fields)
            for one in page.people
            if str(one.fields.get(EMAIL, "")).casefold() in wanted
        ]

    async def people(
        self, filter_: Mapping[str, Any] | None = None, fields: Sequence[str] = (EMAIL,)
    ) -> AsyncIterator[PeoplePage]:
        """Page through people.

        :raises OutcomeUnknownError: in the end, if not as many came as were told: it is cut, or changed
            while it was read. Nothing of it may be believed then.
        """
        asked: dict[str, Any] = {"limit": PAGE, "fields": list(fields), "sort_by_field_id": EMAIL}
        asked |= {"sort_order": "asc", **({"filter": dict(filter_)} if filter_ else {})}
        async for page in self._pages(asked):
            yield page

    async def is_everybody_subscribed(self) -> bool:
        """Tell whether the account counts as many subscribers as people."""
        body = orjson.dumps({"limit": 1, "fields": [EMAIL]})
        request = Request("POST", "/person/get", _PEOPLE, body, about_people=True)
        counts = await self.send(request, lambda value: member(value, "meta", dict, _PEOPLE))
        people, subscribers = (counts.get(one) for one in ("total_contacts", "total_subscribers"))
        return type(people) is int and people == subscribers

    async def archived(self, words: str, fields: Sequence[str] = (EMAIL,)) -> list[Person]:
        """Return archived people who answer to some words; only those can be asked of the archive."""
        asked = {"limit": PAGE, "fields": list(fields), "type": "archived", "q": words}
        return [one async for page in self._pages(asked) for one in page.people]

    async def archive_pages(self, fields: Sequence[str] = (EMAIL,)) -> AsyncIterator[PeoplePage]:
        """Page through the archive. Raises as :meth:`people`."""
        async for page in self._pages({"limit": PAGE, "fields": list(fields), "type": "archived"}):
            yield page

    async def tags(self) -> tuple[Tag, ...]:
        """Return all tags of people. Their answer has no pages."""
        request = Request("POST", "/tags/get", _TAGS, b"{}")
        return await self.send(request, _tags)

    async def custom_fields(self) -> tuple[AccountField, ...]:
        """Return all custom fields of people."""
        request = Request("POST", "/instance-schema/get", _FIELDS, b'{"namespaces":["cm"]}')
        return await self.send(request, _fields)

    async def create_custom_field(self, name: str, api_type: str, values: Sequence[str] = ()) -> str:
        """Make a custom field and return its id. Not repeated when its fate is unknown: read the fields.

        :raises RequestRefusedError: it exists (423 or 409 were seen), the plan has no more, or it can't be.
        :raises OutcomeUnknownError: it may have been made.
        """
        label = "POST /person/custom-field/create"
        asked: dict[str, Any] = {"name": name, "type": api_type, "track_changes": False}
        asked |= {"values": list(values)} if values else {}
        request = Request("POST", "/person/custom-field/create", label, orjson.dumps(asked), once=True)
        return await self.send(request, lambda value: identifier(value, "field_id", label))

    async def archive(self, person_ids: Sequence[str]) -> None:
        """Archive up to 100 people."""
        await self._on_people("PUT", "/person/archive", person_ids)

    async def delete(self, person_ids: Sequence[str]) -> None:
        """Delete up to 100 archived people for good."""
        await self._on_people("DELETE", "/person/delete", person_ids)

    async def suppress(self, emails: Sequence[str]) -> None:
        """Put up to 100 addresses on the account's suppression list."""
        label = "PUT /suppression-list/email/add"
        body = orjson.dumps({"emails": list(emails)})
        request = Request("PUT", "/suppression-list/email/add", label, body, about_people=True)
        await self.send(request, lambda value: value)

    async def _on_people(self, method: str, path: str, person_ids: Sequence[str]) -> None:
        if not person_ids:  # what an empty list means is documented nowhere, and all is one of the things
            raise ValueError("nobody is named")
        body = orjson.dumps({"inclusion_ids": list(person_ids)})
        request = Request(method, path, f"{method} {path}", body, about_people=True, empty_is_done=True)
        await self.send(request, lambda value: mapping(value, f"{method} {path}"))

    async def _pages(self, asked: Mapping[str, Any]) -> AsyncIterator[PeoplePage]:
        listing = WholeListing(_PEOPLE, "total_matches")
        offset, cursor = 0, ""
        while True:
            place = {"offset": offset, **({"cursor_id": cursor} if cursor else {})}
            body = orjson.dumps({**asked, **place})
            request = Request("POST", "/person/get", _PEOPLE, body, about_people=True)
            page, offset, cursor = await self.send(request, _page)
            yield page
            listing.add(len(page.people), page.total, f"{cursor} {offset}" if page.has_more else None)
            if not page.has_more:
                break
        listing.require_whole()


def _one_of(emails: Sequence[str]) -> dict[str, Any]:
    return {"$or": [{"$str::is": {"field_id": EMAIL, "value": one}} for one in emails]}


def _page(value: Any) -> tuple[PeoplePage, int, str]:
    """Return a page, and offset and cursor of the next."""
    people = [_person(one) for one in list_or_null(value, "contacts", _PEOPLE)]
    has_more = member(value, "has_more", bool, _PEOPLE)
    total = mapping(value.get("meta") or {}, _PEOPLE).get("total_matches")
    cursor, offset = value.get("cursor_id") or "", value.get("next_offset") or 0
    if has_more and (type(offset) is not int or not is_identifier(cursor)):
        raise unusable(_PEOPLE, "next_offset")
    return PeoplePage(people, total if type(total) is int else None, has_more), offset, cursor


def _person(value: Any) -> Person:
    fields = mapping(value, _PEOPLE).get("fields")
    return Person(identifier(value, "id", _PEOPLE), mapping({} if fields is None else fields, _PEOPLE))


def _by_id(value: Any, asked: frozenset[str]) -> dict[str, Person]:
    told = mapping(value, _BY_ID).get("contacts", ())
    people = mapping({} if told is None else told, _BY_ID)
    if not people.keys() <= asked:
        raise OutcomeUnknownError(
            f"{_BY_ID} was answered 200 with others than were asked for. Does a cache or a gateway before "
            f"the API answer in its stead?",
            status=200,
        )
    found = {key: _person(one) for key, one in people.items()}
    if any(one.person_id != key for key, one in found.items()):
        raise unusable(_BY_ID, "id")
    return found


def _tags(value: Any) -> tuple[Tag, ...]:
    if not isinstance(value, list | None):
        raise OutcomeUnknownError(f"{_TAGS} was answered 200 with something else than a list", status=200)
    return tuple(
        Tag(str(member(one, "id", int, _TAGS)), member(one, "name", str, _TAGS))
        for one in value or ()
        if mapping(one, _TAGS).get("type", _OF_PEOPLE) == _OF_PEOPLE
    )


def _fields(value: Any) -> tuple[AccountField, ...]:
    spaces = member(value, "namespaces", dict, _FIELDS)
    told = mapping(spaces.get("cm") or {}, _FIELDS).get("fields")
    return tuple(
        AccountField(
            identifier(one, "id", _FIELDS),
            member(one, "name", str, _FIELDS),
            member(one, "display_type", str, _FIELDS),
            mapping(one, _FIELDS).get("read_only") is True,
        )
        for one in mapping(told or {}, _FIELDS).values()
    )
