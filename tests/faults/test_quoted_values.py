"""Servers like to quote what they refuse: nobody's values reach logs, report, refused file or history."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import pyarrow.parquet as pq
import pytest
from tests.faults.lake_folder import Profile
from tests.faults.people import LISTS
from tests.stands.alone import Why

from segment_emulators.autopilot import Fault, FaultKind, gate

if TYPE_CHECKING:
    from tests.faults.export_run import RunResult
    from tests.faults.scenario import Scenario

pytestmark = pytest.mark.alone(Why.BODIES)

SURNAME = "Quandtmeier"
JOIN = "^/list/.*/contact/"


def written(scenario: Scenario, result: RunResult) -> dict[str, str]:
    """Return all that a run leaves to be read by people or kept for long."""
    store = scenario.export.files(result.run_id).store
    export = scenario.export.staging / "newsletter"
    history = sorted(export.glob("history/operations/*.parquet"))
    ledgers = sorted(export.glob("ledger/*/*.parquet"))
    return {
        "the task's error, which Airflow logs": " ".join(result.errors),
        "report.json": json.dumps(store.read_json("report.json")),
        "refused.csv": store.read_bytes("refused.csv").decode(),
        "history": str([pq.read_table(file)["reason"].to_pylist() for file in history]),
        "ledger": str([pq.read_table(file)["rejected_reason"].to_pylist() for file in ledgers]),
    }


def quote(monkeypatch: pytest.MonkeyPatch, status: int, text: str) -> None:
    """Let the account answer every error of this status with a text of its own."""
    answer: Any = gate.routing.error
    monkeypatch.setattr(
        gate.routing, "error", lambda code, told: answer(code, text if code == status else told)
    )


@pytest.mark.parametrize(
    ("status", "path"), [(500, "^/contacts$"), (403, "^/contacts$"), (400, JOIN), (403, JOIN), (500, JOIN)]
)
@pytest.mark.parametrize("people", [1, 40])
def test_a_value_that_the_destination_quotes_is_written_nowhere(
    scenario: Scenario, monkeypatch: pytest.MonkeyPatch, people: int, status: int, path: str
) -> None:
    scenario.begin()
    everybody = [Profile(f"c{one}", f"p{one}@example.com", "Zoe", SURNAME) for one in range(people)]
    scenario.write_segments(1, dict.fromkeys(LISTS, everybody))
    quote(monkeypatch, status, f"value Zoe {SURNAME} can't be stored")
    scenario.emulator.inject(Fault(kind=FaultKind.ERROR, status=status, method="POST", path=path, times=None))

    result = scenario.export.run(retries=1)

    assert result.report.contacts.delivered == 0
    assert [where for where, text in written(scenario, result).items() if SURNAME in text] == []


NAMES = {"two blanks": "Jörg  Maria Mustermann", "very long": "Jörg Maria Mustermann " * 20}
QUOTING = {
    "as it is": "FirstName {} can't be stored",
    "in quotes": "FirstName '{}' can't be stored",
    "escaped": "FirstName {!a} can't be stored",
    "late": "x" * 150 + " FirstName '{}' can't be stored",
}


@pytest.mark.parametrize("quoting", QUOTING.values(), ids=QUOTING)
@pytest.mark.parametrize("name", NAMES.values(), ids=NAMES)
@pytest.mark.parametrize(
    ("membership", "path"), [("list", "^/contacts$"), ("list", JOIN), ("bulk", "^/contacts$")]
)
def test_a_reason_names_the_field_and_not_what_was_sent_in_it(
    scenario: Scenario, monkeypatch: pytest.MonkeyPatch, membership: str, path: str, name: str, quoting: str
) -> None:
    scenario.begin(membership=membership)
    scenario.write_segments(1, {one: [Profile("c1", "p1@example.com", name)] for one in LISTS})
    quote(monkeypatch, 400, quoting.format(name))
    scenario.emulator.inject(Fault(kind=FaultKind.ERROR, status=400, method="POST", path=path, times=None))

    texts = written(scenario, scenario.export.run())

    assert [where for where, text in texts.items() if re.search("Jörg|f6rg|Maria|Muster", text)] == []
    assert "FirstName … can't be stored" in texts["history"]


@pytest.mark.parametrize(("membership", "path"), [("list", JOIN), ("bulk", "^/contacts$")])
def test_a_value_of_an_earlier_run_that_a_refused_join_quotes_is_not_kept(
    scenario: Scenario, monkeypatch: pytest.MonkeyPatch, membership: str, path: str
) -> None:
    scenario.begin(membership=membership)
    scenario.stand.join_in_upserts()
    everywhere = {one: [Profile("c1", "p1@example.com", "Annemarie")] for one in LISTS}
    only_in_gold = {name: people if name == "Gold" else [] for name, people in everywhere.items()}
    scenario.write_segments(1, only_in_gold)
    assert scenario.export.run().report.contacts.delivered == 1
    scenario.write_segments(2, everywhere)
    quote(monkeypatch, 400, "The contact Annemarie with FirstName 'Annemarie' can't be stored")
    scenario.emulator.inject(Fault(kind=FaultKind.ERROR, status=400, method="POST", path=path, times=None))

    texts = written(scenario, scenario.export.run())

    assert [where for where, text in texts.items() if "Annemarie" in text] == []
    assert "The contact … with FirstName … can't be stored" in texts["refused.csv"]
