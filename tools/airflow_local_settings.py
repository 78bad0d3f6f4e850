"""What every process of an Airflow that ``make`` starts does first; Airflow imports it by this name.

``airflow_home.write_home`` copies it to ``config/`` of the home, so that commands in a second terminal have
it too: while the Airflow is open, the variables of its processes, where the terminal has none of its own.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import event
from sqlalchemy.engine import Engine

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

__all__: tuple[str, ...] = ()
"""Nothing here replaces a setting of Airflow."""
_ENVIRONMENT = Path(__file__).with_name("environment.json")

if _ENVIRONMENT.exists():
    for _name, _value in json.loads(_ENVIRONMENT.read_text(encoding="utf-8")).items():
        if not os.environ.get(_name):
            os.environ[_name] = _value


@event.listens_for(Engine, "savepoint")
def wait_for_the_lock(connection: Connection, name: str) -> None:  # noqa: ARG001 - SQLAlchemy's signature
    """Take SQLite's lock for writing before a savepoint opens a transaction.

    Else the transaction begins by reading, and its first write fails at once with "database is locked" where
    another process writes: SQLite doesn't wait then, whatever the time-out. Airflow makes the runs of a
    backfill so. Where a transaction is open already it has begun by a write, which does wait.
    """
    if connection.dialect.name != "sqlite":
        return
    fairy = connection.connection
    if not getattr(fairy.driver_connection, "in_transaction", True):
        cursor = fairy.cursor()
        try:
            cursor.execute("BEGIN IMMEDIATE")
        finally:
            cursor.close()
