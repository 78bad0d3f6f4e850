"""Losses: what an export doesn't know of the lists, so that who refuses may be on one without its knowledge.

Each is a file, ``lost-runs/<run>``, ``lost-ledgers/<account>`` or ``lists-of-others/<account>/<list>``. It
stays, and runs are red, until a run that read the lists back and judged everybody was settled with nothing
left undone.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from segment_exports.records.outcomes import counted
from segment_exports.records.storing.file_names import file_name, file_names, text_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from segment_exports.records.ledger import LedgerInfo
    from segment_exports.records.staging import Store

_RUNS = "lost-runs"
_LEDGERS = "lost-ledgers"
_LISTS = "lists-of-others"
_REPAIR = (
    "Trigger a run with reconcile, which reads the lists back: of all segments and their newest snapshot, "
    "without a sample. Runs stay red until all is done that such a run plans"
)


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
        return cls(f"{_RUNS}/{file_name(run_id)}", told)

    @classmethod
    def of_ledger(cls, account: str) -> Loss:
        """A ledger is made anew: nobody knows whom the one before had put on a list."""
        told = (
            f"the ledger for {account} is made anew: nobody knows whom the one before put on a list, and who "
            f"left, withdrew or was erased since may be on one. {_REPAIR}"
        )
        return cls(f"{_LEDGERS}/{file_name(account)}", told)

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
    """Return what is not made up for yet: of runs, and of the ledger for an account and its lists."""
    mine = file_names(account)
    return (
        *(Loss(name, _told_of_run(export, name)) for name in _noted(export, _RUNS)),
        *(
            replace(Loss.of_ledger(account), name=name)
            for name in _noted(export, _LEDGERS)
            if name.removeprefix(f"{_LEDGERS}/") in mine
        ),
        *(Loss(name, _told(export, name)) for one in mine for name in _noted(export, f"{_LISTS}/{one}")),
    )


def forget(export: Store, names: Iterable[str]) -> None:
    """Forget the losses of these names: who is on the lists is known again."""
    for name in names:
        export.remove(name)


def _lists(account: str) -> str:
    return f"{_LISTS}/{file_name(account)}"


def _noted(export: Store, folder: str) -> list[str]:
    return [f"{folder}/{name}" for name in export.names(folder)]


def _told(export: Store, name: str) -> str:
    return export.read_bytes(name).decode()


def _told_of_run(export: Store, name: str) -> str:
    run_id = text_of(name.removeprefix(f"{_RUNS}/"))
    return _told(export, name) if run_id is None else Loss.of_run(run_id).told
