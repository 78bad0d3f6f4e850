"""The console command where its script isn't on the path: ``python -m segment_exports_airflow.cli``."""

from __future__ import annotations

import sys

from segment_exports_airflow.cli.program import main

if __name__ == "__main__":
    sys.exit(main())
