"""The history ends with its term, and that a run was settled here is known all the same."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tests.segment_exports.staged_run import HASHER, Person, Stage, definition_of

from segment_exports.errors import LedgerError
from segment_exports.records.keyed_hash import HASH_TYPE
from segment_exports.records.plan import RunOptions
from segment_exports.settling.history import OPERATIONS, newest_operations, operations_file
from segment_exports.settling.history_term import purge_history
from segment_exports.settling.retention import purge_runs
from segment_exports.settling.unknown_runs import require_known_runs

if TYPE_CHECKING:
    from pathlib import Path

ANN = Person("ann@example.com", "1", ("A",))
BOB = Person("bob@example.com", "2", ("A", "B"))
TERM = 100


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    return Stage(tmp_path, definition_of(history_days=TERM))


def purged(stage: Stage, day: int) -> int:
    """Purge runs and history as of a day of the stage's calendar; return how many runs lost theirs."""
    now = stage.run(day).now
    purge_runs(stage.export, 30, now)
    return purge_history(stage.export, TERM, now)


def history(stage: Stage) -> list[str]:
    return [name for folder in ("runs", "operations") for name in stage.export.names(f"history/{folder}")]


def test_what_is_older_than_the_term_goes_and_nothing_else(stage: Stage) -> None:
    stage.run(1).whole([ANN])
    stage.run(2).whole([ANN, BOB])
    everything = history(stage)

    assert purged(stage, TERM + 1) == 0
    assert history(stage) == everything
    assert purged(stage, TERM + 2) == 1
    assert history(stage) == [name for name in everything if "run_002" in name]
    assert purged(stage, TERM + 3) == 1
    assert history(stage) == []


def test_the_end_of_a_run_purges_by_the_term_of_its_definition(stage: Stage) -> None:
    stage.run(1).whole([ANN])
    stage.run(TERM + 9).whole([ANN, BOB])

    assert all("run_001" not in name for name in history(stage))


def test_runs_whose_history_is_gone_are_known_and_one_that_never_was_is_not(stage: Stage) -> None:
    stage.run(1).whole([ANN])
    silent = stage.run(2).read([ANN, BOB])
    silent.plan()
    silent.chunks()
    silent.settle(failed_steps=("upload 1",))
    newest = newest_operations(stage.export)
    purged(stage, 3 * TERM)
    stage.export.remove("lease")

    assert history(stage) == []
    assert newest_operations(stage.export) == newest
    anew = RunOptions(full_resync=True, reconcile=True)
    sent = ["run_001", "run_002", "run_003"]
    assert require_known_runs(stage.export, "newsletter", sent, anew) == ("run_003",)


def test_an_older_ledger_is_told_from_the_newest_after_the_term_too(stage: Stage) -> None:
    stage.run(1).whole([ANN])
    stage.run(2).whole([ANN, BOB])
    purged(stage, 3 * TERM)
    folder = f"ledger/{stage.account}"
    stage.export.remove(f"{folder}/{stage.export.names(folder)[-1]}")

    with pytest.raises(LedgerError, match="run run_002 was settled after it"):
        stage.run(3 * TERM).read([ANN]).plan()


def test_a_run_that_has_a_folder_still_keeps_its_operations(stage: Stage) -> None:
    stage.run(1).whole([ANN])
    purge_history(stage.export, TERM, stage.run(3 * TERM).now)

    assert stage.export.names("history/operations") == ["0000000001-run_001.parquet"]


def test_contact_ids_of_an_earlier_version_are_dropped(stage: Stage) -> None:
    stage.run(1).whole([ANN])
    name = operations_file(stage.export, "run_001", 1)
    rows = pq.read_table(stage.export.path(name))
    old = rows.drop_columns(["customer_hash"]).append_column(
        "contact_id", pa.array(["person_ANN"] * len(rows), pa.string())
    )
    pq.write_table(old, stage.export.path(name))
    stage.export.remove("history/no-contact-ids")

    stage.run(2).whole([ANN, BOB])

    again = pq.read_table(stage.export.path(name))
    assert again.schema.names == OPERATIONS.names
    assert again["email_hash"].to_pylist() == [HASHER.text(ANN.email)] * len(rows)
    assert again["outcome"].equals(rows["outcome"])
    assert again["customer_hash"].null_count == len(rows)
    assert b"person_ANN" not in stage.export.read_bytes(name)
    assert again.schema.field("customer_hash").type == HASH_TYPE
