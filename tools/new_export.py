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

    of_a_source = {"list": new_export.segments, "write": new_export.main}[sys.argv[1]]
    return of_a_source(sys.argv[2:], opener=open_source)


if __name__ == "__main__":
    sys.exit(main())
