"""``plan_run``: take the lease, settle what earlier runs left, reconcile if asked, then plan."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from segment_exports.planning.basis import Beginning
from segment_exports.planning.lists.held_by_others import lists_of_others
from segment_exports.planning.lists.titles_now import ids_of_definition, ids_of_lists, with_titles_now
from segment_exports.planning.plan_changes import plan_changes
from segment_exports.planning.reconciling.contacts_exist import require_contacts_exist
from segment_exports.planning.reconciling.reconcile import reconcile
from segment_exports.records import lease as leasing
from segment_exports.records.ledger import LedgerFolder, newest_sequence
from segment_exports.records.notes import begun, losses
from segment_exports.records.notes.losses import Loss
from segment_exports.records.plan import Plan, files_of_runs, planned
from segment_exports.records.problems import forget_problems
from segment_exports.records.staging import RunFiles
from segment_exports.records.step_counts import RunCounts
from segment_exports.settling.history import newest_operations
from segment_exports.settling.settle_plan import has_receipts, settle_plan
from segment_exports.settling.unknown_runs import give_up, require_known_runs
from segment_exports.settling.usable_ledger import usable_ledger

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from segment_exports.planning.basis import PlanRequest
    from segment_exports.planning.destination import DestinationReader
    from segment_exports.records.lease import Lease
    from segment_exports.records.ledger import Ledger
    from segment_exports.records.staging import Store

_LEDGER_OF_DRY_RUN = "dry-run"


def plan_run(
    request: PlanRequest,
    *,
    is_alive: Callable[[str], bool],
    have_sent: Collection[str],
    reader: DestinationReader,
) -> Plan:
    """Plan a run; safe to do again for the same run. A dry run takes no lease and writes no ledger.

    :param request: its ``lease`` is ignored.
    :param is_alive: tells of a run_id whether that run may still be working.
    :param have_sent: the export's runs that began to send, as far as Airflow knows.
    :raises LeaseHeldError: another living run delivers; try again later.
    :raises LedgerError: the ledger can't be trusted, or none of its contacts exists any more; or the staging
        knows nothing of runs that sent.
    """
    export, store = request.files.export, request.files.store
    if request.options.dry_run:
        forget_problems(store)
        _forget_earlier_plan(store)
    # Before the lease: who has one counts as known.
    unknown = require_known_runs(export, request.definition.name, have_sent, request.options)
    if request.options.dry_run:
        return _plan_dry(request)
    sequence = newest_sequence(export)
    fences = [one.fence for one in begun.runs_begun(export)]
    written = max(sequence, newest_operations(export), *fences)
    lease = leasing.acquire(export, request.files.run, is_alive=is_alive, above=written)
    forget_problems(store)
    if unknown:
        losses.note(export, [Loss.of_ledger(request.account)])
        give_up(export, unknown)
    folder = LedgerFolder(export, request.definition.name, request.account)
    if not folder.is_lost():
        _settle_earlier(request, lease, above=sequence)
        if has_receipts(store):
            lease = leasing.renew(export, lease)
        _forget_earlier_plan(store)
    ledger, lost = _ledger_and_losses(request)
    ledger = _with_titles_now(request, ledger, into=folder, sequence=lease.fence)
    if ledger.sequence == lease.fence:
        lease = leasing.renew(export, lease)
    if not request.options.full_resync:
        require_contacts_exist(ledger, reader)
    beginning = Beginning(losses=lost)
    losses.note(export, lost)
    if request.options.reconcile:
        list_ids = ids_of_lists(request.definition, request.list_ids, ledger.info)
        found = reconcile(request, ledger, lease, reader, list_ids)
        mends = beginning.losses if _judges_everybody(request, ledger) else ()
        beginning = replace(beginning, warnings=found.warnings, mends=mends)
        lease = leasing.renew(export, lease)
    return plan_changes(replace(request, lease=lease), beginning)


def _ledger_and_losses(request: PlanRequest) -> tuple[Ledger, tuple[Loss, ...]]:
    """Return the ledger that counts, and what isn't known of the lists: noted, or shown now."""
    export, name, account = request.files.export, request.definition.name, request.account
    ledger, made_anew = usable_ledger(export, name, account, request.hasher, request.options)
    others = lists_of_others(request.staging, request.definition, account, request.list_ids, ledger.info)
    found = (*losses.open_losses(export, account), *filter(None, [made_anew]), *others)
    return ledger, tuple({one.name: one for one in reversed(found)}.values())[::-1]


def _judges_everybody(request: PlanRequest, ledger: Ledger) -> bool:
    """Tell whether a run has everybody, and what each says, as new as what was delivered."""
    counts = RunCounts.of(request.files.store)
    reading = counts.reading(request.definition.segment_names)
    is_whole = reading.is_full and all(counts.whole.values())
    return is_whole and reading.covers(ledger.info.snapshots if ledger.info else {})


def _plan_dry(request: PlanRequest) -> Plan:
    """Plan from a ledger of its own where lists have other titles now: that of the export stays as it is."""
    own = request.files.store.sub(_LEDGER_OF_DRY_RUN)
    ledger, lost = _ledger_and_losses(request)
    into = LedgerFolder(own, request.definition.name, request.account)
    try:
        ledger = _with_titles_now(request, ledger, into=into, sequence=ledger.sequence)
        return plan_changes(replace(request, lease=None, ledger=ledger), Beginning(losses=lost))
    finally:
        request.files.store.remove(_LEDGER_OF_DRY_RUN)


def _with_titles_now(request: PlanRequest, ledger: Ledger, *, into: LedgerFolder, sequence: int) -> Ledger:
    told = {"sequence": sequence, "run_id": request.files.run, "written_at": request.now.isoformat()}
    ids = ids_of_definition(request.definition, request.list_ids)
    return with_titles_now(ledger, ids, into=into, told=told)


def _settle_earlier(request: PlanRequest, lease: Lease, *, above: int) -> None:
    """Settle runs that were cut off before their settling, an earlier plan of this run included.

    A ledger that is lost is not made anew from receipts that are still there: it would pass for whole.

    :param above: sequence of the newest ledger: who planned before it was settled before it was written,
        and so was its own run, unless an upload of it was cleared since.
    """
    export = request.files.export
    held_since = {one.fence: one for one in leasing.leases(export, above=above - 1)}
    # One that gave its lease back was settled: its files are purged, and not lost.
    settled = {held.run_id for held in held_since.values() if leasing.is_released(export, held)}
    noted = {one.fence: one for one in begun.runs_begun(export)}
    for _, held in sorted((held_since | noted).items()):
        is_settled = held.fence == above and leasing.is_released(export, held)
        if held.fence > lease.fence:
            continue
        if is_settled or held.fence < above:
            begun.forget(export, held)
            continue
        # A lease that can't be read tells no run: then every run is looked at for the plan under its fence.
        runs = [RunFiles(export, held.run_id)] if held.run_id else files_of_runs(export)
        is_gone = held.run_id not in settled and not RunFiles(export, held.run_id).store.names()
        if held.run_id and (is_gone or begun.has_lost_receipts(export, held)):
            losses.note(export, [Loss.of_run(held.run_id)])
            give_up(export, [held.run_id])
        for files in runs:
            if not has_receipts(files.store):
                continue
            plan = planned(files.store)
            is_lost = LedgerFolder(export, plan.export, plan.account).is_lost()
            if plan.fence == held.fence and not is_lost:
                settle_plan(files, plan, list_ids=request.list_ids, now=request.now)
        begun.forget(export, held)  # a lost ledger is noted when it is made anew


def _forget_earlier_plan(store: Store) -> None:
    """Remove what an earlier plan of this run left and is settled: it would pass for the new plan's."""
    for name in ("receipts", "chunks", RunFiles.PLAN, RunFiles.HELD_BACK):
        store.remove(name)
