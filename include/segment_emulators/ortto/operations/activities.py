"""What happened to people, and making something happen."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from segment_emulators.ortto.fields import ACTIVITIES
from segment_emulators.ortto.merging import Options, Strategy, checked, find, merge
from segment_emulators.ortto.people import time_text
from segment_emulators.ortto.routing import Call, RefusedError, answered, error, route
from segment_emulators.ortto.values import BadPersonError

if TYPE_CHECKING:
    from segment_emulators.account_api.answers import Answer
    from segment_emulators.ortto.people import Activity, Person

MOST_ACTIVITIES = 100
PAGE, LARGEST_PAGE = 50, 100
_SHOWN = {
    "first_subscribed": ("s-all", "str::s-ctx"),
    "subscribed": ("s-all", "str::s-ctx"),
    "unsubscribed": ("u-all", "str::u-ctx"),
    "tag_added": ("ta", "str::name"),
    "tag_removed": ("tr", "str::name"),
}
"""What is shown to people, and under which attribute its detail is."""


@route("POST", "/person/get/activities", reads=True)
def get_activities(call: Call) -> Answer:
    """Read what happened to a person, the newest first; ``activities`` is null where there is nothing."""
    person = call.account.contacts.get(str(call.body.get("person_id")))
    if person is None:
        raise RefusedError(error(404, f"{call.config.instance}: person: Object not found"))
    wanted = call.body.get("activities") or None
    limit, offset = call.body.get("limit", PAGE), call.body.get("offset", 0)
    if not isinstance(limit, int) or not isinstance(offset, int) or not 1 <= limit <= LARGEST_PAGE:
        raise call.malformed(f"limit must be 1 to {LARGEST_PAGE}")
    mine = [one for one in call.account.activities if one.contact_id == person.contact_id]
    shown = [_shown(one, number) for number, one in enumerate(mine) if one.what in _SHOWN]
    shown = [one for one in reversed(shown) if wanted is None or one["field_id"] in wanted]
    page = shown[offset : offset + limit]
    following = offset + len(page)
    meta = {
        "total_activities": len(shown),
        "field_ids": wanted,
        "has_more": following < len(shown),
        "retention": {"type": "time", "max_value": 90},
    }
    return answered({"activities": page or None, "meta": meta, "offset": offset, "next_offset": following})


def _shown(activity: Activity, number: int) -> dict[str, Any]:
    kind, attribute = _SHOWN[activity.what]
    return {
        "id": f"{activity.contact_id[:18]}{number:06x}",
        "attr": {"str::is": "API", attribute: activity.detail},
        "created_at": time_text(activity.at),
        "field_id": f"act::{kind}",
        "render_cmds": [{"content": ACTIVITIES[kind]}, {"content": "."}],
    }


@route("POST", "/activities/create")
def create_activities(call: Call) -> Answer:
    """Let up to 100 things happen to people, who are named by id or merged first. They are always queued."""
    activities = call.body.get("activities")
    if not isinstance(activities, list) or not 1 <= len(activities) <= MOST_ACTIVITIES:
        raise call.malformed(f"activities must be an array of 1 to {MOST_ACTIVITIES}")
    items = []
    for sent in activities:
        if not isinstance(sent, dict) or not str(sent.get("activity_id", "")).startswith("act:"):
            raise call.malformed("activity_id is required")
        by_id = "person_id" in sent
        person = call.account.contacts.get(str(sent["person_id"])) if by_id else _merged(call, sent)
        if person is not None:
            call.account.happened("activity", person, str(sent["activity_id"]))
        named = {"person_id": sent["person_id"]} if by_id else {}
        items.append({**named, "status": "queued", "person_status": "queued"})
    return answered({"activities": items})


def _merged(call: Call, sent: dict[str, Any]) -> Person | None:
    """Merge the person of an activity; None is one who can't be stored."""
    keys = sent.get("merge_by") or call.config.merge_by
    try:
        options = Options(tuple(keys), Strategy(sent.get("merge_strategy", Strategy.OVERWRITE)))
        good = checked(call.account, call.switches, options, sent)
    except ValueError as wrong:
        raise call.malformed("no such strategy") from wrong
    except BadPersonError:
        return None
    there = find(call.account, call.switches, options, good, call.arrived)
    return merge(call.account, call.switches, options, good, there)[0]
