"""Make the run report from what the steps left, and judge whether the run is red."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from segment_exports.records.outcomes import Operation, counted
from segment_exports.records.plan import PlanState
from segment_exports.records.problems import bounded_reasons
from segment_exports.records.report import RunReport, RunState
from segment_exports.settling.red_reasons import held_back, red_reasons, what_was_sent
from segment_exports.settling.report_figures import (
    contact_counts,
    erasure_counts,
    limit_use,
    list_counts,
    operation_counts,
    profile_counts,
    rejected_counts,
    request_counts,
    seconds,
    segment_counts,
    unsubscribe_counts,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from segment_exports.records.report import ContactCounts
    from segment_exports.settling.report_figures import RunFacts


def make_report(facts: RunFacts) -> RunReport:
    """Return the report; its model refuses figures that don't add up."""
    contacts = contact_counts(facts)
    operations = {operation: operation_counts(facts, operation) for operation in Operation}
    rejected = rejected_counts(facts)
    state = _state(facts, contacts)
    reasons = bounded_reasons(red_reasons(facts, contacts, operations, rejected, state))
    plan = facts.plan
    return RunReport(
        export=facts.definition.name,
        run_id=facts.run_id,
        settled_at=facts.settled_at.isoformat(),
        snapshot=max(plan.snapshots.values(), default=None, key=datetime.fromisoformat) if plan else None,
        state=state,
        red=bool(reasons),
        red_reasons=tuple(one.text for one in reasons),
        what_to_do=tuple(one.advice for one in reasons),
        warnings=tuple(_warnings(facts)),
        account=facts.account,
        agreement=facts.agreement,
        approval=facts.approval,
        refresh=facts.refresh,
        comparison=plan.comparison.value if plan else None,
        comparison_why=plan.comparison_why if plan else None,
        membership=facts.settlement.membership or facts.definition.destination.membership.value,
        segments=segment_counts(facts),
        profiles=profile_counts(facts),
        contacts=contacts,
        rejected=rejected,
        erasures=erasure_counts(facts),
        recreated=facts.settlement.recreated,
        operations=operations,
        unsubscribes=unsubscribe_counts(facts),
        lists=list_counts(facts),
        requests=request_counts(facts),
        seconds=seconds(facts),
        limit=limit_use(facts),
    )


def _state(facts: RunFacts, contacts: ContactCounts) -> RunState:
    plan = facts.plan
    if facts.problems or facts.failed_steps or contacts.failed:
        clean = facts.problems and not contacts.failed
        return RunState.STOPPED if clean else RunState.FAILED
    if plan is None:
        return RunState.FAILED
    if plan.state is PlanState.SUPERSEDED:
        return RunState.SUPERSEDED
    if plan.is_stopped(approved=facts.is_approved):
        return RunState.STOPPED
    if facts.dry_run:
        return RunState.DRY_RUN
    return RunState.NOTHING_CHANGED if plan.state is PlanState.NOTHING_DUE else RunState.DELIVERED


def _warnings(facts: RunFacts) -> Iterator[str]:
    yield from facts.warnings
    waiting = held_back(facts)
    if waiting:
        yield waiting
    if facts.plan is None:
        return
    yield from facts.plan.warnings
    if facts.settlement.erased:
        yield (
            f"{counted(facts.settlement.erased, 'operation was', 'operations were')} not sent, since who is "
            f"concerned was erased after the plan was made; what was sent before, the next run takes off "
            f"our lists"
        )
    if facts.settlement.unfound:
        yield (
            f"{counted(facts.settlement.unfound, 'person', 'people')} who had to leave lists (refused or "
            f"erased: {facts.settlement.unfound_duties}) not found: the contact that was delivered is gone, "
            f"and the run has no address of theirs. If it was merged or made anew there, it is on the lists "
            f"still: trigger a run with reconcile, which takes off who refused or was erased"
        )
    if facts.settlement.displaced:
        yield (
            f"{counted(facts.settlement.displaced, 'person has', 'people have')} another address at the "
            f"destination than in the source: it was changed there. The source's address has a second "
            f"contact now, which joins no list if the first one unsubscribed; the first one leaves our "
            f"lists. Correct the address in the source"
        )
    if facts.settlement.taken:
        yield (
            f"{counted(facts.settlement.taken, 'contact was', 'contacts were')} given the address of another "
            f"person of the source at the destination, and counts for that one now; the next run gives "
            f"a contact to whom it was of, which joins no list if the first one unsubscribed. Where both are "
            f"the same person, correct that in the source"
        )
    if facts.plan.state is PlanState.SUPERSEDED:
        yield (
            f"the snapshot is older than the one delivered last. {what_was_sent(facts)}; "
            f"choose force in the trigger form to go back in time"
        )
