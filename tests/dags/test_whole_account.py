"""The exports of the repository, end to end, against a plain reading of the same CSV files."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from demo_tenant import write_lake
from plain_reading import differences, read_plainly
from segment_emulators.autopilot import EmulatorConfig, Switches, serve_autopilot
from segment_exports.destinations.agreement import signed_agreement

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from airflow.dag_processing.dagbag import DagBag

pytestmark = pytest.mark.airflow


def test_the_account_holds_what_the_csv_files_say_address_by_address(
    tmp_path: Path, repository: Path, load_dags: Callable[[], DagBag], monkeypatch: pytest.MonkeyPatch
) -> None:
    written = write_lake(tmp_path / "lake", customers=3_000)
    definitions = repository / "include" / "exports"
    monkeypatch.setenv("SEGMENT_EXPORTS_DEFINITIONS", str(definitions))
    monkeypatch.setenv("SEGMENT_EXPORTS_LAKE", str(tmp_path / "lake"))
    monkeypatch.setenv("SEGMENT_EXPORTS_STAGING", str(tmp_path / "staging"))
    with serve_autopilot(EmulatorConfig(switches=Switches(rate=None))) as emulator:
        connection = {
            "conn_type": "autopilot",
            "host": emulator.base_url,
            "password": emulator.api_key,
            "extra": {"requests_per_second": 3000, **signed_agreement("the tests")},
        }
        monkeypatch.setenv("AIRFLOW_CONN_AUTOPILOT_DEFAULT", json.dumps(connection))

        run = load_dags().dags["export_newsletter"].test()

        account = emulator.account
        expected = read_plainly(definitions / "newsletter.yaml", tmp_path / "lake")
        members = {title: account.members(title) for title in expected.members}
        found = differences(expected, account.contacts_by_email(), members)
        titles = sorted(one.title for one in account.lists.values())

    assert str(run.state) == "success"
    assert found == []
    assert titles == sorted(expected.members)
    assert len(expected.contacts) > written.profiles / 3
    assert all(len(emails) > 50 for emails in expected.members.values())


def test_the_comparison_sees_every_kind_of_difference() -> None:
    from plain_reading import Expected

    expected = Expected({"a@x.org": {"City": "Rio"}, "b@x.org": {}}, {"News": {"a@x.org"}})

    found = differences(expected, {"a@x.org": {"City": "Bonn"}, "c@x.org": {}}, {"News": {"c@x.org"}})

    assert found == [
        "a@x.org is missing on News",
        "a@x.org: City is 'Bonn', not 'Rio'",
        "b@x.org is missing",
        "c@x.org should not be on News",
        "c@x.org should not be there",
    ]
