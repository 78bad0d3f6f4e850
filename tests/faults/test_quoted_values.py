"""Servers like to quote what they refuse: nobody's values reach logs, report, refused file or history."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pyarrow.parquet as pq
import pytest
from tests.faults.lake_folder import Profile
from tests.faults.people import LISTS

from segment_emulators.autopilot import Fault, FaultKind, gate

if TYPE_CHECKING:
    from tests.faults.export_run import RunResult
    from tests.faults.scenario import Scenario

SURNAME = "Quandtmeier"
JOIN = "^/list/.*/contact/"


def written(scenario: Scenario, result: RunResult) -> dict[str, str]:
    """Return all that a run leaves to be read by people or kept for long."""
    store = scenario.export.files(result.run_id).store
    history = (scenario.export.staging / "newsletter/history/operations").glob("*.parquet")
    return {
        "the task's error, which Airflow logs": " ".join(result.errors),
        "report.json": json.dumps(store.read_json("report.json")),
        "refused.csv": store.read_bytes("refused.csv").decode(),
        "history": str([pq.read_table(file)["reason"].to_pylist() for file in history]),
    }


@pytest.mark.parametrize(
    ("status", "path"), [(500, "^/contacts$"), (403, "^/contacts$"), (400, JOIN), (403, JOIN), (500, JOIN)]
)
@pytest.mark.parametrize("people", [1, 40])
def test_a_value_that_the_destination_quotes_is_written_nowhere(
    scenario: Scenario, monkeypatch: pytest.MonkeyPatch, people: int, status: int, path: str
) -> None:
    scenario.begin(membership="list")
    everybody = [Profile(f"c{one}", f"p{one}@example.com", "Zoe", SURNAME) for one in range(people)]
    scenario.write_segments(1, dict.fromkeys(LISTS, everybody))
    answer: Any = gate.routing.error
    quoting = f"value Zoe {SURNAME} can't be stored"
    monkeypatch.setattr(
        gate.routing, "error", lambda code, text: answer(code, quoting if code == status else text)
    )
    scenario.emulator.inject(Fault(kind=FaultKind.ERROR, status=status, method="POST", path=path, times=None))

    result = scenario.export.run(retries=1)

    assert result.report.contacts.delivered == 0
    assert [where for where, text in written(scenario, result).items() if SURNAME in text] == []
