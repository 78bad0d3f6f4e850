"""Runs that sent, as Airflow knows, and of which a staging holds nothing: it is an older one, or another's.

What they put on a list nobody knows then. A staging is held against them before anything is read of it, and
again before planning. Where it is made anew, they are given up: nobody asks for them again, and the loss of
the ledger stays noted until the lists were read back.

A run is known that was settled here with something to send, or began to plan here and wasn't settled yet.
That it was stopped here tells nothing: so does one that is cleared after its files are gone.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from segment_exports.errors import LedgerError
from segment_exports.records.lease import leases
from segment_exports.records.ledger import newest_ledgers
from segment_exports.records.notes.begun import runs_begun
from segment_exports.records.staging import RunFiles
from segment_exports.records.storing.file_names import file_name, file_names
from segment_exports.settings.names import STAGING
from segment_exports.settling.history import had_operations, names_with_operations

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from segment_exports.records.plan import RunOptions
    from segment_exports.records.staging import Store

_GIVEN_UP = "given-up-runs"
_NAMED = 3


def require_known_runs(
    export: Store, name: str, have_sent: Collection[str], options: RunOptions
) -> tuple[str, ...]:
    """Return the runs of which the staging holds nothing, where a run makes it anew.

    :param name: of the export.
    :param have_sent: the export's runs that began to send, as far as Airflow knows.
    :raises LedgerError: there are such runs, and this one doesn't make it anew.
    """
    unknown = _unknown(export, have_sent)
    if unknown and not options.makes_anew:
        raise LedgerError(
            f"{export.root} holds nothing of {_in_words(unknown)} of the export {name}, of which Airflow "
            f"knows uploads. {_age(export, name)}, and is {STAGING} what it was then? Nothing was read or "
            f"sent. Restore the newest staging. If all that it kept since is lost, erase everybody again who "
            f"was erased since. Then a run with full_resync and reconcile makes it anew: without reconcile, "
            f"who withdrew meanwhile would stay on the lists"
        )
    return unknown


def give_up(export: Store, runs: Iterable[str]) -> None:
    """Remember of runs that nothing is known of them: that was told, and is made up for."""
    for run_id in runs:
        export.create(f"{_GIVEN_UP}/{file_name(run_id)}", b"")


def _unknown(export: Store, have_sent: Collection[str]) -> tuple[str, ...]:
    if not have_sent:
        return ()
    told = names_with_operations(export) | set(export.names(_GIVEN_UP))
    untold = [run_id for run_id in have_sent if told.isdisjoint(file_names(run_id))]
    planning = {one.run_id for one in (*leases(export), *runs_begun(export))} if untold else set()
    return tuple(
        run_id
        for run_id in sorted(untold, key=_time, reverse=True)
        if run_id not in planning
        and not RunFiles(export, run_id).store.exists(RunFiles.PLAN)
        and not had_operations(export, run_id)
    )


def _time(run_id: str) -> str:
    """Return what orders runs by their time, unless somebody named them: ``manual__2026-11-27T…``."""
    return run_id.rpartition("__")[2]


def _in_words(runs: tuple[str, ...]) -> str:
    more = f" and {len(runs) - _NAMED} more" if len(runs) > _NAMED else ""
    return f"run{'s' if len(runs) > 1 else ''} {', '.join(runs[:_NAMED])}{more}"


def _age(export: Store, name: str) -> str:
    infos = [one.info for one in newest_ledgers(export, name) if one.info]
    if not infos:
        return "It holds no ledger: is the volume mounted"
    newest = max(infos, key=lambda info: info.written_at)
    written = datetime.fromisoformat(newest.written_at)
    told = f"Its newest ledger is that of run {newest.run_id}, written {written:%Y-%m-%d %H:%M %Z}"
    return f"{told}: was an older backup restored"
