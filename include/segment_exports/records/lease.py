"""One run of an export delivers at a time: a lease with a fencing number.

Airflow's ``max_active_runs`` is no lock (facts: one manual and three backfill runs of one DAG were seen
at once). The lease is a chain of files ``lease/<fence>.json``, each made by an exclusive create, so
it works on a disk and on an object store alike. The highest fence counts, and a ledger is written
under its run's fence: a slow old run can never replace a newer ledger.
"""

from __future__ import annotations

import json
import re
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict

from segment_exports.errors import DamagedFileError, LeaseHeldError, RunSupersededError, StagingError

if TYPE_CHECKING:
    from collections.abc import Callable

    from segment_exports.records.staging import Store

_FOLDER = "lease"
_KEPT = 100
_NAME = re.compile(r"(\d{10})\.json")


class _Note(BaseModel):
    model_config = ConfigDict(extra="forbid")

    run_id: str


@dataclass(frozen=True)
class Lease:
    """The right of one run to deliver, under a fencing number that only grows.

    ``run_id`` is empty where the lease's file can't be read: its fence counts, and nobody holds it. Should
    its run live, that finds a newer lease, and sends no more.
    """

    fence: int
    run_id: str


def current_lease(export: Store) -> Lease | None:
    """Return the newest lease, released or not; None where no run ever took one."""
    fences = _fences(export)
    return _read(export, fences[-1]) if fences else None


def holder(export: Store) -> Lease | None:
    """Return the lease that is held at the moment, by a living run or a dead one."""
    newest = current_lease(export)
    return newest if newest and newest.run_id and not is_released(export, newest) else None


def leases(export: Store, *, above: int = 0) -> list[Lease]:
    """Return the leases with a fence above a number that are still on file, oldest first."""
    found = []
    for fence in _fences(export):
        if fence > above:
            with suppress(StagingError):  # another run has just forgotten it
                found.append(_read(export, fence))
    return found


def acquire(export: Store, run_id: str, *, is_alive: Callable[[str], bool], above: int = 0) -> Lease:
    """Take the lease for a run, or return the one it holds.

    :param is_alive: tells of a run_id whether that run may still be working; Airflow knows.
    :param above: the least fence that was ever written under, so that fences grow even where the
        folder of leases is lost.
    :raises LeaseHeldError: another living run holds it.
    """
    while True:
        newest = current_lease(export)
        if newest is not None and newest.run_id and not is_released(export, newest):
            if newest.run_id == run_id:
                return newest
            if is_alive(newest.run_id):
                raise LeaseHeldError(
                    f"run {newest.run_id} of this export is delivering (lease {newest.fence}); "
                    f"this run goes on when that one has ended"
                )
        taken = _create(export, max(above, newest.fence if newest else 0) + 1, run_id)
        if taken is not None:
            _forget_old(export)
            return taken


def renew(export: Store, lease: Lease) -> Lease:
    """Return a lease of the same run under the next fence.

    :raises RunSupersededError: another run took the lease meanwhile.
    """
    confirm(export, lease)
    taken = _create(export, lease.fence + 1, lease.run_id)
    if taken is None:
        confirm(export, lease)
        raise RunSupersededError(f"the lease {lease.fence} of run {lease.run_id} was taken over meanwhile")
    return taken


def confirm(export: Store, lease: Lease) -> None:
    """Make sure that no newer lease exists.

    :raises RunSupersededError: one does: this run must send nothing more and write no ledger.
    """
    newest = current_lease(export)
    if newest is None or newest.fence != lease.fence or newest.run_id not in ("", lease.run_id):
        newer = "nobody" if newest is None else f"run {newest.run_id}"
        raise RunSupersededError(
            f"run {lease.run_id} planned under lease {lease.fence}, but {newer} holds a newer one; "
            f"trigger a new run, which sends what is still missing"
        )


def is_released(export: Store, lease: Lease) -> bool:
    """Tell whether a lease was given back: its run was settled, and no upload of it was cleared since."""
    return export.exists(_released(lease.fence))


def reason_to_stop(export: Store, lease: Lease) -> str | None:
    """Return why an upload that is under way must stop now: its run was settled, or a newer one has planned.

    Airflow gives a task up whose worker it can't hear, and settles the run; the worker may live on.
    """
    try:
        confirm(export, lease)
    except RunSupersededError as error:
        return str(error)
    return f"run {lease.run_id} was settled while this task sent" if is_released(export, lease) else None


def reopen(export: Store, lease: Lease) -> None:
    """Hold a released lease again: an upload task was cleared after its run had settled.

    :raises RunSupersededError: another run took the lease since.
    """
    confirm(export, lease)
    export.remove(_released(lease.fence))
    confirm(export, lease)  # a run that saw it released may have taken the next one in between


def release(export: Store, lease: Lease) -> None:
    """Let the next run deliver. Nothing happens to a lease that another run has taken over."""
    export.create(_released(lease.fence), b"")


def _create(export: Store, fence: int, run_id: str) -> Lease | None:
    made = export.create(_file(fence), json.dumps({"run_id": run_id}).encode())
    return Lease(fence, run_id) if made else None


def _read(export: Store, fence: int) -> Lease:
    try:
        return Lease(fence, export.read_model(_file(fence), _Note).run_id)
    except DamagedFileError:
        return Lease(fence, "")


def _fences(export: Store) -> list[int]:
    return [int(found[1]) for name in export.names(_FOLDER) if (found := _NAME.fullmatch(name))]


def _forget_old(export: Store) -> None:
    for fence in _fences(export)[:-_KEPT]:
        export.remove(_file(fence))
        export.remove(_released(fence))


def _file(fence: int) -> str:
    return f"{_FOLDER}/{fence:010d}.json"


def _released(fence: int) -> str:
    return f"{_FOLDER}/{fence:010d}.released"
