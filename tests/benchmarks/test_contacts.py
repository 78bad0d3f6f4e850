"""The work is the same for every tool and on every machine."""

from __future__ import annotations

import csv
import hashlib
import json
import sqlite3

import pyarrow.parquet as pq
import pytest
from benchmarks.contacts import FIELDS, SEGMENT, SNAPSHOTS, make_profiles, make_work


@pytest.fixture(scope="module")
def work(tmp_path_factory):
    return make_work(tmp_path_factory.mktemp("data"), 500)


def csv_rows(work, snapshot):
    rows = []
    for file in sorted(work.csv(snapshot).glob("*.csv")):
        with file.open(encoding="utf-8", newline="") as text:
            rows += [tuple(row[name] for name in FIELDS.values()) for row in csv.DictReader(text)]
    return rows


def test_profiles_are_the_same_every_time():
    text = str(make_profiles(300).to_pylist()).encode()
    assert text == str(make_profiles(300).to_pylist()).encode()
    assert hashlib.sha256(text).hexdigest() == (
        "57ee7f7c6f5bb8a742d29763f2dc573d05e75dea204e8418fcf3b195e59efec1"
    )  # fmt: skip


def test_every_address_is_there_once():
    emails = make_profiles(500)["EMail"].to_pylist()
    assert len({email.lower() for email in emails}) == 500


@pytest.mark.parametrize("snapshot", ["first", "changed"])
def test_lake_sqlite_and_parquet_hold_the_same(work, snapshot):
    rows = csv_rows(work, snapshot)
    names = ", ".join(FIELDS.values())
    with sqlite3.connect(work.sqlite) as connection:
        assert connection.execute(f"select {names} from {snapshot}").fetchall() == rows
    table = pq.read_table(work.parquet(snapshot))
    assert list(zip(*(table[name].to_pylist() for name in FIELDS.values()), strict=True)) == rows


def test_one_in_a_hundred_changes_and_nothing_between_first_and_same(work):
    first, same, changed = (csv_rows(work, snapshot) for snapshot in SNAPSHOTS)
    assert same == first
    different = [index for index, row in enumerate(first) if changed[index] != row]
    assert different == list(range(0, 500, 100))


def test_the_model_names_the_files_of_the_newest_snapshot(work):
    model = json.loads((work.lake / "model.json").read_text())
    (entity,) = model["entities"]
    assert entity["name"] == SEGMENT
    for partition in entity["partitions"]:
        assert (work.lake / partition["location"].split("/Bench/", 1)[1]).exists()
        assert "/2026/03/04/" in partition["location"]


def test_work_that_is_there_is_not_made_again(work):
    mark = work.sqlite.stat().st_mtime_ns
    assert make_work(work.folder.parent, 500).sqlite.stat().st_mtime_ns == mark
