"""What stands in the home of an Airflow that `make` starts, for its processes and for a second terminal."""

from __future__ import annotations

import os
import subprocess
import sys
from configparser import ConfigParser
from typing import TYPE_CHECKING

import pytest

from airflow_home import ROOT, LocalAirflowError, airflow_environment, forget_variables, write_home

if TYPE_CHECKING:
    from pathlib import Path


def config_in(home: Path) -> ConfigParser:
    """Read it with the interpolation that Airflow reads it with."""
    config = ConfigParser()
    config.read(home / "airflow.cfg")
    return config


def told_in_a_second_terminal(home: Path, asked: str, **variables: str) -> list[str]:
    """Return the lines that a program prints in an environment that knows the home alone."""
    plain = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("AIRFLOW", "SEGMENT_EXPORTS"))
    }
    return subprocess.run(
        [sys.executable, "-c", asked],
        env=plain | {"AIRFLOW_HOME": str(home)} | variables,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.splitlines()


def test_a_plain_command_has_the_database_with_its_time_out_and_the_dags_and_plugins(tmp_path: Path) -> None:
    home = tmp_path / "airflow"
    write_home(home, {"AIRFLOW__API__PORT": "20123"})

    told = told_in_a_second_terminal(
        home,
        "from airflow.configuration import conf\n"
        "for key in ('database sql_alchemy_conn', 'core dags_folder', 'core plugins_folder', 'api port'):\n"
        "    print(conf.get(*key.split()))\n",
    )

    database = f"sqlite:///{home}/airflow.db?timeout=60"
    assert told == [database, str(ROOT / "dags"), str(ROOT / "plugins"), "20123"]


def test_a_plain_command_has_the_exports_of_the_airflow_that_is_open_unless_it_has_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SEGMENT_EXPORTS_LAKE", "/lake/of/the/caller")
    monkeypatch.setenv("AIRFLOW_CONN_OF_THE_CALLER", "a key that is written down nowhere")
    write_home(tmp_path, {"SEGMENT_EXPORTS_STAGING": "/staging", "AIRFLOW_VAR_OURS": "made here"})
    asked = (
        "import os, airflow.settings\n"
        "for name in ('SEGMENT_EXPORTS_LAKE', 'SEGMENT_EXPORTS_STAGING', 'AIRFLOW_VAR_OURS'):\n"
        "    print(os.environ.get(name))\n"
    )

    told = told_in_a_second_terminal(tmp_path, asked, SEGMENT_EXPORTS_STAGING="/another")
    written = "".join(one.read_text() for one in tmp_path.rglob("*") if one.is_file())
    forget_variables(tmp_path)
    told_once_closed = told_in_a_second_terminal(tmp_path, asked)

    assert told == ["/lake/of/the/caller", "/another", "made here"]
    assert "a key that is written down nowhere" not in written
    assert told_once_closed == ["None"] * 3


def test_nobody_else_can_read_it(tmp_path: Path) -> None:
    (tmp_path / "airflow.cfg").write_text("[api]\nport = 1\n")
    (tmp_path / "airflow.cfg").chmod(0o644)

    write_home(tmp_path, {"AIRFLOW__API__SECRET_KEY": "of this start"})

    files = {one.name: one.stat().st_mode & 0o777 for one in tmp_path.rglob("*") if one.is_file()}
    assert files == dict.fromkeys(("airflow.cfg", "airflow_local_settings.py", "environment.json"), 0o600)


def test_what_encrypts_the_connections_and_what_a_person_added_stay(tmp_path: Path) -> None:
    (tmp_path / "airflow.cfg").write_text(
        "[core]\nfernet_key = made-long-ago\nexecutor = Other\n[smtp]\nsmtp_host = mail.example.org\n"
    )

    write_home(tmp_path, {"AIRFLOW__CORE__EXECUTOR": "LocalExecutor"})
    config = config_in(tmp_path)

    assert config["core"]["fernet_key"] == "made-long-ago"
    assert config["smtp"]["smtp_host"] == "mail.example.org"
    assert config["core"]["executor"] == "LocalExecutor"


def test_a_new_home_gets_a_key_once(tmp_path: Path) -> None:
    write_home(tmp_path, {})
    first = config_in(tmp_path)["core"]["fernet_key"]
    write_home(tmp_path, {})

    assert len(first) == 44
    assert config_in(tmp_path)["core"]["fernet_key"] == first


def test_a_value_is_read_as_it_was_given(tmp_path: Path) -> None:
    write_home(tmp_path, {"AIRFLOW__API__BASE_URL": "http://localhost/100%25"})

    assert config_in(tmp_path)["api"]["base_url"] == "http://localhost/100%25"


def test_a_file_that_no_airflow_could_read_is_told_and_left_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "airflow.cfg").write_text("[core]\nfernet_key = precious\nnonsense\n")

    with pytest.raises(LocalAirflowError, match=r"airflow\.cfg.*Correct it.*fernet_key"):
        write_home(tmp_path, {})

    assert "precious" in (tmp_path / "airflow.cfg").read_text()


def test_settings_of_airflow_stand_in_the_file_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW__CORE__EXECUTOR", "of the caller's own Airflow")
    monkeypatch.setenv("AIRFLOW_CONN_MINE", "http://localhost")
    settings = {"AIRFLOW__CORE__PARALLELISM": "8", "SEGMENT_EXPORTS_STAGING": "/staging"}

    variables = airflow_environment(tmp_path, settings)

    assert [name for name in variables if name.startswith("AIRFLOW__")] == []
    assert variables["AIRFLOW_CONN_MINE"] == "http://localhost"
    assert variables["SEGMENT_EXPORTS_STAGING"] == "/staging"
