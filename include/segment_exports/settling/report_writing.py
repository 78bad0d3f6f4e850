"""Make the run report from what the steps left, and judge whether the run is red."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

import pyarrow.compute as pc

from segment_exports.records.outcomes import Operation, Outcome, counted, percent
from segment_exports.records.plan import RETRY_REJECTED_AFTER, PlanState
from segment_exports.records.problems import what_stopped
from segment_exports.records.report import RunReport, RunState
from segment_exports.settling.report_figures import (
    contact_counts,
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
    from collections.abc import Iterator, Mapping

    from segment_exports.records.report import ContactCounts, OperationCounts, RejectedCounts
    from segment_exports.settling.report_figures import RunFacts


def make_report(facts: RunFacts) -> RunReport:
    """Return the report; its model refuses figures that don't add up."""
    contacts = contact_counts(facts)
    operations = {operation: operation_counts(facts, operation) for operation in Operation}
    rejected = rejected_counts(facts)
    state = _state(facts, contacts)
    reasons = tuple(_red_reasons(facts, contacts, operations, rejected, state))
    plan = facts.plan
    return RunReport(
        export=facts.definition.name,
        run_id=facts.run_id,
        settled_at=facts.settled_at.isoformat(),
        snapshot=max(plan.snapshots.values(), default=None, key=datetime.fromisoformat) if plan else None,
        state=state,
        red=bool(reasons),
        red_reasons=reasons,
        warnings=tuple(_warnings(facts)),
        account=facts.account,
        agreement=facts.agreement,
        refresh=facts.refresh,
        comparison=plan.comparison.value if plan else None,
        comparison_why=plan.comparison_why if plan else None,
        membership=facts.settlement.membership or facts.definition.destination.membership.value,
        segments=segment_counts(facts),
        profiles=profile_counts(facts),
        contacts=contacts,
        rejected=rejected,
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
    if plan.is_stopped(approved=bool(facts.approved)):
        return RunState.STOPPED
    if facts.dry_run:
        return RunState.DRY_RUN
    return RunState.NOTHING_CHANGED if plan.state is PlanState.NOTHING_DUE else RunState.DELIVERED


def _red_reasons(
    facts: RunFacts,
    contacts: ContactCounts,
    operations: Mapping[Operation, OperationCounts],
    rejected: RejectedCounts,
    state: RunState,
) -> Iterator[str]:
    plan = facts.plan
    stopped = list(what_stopped(facts.problems, facts.failed_steps))
    yield from stopped
    if plan is None and not stopped:
        yield "nothing was planned; clear the task plan_changes"
    if plan is not None:
        yield from plan.red_reasons
        if plan.is_stopped(approved=bool(facts.approved)):
            sent = _what_was_sent(facts)
            asked = " A person was asked and did not approve." if facts.approved is False else ""
            yield from (f"{text}. {sent}.{asked}" for text in plan.stopped_by)
    yield from facts.unmended_losses
    failed = sum(counts.failed for counts in operations.values())
    if failed:
        told = counted(failed, "operation is", "operations are")
        yield f"{told} of unknown fate; the next run, or a cleared upload task, repeats what is"
    unsent = sum(counts.not_sent for counts in operations.values()) - facts.settlement.erased
    if unsent and state in (RunState.DELIVERED, RunState.NOTHING_CHANGED):
        told = counted(unsent, "operation was", "operations were")
        yield f"{told} not sent; the next run, or a cleared upload task, sends what is left"
    refused = operations[Operation.LEAVE].rejected
    if refused:
        yield (
            f"{counted(refused, 'leave was', 'leaves were')} refused: people who left, moved or withdrew "
            f"are on lists still. The next run tries again; history/operations tells the reasons"
        )
    yield from _too_many_rejected(facts, contacts, rejected)
    held_back = contacts.delivered == contacts.unchanged == rejected.new == 0 and _held_back(facts)
    if held_back:
        yield f"nobody could be delivered: {held_back}"


def _what_was_sent(facts: RunFacts) -> str:
    """Return what a run sent of which all but duties was held back."""
    left = facts.settlement.outcomes(Operation.LEAVE)[Outcome.DELIVERED]
    but = f" but {counted(left, 'leave')} of people who withdrew or were erased" if left else ""
    return f"Nothing was sent{but}"


def _too_many_rejected(facts: RunFacts, contacts: ContactCounts, rejected: RejectedCounts) -> Iterator[str]:
    allowed = facts.definition.guards.red_above_rejected
    judged = contacts.delivered + rejected.new + facts.settlement.contacts[Outcome.SUPPRESSED]
    if judged and rejected.new / judged > allowed:
        total = counted(judged, "contact")
        yield (
            f"{counted(rejected.new, f'of {total} was', f'of {total} were')} rejected by the destination "
            f"({percent(rejected.new / judged)}); guards.red_above_rejected allows {percent(allowed)}. "
            f"refused.csv names each with its reason"
        )


def _held_back(facts: RunFacts) -> str | None:
    """Tell how many contacts wait because they were refused before, for how long, and how to end it."""
    before = facts.settlement.rejected_before
    times = pc.min_max(before["at"]).as_py()
    if not len(before) or times["min"] is None:
        return None
    first, last = (f"{one + RETRY_REJECTED_AFTER:%Y-%m-%d %H:%M} UTC" for one in times.values())
    return (
        f"{counted(len(before), 'contact is', 'contacts are')} held back after a refusal, the first of which "
        f"was on {times['min']:%Y-%m-%d %H:%M} UTC. A contact is tried again when its data or the mapping "
        f"change, the first by a run after {first}, the last after {last}. To try now, trigger a run with "
        f"Send rejected contacts again. refused.csv names each with its reason"
    )


def _warnings(facts: RunFacts) -> Iterator[str]:
    yield from facts.warnings
    held_back = _held_back(facts)
    if held_back:
        yield held_back
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
            f"the snapshot is older than the one delivered last. {_what_was_sent(facts)}; "
            f"choose force in the trigger form to go back in time"
        )
