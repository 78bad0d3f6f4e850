"""Loads the project's DAG file with definitions of a test's own."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from airflow.dag_processing.dagbag import DagBag

NEWSLETTER = """\
    name: newsletter
    display_name: Newsletter
    source: {type: lake, path: lake}
    segments: [Gold, {name: Silver, list: Win-back}]
    mapping: {Email: EMail, FirstName: FirstName}
"""


@pytest.fixture
def definitions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Path]:
    """Write definitions (file name without suffix = text) and make the DAG file see only these."""
    folder = tmp_path / "exports"

    def write(**files: str) -> Path:
        folder.mkdir(exist_ok=True)
        for name, text in files.items():
            (folder / f"{name}.yaml").write_text(textwrap.dedent(text))
        monkeypatch.setenv("SEGMENT_EXPORTS_DEFINITIONS", str(folder))
        return folder

    return write


@pytest.fixture
def load_dags(repository: Path, airflow_database: Path) -> Callable[[], DagBag]:
    """Load the DAG file as the DAG processor does, into an Airflow that knows of no earlier run.

    Tests share the database but no staging: runs of others would make a test's own staging a stranger's.
    """
    from airflow.dag_processing.dagbag import DagBag
    from airflow.models.dagrun import DagRun
    from airflow.models.taskinstance import TaskInstance
    from airflow.utils.session import create_session
    from sqlalchemy import delete

    with create_session() as session:
        for model in (TaskInstance, DagRun):
            session.execute(delete(model))

    def load() -> DagBag:
        bag = DagBag(dag_folder=str(repository / "dags"))
        assert bag.import_errors == {}
        return bag

    return load


@pytest.fixture
def newsletter() -> str:
    """A small definition, without a schedule."""
    return NEWSLETTER
