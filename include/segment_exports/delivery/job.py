"""What one upload task is asked to do, and what it answers."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from segment_exports.errors import StagingError
from segment_exports.records.outcomes import Outcome

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from segment_exports.definition import ListTarget
    from segment_exports.delivery.chunk import Chunk
    from segment_exports.records.staging import Store


@dataclass(frozen=True)
class RejectedGuard:
    """Stop the run when more than ``stop_above`` of the contacts judged are rejected.

    Judged are the contacts of all chunks of the run that the destination took or refused so far;
    below ``minimum_judged`` of them the guard is silent.
    """

    stop_above: float = 0.5
    minimum_judged: int = 500

    def trips(self, judged: int, rejected: int) -> bool:
        """Tell whether these counts stop the run."""
        return judged >= self.minimum_judged and rejected > self.stop_above * judged


@dataclass(frozen=True, kw_only=True)
class ChunkJob:
    """One chunk to deliver.

    :param run: the run's own folder (``RunFiles.store``); chunk and receipts lie there.
    :param number: which chunk.
    :param fingerprint: :func:`segment_exports.records.receipts.chunk_fingerprint` of the chunk that was
        planned; the delivery refuses a chunk file with another content.
    :param account: folder of what is known of the account (``<staging>/_accounts/<connection>``).
    :param lists: every list that the chunk's keys may name. A key without a target here is an error.
    :param former_lists: titles of those that the definition names no more; they may be gone.
    :param membership: ``auto``, ``bulk``, ``list`` or ``field``, as the definition says.
    :param requests_in_flight: requests sent and not yet written down as receipts, at most.
    :param deadline: when to stop, UTC; what is not sent by then stays unsent.
    :param resend_rejected: send again what an earlier attempt at this chunk was refused.
    :param should_stop: asked every ``stop_poll_seconds`` in a thread; a text stops the delivery.
    :param begun: called before the first request of an attempt, when that is written down.
    :param erased: asked before the first request and as often, in a thread; returns the keyed hashes of
        addresses and customers of all who were erased.
    """

    run: Store
    number: int
    fingerprint: str
    account: Store
    lists: tuple[ListTarget, ...] = ()
    former_lists: frozenset[str] = frozenset()
    membership: str = "auto"
    requests_in_flight: int = 8
    deadline: datetime | None = None
    guard: RejectedGuard = field(default_factory=RejectedGuard)
    resend_rejected: bool = False
    should_stop: Callable[[], str | None] | None = None
    begun: Callable[[], None] = lambda: None
    erased: Callable[[], frozenset[bytes]] = frozenset
    stop_poll_seconds: float = 2.0


def require_targets(job: ChunkJob, chunk: Chunk) -> None:
    """Refuse a chunk that names a list which the job has no target for.

    :raises StagingError: naming those lists.
    """
    known = {target.title for target in job.lists}
    unknown = [title for title in chunk.titles[: chunk.unsubscribe] if title not in known]
    if unknown:
        raise StagingError(f"the chunk names lists that the export does not have: {', '.join(unknown)}")


class StopKind(StrEnum):
    """Why a delivery ended before its chunk was done."""

    CREDENTIALS = "credentials"
    FORBIDDEN = "forbidden"
    REFUSED_ALIKE = "refused_alike"
    REJECTED_GUARD = "rejected_guard"
    ASKED = "asked"
    DEADLINE = "deadline"
    LIST = "list"
    UNREACHABLE = "unreachable"
    NOT_THE_API = "not_the_api"


@dataclass(frozen=True)
class Stop:
    """Why a delivery ended early; ``message`` is meant for the user."""

    kind: StopKind
    message: str


@dataclass(frozen=True)
class ChunkResult:
    """What became of a chunk, over all attempts at it so far.

    ``counts`` are the planned operations by operation and outcome. ``requests`` (total, throttled,
    retried) are those of this attempt. ``membership`` is the way that was used and
    ``membership_note`` says why where that was not the way asked for. ``recreated`` counts contacts
    that were deleted or merged at the destination; ``rejoined`` the memberships sent again for them.
    ``delivered_before`` are operations that an earlier attempt had done already. ``trouble`` is the last
    answer, or what came instead, that left something undone. ``held_back`` are operations that were left
    undone because their people were erased.
    """

    chunk: int
    attempt: int
    counts: Mapping[str, Mapping[str, int]]
    requests: Mapping[str, int]
    membership: str
    membership_note: str | None
    recreated: int
    rejoined: int
    delivered_before: int
    stopped: Stop | None
    seconds: float
    trouble: str | None = None
    held_back: int = 0

    def count(self, outcome: Outcome) -> int:
        """Return how many operations have this outcome."""
        return sum(by_outcome.get(outcome, 0) for by_outcome in self.counts.values())

    @property
    def complete(self) -> bool:
        """Whether nothing is left for another attempt, which would go on from here."""
        undone = self.count(Outcome.FAILED) + self.count(Outcome.NOT_SENT)
        return self.stopped is None and undone == self.held_back

    def to_json(self) -> dict[str, Any]:
        """Return the result as JSON values (it travels through XCom; counts only)."""
        return asdict(self)
