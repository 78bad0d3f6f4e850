"""``make check``: hold every export definition against its source; nothing is sent."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from segment_exports.commands.checking import export_check
from segment_exports.errors import LedgerError
from segment_exports.settings.ledger_secret import look_up_given_to_airflow, told_of_ledger_secret

if TYPE_CHECKING:
    from segment_exports.definition import ExportDefinition

ROOT = Path(__file__).resolve().parent.parent


def main() -> int:
    """Check the exports that the command line names, all by default; answer the exit code."""
    # Airflow's own home is needed for nothing but its connections, which come from the environment.
    os.environ.setdefault("AIRFLOW_HOME", str(ROOT / ".airflow" / "airflow"))
    from segment_exports_airflow.source_access import open_source

    return export_check.main(
        opener=open_source,
        told_of=_told_of,
        # Where make up stages: the ledgers there tell what runs have left.
        staging=str(ROOT / ".airflow" / "staging"),
    )


def _told_of(export: ExportDefinition) -> list[str]:
    """Return what is to be told of an export's account and its ledger's secret, if they are set here."""
    from segment_exports_airflow.accounts import told_of_account

    told = told_of_account(export.destination.connection, export.destination.type)
    try:
        return [*told, *told_of_ledger_secret(look_up_given_to_airflow())]
    except LedgerError as error:
        return [*told, str(error)]


if __name__ == "__main__":
    sys.exit(main())
