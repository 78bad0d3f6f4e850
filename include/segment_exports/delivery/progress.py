"""What became of each operation: its state, its receipt, and the guard on rejections."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from segment_exports.delivery.chunk import STATE_OF, State
from segment_exports.delivery.flushing import Block
from segment_exports.delivery.job import StopKind
from segment_exports.delivery.queue import NO_LIST
from segment_exports.records.outcomes import ERASED, Operation, Outcome, percent

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from datetime import datetime

    import numpy.typing as npt

    from segment_exports.delivery.chunk import Chunk
    from segment_exports.delivery.content import Content
    from segment_exports.delivery.job import RejectedGuard
    from segment_exports.delivery.stopping import Stopping
    from segment_exports.transport.call import Call

    Mask = npt.NDArray[np.bool_]
    Rows = npt.NDArray[np.int64]


UNSUBSCRIBED_BEFORE = "unsubscribed under an earlier address"


class Progress:
    """Settles operations of one chunk; every settling gives a block for the receipts.

    :param elsewhere: (judged, rejected) contacts of the run's other chunks.
    """

    def __init__(
        self,
        chunk: Chunk,
        guard: RejectedGuard,
        stopping: Stopping,
        *,
        elsewhere: tuple[int, int],
        now: Callable[[], datetime],
    ) -> None:
        self._chunk = chunk
        self._guard = guard
        self._stopping = stopping
        self._elsewhere = elsewhere
        self._now = now
        rejected = (chunk.upsert == State.REJECTED) | (chunk.join == State.REJECTED).any(axis=1)
        delivered = (chunk.upsert == State.DELIVERED) | (chunk.join == State.DELIVERED).any(axis=1)
        self._is_rejected = rejected
        self._is_judged = rejected | delivered
        self.judged = int(self._is_judged.sum())
        self.rejected = int(rejected.sum())

    def settle(
        self,
        operation: Operation,
        rows: Sequence[int] | Rows,
        outcome: Outcome,
        call: Call,
        *,
        column: int = NO_LIST,
        reason: str | None = None,
        status: int | None = None,
    ) -> Block:
        """Give one operation of these rows its outcome; ``column`` is the list's, for joins and leaves."""
        chunk, rows = self._chunk, np.asarray(rows, np.int64)
        states = chunk.states(operation)
        if column == NO_LIST:
            states[rows] = STATE_OF[outcome]
        else:
            states[rows, column] = STATE_OF[outcome]
        if operation is not Operation.LEAVE and outcome in (Outcome.DELIVERED, Outcome.REJECTED):
            self._judge(rows, is_rejected=outcome is Outcome.REJECTED)
        return Block(
            rows.tolist(),
            operation,
            None if column == NO_LIST else chunk.titles[column],
            outcome,
            chunk.ids_of(operation, rows).tolist(),
            chunk.recreated[rows].tolist(),
            reason,
            status,
            call.attempts,
            int(self._now().timestamp() * 1000),
        )

    def settle_content(
        self,
        content: Content,
        chosen: Mask,
        outcome: Outcome,
        call: Call,
        *,
        with_joins: bool = True,
        reason: str | None = None,
        status: int | None = None,
    ) -> list[Block]:
        """Give everything that a batch carried out for the contacts at the chosen places its outcome."""
        by_column = [(Operation.UPSERT, NO_LIST, content.rows[content.upserts & chosen])]
        changes = [(Operation.LEAVE, content.leaves)]
        if with_joins:
            changes.append((Operation.JOIN, content.joins))
        for operation, (places, columns) in changes:
            is_chosen = chosen[places]
            for column in sorted(set(columns.tolist())):
                rows = content.rows[places[is_chosen & (columns == column)]]
                by_column.append((operation, column, rows))
        return [
            self.settle(operation, rows, outcome, call, column=column, reason=reason, status=status)
            for operation, column, rows in by_column
            if len(rows)
        ]

    def reject_due_joins(self, rows: Iterable[int], call: Call, reason: str) -> list[Block]:
        """Give joins that can't come about any more their outcome."""
        return self._settle_due_joins(rows, Outcome.REJECTED, call, reason)

    def suppress_due_joins(self, row: int, call: Call) -> list[Block]:
        """Give joins that must not come about their outcome: the person has unsubscribed before."""
        return self._settle_due_joins([row], Outcome.SUPPRESSED, call, UNSUBSCRIBED_BEFORE)

    def _settle_due_joins(
        self, rows: Iterable[int], outcome: Outcome, call: Call, reason: str
    ) -> list[Block]:
        return [
            self.settle(Operation.JOIN, [row], outcome, call, column=column, reason=reason)
            for row in rows
            for column in self._chunk.due_joins(row)
        ]

    def leave_open(
        self, content: Content, call: Call, *, reason: str | None = None, status: int | None = None
    ) -> list[Block]:
        """Give up what a batch was to carry out: failed where it may have been done, else not sent."""
        by_fate: dict[tuple[Operation, int, Outcome], list[int]] = {}
        for operation, row, column in _operations(content):
            fate = self.open_fate(operation, row, column)
            by_fate.setdefault((operation, column, fate), []).append(row)
        return [
            self.settle(operation, rows, fate, call, column=column, reason=reason, status=status)
            for (operation, column, fate), rows in by_fate.items()
        ]

    def open_fate(self, operation: Operation, row: int, column: int = NO_LIST) -> Outcome:
        """Return the outcome of an operation that is given up: what may have been done is never forgotten."""
        states = self._chunk.states(operation)
        state = states[row] if column == NO_LIST else states[row, column]
        return Outcome.FAILED if state == State.IN_DOUBT else Outcome.NOT_SENT

    def is_in_doubt(self, content: Content) -> bool:
        """Tell whether anything that a batch is to carry out may have been done already."""
        return any(self.open_fate(*one) is Outcome.FAILED for one in _operations(content))

    def doubt(self, operation: Operation, row: int, column: int = NO_LIST) -> None:
        """Note that an operation, still due, may have been done."""
        states = self._chunk.states(operation)
        if column == NO_LIST:
            states[row] = State.IN_DOUBT
        else:
            states[row, column] = State.IN_DOUBT

    def doubt_content(self, content: Content) -> None:
        """Note that everything that a batch was to carry out may have been done."""
        for one in _operations(content):
            self.doubt(*one)

    def close(self, call: Call, reason: str | None) -> list[Block]:
        """Settle all that is still due: not sent, or failed where it may have been done.

        :param reason: why the delivery ended early; of people who were erased that is the reason.
        """
        blocks = []
        for operation in Operation:
            states = self._chunk.states(operation)
            columns = [NO_LIST] if states.ndim == 1 else range(states.shape[1])
            for column in columns:
                own = states if column == NO_LIST else states[:, column]
                for state, outcome in ((State.PENDING, Outcome.NOT_SENT), (State.IN_DOUBT, Outcome.FAILED)):
                    for erased, why in ((False, reason), (True, ERASED)):
                        rows = np.flatnonzero((own == state) & (self._chunk.held_back == erased))
                        if len(rows):
                            blocks.append(
                                self.settle(operation, rows, outcome, call, column=column, reason=why)
                            )
        return blocks

    def _judge(self, rows: Rows, *, is_rejected: bool) -> None:
        self.judged += len(rows) - int(self._is_judged[rows].sum())
        self._is_judged[rows] = True
        if is_rejected:
            self.rejected += len(rows) - int(self._is_rejected[rows].sum())
            self._is_rejected[rows] = True
        judged, rejected = self.judged + self._elsewhere[0], self.rejected + self._elsewhere[1]
        if self._guard.trips(judged, rejected):
            self._stopping.stop_for(
                StopKind.REJECTED_GUARD,
                f"{rejected} of {judged} contacts judged in this run were rejected "
                f"({percent(rejected / judged)}); guards.stop_above_rejected allows "
                f"{percent(self._guard.stop_above)}. refused.csv of this run names each with its reason",
            )


def _operations(content: Content) -> Iterator[tuple[Operation, int, int]]:
    """Yield (operation, row, column of the list) of all that a batch is to carry out."""
    yield from ((Operation.UPSERT, row, NO_LIST) for row in content.rows[content.upserts].tolist())
    for operation, (places, columns) in ((Operation.JOIN, content.joins), (Operation.LEAVE, content.leaves)):
        rows = content.rows[places].tolist()
        yield from ((operation, row, column) for row, column in zip(rows, columns.tolist(), strict=True))
