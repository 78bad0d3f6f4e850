"""Begun: which chunks a run began to send, noted outside of its folder.

Each is a file ``begun/<fence>-<run>/<chunk>``, made when an upload has written down its attempt, before its
first request. It stays until a later run has settled its run: receipts, a run's whole folder or the lease may
be lost, and it is known what is lost with them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from segment_exports.records.lease import Lease
from segment_exports.records.staging import RunFiles, folder_name, folder_text

if TYPE_CHECKING:
    from segment_exports.records.staging import Store

_FOLDER = "begun"


def note(export: Store, lease: Lease, chunk: int) -> None:
    """Note that a run begins to send a chunk that it planned under a lease."""
    export.create(f"{_folder(lease)}/{chunk:04d}", b"")


def runs_begun(export: Store) -> list[Lease]:
    """Return the runs of which something is noted, by the leases that they planned under, oldest first."""
    found = (name.split("-", 1) for name in export.names(_FOLDER))
    return [Lease(int(fence), folder_text(name)) for fence, name in found]


def has_lost_receipts(export: Store, lease: Lease) -> bool:
    """Tell whether a run began to send a chunk of which no receipt is there any more."""
    run = RunFiles(export, lease.run_id)
    return any(not run.store.names(run.receipts(int(chunk))) for chunk in export.names(_folder(lease)))


def forget(export: Store, lease: Lease) -> None:
    """Forget what is noted of a run: it is settled, or noted as a loss."""
    export.remove(_folder(lease))


def _folder(lease: Lease) -> str:
    return f"{_FOLDER}/{lease.fence:010d}-{folder_name(lease.run_id)}"
