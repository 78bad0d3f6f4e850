"""Autopilot's REST API below ``/v1``, one function per operation.

Statuses, bodies and texts are those that were documented or recorded (see the project's facts on the
API), where any were; other texts are the emulator's own.

All that clients of others read is answered. Left out, as no client of ours writes it: starting a journey
(``POST /trigger/…``), and making and deleting REST hooks, so that an account has none.
"""

from __future__ import annotations

import unicodedata
from typing import TYPE_CHECKING, Any

from segment_emulators.account_api.answers import Answer, json_answer
from segment_emulators.autopilot.config import BadContact, MapKeys, SameTitle
from segment_emulators.autopilot.routing import Call, error, route
from segment_emulators.autopilot.upsert import BadContactError, check, upsert

if TYPE_CHECKING:
    from segment_emulators.autopilot.account import OrderedIds

BULK_LIMIT = 100


# Contacts


@route("POST", "/contact")
def upsert_contact(call: Call) -> Answer:
    """Make or change one contact; the answer doesn't tell which."""
    body = call.body
    sent = body.get("contact") if isinstance(body, dict) else None
    if not isinstance(sent, dict):
        return error(400, "No contact object provided.")
    check(call.account, call.switches, sent)
    contact = upsert(call.account, call.switches, sent, in_bulk=False)
    return json_answer({"contact_id": contact.contact_id})


@route("POST", "/contacts")
def upsert_contacts(call: Call) -> Answer:
    """Make or change up to 100 contacts."""
    body = call.body
    sent = body.get("contacts") if isinstance(body, dict) else None
    if not isinstance(sent, list):
        return error(400, "No contacts array provided.")
    if len(sent) > BULK_LIMIT:
        return error(400, f"A maximum of {BULK_LIMIT} contacts may be sent at once.")
    good = []
    for contact in sent:
        try:
            check(call.account, call.switches, contact)
        except BadContactError:
            if call.switches.bad_contact is BadContact.REFUSES_BATCH:
                return error(400, "One or more contacts are invalid.")
            continue
        good.append(contact)
    ids: list[str] = []
    email_map: dict[str, str] = {}
    for contact in good:
        stored = upsert(call.account, call.switches, contact, in_bulk=True)
        ids.append(stored.contact_id)
        if stored.email is not None:
            sent = stored.email if contact.get("_NewEmail") else contact["Email"]
            email_map[_map_key(call.switches.map_keys, sent, stored.email)] = stored.contact_id
    return json_answer(
        {"contact_ids": ids, "email_contact_map": email_map, "_removeResultKeys": ["proposedContacts"]}
    )


def _map_key(keys: MapKeys, sent: str, stored: str) -> str:
    local, _, domain = stored.rpartition("@")
    match keys:
        case MapKeys.AS_SENT:
            return sent
        case MapKeys.CAPITALS:
            return stored.upper()
        case MapKeys.PUNYCODE:
            return f"{local}@{domain.encode('idna').decode()}"
        case MapKeys.DECOMPOSED:
            return unicodedata.normalize("NFD", stored)
        case _:
            return stored


@route("GET", "/contact/{contact}")
def get_contact(call: Call, contact: str) -> Answer:
    """Read one contact."""
    if "@" not in contact and not contact.startswith("person_"):
        return error(400, "Invalid contact_id_or_email value provided.")
    return json_answer(call.account.get(contact).to_json())


@route("DELETE", "/contact/{contact}")
def delete_contact(call: Call, contact: str) -> Answer:
    """Delete a contact; by address every contact that has it."""
    call.account.delete(contact)
    return Answer(204, b"") if call.switches.delete_status == 204 else Answer()


@route("POST", "/contact/{contact}/unsubscribe")
def unsubscribe_contact(call: Call, contact: str) -> Answer:
    """Unsubscribe a contact."""
    call.account.unsubscribe(contact)
    return Answer()


@route("GET", "/contacts/custom_fields")
def get_custom_fields(call: Call) -> Answer:
    """Read the custom fields: an array at the top."""
    fields = call.account.custom_fields.values()
    return json_answer([{"name": known.name, "fieldType": known.field_type} for known in fields])


@route("GET", "/contacts")
@route("GET", "/contacts/{bookmark}")
def get_contacts(call: Call, bookmark: str | None = None) -> Answer:
    """Read a page of all contacts."""
    return _page(call, call.account.contact_ids, bookmark)


# Lists


@route("GET", "/lists")
def get_lists(call: Call) -> Answer:
    """Read all lists, by id."""
    lists = call.account.lists
    return json_answer(
        {"lists": [{"list_id": list_id, "title": lists[list_id].title} for list_id in sorted(lists)]}
    )


@route("POST", "/list")
def create_list(call: Call) -> Answer:
    """Make a list; the title is sent as ``name``."""
    body = call.body
    name = body.get("name") if isinstance(body, dict) else None
    if not isinstance(name, str) or not name:
        return error(400, "No name provided.")
    if call.switches.same_title is SameTitle.CONFLICT and call.account.has_title(name):
        return error(409, "A list with this name already exists.")
    made = call.account.create_list(name)
    call.entry.lists = (made.list_id,)
    return json_answer({"list_id": made.list_id, "name": name})


@route("GET", "/list/{list_id}/contacts")
@route("GET", "/list/{list_id}/contacts/{bookmark}")
def get_list_contacts(call: Call, list_id: str, bookmark: str | None = None) -> Answer:
    """Read a page of a list's contacts; an unknown list is an error with an empty message."""
    if list_id not in call.account.lists:
        return error(404, "")
    return _page(call, call.account.get_list(list_id).members, bookmark)


@route("POST", "/list/{list_id}/contact/{contact}")
def join_list(call: Call, list_id: str, contact: str) -> Answer:
    """Put a contact on a list."""
    joined = call.account.join(call.account.get(contact), call.account.get_list(list_id))
    return Answer() if joined else json_answer({"not_modified": True})


@route("DELETE", "/list/{list_id}/contact/{contact}")
def leave_list(call: Call, list_id: str, contact: str) -> Answer:
    """Take a contact off a list."""
    left = call.account.leave(call.account.get(contact), call.account.get_list(list_id))
    return Answer() if left else json_answer({"not_modified": True})


@route("GET", "/list/{list_id}/contact/{contact}")
def check_membership(call: Call, list_id: str, contact: str) -> Answer:
    """Tell whether a contact is on a list: a 404 with an empty body says that it is not."""
    found = call.account.get(contact)
    is_member = found.contact_id in call.account.get_list(list_id).members
    return Answer() if is_member else Answer(404, b"")


# Smart segments, journeys, hooks, the account: made in Autopilot's pages, and only read


@route("GET", "/smart_segments")
def get_smart_segments(call: Call) -> Answer:
    """Read all smart segments, by id. They aren't paged."""
    segments = [one for _, one in sorted(call.account.smart_segments.items())]
    return json_answer({"segments": [{"segment_id": one.segment_id, "title": one.title} for one in segments]})


@route("GET", "/smart_segments/{segment_id}/contacts")
@route("GET", "/smart_segments/{segment_id}/contacts/{bookmark}")
def get_smart_segment_contacts(call: Call, segment_id: str, bookmark: str | None = None) -> Answer:
    """Read a page of the contacts that are in a smart segment now."""
    return _page(call, call.account.in_smart_segment(segment_id), bookmark)


@route("GET", "/triggers")
def get_triggers(call: Call) -> Answer:
    """Read the journeys that may be started."""
    return json_answer(
        {
            "triggers": [
                {"trigger_id": trigger_id, "journey": name, "trigger_type": "apiTrigger"}
                for trigger_id, name in call.account.journeys.items()
            ]
        }
    )


@route("GET", "/hooks")
def get_hooks(call: Call) -> Answer:  # noqa: ARG001 every operation takes the call
    """Read the REST hooks: there are none."""
    return json_answer({"hooks": []})


@route("GET", "/account")
def get_account(call: Call) -> Answer:  # noqa: ARG001 every operation takes the call
    """Read the account. It exists; what it answers is not known, so nothing is made up."""
    return Answer()


def _page(call: Call, ids: OrderedIds, bookmark: str | None) -> Answer:
    page, next_bookmark = ids.page(bookmark)
    contacts = call.account.contacts
    answer: dict[str, Any] = {
        "contacts": [contacts[contact_id].to_json() for contact_id in page],
        "total_contacts": len(ids),
    }
    if next_bookmark is not None:
        answer["bookmark"] = next_bookmark
    return json_answer(answer)
