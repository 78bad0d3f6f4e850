"""One Airflow pool per account, so that the account's rate is one budget for all tasks and runs.

A pool has one slot: one upload task can use the account's whole rate, and two would exceed it. A task
whose pool is missing stays ``scheduled`` for ever and nothing says so, so a listener
(:mod:`segment_exports_airflow.plugin`) makes the pools, and :mod:`segment_exports_airflow.pool_keeper` looks
after them. Slots that a person changed are left alone.

Imported in every Airflow process: what it needs of Airflow and of the core is imported where it is used.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from airflow.models.dagrun import DagRun
    from sqlalchemy.orm import Session

log = logging.getLogger(__name__)

PREFIX = "account_"
SLOTS = 1
OPERATOR = "UploadOperator"
"""Name of the operator whose tasks run in these pools, as Airflow keeps it."""
_DESCRIPTION = "Rate budget of one account (segment exports): one slot, one upload task at a time."


def pool_of(connection_id: str) -> str:
    """Return the name of the pool of the account that a connection leads to."""
    return f"{PREFIX}{connection_id}"


def command_for(pool: str) -> str:
    """Return the command that makes a pool as it is meant, or gives one its slot."""
    return f'airflow pools set {pool} {SLOTS} "{_DESCRIPTION}"'


def ensure_pools_of_definitions() -> None:
    """Make the pools of all export definitions; meant for the start of a scheduler."""
    from airflow.utils.session import create_session

    from segment_exports.definition import definitions_folder, load_definitions
    from segment_exports.errors import DefinitionError

    try:
        loaded = load_definitions(definitions_folder())
    except DefinitionError as error:
        log.warning("No account pools made: %s", error)
        return
    names = {pool_of(one.definition.destination.connection) for one in loaded if one.definition}
    if names:
        with create_session() as session:
            ensure_pools(names, session)


def ensure_pools_of_run(dag_run: DagRun) -> None:
    """Make the pools that a starting run's tasks name, inside the transaction that starts it.

    A session of its own would wait for that transaction's lock on SQLite.
    """
    from sqlalchemy.orm import object_session

    dag = dag_run.dag
    session = object_session(dag_run)
    if dag is None or session is None:
        return
    names = {str(task.pool) for task in dag.task_dict.values() if str(task.pool).startswith(PREFIX)}
    if names:
        ensure_pools(names, session)


def ensure_pools(names: Iterable[str], session: Session) -> None:
    """Insert the pools that are missing; two schedulers that do it at once don't disturb each other."""
    from airflow.models.pool import Pool
    from sqlalchemy import select

    wanted = sorted(names)
    there = set(session.scalars(select(Pool.pool).where(Pool.pool.in_(wanted))))
    for name in (one for one in wanted if one not in there):
        _insert_unless_there(name, session)
        log.info("Pool %s made with %s slot", name, SLOTS)


def _insert_unless_there(name: str, session: Session) -> None:
    from airflow.models.pool import Pool
    from sqlalchemy import insert
    from sqlalchemy.dialects import mysql, postgresql, sqlite

    values = {"pool": name, "slots": SLOTS, "description": _DESCRIPTION, "include_deferred": False}
    match session.get_bind().dialect.name:
        case "postgresql":
            session.execute(postgresql.insert(Pool).values(values).on_conflict_do_nothing())
        case "sqlite":
            session.execute(sqlite.insert(Pool).values(values).on_conflict_do_nothing())
        case "mysql":
            session.execute(mysql.insert(Pool).values(values).prefix_with("IGNORE"))
        case _:
            session.execute(insert(Pool).values(values))
