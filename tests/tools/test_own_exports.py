"""``make up`` opens the exports of whoever set something of their own, and says so."""

from __future__ import annotations

from contextlib import nullcontext
from typing import TYPE_CHECKING

import pytest

import demo
import own_exports
from airflow_home import ROOT, airflow_environment
from own_exports import what_is_opened, why_own
from segment_exports.definition import load_definitions

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from contextlib import AbstractContextManager
    from pathlib import Path

    from segment_exports.definition import LoadedDefinition

WINBACK = """
name: winback
source: {type: dataverse, connection: dataverse_brazil}
destination: {connection: mailing}
segments: [ChurnProne]
mapping: {Email: EMail}
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "winback.yaml").write_text(WINBACK)
    monkeypatch.setenv("SEGMENT_EXPORTS_DEFINITIONS", str(tmp_path))
    return tmp_path


@pytest.fixture
def loaded(folder: Path) -> tuple[LoadedDefinition, ...]:
    return load_definitions(folder)


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """What ``make up`` would open, without opening it."""
    what: list[str] = []
    monkeypatch.setattr(demo, "run_own_exports", lambda _definitions: what.append("own") or 0)
    monkeypatch.setattr(demo, "run_demo", lambda *_, keep_open: what.append("demo") or 0)
    return what


@pytest.mark.parametrize(
    ("environment", "why"),
    [
        ({"SEGMENT_EXPORTS_DEFINITIONS": "/mine"}, "SEGMENT_EXPORTS_DEFINITIONS is set"),
        ({"AIRFLOW_CONN_AUTOPILOT_DEFAULT": "{}"}, "AIRFLOW_CONN_AUTOPILOT_DEFAULT is set"),
        ({"AIRFLOW_CONN_AUTOPILOT_BRAZIL": "{}"}, "AIRFLOW_CONN_AUTOPILOT_BRAZIL is set"),
        ({"AIRFLOW_CONN_MAILING": "{}"}, "AIRFLOW_CONN_MAILING is set"),
        ({"AIRFLOW_CONN_DATAVERSE_BRAZIL": "{}"}, "AIRFLOW_CONN_DATAVERSE_BRAZIL is set"),
    ],
)
def test_definitions_or_a_connection_of_ones_own_open_ones_own_exports(
    environment: dict[str, str], why: str, loaded: tuple[LoadedDefinition, ...]
) -> None:
    assert why_own(environment, loaded) == why


@pytest.mark.parametrize(
    "environment",
    [
        {},
        {"AIRFLOW_CONN_AUTOPILOT_DEFAULT": ""},
        {"AIRFLOW_CONN_OTHER": "{}"},
        {"SEGMENT_EXPORTS_LAKE": "/x"},
    ],
)
def test_without_either_the_demo_is_opened(
    environment: dict[str, str], loaded: tuple[LoadedDefinition, ...]
) -> None:
    assert why_own(environment, loaded) is None


def test_it_is_told_what_is_opened_and_why(
    folder: Path, opened: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert demo.open_airflow() == 0

    assert opened == ["own"]
    assert "your own exports, because SEGMENT_EXPORTS_DEFINITIONS is set" in capsys.readouterr().out


def test_the_demo_tells_how_to_open_ones_own(
    monkeypatch: pytest.MonkeyPatch, opened: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("SEGMENT_EXPORTS_DEFINITIONS")

    assert demo.open_airflow() == 0

    assert opened == ["demo"]
    told = capsys.readouterr().out
    assert "the demo, because neither SEGMENT_EXPORTS_DEFINITIONS nor a connection of an account is" in told


def test_exports_are_named_with_what_they_lack(folder: Path, loaded: tuple[LoadedDefinition, ...]) -> None:
    (folder / "broken.yaml").write_text("name: broken")

    told = what_is_opened({}, load_definitions(folder))

    assert told.splitlines() == [
        f"   {folder}: winback",
        "   Broken, so that they do nothing (make check says why): broken",
        "   Not in the environment, so taken from Airflow's UI, Admin > Connections: mailing",
    ]
    assert what_is_opened({"AIRFLOW_CONN_MAILING": "{}"}, loaded) == f"   {folder}: winback"


def test_a_folder_that_is_not_there_is_refused_at_once_as_make_check_refuses_it(
    monkeypatch: pytest.MonkeyPatch, opened: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SEGMENT_EXPORTS_DEFINITIONS", "/nope")
    monkeypatch.setattr("sys.argv", ["demo.py", "up"])
    monkeypatch.setattr(demo, "end_on_signals", lambda: None)

    assert demo.main() == 1

    assert opened == []
    told = capsys.readouterr().err.strip()
    assert told == "/nope isn't a folder; SEGMENT_EXPORTS_DEFINITIONS must name the folder of definitions"


def test_settings_that_are_wrong_are_told_before_anything_is_opened(
    monkeypatch: pytest.MonkeyPatch, opened: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SEGMENT_EXPORTS_DEFINITION", "/mine")
    monkeypatch.setattr("sys.argv", ["demo.py", "up"])
    monkeypatch.setattr(demo, "end_on_signals", lambda: None)

    assert demo.main() == 1

    assert opened == []
    told = capsys.readouterr().err.strip()
    assert told == "SEGMENT_EXPORTS_DEFINITION isn't known. Did you mean SEGMENT_EXPORTS_DEFINITIONS?"


def test_the_staging_that_is_set_is_taken_and_a_secret_of_the_caller_is_written_down_nowhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(own_exports, "OWN_FOLDER", tmp_path / ".airflow")
    monkeypatch.setenv("SEGMENT_EXPORTS_STAGING", "s3://bucket/staging")
    monkeypatch.setenv("AIRFLOW_VAR_AUTOPILOT_LEDGER_SECRET", "a secret that is set")

    settings = own_exports.own_settings()

    assert settings["SEGMENT_EXPORTS_STAGING"] == "s3://bucket/staging"
    assert "AIRFLOW_VAR_AUTOPILOT_LEDGER_SECRET" not in settings
    passed_on = airflow_environment(tmp_path / "airflow", settings)
    assert passed_on["AIRFLOW_VAR_AUTOPILOT_LEDGER_SECRET"] == "a secret that is set"
    assert not (tmp_path / ".airflow" / "ledger.key").exists()


def test_state_and_the_secret_of_the_ledger_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(own_exports, "OWN_FOLDER", tmp_path / ".airflow")
    monkeypatch.setattr(own_exports, "ROOT", tmp_path)
    for name in ("SEGMENT_EXPORTS_STAGING", "AIRFLOW_VAR_AUTOPILOT_LEDGER_SECRET"):
        monkeypatch.delenv(name)

    first, second = own_exports.own_settings(), own_exports.own_settings()

    assert first == second
    assert first["SEGMENT_EXPORTS_STAGING"] == str(tmp_path / ".airflow" / "staging")
    assert first["AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION"] == "True"
    assert (tmp_path / ".airflow" / "ledger.key").stat().st_mode & 0o777 == 0o600


def test_home_shows_every_service_of_airflow_at_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """*Home* calls a service red that isn't there, the triggerer too."""
    started: list[Iterable[str]] = []

    def airflow(*_: object, components: Iterable[str], **__: object) -> AbstractContextManager[None]:
        started.append(components)
        return nullcontext()

    monkeypatch.setattr(own_exports, "OWN_FOLDER", tmp_path / ".airflow")
    monkeypatch.setattr(demo, "OWN_FOLDER", tmp_path / ".airflow")
    monkeypatch.setattr(demo, "LocalAirflow", airflow)
    monkeypatch.setattr(demo, "_wait_for_interrupt", lambda _: None)

    assert demo.run_own_exports(()) == 0

    (components,) = started
    assert set(components) == {"api-server", "scheduler", "dag-processor", "triggerer"}


def test_the_shipped_definitions_alone_open_the_demo() -> None:
    assert why_own({}, load_definitions(ROOT / "include" / "exports")) is None
