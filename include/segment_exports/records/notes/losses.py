"""Losses: what an export doesn't know of the lists, so that who refuses may be on one without its knowledge.

Each is a file, ``lost-runs/<run>`` or ``lists-of-others/<account>/<list>``. It stays, and runs are red, until
the lists were read back.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from segment_exports.records.outcomes import counted
from segment_exports.records.staging import folder_name, folder_text

if TYPE_CHECKING:
    from collections.abc import Iterable

    from segment_exports.records.ledger import LedgerInfo
    from segment_exports.records.staging import Store

_RUNS = "lost-runs"
_LISTS = "lists-of-others"
_REPAIR = "Trigger a run with reconcile, which reads the lists back. Runs stay red until then"


@dataclass(frozen=True)
class Loss:
    """One loss: the file that notes it, and a sentence on what it means and how to make up for it."""

    name: str
    told: str

    @classmethod
    def of_run(cls, run_id: str) -> Loss:
        """The files of a run that was never settled are gone: nobody knows what it sent."""
        told = (
            f"the files of run {run_id} are lost and it was never settled: nobody knows what it sent, and "
            f"who withdrew or was erased since may be on a list. {_REPAIR}"
        )
        return cls(f"{_RUNS}/{folder_name(run_id)}", told)

    @classmethod
    def of_list(cls, title: str, members: int, holder: LedgerInfo, account: str) -> Loss:
        """Another ledger has put people on a list: this one doesn't know them.

        :param title: of the list now, as it is told; ``account`` is that of this ledger.
        :param members: how many the other ledger has on it.
        """
        told = (
            f"{counted(members, 'person is', 'people are')} on list {title} whom export {holder.export} put "
            f"there through the connection {holder.account}, and this export doesn't know whom: who of them "
            f"gives no permission or was erased stays on it. {_REPAIR}"
        )
        key = hashlib.sha256(f"{title}\n{holder.export}\n{holder.account}".encode()).hexdigest()[:32]
        return cls(f"{_lists(account)}/{key}", told)


def note(export: Store, losses: Iterable[Loss]) -> None:
    """Remember losses until they are made up for."""
    for loss in losses:
        export.create(loss.name, loss.told.encode())


def open_losses(export: Store, account: str) -> tuple[Loss, ...]:
    """Return what is not made up for yet: of runs, and of the lists of the ledger for an account."""
    folder = _lists(account)
    lists = [f"{folder}/{name}" for name in export.names(folder)]
    return (
        *(Loss.of_run(folder_text(name)) for name in export.names(_RUNS)),
        *(Loss(name, export.read_bytes(name).decode()) for name in lists),
    )


def forget(export: Store, losses: Iterable[Loss]) -> None:
    """Forget losses: who is on the lists is known again."""
    for loss in losses:
        export.remove(loss.name)


def _lists(account: str) -> str:
    return f"{_LISTS}/{folder_name(account)}"
