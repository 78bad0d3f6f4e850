"""``make erase``: erase people, and delete them at the destinations where that is asked for."""

from __future__ import annotations

import os
import sys

from airflow_home import ROOT
from own_exports import own_staging, use_own_secret


def main() -> int:
    """Pass the command line on, led to Airflow's connections; answer the exit code."""
    os.environ.setdefault("AIRFLOW_HOME", str(ROOT / ".airflow" / "airflow"))
    from segment_exports_airflow.__main__ import main as run

    use_own_secret()
    return run(["erase", own_staging(), *sys.argv[1:]])


if __name__ == "__main__":
    sys.exit(main())
