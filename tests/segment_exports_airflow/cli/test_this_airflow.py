"""The Airflow where a command runs: what was made in its UI is known, and a database that is none is told."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from cryptography.fernet import Fernet
from sqlalchemy import create_engine, make_url
from sqlalchemy.exc import OperationalError

from segment_exports_airflow.cli.this_airflow import trouble_with

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Command = Callable[..., subprocess.CompletedProcess[str]]

DEFINITION = """\
name: newsletter
source: {type: dataverse, connection: made_in_the_ui}
destination: {connection: account_of_the_ui}
segments: [Gold]
mapping: {Email: EMail}
"""
SECRETS = ("sk-in-the-database", "pa55word")


@pytest.fixture
def command(tmp_path: Path, repository: Path) -> Command:
    """Run segment-exports as somebody does who has a shell where Airflow runs, with nothing but its home."""
    (tmp_path / "exports").mkdir()
    (tmp_path / "exports" / "newsletter.yaml").write_text(DEFINITION)

    def run(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
        kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
        done = subprocess.run(
            [sys.executable, "-m", "segment_exports_airflow.cli", *arguments],
            env=kept
            | {
                "AIRFLOW_HOME": str(tmp_path / "airflow"),
                "SEGMENT_EXPORTS_DEFINITIONS": str(tmp_path / "exports"),
            }
            | variables,
            capture_output=True,
            text=True,
            check=False,
        )
        assert "Traceback" not in done.stdout + done.stderr
        assert not [one for one in SECRETS if one in done.stdout + done.stderr]
        return done

    return run


class TestWithADatabase:
    """One that Airflow has migrated, with what a person made in the UI."""

    KEY = Fernet.generate_key().decode()

    @pytest.fixture
    def at(self, airflow_database: Path, tmp_path: Path) -> str:
        """A copy of the database of the tests, with connections and a Variable."""
        file = tmp_path / "airflow.db"
        cipher = Fernet(self.KEY.encode())
        with sqlite3.connect(airflow_database / "airflow.db") as there, sqlite3.connect(file) as copy:
            there.backup(copy)
            copy.execute(
                "INSERT INTO connection"
                " (conn_id, conn_type, password, is_encrypted, is_extra_encrypted, extra)"
                " VALUES ('account_of_the_ui', 'autopilot', ?, 1, 1, ?)",
                [
                    cipher.encrypt(one.encode()).decode()
                    for one in (SECRETS[0], json.dumps({"enabled": False, "agreed_by": "Ann"}))
                ],
            )
            copy.execute(
                "INSERT INTO variable (key, val, is_encrypted) VALUES ('AUTOPILOT_LEDGER_SECRET', ?, 1)",
                [cipher.encrypt(b"short").decode()],
            )
        return f"sqlite:///{file}"

    def test_what_was_made_in_the_ui_is_known(self, command: Command, at: str) -> None:
        done = command("check", AIRFLOW__DATABASE__SQL_ALCHEMY_CONN=at, AIRFLOW__CORE__FERNET_KEY=self.KEY)

        assert done.returncode == 1
        assert "there is no connection made_in_the_ui" in done.stdout
        assert "disabled" in done.stdout
        assert "AUTOPILOT_LEDGER_SECRET is short (5 characters)" in done.stdout
        assert done.stderr == ""
        assert "[warning" not in done.stdout, (
            "the short name of who agreed is masked nowhere, which Airflow logs"
        )

    def test_another_fernet_key_is_told(self, command: Command, at: str) -> None:
        other = Fernet.generate_key().decode()

        done = command("check", AIRFLOW__DATABASE__SQL_ALCHEMY_CONN=at, AIRFLOW__CORE__FERNET_KEY=other)

        assert done.returncode == 1
        assert done.stderr.count("\n") == 1
        assert "can't be decrypted here" in done.stderr
        assert "AIRFLOW__CORE__FERNET_KEY" in done.stderr


def test_a_database_that_is_not_there_is_told_and_not_made(command: Command, tmp_path: Path) -> None:
    done = command("segments", "--like", "newsletter")

    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == (
        f"Connections and Variables made in the UI are not known here: Airflow's database "
        f"sqlite:///{tmp_path}/airflow/airflow.db isn't there (AIRFLOW_HOME is {tmp_path}/airflow); "
        f"`airflow db migrate` makes it"
    )
    assert not list(tmp_path.rglob("*.db"))


def test_nothing_is_said_of_it_where_all_went_well(command: Command, tmp_path: Path) -> None:
    (tmp_path / "staging" / "newsletter" / "runs").mkdir(parents=True)

    done = command("purge", SEGMENT_EXPORTS_STAGING=str(tmp_path / "staging"))

    assert (done.returncode, done.stdout, done.stderr) == (0, "newsletter: 0 runs purged\n", "")


def test_a_database_that_nobody_migrated_is_told(tmp_path: Path) -> None:
    (tmp_path / "airflow.db").touch()

    told = trouble_with(create_engine(f"sqlite:///{tmp_path}/airflow.db"))

    assert told is not None
    assert "is empty, or of another version of Airflow" in told


def test_a_file_that_is_no_database_is_told(tmp_path: Path) -> None:
    (tmp_path / "airflow.db").write_text("something else " * 100)

    told = trouble_with(create_engine(f"sqlite:///{tmp_path}/airflow.db"))

    assert told is not None
    assert "can't be asked (DatabaseError)" in told


def test_a_server_that_cannot_be_reached_is_told_without_the_password() -> None:
    class Unreachable:
        url = make_url(f"postgresql+psycopg2://airflow:{SECRETS[1]}@db.example.com/airflow")

        def connect(self) -> None:
            raise OperationalError(None, None, ConnectionRefusedError(f"as airflow, {SECRETS[1]}"))

    assert trouble_with(Unreachable()) == (  # type: ignore[arg-type]
        "Airflow's database postgresql+psycopg2://airflow:***@db.example.com/airflow can't be asked "
        "(OperationalError); `airflow db check` says why"
    )


@pytest.mark.parametrize(
    "at",
    [
        "sqlite:///airflow.db",
        "nonsense",
        f"postgresql+nosuchdriver://airflow:{SECRETS[1]}@db.example.com/airflow",
    ],
)
def test_settings_with_which_airflow_does_not_start_are_told(command: Command, at: str) -> None:
    done = command("check", AIRFLOW__DATABASE__SQL_ALCHEMY_CONN=at)

    assert done.returncode == 1
    assert done.stderr.startswith("segment-exports check: Airflow itself doesn't start here (")
    assert done.stderr.count("\n") == 1
