"""Lists of a chunk that the account does not have any more: nobody is on them, or joins them again."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from segment_exports.delivery.chunk import is_due
from segment_exports.errors import ListProblemError
from segment_exports.records.outcomes import Operation, Outcome
from segment_exports.transport.call import Call

if TYPE_CHECKING:
    from collections.abc import Collection

    import numpy.typing as npt

    from segment_exports.delivery.destination import Attempt

LIST_GONE = "the list is not there any more"


def titles_to_make(attempt: Attempt) -> list[str]:
    """Return the titles of lists that contacts of a chunk are to join."""
    chunk = attempt.chunk
    return [chunk.titles[column] for column in columns_of(chunk.is_planned_join)]


async def settle_gone_lists(attempt: Attempt, there: Collection[str]) -> None:
    """Settle what is due on lists that are not there.

    Memberships that would only be sent again for contacts made anew are left out. Where a list is gone that
    the definition names no more, everybody has left it.

    :param there: titles of those that are.
    :raises ListProblemError: contacts are to leave one that the definition names.
    """
    chunk, titles = attempt.chunk, attempt.chunk.titles[: attempt.chunk.unsubscribe]
    chunk.forget_lists([column for column, title in enumerate(titles) if title not in there])
    left = columns_of(is_due(chunk.leave[:, : chunk.unsubscribe]))
    gone = [column for column in left if titles[column] not in there]
    vanished = [titles[column] for column in gone if titles[column] not in attempt.job.former_lists]
    if vanished:
        raise ListProblemError(
            f"contacts are to leave lists that the account does not have: {', '.join(vanished)}"
        )
    blocks = [
        attempt.progress.settle(
            Operation.LEAVE,
            np.flatnonzero(is_due(chunk.leave[:, column])).tolist(),
            Outcome.DELIVERED,
            Call(),
            column=column,
            reason=LIST_GONE,
        )
        for column in gone
    ]
    if blocks:
        await attempt.flusher.write(blocks)


def columns_of(states: npt.NDArray[np.bool_]) -> list[int]:
    """Return the columns in which any row is set."""
    found: list[int] = np.flatnonzero(np.any(states, axis=0)).tolist()
    return found
