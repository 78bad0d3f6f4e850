"""The pool of an account exists before an upload needs it: else tasks stay scheduled for ever."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from airflow._shared.plugins_manager import EntryPointSource, PluginsDirectorySource

from segment_exports_airflow import pools

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from sqlalchemy.orm import Session

pytestmark = pytest.mark.airflow


@pytest.fixture
def session(airflow_database: Path) -> Iterator[Session]:
    from airflow.models.pool import Pool
    from airflow.utils.session import create_session
    from sqlalchemy import delete

    with create_session() as session:
        yield session
    with create_session() as session:
        session.execute(delete(Pool).where(Pool.pool.startswith(pools.PREFIX)))


def slots(session: Session) -> dict[str, int]:
    from airflow.models.pool import Pool
    from sqlalchemy import select

    rows = session.execute(select(Pool.pool, Pool.slots).where(Pool.pool.startswith(pools.PREFIX)))
    return {str(name): int(count) for name, count in rows}


def started_run(session: Session, *task_pools: str) -> Any:
    from airflow.models.dagrun import DagRun

    run = DagRun(dag_id="export_newsletter", run_id="manual__1", run_type="manual")
    run.dag = SimpleNamespace(
        task_dict={str(n): SimpleNamespace(pool=one) for n, one in enumerate(task_pools)}
    )
    session.add(run)
    return run


def test_a_missing_pool_is_made_with_one_slot(session: Session) -> None:
    pools.ensure_pools({pools.pool_of("autopilot_default")}, session)

    assert slots(session) == {"account_autopilot_default": 1}


def test_slots_that_a_person_changed_stay(session: Session) -> None:
    from airflow.models.pool import Pool
    from sqlalchemy import update

    name = pools.pool_of("autopilot_default")
    pools.ensure_pools({name}, session)
    session.execute(update(Pool).where(Pool.pool == name).values(slots=3))

    pools.ensure_pools({name}, session)

    assert slots(session) == {name: 3}


def test_another_scheduler_that_was_faster_is_no_error(session: Session) -> None:
    pools._insert_unless_there("account_a", session)
    pools._insert_unless_there("account_a", session)

    assert slots(session) == {"account_a": 1}


def test_a_starting_run_gets_the_pools_of_its_tasks_in_its_own_transaction(session: Session) -> None:
    with session.no_autoflush:
        run = started_run(session, "default_pool", "account_a", "account_b", "account_a")
        pools.ensure_pools_of_run(run)
        found = slots(session)
        session.expunge(run)

    assert found == {"account_a": 1, "account_b": 1}


def test_a_run_of_another_dag_makes_no_pool(session: Session) -> None:
    with session.no_autoflush:
        run = started_run(session, "default_pool", "reports")
        pools.ensure_pools_of_run(run)
        found = slots(session)
        session.expunge(run)

    assert found == {}


def test_the_pools_of_all_definitions_are_made_when_a_scheduler_starts(
    session: Session, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, account in (("daily", "autopilot_default"), ("weekly", "autopilot_brazil")):
        (tmp_path / f"{name}.yaml").write_text(
            f"name: {name}\nsource: {{type: lake, path: lake}}\nsegments: [{name}]\n"
            f"mapping: {{Email: EMail}}\ndestination: {{connection: {account}}}\n"
        )
    (tmp_path / "broken.yaml").write_text("name: other\n")
    monkeypatch.setenv("SEGMENT_EXPORTS_DEFINITIONS", str(tmp_path))

    pools.ensure_pools_of_definitions()

    assert slots(session) == {"account_autopilot_default": 1, "account_autopilot_brazil": 1}


def test_a_missing_folder_of_definitions_is_left_to_the_dag_processor(
    session: Session, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SEGMENT_EXPORTS_DEFINITIONS", str(tmp_path / "nowhere"))

    pools.ensure_pools_of_definitions()

    assert slots(session) == {}


def test_airflow_finds_the_listener_by_its_entry_point_and_loads_nothing_of_the_folder(
    airflow_database: Path,
) -> None:
    from airflow import plugins_manager

    loaded, errors = plugins_manager._get_plugins()

    assert errors == {}
    (ours,) = [plugin for plugin in loaded if plugin.name == "segment-exports"]
    assert len(ours.listeners) == 1
    assert type(ours.source) is EntryPointSource
    assert not [one for one in loaded if type(one.source) is PluginsDirectorySource]
