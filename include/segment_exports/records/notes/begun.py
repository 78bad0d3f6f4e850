"""Begun: which chunks a run began to send, noted outside of its folder.

Each is a file ``begun/<fence>-<run>/<chunk>`` that holds the run's id, made when an upload has written down
its attempt, before its first request. It stays until a later run has settled its run: receipts, a run's whole
folder or the lease may be lost, and it is known what is lost with them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from segment_exports.records.lease import Lease
from segment_exports.records.staging import RunFiles
from segment_exports.records.storing.file_names import text_of

if TYPE_CHECKING:
    from segment_exports.records.staging import Store

_FOLDER = "begun"


def note(export: Store, lease: Lease, chunk: int) -> None:
    """Note that a run begins to send a chunk that it planned under a lease."""
    export.create(f"{_folder(export, lease)}/{chunk:04d}", lease.run_id.encode())


def runs_begun(export: Store) -> list[Lease]:
    """Return the runs of which something is noted, by the leases that they planned under, oldest first."""
    found = ((name.split("-", 1), export.sub(f"{_FOLDER}/{name}")) for name in export.names(_FOLDER))
    begun = ((int(fence), text_of(name) or _told_in(folder)) for (fence, name), folder in found)
    return [Lease(fence, run_id) for fence, run_id in begun if run_id]


def has_lost_receipts(export: Store, lease: Lease) -> bool:
    """Tell whether a run began to send a chunk of which no receipt is there any more."""
    run = RunFiles(export, lease.run_id)
    begun = export.names(_folder(export, lease))
    return any(not run.store.names(run.receipts(int(chunk))) for chunk in begun)


def forget(export: Store, lease: Lease) -> None:
    """Forget what is noted of a run: it is settled, or noted as a loss."""
    export.remove(_folder(export, lease))


def _folder(export: Store, lease: Lease) -> str:
    return export.named(_FOLDER, lease.run_id, before=f"{lease.fence:010d}-")


def _told_in(folder: Store) -> str:
    """Return the run that is told in its notes; empty where none was finished."""
    return next((folder.read_bytes(name).decode() for name in folder.names()), "")
