from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import duckdb
import pytest
from tests.segment_exports.staged_run import HASHER, Person, Stage, definition_of

from segment_exports.records.outcomes import Outcome
from segment_exports.settling.history import OPERATIONS, RUNS, operations_file

if TYPE_CHECKING:
    from pathlib import Path

ANN = Person("ann@example.com", "1", ("A",))
BOB = Person("bob@example.com", "2", ("A", "B"))


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    return Stage(tmp_path)


def query(stage: Stage, text: str) -> list[tuple[Any, ...]]:
    """Ask DuckDB; {runs} and {operations} are the two datasets."""
    root = stage.export.root
    datasets = {name: f"read_parquet('{root}/history/{name}/*.parquet')" for name in ("runs", "operations")}
    with duckdb.connect() as connection:
        return connection.execute(text.format(**datasets)).fetchall()


def partly(stage: Stage, number: int, people: list[Person]) -> None:
    run = stage.run(number).read(people)
    run.plan()
    run.chunks()
    run.deliver(lambda row, *_: Outcome.REJECTED if row["email"] == BOB.email else Outcome.DELIVERED)
    run.settle()


def test_anyone_can_ask_what_was_done_when_and_to_whom(stage: Stage) -> None:
    partly(stage, 1, [ANN, BOB])
    stage.run(2).whole([ANN])
    assert query(stage, "SELECT run_id, state, red, contacts, rejected FROM {runs} ORDER BY settled_at") == [
        ("run_001", "delivered", True, 2, 1),
        ("run_002", "nothing_changed", False, 1, 0),
    ]
    assert query(
        stage,
        "SELECT operation, list, outcome, reason, http_status, attempts, chunk FROM {operations} "
        f"WHERE email_hash = from_hex('{HASHER.text(ANN.email).hex()}') ORDER BY operation",
    ) == [
        ("join", "A", "delivered", None, 200, 1, 1),
        ("upsert", None, "delivered", None, 200, 1, 1),
    ]
    assert query(
        stage,
        "SELECT outcome, count(*), count(recorded_at) FROM {operations} GROUP BY ALL ORDER BY 1",
    ) == [("delivered", 2, 2), ("rejected", 3, 3)]
    assert query(stage, "SELECT json_extract(report, '$.contacts.total') FROM {runs} ORDER BY run_id") == [
        ("2",),
        ("1",),
    ]


def test_the_columns_are_those_that_are_documented(stage: Stage, repository: Path) -> None:
    partly(stage, 1, [ANN, BOB])
    documented = (repository / "docs" / "history.md").read_text()
    for name, schema in (("runs", RUNS), ("operations", OPERATIONS)):
        columns = [row[0] for row in query(stage, f"DESCRIBE SELECT * FROM {{{name}}}")]
        assert columns == schema.names
        for column in columns:
            assert f"`{column}`" in documented


def test_the_queries_of_the_readme_answer(
    stage: Stage, repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    partly(stage, 1, [ANN, BOB])
    readme = (repository / "README.md").read_text()
    section = readme.split("## History as data", 1)[1].split("\n## ", 1)[0]
    queries = re.findall(r"SELECT[^;]+;", section)
    assert len(queries) == 3
    monkeypatch.chdir(stage.folder)
    queries[2] = re.sub(r"(?<=from_hex\(')\w+", HASHER.text(ANN.email).hex(), queries[2])
    with duckdb.connect() as connection:
        # Through Arrow: as Python values DuckDB would give times only with pytz.
        runs, _, one_person = (connection.sql(text).to_arrow_table().to_pylist() for text in queries)
    assert [(run["export"], run["delivered"], run["rejected"]) for run in runs] == [("newsletter", 1, 1)]
    assert [row["operation"] for row in one_person] == ["upsert", "join"]


def test_no_address_stands_in_the_history(stage: Stage) -> None:
    partly(stage, 1, [ANN, BOB])
    for folder in ("runs", "operations"):
        for name in stage.export.names(f"history/{folder}"):
            content = stage.export.read_bytes(f"history/{folder}/{name}")
            # The stage's contact ids hold the address; those of a destination don't.
            assert b"bob@example.com" not in content


def test_a_run_settled_again_has_one_row(stage: Stage) -> None:
    run = stage.run(1).read([ANN])
    run.plan()
    run.chunks()
    run.deliver(lambda *_: Outcome.FAILED)
    for _ in range(2):
        run.settle()
    assert query(stage, "SELECT count(*) FROM {runs}") == [(1,)]
    assert query(stage, "SELECT operation, outcome FROM {operations} ORDER BY 1") == [
        ("join", "failed"),
        ("upsert", "failed"),
    ]


def test_each_plan_of_a_run_has_operations_of_its_own(stage: Stage) -> None:
    run = stage.run(1).read([ANN, BOB])
    run.plan()
    run.chunks()
    run.deliver(lambda row, *_: Outcome.DELIVERED if row["email"] == ANN.email else Outcome.NOT_SENT)
    run.plan()
    run.chunks()
    run.deliver().settle()
    assert stage.export.names("history/operations") == [
        operations_file(stage.export, "run_001", fence).rsplit("/", 1)[-1] for fence in (1, 2)
    ]
    assert query(
        stage, "SELECT count(*) FROM {operations} WHERE operation = 'upsert' AND outcome = 'delivered'"
    ) == [(2,)]


def test_a_dry_run_has_a_row_and_no_operations(tmp_path: Path) -> None:
    stage = Stage(tmp_path, definition_of())
    run = stage.run(1).read([ANN])
    run.plan(dry_run=True)
    run.settle()
    assert query(stage, "SELECT state, not_sent FROM {runs}") == [("dry_run", 1)]
    assert stage.export.names("history/operations") == []
