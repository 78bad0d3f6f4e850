"""One merge, and what is done where it is not answered as it should be."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from segment_exports.delivery.content import first_of_each
from segment_exports.delivery.erasures import batch_without_erased
from segment_exports.delivery.queue import NO_LIST
from segment_exports.destinations.ortto.answers import (
    AccountFullError,
    ItemStatus,
    PeopleRefusedError,
)
from segment_exports.destinations.ortto.api import LARGEST_BODY
from segment_exports.destinations.ortto.delivering.chunk_delivery import NEW
from segment_exports.errors import (
    AccountRefusedError,
    DestinationError,
    OutcomeUnknownError,
    RequestRefusedError,
    WithdrawnError,
)
from segment_exports.records.outcomes import CONTACT_GONE, Operation, Outcome
from segment_exports.transport.call import Call
from segment_exports.transport.reasons import reason_of, sift_about

if TYPE_CHECKING:
    from collections.abc import Sequence

    from segment_exports.delivery.content import Content
    from segment_exports.delivery.flushing import Block
    from segment_exports.delivery.queue import Batch
    from segment_exports.destinations.ortto.answers import MergedItem
    from segment_exports.destinations.ortto.client import MergeOptions
    from segment_exports.destinations.ortto.delivering.chunk_delivery import OrttoDelivery

UPSERT_REFUSED = "the contact itself was refused"
TOO_LARGE = f"the contact takes more than {LARGEST_BODY:,} bytes, which is more than a request may have"
_SUPPRESSED = "the address stands on the account's suppression list"
_INVALID = "the account takes this contact for invalid"
_ATTEMPTS_AFTER_SPLIT = 2
_ENVELOPE = 400
"""Bytes of a request beside its people."""


@dataclass(frozen=True)
class Answered:
    """What came back: the items, and the refusal where nobody was taken."""

    items: Sequence[MergedItem]
    refusal: PeopleRefusedError | None = None


def put_off(delivery: OrttoDelivery, batch: Batch, names: Sequence[str | None]) -> None:
    """Leave to another batch whoever has a name that stands in this one before."""
    first = first_of_each([one.casefold() if one else place for place, one in enumerate(names)])
    if not first.all():
        delivery.queue.add_entries(batch.rows[~first], batch.lists[~first], batch.kind)
        batch.rows, batch.lists = batch.rows[first], batch.lists[first]


async def send(
    delivery: OrttoDelivery, batch: Batch, content: Content, options: MergeOptions
) -> Answered | None:
    """Send the people of a batch; None where that was given up or put off, which is settled here."""
    if not _fits(delivery, batch, content):
        return None
    try:
        items = await delivery.client.merge(content.contacts, options, batch.call)
    except asyncio.CancelledError:
        _doubt(delivery, batch, content)
        raise
    except WithdrawnError:
        _doubt(delivery, batch, content)
        if (rest := batch_without_erased(batch, delivery.chunk)) is not None:
            delivery.queue.add_again(rest)
        return None
    except PeopleRefusedError as error:
        batch.recording = True
        _doubt(delivery, batch, content)
        return Answered(error.items, error)
    except DestinationError as error:
        batch.recording = True
        await _unanswered(delivery, batch, content, error)
        return None
    batch.recording = True
    delivery.stopping.answered()
    return Answered(items)


def leaves_of_gone(delivery: OrttoDelivery, rows: Sequence[int], call: Call) -> list[Block]:
    """Settle leaves of people who are gone, once it is known that they don't come back with their tags.

    Whether the account takes them out of its archive again, as they were, shows when they are made anew.
    """
    return [
        delivery.progress.settle(
            Operation.LEAVE, [row], Outcome.DELIVERED, call, column=column, reason=CONTACT_GONE
        )
        for row in rows
        if delivery.chunk.recreated[row]
        for column in delivery.chunk.due_leaves(row)
    ]


async def refuse(
    delivery: OrttoDelivery, batch: Batch, content: Content, place: int, item: MergedItem | None
) -> None:
    """Settle somebody whom the account refused, in its words; a rejection waits until others are taken."""
    one = content.at(place)
    (row,) = one.rows.tolist()
    if item is not None and item.status is ItemStatus.SUPPRESSED:
        await _settle_suppressed(delivery, batch, one)
        return
    words = None if item is None else item.words
    contacts = [delivery.names.of_payload(payload) for payload in _payloads(delivery, row)]
    reason = (sift_about(delivery.names.told(words.text), contacts) if words else "") or _INVALID

    async def book() -> None:
        await reject(delivery, batch, one, reason)

    delivery.refusals.refused(operation_of(one), (row, NO_LIST), reason, book)


def operation_of(content: Content) -> Operation:
    """Return by which operation what happens to a contact is judged."""
    if content.upserts.any():
        return Operation.UPSERT
    return Operation.JOIN if len(content.joins.places) else Operation.LEAVE


async def reject(delivery: OrttoDelivery, batch: Batch, content: Content, reason: str) -> None:
    """Write down that everything of this content was refused."""
    everybody = np.ones(len(content.rows), np.bool_)
    blocks = delivery.progress.settle_content(
        content, everybody, Outcome.REJECTED, batch.call, reason=reason, status=400
    )
    lost = content.rows[content.upserts].tolist()
    blocks += delivery.progress.reject_due_joins(lost, batch.call, UPSERT_REFUSED)
    await delivery.flusher.write(blocks + leaves_of_gone(delivery, content.rows.tolist(), batch.call))


def halve(delivery: OrttoDelivery, batch: Batch, places: Sequence[int]) -> None:
    """Queue these places of a batch in two smaller ones."""
    rows, lists = batch.rows[list(places)], batch.lists[list(places)]
    rest = type(batch)(rows, lists, batch.feeds, batch.kind, batch.call)
    if len(rows) > 1:
        delivery.queue.add_halves(rest, _ATTEMPTS_AFTER_SPLIT)
    else:
        delivery.queue.add_again(rest)


async def leave_open(
    delivery: OrttoDelivery, batch: Batch, content: Content, error: DestinationError
) -> None:
    """Give up what a batch was to carry out: of unknown fate where it may have been done."""
    delivery.stopping.missed(error)
    await _write_open(delivery, batch, content, error)


async def _write_open(
    delivery: OrttoDelivery, batch: Batch, content: Content, error: DestinationError
) -> None:
    reason = reason_of(error, [one for row in content.rows.tolist() for one in _payloads(delivery, row)])
    await delivery.flusher.write(
        delivery.progress.leave_open(content, batch.call, reason=reason, status=error.status)
    )


def _fits(delivery: OrttoDelivery, batch: Batch, content: Content) -> bool:
    """Measure a body before it is sent, and cut it; who is too large alone is rejected."""
    size = _ENVELOPE + sum(len(one) + 1 for one in content.contacts)
    if size <= LARGEST_BODY:
        return True
    if len(content.rows) > 1:
        halve(delivery, batch, range(len(batch)))
        return False

    async def book() -> None:
        await reject(delivery, batch, content, TOO_LARGE)

    delivery.refusals.refused(Operation.UPSERT, (int(content.rows[0]), NO_LIST), TOO_LARGE, book)
    return False


def _doubt(delivery: OrttoDelivery, batch: Batch, content: Content) -> None:
    if batch.call.in_doubt:
        delivery.progress.doubt_content(content)
        delivery.maybe_there[content.rows] = True


async def _unanswered(
    delivery: OrttoDelivery, batch: Batch, content: Content, error: DestinationError
) -> None:
    """Try smaller batches: heavy ones time out, one contact may break a server or displease a firewall.

    New people are first looked for, and those who are not there sent once more together.
    """
    if batch.call.in_doubt or isinstance(error, OutcomeUnknownError | AccountFullError):
        delivery.progress.doubt_content(content)
        delivery.maybe_there[content.rows] = True
    if isinstance(error, AccountFullError):
        delivery.not_created = delivery.not_created or error
        delivery.unchecked = True
        delivery.stopping.trouble = str(error)
        return
    if delivery.stopping.stops(error):
        return
    is_of_size = isinstance(error, RequestRefusedError)
    if is_of_size:
        delivery.stopping.answered()
    else:
        delivery.stopping.missed(error)
    if batch.kind is NEW and isinstance(error, OutcomeUnknownError) and batch.call.max_attempts is None:
        delivery.queue.add_again(replace(batch, call=Call(max_attempts=_ATTEMPTS_AFTER_SPLIT)))
        return
    if len(content.rows) > 1 and isinstance(
        error, OutcomeUnknownError | AccountRefusedError | RequestRefusedError
    ):
        halve(delivery, batch, range(len(batch)))
        return
    if is_of_size:
        await refuse(delivery, batch, content, 0, None)
        return
    await _write_open(delivery, batch, content, error)


async def _settle_suppressed(delivery: OrttoDelivery, batch: Batch, content: Content) -> None:
    everybody = np.ones(len(content.rows), np.bool_)
    blocks = delivery.progress.settle_content(
        content, everybody, Outcome.SUPPRESSED, batch.call, reason=_SUPPRESSED, status=400
    )
    await delivery.flusher.write(blocks + leaves_of_gone(delivery, content.rows.tolist(), batch.call))


def _payloads(delivery: OrttoDelivery, row: int) -> list[bytes]:
    payload = delivery.chunk.payload(row)
    return [payload] if payload else []
