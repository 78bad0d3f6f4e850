"""The key of another account on the connection, from one step of a run to the next."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.faults.export_run import RunningExport
from tests.faults.lake_folder import LakeFolder, people
from tests.stands.parameters import STANDS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.stands.account_stand import AccountStand

SETTINGS = {
    "destination": {"membership": "field"},
    "segments": [{"name": "Gold", "list": "Gold"}],
    "mapping": {"Email": "EMail"},
    "permission": {"attribute": "Subscriber", "equals": "Yes"},
}


@pytest.fixture
def export(
    tmp_path: Path, stand: AccountStand, monkeypatch: pytest.MonkeyPatch, short_waits: None
) -> RunningExport:
    """One that delivered to p0 to p9, of whom p0 withdrew since, and p10 came."""
    export = RunningExport(tmp_path, stand, monkeypatch, SETTINGS)
    lake = LakeFolder(export.lake)
    lake.write(1, {"Gold": people(*range(10))})
    assert not export.run().red
    lake.write(2, {"Gold": [*people(*range(1, 11)), *people(0, Subscriber="No")]})
    return export


@pytest.fixture
def another(stand: AccountStand) -> Iterator[AccountStand]:
    with STANDS[stand.name](seed=7) as other:
        yield other


def use(export: RunningExport, stand: AccountStand) -> None:
    export.stand = stand
    export.connect()


def test_nobody_is_sent_to_it_and_who_withdrew_leaves_the_right_one(
    export: RunningExport, stand: AccountStand, another: AccountStand
) -> None:
    struck = export.run(before_upload=lambda: use(export, another))

    assert struck.report is not None
    assert "Is the key of another account on the connection? Nothing was sent" in str(
        struck.report.red_reasons
    )
    assert struck.attempts == len(struck.errors), "no attempt is repeated"
    assert not another.people()
    use(export, stand)
    assert not export.run().red
    assert stand.listed("Gold") == {f"p{one}@example.com" for one in range(1, 11)}


def test_a_new_key_of_the_same_account_sends(export: RunningExport, stand: AccountStand) -> None:
    def rotate() -> None:
        stand.emulator.rotate_key("another-key-of-the-account")
        export.connect()

    assert not export.run(before_upload=rotate).red

    assert stand.listed("Gold") == {f"p{one}@example.com" for one in range(1, 11)}
