from __future__ import annotations

from datetime import UTC, datetime

import pyarrow as pa
import pytest

from segment_exports.errors import StagingError
from segment_exports.records.receipts import (
    ReceiptFolder,
    Tally,
    chunk_fingerprint,
    judged_contacts,
    planned_operations,
    read_receipts,
    settle,
)
from segment_exports.records.staging import RunFiles, Store
from segment_exports.records.tables.schemas import CHUNK, RECEIPT

CONTENT = "ab" * 32


def chunk(*rows: tuple[str | None, list[str], list[str]]) -> pa.Table:
    """Rows as (payload, joins, leaves)."""
    return pa.Table.from_pylist(
        [
            {
                "email_hash": bytes(16),
                "is_contact": True,
                "email": f"p{number}@example.com",
                "payload": payload,
                "joins": joins,
                "leaves": leaves,
                "member_of": [],
            }
            for number, (payload, joins, leaves) in enumerate(rows)
        ],
        schema=CHUNK,
    )


def receipts(*rows: tuple[int, str, str | None, str]) -> pa.Table:
    """Rows as (row, operation, list, outcome)."""
    return pa.Table.from_pylist(
        [
            {
                "row": row,
                "operation": operation,
                "list": title,
                "outcome": outcome,
                "recreated": False,
                "attempts": 1,
                "at": datetime(2026, 1, 1, tzinfo=UTC),
            }
            for row, operation, title, outcome in rows
        ],
        schema=RECEIPT,
    )


@pytest.fixture
def run(tmp_path) -> Store:
    return Store.local(tmp_path)


@pytest.fixture
def folder(run) -> ReceiptFolder:
    return ReceiptFolder(run, 1, CONTENT)


def outcomes(settled: pa.Table) -> dict[tuple[int, str, str | None], str]:
    return {(one["row"], one["operation"], one["list"]): one["outcome"] for one in settled.to_pylist()}


def test_operations_are_upserts_then_joins_then_leaves() -> None:
    planned = planned_operations(chunk(("{}", ["A", "B"], []), (None, ["A"], ["C"]), ("{}", [], [])))

    assert [tuple(row.values()) for row in planned.to_pylist()] == [
        (0, "upsert", None),
        (2, "upsert", None),
        (0, "join", "A"),
        (0, "join", "B"),
        (1, "join", "A"),
        (1, "leave", "C"),
    ]


def test_no_receipts_at_all_means_nothing_was_sent(folder) -> None:
    read = folder.read()

    assert outcomes(settle(chunk(("{}", ["A"], [])), read).planned) == {
        (0, "upsert", None): "not_sent",
        (0, "join", "A"): "not_sent",
    }
    assert (read.started, read.request_times, read.membership) == (0, None, None)


def test_a_later_file_replaces_an_earlier_one(folder) -> None:
    attempt = folder.begin("now")
    folder.write(
        attempt, 1, receipts((0, "upsert", None, "failed"), (1, "upsert", None, "delivered")), Tally()
    )
    folder.write(attempt, 2, receipts((0, "upsert", None, "delivered")), Tally(ended=True))

    assert outcomes(folder.read().table) == {
        (0, "upsert", None): "delivered",
        (1, "upsert", None): "delivered",
    }


def test_a_later_attempt_replaces_an_earlier_one_and_their_requests_add_up(folder) -> None:
    first, second = folder.begin("now"), folder.begin("later")
    folder.write(
        second, 1, receipts((0, "join", "A", "delivered")), Tally(total=2, membership="list", ended=True)
    )
    folder.write(
        first,
        9,
        receipts((0, "join", "A", "not_sent")),
        Tally(total=5, retried=1, membership="bulk", ended=True),
    )
    read = folder.read()

    assert outcomes(read.table) == {(0, "join", "A"): "delivered"}
    assert read.requests == {"total": 7, "throttled": 0, "retried": 1, "bytes_sent": 0}
    assert (read.started, read.membership, read.last_cut_off) == (2, "list", 0)


def test_what_a_killed_attempt_did_not_write_down_is_uncertain(folder) -> None:
    attempt = folder.begin("now")
    folder.write(attempt, 1, receipts((0, "upsert", None, "delivered")), Tally())
    settled = settle(chunk(("{}", ["A"], []), ("{}", [], [])), folder.read())

    assert outcomes(settled.planned) == {
        (0, "upsert", None): "delivered",
        (0, "join", "A"): "failed",
        (1, "upsert", None): "failed",
    }


def test_an_attempt_killed_before_its_first_receipt_leaves_everything_uncertain(folder) -> None:
    folder.begin("now")

    assert outcomes(settle(chunk(("{}", [], [])), folder.read()).planned) == {(0, "upsert", None): "failed"}


def test_not_sent_by_one_attempt_is_uncertain_once_a_later_one_was_killed(folder) -> None:
    first = folder.begin("now")
    folder.write(first, 1, receipts((0, "upsert", None, "not_sent")), Tally(ended=True))
    assert outcomes(settle(chunk(("{}", [], [])), folder.read()).planned) == {(0, "upsert", None): "not_sent"}

    folder.begin("later")
    assert outcomes(settle(chunk(("{}", [], [])), folder.read()).planned) == {(0, "upsert", None): "failed"}


def test_not_sent_by_an_attempt_after_the_killed_one_is_believed(folder) -> None:
    folder.begin("now")
    second = folder.begin("later")
    folder.write(second, 1, receipts((0, "upsert", None, "not_sent")), Tally(ended=True))

    assert outcomes(settle(chunk(("{}", [], [])), folder.read()).planned) == {(0, "upsert", None): "not_sent"}


def test_operations_that_were_added_stand_apart(folder) -> None:
    attempt = folder.begin("now")
    rows = receipts((0, "upsert", None, "delivered"), (0, "join", "Kept", "delivered"))
    folder.write(attempt, 1, rows, Tally(ended=True))
    settled = settle(chunk(("{}", [], [])), folder.read())

    assert outcomes(settled.planned) == {(0, "upsert", None): "delivered"}
    assert outcomes(settled.extra) == {(0, "join", "Kept"): "delivered"}


def test_receipts_of_another_content_are_not_read(run, folder) -> None:
    attempt = folder.begin("now")
    folder.write(attempt, 1, receipts((0, "upsert", None, "delivered")), Tally(ended=True))

    assert len(ReceiptFolder(run, 1, "cd" * 32).read().table) == 0


def test_the_fingerprint_follows_the_content(run) -> None:
    run.write_bytes(RunFiles.chunk(1), b"one")
    run.write_bytes(RunFiles.chunk(2), b"one")
    before = chunk_fingerprint(run, 1)
    assert before == chunk_fingerprint(run, 2)

    run.write_bytes(RunFiles.chunk(1), b"two")
    assert chunk_fingerprint(run, 1) != before
    assert len(read_receipts(run, 1).table) == 0


def test_a_newer_attempt_supersedes_an_older_one(folder) -> None:
    first = folder.begin("now")
    assert not folder.is_superseded(first)

    second = folder.begin("later")
    assert folder.is_superseded(first)
    assert not folder.is_superseded(second)


def test_a_broken_receipt_is_named(run, folder) -> None:
    attempt = folder.begin("now")
    run.write_bytes(f"receipts/0001/{CONTENT[:16]}-{attempt:04d}-000001.arrow", b"not arrow")

    with pytest.raises(
        StagingError, match=r"0001-000001\.arrow can't be believed: .* its operations are sent again"
    ):
        folder.read()


def test_judged_contacts_come_from_the_newest_receipts_of_the_other_chunks(run) -> None:
    for number, judged, rejected in ((1, 100, 1), (2, 200, 2), (3, 400, 4)):
        other = ReceiptFolder(run, number, CONTENT)
        attempt = other.begin("now")
        other.write(attempt, 1, receipts(), Tally(judged=1, rejected=1))
        other.write(attempt, 2, receipts(), Tally(judged=judged, rejected=rejected))

    assert judged_contacts(run, but_for=2) == (500, 5)
    assert judged_contacts(run, but_for=9) == (700, 7)
