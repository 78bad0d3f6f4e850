"""A package that Airflow can't know is told in the first step, before an upload waits for ever."""

from __future__ import annotations

from importlib.metadata import EntryPoint

import pytest

from segment_exports.errors import SettingsError
from segment_exports_airflow import installation
from segment_exports_airflow.installation import require_plugin

POOL = "account_autopilot_default"


def test_an_installed_package_is_known() -> None:
    require_plugin(POOL)


@pytest.mark.parametrize(
    ("found", "told"),
    [
        ((), "isn't installed here, only its files are on Python's path"),
        (
            (EntryPoint("segment_exports", "segment_exports_airflow.nowhere:Plugin", "airflow.plugins"),),
            "can't load the plugin of segment-exports (ModuleNotFoundError)",
        ),
    ],
)
def test_one_that_airflow_does_not_load_is_told_with_the_pool_that_would_be_missing(
    found: tuple[EntryPoint, ...], told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(installation, "entry_points", lambda **_: found)

    with pytest.raises(SettingsError) as refused:
        require_plugin(POOL)

    assert told in str(refused.value)
    assert "nothing makes the pool account_autopilot_default" in str(refused.value)
