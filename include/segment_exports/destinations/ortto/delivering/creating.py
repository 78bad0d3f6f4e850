"""People who are not known: they are made, and whoever exists already is left untouched.

Who turns out to exist is written as a known person, with the permission read before. So nobody's permission
can be changed by the request that may create.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from segment_exports.destinations.ortto.answers import ItemStatus, MergedItem
from segment_exports.destinations.ortto.client import CREATE
from segment_exports.destinations.ortto.delivering.items import LOOK_AGAIN, culprits, match_new
from segment_exports.destinations.ortto.delivering.look_ups import heed_archive
from segment_exports.destinations.ortto.delivering.sending import (
    halve,
    leave_open,
    leaves_of_gone,
    put_off,
    refuse,
    send,
)
from segment_exports.errors import DestinationError, OutcomeUnknownError
from segment_exports.records.outcomes import Operation, Outcome

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from segment_exports.delivery.content import Content
    from segment_exports.delivery.queue import Batch
    from segment_exports.destinations.ortto.delivering.chunk_delivery import OrttoDelivery
    from segment_exports.destinations.ortto.delivering.sending import Answered

_SAYS_NOTHING = OutcomeUnknownError(
    "POST /person/merge was answered 200, but does not say what became of the contact, and it is not there",
    status=200,
)


async def create(delivery: OrttoDelivery, batch: Batch) -> None:
    """Make the people of a batch, and write down who was made."""
    if delivery.not_created is not None:
        return
    put_off(delivery, batch, delivery.chunk.emails[batch.rows].tolist())
    async with delivery.apart.of(delivery.chunk.emails[batch.rows].tolist()):
        try:
            if not await _without_those_there(delivery, batch):
                return
            await heed_archive(delivery, [row for row in batch.rows.tolist() if row not in delivery.sought])
            content = delivery.bodies.creating(batch.rows, delivery.off[batch.rows])
            answered = await send(delivery, batch, content, CREATE)
            if answered is not None:
                await _judge(delivery, batch, content, answered)
        except DestinationError as error:  # of a look
            delivery.look_failed(batch, error)


async def _without_those_there(delivery: OrttoDelivery, batch: Batch) -> bool:
    """Look for those whom an unanswered request may have made, before they are sent again.

    :return: whether anybody is left to be made.
    """
    places = np.flatnonzero(delivery.maybe_there[batch.rows])
    if not len(places):
        return True
    await delivery.sleep(LOOK_AGAIN[0])
    there = await _look(delivery, batch.rows[places].tolist())
    delivery.maybe_there[batch.rows[places]] = False
    batch.recording = True
    for row, person_id in there.items():
        delivery.found_there(row, person_id)
    left = ~np.isin(batch.rows, list(there))
    batch.rows, batch.lists = batch.rows[left], batch.lists[left]
    batch.recording = False
    return bool(left.any())


async def _look(delivery: OrttoDelivery, rows: Sequence[int]) -> dict[int, str]:
    """Return the ids of those of some rows who exist, by row."""
    emails = {(delivery.chunk.emails[row] or "").casefold(): row for row in rows}
    people = await delivery.client.people_with(list(emails))
    return {emails[str(one.fields["str::email"]).casefold()]: one.person_id for one in people}


async def _judge(delivery: OrttoDelivery, batch: Batch, content: Content, answered: Answered) -> None:
    """Settle what an answer says of each person."""
    rows = content.rows.tolist()
    if answered.refusal is not None:
        blamed = culprits(delivery, len(rows), answered.items)
        await _nobody_taken(delivery, batch, content, answered, blamed)
        return
    emails = delivery.chunk.emails[content.rows].tolist()
    try:
        matched = await match_new(delivery, emails, answered.items)
    except BaseException:  # a stop among them: they may have been made
        _may_be_there(delivery, content)
        raise
    words = [None if one is None else one.status for one in matched.items]
    created = np.array([one is ItemStatus.CREATED for one in words])
    await _settle_created(delivery, batch, content, created, matched.items, by_order=matched.by_order)
    for place, item in enumerate(matched.items):
        if item is not None and item.status is ItemStatus.MERGED and item.person_id is not None:
            _exists(delivery, content, place, item.person_id)
        elif item is not None and item.status in (ItemStatus.INVALID, ItemStatus.SUPPRESSED):
            await refuse(delivery, batch, content, place, item)
    unclear = [place for place, one in enumerate(words) if one in (None, ItemStatus.UNKNOWN)]
    if unclear:
        await _find_out(delivery, batch, content, unclear)


async def _settle_created(
    delivery: OrttoDelivery,
    batch: Batch,
    content: Content,
    created: npt.NDArray[np.bool_],
    items: Sequence[MergedItem | None],
    *,
    by_order: bool,
) -> None:
    if not created.any():
        return
    ids = np.array([None if one is None else one.person_id for one in items], np.object_)
    rows = content.rows[created]
    delivery.chunk.contact_ids[rows] = ids[created]
    if by_order:
        delivery.by_order += rows.tolist()
    delivery.unchecked = True
    await delivery.refusals.took(Operation.UPSERT, int(created.sum()))
    blocks = delivery.progress.settle_content(content, created, Outcome.DELIVERED, batch.call)
    await delivery.flusher.write(blocks + leaves_of_gone(delivery, rows.tolist(), batch.call))


def _may_be_there(delivery: OrttoDelivery, content: Content) -> None:
    delivery.progress.doubt_content(content)
    delivery.maybe_there[content.rows] = True


def _exists(delivery: OrttoDelivery, content: Content, place: int, person_id: str) -> None:
    """Go on with a person who exists as with a known one: whether tags were given is not known."""
    row = int(content.rows[place])
    for column in content.joins.at_place(place):
        delivery.progress.doubt(Operation.JOIN, row, column)
    delivery.found_there(row, person_id)


async def _find_out(delivery: OrttoDelivery, batch: Batch, content: Content, places: Sequence[int]) -> None:
    """Look for people of whom the answer says nothing that is known; who is not there is sent again."""
    rows = content.rows[list(places)].tolist()
    for place in places:
        _may_be_there(delivery, content.at(place))
    there = await _look(delivery, rows)
    left = []
    for place, row in zip(places, rows, strict=True):
        if row in there:
            _exists(delivery, content, place, there[row])
        else:
            left.append(place)
    if not left:
        return
    if len(content.rows) > 1:
        halve(delivery, batch, left)
        return
    await leave_open(delivery, batch, content, _SAYS_NOTHING)


async def _nobody_taken(
    delivery: OrttoDelivery,
    batch: Batch,
    content: Content,
    answered: Answered,
    blamed: Sequence[MergedItem | None] | None,
) -> None:
    """Reject those who are named, and send the rest once without them; else halves."""
    delivery.stopping.answered()
    if blamed is None:
        halve(delivery, batch, range(len(batch)))
        return
    alone = len(content.rows) == 1
    for place, item in enumerate(blamed):
        if item is not None or alone:
            await refuse(delivery, batch, content, place, item or _of_words(answered))
    if rest := [place for place, item in enumerate(blamed) if item is None and not alone]:
        again = type(batch)(batch.rows[rest], batch.lists[rest], batch.feeds, batch.kind)
        delivery.queue.add_again(again)


def _of_words(answered: Answered) -> MergedItem:
    """Return an item that says what the refusal of one person says."""
    words = None if answered.refusal is None else answered.refusal.answer
    return MergedItem(ItemStatus.INVALID, words=words)
