"""Put a plan into words and figures: guards, limit, requests, lists."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from segment_exports.definition import FirstRun, LimitScope, WhenOver
from segment_exports.destinations.opening import open_destination
from segment_exports.planning.guards import (
    many_duties,
    not_unsubscribed,
    tripped_guards,
    unmeant_first_run,
)
from segment_exports.planning.lists.titles_now import ids_of_definition
from segment_exports.planning.profile_limit import exceeded_limit
from segment_exports.records.outcomes import counted
from segment_exports.records.plan import (
    Comparison,
    Plan,
    PlannedContacts,
    PlannedLimit,
    PlannedList,
    PlannedOperations,
    PlanState,
    RequestEstimate,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from segment_exports.planning.basis import Beginning, PlanBasis
    from segment_exports.planning.tally import Tally


def summarise(basis: PlanBasis, tally: Tally, beginning: Beginning, *, at_destination: int) -> Plan:
    """Return the plan.

    :param beginning: what was found before, and what was doubtful while it was planned.
    :param at_destination: distinct addresses that the account's ledgers count.
    """
    request, definition, counts = basis.request, basis.request.definition, basis.counts
    used = _used(basis, tally, at_destination)
    lists = tuple(_lists(basis, tally))
    exceeded: str | None = None
    unjudged: str | None = None
    tripped: tuple[str, ...] = ()
    if not basis.all_superseded:
        exceeded = exceeded_limit(
            definition.limit, used=used, segments=counts.contacts_by_segment, total=counts.contacts
        )
        tripped = _tripped(basis, lists)
        unjudged = counts.unjudged_permission
    comparison, why = _comparison(basis)
    return Plan(
        export=definition.name,
        account=request.account,
        destination=definition.destination.type,
        run_id=request.files.run,
        state=_state(basis, tally, is_stopped=bool(tripped or exceeded or unjudged)),
        planned_at=request.now.isoformat(),
        fence=request.lease.fence if request.lease else None,
        base_sequence=basis.ledger.sequence,
        dry_run=request.options.dry_run,
        comparison=comparison,
        comparison_why=why,
        mapping_fingerprint=definition.mapping_fingerprint,
        secret_fingerprint=request.hasher.fingerprint,
        connection_fingerprint=request.connection_fingerprint,
        membership=definition.destination.membership.value,
        requests_per_second=request.requests_per_second,
        snapshots=dict(counts.snapshots),
        over_limit=tally.over_limit,
        all_whole=basis.rules.all_whole,
        tombstones=len(basis.erased),
        new_tombstones=len(basis.erased) - (basis.ledger.info.tombstones if basis.ledger.info else 0),
        mends=tuple(one.name for one in beginning.mends),
        contacts=_contacts(tally),
        operations=_operations(tally),
        lists=lists,
        limit=PlannedLimit(scope=definition.limit.scope.value, allowed=definition.limit.profiles, used=used),
        least_requests=_least_requests(definition.destination.type, tally),
        tripped_guards=tripped,
        exceeded_limit=exceeded,
        unjudged_permission=unjudged,
        red_reasons=(
            *_too_old(basis),
            *(one.told for one in beginning.losses if one not in beginning.mends),
            *not_unsubscribed(definition, tally.spared),
        ),
        warnings=(
            *basis.warnings,
            *beginning.warnings,
            *_older_segments(basis),
            *_empty_segments(basis),
            *_unjudged(basis, tally),
            *_kept_leavers(basis, tally),
            *_passed_on(tally),
            *many_duties(definition.guards, lists),
            *_gone(basis, tally),
            *_former_lists(basis),
        ),
    )


def _least_requests(destination_type: str, tally: Tally) -> RequestEstimate:
    """Return what the plan takes by way: duties are sent by themselves, in requests of their own."""
    cost = open_destination(destination_type).request_cost()
    changes, duties = cost.least(tally.changes.work()), cost.least(tally.duties.work())
    return RequestEstimate({way: count + duties[way] for way, count in changes.items()})


def _contacts(tally: Tally) -> PlannedContacts:
    waiting = tally.superseded + tally.unjudged + tally.gone
    busy = tally.due + tally.refused_before + tally.suppressed_before + waiting
    return PlannedContacts(
        total=tally.total,
        unchanged=tally.total - busy,
        due=tally.due,
        refused_before=tally.refused_before,
        suppressed_before=tally.suppressed_before,
        superseded=tally.superseded,
        unjudged=tally.unjudged,
        gone=tally.gone,
    )


def _operations(tally: Tally) -> PlannedOperations:
    leaves = int(tally.leaves.sum()) + tally.unsubscribes
    return PlannedOperations(upsert=tally.upserts, join=int(tally.joins.sum()), leave=leaves)


def _lists(basis: PlanBasis, tally: Tally) -> Iterator[PlannedList]:
    info = basis.ledger.info
    held, filled = (info.members, info.filled) if info else ({}, ())
    for column, title in enumerate(basis.rules.titles):
        yield PlannedList(
            title=title,
            list_id=basis.list_ids.get(title) or None,
            held=held.get(title, 0),
            joins=int(tally.joins[column]),
            added=int(tally.added[column]),
            leaves=int(tally.leaves[column]),
            duties=int(tally.duties.leaves[column]),
            whole=bool(basis.rules.whole[column]),
            filled=title in filled,
        )


def _tripped(basis: PlanBasis, lists: tuple[PlannedList, ...]) -> tuple[str, ...]:
    brought = {
        title for segment, title in basis.rules.lists_of_segments.items() if basis.counts.read[segment]
    }
    request = basis.request
    must_be_meant = basis.ledger.info is None and request.definition.first_run is FirstRun.CONFIRM
    unmeant = unmeant_first_run(request.definition.name, request.account)
    before = (
        unmeant if must_be_meant and request.unasked else None,
        basis.implausible,
        *basis.counts.implausible,
    )
    return tuple(filter(None, before)) + tripped_guards(
        request.definition.guards,
        invalid=basis.counts.invalid,
        read=basis.counts.profiles_read,
        lists=lists,
        # Of a list that wasn't read whole only those who withdrew or moved are taken off.
        emptied=[
            one
            for one in lists
            if one.whole
            and one.leaves > one.duties
            and one.title not in brought
            and basis.rules.remove_leavers
        ],
    )


def _state(basis: PlanBasis, tally: Tally, *, is_stopped: bool) -> PlanState:
    if basis.all_superseded:
        return PlanState.SUPERSEDED
    if is_stopped:
        return PlanState.STOPPED
    due = tally.upserts + int(tally.joins.sum()) + int(tally.leaves.sum())
    return PlanState.READY if due else PlanState.NOTHING_DUE


def _comparison(basis: PlanBasis) -> tuple[Comparison, str | None]:
    info = basis.ledger.info
    if basis.request.options.full_resync:
        return Comparison.FULL, "full_resync was chosen"
    if info is None:
        return Comparison.FIRST, None
    if info.mapping_fingerprint != basis.request.definition.mapping_fingerprint:
        return Comparison.FULL, "the mapping changed"
    if not basis.rules.memberships_known:
        return Comparison.FULL, f"membership is kept as {basis.membership_kind} now"
    return Comparison.CHANGES, None


def _used(basis: PlanBasis, tally: Tally, at_destination: int) -> int:
    limit = basis.request.definition.limit
    if limit.scope is LimitScope.EXPORT:
        return tally.total - tally.superseded
    cut = tally.over_limit if limit.when_over is WhenOver.TRUNCATE else 0
    return at_destination + tally.new_addresses - cut


def _too_old(basis: PlanBasis) -> Iterator[str]:
    limit = basis.request.definition.max_age_hours
    if limit is None:
        return
    for segment, time in basis.counts.snapshots.items():
        age = (basis.request.now - datetime.fromisoformat(time)) / timedelta(hours=1)
        if age > limit:
            yield f"snapshot {time} of {segment} is {age:.1f} hours old; max_age_hours allows {limit:g}"


def _older_segments(basis: PlanBasis) -> Iterator[str]:
    if basis.all_superseded:
        return
    for segment in basis.superseded:
        yield (
            f"snapshot {basis.counts.snapshots[segment]} of {segment} is older than the one delivered last: "
            f"its members were left as they are; choose force in the trigger form to go back in time"
        )


def _gone(basis: PlanBasis, tally: Tally) -> Iterator[str]:
    if tally.gone and basis.implausible is None:
        yield (
            f"{counted(tally.gone, 'person was', 'people were')} erased after they were mapped, or another "
            f"run has read since that they give no permission: nothing is sent of them but that they leave "
            f"our lists"
        )


def _empty_segments(basis: PlanBasis) -> Iterator[str]:
    for segment, read in basis.counts.read.items():
        if read == 0:
            yield f"segment {segment} is empty: it brought no profile"


def _unjudged(basis: PlanBasis, tally: Tally) -> Iterator[str]:
    if tally.unjudged and basis.counts.unjudged_permission is None:
        why = (
            "rows of their addresses that this run did not read may give none"
            if not basis.reading.is_full
            else "no run has written down yet who withdrew permission after this older snapshot"
        )
        yield (
            f"{counted(tally.unjudged, 'person is', 'people are')} not known to give permission, and so not "
            f"added: {why}. A run of all segments of the newest snapshot adds them"
        )


def _passed_on(tally: Tally) -> Iterator[str]:
    if tally.passed_on:
        yield (
            f"{counted(tally.passed_on, 'address', 'addresses')} passed from one person to another: each is "
            f"on the lists of the one who has it now. Fields in which that one has no value keep what the "
            f"other had there; clear them at the destination"
        )


def _kept_leavers(basis: PlanBasis, tally: Tally) -> Iterator[str]:
    if tally.kept_leavers and basis.request.definition.permission is not None:
        told = counted(
            tally.kept_leavers, "person left their segment and stays", "people left their segment and stay"
        )
        yield (
            f"{told} on its list (when_member_leaves: keep). Where the segment itself asks for consent they "
            f"may have withdrawn it: when_member_leaves: remove ends the mailing"
        )


def _former_lists(basis: PlanBasis) -> Iterator[str]:
    """Tell of members that stay where nothing that the run reads can take them off."""
    if basis.ledger.info is None or not basis.rules.memberships_known:
        return
    if basis.membership_kind == "list":
        end = "take them off it or delete it at the destination"
    else:
        end = "make its field false in them at the destination"
    ids = ids_of_definition(basis.request.definition, basis.request.list_ids)
    for title, held in basis.ledger.info.former_lists(ids).items():
        yield (
            f"the definition names list {title} no more, but it keeps "
            f"{counted(held, 'person', 'people')} whom this export put on it. To end that, {end}, and "
            f"then trigger a run with reconcile; or name the list again, and it is kept as its segments are"
        )
