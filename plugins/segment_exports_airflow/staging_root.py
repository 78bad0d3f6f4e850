"""Where runs, receipts and ledgers lie, and the secret that the ledgers are hashed with.

The settings of the environment say it; the credentials of an object store and the secret are Airflow's.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from segment_exports.errors import SettingsError, StagingError
from segment_exports.settings.ledger_secret import ledger_secret, told_of_ledger_secret
from segment_exports.settings.names import STAGING, STAGING_CONNECTION
from segment_exports.sieve.quiet_clients import quiet_clients
from segment_exports.sieve.secrets_in_use import keep_secret

if TYPE_CHECKING:
    from segment_exports.records.keyed_hash import KeyedHasher
    from segment_exports.records.staging import RunFiles, Store


def staging_root() -> Store:
    """Return the store of the staging root.

    :raises SettingsError: those settings can't be used as they are.
    :raises StagingError: it is a URL that holds an account or can't be reached.
    """
    from segment_exports.records.staging import Store
    from segment_exports.settings.environment import read_settings

    settings = read_settings(STAGING, STAGING_CONNECTION)
    named = settings.staging or str(_airflow_home() / "staging")
    if "://" not in named:
        return Store.local(named)
    return object_store(named, settings.staging_connection, f"{STAGING} (with {STAGING_CONNECTION})")


def staging_at(place: str | None) -> Store:
    """Return the store of another staging root, or that of this Airflow; its folder must be there.

    :param place: a folder, or a URL, for which the credentials of this Airflow's staging are taken; None for
        this Airflow's own.
    :raises SettingsError: its settings can't be used as they are.
    :raises StagingError: there is no such folder, or it is a URL that holds an account or can't be reached.
    """
    from segment_exports.records.staging import Store
    from segment_exports.settings.environment import read_settings

    if place is not None and "://" in place:
        return object_store(place, read_settings(STAGING_CONNECTION).staging_connection, "--staging")
    if place is not None:
        return Store.at(place)
    root = staging_root()
    return Store.at(root.root) if root.is_local else root


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
            f"{setting} names an account in its URL (<container>@<account>), as a connection would be; "
            "write <protocol>://<container>/<folder> and put the account into the connection"
        )
    protocol = url.split("://", 1)[0]
    try:
        path = ObjectStoragePath(url, conn_id=connection_id)
        fs = path.fs
        quiet_clients()
        return Store(fs, path.path)
    except ValueError:
        how = 'pip install ".[abfs]"' if protocol in ("abfs", "abfss") else "install the provider that has it"
        raise StagingError(f"{setting}: Airflow has no file system for {protocol}://; {how}") from None
    except AirflowNotFoundException:
        wanted = f"for {protocol}://"
        raise StagingError(f"{setting}: {why_not_found(connection_id or '', wanted)}") from None


def run_files(export: str, run_id: str) -> RunFiles:
    """Return the places of one run's files."""
    from segment_exports.records.staging import RunFiles

    return RunFiles(staging_root().sub(export), run_id)


def ledger_hasher(export: str | None = None) -> KeyedHasher:
    """Return the hasher of the ledgers, with the secret in the form that they were written with.

    :param export: whose ledgers are looked at for that; those of all exports by default.
    :raises LedgerError: the Variable is missing or too short.
    """
    from segment_exports.records.secret_in_use import hasher_in_use

    return hasher_in_use(staging_root(), ledger_secret(variable), None if export is None else [export])


def require_good_ledger_secret() -> list[str]:
    """Judge the secret of the ledgers, and return what a person should do about it.

    :raises LedgerError: it is missing, a new one that is short, or set under two names that differ.
    """
    from segment_exports.records.secret_in_use import require_long_if_new

    told = told_of_ledger_secret(variable)
    require_long_if_new(staging_root(), ledger_secret(variable))
    return told


def variable(name: str) -> str | None:
    """Return a Variable of Airflow, masked in logs wherever it comes from and whatever it is called."""
    from airflow.sdk import Variable
    from airflow.sdk.log import mask_secret

    value: str | None = Variable.get(name, default=None)
    if value and value.strip():
        mask_secret(value.strip())
        keep_secret(value.strip())
    return value


def _airflow_home() -> Path:
    """Return Airflow's home, with ``~`` and variables replaced as Airflow does it.

    :raises SettingsError: it is relative.
    """
    from airflow.sdk import conf

    named = os.environ.get("AIRFLOW_HOME")
    home = Path(os.path.expandvars(Path(named).expanduser() if named else conf.get("core", "dags_folder")))
    home = home if named else home.parent
    if not home.is_absolute():
        raise SettingsError(
            f"AIRFLOW_HOME is a relative folder, so the staging would be another one for each process; let "
            f"{STAGING} name an absolute one"
        )
    return home
