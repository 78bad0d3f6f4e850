"""Purge runs: profiles, contacts and refused files don't stay longer than they are needed.

``settle_run`` purges the runs of its own export, the command ``segment_exports.commands.purge`` those of all.
Ledger and history stay: they hold keyed hashes only.

Kept, however old: a run that holds the lease or may be under way, a run with receipts that no ledger has
yet, and of a run in whose changes a ledger has to look an address up again, those with plan and report.
"""

from __future__ import annotations

import logging
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import pyarrow.compute as pc

from segment_exports.errors import StagingError
from segment_exports.records.lease import Lease, holder, is_released
from segment_exports.records.ledger import LedgerFolder, newest_ledgers
from segment_exports.records.plan import planned
from segment_exports.records.staging import RunFiles, Store, folder_text
from segment_exports.settings import bounds
from segment_exports.settling.settle_plan import has_receipts

if TYPE_CHECKING:
    from collections.abc import Iterable

log = logging.getLogger(__name__)

_FOR_ADDRESSES = frozenset({RunFiles.CHANGES, RunFiles.DUTIES, RunFiles.PLAN, RunFiles.REPORT})


def purge_runs(export: Store, keep_days: int, now: datetime) -> list[str]:
    """Delete runs older than ``keep_days`` and return the run ids of those of which something was deleted.

    :raises LedgerError: a ledger can't be read, so what it needs isn't known; nothing was deleted.
    """
    needed, held = _runs_with_needed_addresses(export), holder(export)
    purged = []
    for name in export.names("runs"):
        files = RunFiles(export, folder_text(name))
        if not _is_old(files, timedelta(days=keep_days), now):
            continue
        if held is not None and held.run_id == files.run:
            log.warning("Run %s is kept: it holds the lease of its export", files.run)
        elif not _is_settled(files):
            log.warning("Run %s is kept: no ledger has its receipts yet", files.run)
        elif _delete(export, name, keep=_FOR_ADDRESSES if files.run in needed else frozenset()):
            purged.append(files.run)
    return purged


def _is_old(files: RunFiles, keep: timedelta, now: datetime) -> bool:
    """Tell whether a run's last sign of life lies long enough back, by its own word where it gave one."""
    store, without_report = files.store, max(keep, bounds.RUN)
    for name, key, long in (
        (RunFiles.REPORT, "settled_at", keep),
        (RunFiles.PLAN, "planned_at", without_report),
    ):
        told = _told_time(store, name, key)
        if told is not None and told >= now - long:
            return False
        if told is not None and not _has_begun_anew(store, name):
            return True
    last = _newest(store, store.all_files())
    return last is not None and last < now - without_report


def _told_time(store: Store, name: str, key: str) -> datetime | None:
    try:
        told = store.read_model(name, dict[str, Any]).get(key)
        return datetime.fromisoformat(told) if told else None
    except (StagingError, TypeError, ValueError):  # its files tell their age as well
        return None


def _has_begun_anew(store: Store, name: str) -> bool:
    """Tell whether the steps before it were done again after a file was written: the run was cleared."""
    earlier = _newest(store, [RunFiles.MAP, *(f"extract/{one}" for one in store.names("extract"))])
    written = store.modified(name)
    return earlier is not None and written is not None and earlier > written


def _newest(store: Store, names: Iterable[str]) -> datetime | None:
    times = (store.modified(name) for name in names)
    return max((time for time in times if time is not None), default=None)


def _is_settled(files: RunFiles) -> bool:
    if not has_receipts(files.store):
        return True
    try:
        plan = planned(files.store)
    except StagingError:
        return False
    ledger = LedgerFolder(files.export, plan.export, plan.account).latest()
    if plan.fence is None or ledger.sequence > plan.fence:
        return True
    lease = Lease(plan.fence, plan.run_id)
    return ledger.sequence == plan.fence and is_released(files.export, lease)


def _runs_with_needed_addresses(export: Store) -> set[str]:
    """Return the runs whose files alone tell the address of someone who may have to leave a list."""
    runs: set[str] = set()
    columns = ["uncertain_of", "uncertain_run"]
    for ledger in newest_ledgers(export, export.root.rsplit("/", 1)[-1]):
        with ledger.opened() as file:
            for batch in file.iter_batches(columns=columns, use_threads=False) if file else ():
                uncertain = pc.greater(pc.list_value_length(batch["uncertain_of"]), 0)
                runs.update(pc.unique(batch.filter(uncertain)["uncertain_run"].drop_null()).to_pylist())
    return runs


def _delete(export: Store, name: str, *, keep: frozenset[str]) -> bool:
    """Delete a run's folder, or all of it but a few files; tell whether anything was deleted."""
    if not keep:
        export.remove(f"runs/{name}")
        return True
    folder = export.sub(f"runs/{name}")
    spare = {one.split("/", 1)[0] for one in folder.all_files()} - keep
    for one in sorted(spare):
        folder.remove(one)
    return bool(spare)
