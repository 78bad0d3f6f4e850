from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from segment_exports.records.keyed_hash import KeyedHasher
from segment_exports.records.staging import RunFiles, Store
from segment_exports.records.tables.schemas import CONTACTS, HELD_BACK, INVALID
from segment_exports.settling.refused_file import write_refused

if TYPE_CHECKING:
    from pathlib import Path

HASHER = KeyedHasher("a secret of the tests that is long enough")
HEADER = ["CustomerId", "Segment", "Field", "Reason", "MaskedAddress", "Kind"]


def written(
    folder: Path | str,
    *,
    invalid: list[dict[str, Any]] | None = None,
    contacts: list[dict[str, Any]] | None = None,
    rejected: list[tuple[str, str | None, str]] = (),
) -> list[list[str]]:
    store = Store.local(folder)
    blank = {"segment": "A", "row": 1, "field": "Email", "reason": "missing"} | dict.fromkeys(
        ("withdrawn", "silent"), False
    )
    if invalid is not None:
        with store.parquet_writer(RunFiles.INVALID, INVALID) as writer:
            writer.write_table(pa.Table.from_pylist([blank | row for row in invalid], schema=INVALID))
    with store.parquet_writer(RunFiles.CONTACTS, CONTACTS) as writer:
        rows = [
            {"email_hash": HASHER.text(row["email"]), "payload": "{}", "payload_hash": bytes(16)} | row
            for row in contacts or []
        ]
        writer.write_table(pa.Table.from_pylist(rows, schema=CONTACTS))
    told: dict[str, list[dict[str, Any]]] = {}
    for email, reason, kind in rejected:
        row = {"email_hash": HASHER.text(email), "outcome": "rejected", "reason": reason}
        told.setdefault(kind, []).append(row)
    by_kind = {kind: pa.Table.from_pylist(rows, schema=HELD_BACK) for kind, rows in told.items()}
    count = write_refused(store, by_kind)
    text = store.read_bytes(RunFiles.REFUSED).decode()
    lines = list(csv.reader(io.StringIO(text, newline="")))
    assert lines[0] == HEADER
    assert len(lines) == count + 1
    return lines[1:]


def test_invalid_profiles_and_rejected_contacts_are_named_without_their_address(tmp_path: Path) -> None:
    lines = written(
        tmp_path,
        invalid=[
            {"customer_id": "7", "field": "Phone", "reason": "too_long", "masked_email": "a***@e***.com"}
        ],
        contacts=[
            {"email": "bob@example.com", "customer_id": "2", "segments": ["A", "B"]},
            {"email": "cat@example.com", "customer_id": "3", "segments": ["A"]},
            {"email": "dan@example.org", "customer_id": None, "segments": ["B"]},
        ],
        rejected=[
            ("dan@example.org", "bad phone", "rejected before"),
            ("bob@example.com", None, "rejected"),
            ("gone@example.com", "bad phone", "rejected before"),
        ],
    )
    assert lines[0] == ["7", "A", "Phone", "too_long", "a***@e***.com", "invalid"]
    assert sorted(lines[1:]) == [
        ["", "B", "", "bad phone", "d***@e***.org", "rejected before"],
        ["2", "A; B", "", "", "b***@e***.com", "rejected"],
    ]


def test_a_run_that_refused_nobody_has_a_file_with_its_header_alone(tmp_path: Path) -> None:
    assert written(tmp_path) == []


@pytest.mark.parametrize("sign", ["=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", " =", "\n="])  # noqa: RUF001
def test_no_cell_starts_as_a_formula(tmp_path: Path, sign: str) -> None:
    hostile = f"{sign}HYPERLINK(1)"
    lines = written(
        tmp_path, invalid=[{"customer_id": hostile, "segment": hostile, "reason": hostile, "field": hostile}]
    )
    assert lines == [[f"'{hostile}"] * 4 + ["", "invalid"]]


@pytest.mark.parametrize("delimiter", [";", ",", "\t", "\n"])
def test_no_cell_starts_as_a_formula_where_a_spreadsheet_cuts_at_another_delimiter(
    tmp_path: Path, delimiter: str
) -> None:
    lines = written(tmp_path, invalid=[{"customer_id": f"1{delimiter}=1+1{delimiter} @x"}])
    assert lines[0][0] == f"1{delimiter}'=1+1{delimiter}' @x"


@settings(deadline=None, max_examples=60)
@given(st.text(alphabet=st.sampled_from("a\"',;\t\r\n =+-@ü🚲"), max_size=12))
def test_any_text_comes_back_from_a_csv_reader_and_starts_no_formula(text: str) -> None:
    from tempfile import TemporaryDirectory

    with TemporaryDirectory() as folder:
        cell = written(folder, invalid=[{"customer_id": text}])[0][0]
    assert cell.lstrip(" \r\n\t")[:1] not in ("=", "+", "-", "@")
    assert cell.replace("'", "") == text.replace("'", "")
