"""People who are known: nobody is made by it, and nobody's permission is given back.

Their standing is read before. Who is gone is made anew; who has another address there loses our tags, and
the address gets a person of its own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from segment_exports.destinations.ortto.answers import ItemStatus
from segment_exports.destinations.ortto.client import UPDATE
from segment_exports.destinations.ortto.delivering.items import culprits, in_place
from segment_exports.destinations.ortto.delivering.sending import (
    halve,
    leave_open,
    operation_of,
    put_off,
    refuse,
    send,
)
from segment_exports.errors import DestinationError, OutcomeUnknownError
from segment_exports.mapping.email_address import same_address
from segment_exports.records.outcomes import Outcome

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from segment_exports.delivery.content import Content
    from segment_exports.delivery.queue import Batch
    from segment_exports.destinations.ortto.answers import MergedItem
    from segment_exports.destinations.ortto.delivering.chunk_delivery import OrttoDelivery
    from segment_exports.destinations.ortto.delivering.sending import Answered
    from segment_exports.destinations.ortto.permissions import Standing

    Mask = npt.NDArray[np.bool_]

_NOT_TAKEN = OutcomeUnknownError(
    "POST /person/merge was answered 200 without the contact, which is there", status=200
)


async def update(delivery: OrttoDelivery, batch: Batch) -> None:
    """Update the people of a batch, and write down what was done."""
    chunk = delivery.chunk
    put_off(delivery, batch, chunk.emails[batch.rows].tolist())
    put_off(delivery, batch, chunk.contact_ids[batch.rows].tolist())
    names = [*chunk.emails[batch.rows].tolist(), *chunk.contact_ids[batch.rows].tolist()]
    async with delivery.apart.of(names):
        try:
            off = await _without_the_gone(delivery, batch, whole=bool(delivery.met[batch.rows].any()))
            if not len(batch):
                return
            content = delivery.bodies.updating(batch.rows, off)
            answered = await send(delivery, batch, content, UPDATE)
            if answered is not None:
                await _judge(delivery, batch, content, answered)
        except DestinationError as error:  # of a look
            delivery.look_failed(batch, error)


async def _without_the_gone(delivery: OrttoDelivery, batch: Batch, *, whole: bool) -> Mask:
    """Take out of a batch whoever is gone or elsewhere; return of the others whose permission is off."""
    chunk = delivery.chunk
    ids, emails = chunk.contact_ids[batch.rows].tolist(), chunk.emails[batch.rows].tolist()
    standings = await delivery.permissions.look(ids, emails, whole=whole)
    gone = np.array([one.is_there is False for one in standings])
    elsewhere = np.array([_is_elsewhere(one, email) for one, email in zip(standings, emails, strict=True)])
    off: Mask = np.array([one.is_off for one in standings])
    if gone.any() or elsewhere.any():
        batch.recording = True
        delivery.found_gone(batch.rows[gone])
        for row, is_off in zip(batch.rows[elsewhere].tolist(), off[elsewhere].tolist(), strict=True):
            await _meet_elsewhere(delivery, batch, row, is_off=is_off)
        batch.recording = False
    here = ~(gone | elsewhere)
    batch.rows, batch.lists = batch.rows[here], batch.lists[here]
    left: Mask = off[here]
    return left


def _is_elsewhere(standing: Standing, email: str | None) -> bool:
    return standing.is_there is True and not same_address(standing.email or "", email or "")


async def _meet_elsewhere(delivery: OrttoDelivery, batch: Batch, row: int, *, is_off: bool) -> None:
    """Go on with the address of somebody who has another one now; who refused is not mailed under it."""
    delivery.displace(row)
    if is_off:
        delivery.off[row] = True
        await delivery.flusher.write(delivery.progress.suppress_due_joins(row, batch.call))
    delivery.plan_leaves(np.array([row]))
    delivery.plan_contacts([row])


async def _judge(delivery: OrttoDelivery, batch: Batch, content: Content, answered: Answered) -> None:
    """Settle those whose ids were answered; look after the others."""
    expected = delivery.chunk.contact_ids[content.rows].tolist()
    taken_ids = {one.person_id for one in answered.items if one.is_taken}
    taken = np.array([one in taken_ids for one in expected])
    if taken.any():
        await delivery.refusals.took(operation_of(content), int(taken.sum()))
        delivery.unchecked |= bool(len(content.joins.places))
        await delivery.flusher.write(
            delivery.progress.settle_content(content, taken, Outcome.DELIVERED, batch.call)
        )
    left = np.flatnonzero(~taken).tolist()
    if left:
        await _look_after(delivery, batch, content, answered, left, expected)


async def _look_after(
    delivery: OrttoDelivery,
    batch: Batch,
    content: Content,
    answered: Answered,
    left: Sequence[int],
    expected: Sequence[str],
) -> None:
    """Find out why some were not taken: gone, elsewhere, or refused."""
    if answered.refusal is None:
        for place in left:
            delivery.progress.doubt_content(content.at(place))
    rest = type(batch)(batch.rows[list(left)], batch.lists[list(left)], batch.feeds, batch.kind, batch.call)
    await _without_the_gone(delivery, rest, whole=True)
    batch.recording = True
    left = [place for place in left if content.rows[place] in rest.rows]
    if not left:
        return
    blamed = _blamed(delivery, answered, expected)
    if blamed is None:
        halve(delivery, batch, left)
        return
    again = []
    for place in left:
        item = blamed[place]
        if item is not None and item.status is ItemStatus.INVALID:
            await refuse(delivery, batch, content, place, item)
        else:
            again.append(place)
    if len(content.rows) == 1 and again:
        await _give_up(delivery, batch, content, answered)
    elif again:
        halve(delivery, batch, again)


def _blamed(
    delivery: OrttoDelivery, answered: Answered, expected: Sequence[str]
) -> Sequence[MergedItem | None] | None:
    """Return what an answer says of those whom it has not taken, by place; None where it can't be told."""
    found = culprits(delivery, len(expected), answered.items)
    if found is None and in_place(expected, answered.items):
        return [None if one.is_taken else one for one in answered.items]
    return found


async def _give_up(delivery: OrttoDelivery, batch: Batch, content: Content, answered: Answered) -> None:
    if answered.refusal is not None:
        await refuse(delivery, batch, content, 0, None)
        return
    await leave_open(delivery, batch, content, _NOT_TAKEN)
