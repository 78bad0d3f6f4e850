"""What an Airflow on SQLite does where two of its processes write at once."""

from __future__ import annotations

import sqlite3
from contextlib import closing, suppress
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import create_engine, event, text
from sqlalchemy.engine import Engine
from sqlalchemy.exc import OperationalError

from airflow_local_settings import wait_for_the_lock

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def database(tmp_path: Path) -> Path:
    """A file as an Airflow that `make` starts has it."""
    file = tmp_path / "airflow.db"
    with closing(sqlite3.connect(file)) as made:
        made.execute("PRAGMA journal_mode=WAL")
        made.execute("CREATE TABLE runs (name)")
    return file


def make_runs(database: Path) -> None:
    """Look for a run and make one, within a savepoint, while another process writes if it can."""
    engine = create_engine(f"sqlite:///{database}?timeout=60")
    with closing(sqlite3.connect(database, timeout=0)) as other, engine.connect() as connection:
        with connection.begin_nested():
            connection.execute(text("SELECT name FROM runs")).all()
            with suppress(sqlite3.OperationalError), other:
                other.execute("INSERT INTO runs VALUES ('of another process')")
            connection.execute(text("INSERT INTO runs VALUES ('of a backfill')"))
        connection.commit()
    engine.dispose()


def test_a_savepoint_that_reads_first_keeps_its_turn_to_write(database: Path) -> None:
    make_runs(database)

    with closing(sqlite3.connect(database)) as read:
        assert read.execute("SELECT name FROM runs").fetchall() == [("of a backfill",)]


def test_without_that_the_time_out_is_no_help(database: Path) -> None:
    event.remove(Engine, "savepoint", wait_for_the_lock)
    try:
        with pytest.raises(OperationalError, match="database is locked"):
            make_runs(database)
    finally:
        event.listen(Engine, "savepoint", wait_for_the_lock)


def test_a_savepoint_within_what_was_written_is_one_of_that_transaction(database: Path) -> None:
    engine = create_engine(f"sqlite:///{database}")
    with engine.connect() as connection:
        connection.execute(text("INSERT INTO runs VALUES ('first')"))
        with connection.begin_nested() as savepoint:
            connection.execute(text("INSERT INTO runs VALUES ('taken back')"))
            savepoint.rollback()
        connection.commit()
    engine.dispose()

    with closing(sqlite3.connect(database)) as read:
        assert read.execute("SELECT name FROM runs").fetchall() == [("first",)]
