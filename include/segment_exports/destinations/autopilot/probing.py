"""Finds out whether bulk upserts honour ``_autopilot_list``, and keeps checking it.

Only operations that are due anyway are used for it, so that nothing is written that isn't due.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from segment_exports.delivery.chunk import State, is_due, is_there
from segment_exports.delivery.content import Content, Memberships
from segment_exports.delivery.queue import NO_LIST, Batch
from segment_exports.destinations.autopilot.batches import send_batch
from segment_exports.destinations.autopilot.membership import (
    BulkAnswer,
    MembershipMemory,
    MembershipWay,
    is_listed,
    missing_members,
)
from segment_exports.records.outcomes import Operation, Outcome
from segment_exports.transport.call import Call

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import numpy.typing as npt

    from segment_exports.destinations.autopilot.chunk_delivery import ChunkDelivery

WORTH_A_PROBE = 20
"""Joins in a chunk below which single calls are cheaper than finding out."""

SAMPLE = 5
_CANDIDATES = 3
_DISAGREES = (
    "a sample showed that bulk upserts don't put contacts on lists; all joins were sent as single calls"
)


async def choose_way(delivery: ChunkDelivery) -> None:
    """Decide how membership is kept in this chunk; probes only where that pays."""
    asked = delivery.job.membership
    if asked != "auto":
        delivery.use(MembershipWay(asked))
        return
    joins = int(is_due(delivery.chunk.join).sum())
    memory = MembershipMemory(delivery.job.account)
    answer = memory.read()
    is_new = any(delivery.chunk.contact_ids[row] is None for row in _candidates(delivery))
    if answer is not None and (answer.is_refuted or answer.serves(new_contacts=is_new)):
        pass
    elif joins < WORTH_A_PROBE:
        delivery.use(MembershipWay.LIST)
        return
    else:
        delivery.use(MembershipWay.BULK)
        answer = await _probe(delivery, answer or BulkAnswer(None, None))
        if answer != BulkAnswer(None, None):
            memory.write(answer, delivery.now())
    delivery.use(MembershipWay.BULK if answer.serves(new_contacts=is_new) else MembershipWay.LIST)


async def send_canary(delivery: ChunkDelivery) -> None:
    """Send a first batch with joins, and believe them only after a sample was seen to stand."""
    batch = delivery.queue.take_joining()
    if batch is None:
        return
    content = await send_batch(delivery, batch, hold_joins=True)
    if content is None:
        return
    rows, columns = content.rows[content.joins.places], content.joins.columns
    held = delivery.chunk.join[rows, columns] == State.IN_DOUBT
    rows, columns = rows[held], columns[held]
    if await _misses(delivery, rows, columns):
        await fall_back(delivery)
        return
    delivery.joins_unchecked = True
    await _settle_joins(delivery, batch, list(zip(rows.tolist(), columns.tolist(), strict=True)))
    delivery.go_on(np.unique(rows))


async def check_joins(delivery: ChunkDelivery) -> None:
    """Check a sample of all joins of the chunk, and that the lists have at least so many members.

    Where they don't stand, all of them become due again, as single calls.
    """
    chunk = delivery.chunk
    rows, columns = np.nonzero(chunk.join == State.DELIVERED)
    stand = not await _misses(delivery, rows, columns)
    for column in np.unique(columns).tolist() if stand else ():
        total = await delivery.client.count_members(delivery.list_id(column))
        stand = stand and (total is None or total >= int((columns == column).sum()))
    if stand:
        delivery.joins_unchecked = False
    else:
        await fall_back(delivery)


async def fall_back(delivery: ChunkDelivery) -> None:
    """Make every join of the chunk due again, as single calls, and forget that bulk upserts serve."""
    chunk = delivery.chunk
    MembershipMemory(delivery.job.account).forget()
    call = Call()
    blocks = []
    for column in range(len(chunk.titles)):
        rows = np.flatnonzero(chunk.join[:, column] == State.DELIVERED).tolist()
        if rows:
            blocks.append(
                delivery.progress.settle(
                    Operation.JOIN, rows, Outcome.FAILED, call, column=column, reason=_DISAGREES
                )
            )
            chunk.join[rows, column] = State.IN_DOUBT
    await delivery.flusher.write(blocks)
    delivery.joins_unchecked = False
    delivery.use(MembershipWay.LIST, _DISAGREES)
    delivery.plan()


async def _probe(delivery: ChunkDelivery, known: BulkAnswer) -> BulkAnswer:
    """Try a new contact and an existing one that is verified not to be a member."""
    new, existing = known.new, known.existing
    rows = _candidates(delivery)
    if new is None:
        new = await _try_new(delivery, rows)
    if existing is None and new is not False:
        existing = await _try_existing(delivery, rows)
    return BulkAnswer(new, existing)


async def _try_new(delivery: ChunkDelivery, rows: Sequence[int]) -> bool | None:
    chunk = delivery.chunk
    unknown = (row for row in rows if chunk.contact_ids[row] is None and is_due(chunk.upsert[row]))
    for _, row in zip(range(_CANDIDATES), unknown, strict=False):
        if await delivery.client.contact(chunk.emails[row] or "") is None:
            return await _try_join(delivery, row)
    return None


async def _try_existing(delivery: ChunkDelivery, rows: Sequence[int]) -> bool | None:
    chunk = delivery.chunk
    left = [row for row in rows if is_due(chunk.join[row]).any()]
    known = [row for row in left if chunk.contact_ids[row] is not None]
    # Else one is made to exist: its upsert is due as well.
    for row in [*known[:_CANDIDATES], *[row for row in left if row not in known][:_CANDIDATES]]:
        if chunk.contact_ids[row] is None:
            await send_batch(delivery, _alone(row, NO_LIST), hold_joins=True)
        contact, due = chunk.contact_ids[row], chunk.due_joins(row)
        if contact is None or not due:  # refused, and its joins with it
            continue
        if await is_listed(delivery.client, delivery.list_id(due[0]), contact, _no_wait) is False:
            return await _try_join(delivery, row)
    return None


async def _try_join(delivery: ChunkDelivery, row: int) -> bool | None:
    """Send a row with its first list, and tell whether it stands on it; None if that says nothing."""
    chunk, known = delivery.chunk, delivery.chunk.contact_ids[row]
    column = chunk.due_joins(row)[0]
    batch = _alone(row, column)
    content = await send_batch(delivery, batch, hold_joins=True)
    contact = chunk.contact_ids[row]
    if content is None or contact is None or (known is not None and contact != known):
        return None  # not taken, or taken as another contact than the one that was tried
    stands = await is_listed(delivery.client, delivery.list_id(column), contact, delivery.sleep)
    if stands:
        await _settle_joins(delivery, batch, [(row, column)])
    return stands


async def _settle_joins(delivery: ChunkDelivery, batch: Batch, joins: Sequence[tuple[int, int]]) -> None:
    content = _only_joins(joins)
    everywhere = np.ones(len(joins), np.bool_)
    blocks = delivery.progress.settle_content(content, everywhere, Outcome.DELIVERED, batch.call)
    await delivery.flusher.write(blocks)


def _only_joins(joins: Sequence[tuple[int, int]]) -> Content:
    rows, columns = np.array(joins, np.int64).reshape(-1, 2).T
    return Content(rows, [], np.zeros(len(rows), np.bool_), Memberships(np.arange(len(rows)), columns))


async def _misses(
    delivery: ChunkDelivery, rows: npt.NDArray[np.int64], columns: npt.NDArray[np.int64]
) -> bool:
    """Tell whether one of a few of these joins does not stand at the destination."""
    chunk = delivery.chunk
    memberships = [
        (delivery.list_id(int(columns[place])), contact)
        for place in _sample(is_there(chunk.planned_ids[rows]), delivery.uniform)
        if (contact := chunk.contact_ids[rows[place]]) is not None
    ]
    return await missing_members(delivery.client, memberships, delivery.sleep) > 0


def _sample(was_known: npt.NDArray[np.bool_], uniform: Callable[[], float]) -> list[int]:
    """Return places at random, half of contacts known before: lists may be honoured for new ones only."""
    known, new = np.flatnonzero(was_known).tolist(), np.flatnonzero(~was_known).tolist()
    of_known = min(len(known), max(SAMPLE // 2 + 1, SAMPLE - len(new)))
    return [
        left.pop(int(uniform() * len(left)))
        for left, count in ((known, of_known), (new, min(len(new), SAMPLE - of_known)))
        for _ in range(count)
    ]


def _candidates(delivery: ChunkDelivery) -> list[int]:
    """Return rows with an address and a join due of which nothing has to be looked up before."""
    chunk = delivery.chunk
    rows = np.flatnonzero(is_due(chunk.join).any(axis=1) & ~chunk.held_back)
    usable = rows[is_there(chunk.emails[rows]) & ~chunk.has_previous_ids[rows]]
    found: list[int] = usable.tolist()
    return found


def _alone(row: int, column: int) -> Batch:
    return Batch(np.array([row]), np.array([column]))


async def _no_wait(_seconds: float) -> None:
    """Wait for nothing: nobody has asked for the membership yet."""
