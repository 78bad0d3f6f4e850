"""Make the run report from what the steps left, and judge whether the run is red."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

import pyarrow.compute as pc

from segment_exports.records.outcomes import Operation, Outcome, counted, percent
from segment_exports.records.plan import RETRY_REJECTED_AFTER, PlanState
from segment_exports.records.problems import what_stopped
from segment_exports.records.report import (
    ContactCounts,
    LimitUse,
    ListCounts,
    MergedCounts,
    OperationCounts,
    ProfileCounts,
    RejectedCounts,
    RequestCounts,
    RunReport,
    RunState,
    Seconds,
    SegmentCounts,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from segment_exports.definition import ExportDefinition
    from segment_exports.records.plan import Plan
    from segment_exports.records.step_counts import RunCounts
    from segment_exports.records.wait_record import WaitRecord
    from segment_exports.settling.counting import Settlement


@dataclass(frozen=True)
class RunFacts:
    """All that a report is made of; ``counts`` and ``plan`` are None where the run didn't get so far."""

    definition: ExportDefinition
    account: str
    run_id: str
    agreement: dict[str, str] | None
    refresh: WaitRecord | None
    counts: RunCounts | None
    plan: Plan | None
    settlement: Settlement
    problems: Mapping[str, str]
    failed_steps: tuple[str, ...]
    approved: bool | None
    dry_run: bool
    settled_at: datetime
    run_seconds: float
    warnings: tuple[str, ...] = ()
    unmended_losses: tuple[str, ...] = ()


def make_report(facts: RunFacts) -> RunReport:
    """Return the report; its model refuses figures that don't add up."""
    contacts = _contacts(facts)
    operations = {operation: _operations(facts, operation) for operation in Operation}
    rejected = _rejected(facts)
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
        segments=_segments(facts),
        profiles=_profiles(facts),
        contacts=contacts,
        rejected=rejected,
        recreated=facts.settlement.recreated,
        operations=operations,
        lists={
            one.title: ListCounts(
                list_id=one.list_id,
                held_before=one.held,
                held_after=_held_after(facts, one.title),
                joins=one.joins,
                leaves=one.leaves,
            )
            for one in (plan.lists if plan else ())
        },
        requests=_requests(facts),
        seconds=Seconds(
            extract=round(facts.counts.extract_seconds, 3) if facts.counts else 0.0,
            map=round(facts.counts.map_seconds, 3) if facts.counts else 0.0,
            upload=round(facts.settlement.upload_seconds, 3),
            run=round(facts.run_seconds, 3),
        ),
        limit=LimitUse(
            scope=facts.definition.limit.scope.value,
            allowed=plan.limit.allowed if plan else facts.definition.limit.profiles,
            used=plan.limit.used if plan else 0,
        ),
    )


def _segments(facts: RunFacts) -> dict[str, SegmentCounts]:
    counts = facts.counts
    if counts is None:
        return {}
    return {
        name: SegmentCounts(read=read, snapshot=counts.snapshots[name], whole=counts.whole[name])
        for name, read in counts.read.items()
    }


def _profiles(facts: RunFacts) -> ProfileCounts:
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


def _contacts(facts: RunFacts) -> ContactCounts:
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


def _operations(facts: RunFacts, operation: Operation) -> OperationCounts:
    if facts.plan is None:
        return OperationCounts()
    settled = facts.settlement.operations[operation]
    counts = {outcome.value: count for outcome, count in settled.items() if outcome is not Outcome.UNCHANGED}
    # Operations that never came into a chunk.
    left = getattr(facts.plan.operations, operation.value) - facts.settlement.planned[operation]
    counts[Outcome.NOT_SENT.value] += left
    return OperationCounts(planned=sum(counts.values()), **counts)


def _held_after(facts: RunFacts, title: str) -> int | None:
    members = facts.settlement.members
    return None if members is None else members.get(title, 0)


def _rejected(facts: RunFacts) -> RejectedCounts:
    return RejectedCounts(
        new=len(facts.settlement.rejected_now), before=len(facts.settlement.rejected_before)
    )


def _requests(facts: RunFacts) -> RequestCounts:
    used = facts.settlement.requests
    if facts.plan is None:
        return RequestCounts(**used)
    way = facts.settlement.membership or facts.plan.membership
    return RequestCounts(
        **used,
        least=facts.plan.least_requests.of(way),
        least_seconds=facts.plan.least_seconds(way),
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
    left = facts.settlement.operations[Operation.LEAVE][Outcome.DELIVERED]
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
