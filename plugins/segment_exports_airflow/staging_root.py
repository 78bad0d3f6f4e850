"""Where runs, receipts and ledgers lie, and the secret that the ledgers are hashed with.

SEGMENT_EXPORTS_STAGING             folder or URL; by default the folder ``staging`` of AIRFLOW_HOME
SEGMENT_EXPORTS_STAGING_CONNECTION  Airflow connection of an object store, for a URL
AUTOPILOT_LEDGER_KEY                Airflow Variable (AIRFLOW_VAR_AUTOPILOT_LEDGER_KEY, or a secrets backend)
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from segment_exports.errors import LedgerError, StagingError

if TYPE_CHECKING:
    from segment_exports.records.keyed_hash import KeyedHasher
    from segment_exports.records.staging import RunFiles, Store

STAGING_VARIABLE = "SEGMENT_EXPORTS_STAGING"
CONNECTION_VARIABLE = "SEGMENT_EXPORTS_STAGING_CONNECTION"
LEDGER_KEY = "AUTOPILOT_LEDGER_KEY"


def staging_root() -> Store:
    """Return the store of the staging root.

    :raises StagingError: it is a URL that holds an account or can't be reached.
    """
    from segment_exports.records.staging import Store

    named = os.environ.get(STAGING_VARIABLE) or str(_airflow_home() / "staging")
    if "://" not in named:
        return Store.local(named)
    return object_store(
        named, os.environ.get(CONNECTION_VARIABLE) or None, f"{STAGING_VARIABLE} (with {CONNECTION_VARIABLE})"
    )


def object_store(url: str, connection_id: str | None, setting: str) -> Store:
    """Return the store at a URL, with the credentials of an Airflow connection.

    :param setting: what the URL comes from, for the message.
    :raises StagingError: no provider for its protocol, no such connection, or an account in the URL.
    """
    from airflow.sdk import ObjectStoragePath
    from airflow.sdk.exceptions import AirflowNotFoundException

    from segment_exports.records.staging import Store
    from segment_exports_airflow.connections import why_not_found

    if "@" in url.split("://", 1)[1].split("/", 1)[0]:
        raise StagingError(
            f"{setting} names an account in its URL (container@account), as a connection would be; "
            "write <protocol>://<container>/<folder> and put the account into the connection"
        )
    protocol = url.split("://", 1)[0]
    try:
        path = ObjectStoragePath(url, conn_id=connection_id)
        return Store(path.fs, path.path)
    except ValueError as error:
        how = 'pip install ".[abfs]"' if protocol in ("abfs", "abfss") else "install the provider that has it"
        raise StagingError(f"{setting}: Airflow has no file system for {protocol}://; {how}") from error
    except AirflowNotFoundException:
        wanted = f"for {protocol}://"
        raise StagingError(f"{setting}: {why_not_found(connection_id or '', wanted)}") from None


def run_files(export: str, run_id: str) -> RunFiles:
    """Return the places of one run's files."""
    from segment_exports.records.staging import RunFiles

    return RunFiles(staging_root().sub(export), run_id)


def ledger_hasher() -> KeyedHasher:
    """Return the hasher of the ledgers.

    :raises LedgerError: the Variable is missing or too short.
    """
    from airflow.sdk import Variable
    from airflow.sdk.log import mask_secret

    from segment_exports.records.keyed_hash import KeyedHasher

    secret = Variable.get(LEDGER_KEY, default=None)
    if not secret:
        raise LedgerError(
            f"the Airflow Variable {LEDGER_KEY} is missing: the ledger holds no address, only hashes under "
            f"this secret. Make one with `openssl rand -hex 32`, keep it for ever, and give it to Airflow as "
            f"the environment variable AIRFLOW_VAR_{LEDGER_KEY} or through its secrets backend"
        )
    mask_secret(secret)
    return KeyedHasher(secret)


def _airflow_home() -> Path:
    from airflow.sdk import conf

    home = os.environ.get("AIRFLOW_HOME")
    return Path(home) if home else Path(conf.get("core", "dags_folder")).parent
