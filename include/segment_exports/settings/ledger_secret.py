"""The secret that the ledgers are hashed with: where it is found, and what is said where it is missing."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from segment_exports.errors import LedgerError
from segment_exports.settings.names import LEDGER_SECRET, LEDGER_SECRET_VARIABLE

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


def ledger_secret(look_up: Callable[[str], str | None]) -> str:
    """Return the secret that Airflow has.

    :param look_up: gives the value of one of Airflow's Variables, None where there is none.
    :raises LedgerError: it is missing or empty.
    """
    if secret := look_up(LEDGER_SECRET):
        return secret
    raise LedgerError(
        f"the Airflow Variable {LEDGER_SECRET} is missing: the ledger holds no address, only hashes under "
        f"this secret. Make one with `openssl rand -hex 32`, keep it for ever, and give it to Airflow as "
        f"the environment variable {LEDGER_SECRET_VARIABLE} or through its secrets backend"
    )


def ledger_secret_without_airflow(environ: Mapping[str, str] = os.environ) -> str:
    """Return the secret for a command line, which can't ask Airflow for its Variable.

    :raises LedgerError: neither variable of the environment holds it.
    """
    if secret := environ.get(LEDGER_SECRET) or ledger_secret_given_to_airflow(environ):
        return secret
    raise LedgerError(f"set {LEDGER_SECRET} to the secret that the ledgers are hashed with")


def ledger_secret_given_to_airflow(environ: Mapping[str, str] = os.environ) -> str | None:
    """Return the secret that an Airflow started here takes from the environment; None if there is none."""
    return environ.get(LEDGER_SECRET_VARIABLE) or None
