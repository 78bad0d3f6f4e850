"""The figures of a run report, from what the steps left."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from segment_exports.mapping.permission import Withholding
from segment_exports.records.outcomes import UNSUBSCRIBE, Operation, Outcome
from segment_exports.records.report import (
    ContactCounts,
    ErasureCounts,
    LimitUse,
    ListCounts,
    MergedCounts,
    OperationCounts,
    ProfileCounts,
    RejectedCounts,
    RequestCounts,
    Seconds,
    SegmentCounts,
)

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from segment_exports.definition import ExportDefinition
    from segment_exports.records.notes.approval import Approval
    from segment_exports.records.plan import Plan, PlannedList
    from segment_exports.records.problems import Reason
    from segment_exports.records.step_counts import RunCounts
    from segment_exports.records.wait_record import WaitRecord
    from segment_exports.settling.counting import Settlement
    from segment_exports.settling.forgetting import Forgotten


@dataclass(frozen=True)
class RunFacts:
    """All that a report is made of; ``counts`` and ``plan`` are None where the run didn't get so far.

    ``leaving`` counts erased people who were to be taken off lists, ``forgotten`` what was taken out of the
    books of such. ``approval`` is what a person was asked of the plan, and decided. ``list_ids`` are those of
    the account's lists by title, the ones that this run made included.
    """

    definition: ExportDefinition
    account: str
    run_id: str
    agreement: dict[str, str] | None
    refresh: WaitRecord | None
    counts: RunCounts | None
    plan: Plan | None
    settlement: Settlement
    leaving: int
    forgotten: Forgotten
    problems: Mapping[str, Reason]
    failed_steps: tuple[str, ...]
    approval: Approval | None
    dry_run: bool
    list_ids: Mapping[str, str]
    settled_at: datetime
    run_seconds: float
    warnings: tuple[str, ...] = ()
    unmended_losses: tuple[str, ...] = ()

    @property
    def is_approved(self) -> bool:
        """Whether a person let the plan pass although a guard tripped."""
        return self.approval is not None and self.approval.is_given


def segment_counts(facts: RunFacts) -> dict[str, SegmentCounts]:
    """Return what was read of each segment."""
    counts = facts.counts
    if counts is None:
        return {}
    return {
        name: SegmentCounts(read=read, snapshot=counts.snapshots[name], whole=counts.whole[name])
        for name, read in counts.read.items()
    }


def profile_counts(facts: RunFacts) -> ProfileCounts:
    """Return the profiles, and what became of those that are no contacts."""
    if facts.counts is None:
        return ProfileCounts()
    profiles = facts.counts.profiles
    return ProfileCounts(
        read=profiles["read"],
        invalid=profiles["invalid"],
        withheld=profiles["withheld"],
        merged=profiles["merged"],
        over_limit=facts.plan.over_limit if facts.plan else 0,
        merged_why=MergedCounts(
            same_customer=profiles["merged_same_customer"], same_address=profiles["merged_same_address"]
        ),
    )


def contact_counts(facts: RunFacts) -> ContactCounts:
    """Return the contacts by outcome."""
    if facts.counts is None:
        return ContactCounts()
    plan, settled = facts.plan, facts.settlement.contacts
    if plan is None:
        return ContactCounts(total=facts.counts.contacts, not_sent=facts.counts.contacts)
    planned = plan.contacts
    untouched = planned.due - sum(settled.values())
    return ContactCounts(
        total=planned.total,
        unchanged=planned.unchanged,
        delivered=settled[Outcome.DELIVERED],
        rejected=settled[Outcome.REJECTED] + planned.refused_before,
        suppressed=settled[Outcome.SUPPRESSED] + planned.suppressed_before,
        failed=settled[Outcome.FAILED],
        not_sent=settled[Outcome.NOT_SENT] + planned.superseded + planned.unjudged + planned.gone + untouched,
    )


def operation_counts(facts: RunFacts, operation: Operation) -> OperationCounts:
    """Return what became of the operations of one kind."""
    if facts.plan is None:
        return OperationCounts()
    return _what_became(facts.settlement, operation, getattr(facts.plan.operations, operation.value))


def list_counts(facts: RunFacts) -> dict[str, ListCounts]:
    """Return what was done to each list, by title."""
    return {one.title: _list(facts, one) for one in (facts.plan.lists if facts.plan else ())}


def _list(facts: RunFacts, planned: PlannedList) -> ListCounts:
    title, settlement = planned.title, facts.settlement
    joins = _what_became(settlement, Operation.JOIN, planned.joins, title)
    leaves = _what_became(settlement, Operation.LEAVE, planned.leaves, title)
    return ListCounts(
        list_id=planned.list_id or facts.list_ids.get(title),
        held_before=planned.held,
        held_after=_held_after(facts, title),
        joins=joins.delivered,
        leaves=leaves.delivered,
        operations={Operation.JOIN: joins, Operation.LEAVE: leaves},
    )


def unsubscribe_counts(facts: RunFacts) -> OperationCounts:
    """Return what became of the leaves that are unsubscribes."""
    if facts.plan is None:
        return OperationCounts()
    planned = facts.plan.operations.leave - sum(one.leaves for one in facts.plan.lists)
    return _what_became(facts.settlement, Operation.LEAVE, planned, UNSUBSCRIBE)


def _what_became(settlement: Settlement, operation: Operation, planned: int, *lists: str) -> OperationCounts:
    """Return what became of planned operations of one kind, and of those that were added while sending."""
    done = settlement.outcomes(operation, *lists)
    counts = {outcome.value: count for outcome, count in done.items() if outcome is not Outcome.UNCHANGED}
    # Operations that never came into a chunk.
    counts[Outcome.NOT_SENT.value] += planned - settlement.in_chunks(operation, *lists)
    return OperationCounts(planned=sum(counts.values()), **counts)


def _held_after(facts: RunFacts, title: str) -> int | None:
    members = facts.settlement.members
    return None if members is None else members.get(title, 0)


def erasure_counts(facts: RunFacts) -> ErasureCounts:
    """Return how many erased people there are, and what was done about them."""
    plan, gone = facts.plan, facts.forgotten
    return ErasureCounts(
        tombstones=plan.tombstones if plan else 0,
        new=plan.new_tombstones if plan else 0,
        withheld=facts.counts.withheld_addresses.get(Withholding.ERASED, 0) if facts.counts else 0,
        leaving=facts.leaving,
        left=facts.settlement.left,
        not_sent=facts.settlement.erased,
        forgotten=gone.ledger_rows + gone.operations + gone.refusals,
        waiting=gone.waiting,
    )


def rejected_counts(facts: RunFacts) -> RejectedCounts:
    """Return how many contacts refused.csv names."""
    return RejectedCounts(
        new=len(facts.settlement.rejected_now), before=len(facts.settlement.rejected_before)
    )


def request_counts(facts: RunFacts) -> RequestCounts:
    """Return the requests, and the least that it takes."""
    used = facts.settlement.requests
    if facts.plan is None:
        return RequestCounts(**used)
    way = facts.settlement.membership or facts.plan.membership
    return RequestCounts(
        **used,
        least=facts.plan.least_requests.of(way),
        least_seconds=facts.plan.least_seconds(way),
    )


def seconds(facts: RunFacts) -> Seconds:
    """Return the time spent."""
    counts = facts.counts
    return Seconds(
        extract=round(counts.extract_seconds, 3) if counts else 0.0,
        map=round(counts.map_seconds, 3) if counts else 0.0,
        upload=round(facts.settlement.upload_seconds, 3),
        run=round(facts.run_seconds, 3),
    )


def limit_use(facts: RunFacts) -> LimitUse:
    """Return the profile limit and how much of it is used."""
    plan, limit = facts.plan, facts.definition.limit
    return LimitUse(
        scope=limit.scope.value,
        allowed=plan.limit.allowed if plan else limit.profiles,
        used=plan.limit.used if plan else 0,
    )
