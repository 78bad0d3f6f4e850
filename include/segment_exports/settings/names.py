"""The names of the settings, for those who speak of them in a message. It costs nothing to import."""

from __future__ import annotations

PREFIX = "SEGMENT_EXPORTS_"
DEFINITIONS = "SEGMENT_EXPORTS_DEFINITIONS"
LAKE = "SEGMENT_EXPORTS_LAKE"
STAGING = "SEGMENT_EXPORTS_STAGING"
STAGING_CONNECTION = "SEGMENT_EXPORTS_STAGING_CONNECTION"

LEDGER_SECRET = "AUTOPILOT_LEDGER_SECRET"  # noqa: S105 - its name, not the secret
"""Airflow's Variable with the secret of the ledgers. Airflow masks what is called a secret."""
LEDGER_SECRET_VARIABLE = f"AIRFLOW_VAR_{LEDGER_SECRET}"
"""The environment variable that Airflow takes that Variable from."""
FORMER_LEDGER_SECRET = "AUTOPILOT_LEDGER_KEY"  # noqa: S105 - its name, not the secret
"""What it was called before. Airflow shows what is called so to whoever may see its Variables."""
FORMER_LEDGER_SECRET_VARIABLE = f"AIRFLOW_VAR_{FORMER_LEDGER_SECRET}"
"""The environment variable of that."""


def connection_variable(connection_id: str) -> str:
    """Return the environment variable that Airflow takes a connection from."""
    return f"AIRFLOW_CONN_{connection_id.upper()}"
