"""The lists that a chunk's keys stand for, found or made before its first contact is sent."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from segment_exports.delivery.chunk import is_due
from segment_exports.destinations.autopilot.lists import ListRegistry, ensure_lists, refuse_shared_lists
from segment_exports.errors import ListProblemError
from segment_exports.records.outcomes import Operation, Outcome
from segment_exports.transport.call import Call

if TYPE_CHECKING:
    import numpy.typing as npt

    from segment_exports.destinations.autopilot.chunk_delivery import ChunkDelivery

LIST_GONE = "the list is not there any more"


async def find_list_ids(delivery: ChunkDelivery) -> dict[str, str]:
    """Return the ids of the chunk's lists by title; those to be joined are made if need be.

    Memberships that would only be sent again for contacts made anew are left out where their list is
    not there any more. Where a list is gone that the definition names no more, everybody has left it.

    :raises ListProblemError: a list has vanished, is double, not ours, or one with another of the export.
    """
    chunk, job = delivery.chunk, delivery.job
    targets = {target.title: target for target in job.lists}
    titles = chunk.titles[: chunk.unsubscribe]
    if not titles:
        return {}
    registry = ListRegistry(job.account)
    # Of all lists: a chunk may hold leaves of the one and nothing of the other.
    refuse_shared_lists(job.lists, registry, former=job.former_lists)
    ids = await ensure_lists(
        delivery.client,
        [targets[title] for title in titles],
        registry,
        make=[titles[column] for column in _columns(chunk.is_planned_join)],
        former=job.former_lists,
        now=delivery.now,
        sleep=delivery.sleep,
    )
    chunk.forget_lists([column for column, title in enumerate(titles) if title not in ids])
    left = _columns(is_due(chunk.leave[:, : chunk.unsubscribe]))
    gone = [column for column in left if titles[column] not in ids]
    vanished = [titles[column] for column in gone if titles[column] not in job.former_lists]
    if vanished:
        raise ListProblemError(
            f"contacts are to leave lists that the account does not have: {', '.join(vanished)}"
        )
    await _settle_leaves(delivery, gone)
    return ids


async def _settle_leaves(delivery: ChunkDelivery, columns: list[int]) -> None:
    """Write down that nobody is on some lists any more."""
    blocks = [
        delivery.progress.settle(
            Operation.LEAVE,
            np.flatnonzero(is_due(delivery.chunk.leave[:, column])).tolist(),
            Outcome.DELIVERED,
            Call(),
            column=column,
            reason=LIST_GONE,
        )
        for column in columns
    ]
    if blocks:
        await delivery.flusher.write(blocks)


def _columns(states: npt.NDArray[np.bool_]) -> list[int]:
    """Return the columns in which any row is set."""
    found: list[int] = np.flatnonzero(np.any(states, axis=0)).tolist()
    return found
