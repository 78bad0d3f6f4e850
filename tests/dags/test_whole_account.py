"""The exports of the repository, end to end, against a plain reading of the same CSV files."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

from demo_accounts import DESTINATIONS, Emulator, write_definition
from demo_tenant import write_lake
from plain_reading import TOLD_BY, differences, read_plainly
from segment_emulators import autopilot, ortto

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager
    from pathlib import Path

    from airflow.dag_processing.dagbag import DagBag

pytestmark = pytest.mark.airflow
SERVED: dict[str, Callable[[], AbstractContextManager[Any]]] = {
    "autopilot": partial(
        autopilot.serve_autopilot, autopilot.EmulatorConfig(switches=autopilot.Switches(rate=None))
    ),
    "ortto": partial(ortto.serve_ortto, ortto.EmulatorConfig(switches=ortto.Switches(rate=None))),
}


@pytest.mark.parametrize("destination", DESTINATIONS)
def test_the_account_holds_what_the_csv_files_say_address_by_address(
    tmp_path: Path, load_dags: Callable[[], DagBag], monkeypatch: pytest.MonkeyPatch, destination: str
) -> None:
    written = write_lake(tmp_path / "lake", customers=3_000)
    (tmp_path / "exports").mkdir()
    definition = write_definition(tmp_path / "exports", DESTINATIONS[destination])
    monkeypatch.setenv("SEGMENT_EXPORTS_DEFINITIONS", str(definition.parent))
    monkeypatch.setenv("SEGMENT_EXPORTS_LAKE", str(tmp_path / "lake"))
    monkeypatch.setenv("SEGMENT_EXPORTS_STAGING", str(tmp_path / "staging"))
    with SERVED[destination]() as emulator:
        account = Emulator(DESTINATIONS[destination], emulator.url, emulator.api_key)
        monkeypatch.setenv(account.of.variable, account.connection(3000))

        run = load_dags().dags["export_newsletter"].test()

        expected = read_plainly(definition, tmp_path / "lake")
        members = {title: emulator.account.members(title) for title in expected.members}
        contacts = emulator.account.contacts_by_email()
        found = differences(expected, contacts, members, TOLD_BY[destination])
        titles = {one.title for one in emulator.account.lists.values() if one.members}

    assert str(run.state) == "success"
    assert found == []
    assert titles == set(expected.members)
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
