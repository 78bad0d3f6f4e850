"""``make check``: hold every export definition against its source; nothing is sent."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from segment_exports.commands import export_check

ROOT = Path(__file__).resolve().parent.parent


def main() -> int:
    """Check the exports that the command line names, all by default; answer the exit code."""
    # Airflow's own home is needed for nothing but its connections, which come from the environment.
    os.environ.setdefault("AIRFLOW_HOME", str(ROOT / ".airflow" / "airflow"))
    from segment_exports_airflow.accounts import told_of_account
    from segment_exports_airflow.source_access import open_source

    return export_check.main(
        opener=open_source,
        told_of=lambda export: told_of_account(export.destination.connection, export.destination.type),
        # Where make up stages: the ledgers there tell what runs have left.
        staging=str(ROOT / ".airflow" / "staging"),
    )


if __name__ == "__main__":
    sys.exit(main())
