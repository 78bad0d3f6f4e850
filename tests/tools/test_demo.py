"""The demo sends to nobody but its emulator, of either destination."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

import demo
from demo_accounts import DESTINATIONS, Emulator
from segment_exports.definition import load_definitions

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("destination", DESTINATIONS)
def test_the_demo_sees_the_shipped_export_alone(tmp_path: Path, destination: str) -> None:
    emulator = Emulator(DESTINATIONS[destination], "http://127.0.0.1:1", "key")

    settings = demo.demo_settings(tmp_path, emulator)

    (loaded,) = load_definitions(settings["SEGMENT_EXPORTS_DEFINITIONS"])
    assert loaded.definition is not None, loaded.error
    assert loaded.definition.name == "newsletter"
    assert loaded.definition.destination.type == destination
    connection = f"AIRFLOW_CONN_{loaded.definition.destination.connection.upper()}"
    assert "http://127.0.0.1:1/v1" in settings[connection]


def test_a_destination_that_there_isnt_is_told(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["demo.py", "run", "--destination", "mailchimp"])

    assert demo.main() == 2

    assert "DESTINATION is autopilot or ortto, not mailchimp" in capsys.readouterr().err
