"""Whatever the order of erasing, planning, delivering, settling and purging: in the end nothing is left."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow.compute as pc
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.segment_exports.staged_run import HASHER, START, Person, Stage, definition_of
from tests.segment_exports.traces import traces

from segment_exports.commands.erasing.erasure import erase
from segment_exports.errors import StagingError
from segment_exports.records.outcomes import Outcome
from segment_exports.records.plan import files_of_runs
from segment_exports.settling.forgetting import erased_people, forget_erased
from segment_exports.settling.retention import Unfinished, purge_runs

if TYPE_CHECKING:
    import pyarrow as pa
    from tests.segment_exports.staged_run import Run

ANN = Person("ann@example.com", "customer-ann", ("A",))
OLD = replace(ANN, email="ann@former.example")
BOB = Person("bob@example.com", "customer-bob", ("A", "B"))
OTHERS = [BOB, Person("cy@example.com", "customer-cy", ("B",))]
TEXTS = (ANN.email, OLD.email, ANN.customer, f"person_{ANN.email}", f"person_{OLD.email}")
STEPS = ("read", "plan", "deliver", "settle")

day = st.fixed_dictionaries(
    {
        "ann": st.sampled_from([None, ANN, OLD, "withheld"]),
        "ends_after": st.sampled_from([*STEPS, "settle", "settle"]),
        "erased_after": st.sampled_from([None, *STEPS]),
        "fate": st.sampled_from([*[Outcome.DELIVERED] * 2, Outcome.FAILED, Outcome.REJECTED, None]),
        "purged": st.booleans(),
    }
)


def do_day(stage: Stage, number: int, told: dict[str, Any]) -> None:
    """Do a run as far as it comes; Ann may be erased in between, and the runs be purged at its end."""
    run, ann, fate = stage.run(number), told["ann"], told["fate"]
    people = [*OTHERS, *([ann] if isinstance(ann, Person) else [])]
    steps = {
        "read": lambda: run.read(people, withheld=[ANN] if ann == "withheld" else []),
        "plan": lambda: (run.plan(), run.chunks()),
        "deliver": lambda: run.deliver(lambda row, *_: _fate(row, fate), ended=fate is not None),
        "settle": run.settle,
    }
    for name, step in steps.items():
        step()
        if told["erased_after"] == name:
            erase_ann(stage)
        if told["ends_after"] == name:
            break
    if told["purged"]:
        purge_runs(stage.export, 1, run.now + timedelta(days=2))


def _fate(row: dict[str, Any], fate: Outcome | None) -> Outcome | None:
    is_ann = row["email"] in (ANN.email, OLD.email) or "ann@" in str(row["contact_id"])
    return fate if is_ann else Outcome.DELIVERED


def erase_ann(stage: Stage) -> None:
    erase(stage.staging, HASHER, emails=[ANN.email, OLD.email], customer_ids=[ANN.customer], now=START)


def operations_of_others(stage: Stage) -> set[tuple[Any, ...]]:
    hashes = {HASHER.text(one.email) for one in OTHERS}
    found = set()
    for name in stage.export.names("history/operations"):
        with stage.export.parquet_file(f"history/operations/{name}") as file:
            rows = file.read().to_pylist()
        found |= {(name, *row.values()) for row in rows if row["email_hash"] in hashes}
    return found


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(days=st.lists(day, min_size=1, max_size=4))
def test_whatever_the_order_nothing_is_left_of_her_and_everything_of_the_others(
    days: list[dict[str, Any]],
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        stage = Stage(Path(folder), definition_of(when_member_leaves="remove", guards={"min_count": 1000}))
        for number, told in enumerate(days, start=1):
            do_day(stage, number, told)
        before = operations_of_others(stage)
        erase_ann(stage)
        for number in (11, 12):
            stage.run(number).whole(OTHERS)
        erase_ann(stage)
        now = max(datetime.now(UTC), stage.run(12).now) + timedelta(days=20)
        purge_runs(stage.export, 0, now, Unfinished(taken=True))

        assert traces(Path(folder), TEXTS, HASHER) == set()
        assert operations_of_others(stage) >= before
        ledger = stage.ledger_rows()
        for one in OTHERS:
            assert ledger[HASHER.text(one.email)]["member_of"] == list(one.segments)
        assert len(ledger) == len(OTHERS)


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    return Stage(tmp_path, definition_of(when_member_leaves="remove", guards={"min_count": 1000}))


def forget(stage: Stage) -> Any:
    people = erased_people(stage.staging, stage.export, "newsletter", files_of_runs(stage.export))
    return forget_erased(stage.export, "newsletter", people, with_ledgers=True)


def test_her_row_stays_while_a_leave_is_due_or_in_doubt_and_says_of_which_list(stage: Stage) -> None:
    stage.run(1).whole([ANN, *OTHERS])
    erase_ann(stage)
    run = stage.run(2).read(OTHERS)
    run.plan()
    run.chunks()
    run.deliver(lambda row, *_: _fate(row, Outcome.FAILED)).settle()

    assert stage.known(ANN.email)["uncertain_of"] == ["A"]
    assert forget(stage).waiting == 1
    stage.run(3).whole(OTHERS)
    assert HASHER.text(ANN.email) not in stage.ledger_rows()
    assert forget(stage).waiting == 0


def test_an_operation_stays_a_row_of_nobody_so_that_the_counts_agree(stage: Stage) -> None:
    stage.run(1).whole([ANN, *OTHERS])
    rows = _operations(stage)
    erase_ann(stage)

    left = _operations(stage)
    assert left.drop_columns(["email_hash", "customer_hash"]).equals(
        rows.drop_columns(["email_hash", "customer_hash"])
    )
    assert left["email_hash"].null_count == left["customer_hash"].null_count == 2


def _operations(stage: Stage) -> pa.Table:
    with stage.export.parquet_file("history/operations/0000000001-run_001.parquet") as file:
        return file.read()


def test_forgetting_again_writes_nothing(stage: Stage) -> None:
    stage.run(1).whole([ANN, *OTHERS])
    erase_ann(stage)
    stage.run(2).whole(OTHERS)
    written = {name: stage.export.modified(name) for name in stage.export.all_files()}

    forgotten = forget(stage)

    assert (forgotten.ledger_rows, forgotten.operations, forgotten.refusals) == (0, 0, 0)
    same = {name: stage.export.modified(name) for name in stage.export.all_files()}
    assert {name for name in same if same[name] != written[name]} <= {"forgotten.json"}


def test_who_reads_a_ledger_meanwhile_has_it_as_it_was(stage: Stage) -> None:
    stage.run(1).whole([ANN, *OTHERS])
    ledger = stage.ledgers.latest()
    with ledger.opened() as file:
        assert stage.ledgers.write_without(ledger, lambda rows: _are(rows, ANN)) == 1
        assert file is not None
        assert file.read().num_rows == 3
    assert len(stage.ledger_rows()) == 2


def test_a_ledger_that_another_wrote_meanwhile_is_left_to_that_one(stage: Stage) -> None:
    run: Run = stage.run(1)
    run.whole([ANN, *OTHERS])
    ledger, looks = stage.ledgers.latest(), []

    def written_meanwhile(rows: pa.Table) -> pa.Array:
        looks.append(len(rows))
        if len(looks) == 2:  # when it is written
            run.settle()
        return _are(rows, ANN)

    with pytest.raises(StagingError, match="was written meanwhile"):
        stage.ledgers.write_without(ledger, written_meanwhile)
    assert len(stage.ledger_rows()) == 3


def _are(rows: pa.Table, person: Person) -> pa.Array:
    return pc.equal(rows["email_hash"], HASHER.text(person.email))
