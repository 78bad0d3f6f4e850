"""What Airflow loads by the entry point ``airflow.plugins``: who listens to its runs, and what *Test* needs.

Loaded in every Airflow process, so what a listener needs is imported when it is called.
"""

from __future__ import annotations

import logging
import sys
from typing import TYPE_CHECKING, Any

from airflow.listeners import hookimpl
from airflow.plugins_manager import AirflowPlugin

from segment_exports.errors import UnforeseenError
from segment_exports_airflow import pools
from segment_exports_airflow.connections_under_test import ConnectionsUnderTest
from segment_exports_airflow.pool_keeper import PoolKeeper, look_after_pools

if TYPE_CHECKING:
    from airflow.models.dagrun import DagRun

log = logging.getLogger(__name__)


_keepers: list[PoolKeeper] = []


@hookimpl
def on_starting(component: Any) -> None:
    """Make the pools when a scheduler or DAG processor starts (a ``Job``; task runners are not)."""
    if not _is_job(component):
        return
    _keepers.append(PoolKeeper(look_after_pools))
    _keepers[-1].start()
    try:
        pools.ensure_pools_of_definitions()
    except Exception as error:
        told = UnforeseenError.of(error)
        log.error(  # noqa: TRY400 - the words of a database may hold its password
            "The pools of the accounts could not be made; they are tried again with each run", exc_info=told
        )


@hookimpl
def before_stopping(component: Any) -> None:
    """Look after the pools no more."""
    while _is_job(component) and _keepers:
        _keepers.pop().stop()


def _is_job(component: Any) -> bool:
    return type(component).__name__ == "Job"


@hookimpl
def on_dag_run_running(dag_run: DagRun, msg: str) -> None:  # noqa: ARG001 - Airflow names the arguments
    """Make the pools of a run that starts, for exports that were added since the scheduler started."""
    try:
        pools.ensure_pools_of_run(dag_run)
    except Exception as error:
        told = UnforeseenError.of(error)
        log.error(  # noqa: TRY400
            "The pool of run %s could not be made; it is tried again while its uploads wait",
            dag_run.run_id,
            exc_info=told,
        )


class SegmentExportsPlugin(AirflowPlugin):
    """Registers this module as a listener, which makes the pool of each account, and what *Test* needs.

    Its name is not that of the file in ``plugins/`` that was there before: where one was left behind,
    Airflow would load that one instead.
    """

    name = "segment-exports"
    listeners = [sys.modules[__name__]]  # noqa: RUF012 - Airflow's own form
    fastapi_root_middlewares = [  # noqa: RUF012
        {"name": "tests of segment exports' connections", "middleware": ConnectionsUnderTest}
    ]
