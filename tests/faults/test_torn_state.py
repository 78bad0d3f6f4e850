"""State that is torn, empty or another's: the next run goes on rightly, or says which file and what to do.

As after a power cut, a full disk, a share that was copied half. Nobody is lost in silence, and nobody is told
the name of an exception instead of the file.
"""

from __future__ import annotations

import io
import re
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tests.faults.export_run import RunningExport
from tests.faults.lake_folder import LakeFolder, Profile
from tests.stands.alone import Why

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.stands.account_stand import AccountStand

    from segment_exports.records.report import RunReport

pytestmark = pytest.mark.alone(Why.STAGING)

SETTINGS = {
    "destination": {"membership": "list"},
    "segments": [{"name": "Gold", "list": "Gold"}],
    "mapping": {"Email": "EMail", "FirstName": "FirstName"},
    "permission": {"attribute": "Subscriber", "equals": "Yes"},
    "when_member_leaves": "remove",
    "guards": {"stop_above_invalid": 1.0},
}
OF_AN_UNSETTLED_RUN = (
    "_accounts/*/lists/*.json",
    "newsletter/lease/*.json",
    "newsletter/refusals/*.parquet",
    "newsletter/runs/*/agreement.json",
    "newsletter/runs/*/changes.parquet",
    "newsletter/runs/*/chunks/*.parquet",
    "newsletter/runs/*/contacts.parquet",
    "newsletter/runs/*/extract/*.json",
    "newsletter/runs/*/invalid.parquet",
    "newsletter/runs/*/map.json",
    "newsletter/runs/*/plan.json",
    "newsletter/runs/*/profiles/*.parquet",
    "newsletter/runs/*/receipts/*/*.arrow",
    "newsletter/runs/*/refresh.json",
    "newsletter/runs/*/withheld.parquet",
)
OF_A_SETTLED_RUN = (
    "_accounts/*/lists/*.json",
    "newsletter/history/runs/*.parquet",
    "newsletter/ledger/*/*.parquet",
    "newsletter/lease/*.json",
    "newsletter/refusals/*.parquet",
    "newsletter/runs/*/plan.json",
    "newsletter/runs/*/receipts/*/*.arrow",
    "newsletter/runs/*/report.json",
)
UNTOLD = re.compile(r"see its log|left no reason|Traceback|: [A-Z][A-Za-z]+Error\b")


def another(file: Path) -> bytes:
    """Return a whole file of the same kind that holds something else."""
    table, sink = pa.table({"other": [1]}), io.BytesIO()
    if file.suffix == ".parquet":
        pq.write_table(table, sink)
    elif file.suffix == ".arrow":
        with pa.ipc.new_stream(sink, table.schema) as stream:
            stream.write_table(table)
    else:
        sink.write(b'{"other": 1}')
    return sink.getvalue()


DAMAGE: dict[str, Callable[[Path], bytes]] = {
    "empty": lambda file: b"",
    "cut": lambda file: file.read_bytes()[: file.stat().st_size // 2],
    "zeros": lambda file: bytes(file.stat().st_size),
    "another's": another,
}


def people(*numbers: int, **changes: str) -> list[Profile]:
    return [Profile(f"c{one}", f"p{one}@example.com", f"Ann{one}", **changes) for one in numbers]


class Told:
    """An export that was delivered, a file of whose staging is damaged, and its next run."""

    def __init__(
        self, folder: Path, stand: AccountStand, monkeypatch: pytest.MonkeyPatch, *, settle: bool
    ) -> None:
        stand.reset()
        folder.mkdir()
        self.stand = stand
        self.export = RunningExport(folder, stand, monkeypatch, SETTINGS)
        self.lake = LakeFolder(self.export.lake)
        self.lake.write(1, {"Gold": [*people(*range(20)), Profile("bad", "nobody")]})
        assert self.export.run(settle=settle).errors == []

    def damage(self, pattern: str, how: str) -> Path:
        (file, *_) = sorted(self.export.staging.glob(pattern))
        file.write_bytes(DAMAGE[how](file))
        return file

    def next_run(self) -> RunReport:
        """Five left, one withdrew, one came."""
        gone = people(5, Subscriber="No")
        self.lake.write(2, {"Gold": [*people(*range(5)), *people(*range(10, 21)), *gone]})
        report = self.export.run().report
        assert report is not None
        return report

    @property
    def is_right(self) -> bool:
        wanted = {f"p{one}@example.com" for one in (*range(5), *range(10, 21))}
        return set(self.stand.members("Gold")) == wanted


@pytest.mark.usefixtures("short_waits")
@pytest.mark.parametrize("how", DAMAGE)
@pytest.mark.parametrize(
    ("pattern", "settled"),
    [*((one, False) for one in OF_AN_UNSETTLED_RUN), *((one, True) for one in OF_A_SETTLED_RUN)],
)
def test_the_next_run_goes_on_rightly_or_says_which_file_and_what_to_do(
    tmp_path: Path,
    stand: AccountStand,
    monkeypatch: pytest.MonkeyPatch,
    pattern: str,
    settled: bool,
    how: str,
) -> None:
    told = Told(tmp_path / "export", stand, monkeypatch, settle=settled)
    file = told.damage(pattern, how)

    report = told.next_run()

    if not report.red:
        assert told.is_right, report.warnings
        return
    reasons = " ".join(report.red_reasons)
    assert not UNTOLD.search(reasons), reasons
    assert f"{file} can't be believed: " in reasons
    assert re.search("[Mm]ove|[Cc]lear|[Rr]estore", reasons)


@pytest.mark.usefixtures("short_waits")
@pytest.mark.parametrize("how", DAMAGE)
def test_a_lease_that_cannot_be_read_is_nobodys_and_its_run_is_settled_all_the_same(
    tmp_path: Path, stand: AccountStand, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    told = Told(tmp_path / "export", stand, monkeypatch, settle=False)
    told.damage("newsletter/lease/*.json", how)

    report = told.next_run()

    assert not report.red, report.red_reasons
    assert told.is_right


@pytest.mark.usefixtures("short_waits")
def test_receipts_whose_plan_is_gone_are_not_passed_over(
    tmp_path: Path, stand: AccountStand, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = Told(tmp_path / "export", stand, monkeypatch, settle=False)
    (plan,) = told.export.staging.glob("newsletter/runs/*/plan.json")
    plan.unlink()

    (reason,) = told.next_run().red_reasons

    assert f"{plan} is missing. Restore it from a backup" in reason


@pytest.mark.usefixtures("short_waits")
def test_receipts_whose_chunk_is_gone_are_not_passed_over(
    tmp_path: Path, stand: AccountStand, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = Told(tmp_path / "export", stand, monkeypatch, settle=False)
    (chunk,) = told.export.staging.glob("newsletter/runs/*/chunks/*.parquet")
    content = chunk.read_bytes()
    chunk.unlink()

    (reason,) = told.next_run().red_reasons

    assert f"{chunk} is missing. Clear the task of this run that writes it" in reason
    chunk.write_bytes(content)
    assert not told.export.run().red
    assert told.is_right
