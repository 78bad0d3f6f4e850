"""What a command is given by whoever starts it: the staging, and the secret of the ledgers.

The core knows neither where an Airflow has its staging nor how it keeps a secret.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from segment_exports.records.staging import Store
from segment_exports.settings.names import STAGING

if TYPE_CHECKING:
    import argparse

OpenStaging = Callable[[str | None], Store]
"""Opens the staging root at a folder or URL; for None the one that is set. It raises as that does."""
LookUp = Callable[[str], str | None]
"""Gives the value of one of Airflow's Variables by its name, None where there is none."""


def add_staging(parser: argparse.ArgumentParser) -> None:
    """Let a command line name another staging root than the one that is set, as ``staging``."""
    parser.add_argument(
        "--staging",
        metavar="PLACE",
        help=f"folder or URL of the staging root ({STAGING})",
    )
