"""Looks at contacts before anything is sent: those of earlier addresses, those named by an id alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from segment_exports.delivery.queue import Single, SingleKind
from segment_exports.errors import DestinationError, OutcomeUnknownError, RequestRefusedError
from segment_exports.mapping.email_address import EmailRefusal, judge_email, same_address
from segment_exports.records.outcomes import CONTACT_GONE, Operation, Outcome

if TYPE_CHECKING:
    from collections.abc import Mapping

    from segment_exports.destinations.autopilot.chunk_delivery import ChunkDelivery

NO_ADDRESS = "the contact has no address, so it can't be changed by address"
SAME_CONTACT = "the contact has the person's new address, which belongs on the list"
ADDRESS_SHARED = "another contact has the address too, so it can't be changed by address"
_MOVED_ANOTHER = "POST /contact was answered 200 with another contact than was to change its address"
_LEFT_ANOTHER = "POST /contact was answered 200 with another contact than has the address"
_LOOK_AGAIN = (1.0, 4.0, 15.0)
"""Waits (seconds) before looking whether a change of address that was not answered has been done."""


async def look_up(delivery: ChunkDelivery, single: Single) -> None:
    """Look at a contact, and queue or settle what follows from it; a look that failed is one miss."""
    try:
        await LOOK_UPS[single.kind](delivery, single)
    except DestinationError as error:
        single.recording = True
        if not delivery.stopping.stops(error):
            delivery.stopping.missed(error)


async def _look_at_previous(delivery: ChunkDelivery, single: Single) -> None:
    """Look at the contacts that the person was under other addresses, before the new one is joined."""
    chunk, row = delivery.chunk, single.row
    found = {one: await delivery.client.contact_unless_gone(one) for one in chunk.previous_ids(row)}
    delivery.stopping.answered()
    is_unsubscribed = any(one is not None and one.get("unsubscribed") is True for one in found.values())
    moving = found.get(chunk.moved_ids[row] or "")
    is_moved = moving is not None and not is_unsubscribed and await _move(delivery, single, moving)
    single.recording = True
    if chunk.moved_ids[row] is not None and not is_moved:
        delivery.plan_leaves_elsewhere(row, chunk.mark_unmoved(row))
    if is_unsubscribed:
        await delivery.flusher.write(delivery.progress.suppress_due_joins(row, single.call))
    delivery.plan_contacts([row])


async def _move(delivery: ChunkDelivery, single: Single, contact: Mapping[str, Any]) -> bool:
    """Give the old contact the new address, unless another contact has it already; tell whether it has it."""
    chunk, client, row = delivery.chunk, delivery.client, single.row
    old, new = contact.get("Email"), chunk.emails[row] or ""
    if not isinstance(old, str) or not old:
        return False
    if not same_address(old, new):
        if await client.contact(new) is not None:
            return False
        try:
            await _change_email(delivery, single, old, new)
        except RequestRefusedError:
            return False  # then it is a new contact, as with when_email_changes: add
        except OutcomeUnknownError:
            if not await _has_moved(delivery, row):  # asked twice, it would make another contact
                raise
    chunk.contact_ids[row] = chunk.moved_ids[row]
    return True


async def _change_email(delivery: ChunkDelivery, single: Single, old: str, new: str) -> None:
    moved = await delivery.client.change_email(old, new, single.call)
    if moved != delivery.chunk.moved_ids[single.row]:
        raise OutcomeUnknownError(_MOVED_ANOTHER, status=200)


async def _has_moved(delivery: ChunkDelivery, row: int) -> bool:
    """Look whether a change of address that was not answered has been done."""
    for wait in _LOOK_AGAIN:
        await delivery.sleep(wait)
        moved = await delivery.client.contact(delivery.chunk.moved_ids[row] or "")
        if moved is not None and same_address(str(moved.get("Email")), delivery.chunk.emails[row] or ""):
            return True
    return False


async def _find_email(delivery: ChunkDelivery, single: Single) -> None:
    """Ask whether someone who is no contact of the run is there, and under which address."""
    chunk, row = delivery.chunk, single.row
    contact = None
    for name in filter(None, (chunk.contact_ids[row], chunk.emails[row])):
        if contact is None:
            contact = await delivery.client.contact_unless_gone(name)
        elif chunk.maybe_anew[row]:
            await _leave_under_address(delivery, single, contact)
    single.recording = True
    delivery.stopping.answered()
    email = None if contact is None else contact.get("Email")
    if isinstance(email, str) and email:
        judged = judge_email(email)
        chunk.emails[row] = email if isinstance(judged, EmailRefusal) else judged
        delivery.found[row] = True
        delivery.plan_contacts([row])
        return
    outcome, reason = (Outcome.DELIVERED, CONTACT_GONE) if contact is None else (Outcome.REJECTED, NO_ADDRESS)
    blocks = [
        delivery.progress.settle(Operation.LEAVE, [row], outcome, single.call, column=column, reason=reason)
        for column in chunk.due_leaves(row)
    ]
    blocks += delivery.progress.reject_due_joins([row], single.call, reason)
    await delivery.flusher.write(blocks)


async def _leave_under_address(delivery: ChunkDelivery, single: Single, contact: Mapping[str, Any]) -> None:
    """Take another contact than this one off lists that are fields, if there is one under the address.

    :raises DestinationError: that is not known to be done.
    """
    chunk, client, row = delivery.chunk, delivery.client, single.row
    email, columns = chunk.emails[row] or "", chunk.due_leaves(row)
    other = await client.contact_unless_gone(email)
    if other is None or other.get("contact_id") == contact.get("contact_id") or not columns:
        return
    if await client.upsert(delivery.bodies.leaving(email, columns), single.call) != other.get("contact_id"):
        raise OutcomeUnknownError(_LEFT_ANOTHER, status=200)


async def _look_at_new_email(delivery: ChunkDelivery, single: Single) -> None:
    """Look whether who is to leave has the person's new address already: then they stay where it belongs.

    Somebody changed the address at the destination as well as in the source: both are one contact, whose
    joins are those of the new address. Who has the old address by then gets a contact of their own.
    """
    chunk, row = delivery.chunk, single.row
    there = [await delivery.client.contact(email) for email in chunk.emails_now(row)]
    single.recording = True
    delivery.stopping.answered()
    if any(one is not None and one.get("contact_id") == chunk.planned_ids[row] for one in there):
        if chunk.is_contact[row]:
            chunk.mark_displaced(row)
        await delivery.flusher.write(
            [
                delivery.progress.settle(
                    Operation.LEAVE, [row], Outcome.UNCHANGED, single.call, column=column, reason=SAME_CONTACT
                )
                for column in chunk.due_leaves(row)
                if chunk.stays_on[row, column]
            ]
        )
    delivery.plan_rows(np.array([row]))


async def _leave_elsewhere(delivery: ChunkDelivery, single: Single) -> None:
    """Take a contact that has another address now off lists that are fields: under that address."""
    chunk, row = delivery.chunk, single.row
    known, columns = chunk.ids_of(Operation.LEAVE, np.array([row]))[0], chunk.due_leaves(row)
    if not columns:
        return
    outcome, reason = Outcome.DELIVERED, None
    contact = await delivery.client.contact_unless_gone(known)
    email = None if contact is None else contact.get("Email")
    if contact is None:
        reason = CONTACT_GONE
    elif not isinstance(email, str) or not email:
        outcome, reason = Outcome.REJECTED, NO_ADDRESS
    elif await delivery.client.upsert(delivery.bodies.leaving(email, columns), single.call) != known:
        outcome, reason = Outcome.REJECTED, ADDRESS_SHARED
    single.recording = True
    delivery.stopping.answered()
    await delivery.flusher.write(
        [
            delivery.progress.settle(
                Operation.LEAVE, [row], outcome, single.call, column=column, reason=reason
            )
            for column in columns
        ]
    )


LOOK_UPS = {
    SingleKind.PREVIOUS: _look_at_previous,
    SingleKind.FIND_EMAIL: _find_email,
    SingleKind.LEAVE_ELSEWHERE: _leave_elsewhere,
    SingleKind.NEW_EMAIL: _look_at_new_email,
}
