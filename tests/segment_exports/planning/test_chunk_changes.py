from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING
from unittest.mock import patch

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from segment_exports.planning import chunk_changes as cutting
from segment_exports.planning.chunk_changes import chunk_changes, chunk_duties
from segment_exports.planning.tally import WorkTally
from segment_exports.records.notes import approval
from segment_exports.records.outcomes import UNSUBSCRIBE
from segment_exports.records.plan import (
    ChunkReference,
    Comparison,
    Plan,
    PlannedContacts,
    PlannedLimit,
    PlannedOperations,
    PlanState,
    RequestEstimate,
)
from segment_exports.records.receipts import chunk_fingerprint
from segment_exports.records.staging import RunFiles, Store
from segment_exports.records.tables.schemas import CHUNK

if TYPE_CHECKING:
    from pathlib import Path

LISTS = ("A", "B", "C")


@dataclass(frozen=True)
class Change:
    """One row: whether it is upserted, how many lists it joins and leaves, what else is asked for."""

    upsert: bool = True
    joins: int = 0
    leaves: int = 0
    nameless: bool = False
    unsubscribe: bool = False
    moved: bool = False


def table_of(changes: list[Change]) -> pa.Table:
    rows = [
        {
            "email_hash": number.to_bytes(16),
            "is_contact": not one.nameless,
            "email": None if one.nameless else f"p{number}@example.com",
            "contact_id": f"person_{number}",
            "payload": "{}" if one.upsert else None,
            "payload_hash": bytes(16),
            "joins": LISTS[: one.joins],
            "leaves": [*LISTS[3 - one.leaves :], *([UNSUBSCRIBE] if one.unsubscribe else [])],
            "member_of": [],
            "previous_contact_ids": [f"person_{number}_before"] if one.moved else [],
            "moved_contact_id": None,
        }
        for number, one in enumerate(changes)
    ]
    return pa.Table.from_pylist(rows, schema=CHUNK)


def least_of(changes: list[Change]) -> RequestEstimate:
    tally = WorkTally(LISTS)
    tally.count(table_of(changes))
    joins, leaves = int(tally.joins.sum()), int(tally.leaves.sum())
    every = tally.unsubscribes + tally.earlier_contacts
    return RequestEstimate(
        {
            "list": -(-tally.upserts // 100) + joins + leaves + every,
            "bulk": -(-tally.places // 100) + leaves + every,
            "field": -(-len(changes) // 100) + tally.nameless + every,
        }
    )


def planned(
    folder: Path | str,
    changes: list[Change],
    *,
    state: PlanState = PlanState.READY,
    membership: str = "list",
    requests_per_second: float = 5.0,
    dry_run: bool = False,
) -> RunFiles:
    files = RunFiles(Store.local(folder), "run_1")
    plan = Plan(
        export="newsletter",
        account="autopilot_default",
        run_id="run_1",
        state=state,
        planned_at="2026-11-01T05:00:00+00:00",
        fence=None if dry_run else 1,
        base_sequence=0,
        dry_run=dry_run,
        comparison=Comparison.FIRST,
        comparison_why=None,
        mapping_fingerprint="mapping",
        secret_fingerprint="secret",
        membership=membership,
        requests_per_second=requests_per_second,
        snapshots={},
        over_limit=0,
        contacts=PlannedContacts(total=len(changes), due=len(changes)),
        operations=PlannedOperations(),
        lists=(),
        limit=PlannedLimit(scope="export", allowed=10**6, used=len(changes)),
        least_requests=least_of(changes),
        tripped_guards=(),
        red_reasons=(),
        warnings=(),
    )
    files.store.write_json(RunFiles.PLAN, plan.model_dump(mode="json"))
    with files.store.parquet_writer(RunFiles.CHANGES, CHUNK) as writer:
        writer.write_table(table_of(changes), row_group_size=150)
    return files


def chunks_of(files: RunFiles, references: list[ChunkReference]) -> list[pa.Table]:
    tables = []
    for reference in references:
        with files.store.parquet_file(files.chunk(reference.number)) as file:
            tables.append(file.read().cast(CHUNK))
    return tables


def upserts_in(chunk: pa.Table) -> int:
    return len(chunk) - chunk["payload"].null_count


some_changes = st.lists(
    st.tuples(
        st.integers(1, 130),
        st.builds(
            Change,
            upsert=st.booleans(),
            joins=st.integers(0, 3),
            leaves=st.integers(0, 3),
            nameless=st.booleans(),
            unsubscribe=st.booleans(),
            moved=st.booleans(),
        ),
    ),
    max_size=8,
).map(lambda runs: [change for count, change in runs for _ in range(count)])


@settings(deadline=None, max_examples=60)
@given(
    some_changes,
    st.sampled_from(["auto", "list", "bulk", "field"]),
    st.integers(100, 400),
    st.integers(1, 300),
    st.sampled_from([10, 1000]),
)
def test_chunks_partition_the_changes_within_their_bounds(
    changes: list[Change], membership: str, most_contacts: int, most_requests: int, most_chunks: int
) -> None:
    with TemporaryDirectory() as folder, patch.object(cutting, "MOST_CHUNKS", most_chunks):
        files = planned(
            folder, changes, membership=membership, requests_per_second=most_requests / cutting.MOST_SECONDS
        )
        references = chunk_changes(files, most_contacts=most_contacts)
        chunks = chunks_of(files, references)
    assert [one.number for one in references] == list(range(1, len(chunks) + 1))
    assert pa.concat_tables([CHUNK.empty_table(), *chunks]).equals(table_of(changes))
    assert len(chunks) <= most_chunks
    least = least_of(changes).root["list" if membership == "auto" else membership]
    longest = max(most_requests, -(-4 * least // most_chunks))
    largest = max(most_contacts, -(-4 * len(changes) // most_chunks))
    for reference, chunk in zip(references, chunks, strict=True):
        assert reference.contacts == len(chunk) <= largest
        # A single contact may take more than a chunk should.
        assert reference.requests <= longest or len(chunk) == 1


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 1500), st.integers(100, 700), st.integers(0, 2))
def test_upserts_fill_whole_batches_in_all_chunks_but_the_last(count: int, most: int, joins: int) -> None:
    with TemporaryDirectory() as folder:
        files = planned(
            folder, [Change(joins=joins)] * count, requests_per_second=most / cutting.MOST_SECONDS
        )
        chunks = chunks_of(files, chunk_changes(files, most_contacts=most))
    for chunk in chunks[:-1]:
        # Where 100 upserts with their joins take more than a chunk, no chunk can hold a whole batch.
        if most > 100 * (joins + 0.01) + 1:
            assert upserts_in(chunk) % 100 == 0


def test_batches_stay_whole_where_upserts_stand_among_other_operations(tmp_path: Path) -> None:
    changes = [Change(upsert=number % 3 == 0, leaves=number % 3 // 2) for number in range(5000)]
    files = planned(tmp_path, changes, requests_per_second=2.0)
    chunks = chunks_of(files, chunk_changes(files, most_contacts=900))
    assert len(chunks) == 6
    assert all(upserts_in(chunk) % 100 == 0 for chunk in chunks[:-1])


@pytest.mark.parametrize("change", [Change(), Change(upsert=False, leaves=1), Change(joins=3, moved=True)])
def test_there_are_never_more_chunks_than_airflow_maps_over(tmp_path: Path, change: Change) -> None:
    files = planned(tmp_path, [change] * 3000, requests_per_second=1 / cutting.MOST_SECONDS)
    with patch.object(cutting, "MOST_CHUNKS", 20):
        references = chunk_changes(files, most_contacts=1)
    assert 5 <= len(references) <= 20
    assert sum(one.contacts for one in references) == 3000


def test_a_few_upserts_do_not_cut_a_chunk_short(tmp_path: Path) -> None:
    changes = [*[Change()] * 100, *[Change(upsert=False, leaves=1)] * 5000, *[Change()] * 50]
    files = planned(tmp_path, [changes[(one * 1867) % len(changes)] for one in range(len(changes))])
    references = chunk_changes(files, most_contacts=2000)
    assert [one.contacts for one in references] == [2000, 2000, 1150]


def test_a_chunk_takes_at_most_50_000_contacts_or_ten_minutes(tmp_path: Path) -> None:
    files = planned(tmp_path / "upserts", [Change()] * 55_000)
    assert [(one.contacts, one.requests) for one in chunk_changes(files)] == [(50_000, 500), (5_000, 50)]
    files = planned(tmp_path / "joins", [Change(joins=1)] * 5_000)
    assert [(one.contacts, one.requests) for one in chunk_changes(files)] == [
        (2_900, 2_929),
        (2_100, 2_121),
    ]
    assert max(one.requests for one in chunk_changes(files)) <= 600 * 5


def test_a_chunk_takes_at_most_64_mib_of_payloads(tmp_path: Path) -> None:
    """Here 4,000 bytes: room for 2,000 payloads of two bytes, be they in whole batches."""
    files = planned(tmp_path, [Change()] * 5_000)
    with patch.object(cutting, "MOST_BYTES", 4_000):
        chunks = chunks_of(files, chunk_changes(files))
    assert [len(chunk) for chunk in chunks] == [2_000, 2_000, 1_000]
    with patch.object(cutting, "MOST_BYTES", 1):
        assert len(chunk_changes(planned(tmp_path / "one by one", [Change()] * 3))) == 3


def test_unsubscribes_and_look_ups_cost_a_request_in_every_way(tmp_path: Path) -> None:
    changes = [Change(upsert=False, leaves=1, nameless=True, unsubscribe=True), Change(moved=True)] * 10
    for membership, requests in (("list", 31), ("bulk", 31), ("field", 31)):
        files = planned(tmp_path / membership, changes, membership=membership)
        assert [one.requests for one in chunk_changes(files)] == [requests]


def test_each_reference_names_the_content_of_its_chunk(tmp_path: Path) -> None:
    files = planned(tmp_path, [Change()] * 300)
    references = chunk_changes(files, most_contacts=100)
    assert len({one.fingerprint for one in references}) == 3
    for one in references:
        assert one.fingerprint == chunk_fingerprint(files.store, one.number)
        assert ChunkReference(**one.to_json()) == one
    assert chunk_changes(files, most_contacts=100) == references


def test_chunks_of_an_earlier_plan_are_gone(tmp_path: Path) -> None:
    files = planned(tmp_path, [Change()] * 300)
    chunk_changes(files, most_contacts=100)
    files = planned(tmp_path, [Change()] * 10)
    chunk_changes(files, most_contacts=100)
    assert files.store.names("chunks") == ["0001.parquet"]
    planned(tmp_path, [], state=PlanState.NOTHING_DUE)
    assert chunk_changes(files) == []
    assert files.store.names("chunks") == []


@pytest.mark.parametrize(
    ("state", "approved", "dry_run", "chunks"),
    [
        (PlanState.READY, False, False, 1),
        (PlanState.READY, False, True, 0),
        (PlanState.STOPPED, False, False, 0),
        (PlanState.STOPPED, True, False, 1),
        (PlanState.STOPPED, True, True, 0),
        (PlanState.SUPERSEDED, True, False, 0),
        (PlanState.NOTHING_DUE, True, False, 0),
    ],
)
def test_only_what_may_be_sent_is_cut_into_chunks(
    tmp_path: Path, state: PlanState, approved: bool, dry_run: bool, chunks: int
) -> None:
    files = planned(tmp_path, [Change()], state=state, dry_run=dry_run)
    if approved:
        plan = Plan.model_validate(files.store.read_json(RunFiles.PLAN))
        now = datetime(2026, 3, 1, tzinfo=UTC)
        asked = approval.ask(files.store, plan, now=now, until=now)
        approval.answer(files.store, asked, approval.Decision.APPROVED, by="maria", at=now)
    assert len(chunk_changes(files)) == chunks


def test_duties_are_the_first_chunks_and_stay_while_all_else_is_cut_again(tmp_path: Path) -> None:
    files = planned(tmp_path, [Change()] * 300)
    plan = Plan.model_validate(files.store.read_json(RunFiles.PLAN))
    with files.store.parquet_writer(RunFiles.DUTIES, CHUNK) as writer:
        writer.write_table(table_of([Change(upsert=False, leaves=1)] * 3))
    duties = chunk_duties(files, plan)
    assert [(one.number, one.contacts) for one in duties] == [(1, 3)]
    plan = plan.model_copy(update={"duty_chunks": duties})
    files.store.write_json(RunFiles.PLAN, plan.model_dump(mode="json"))
    for _ in range(2):
        assert [one.number for one in chunk_changes(files, most_contacts=100)] == [2, 3, 4]
        assert chunk_fingerprint(files.store, 1) == duties[0].fingerprint
    assert chunk_duties(files, plan.model_copy(update={"dry_run": True})) == ()
