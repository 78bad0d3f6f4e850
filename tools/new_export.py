"""``make segments`` and ``make new-export``: show what a source has, and write a first definition."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from segment_exports.commands import new_export

ROOT = Path(__file__).resolve().parent.parent


def main() -> int:
    """Pass the command line on, with sources opened through Airflow's connections; answer the exit code."""
    os.environ.setdefault("AIRFLOW_HOME", str(ROOT / ".airflow" / "airflow"))
    from segment_exports_airflow.source_access import open_source

    return new_export.main(opener=open_source)


if __name__ == "__main__":
    sys.exit(main())
