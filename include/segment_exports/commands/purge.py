"""Purge the runs of every export of a staging root, also of those whose definition is gone.

    python -m segment_exports.commands.purge STAGING --keep-days 30

What is kept all the same, :mod:`segment_exports.settling.retention` tells.
"""

from __future__ import annotations

import argparse
import sys
from datetime import UTC, datetime

from segment_exports.errors import SegmentExportError
from segment_exports.records.outcomes import counted
from segment_exports.records.staging import Store
from segment_exports.settings.names import STAGING
from segment_exports.settling.retention import purge_runs


def main(arguments: list[str] | None = None) -> int:
    """Purge every export of a staging root, and tell what was purged."""
    parser = argparse.ArgumentParser(
        prog="python -m segment_exports.commands.purge",
        description="Purge the files of old runs of all exports.",
    )
    parser.add_argument("staging", help=f"folder or URL of the staging root ({STAGING})")
    parser.add_argument("--keep-days", type=int, default=30, help="days that runs stay (default: 30)")
    chosen = parser.parse_args(arguments)
    if chosen.keep_days < 0:
        parser.error("--keep-days must be 0 or more")
    try:
        staging = Store.at(chosen.staging)
        for name in staging.names():
            if not name.startswith("_"):
                purged = purge_runs(staging.sub(name), chosen.keep_days, datetime.now(UTC))
                sys.stdout.write(f"{name}: {counted(len(purged), 'run')} purged\n")
    except SegmentExportError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
