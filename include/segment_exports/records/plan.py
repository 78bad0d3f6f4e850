"""``plan.json``: what a run is going to do, decided before the first request.

The plan is the only thing that chunking, uploading and settling believe; they never ask the definition
again, which may have changed since.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from pydantic import BaseModel, ConfigDict


class PlanState(StrEnum):
    """What the plan comes to."""

    READY = "ready"
    NOTHING_DUE = "nothing_due"
    SUPERSEDED = "superseded"
    STOPPED = "stopped"


class Comparison(StrEnum):
    """Against what the contacts were compared."""

    FIRST = "first"
    CHANGES = "changes"
    FULL = "full"


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class PlannedContacts(_Model):
    """Contacts of the run by what is due; ``total`` is the sum of the others."""

    total: int = 0
    unchanged: int = 0
    due: int = 0
    refused_before: int = 0
    suppressed_before: int = 0
    superseded: int = 0


class PlannedOperations(_Model):
    """Operations that are due."""

    upsert: int = 0
    join: int = 0
    leave: int = 0


class PlannedList(_Model):
    """One list: ``held`` memberships before the run, what changes, and whether it was read whole.

    ``added`` are those joins whose member wasn't held before: the others are sent again. ``filled``:
    the list once got all members of its segments.
    """

    title: str
    list_id: str | None
    held: int
    joins: int
    added: int
    leaves: int
    whole: bool
    filled: bool


class PlannedLimit(_Model):
    """The profile limit; ``used`` counts distinct addresses, this run's included."""

    scope: str
    allowed: int
    used: int


class RequestEstimate(_Model):
    """The least number of requests by way of keeping membership; the account's rate turns it into time."""

    list: int
    bulk: int
    field: int


class Plan(_Model):
    """The whole plan of one run. ``fence`` is None in a dry run, which takes no lease."""

    export: str
    account: str
    run_id: str
    state: PlanState
    planned_at: str
    fence: int | None
    base_sequence: int
    dry_run: bool
    comparison: Comparison
    comparison_why: str | None
    mapping_fingerprint: str
    secret_fingerprint: str
    membership: str
    requests_per_second: float
    snapshots: dict[str, str]
    over_limit: int
    contacts: PlannedContacts
    operations: PlannedOperations
    lists: tuple[PlannedList, ...]
    limit: PlannedLimit
    least_requests: RequestEstimate
    tripped_guards: tuple[str, ...]
    red_reasons: tuple[str, ...]
    warnings: tuple[str, ...]

    def least_seconds(self) -> RequestEstimate:
        """Return the least time (whole seconds) at the account's rate, by way of keeping membership."""
        return RequestEstimate(
            **{way: round(count / self.requests_per_second) for way, count in self.least_requests}
        )


@dataclass(frozen=True)
class RunOptions:
    """What an operator chose in the trigger form, or nothing.

    ``full_resync`` ignores what the ledger knows to be delivered; it also confirms that a lost ledger
    is to be made anew. ``retry_rejected`` sends what was refused before, and asks again for those who
    unsubscribed under an earlier address. ``force`` sends a snapshot older than the ledger's.
    ``reconcile`` reads the lists' members back first.
    """

    dry_run: bool = False
    full_resync: bool = False
    retry_rejected: bool = False
    force: bool = False
    reconcile: bool = False
