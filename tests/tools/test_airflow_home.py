"""What stands in the home of an Airflow that `make` starts, for its processes and for a second terminal."""

from __future__ import annotations

import os
import subprocess
import sys
from configparser import ConfigParser
from typing import TYPE_CHECKING

import pytest

from airflow_home import ROOT, LocalAirflowError, airflow_environment, write_config

if TYPE_CHECKING:
    from pathlib import Path


def config_in(home: Path) -> ConfigParser:
    """Read it with the interpolation that Airflow reads it with."""
    config = ConfigParser()
    config.read(home / "airflow.cfg")
    return config


def test_a_plain_command_has_the_database_with_its_time_out_and_the_dags_and_plugins(tmp_path: Path) -> None:
    home = tmp_path / "airflow"
    write_config(home, {"AIRFLOW__API__PORT": "20123"})

    asked = """
from airflow.configuration import conf
for key in ("database sql_alchemy_conn", "core dags_folder", "core plugins_folder", "api port"):
    print(conf.get(*key.split()))
"""
    plain = {name: value for name, value in os.environ.items() if not name.startswith("AIRFLOW_")}
    told = subprocess.run(
        [sys.executable, "-c", asked],
        env=plain | {"AIRFLOW_HOME": str(home)},
        capture_output=True,
        text=True,
        check=True,
    ).stdout.splitlines()

    database = f"sqlite:///{home}/airflow.db?timeout=60"
    assert told == [database, str(ROOT / "dags"), str(ROOT / "plugins"), "20123"]


def test_nobody_else_can_read_it(tmp_path: Path) -> None:
    (tmp_path / "airflow.cfg").write_text("[api]\nport = 1\n")
    (tmp_path / "airflow.cfg").chmod(0o644)

    write_config(tmp_path, {"AIRFLOW__API__SECRET_KEY": "of this start"})

    assert (tmp_path / "airflow.cfg").stat().st_mode & 0o777 == 0o600
    assert [one.name for one in tmp_path.iterdir()] == ["airflow.cfg"]


def test_what_encrypts_the_connections_and_what_a_person_added_stay(tmp_path: Path) -> None:
    (tmp_path / "airflow.cfg").write_text(
        "[core]\nfernet_key = made-long-ago\nexecutor = Other\n[smtp]\nsmtp_host = mail.example.org\n"
    )

    write_config(tmp_path, {"AIRFLOW__CORE__EXECUTOR": "LocalExecutor"})
    config = config_in(tmp_path)

    assert config["core"]["fernet_key"] == "made-long-ago"
    assert config["smtp"]["smtp_host"] == "mail.example.org"
    assert config["core"]["executor"] == "LocalExecutor"


def test_a_new_home_gets_a_key_once(tmp_path: Path) -> None:
    write_config(tmp_path, {})
    first = config_in(tmp_path)["core"]["fernet_key"]
    write_config(tmp_path, {})

    assert len(first) == 44
    assert config_in(tmp_path)["core"]["fernet_key"] == first


def test_a_value_is_read_as_it_was_given(tmp_path: Path) -> None:
    write_config(tmp_path, {"AIRFLOW__API__BASE_URL": "http://localhost/100%25"})

    assert config_in(tmp_path)["api"]["base_url"] == "http://localhost/100%25"


def test_a_file_that_no_airflow_could_read_is_told_and_left_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "airflow.cfg").write_text("[core]\nfernet_key = precious\nnonsense\n")

    with pytest.raises(LocalAirflowError, match=r"airflow\.cfg.*Correct it.*fernet_key"):
        write_config(tmp_path, {})

    assert "precious" in (tmp_path / "airflow.cfg").read_text()


def test_settings_of_airflow_stand_in_the_file_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW__CORE__EXECUTOR", "of the caller's own Airflow")
    monkeypatch.setenv("AIRFLOW_CONN_MINE", "http://localhost")
    settings = {"AIRFLOW__CORE__PARALLELISM": "8", "SEGMENT_EXPORTS_STAGING": "/staging"}

    variables = airflow_environment(tmp_path, settings)

    assert [name for name in variables if name.startswith("AIRFLOW__")] == []
    assert variables["AIRFLOW_CONN_MINE"] == "http://localhost"
    assert variables["SEGMENT_EXPORTS_STAGING"] == "/staging"
