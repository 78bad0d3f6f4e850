"""Whoever waits for a pool gets it, whatever became of it since the run began; or is told why not."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING
from uuid import uuid4

import pytest

from segment_exports_airflow import plugin, pools
from segment_exports_airflow.operators.upload import UploadOperator
from segment_exports_airflow.pool_keeper import WAITS_EVENT, PoolKeeper, look_after

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sqlalchemy.orm import Session

    Waits = Callable[..., None]

ACCOUNT = "account_autopilot_default"


@pytest.fixture
def session() -> Iterator[Session]:
    """A database in memory, where a task needs no run."""
    from airflow.models import import_all_models
    from airflow.models.base import Base
    from sqlalchemy import create_engine
    from sqlalchemy.orm import Session

    import_all_models()
    engine = create_engine("sqlite://")
    Base.metadata.create_all(engine)
    with Session(engine) as session:
        yield session


@pytest.fixture
def waits(session: Session) -> Waits:
    """Let a task be ``scheduled``, by default one that uploads."""
    from airflow.models.taskinstance import TaskInstance
    from sqlalchemy import insert

    def waits(pool: str, *, state: str = "scheduled", operator: str = pools.OPERATOR) -> None:
        session.execute(
            insert(TaskInstance).values(
                id=uuid4(),
                dag_id="export_newsletter",
                run_id="manual__1",
                task_id="upload",
                map_index=0,
                try_number=1,
                state=state,
                operator=operator,
                pool=pool,
                pool_slots=1,
            )
        )

    return waits


def slots(session: Session) -> dict[str, int]:
    from airflow.models.pool import Pool
    from sqlalchemy import select

    return {str(one.pool): int(one.slots) for one in session.execute(select(Pool.pool, Pool.slots))}


def audit_log(session: Session) -> list[tuple[str, str, str | None]]:
    from airflow.models.log import Log
    from sqlalchemy import select

    return [(one.event, str(one.task_id), one.extra) for one in session.scalars(select(Log))]


def test_the_operator_is_called_as_airflow_keeps_it() -> None:
    assert UploadOperator.__name__ == pools.OPERATOR


def test_a_missing_pool_is_made_while_an_upload_waits_for_it(session: Session, waits: Waits) -> None:
    waits(ACCOUNT)

    look_after(session)

    assert slots(session) == {ACCOUNT: 1}


@pytest.mark.parametrize("other", [{"state": "running"}, {"state": "failed"}, {"operator": "BashOperator"}])
def test_for_nobody_else_is_one_made(session: Session, waits: Waits, other: dict[str, str]) -> None:
    waits(ACCOUNT, **other)

    look_after(session)

    assert slots(session) == {}


def test_a_pool_without_slots_stays_as_it_is_and_the_task_says_what_it_waits_for_once(
    session: Session, waits: Waits
) -> None:
    waits(ACCOUNT)
    pools.ensure_pools({ACCOUNT}, session)
    from airflow.models.pool import Pool
    from sqlalchemy import update

    session.execute(update(Pool).values(slots=0))

    look_after(session)
    look_after(session)

    assert slots(session) == {ACCOUNT: 0}
    ((event, task, told),) = audit_log(session)
    assert (event, task) == (WAITS_EVENT, "upload")
    assert f"The pool {ACCOUNT} has no slot" in str(told)
    assert f"`airflow pools set {ACCOUNT} 1 " in str(told)


def test_one_that_is_only_full_is_no_reason_to_say_anything(session: Session, waits: Waits) -> None:
    waits(ACCOUNT)
    pools.ensure_pools({ACCOUNT}, session)

    look_after(session)

    assert audit_log(session) == []


def test_a_look_that_fails_is_told_once_and_tried_again(caplog: pytest.LogCaptureFixture) -> None:
    troubles: list[Exception | None] = [
        ConnectionError("sk-1"),
        ConnectionError("sk-1"),
        None,
        OSError("sk-1"),
    ]
    made = []

    def look() -> None:
        trouble = troubles.pop(0)
        if trouble is not None:
            raise trouble
        made.append(True)

    keeper = PoolKeeper(look)
    for _ in range(4):
        keeper.once()

    assert made == [True]
    assert len(caplog.records) == 2
    assert "sk-1" not in caplog.text


def test_a_process_of_airflow_looks_until_it_stops(monkeypatch: pytest.MonkeyPatch) -> None:
    looked = threading.Event()
    monkeypatch.setattr(plugin, "PoolKeeper", lambda _look: PoolKeeper(looked.set, seconds=0.01))
    monkeypatch.setattr(pools, "ensure_pools_of_definitions", lambda: None)
    job = type("Job", (), {})()

    plugin.on_starting(job)
    assert looked.wait(60)
    plugin.before_stopping(job)

    assert "segment-exports-pools" not in [one.name for one in threading.enumerate()]


def test_a_task_looks_after_nothing() -> None:
    plugin.on_starting(type("TaskRunnerMarker", (), {})())

    assert plugin._keepers == []
