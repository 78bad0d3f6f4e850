"""Sends batches: bulk upserts, splitting what is refused, and settles what they carried out."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import numpy as np

from segment_exports.delivery.chunk import is_there
from segment_exports.delivery.content import first_of_each
from segment_exports.delivery.erasures import batch_without_erased
from segment_exports.delivery.queue import Batch
from segment_exports.delivery.refusals import MOST_ALIKE
from segment_exports.destinations.autopilot.membership import MembershipWay
from segment_exports.destinations.autopilot.restoring import meet_another
from segment_exports.errors import (
    AccountRefusedError,
    DestinationError,
    OutcomeUnknownError,
    RequestRefusedError,
    WithdrawnError,
)
from segment_exports.mapping.email_address import EmailRefusal, judge_email
from segment_exports.records.outcomes import Operation, Outcome
from segment_exports.transport.reasons import reason_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy.typing as npt

    from segment_exports.delivery.chunk import Texts
    from segment_exports.delivery.content import Content
    from segment_exports.delivery.flushing import Block
    from segment_exports.destinations.autopilot.chunk_delivery import ChunkDelivery

    Mask = npt.NDArray[np.bool_]

LEFT_OUT = "the destination left the contact out of its answer"
UPSERT_REFUSED = "the contact itself was refused"
_ONE_FOR_SEVERAL = (
    "POST /contacts was answered 200 with one contact for several addresses. Does a cache or a gateway "
    "before the API answer in its stead?"
)
_OTHERS_ANSWERED = (
    "POST /contacts was answered 200 with addresses that were not sent, and without some that were. Does a "
    "gateway before the API answer in its stead?"
)
_ATTEMPTS_AFTER_SPLIT = 2


async def send_batch(delivery: ChunkDelivery, batch: Batch, *, hold_joins: bool = False) -> Content | None:
    """Send a batch, write down what it carried out, and queue what follows from it.

    :param hold_joins: leave the joins inside the upserts due, in doubt; the caller settles them.
    :return: what was carried out, or None if the batch was refused, split or given up.
    """
    allowed = batch_without_erased(batch, delivery.chunk)  # a probe comes past the queue
    if allowed is None:
        return None
    batch = allowed
    put_off_repeated(delivery, batch)
    content = delivery.bodies.render(batch.rows, batch.lists)
    try:
        answer = await delivery.client.bulk_upsert(content.contacts, batch.call)
    except asyncio.CancelledError:
        if batch.call.in_doubt:
            delivery.progress.doubt_content(content)
        raise
    except WithdrawnError:
        if batch.call.in_doubt:
            delivery.progress.doubt_content(content)
        if (rest := batch_without_erased(batch, delivery.chunk)) is not None:
            delivery.queue.add_again(rest)
        return None
    except RequestRefusedError as error:
        batch.recording = True
        await _refused(delivery, batch, content, error)
        return None
    except DestinationError as error:
        batch.recording = True
        await _unanswered(delivery, batch, content, error)
        return None
    batch.recording = True
    ids = _ids(answer, delivery.chunk.emails[content.rows].tolist())
    if not await _is_believed(delivery, batch, content, ids, len(answer)):
        return None
    delivery.stopping.answered()
    await delivery.refusals.took(Operation.UPSERT, int(is_there(ids).sum()))
    await _answered(delivery, batch, content, ids, hold_joins=hold_joins)
    return content


async def _is_believed(
    delivery: ChunkDelivery, batch: Batch, content: Content, ids: Texts, answered: int
) -> bool:
    """Tell whether an answer may be true, and split the batch where it may not.

    :param ids: those of the contacts that were sent, None where the answer names none.
    :param answered: how many addresses the answer names.
    """
    named = is_there(ids)
    ours = delivery.chunk.is_contact[content.rows]  # who is to leave may have the address of one of them now
    if answered > named.sum() and not named.all():
        wrong = _OTHERS_ANSWERED
    elif not named.any():
        await _none_taken(delivery, batch, content)
        return False
    elif not delivery.answered_for.add(content.rows[ours].tolist(), ids[ours].tolist()):
        wrong = _ONE_FOR_SEVERAL
    else:
        return True
    await _unanswered(delivery, batch, content, OutcomeUnknownError(wrong, status=200))
    return False


def put_off_repeated(delivery: ChunkDelivery, batch: Batch) -> None:
    """Leave to another batch whose address another contact of this one has.

    What a destination does with an address that stands twice in a request is not known.
    """
    first = first_of_each(delivery.chunk.emails[batch.rows].tolist())
    if first.all():
        return
    delivery.queue.add_entries(batch.rows[~first], batch.lists[~first])
    batch.rows, batch.lists = batch.rows[first], batch.lists[first]


async def _answered(
    delivery: ChunkDelivery, batch: Batch, content: Content, ids: Texts, *, hold_joins: bool
) -> None:
    """Settle a batch of which the destination has taken somebody: it judged the others.

    But where many in a row were left out, the account may be full: these are asked again, among themselves.
    """
    taken = is_there(ids)
    unsure = in_long_runs(~taken)
    others = taken & _is_another(delivery, content.rows, ids)
    same = taken & ~others
    delivery.chunk.contact_ids[content.rows[same]] = ids[same]
    blocks = delivery.progress.settle_content(
        content, same, Outcome.DELIVERED, batch.call, with_joins=not hold_joins
    )
    if delivery.way is MembershipWay.BULK and not hold_joins:
        delivery.joins_unchecked |= len(content.joins.places) > 0
    if not (taken | unsure).all():
        blocks += _reject(delivery, batch, content, ~(taken | unsure), LEFT_OUT, 200)
    if unsure.any():
        delivery.queue.add_again(Batch(content.rows[unsure], batch.lists[unsure], batch.feeds))
    if hold_joins:
        here = same[content.joins.places]
        held = content.rows[content.joins.places[here]].tolist()
        for row, column in zip(held, content.joins.columns[here].tolist(), strict=True):
            delivery.progress.doubt(Operation.JOIN, row, column)
    places = np.flatnonzero(others).tolist()
    for place in places:
        delivery.progress.doubt_content(content.at(place))
    await delivery.flusher.write(blocks)
    delivery.go_on(content.rows[(~taken if hold_joins else ~others) & ~unsure])
    for place in places:
        await meet_another(delivery, batch, content.at(place), str(ids[place]), hold_joins=hold_joins)


def in_long_runs(left_out: Mask) -> Mask:
    """Tell which places lie in a row of so many that were left out that they look refused alike."""
    edges = np.flatnonzero(np.diff(np.concatenate(([False], left_out, [False]))))
    found = np.zeros(len(left_out), np.bool_)
    for start, end in zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True):
        found[start:end] = end - start >= MOST_ALIKE
    return found


def _is_another(delivery: ChunkDelivery, rows: npt.NDArray[np.int64], ids: Texts) -> Mask:
    """Tell under which addresses another contact was taken than the one that is known from before.

    What this run learnt of a row, or moved to its address, was looked at already.
    """
    known, now = delivery.chunk.planned_ids[rows], delivery.chunk.contact_ids[rows]
    another: Mask = is_there(known) & np.equal(known, now) & np.not_equal(known, ids)
    return another


async def _refused(
    delivery: ChunkDelivery, batch: Batch, content: Content, error: RequestRefusedError
) -> None:
    """Split a batch that was refused; who stands alone is rejected."""
    if batch.call.in_doubt:
        delivery.progress.doubt_content(content)
    if delivery.stopping.stops(error):
        return
    delivery.stopping.answered()
    if len(batch) > 1:
        delivery.queue.add_halves(batch, batch.call.max_attempts)
        return
    _refused_alone(delivery, batch, content, reason_of(error, content.contacts), error.status)


async def _none_taken(delivery: ChunkDelivery, batch: Batch, content: Content) -> None:
    """Split a batch of which nobody was taken: a 2xx that leaves all out says nothing of anybody."""
    if batch.call.in_doubt:
        delivery.progress.doubt_content(content)
    if len(batch) > 1:
        text = f"POST /contacts was answered 200, but took none of {len(batch)} contacts"
        delivery.stopping.missed(AccountRefusedError(text, status=200))
        delivery.queue.add_halves(batch, batch.call.max_attempts)
        return
    _refused_alone(delivery, batch, content, LEFT_OUT, 200)


def _refused_alone(
    delivery: ChunkDelivery, batch: Batch, content: Content, reason: str, status: int | None
) -> None:
    """Reject the one contact of a batch once it is known that others are taken.

    Then its other lists are tried: it may have been refused for this one.
    """
    (row,) = batch.rows.tolist()

    async def book() -> None:
        blocks = _reject(delivery, batch, content, np.ones(1, np.bool_), reason, status)
        await delivery.flusher.write(blocks)
        for column in delivery.chunk.due_joins(row)[:1]:
            delivery.queue.add_alone(row, column)

    delivery.refusals.refused(Operation.UPSERT, (row, int(batch.lists[0])), reason, book)


def _reject(
    delivery: ChunkDelivery,
    batch: Batch,
    content: Content,
    refused: npt.NDArray[np.bool_],
    reason: str,
    status: int | None,
) -> list[Block]:
    blocks = delivery.progress.settle_content(
        content, refused, Outcome.REJECTED, batch.call, reason=reason, status=status
    )
    lost = content.rows[content.upserts & refused].tolist()
    return blocks + delivery.progress.reject_due_joins(lost, batch.call, UPSERT_REFUSED)


async def _unanswered(
    delivery: ChunkDelivery, batch: Batch, content: Content, error: DestinationError
) -> None:
    """Try smaller batches: heavy ones time out, one contact may break a server or displease a firewall.

    Who stands alone then is given up, not rejected: nothing was said of them.
    """
    if batch.call.in_doubt or isinstance(error, OutcomeUnknownError):
        delivery.progress.doubt_content(content)
    if delivery.stopping.stops(error):
        return
    delivery.stopping.missed(error)
    if isinstance(error, OutcomeUnknownError | AccountRefusedError) and len(batch) > 1:
        delivery.queue.add_halves(batch, _ATTEMPTS_AFTER_SPLIT)
        return
    reason = reason_of(error, content.contacts)
    await delivery.flusher.write(
        delivery.progress.leave_open(content, batch.call, reason=reason, status=error.status)
    )


def _ids(answer: Mapping[str, str], emails: Sequence[str | None]) -> Texts:
    """Return the contact id of each address, or None, in whatever form the address is answered."""
    ids = [answer.get(email or "") for email in emails]
    if None in ids:
        ours = set(emails)
        others = {_form(email): contact_id for email, contact_id in answer.items() if email not in ours}
        ids = [
            contact_id if contact_id is not None else others.get(_form(email or ""))
            for contact_id, email in zip(ids, emails, strict=True)
        ]
    return np.array([one if isinstance(one, str) and one else None for one in ids], np.object_)


def _form(email: str) -> str:
    """Return the form in which two texts of one address are alike, as far as it is an address at all."""
    judged = judge_email(email)
    return email.strip().lower() if isinstance(judged, EmailRefusal) else judged
