"""The archive, deleting for good, and the suppression list."""

from __future__ import annotations

from typing import TYPE_CHECKING

from segment_emulators.ortto.routing import Call, answered, are_texts, route

if TYPE_CHECKING:
    from collections.abc import Iterable

    from segment_emulators.account_api.answers import Answer

MOST_IDS = 100
MOST_ADDRESSES = 500


@route("PUT", "/person/archive")
def archive_people(call: Call) -> Answer:
    """Put people into the archive."""
    done = [one for one in _chosen(call, call.account.contacts) if call.account.archive(one)]
    return answered({"scheduled_contacts": 0, "archived_contacts": len(done)})


@route("PUT", "/person/restore")
def restore_people(call: Call) -> Answer:
    """Take people out of the archive."""
    done = [one for one in _chosen(call, call.account.archive_of) if call.account.restore(one)]
    return answered({"scheduled_contacts": 0, "restored_contacts": len(done)})


@route("DELETE", "/person/delete")
def delete_people(call: Call) -> Answer:
    """Delete people of the archive for good; those who are not archived stay."""
    doomed = [one for one in _chosen(call, call.account.archive_of) if one in call.account.archive_of]
    for contact_id in doomed:
        call.account.delete(contact_id)
    return answered({"scheduled_contacts": 0, "deleted_contacts": len(doomed)})


def _chosen(call: Call, people: Iterable[str]) -> list[str]:
    """Return the ids that a request names, or all but those it excepts.

    :raises RefusedError: it names none, or too many.
    """
    ids, spared = call.body.get("inclusion_ids") or [], call.body.get("exclusion_ids") or []
    if not are_texts(ids) or not are_texts(spared):
        raise call.malformed("inclusion_ids and exclusion_ids must be arrays of ids")
    if call.body.get("all_rows_selected") is True:
        return [one for one in people if one not in spared]
    if not ids or len(ids) > MOST_IDS:
        raise call.malformed(f"inclusion_ids must be an array of 1 to {MOST_IDS} ids")
    return list(dict.fromkeys(ids))


@route("POST", "/suppression-list/email/get", reads=True)
def get_suppressed(call: Call) -> Answer:
    """Read a page of the suppression list. Only the request is known; the answer's form is a guess."""
    limit, offset = call.body.get("limit", 50), call.body.get("offset", 0)
    if not isinstance(limit, int) or not isinstance(offset, int) or not 1 <= limit <= MOST_ADDRESSES:
        raise call.malformed(f"limit must be 1 to {MOST_ADDRESSES}")
    everybody = list(call.account.suppressed)
    page = everybody[offset : offset + limit]
    following = offset + len(page)
    return answered(
        {
            "suppressions": [{"email": one} for one in page] or None,
            "total": len(everybody),
            "offset": offset,
            "next_offset": following,
            "has_more": following < len(everybody),
        }
    )


@route("PUT", "/suppression-list/email/add")
def suppress(call: Call) -> Answer:
    """Keep addresses from being mailed, and from being made by a merge that asks."""
    for email in _addresses(call):
        call.account.suppressed[email] = None
    return answered({})


@route("PUT", "/suppression-list/email/remove")
def unsuppress(call: Call) -> Answer:
    """Take addresses off the suppression list."""
    for email in _addresses(call):
        call.account.suppressed.pop(email, None)
    return answered({})


def _addresses(call: Call) -> list[str]:
    emails = call.body.get("emails")
    if not emails or not are_texts(emails):
        raise call.malformed("emails must be an array of addresses")
    return [one.strip().lower() for one in emails]
