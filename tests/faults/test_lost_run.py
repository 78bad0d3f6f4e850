"""A run that sent and whose folder is lost before it was settled: told until a reconcile read the lists."""

from __future__ import annotations

import shutil
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from tests.faults.export_run import RunningExport
from tests.faults.lake_folder import LakeFolder, Profile

from segment_emulators.autopilot import Fault, FaultKind

if TYPE_CHECKING:
    from pathlib import Path

    from segment_emulators.autopilot import AutopilotEmulator

SETTINGS = {
    "destination": {"membership": "list"},
    "segments": [{"name": "Gold", "list": "Gold"}],
    "mapping": {"Email": "EMail"},
    "permission": {"attribute": "Subscriber", "equals": "Yes"},
    "when_member_leaves": "remove",
}
UNPAID = Fault(
    kind=FaultKind.GATEWAY,
    method="POST",
    path="",
    times=None,
    status=402,
    body='{"error":"Payment Required","message":"Past due."}',
)


def people(*numbers: int, **changes: str) -> list[Profile]:
    return [Profile(f"c{one}", f"p{one}@example.com", **changes) for one in numbers]


@pytest.fixture
def export(
    tmp_path: Path, emulator: AutopilotEmulator, monkeypatch: pytest.MonkeyPatch, short_waits: None
) -> RunningExport:
    """One that delivered to p0 to p9, and then to p10 to p19 in a run that was lost."""
    export = RunningExport(tmp_path, emulator, monkeypatch, SETTINGS)
    lake = LakeFolder(export.lake)
    lake.write(1, {"Gold": people(*range(10))})
    assert not export.run().red
    lake.write(2, {"Gold": people(*range(20))})
    export.run(settle=False)
    shutil.rmtree(export.files(export.last_run).store.root)
    return export


def test_every_run_is_red_until_a_reconcile_which_takes_off_who_withdrew(
    export: RunningExport, emulator: AutopilotEmulator
) -> None:
    lake, lost = LakeFolder(export.lake), export.last_run
    lake.write(3, {"Gold": [*people(*range(12)), *people(15, 16, Subscriber="No")]})

    for result in (export.run(), export.run()):
        assert result.report is not None
        (reason,) = result.report.red_reasons
        assert f"the files of run {lost} are lost" in reason
        assert "Trigger a run with reconcile" in reason
    assert "p15@example.com" in emulator.account.members("Gold"), "nobody knows that it is there"

    reconciled = export.run(reconcile=True)

    assert not reconciled.red
    assert not {"p15@example.com", "p16@example.com"} & set(emulator.account.members("Gold"))
    assert {f"p{one}@example.com" for one in range(12)} <= set(emulator.account.members("Gold"))
    assert not export.run().red


def test_what_is_due_is_sent_all_the_same(export: RunningExport, emulator: AutopilotEmulator) -> None:
    """Red, and yet nobody waits: who withdrew since and is known leaves."""
    LakeFolder(export.lake).write(3, {"Gold": [*people(*range(1, 12)), *people(0, Subscriber="No")]})

    assert export.run().red

    assert "p0@example.com" not in emulator.account.members("Gold")


@pytest.mark.parametrize("holds_up", ["a sample", "an empty column", "402", "the limit"])
def test_after_a_reconcile_that_could_not_do_all_who_withdraws_next_leaves_and_runs_are_red_still(
    export: RunningExport, emulator: AutopilotEmulator, holds_up: str
) -> None:
    """Also staff's own contact, who never refused, stays."""
    lake, staff = LakeFolder(export.lake), emulator.staff
    staff.add_contact("staff@example.org", lists=tuple(emulator.account.list_ids("Gold")))
    everybody = people(*range(20))
    unheard = [replace(one, Subscriber="") for one in everybody]
    lake.write(3, {"Gold": unheard if holds_up == "an empty column" else everybody})
    options: dict[str, Any] = {"reconcile": True}
    if holds_up == "a sample":
        options |= {"sample": 1}
    elif holds_up == "402":
        emulator.inject(UNPAID)
    elif holds_up == "the limit":
        export.define(SETTINGS | {"limit": {"profiles": 15}})
    export.run(**options)
    emulator.inject()
    export.define(SETTINGS)
    lake.write(4, {"Gold": [*people(*range(12)), *people(*range(12, 20), Subscriber="No")]})

    result = export.run()

    on = emulator.account.members("Gold")
    assert on == {*(f"p{one}@example.com" for one in range(12)), "staff@example.org"}
    assert "are lost" in str(result.report.red_reasons)
    assert not export.run(reconcile=True).red
    assert not export.run().red


def test_a_settled_run_may_be_deleted(export: RunningExport) -> None:
    export.run(reconcile=True)
    shutil.rmtree(export.files(export.last_run).store.root)

    assert not export.run().red
