"""Sends calls that concern one contact: leaves, joins and unsubscribes."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import numpy as np

from segment_exports.delivery.job import StopKind
from segment_exports.delivery.queue import Single, SingleKind
from segment_exports.destinations.autopilot.answers import (
    MEMBERSHIP,
    ContactNotFoundError,
    ListNotFoundError,
)
from segment_exports.destinations.autopilot.membership import SETTLING_SECONDS, is_listed
from segment_exports.errors import (
    DestinationError,
    OutcomeUnknownError,
    RequestRefusedError,
    WithdrawnError,
)
from segment_exports.records.outcomes import CONTACT_GONE, Operation, Outcome
from segment_exports.transport.reasons import reason_of

if TYPE_CHECKING:
    from segment_exports.destinations.autopilot.chunk_delivery import ChunkDelivery


async def send_single(delivery: ChunkDelivery, single: Single) -> None:
    """Send one call (join, leave or unsubscribe) and write down what it carried out."""
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
        delivery.refusals.refused(operation, (single.row, single.column), reason or "", book)
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
    if isinstance(error, WithdrawnError) or stopping.stops(error):
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
    """Send it under the contact's id and, where nobody has that any more, under its address."""
    answers: list[ContactNotFoundError | None] = []
    for name in _names(delivery, single):
        answers.append(await _call_unless_missing(delivery, single, name))
        if answers[-1] is None and not await _is_in_two_places(delivery, single):
            break
    missing = answers[-1]
    if missing is None or None in answers:
        return
    if single.kind is not SingleKind.JOIN:
        await _require_gone(delivery, single, missing)
    raise missing


async def _is_in_two_places(delivery: ChunkDelivery, single: Single) -> bool:
    """Tell whether what stands under the address has to leave beside the contact that is known.

    A request that was never answered may have made them anew under it: contacts of the run, which are mostly
    where they were, are looked at. Who is to be given the address may not have it yet. Else one that is
    under the address alone took the known one's place: staff merged it, or made it anew.
    """
    chunk, row = delivery.chunk, single.row
    if single.kind is SingleKind.JOIN:
        return False
    if not (chunk.maybe_anew[row] and chunk.is_contact[row]):
        return bool(chunk.maybe_anew[row]) or chunk.moved_ids[row] is not None
    other = await delivery.client.contact(chunk.emails[row] or "")
    return other is not None and other.get("contact_id") != chunk.ids_of(Operation.LEAVE, np.array([row]))[0]


async def _require_gone(delivery: ChunkDelivery, single: Single, missing: ContactNotFoundError) -> None:
    """Look for a contact that a leave or an unsubscribe did not find: that is not believed on one answer.

    :raises OutcomeUnknownError: it is there, or the look failed.
    """
    for name in _names(delivery, single):
        try:
            if await delivery.client.contact(name) is None:
                continue
            found = "shows the contact"
        except DestinationError as error:
            found = f"doesn't tell whether that is true: {error}"
        raise OutcomeUnknownError(f"{missing}, but GET /contact/{{contact}} {found}", status=404)


def _names(delivery: ChunkDelivery, single: Single) -> list[str]:
    """Return id and address as far as they are known, of those for a join the first one."""
    chunk = delivery.chunk
    first = chunk.ids_of(_operation(single), np.array([single.row]))[0]
    both = bool(chunk.leaves_both(np.array([single.row]))[0, single.column])
    if single.kind is SingleKind.LEAVE and chunk.displaced[single.row] and not both:
        return [first]  # under the address stands the contact that joins
    names = (first, chunk.contact_ids[single.row], chunk.emails[single.row])
    known = list(dict.fromkeys(name for name in names if name)) or [""]
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
            if await client.leave(delivery.list_id(single.column), contact, single.call):
                await _require_left(delivery, single, contact)


async def _require_left(delivery: ChunkDelivery, single: Single, contact: str) -> None:
    """Look whether a leave has been done, until one of the attempt was seen to be.

    The answer to it, an empty object, may be anybody's. What the look doesn't tell counts for nothing.

    :raises OutcomeUnknownError: the contact is shown on the list still.
    """
    if delivery.chunk.is_contact[single.row]:
        return
    async with delivery.leave_look:
        if delivery.leave_seen:
            return
        list_id = delivery.list_id(single.column)
        try:
            stays = await delivery.client.is_member(list_id, contact)
            if stays:
                await delivery.sleep(SETTLING_SECONDS)
                stays = await delivery.client.is_member(list_id, contact)
        except DestinationError:
            stays = False
        if stays:
            raise OutcomeUnknownError(
                f"DELETE /list/{{list}}/contact/{{contact}} was answered 200, but {MEMBERSHIP} shows the "
                f"contact on the list still"
            )
        delivery.leave_seen = True


def _not_found(delivery: ChunkDelivery, single: Single) -> Outcome | None:
    """Return what it means for the operation that there is no such contact; None where it stays due."""
    if single.kind is not SingleKind.JOIN:
        return Outcome.DELIVERED
    if single.row not in delivery.sought:
        delivery.chunk.contact_ids[single.row] = None
        delivery.queue.add_gone(single.row)
        return None
    return Outcome.REJECTED


def _operation(single: Single) -> Operation:
    return Operation.JOIN if single.kind is SingleKind.JOIN else Operation.LEAVE
