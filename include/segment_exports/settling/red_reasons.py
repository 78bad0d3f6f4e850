"""Why a run is red, each reason with what a person does about it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow.compute as pc

from segment_exports.errors import Advice
from segment_exports.records.notes.approval import Decision
from segment_exports.records.outcomes import Operation, Outcome, counted, percent
from segment_exports.records.plan import RETRY_REJECTED_AFTER
from segment_exports.records.problems import Reason, what_stopped
from segment_exports.records.report import RunState

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from segment_exports.records.plan import Plan
    from segment_exports.records.report import ContactCounts, OperationCounts, RejectedCounts
    from segment_exports.settling.report_figures import RunFacts


_ANSWERS = {
    Decision.REJECTED: "and did not approve",
    Decision.NOT_ANSWERED: "and nobody answered in time",
    Decision.WAITING: "and nobody had answered when the run ended",
}


def red_reasons(
    facts: RunFacts,
    contacts: ContactCounts,
    operations: Mapping[Operation, OperationCounts],
    rejected: RejectedCounts,
    state: RunState,
) -> Iterator[Reason]:
    """Yield each reason for which the run is red."""
    plan = facts.plan
    stopped = list(what_stopped(facts.problems, facts.failed_steps))
    yield from stopped
    if plan is None and not stopped:
        yield Reason("nothing was planned; clear the task plan_changes")
    if plan is not None:
        yield from (Reason(text, Advice.RECONCILE) for text in plan.red_reasons)
        yield from _held_up(facts, plan)
    yield from (Reason(text, Advice.RECONCILE) for text in facts.unmended_losses)
    failed = sum(counts.failed for counts in operations.values())
    if failed:
        told = counted(failed, "operation is", "operations are")
        yield Reason(
            f"{told} of unknown fate; the next run, or a cleared upload task, repeats what is",
            Advice.REPEATED,
        )
    unsent = sum(counts.not_sent for counts in operations.values()) - facts.settlement.erased
    if unsent and state in (RunState.DELIVERED, RunState.NOTHING_CHANGED):
        told = counted(unsent, "operation was", "operations were")
        yield Reason(
            f"{told} not sent; the next run, or a cleared upload task, sends what is left", Advice.REPEATED
        )
    refused = operations[Operation.LEAVE].rejected
    if refused:
        yield Reason(
            f"{counted(refused, 'leave was', 'leaves were')} refused: people who left, moved or withdrew "
            f"are on lists still. The next run tries again; history/operations tells the reasons",
            Advice.REPEATED,
        )
    yield from _too_many_rejected(facts, contacts, rejected)
    waiting = contacts.delivered == contacts.unchanged == rejected.new == 0 and held_back(facts)
    if waiting:
        yield Reason(f"nobody could be delivered: {waiting}", Advice.REJECTED)


def _held_up(facts: RunFacts, plan: Plan) -> Iterator[Reason]:
    """Tell what held a plan back, and what a person said of it, where one was asked."""
    if not plan.is_stopped(approved=facts.is_approved):
        return
    answer = _ANSWERS.get(facts.approval.decision) if facts.approval else None
    asked = f" A person was asked {answer}." if answer else ""
    for text, advice in plan.stopped_by:
        yield Reason(f"{text}. {what_was_sent(facts)}.{asked}", Advice.NOT_APPROVED if answer else advice)


def what_was_sent(facts: RunFacts) -> str:
    """Return what a run sent of which all but duties was held back."""
    left = facts.settlement.outcomes(Operation.LEAVE)[Outcome.DELIVERED]
    but = f" but {counted(left, 'leave')} of people who withdrew or were erased" if left else ""
    return f"Nothing was sent{but}"


def _too_many_rejected(
    facts: RunFacts, contacts: ContactCounts, rejected: RejectedCounts
) -> Iterator[Reason]:
    allowed = facts.definition.guards.red_above_rejected
    judged = contacts.delivered + rejected.new + facts.settlement.contacts[Outcome.SUPPRESSED]
    if judged and rejected.new / judged > allowed:
        total = counted(judged, "contact")
        yield Reason(
            f"{counted(rejected.new, f'of {total} was', f'of {total} were')} rejected by the destination "
            f"({percent(rejected.new / judged)}); guards.red_above_rejected allows {percent(allowed)}. "
            f"refused.csv names each with its reason",
            Advice.REJECTED,
        )


def held_back(facts: RunFacts) -> str | None:
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
