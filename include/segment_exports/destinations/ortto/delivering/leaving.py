"""People who leave: tags are taken off, by id, and nobody is made by it.

In requests of their own, for who was deleted there would be made again, and subscribed, by any other.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import numpy as np

from segment_exports.delivery.chunk import is_due
from segment_exports.delivery.queue import Batch, Single, SingleKind
from segment_exports.destinations.ortto.answers import PeopleRefusedError
from segment_exports.destinations.ortto.client import UPDATE_BY_ID
from segment_exports.destinations.ortto.delivering.sending import halve, leave_open, put_off, refuse, send
from segment_exports.destinations.ortto.permissions import FIELDS, is_off, standing_of
from segment_exports.errors import DestinationError, OutcomeUnknownError, RequestRefusedError, WithdrawnError
from segment_exports.records.outcomes import CONTACT_GONE, Operation, Outcome
from segment_exports.transport.reasons import reason_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from segment_exports.delivery.content import Content
    from segment_exports.destinations.ortto.client import Person
    from segment_exports.destinations.ortto.delivering.chunk_delivery import OrttoDelivery
    from segment_exports.destinations.ortto.delivering.sending import Answered
    from segment_exports.transport.call import Call

    Mask = npt.NDArray[np.bool_]
    Rows = npt.NDArray[np.int64]

_NOT_TAKEN = OutcomeUnknownError(
    "POST /person/merge was answered 200 without a contact that is to leave, which is there", status=200
)


async def leave(delivery: OrttoDelivery, batch: Batch) -> None:
    """Take tags off the people of a batch, and unsubscribe those of whom that is due."""
    put_off(delivery, batch, _ids(delivery, batch))
    async with delivery.apart.of(_ids(delivery, batch)):
        try:
            named = delivery.with_addresses
            off, emails = await _without_the_gone(delivery, batch, whole=named)
            if not len(batch):
                return
            ids = _ids(delivery, batch)
            content = delivery.bodies.leaving(batch.rows, ids, off, emails if named else [None] * len(ids))
            answered = await send(delivery, batch, content, UPDATE_BY_ID)
            if answered is not None:
                await _judge(delivery, batch, content, answered, ids, with_addresses=named)
        except DestinationError as error:  # of a look
            delivery.look_failed(batch, error)


async def leave_alone(delivery: OrttoDelivery, single: Single) -> None:
    """Take tags off one person under every name that is known: there may be one under each."""
    row, rows = single.row, np.array([single.row])
    names = _names(delivery, row)
    async with delivery.apart.of(names):
        if not _due(delivery, row):
            return  # it was queued twice, for the leaves of one row may be found out one after the other
        try:
            people = await _look(delivery, names)
            for person in people:
                await _take_off(delivery, single, person)
        except asyncio.CancelledError:
            _doubt(delivery, single)
            raise
        except DestinationError as error:
            single.recording = True
            _doubt(delivery, single)
            await _judge_alone(delivery, single, error)
            return
        single.recording = True
        delivery.stopping.answered()
        await _settle(delivery, single.call, rows, None if people else CONTACT_GONE)


async def _take_off(delivery: OrttoDelivery, single: Single, person: Person) -> None:
    """Take tags off one person; the address goes along only where the account wants it: it is written too."""
    chunk, rows, off = delivery.chunk, np.array([single.row]), np.array([is_off(person)])
    leave = is_due(chunk.leave[rows])
    if chunk.displaced[single.row] and person.person_id != chunk.ids_of(Operation.LEAVE, rows)[0]:
        leave &= chunk.leaves_both(rows)
    named = delivery.with_addresses
    emails = [standing_of(person).email if named else None]
    content = delivery.bodies.leaving(rows, [person.person_id], off, emails, leave)
    try:
        items = await delivery.client.merge(content.contacts, UPDATE_BY_ID, single.call)
    except PeopleRefusedError:
        if named:
            raise
        delivery.with_addresses = True
        await _take_off(delivery, single, person)
        return
    if not any(one.is_taken and one.person_id == person.person_id for one in items):
        raise _NOT_TAKEN


async def _judge_alone(delivery: OrttoDelivery, single: Single, error: DestinationError) -> None:
    if isinstance(error, WithdrawnError) or delivery.stopping.stops(error):
        return
    reason = reason_of(error, [])
    outcome = Outcome.REJECTED
    if not isinstance(error, RequestRefusedError):
        delivery.stopping.missed(error)
        outcome = delivery.progress.open_fate(Operation.LEAVE, single.row, _due(delivery, single.row)[0])
    blocks = [
        delivery.progress.settle(
            Operation.LEAVE,
            [single.row],
            outcome,
            single.call,
            column=column,
            reason=reason,
            status=error.status,
        )
        for column in _due(delivery, single.row)
    ]
    await delivery.flusher.write(blocks)


def _doubt(delivery: OrttoDelivery, single: Single) -> None:
    if single.call.in_doubt:
        for column in _due(delivery, single.row):
            delivery.progress.doubt(Operation.LEAVE, single.row, column)


async def _look(delivery: OrttoDelivery, names: Sequence[str]) -> list[Person]:
    """Return the people who have one of these ids and addresses, each once."""
    ids = [one for one in names if "@" not in one]
    emails = [one for one in names if "@" in one]
    found = await delivery.client.people_by_id(ids, FIELDS) if ids else {}
    if emails:
        found |= {one.person_id: one for one in await delivery.client.people_with(emails, FIELDS)}
    return list(found.values())


def _names(delivery: OrttoDelivery, row: int) -> list[str]:
    """Return id and address as far as they are known; under the address of one displaced stands another.

    That one leaves too what it may have been given by a request that was never answered.
    """
    chunk, rows = delivery.chunk, np.array([row])
    first = chunk.ids_of(Operation.LEAVE, rows)[0]
    both = chunk.leaves_both(rows) & is_due(chunk.leave[rows])
    email = chunk.emails[row] if both.any() or not chunk.displaced[row] else None
    return [name for name in dict.fromkeys((first, email)) if name]


async def _without_the_gone(
    delivery: OrttoDelivery, batch: Batch, *, whole: bool
) -> tuple[Mask, list[str | None]]:
    """Take out of a batch whoever is gone, and so has left; return of the others whose permission is off.

    And under which address they are, as far as that was read. Staff may have merged or made anew who is gone:
    then another has the address, and leaves alone.
    """
    ids = _ids(delivery, batch)
    standings = await delivery.permissions.look(ids, [None] * len(ids), whole=whole)
    gone = np.array([one.is_there is False for one in standings])
    off: Mask = np.array([one.is_off for one in standings])
    if gone.any():
        batch.recording = True
        rows = batch.rows[gone]
        has_address = np.array([len(_names(delivery, row)) > 1 for row in rows.tolist()])
        await _settle(delivery, batch.call, rows[~has_address], CONTACT_GONE)
        for row in rows[has_address].tolist():
            delivery.queue.add_first(Single(SingleKind.LEAVE, row))
        batch.recording = False
    batch.rows, batch.lists = batch.rows[~gone], batch.lists[~gone]
    left: Mask = off[~gone]
    return left, [one.email for one in standings if one.is_there is not False]


async def _judge(
    delivery: OrttoDelivery,
    batch: Batch,
    content: Content,
    answered: Answered,
    ids: Sequence[str],
    *,
    with_addresses: bool,
) -> None:
    """Settle those whose ids were answered; look after the others.

    :param with_addresses: whether these were sent with them; another batch may have found out meanwhile that
        the account wants them.
    """
    taken_ids = {one.person_id for one in answered.items if one.is_taken}
    taken = np.array([one in taken_ids for one in ids])
    if taken.any():
        await delivery.refusals.took(Operation.LEAVE, int(taken.sum()))
        await _settle(delivery, batch.call, content.rows[taken], None)
    left = np.flatnonzero(~taken)
    if not len(left):
        return
    if answered.refusal is None:
        for place in left.tolist():
            delivery.progress.doubt_content(content.at(place))
    rest = Batch(batch.rows[left], batch.lists[left], batch.feeds, batch.kind, batch.call)
    await _without_the_gone(delivery, rest, whole=True)
    batch.recording = True
    if not len(rest):
        return
    if answered.refusal is not None and not with_addresses:
        delivery.with_addresses = True
        delivery.queue.add_again(rest)
    elif len(ids) > 1:
        halve(delivery, rest, range(len(rest)))
    elif answered.refusal is not None:
        await refuse(delivery, batch, content, 0, None)
    else:
        await leave_open(delivery, batch, content, _NOT_TAKEN)


async def _settle(delivery: OrttoDelivery, call: Call, rows: Rows, reason: str | None) -> None:
    """Write down that these rows have left all that they were to leave."""
    ids = delivery.chunk.ids_of(Operation.LEAVE, rows).tolist()
    left = {person_id: _due(delivery, row) for person_id, row in zip(ids, rows.tolist(), strict=True)}
    await delivery.flusher.write(
        [
            delivery.progress.settle(
                Operation.LEAVE, [row], Outcome.DELIVERED, call, column=column, reason=reason, status=200
            )
            for row in rows.tolist()
            for column in _due(delivery, row)
        ]
    )
    delivery.left(left)


def _ids(delivery: OrttoDelivery, batch: Batch) -> list[str]:
    ids: list[str] = delivery.chunk.ids_of(Operation.LEAVE, batch.rows).tolist()
    return ids


def _due(delivery: OrttoDelivery, row: int) -> list[int]:
    """Return the columns of a row's leaves that are due, the unsubscribe among them."""
    columns: list[int] = np.flatnonzero(is_due(delivery.chunk.leave[row])).tolist()
    return columns
