"""The Airflow where a command runs: whether its database can be asked, and to ask it.

A process of the command line knows connections and Variables of the environment and of a secrets backend.
Those made in the UI stand in Airflow's database, which Airflow's own servers ask. A command becomes like one
of them for as long as it runs, as ``airflow connections get`` does.
"""

from __future__ import annotations

import os
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

from segment_exports.errors import SettingsError
from segment_exports.sieve.foreign import error_told

if TYPE_CHECKING:
    from sqlalchemy.engine import URL, Connection, Engine

_SECONDS_TO_REACH_POSTGRES = "10"
"""For a host that doesn't answer at all; else it is minutes."""
_SILENT = {"AIRFLOW__LOGGING__LOGGING_LEVEL": "CRITICAL"}
"""A command says itself what is wrong; lines of Airflow's log would stand in the midst of what it prints."""
_AS_A_SERVER = {"_AIRFLOW_PROCESS_CONTEXT": "server"}


def join_airflow() -> str:
    """Let this process ask Airflow's database from now on.

    :return: why that can't be asked, or not wholly; empty where it can. Nothing is made by asking.
    :raises SettingsError: Airflow itself doesn't start with its settings.
    """
    os.environ.setdefault("PGCONNECT_TIMEOUT", _SECONDS_TO_REACH_POSTGRES)
    os.environ.update(_SILENT)
    try:
        from airflow.settings import get_engine

        engine: Engine = get_engine()  # type: ignore[no-untyped-call]
    except Exception as error:  # noqa: BLE001 - whatever is wrong with them, Airflow's words may hold a password
        raise SettingsError(
            f"Airflow itself doesn't start here ({error_told(error)}), so its settings have to be corrected "
            f"first; `airflow version` with the same settings says what is wrong"
        ) from None
    trouble = trouble_with(engine)
    if trouble is None:
        os.environ.update(_AS_A_SERVER)
        return _trouble_with_key(engine)
    return trouble


def is_joined() -> bool:
    """Tell whether this process knows every connection and Variable that a task of this Airflow would."""
    return _AS_A_SERVER.items() <= os.environ.items()


def trouble_with(engine: Engine) -> str | None:
    """Return why connections can't be asked of a database, without its password; None where they can."""
    from sqlalchemy.exc import SQLAlchemyError

    place = engine.url.render_as_string(hide_password=True)
    home = f"AIRFLOW_HOME is {os.environ.get('AIRFLOW_HOME') or '~/airflow, since nothing else is set'}"
    if _is_missing(engine.url):
        return f"Airflow's database {place} isn't there ({home}); `airflow db migrate` makes it"
    try:
        with closing(engine.connect()) as database:
            if not _is_migrated(database):
                return (
                    f"Airflow's database {place} is empty, or of another version of Airflow ({home}); "
                    f"`airflow db migrate` brings it up to date"
                )
    except (SQLAlchemyError, ImportError, OSError) as error:
        return f"Airflow's database {place} can't be asked ({error_told(error)}); `airflow db check` says why"
    return None


def _is_missing(url: URL) -> bool:
    """Tell whether it is a SQLite file that isn't there: asking would leave an empty one behind."""
    return url.get_backend_name() == "sqlite" and bool(url.database) and not Path(str(url.database)).is_file()


def _is_migrated(database: Connection) -> bool:
    """Tell whether the columns that this version of Airflow reads are there."""
    from sqlalchemy import inspect

    there = inspect(database)
    for table in (one.__table__ for one in _stored()):
        if not there.has_table(table.name):
            return False
        columns = {one["name"] for one in there.get_columns(table.name)}
        if not columns.issuperset(column.name for column in table.columns):
            return False
    return True


def _trouble_with_key(engine: Engine) -> str:
    """Return what is wrong where connections of the database can't be decrypted here; else nothing."""
    from sqlalchemy import select
    from sqlalchemy.orm import Session

    stored, _ = _stored()
    try:
        with Session(engine) as session:
            # A connection decrypts what it holds while it is loaded.
            session.scalars(select(stored).where(stored.is_encrypted.is_(True)).limit(1)).all()
    except Exception:  # noqa: BLE001 - InvalidToken, or whatever a key of another form raises
        return (
            "connections in Airflow's database can't be decrypted here, so they count as missing; set "
            "AIRFLOW__CORE__FERNET_KEY as that Airflow has it"
        )
    return ""


def _stored() -> tuple[Any, Any]:
    """Return connections and Variables as they stand in the database."""
    from airflow.models import Connection as Stored
    from airflow.models import Variable

    return Stored, Variable  # noqa: AIR311 - those of airflow.sdk don't stand there
