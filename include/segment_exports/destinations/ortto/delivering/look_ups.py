"""Looks at people before anything is sent: those of earlier addresses, and those who are gone."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import numpy as np
import orjson
import pyarrow as pa

from segment_exports.delivery.chunk import State
from segment_exports.delivery.payloads import read_payloads
from segment_exports.delivery.queue import SingleKind
from segment_exports.destinations.ortto.api import EMAIL, PERSON_ID
from segment_exports.destinations.ortto.client import UPDATE_BY_ID
from segment_exports.destinations.ortto.delivering.items import LOOK_AGAIN
from segment_exports.destinations.ortto.delivering.sending import leaves_of_gone
from segment_exports.destinations.ortto.permissions import FIELDS, is_off
from segment_exports.errors import DestinationError, OutcomeUnknownError, RequestRefusedError
from segment_exports.mapping.email_address import same_address
from segment_exports.records.outcomes import CONTACT_GONE, Operation, Outcome

if TYPE_CHECKING:
    from collections.abc import Sequence

    from segment_exports.delivery.queue import Restore, Single
    from segment_exports.destinations.ortto.client import Person
    from segment_exports.destinations.ortto.delivering.chunk_delivery import OrttoDelivery

SAME_CONTACT = "the contact has the person's new address, which belongs on the list"


async def look_up(delivery: OrttoDelivery, single: Single) -> None:
    """Look at a person, and queue or settle what follows from it; a look that failed is one miss."""
    look = _look_at_previous if single.kind is SingleKind.PREVIOUS else _look_at_new_email
    try:
        await look(delivery, single)
    except DestinationError as error:
        delivery.look_failed(single, error)


async def _look_at_previous(delivery: OrttoDelivery, single: Single) -> None:
    """Look at who the person was under other addresses, before the new one is made or given a tag."""
    chunk, row = delivery.chunk, single.row
    found = await delivery.client.people_by_id(chunk.previous_ids(row), FIELDS)
    delivery.stopping.answered()
    gone = [one for one in chunk.previous_ids(row) if one not in found]
    refused = any(is_off(one) for one in found.values())
    refused |= bool(gone and await delivery.archive.refused((), gone))
    moving = found.get(chunk.moved_ids[row] or "")
    is_moved = moving is not None and not refused and await _move(delivery, single, moving)
    single.recording = True
    if chunk.moved_ids[row] is not None and not is_moved:
        chunk.mark_unmoved(row)
        delivery.plan_leaves(np.array([row]))
    if refused:
        delivery.off[row] = True
        await delivery.flusher.write(delivery.progress.suppress_due_joins(row, single.call))
    delivery.plan_contacts([row])


async def _move(delivery: OrttoDelivery, single: Single, person: Person) -> bool:
    """Give the old person the new address; tell whether it has it.

    Not where another has it already, nor where one had it who unsubscribed and was archived.
    """
    chunk, row = delivery.chunk, single.row
    old, new = person.fields.get(EMAIL), chunk.emails[row] or ""
    if not isinstance(old, str) or not old:
        return False
    if not same_address(old, new):
        async with delivery.apart.of([person.person_id, old, new]):
            if await delivery.client.people_with([new]) or await delivery.archive.refused([new]):
                return False
            try:
                await delivery.client.merge([_moved(person, new)], UPDATE_BY_ID, single.call)
            except RequestRefusedError:
                return False  # then it is a new contact, as with when_email_changes: add
            except OutcomeUnknownError:
                pass  # looked at below
            if not await _has_moved(delivery, person.person_id, new):
                raise OutcomeUnknownError(_NOT_MOVED, status=200)
    chunk.contact_ids[row] = chunk.moved_ids[row]
    return True


_NOT_MOVED = (
    "POST /person/merge was to give somebody a new address, and POST /person/get-by-ids does not show it"
)


def _moved(person: Person, email: str) -> bytes:
    return orjson.dumps({"fields": {PERSON_ID: person.person_id, EMAIL: email}})


async def _has_moved(delivery: OrttoDelivery, person_id: str, email: str) -> bool:
    """Look whether somebody has an address now."""
    for wait in (0.0, *LOOK_AGAIN):
        await delivery.sleep(wait)
        found = (await delivery.client.people_by_id([person_id])).get(person_id)
        if found is not None and same_address(str(found.fields.get(EMAIL)), email):
            return True
    return False


async def _look_at_new_email(delivery: OrttoDelivery, single: Single) -> None:
    """Look whether who is to leave has the person's new address already: then they keep what is its."""
    chunk, row = delivery.chunk, single.row
    known = chunk.planned_ids[row] or ""
    person = (await delivery.client.people_by_id([known])).get(known)
    email = None if person is None else person.fields.get(EMAIL)
    single.recording = True
    delivery.stopping.answered()
    if isinstance(email, str) and any(same_address(email, one) for one in chunk.emails_now(row)):
        if chunk.is_contact[row]:
            chunk.mark_displaced(row)
        await delivery.flusher.write(
            [
                delivery.progress.settle(
                    Operation.LEAVE,
                    [row],
                    Outcome.UNCHANGED,
                    single.call,
                    column=column,
                    reason=SAME_CONTACT,
                )
                for column in chunk.due_leaves(row)
                if chunk.stays_on[row, column]
            ]
        )
    delivery.plan_rows(np.array([row]))


async def restore(delivery: OrttoDelivery, item: Restore) -> None:
    """Make people anew who are gone; the archive tells who of them had unsubscribed."""
    chunk = delivery.chunk
    hashes = chunk.table["email_hash"].take(pa.array(item.rows)).to_pylist()
    payloads = await asyncio.to_thread(read_payloads, delivery.job.run, hashes)
    try:
        await heed_archive(delivery, [row for row in item.rows if chunk.recreated[row]], anew=True)
    except DestinationError as error:
        delivery.look_failed(item, error)
        return
    item.recording = True
    lost = []
    for row, email_hash in zip(item.rows, hashes, strict=True):
        delivery.sought.add(row)
        if chunk.upsert[row] != State.ABSENT:
            continue
        if email_hash in payloads:
            if not chunk.displaced[row]:
                chunk.mark_recreated(row)
            chunk.restore(row, payloads[email_hash])
        else:
            lost.append(row)
    if lost:
        blocks = delivery.progress.reject_due_joins(lost, item.call, CONTACT_GONE)
        await delivery.flusher.write(blocks + leaves_of_gone(delivery, lost, item.call))
    delivery.plan_contacts([row for row in item.rows if row not in lost])


async def heed_archive(delivery: OrttoDelivery, rows: Sequence[int], *, anew: bool = False) -> None:
    """Mark who of these had unsubscribed and was archived: made anew, they would be mailed.

    :param anew: they were known and are gone: they may have been archived a moment ago, under any address.
    """
    chunk = delivery.chunk
    if not rows or delivery.permission_off:
        return
    emails = [chunk.emails[row] or "" for row in rows]
    ids = [chunk.planned_ids[row] if anew else None for row in rows]
    refused = await delivery.archive.refused(emails, [one for one in ids if one], anew=anew)
    for row, email, person_id in zip(rows, emails, ids, strict=True):
        delivery.off[row] |= email.casefold() in refused or person_id in refused
