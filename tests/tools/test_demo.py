"""The demo sends to nobody but its emulator."""

from __future__ import annotations

from typing import TYPE_CHECKING

from demo import demo_settings
from segment_exports.definition import load_definitions

if TYPE_CHECKING:
    from pathlib import Path


def test_the_demo_sees_the_shipped_export_alone(tmp_path: Path) -> None:
    settings = demo_settings(tmp_path, "http://127.0.0.1:1", "key")

    (loaded,) = load_definitions(settings["SEGMENT_EXPORTS_DEFINITIONS"])

    assert loaded.definition is not None
    assert loaded.definition.name == "newsletter"
    connection = f"AIRFLOW_CONN_{loaded.definition.destination.connection.upper()}"
    assert "http://127.0.0.1:1/v1" in settings[connection]
