"""An export gets another name or connection, or a segment another definition: the lists stay the same."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from tests.faults.export_run import RunningExport
from tests.faults.lake_folder import Profile

if TYPE_CHECKING:
    from pathlib import Path

    from tests.faults.scenario import Scenario

ANCHOR = Profile("anchor", "anchor@example.com")
ANN = Profile("c1", "ann@example.com")
BEN = Profile("c2", "ben@example.com")
CEM = Profile("c3", "cem@example.com")


@pytest.fixture
def begun(scenario: Scenario) -> Scenario:
    """Ann, Ben and Cem are on Gold; then Ann refuses."""
    scenario.begin()
    scenario.write_segments(1, {"Gold": [ANCHOR, ANN, BEN, CEM], "Churn": [ANCHOR], "Readers": [ANCHOR]})
    assert not scenario.export.run().red
    rest = [ANCHOR, replace(ANN, Subscriber="No"), BEN, CEM]
    scenario.write_segments(2, {"Gold": rest, "Churn": [ANCHOR], "Readers": [ANCHOR]})
    return scenario


def require_red_until_reconciled(scenario: Scenario, export: RunningExport, told: str) -> None:
    for _ in range(2):
        result = export.run()
        assert any(told in reason for reason in result.report.red_reasons), result.report.red_reasons
        assert all("reconcile" in reason for reason in result.report.red_reasons)
        assert "ann@example.com" in scenario.stand.members("Gold"), "nobody knows that she is there"

    assert not export.run(reconcile=True).red

    assert scenario.stand.members("Gold") == {one.EMail for one in (ANCHOR, BEN, CEM)}
    again = export.run()
    assert (again.red, again.attempts) == (False, 0)


def other(scenario: Scenario, folder: Path, monkeypatch: Any, **settings: Any) -> RunningExport:
    settings = {**scenario.settings, "name": "news", **settings}
    return RunningExport(folder, scenario.stand, monkeypatch, settings)


def test_an_export_that_got_another_name(
    begun: Scenario, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "exports" / "newsletter.yaml").unlink()
    export = other(begun, tmp_path, monkeypatch)
    require_red_until_reconciled(
        begun, export, "4 people are on list Gold whom export newsletter put there through the connection"
    )


def test_a_segment_that_moved_to_another_definition_with_its_list(
    begun: Scenario, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gold, *rest = begun.settings["segments"]
    begun.export.define({**begun.settings, "segments": rest})
    export = other(begun, tmp_path, monkeypatch, segments=[gold])
    require_red_until_reconciled(begun, export, "4 people are on list Gold whom export newsletter put there")


def test_an_export_that_got_another_connection_to_the_same_account(
    begun: Scenario, monkeypatch: pytest.MonkeyPatch
) -> None:
    usual = begun.stand.connection_id
    monkeypatch.setenv("AIRFLOW_CONN_NEW", os.environ[f"AIRFLOW_CONN_{usual.upper()}"])
    settings = {**begun.settings, "destination": {**begun.settings["destination"], "connection": "new"}}
    begun.export.define(settings)
    (stopped,) = begun.export.run().report.red_reasons
    assert "to adopt it, and trigger a run with reconcile" in stopped
    ids = begun.stand.list_ids
    adopted = [one | {"list_id": ids(one["list"])[0]} for one in settings["segments"]]
    begun.export.define({**settings, "segments": adopted})
    require_red_until_reconciled(
        begun,
        begun.export,
        f"4 people are on list Gold whom export newsletter put there through the connection {usual}",
    )
