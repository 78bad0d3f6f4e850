"""Purge the runs of every export of a staging root, and its history, also of those whose definition is gone.

    segment-exports purge --keep-days 30 --history-days 400

It names every run that is old enough and was kept all the same, with the reason
(:mod:`segment_exports.settling.retention`). ``--even-unfinished`` takes those too, but for one that may be
sending: that it has ended, the person says who knows it from Airflow (``--ended RUN``). It takes erased
people out of ledgers and history too, where nothing is left that they have to be taken off.
"""

from __future__ import annotations

import argparse
import shlex
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from segment_exports.commands.given import add_staging
from segment_exports.commands.terminal import complain, say
from segment_exports.errors import own_words
from segment_exports.records.lease import holder
from segment_exports.records.outcomes import counted
from segment_exports.records.plan import files_of_runs
from segment_exports.settings import bounds
from segment_exports.settling.forgetting import erased_people, forget_erased
from segment_exports.settling.history_term import purge_history
from segment_exports.settling.retention import HOLDS_LEASE, Unfinished, purge_runs

if TYPE_CHECKING:
    from segment_exports.commands.given import OpenStaging
    from segment_exports.settling.retention import Purged


def main(arguments: list[str], *, open_staging: OpenStaging) -> int:
    """Purge every export of a staging root, and tell what was purged and what was kept."""
    parser = argparse.ArgumentParser(
        prog="segment-exports purge",
        description="Purge the files of old runs of all exports, and their history.",
    )
    add_staging(parser)
    parser.add_argument("--keep-days", type=_days, default=30, help="days that runs stay (default: 30)")
    parser.add_argument(
        "--history-days",
        type=_days,
        default=bounds.HISTORY_DAYS,
        help=f"days that the history stays (default: {bounds.HISTORY_DAYS})",
    )
    parser.add_argument(
        "--even-unfinished",
        action="store_true",
        help="purge also runs that are not finished; what they sent is not known then, and runs of the "
        "export are red until one with reconcile has read the lists back",
    )
    parser.add_argument(
        "--ended",
        metavar="RUN",
        action="append",
        default=[],
        help="a run that has ended, as Airflow shows, though it holds the lease of its export: purge it too",
    )
    chosen = parser.parse_args(arguments)
    unfinished, now = Unfinished(chosen.even_unfinished, frozenset(chosen.ended)), datetime.now(UTC)
    try:
        staging = open_staging(chosen.staging)
        for name in staging.names():
            if not name.startswith("_"):
                export = staging.sub(name)
                purged = purge_runs(export, chosen.keep_days, now, unfinished)
                ended = purge_history(export, chosen.history_days, now)
                people = erased_people(staging, export, name, files_of_runs(export))
                forget_erased(export, name, people, with_ledgers=holder(export) is None)
                say(_told(name, purged, ended))
    except Exception as error:  # noqa: BLE001 - nobody is shown a traceback, nor another's words
        complain(str(own_words(error)))
        return 1
    return 0


def _days(text: str) -> int:
    """Return a number of days.

    :raises argparse.ArgumentTypeError: it is none, or none that anybody means.
    """
    if not (text.isascii() and text.isdigit() and len(text) <= 9 and int(text) <= bounds.KEPT_DAYS):
        raise argparse.ArgumentTypeError(
            f"must be a whole number of days from 0 to {bounds.KEPT_DAYS}, not {text[:20]!r}"
        )
    return int(text)


def _told(name: str, purged: Purged, ended: int) -> str:
    of_history = f", the history of {counted(ended, 'run')} too" if ended else ""
    lines = [f"{name}: {counted(len(purged.gone), 'run')} purged{of_history}"]
    lines += [
        f"{name}: {run_id} is kept: {why}. {_way_out(run_id, why)}" for run_id, why in purged.kept.items()
    ]
    if purged.lost:
        lines.append(
            f"{name}: nobody knows any more what {', '.join(purged.lost)} sent. Runs are red until one with "
            f"reconcile has read the lists back"
        )
    return "\n".join(lines) + "\n"


def _way_out(run_id: str, why: str) -> str:
    if why == HOLDS_LEASE:
        ended = f"--ended {shlex.quote(run_id)}"
        return f"The next run settles it; or, if Airflow shows that it has ended, {ended} purges it"
    return "The next run settles it, or --even-unfinished purges it"
