"""Sends calls that concern one contact: leaves, joins, unsubscribes, and look-ups before an upsert."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from segment_exports.delivery.job import StopKind
from segment_exports.delivery.queue import Single, SingleKind
from segment_exports.destinations.autopilot.answers import ContactNotFoundError, ListNotFoundError
from segment_exports.destinations.autopilot.membership import is_listed
from segment_exports.errors import (
    DestinationError,
    OutcomeUnknownError,
    RequestRefusedError,
)
from segment_exports.records.outcomes import Operation, Outcome
from segment_exports.transport.reasons import reason_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from segment_exports.destinations.autopilot.chunk_delivery import ChunkDelivery

CONTACT_GONE = "the contact is not there any more"
NO_ADDRESS = "the contact has no address, so it can't be changed by address"
UNSUBSCRIBED_BEFORE = "unsubscribed under an earlier address"
_LOOK_AGAIN = (1.0, 4.0, 15.0)
"""Waits (seconds) before looking whether a change of address that was not answered has been done."""


async def send_single(delivery: ChunkDelivery, single: Single) -> None:
    """Send one call, write down what it carried out, and queue what follows from it."""
    match single.kind:
        case SingleKind.PREVIOUS:
            await _look_at_previous(delivery, single)
        case SingleKind.FIND_EMAIL:
            await _find_email(delivery, single)
        case _:
            await _write(delivery, single)


async def _write(delivery: ChunkDelivery, single: Single) -> None:
    """Join, leave or unsubscribe."""
    outcome, reason = Outcome.DELIVERED, None
    status: int | None = 200
    try:
        await _request(delivery, single)
        delivery.stopping.answered()
    except asyncio.CancelledError:
        _keep_doubt(delivery, single)
        raise
    except DestinationError as error:
        single.recording = True
        _keep_doubt(delivery, single)
        judged = _judge(delivery, single, error)
        if judged is None:
            return
        outcome, reason, status = judged, _reason(delivery, single, error), error.status
    single.recording = True
    operation = _operation(single)

    async def book() -> None:
        block = delivery.progress.settle(
            operation,
            [single.row],
            outcome,
            single.call,
            column=single.column,
            reason=reason,
            status=status,
        )
        await delivery.flusher.write([block])

    if outcome is Outcome.REJECTED:
        await delivery.refusals.refused(operation, (single.row, single.column), reason or "", book)
        return
    if outcome is Outcome.DELIVERED:
        await delivery.refusals.took(operation)
    await book()


def _keep_doubt(delivery: ChunkDelivery, single: Single) -> None:
    """Whatever ended the call: if an attempt at it was never answered, it may have been done."""
    if single.call.in_doubt:
        delivery.progress.doubt(_operation(single), single.row, single.column)


def _judge(delivery: ChunkDelivery, single: Single, error: DestinationError) -> Outcome | None:
    """Return what an error means for the operation; None where it stays due."""
    stopping = delivery.stopping
    if isinstance(error, ListNotFoundError):
        title = delivery.chunk.titles[single.column]
        stopping.stop_for(
            StopKind.LIST, f"list {title!r} ({delivery.list_id(single.column)}) has vanished: {error}"
        )
        return None
    if isinstance(error, ContactNotFoundError):
        stopping.answered()
        return _not_found(delivery, single)
    if stopping.stops(error):
        return None
    if isinstance(error, RequestRefusedError):
        stopping.answered()
        return Outcome.REJECTED
    stopping.missed(error)
    return delivery.progress.open_fate(_operation(single), single.row, single.column)


def _reason(delivery: ChunkDelivery, single: Single, error: DestinationError) -> str:
    if isinstance(error, ContactNotFoundError):
        return CONTACT_GONE
    payload = delivery.chunk.payload(single.row)
    return reason_of(error, [payload] if payload else [])


async def _request(delivery: ChunkDelivery, single: Single) -> None:
    """Send it under the contact's id and, where nobody has that any more, under its address.

    Who is no contact of the run has an address only where a request that was never answered may have made
    them anew under it: then what stands under the address has to leave too.
    """
    answers: list[ContactNotFoundError | None] = []
    for name in _names(delivery, single):
        answers.append(await _call_unless_missing(delivery, single, name))
        if delivery.chunk.is_contact[single.row] and answers[-1] is None:
            break
    missing = answers[-1]
    if missing is None or None in answers:
        return
    if single.kind is SingleKind.UNSUBSCRIBE:
        await _require_gone(delivery, single)
    raise missing


async def _require_gone(delivery: ChunkDelivery, single: Single) -> None:
    """Look for a contact that an unsubscribe did not find: that is not believed on one answer.

    :raises OutcomeUnknownError: it is there, or the look failed.
    """
    for name in _names(delivery, single):
        try:
            if await delivery.client.contact(name) is None:
                continue
            found = "shows the contact"
        except DestinationError as error:
            found = f"doesn't tell whether that is true: {error}"
        raise OutcomeUnknownError(
            f"POST /contact/{{contact}}/unsubscribe found nobody, but GET /contact/{{contact}} {found}",
            status=404,
        )


def _names(delivery: ChunkDelivery, single: Single) -> list[str]:
    """Return id and address as far as they are known: one for a join, an unsubscribe by the address first."""
    names = [delivery.chunk.contact_ids[single.row], delivery.chunk.emails[single.row]]
    if single.kind is SingleKind.UNSUBSCRIBE:
        names.reverse()
    known = [name for name in names if name] or [""]
    return known[:1] if single.kind is SingleKind.JOIN else known


async def _call_unless_missing(
    delivery: ChunkDelivery, single: Single, contact: str
) -> ContactNotFoundError | None:
    try:
        await _call(delivery, single, contact)
    except ContactNotFoundError as error:
        return error
    except OutcomeUnknownError as error:
        if not _is_success(error.status) or not await _stands(delivery, single, contact):
            raise
    return None


def _is_success(status: int | None) -> bool:
    return status is not None and 200 <= status < 300


async def _stands(delivery: ChunkDelivery, single: Single, contact: str) -> bool:
    """Look whether a call has been done that was answered 2xx, but not as the API is known to answer."""
    client = delivery.client
    try:
        if single.kind is SingleKind.UNSUBSCRIBE:
            found = await client.contact(contact)
            return found is not None and found.get("unsubscribed") is True
        is_member = await is_listed(client, delivery.list_id(single.column), contact, delivery.sleep)
    except DestinationError:
        return False
    return is_member is (single.kind is SingleKind.JOIN)


async def _call(delivery: ChunkDelivery, single: Single, contact: str) -> None:
    client = delivery.client
    match single.kind:
        case SingleKind.UNSUBSCRIBE:
            await client.unsubscribe(contact, single.call)
        case SingleKind.JOIN:
            await client.join(delivery.list_id(single.column), contact, single.call)
        case _:
            await client.leave(delivery.list_id(single.column), contact, single.call)


def _not_found(delivery: ChunkDelivery, single: Single) -> Outcome | None:
    """Return what it means for the operation that there is no such contact; None where it stays due."""
    if single.kind is not SingleKind.JOIN:
        return Outcome.DELIVERED
    if single.row not in delivery.sought:
        delivery.chunk.contact_ids[single.row] = None
        delivery.queue.add_gone(single.row)
        return None
    return Outcome.REJECTED


async def _look_at_previous(delivery: ChunkDelivery, single: Single) -> None:
    """Look at the contacts that the person was under other addresses, before the new one is joined."""
    chunk, row = delivery.chunk, single.row
    try:
        found = {one: await delivery.client.contact(one) for one in chunk.previous_ids(row)}
        delivery.stopping.answered()
        is_unsubscribed = any(one is not None and one.get("unsubscribed") is True for one in found.values())
        moving = found.get(chunk.moved_ids[row] or "")
        if moving is not None and not is_unsubscribed:
            await _move(delivery, single, moving)
    except DestinationError as error:
        single.recording = True
        if not delivery.stopping.stops(error):
            delivery.stopping.missed(error)
        return
    single.recording = True
    if is_unsubscribed:
        await _suppress_joins(delivery, single)
    delivery.plan_contacts([row])


async def _suppress_joins(delivery: ChunkDelivery, single: Single) -> None:
    blocks = [
        delivery.progress.settle(
            Operation.JOIN,
            [single.row],
            Outcome.SUPPRESSED,
            single.call,
            column=column,
            reason=UNSUBSCRIBED_BEFORE,
        )
        for column in delivery.chunk.due_joins(single.row)
    ]
    await delivery.flusher.write(blocks)


async def _move(delivery: ChunkDelivery, single: Single, contact: Mapping[str, Any]) -> None:
    """Give the old contact the new address, unless another contact has it already."""
    chunk, client, row = delivery.chunk, delivery.client, single.row
    old, new = contact.get("Email"), chunk.emails[row] or ""
    if not isinstance(old, str) or not old:
        return
    if old.lower() != new:
        if await client.contact(new) is not None:
            return
        try:
            await client.change_email(old, new, single.call)
        except RequestRefusedError:
            return  # then it is a new contact, as with when_email_changes: add
        except OutcomeUnknownError:
            if not await _has_moved(delivery, row):  # asked twice, it would make another contact
                raise
    chunk.contact_ids[row] = chunk.moved_ids[row]


async def _has_moved(delivery: ChunkDelivery, row: int) -> bool:
    """Look whether a change of address that was not answered has been done."""
    for wait in _LOOK_AGAIN:
        await delivery.sleep(wait)
        moved = await delivery.client.contact(delivery.chunk.moved_ids[row] or "")
        if moved is not None and str(moved.get("Email")).lower() == delivery.chunk.emails[row]:
            return True
    return False


async def _find_email(delivery: ChunkDelivery, single: Single) -> None:
    """Ask whether someone who is no contact of the run is there, and under which address."""
    chunk, row = delivery.chunk, single.row
    contact = None
    try:
        for name in _names(delivery, single):
            contact = contact or await delivery.client.contact(name)
    except DestinationError as error:
        single.recording = True
        if not delivery.stopping.stops(error):
            delivery.stopping.missed(error)
        return
    single.recording = True
    delivery.stopping.answered()
    email = None if contact is None else contact.get("Email")
    if isinstance(email, str) and email:
        chunk.emails[row] = email.lower()
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


def _operation(single: Single) -> Operation:
    return Operation.JOIN if single.kind is SingleKind.JOIN else Operation.LEAVE
