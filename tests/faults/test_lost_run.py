"""A run that sent and whose files are lost before it was settled: told until a reconcile read the lists."""

from __future__ import annotations

import shutil
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from tests.faults.export_run import RunningExport
from tests.faults.lake_folder import LakeFolder, people
from tests.stands.account_stand import Place

from segment_emulators.autopilot import Fault, FaultKind

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.stands.account_stand import AccountStand

SETTINGS = {
    "destination": {"membership": "list"},
    "segments": [{"name": "Gold", "list": "Gold"}],
    "mapping": {"Email": "EMail"},
    "permission": {"attribute": "Subscriber", "equals": "Yes"},
    "when_member_leaves": "remove",
}
UNPAID: dict[str, Any] = {
    "kind": FaultKind.GATEWAY,
    "times": None,
    "status": 402,
    "body": '{"error":"Payment Required","message":"Past due."}',
}


@pytest.fixture
def cut_off(
    tmp_path: Path, stand: AccountStand, monkeypatch: pytest.MonkeyPatch, short_waits: None
) -> RunningExport:
    """One that delivered to p0 to p9, and then to p10 to p19 in a run that was never settled."""
    export = RunningExport(tmp_path, stand, monkeypatch, SETTINGS)
    lake = LakeFolder(export.lake)
    lake.write(1, {"Gold": people(*range(10))})
    assert not export.run().red
    lake.write(2, {"Gold": people(*range(20))})
    export.run(settle=False)
    return export


@pytest.fixture
def export(cut_off: RunningExport) -> RunningExport:
    """The folder of its last run is lost."""
    remove_folder(cut_off)
    return cut_off


def remove_folder(export: RunningExport) -> None:
    shutil.rmtree(export.files(export.last_run).store.root)


def remove_receipts(export: RunningExport) -> None:
    export.files(export.last_run).store.remove("receipts")


def remove_leases(export: RunningExport) -> None:
    export.files(export.last_run).export.remove("lease")


def remove_newest_lease(export: RunningExport) -> None:
    folder = export.files(export.last_run).export
    folder.remove(f"lease/{folder.names('lease')[-1]}")


def also(*removals: Callable[[RunningExport], None]) -> Callable[[RunningExport], None]:
    def remove(export: RunningExport) -> None:
        for one in removals:
            one(export)

    return remove


def test_every_run_is_red_until_a_reconcile_which_takes_off_who_withdrew(
    export: RunningExport, stand: AccountStand
) -> None:
    lake, lost = LakeFolder(export.lake), export.last_run
    lake.write(3, {"Gold": [*people(*range(12)), *people(15, 16, Subscriber="No")]})

    for result in (export.run(), export.run()):
        assert result.report is not None
        (reason,) = result.report.red_reasons
        assert f"the files of run {lost} are lost" in reason
        assert "Trigger a run with reconcile" in reason
    assert "p15@example.com" in stand.members("Gold"), "nobody knows that it is there"

    reconciled = export.run(reconcile=True)

    assert not reconciled.red
    assert not {"p15@example.com", "p16@example.com"} & set(stand.members("Gold"))
    assert {f"p{one}@example.com" for one in range(12)} <= set(stand.members("Gold"))
    assert not export.run().red


def test_what_is_due_is_sent_all_the_same(export: RunningExport, stand: AccountStand) -> None:
    """Red, and yet nobody waits: who withdrew since and is known leaves."""
    LakeFolder(export.lake).write(3, {"Gold": [*people(*range(1, 12)), *people(0, Subscriber="No")]})

    assert export.run().red

    assert "p0@example.com" not in stand.members("Gold")


@pytest.mark.parametrize("holds_up", ["a sample", "an empty column", "402", "the limit"])
def test_after_a_reconcile_that_could_not_do_all_who_withdraws_next_leaves_and_runs_are_red_still(
    export: RunningExport, stand: AccountStand, holds_up: str
) -> None:
    """Also staff's own contact, who never refused, stays."""
    lake = LakeFolder(export.lake)
    stand.staff.add_contact("staff@example.org")
    stand.put_on("Gold", "staff@example.org", stand.usual_way)
    everybody = people(*range(20))
    unheard = [replace(one, Subscriber="") for one in everybody]
    lake.write(3, {"Gold": unheard if holds_up == "an empty column" else everybody})
    options: dict[str, Any] = {"reconcile": True}
    if holds_up == "a sample":
        options |= {"sample": 1}
    elif holds_up == "402":
        stand.emulator.inject(Fault(**UNPAID, **stand.at(Place.WRITES)))
    elif holds_up == "the limit":
        export.define(SETTINGS | {"limit": {"profiles": 15}})
    export.run(**options)
    stand.emulator.inject()
    export.define(SETTINGS)
    lake.write(4, {"Gold": [*people(*range(12)), *people(*range(12, 20), Subscriber="No")]})

    result = export.run()

    on = stand.members("Gold")
    assert on == {*(f"p{one}@example.com" for one in range(12)), "staff@example.org"}
    assert "are lost" in str(result.report.red_reasons)
    assert not export.run(reconcile=True).red
    assert not export.run().red


def test_a_settled_run_may_be_deleted(export: RunningExport) -> None:
    export.run(reconcile=True)
    shutil.rmtree(export.files(export.last_run).store.root)

    assert not export.run().red


@pytest.mark.parametrize(
    "remove",
    [remove_receipts, also(remove_receipts, remove_newest_lease), also(remove_folder, remove_leases)],
    ids=["receipts", "receipts and lease", "folder and leases"],
)
def test_whatever_is_lost_of_what_tells_the_answers_it_is_a_loss(
    cut_off: RunningExport, stand: AccountStand, remove: Callable[[RunningExport], None]
) -> None:
    lake, lost = LakeFolder(cut_off.lake), cut_off.last_run
    remove(cut_off)
    lake.write(3, {"Gold": [*people(*range(12)), *people(15, 16, Subscriber="No")]})

    for result in (cut_off.run(), cut_off.run()):
        assert result.report is not None
        (reason,) = result.report.red_reasons
        assert f"the files of run {lost} are lost" in reason

    assert not cut_off.run(reconcile=True).red
    assert not {"p15@example.com", "p16@example.com"} & set(stand.members("Gold"))
    assert not cut_off.run().red


def test_the_receipts_of_one_chunk_of_several_are_a_loss_too(
    cut_off: RunningExport, stand: AccountStand
) -> None:
    """The duties of the run have receipts still."""
    lake = LakeFolder(cut_off.lake)
    lake.write(3, {"Gold": [*people(*range(1, 25)), *people(0, Subscriber="No")]})
    cut_off.run(settle=False)
    store = cut_off.files(cut_off.last_run).store
    assert store.names("receipts") == ["0001", "0002"]
    store.remove("receipts/0002")
    lake.write(4, {"Gold": [*people(*range(1, 20)), *people(0, *range(20, 25), Subscriber="No")]})

    assert "are lost" in str(cut_off.run().report)

    assert not cut_off.run(reconcile=True).red
    assert stand.members("Gold") == {f"p{one}@example.com" for one in range(1, 20)}


@pytest.mark.parametrize("remove", [remove_newest_lease, remove_leases], ids=["newest", "all"])
def test_a_run_whose_lease_is_lost_is_settled_from_its_receipts(
    cut_off: RunningExport, stand: AccountStand, remove: Callable[[RunningExport], None]
) -> None:
    remove(cut_off)
    LakeFolder(cut_off.lake).write(3, {"Gold": [*people(*range(12)), *people(15, 16, Subscriber="No")]})

    assert not cut_off.run().red

    assert stand.members("Gold") == {f"p{one}@example.com" for one in range(12)}
    assert not cut_off.run().red


def test_a_run_whose_receipts_are_lost_before_its_own_settling_says_so(cut_off: RunningExport) -> None:
    run = cut_off.last_run
    remove_receipts(cut_off)

    report = cut_off.settle(run)

    assert f"the files of run {run} are lost" in str(report.red_reasons)


def test_an_upload_that_sent_nothing_has_lost_nothing(cut_off: RunningExport) -> None:
    """No receipts, and none are missed."""
    assert not cut_off.run().red
    LakeFolder(cut_off.lake).write(3, {"Gold": people(*range(25))})
    cut_off.connect(enabled=False)
    assert cut_off.run(settle=False).errors
    cut_off.connect()

    assert not cut_off.run().red


def test_once_made_up_for_it_is_no_run_of_which_the_staging_knows_nothing(export: RunningExport) -> None:
    """Airflow remembers it for longer than its lease is kept."""
    export.run(reconcile=True)
    export.files(export.last_run).export.remove("lease")

    assert not export.run().red
