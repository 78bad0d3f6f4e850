"""Making and changing people."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from segment_emulators.ortto.config import (
    AsyncAnswer,
    IgnoredPerson,
    MixedPeople,
    Order,
    OverLimit,
    SkippedPerson,
)
from segment_emulators.ortto.fields import PERSON_ID
from segment_emulators.ortto.merging import (
    Find,
    Options,
    Sent,
    Strategy,
    SuppressedError,
    checked,
    find,
    merge,
)
from segment_emulators.ortto.routing import Call, answered, are_texts, error, route
from segment_emulators.ortto.values import BadPersonError

if TYPE_CHECKING:
    from segment_emulators.account_api.answers import Answer
    from segment_emulators.ortto.people import Person

_SUPPRESSED = {"status": "suppressed", "error": "Email is suppressed"}
_MOST_KEYS = 3


@dataclass(slots=True)
class Wanted:
    """A person of the request, with what is to become of it: a refusal, or a merge."""

    sent: Sent | None = None
    person: Person | None = None
    """The one that is there."""
    refusal: dict[str, Any] | None = None
    """The item of one who is invalid or suppressed."""
    done: str = ""
    """``created``, ``merged``, ``ignored``; nothing where neither was."""


@route("POST", "/person/merge")
def merge_people(call: Call) -> Answer:
    """Make or change up to 100 people.

    They are handled in parallel there: neither ids nor the order of the work say who came first.
    """
    people = call.body.get("people")
    if not isinstance(people, list) or not people:
        raise call.malformed("people are required")
    if len(people) > call.switches.people_limit:
        raise call.malformed(f"at most {call.switches.people_limit} people may be sent")
    options = _options(call)
    wanted = [_judged(call, options, one) for one in people]
    if call.body.get("async") is True:
        _merge_all(call, options, wanted)
        return _of_async(call, wanted)
    bad = [one.refusal for one in wanted if one.refusal is not None]
    if bad and (len(bad) == len(wanted) or call.switches.mixed is not MixedPeople.ITEMS):
        return _refused(call, wanted, bad)
    if _is_nobody(call, options, wanted):
        return error(400, "No valid contacts provided")
    over = _over_limit(call, options, wanted)
    if over and call.switches.over_limit is OverLimit.NOTHING:
        return _full()
    items = _merge_all(call, options, wanted, without=over)
    if over:
        return _full()
    if call.switches.order is Order.OTHER:
        items.reverse()
    return answered({"people": items or None})


def _options(call: Call) -> Options:
    """Return what the request says of all its people.

    :raises RefusedError: it can't be.
    """
    body = call.body
    keys = body.get("merge_by") or list(call.config.merge_by)
    if not are_texts(keys):
        raise call.malformed("merge_by must be an array of field ids")
    if len(keys) > _MOST_KEYS or (PERSON_ID in keys and len(keys) > 1):
        raise call.malformed(f"merge_by takes up to {_MOST_KEYS} fields, and {PERSON_ID} alone")
    if any(one != PERSON_ID and not _can_be_key(call, one) for one in keys):
        raise call.malformed("merge_by names a field that is no text and no phone")
    suppression = body.get("suppression_list_field_id") or None
    if suppression is not None and call.account.fields.find(suppression) is None:
        raise call.malformed("suppression_list_field_id names no field")
    try:
        return Options(
            tuple(keys),
            Strategy(body.get("merge_strategy", Strategy.OVERWRITE)),
            Find(body.get("find_strategy", Find.ANY)),
            body.get("skip_non_existing") is True,
            suppression,
            _also_in(call),
        )
    except ValueError as wrong:
        raise call.malformed("no such strategy") from wrong


def _also_in(call: Call) -> dict[str, tuple[str, ...]]:
    given = call.body.get("merge_by_alt_fields") or {}
    if not isinstance(given, dict) or not all(isinstance(one, list) for one in given.values()):
        raise call.malformed("merge_by_alt_fields must be an object of arrays")
    return {str(key): tuple(str(one) for one in others) for key, others in given.items()}


def _can_be_key(call: Call, field_id: str) -> bool:
    found = call.account.fields.find(field_id)
    return found is not None and found.display_type in {"text", "email", "phone"}


def _judged(call: Call, options: Options, sent: Any) -> Wanted:
    try:
        good = checked(call.account, call.switches, options, sent)
    except BadPersonError as refusal:
        return Wanted(refusal={"status": "invalid", "error": _quoting(call, str(refusal), sent)})
    wanted = Wanted(good, find(call.account, call.switches, options, good, call.arrived))
    if wanted.person is None and not options.skip_non_existing:
        email = good.fields.get(options.suppression_field or "")
        if isinstance(email, str) and email.lower() in call.account.suppressed:
            wanted.refusal = {**_SUPPRESSED, "error": _quoting(call, _SUPPRESSED["error"], sent)}
        elif options.by_id and not good.fields:
            wanted.refusal = {"status": "invalid", "error": f"{PERSON_ID}: Object not found"}
    return wanted


def _quoting(call: Call, text: str, sent: Any) -> str:
    """Return a person's refusal; a server that quotes tells what was sent and what it knows."""
    if call.switches.quotes is None:
        return text
    fields = sent.get("fields") if isinstance(sent, dict) else sent
    values = fields.values() if isinstance(fields, dict) else [fields]
    return " ".join([text, *(str(one) for one in values), *call.switches.quotes])


def _refused(call: Call, wanted: list[Wanted], bad: list[dict[str, Any]]) -> Answer:
    details = bad
    if call.switches.mixed is not MixedPeople.REFUSED_NAMING_BAD:
        details = [one.refusal or {"status": "valid"} for one in wanted]
    return error(400, f"No valid contacts provided ({bad[0]['error']})", details)


def _is_nobody(call: Call, options: Options, wanted: list[Wanted]) -> bool:
    return (
        options.skip_non_existing
        and call.switches.skipped is SkippedPerson.REFUSED_IF_NOBODY
        and all(one.person is None for one in wanted)
    )


def _over_limit(call: Call, options: Options, wanted: list[Wanted]) -> list[Wanted]:
    """Return those of the request for whom the account has no room."""
    limit = call.switches.contact_limit
    if limit is None or options.skip_non_existing:
        return []
    new = [one for one in wanted if one.person is None and one.refusal is None]
    return new[max(limit - len(call.account.contacts), 0) :]


def _full() -> Answer:
    return error(507, "Storage limit exceeded")


def _merge_all(
    call: Call, options: Options, wanted: list[Wanted], without: list[Wanted] | None = None
) -> list[dict[str, Any]]:
    """Merge everybody in an order of no meaning; return the items in the order of the request."""
    left_out = {id(one) for one in without or ()}
    items: dict[int, dict[str, Any] | None] = {}
    places = list(range(len(wanted)))
    random.Random(call.arrived).shuffle(places)  # noqa: S311 not for secrets
    for place in places:
        if id(wanted[place]) not in left_out:
            items[place] = _merged(call, options, wanted[place])
    call.entry.done = tuple(one.done for one in wanted)
    return [item for _, item in sorted(items.items()) if item is not None]


def _merged(call: Call, options: Options, one: Wanted) -> dict[str, Any] | None:
    """Merge one person; return its item, None where there is none."""
    account, switches = call.account, call.switches
    if one.refusal is not None or one.sent is None:
        return one.refusal
    there = one.person or find(account, switches, options, one.sent, call.arrived)
    if there is None and options.skip_non_existing:
        return {"status": "skipped"} if switches.skipped is SkippedPerson.ITEM else None
    try:
        person, done = merge(account, switches, options, one.sent, there)
    except SuppressedError:
        return _SUPPRESSED
    one.done = done
    if done == "ignored":
        if switches.ignored is IgnoredPerson.NO_ITEM:
            return None
        done = "merged" if switches.ignored is IgnoredPerson.MERGED else done
    one.person = person
    return {"person_id": person.contact_id, "status": done}


def _of_async(call: Call, wanted: list[Wanted]) -> Answer:
    match call.switches.async_answer:
        case AsyncAnswer.QUEUED:
            return answered({"people": [{"status": "queued"} for _ in wanted]})
        case AsyncAnswer.IDS:
            found = [one.person for one in wanted if one.person is not None]
            return answered({"people": [{"person_id": one.contact_id} for one in found]})
        case _:
            return answered({})
