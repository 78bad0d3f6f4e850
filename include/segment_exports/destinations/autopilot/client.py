"""Client of Autopilot's REST API, as far as segments are delivered with it. Knows no Airflow.

Endpoints, shapes and limits are those of the vendor's 2015 documentation and of recorded answers;
where these leave something open, the client copes with either way. Ids and addresses may stand for
each other in paths and are percent-encoded there. The key travels in one header and nowhere else.

What an answer names is held against what was asked: a cache or a gateway may give somebody else's, or a part.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import orjson

from segment_exports.destinations.autopilot.answers import (
    CONTACTS,
    MEMBERS,
    MEMBERSHIP,
    ContactNotFoundError,
    carried_out,
    contact_map,
    error_of,
    of_ids,
    without_error,
)
from segment_exports.destinations.autopilot.api import DEFAULT_BASE_URL, KEY_HEADER
from segment_exports.errors import DestinationError, NotFoundError, OutcomeUnknownError
from segment_exports.transport.call import Answer, Call, Request
from segment_exports.transport.identifiers import identifier
from segment_exports.transport.json_answers import mapping, member
from segment_exports.transport.transport import Transport
from segment_exports.transport.whole_listing import WholeListing

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping, Sequence


@dataclass(frozen=True)
class ContactList:
    """A list as ``GET /lists`` announces it. Titles need not be unique."""

    list_id: str
    title: str


@dataclass(frozen=True)
class ContactPage:
    """Up to 100 contacts in the order of their ids; ``total`` counts all pages, if it is told."""

    contacts: Sequence[Mapping[str, Any]]
    total: int | None


class AutopilotClient(Transport):
    """Autopilot's endpoints. All methods raise the errors of :meth:`Transport.send`."""

    key_header = KEY_HEADER
    example_url = DEFAULT_BASE_URL

    def error_of(self, request: Request, answer: Answer) -> DestinationError:
        """Return the error that an answer other than 2xx stands for."""
        return error_of(request.label, answer, about_people=request.about_people, whose=self.whose)

    async def bulk_upsert(self, contacts: Sequence[bytes], call: Call | None = None) -> Mapping[str, str]:
        """Create or update up to 100 contacts, each a JSON object in UTF-8.

        :return: contact ids by address. An address that is missing here was not taken, also under
            a 200; the destination may write it in another form (it lower-cases).
        """
        label = "POST /contacts"
        body = b'{"contacts":[' + b",".join(contacts) + b"]}"
        request = Request("POST", "/contacts", label, body, about_people=True)
        return await self.send(request, lambda value: of_ids(contact_map(value, label), label), call)

    async def upsert(self, contact: bytes, call: Call | None = None) -> str:
        """Create or update one contact (a JSON object in UTF-8) and return its id."""
        label = "POST /contact"
        body = b'{"contact":' + contact + b"}"
        request = Request("POST", "/contact", label, body, about_people=True)
        return await self.send(request, lambda value: _id(value, "contact_id", label), call)

    async def change_email(self, old: str, new: str, call: Call | None = None) -> str:
        """Give the contact with the address ``old`` another one (``_NewEmail``) and return its id.

        Not repeated when its fate is unknown: done twice, it would make another contact.
        """
        label = "POST /contact"
        body = orjson.dumps({"contact": {"Email": old, "_NewEmail": new}})
        request = Request("POST", "/contact", label, body, once=True, about_people=True)
        return await self.send(request, lambda value: _id(value, "contact_id", label), call)

    async def contact(self, contact: str) -> Mapping[str, Any] | None:
        """Return a contact by id or address, or None if there is none.

        :raises OutcomeUnknownError: what was answered is no contact, or another one.
        """
        label = "GET /contact/{contact}"
        try:
            request = Request("GET", f"/contact/{_part(contact)}", label, about_people=True)
            return await self.send(request, lambda value: _same(_contact(value, label), contact, label))
        except ContactNotFoundError:
            return None

    async def contact_unless_gone(self, contact: str) -> Mapping[str, Any] | None:
        """Return a contact that is known, or None if it is gone: which is not believed on one answer."""
        return await self.contact(contact) or await self.contact(contact)

    async def unsubscribe(self, contact: str, call: Call | None = None) -> None:
        """Unsubscribe a contact from all mail.

        :raises ContactNotFoundError: there is no such contact.
        """
        label = "POST /contact/{contact}/unsubscribe"
        request = Request("POST", f"/contact/{_part(contact)}/unsubscribe", label, about_people=True)
        await self.send(request, lambda value: carried_out(value, label), call)

    async def delete(self, contact: str, call: Call | None = None) -> None:
        """Delete a contact for good; by an address all contacts that have it.

        :raises ContactNotFoundError: there is no such contact.
        """
        label = "DELETE /contact/{contact}"
        path = f"/contact/{_part(contact)}"
        request = Request("DELETE", path, label, about_people=True, empty_is_done=True)
        await self.send(request, lambda value: carried_out(value, label), call)

    def contacts(self) -> AsyncIterator[ContactPage]:
        """Page through all contacts of the account.

        :raises OutcomeUnknownError: in the end, if not as many came as were told: it is cut, or changed
            while it was read. Nothing of it may be believed then.
        """
        return self._pages("/contacts", CONTACTS)

    async def lists(self) -> tuple[ContactList, ...]:
        """Return all lists of the account."""
        label = "GET /lists"
        return await self.send(Request("GET", "/lists", label), lambda value: _lists(value, label))

    async def create_list(self, title: str) -> str:
        """Make a list and return its id. Not repeated when its fate is unknown: look it up again first.

        :raises RequestRefusedError: (409) a list of that title exists.
        :raises OutcomeUnknownError: it may have been made.
        """
        label = "POST /list"
        request = Request("POST", "/list", label, orjson.dumps({"name": title}), once=True)
        return await self.send(request, lambda value: _made_list(value, title, label))

    async def join(self, list_id: str, contact: str, call: Call | None = None) -> bool:
        """Put a contact on a list; return whether that changed anything.

        :raises ContactNotFoundError: there is no such contact.
        :raises ListNotFoundError: there is no such list.
        """
        return await self._membership("POST", list_id, contact, call)

    async def leave(self, list_id: str, contact: str, call: Call | None = None) -> bool:
        """Take a contact off a list; return whether that changed anything. Raises as :meth:`join`."""
        return await self._membership("DELETE", list_id, contact, call)

    async def is_member(self, list_id: str, contact: str) -> bool:
        """Tell whether a contact is on a list.

        :raises ContactNotFoundError: there is no such contact.
        :raises ListNotFoundError: there is no such list.
        :raises OutcomeUnknownError: the answer names another contact.
        """
        try:
            request = Request("GET", _membership_path(list_id, contact), MEMBERSHIP, about_people=True)
            await self.send(
                request, lambda value: _same(without_error(value, MEMBERSHIP), contact, MEMBERSHIP)
            )
        except NotFoundError as error:
            if error.empty_body:
                return False
            raise
        return True

    async def count_members(self, list_id: str) -> int | None:
        """Return how many members a list has (``total_contacts``), if that is told."""
        async for page in self.members(list_id):
            return page.total
        return None

    def members(self, list_id: str) -> AsyncIterator[ContactPage]:
        """Page through the members of a list. Raises as :meth:`contacts`, and for those of another list."""
        return self._pages(f"/list/{_part(list_id)}/contacts", MEMBERS, list_id)

    async def _membership(self, method: str, list_id: str, contact: str, call: Call | None) -> bool:
        label = f"{method} /list/{{list}}/contact/{{contact}}"
        request = Request(method, _membership_path(list_id, contact), label, about_people=True)
        return await self.send(request, lambda value: carried_out(value, label), call)

    async def _pages(self, path: str, label: str, list_id: str | None = None) -> AsyncIterator[ContactPage]:
        bookmark: str | None = None
        listing = WholeListing(label, "total_contacts")
        while True:
            there = path if bookmark is None else f"{path}/{_part(bookmark)}"
            request = Request("GET", there, label, about_people=True)
            page, bookmark = await self.send(request, lambda value: _page(value, label, list_id))
            yield page
            listing.add(len(page.contacts), page.total, bookmark)
            if bookmark is None:
                break
        listing.require_whole()


def _part(text: str) -> str:
    return quote(text, safe="")


def _membership_path(list_id: str, contact: str) -> str:
    return f"/list/{_part(list_id)}/contact/{_part(contact)}"


def _id(value: Any, name: str, label: str) -> str:
    return identifier(without_error(value, label), name, label)


def _made_list(value: Any, title: str, label: str) -> str:
    """Return the id of a list that was made; it is answered with its name."""
    if mapping(value, label).get("name") not in (None, title):
        raise OutcomeUnknownError(
            f"{label} was answered 200 with another list than was asked for", status=200
        )
    return _id(value, "list_id", label)


def _contact(value: Any, label: str) -> dict[str, Any]:
    """Return a contact; whatever names no contact is none."""
    found = without_error(value, label)
    identifier(found, "contact_id", label)
    return found


def _same(found: dict[str, Any], asked: str, label: str) -> dict[str, Any]:
    """Return what was answered of a contact, unless it names another one than was asked for.

    By an id it may have any address, by an address any id.
    """
    if found.get("contact_id") in (None, asked):
        return found
    from segment_exports.mapping.email_address import same_address  # it loads Arrow

    if isinstance(found.get("Email"), str) and same_address(found["Email"], asked):
        return found
    raise OutcomeUnknownError(
        f"{label} was answered 200 with another contact than was asked for. Does a cache or a gateway before "
        f"the API answer in its stead?",
        status=200,
    )


def _page(value: Any, label: str, list_id: str | None) -> tuple[ContactPage, str | None]:
    """Return a page and the bookmark of the next one.

    :param list_id: of the list whose members are asked for. A contact tells its lists, if it is on any; they
        may lag behind, but not those of a whole page.
    """
    found = without_error(value, label)
    total = found.get("total_contacts")
    bookmark = identifier(found, "bookmark", label) if found.get("bookmark") else None
    contacts = [_contact(one, label) for one in member(found, "contacts", list, label)]
    lists = [one["lists"] for one in contacts if isinstance(one.get("lists"), list)]
    if list_id is not None and lists and not any(list_id in one for one in lists):
        raise OutcomeUnknownError(
            f"{label} was answered 200 with contacts of which none is on the list. Does a cache or a gateway "
            f"before the API answer in its stead?",
            status=200,
        )
    return ContactPage(contacts, total if type(total) is int else None), bookmark


def _lists(value: Any, label: str) -> tuple[ContactList, ...]:
    return tuple(
        ContactList(identifier(one, "list_id", label), member(one, "title", str, label))
        for one in member(without_error(value, label), "lists", list, label)
    )
