"""Tags, audiences, and who may be mailed."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

from segment_emulators.ortto.fields import PERMISSION, SMS_PERMISSION
from segment_emulators.ortto.people import Person, Tag, time_text
from segment_emulators.ortto.routing import Call, RefusedError, answered, error, route

if TYPE_CHECKING:
    from segment_emulators.account_api.answers import Answer
    from segment_emulators.ortto.audiences import Audience

NOBODY = "0" * 24
MOST_AUDIENCES = 40
MOST_PEOPLE = 100
_NOT_SAID = (
    "sms_public_name", "sms_public_description", "new_filter_sha", "created_by_id", "created_by_name",
    "public_name", "public_description", "exit_selection",
)  # fmt: skip
"""Texts of an audience that are empty."""


@route("POST", "/tags/get", reads=True)
def get_tags(call: Call) -> Answer:
    """Read all tags, of people and of accounts: their ids repeat. ``q`` is by words."""
    words = str(call.body.get("q") or "").lower().split()
    tags = [*call.account.tags.values(), *call.account.other_tags]
    found = [one for one in tags if all(word in one.title.lower() for word in words)]
    return answered([_tag(call, one) for one in found])


def _tag(call: Call, tag: Tag) -> dict[str, Any]:
    people = [call.account.contacts[one] for one in tag.members]
    told: dict[str, Any] = {
        "id": tag.tag_id,
        "instance_id": call.config.instance,
        "name": tag.title,
        "created_by_id": NOBODY,
        "created_by_name": "",
        "created_by_email": "",
        "created_at": time_text(tag.created_at),
        "last_used": time_text(tag.last_used),
        "count": len(people) if not tag.kind else 1,
    }
    counted = {
        "subscribers": sum(not one.is_unsubscribed for one in people),
        "sms_opted_in": sum(one.fields.get(SMS_PERMISSION) is True for one in people),
    }
    told |= {key: count for key, count in counted.items() if count}
    return {**told, "type": tag.kind}


@route("POST", "/audiences/get", reads=True)
def get_audiences(call: Call) -> Answer:
    """Read a page of the audiences: saved filters, whose members come and go by themselves."""
    body = call.body
    limit, offset = body.get("limit", MOST_AUDIENCES), body.get("offset", 0)
    if not isinstance(limit, int) or not isinstance(offset, int):
        raise call.malformed("limit and offset must be numbers")
    term = str(body.get("search_term") or "").lower()
    found = [] if body.get("archived") is True else list(call.account.audiences.values())
    found = [one for one in found if term in one.name.lower()]
    page = found[offset : offset + min(limit, MOST_AUDIENCES)]
    return answered([_audience(call, one, with_filter=body.get("with_filter") is True) for one in page])


def _audience(call: Call, audience: Audience, *, with_filter: bool) -> dict[str, Any]:
    people = call.account.members_of(audience)
    made = time_text(audience.created_at)
    return {
        "id": audience.audience_id,
        "instance_id": call.config.instance,
        "folder_id": None,
        "data_source_id": NOBODY,
        **dict.fromkeys(("is_public", "sms_is_public", "building", "is_cold"), False),
        **dict.fromkeys(_NOT_SAID, ""),
        "type": "permanent",
        "icon_id": "audiences-illustration-icon",
        "ready": True,
        "filter": audience.filter if with_filter else None,
        "filter_sha": hashlib.sha1(repr(audience.filter).encode(), usedforsecurity=False).hexdigest(),
        **dict.fromkeys(("new_filter", "new_exit_criteria_filter", "ds_destinations"), None),
        **dict.fromkeys(("last_built_at", "last_used", "created", "edited_at"), made),
        "name": audience.name,
        "sms_opted_in": sum(one.fields.get(SMS_PERMISSION) is True for one in people),
        "subscribers": sum(audience.is_subscribed(one) for one in people),
        "members": len(people),
        "added_last_30_days": len(people),
        "engagement": 0,
        "revenue": 0,
    }


@route("PUT", "/audience/subscribe")
def subscribe_people(call: Call) -> Answer:
    """Opt people in to an audience, or out of it; nobody becomes a member by it."""
    audience = call.account.audiences.get(str(call.body.get("audience_id")))
    if audience is None:
        raise RefusedError(error(404, f"{call.config.instance}: audience: Object not found"))
    items = []
    for sent, person, how in _named(call):
        if person is None:
            items.append({"status": "invalid", "error": "person: Object not found"})
            continue
        is_in = sent.get("subscribed") is True
        (audience.opted_out.discard if is_in else audience.opted_out.add)(person.contact_id)
        items.append({"person_status": how, "status": "subscribed" if is_in else "unsubscribed"})
    return answered({"audience_id": audience.audience_id, "people": items})


@route("POST", "/person/subscriptions", reads=True)
def get_subscriptions(call: Call) -> Answer:
    """Read what people may be sent, and the audiences they are in."""
    items: list[dict[str, Any]] = []
    for sent, person, how in _named(call):
        if person is None:
            items.append({"status": "invalid", "error": "person: Object not found"})
            continue
        told = {"person_status": how, "person_id": person.contact_id}
        items.append(
            {
                **told,
                **({"email": person.email} if "email" in sent else {}),
                "subscriptions": _subscriptions(call, person) or None,
                "email_permissions": person.fields.get(PERMISSION) is True,
                "sms_permissions": person.fields.get(SMS_PERMISSION) is True,
                "ios_permissions": False,
                "android_permissions": False,
                "web_permissions": False,
            }
        )
    return answered({"people": items})


def _subscriptions(call: Call, person: Person) -> list[dict[str, Any]]:
    return [
        {
            "audience_id": one.audience_id,
            "audience_name": one.name,
            "member_from": time_text(person.edited_at),
            "subscribed": one.is_subscribed(person),
            "subscribed_from": time_text(person.edited_at),
            "sms_opted_in": person.fields.get(SMS_PERMISSION) is True,
            "whatsapp_opted_in": False,
            "ios_opted_in": False,
            "android_opted_in": False,
            "web_opted_in": False,
        }
        for one in call.account.audiences.values()
        if person in call.account.members_of(one)
    ]


def _named(call: Call) -> list[tuple[dict[str, Any], Person | None, str]]:
    """Return each person that a request names, the one it means, and how that was found."""
    people = call.body.get("people")
    if not isinstance(people, list) or not people or len(people) > MOST_PEOPLE:
        raise call.malformed(f"people must be an array of 1 to {MOST_PEOPLE}")
    found: list[tuple[dict[str, Any], Person | None, str]] = []
    for sent in people:
        if not isinstance(sent, dict):
            raise call.malformed("people must be objects")
        if "person_id" in sent:
            found.append((sent, call.account.contacts.get(str(sent["person_id"])), "by-id"))
        elif "email" in sent:
            person = next(call.account.with_email(str(sent["email"]), call.switches.email_case), None)
            found.append((sent, person, "merged"))
        else:
            wanted = sent.get("external_id")
            holders = (one for one in call.account.contacts.values() if one.fields.get("str::ei") == wanted)
            found.append((sent, next(holders, None), "merged"))
    return found
