"""Purge runs: profiles, contacts and refused files don't stay longer than they are needed.

``settle_run`` purges the runs of its own export, the command ``segment-exports purge`` those of all.
Ledgers stay, the newest few; the history has a term of its own.

Kept, however old: a run that holds the lease or may be under way, a run with receipts that no ledger has
yet, and of a run in whose changes a ledger has to look an address up again, those with plan and report. Each
is told with the reason. A person may have them purged all the same (``unfinished``): then it is noted that
nobody knows what they sent, and runs are red until the lists were read back.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import Enum
from typing import TYPE_CHECKING, Any

import pyarrow.compute as pc

from segment_exports.errors import StagingError
from segment_exports.records.lease import Lease, current_lease, holder, is_released
from segment_exports.records.ledger import LedgerFolder, newest_ledgers
from segment_exports.records.notes import losses
from segment_exports.records.plan import files_of_runs, planned
from segment_exports.records.staging import RunFiles, Store
from segment_exports.settings import bounds
from segment_exports.settling.settle_plan import has_receipts
from segment_exports.settling.unknown_runs import give_up

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

_FOR_ADDRESSES = frozenset({RunFiles.CHANGES, RunFiles.DUTIES, RunFiles.PLAN, RunFiles.REPORT})
HOLDS_LEASE = "it holds the lease of its export, so it may be sending"
_NO_REPORT = f"it has no report and gave a sign of life within {bounds.RUN.days} days, so it may be under way"
_UNSETTLED = "no ledger has its receipts yet, so nothing else tells whom it put on a list"
_NEWEST = "it is the newest, and its tasks may be cleared"
_NEEDED = "only its changes tell the address of somebody who may be on a list after a request of unknown fate"


@dataclass(frozen=True)
class Unfinished:
    """Which runs are purged although they are not finished: none by default.

    ``ended`` are runs that have ended, as a person knows from Airflow: they are purged although they hold the
    lease. Any other that does is never purged before it gave no sign of life for longer than a run takes.
    """

    taken: bool = False
    ended: Collection[str] = ()

    def takes(self, run_id: str) -> bool:
        """Tell whether a run is purged although it isn't finished."""
        return self.taken or run_id in self.ended


NONE_UNFINISHED = Unfinished()


@dataclass
class Purged:
    """What became of the runs that are old enough: ``gone`` in whole or in part, and why others are ``kept``.

    ``lost`` are those of ``gone`` of which nobody knows any more what they sent.
    """

    gone: list[str] = field(default_factory=list)
    kept: dict[str, str] = field(default_factory=dict)
    lost: list[str] = field(default_factory=list)


class _Age(Enum):
    YOUNG = 1
    MAYBE_UNDER_WAY = 2
    OLD = 3


def purge_runs(
    export: Store, keep_days: int, now: datetime, unfinished: Unfinished = NONE_UNFINISHED
) -> Purged:
    """Delete runs older than ``keep_days``, and tell which were, and which were kept and why.

    :raises LedgerError: a ledger can't be read, so what it needs isn't known; nothing was deleted.
    """
    held = holder(export)
    needed = {RunFiles(export, run_id).folder for run_id in _runs_with_needed_addresses(export)}
    purged = Purged()
    for found in files_of_runs(export):
        is_holder = held is not None and RunFiles(export, held.run_id).folder == found.folder
        files = RunFiles(export, held.run_id) if held is not None and is_holder else found
        age = _age(files, timedelta(days=keep_days), now)
        if age is _Age.YOUNG:
            continue
        may_send = is_holder and files.run not in unfinished.ended
        is_taken = unfinished.takes(files.run)
        if may_send and not (is_taken and age is _Age.OLD):
            purged.kept[files.run] = HOLDS_LEASE
        elif age is _Age.MAYBE_UNDER_WAY and not is_taken:
            purged.kept[files.run] = _NO_REPORT
        elif not _is_settled(files):
            _purge_unfinished(files, _UNSETTLED, purged, is_taken=is_taken)
        elif files.folder in needed:
            _purge_unfinished(files, _NEEDED, purged, is_taken=is_taken, keep=_FOR_ADDRESSES)
        elif _delete(files, keep=frozenset()):
            purged.gone.append(files.run)
    return purged


class OpenRuns:
    """Tells of the runs of an export which are over: nothing goes on from their files any more."""

    def __init__(self, export: Store, now: datetime) -> None:
        """Look at the export as it is now.

        :raises LedgerError: a ledger can't be read.
        """
        self._needed = {RunFiles(export, one).folder for one in _runs_with_needed_addresses(export)}
        found = [
            one and RunFiles(export, one.run_id).folder for one in (holder(export), current_lease(export))
        ]
        self._held, self._newest, self._now = *found, now

    def why(self, files: RunFiles) -> str | None:
        """Return why a run is not over, or None."""
        if files.folder == self._held:
            return HOLDS_LEASE
        if _age(files, timedelta(days=-1), self._now) is not _Age.OLD:
            return _NO_REPORT
        if not _is_settled(files):
            return _UNSETTLED
        if files.folder in self._needed:
            return _NEEDED
        return _NEWEST if files.folder == self._newest else None


def _purge_unfinished(
    files: RunFiles, why: str, purged: Purged, *, is_taken: bool, keep: frozenset[str] | None = None
) -> None:
    """Note the loss and delete all of a run, if that was asked for; else no more than can be spared."""
    if is_taken:
        losses.note(files.export, [losses.Loss.of_run(files.run)])
        give_up(files.export, [files.run])
        _delete(files, keep=frozenset())
        purged.gone.append(files.run)
        purged.lost.append(files.run)
        return
    if keep is not None and _delete(files, keep=keep):
        purged.gone.append(files.run)
    purged.kept[files.run] = why


def _age(files: RunFiles, keep: timedelta, now: datetime) -> _Age:
    """Tell whether a run's last sign of life lies long enough back, by its own word where it gave one."""
    store = files.store
    for name, key in ((RunFiles.REPORT, "settled_at"), (RunFiles.PLAN, "planned_at")):
        told = _told_time(store, name, key)
        if told is None:
            continue
        if told >= now - keep:
            return _Age.YOUNG
        is_under_way = name != RunFiles.REPORT and told >= now - bounds.RUN
        if is_under_way:
            return _Age.MAYBE_UNDER_WAY
        if not _has_begun_anew(store, name):
            return _Age.OLD
    last = _newest(store, store.all_files())
    if last is None or last >= now - keep:
        return _Age.YOUNG
    return _Age.MAYBE_UNDER_WAY if last >= now - bounds.RUN else _Age.OLD


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


def _delete(files: RunFiles, *, keep: frozenset[str]) -> bool:
    """Delete a run's folder, or all of it but a few files; tell whether anything was deleted."""
    folder = files.store
    if not keep:
        files.export.remove(files.folder)
        return True
    spare = {one.split("/", 1)[0] for one in folder.all_files()} - keep
    for one in sorted(spare):
        folder.remove(one)
    return bool(spare)
