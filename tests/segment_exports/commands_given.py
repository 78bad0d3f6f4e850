"""What a command is given where there is no Airflow: a named staging, and the secret of the environment."""

from __future__ import annotations

import os

from segment_exports.records.staging import Store


def open_staging(place: str | None) -> Store:
    assert place is not None, "a test names its staging"
    return Store.at(place)


def look_up(name: str) -> str | None:
    return os.environ.get(f"AIRFLOW_VAR_{name}")
