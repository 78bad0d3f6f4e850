"""Looks again and again whether the pools are there that uploads wait for.

The listener makes a pool when a run begins. It may fail then, somebody may delete the pool while the run
goes, a run may be cleared, or a definition be led to another account: an upload would stay ``scheduled``
for ever. No task can ask Airflow for its pools. So each process of Airflow's own that has its database
(scheduler, DAG processor, triggerer) looks after them; the DAG processor always has this package.
"""

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING

from segment_exports_airflow import pools

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow.models.taskinstancekey import TaskInstanceKey
    from sqlalchemy.orm import Session

log = logging.getLogger(__name__)

SECONDS = 15
"""Between two looks; each is one short query."""
_SECONDS_TO_END = 3
WAITS_EVENT = "waits for its pool"
"""Name of the entry in the audit log of a task that waits for a pool without slots."""


class PoolKeeper:
    """A thread that looks after the pools until it is stopped, or its process ends.

    :param look: looks once.
    """

    def __init__(self, look: Callable[[], None], seconds: float = SECONDS) -> None:
        self._look, self._seconds = look, seconds
        self._ended = threading.Event()
        self._told: str | None = None
        self._thread = threading.Thread(target=self._keep, name="segment-exports-pools", daemon=True)

    def start(self) -> None:
        """Begin to look."""
        self._thread.start()

    def stop(self) -> None:
        """Look no more; a look that has begun may end first, unless the database holds it up."""
        self._ended.set()
        self._thread.join(_SECONDS_TO_END)

    def _keep(self) -> None:
        while not self._ended.wait(self._seconds):
            self.once()

    def once(self) -> None:
        """Look once; what goes wrong is told once, and tried again."""
        from segment_exports.sieve.foreign import error_told

        try:
            self._look()
        except Exception as error:  # noqa: BLE001 - the next look may succeed
            told = error_told(error)
            if told != self._told:
                log.error("Pools of accounts can't be looked after (%s); it is tried again", told)  # noqa: TRY400
            self._told = told
        else:
            self._told = None


def look_after_pools() -> None:
    """Make the pools that uploads wait for and that are missing; tell of those that have no slot."""
    from airflow.utils.session import create_session

    with create_session() as session:
        look_after(session)


def look_after(session: Session) -> None:
    """Do that in a session."""
    from airflow.models.pool import Pool
    from airflow.models.taskinstance import TaskInstance
    from airflow.models.taskinstancekey import TaskInstanceKey
    from airflow.utils.state import TaskInstanceState
    from sqlalchemy import select

    is_waiting = (
        TaskInstance.state == TaskInstanceState.SCHEDULED,
        TaskInstance.operator == pools.OPERATOR,
    )
    names = set(session.scalars(select(TaskInstance.pool).where(*is_waiting).distinct()))
    if not names:
        return
    found = session.execute(select(Pool.pool, Pool.slots).where(Pool.pool.in_(names)))
    slots = {str(one.pool): int(one.slots) for one in found}
    missing = names - slots.keys()
    if missing:
        log.warning("Uploads wait for pools that are missing: %s", ", ".join(sorted(missing)))
        pools.ensure_pools(missing, session)
    empty = [name for name, count in slots.items() if count == 0]
    if not empty:
        return
    columns = (TaskInstance.dag_id, TaskInstance.task_id, TaskInstance.run_id, TaskInstance.try_number)
    told = select(*columns, TaskInstance.map_index, TaskInstance.pool).where(*is_waiting)
    for dag_id, task_id, run_id, try_number, map_index, pool in session.execute(
        told.where(TaskInstance.pool.in_(empty))
    ):
        _tell(TaskInstanceKey(dag_id, task_id, run_id, try_number, map_index), pool, session)


def _tell(waiting: TaskInstanceKey, pool: str, session: Session) -> None:
    """Write into a task's audit log what it waits for, once."""
    from airflow.models.log import Log
    from sqlalchemy import exists, select

    told = Log(
        event=WAITS_EVENT,
        task_instance=waiting,
        owner="segment-exports",
        extra=f"The pool {pool} has no slot, so nothing is uploaded until it has one: Admin > Pools, or "
        f"`{pools.command_for(pool)}`",
    )
    same = (
        getattr(Log, key) == getattr(told, key)
        for key in ("event", "dag_id", "task_id", "run_id", "map_index", "try_number")
    )
    if not session.scalar(select(exists().where(*same))):
        session.add(told)
        log.warning("An upload of %s waits for the pool %s, which has no slot", told.dag_id, pool)
