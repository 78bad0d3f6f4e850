"""The work: contacts of ten fields, made once, the same on every machine.

The same profiles lie in ``.bench/data/<size>/`` as Customer Insights' lake export (for us and for the
plain DAG), as a SQLite table (drt-core) and as Parquet (dlt, and the ready bodies of the raw ceiling):
each tool reads what it reads fastest. All ten fields are standard fields of Autopilot in a flat
object, which suits tools that put rows into JSON as they are.

Three snapshots: ``first``, ``same`` (nothing changed) and ``changed`` (every hundredth contact has a
new title).
"""

from __future__ import annotations

import itertools
import json
import shutil
import sqlite3
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pacsv
import pyarrow.parquet as pq

if TYPE_CHECKING:
    from pathlib import Path

SEGMENT = "Newsletter"
INSTANCE = "CustomerInsights_00000000-0000-0000-0000-0000000be7c4"
EXPORT = "Bench"
PARTITION_ROWS = 40_000
CHANGED_EVERY = 100
SEED = 20260217

SNAPSHOTS = {
    "first": datetime(2026, 3, 2, 5, 0, tzinfo=UTC),
    "same": datetime(2026, 3, 3, 5, 0, tzinfo=UTC),
    "changed": datetime(2026, 3, 4, 5, 0, tzinfo=UTC),
}

FIELDS = {
    "Email": "EMail",
    "FirstName": "FirstName",
    "LastName": "LastName",
    "Company": "CompanyName",
    "Title": "JobTitle",
    "Phone": "Telephone",
    "MailingCity": "City",
    "MailingState": "StateOrProvince",
    "MailingPostalCode": "PostalCode",
    "MailingCountry": "CountryOrRegion",
}
"""Autopilot's field -> the profile's attribute; both sides of every tool's mapping."""

_FIRST = [
    "Ana",
    "Bruno",
    "Clara",
    "Diego",
    "Élise",
    "Farid",
    "Greta",
    "Håkon",
    "Inês",
    "Jörg",
    "Kenji",
    "Lucía",
]
_LAST = [
    "Almeida",
    "Berg",
    "Costa",
    "Dubois",
    "Eriksson",
    "Ferreira",
    "García",
    "Hoffmann",
    "Ito",
    "Kowalski",
]
_COMPANY = ["Contoso", "Fabrikam", "Northwind Traders", "Adventure Works, Inc.", "Litware", "Tailspin Toys"]
_TITLE = ["Buyer", "Head of Sales", "Data Engineer", "Assistant", "Owner", "Chief Marketing Officer"]
_PLACE = [("São Paulo", "SP", "BR"), ("Berlin", "BE", "DE"), ("Lyon", "ARA", "FR"), ("Osaka", "27", "JP"),
          ("Leeds", "ENG", "GB"), ("Austin", "TX", "US")]  # fmt: skip


@dataclass(frozen=True)
class WorkData:
    """Where one size of the work lies."""

    folder: Path
    size: int

    @property
    def lake(self) -> Path:
        """The folder that a lake source's ``path`` names: the root of one export."""
        return self.folder / "lake" / INSTANCE / EXPORT

    @property
    def sqlite(self) -> Path:
        """Tables ``first`` and ``changed``, columns by attribute."""
        return self.folder / "contacts.sqlite"

    def parquet(self, snapshot: str = "first") -> Path:
        """One snapshot as Parquet, columns by attribute."""
        return self.folder / f"{snapshot}.parquet"

    def csv(self, snapshot: str = "first") -> Path:
        """The folder of one snapshot's CSV partitions in the lake."""
        return self.lake / SEGMENT / SNAPSHOTS[snapshot].strftime("%Y/%m/%d/%H%M")


def make_profiles(size: int, *, changed: bool = False) -> pa.Table:
    """Return ``size`` profiles: CustomerId, the ten attributes, and three that no export maps."""
    number = np.arange(size, dtype=np.uint64)
    salts = itertools.count(SEED)

    def spread(below: int) -> pa.Array:
        """Return a number below ``below`` for each profile: mixed well, and the same everywhere."""
        mixed = (number + np.uint64(next(salts))) * np.uint64(0x9E3779B97F4A7C15)
        mixed = (mixed ^ (mixed >> np.uint64(29))) * np.uint64(0xBF58476D1CE4E5B9)
        return pa.array(((mixed >> np.uint64(32)) % np.uint64(below)).astype(np.int64))

    def pick(choices: list[str]) -> pa.Array:
        return pa.array(choices).take(spread(len(choices)))

    place = spread(len(_PLACE))
    text = pa.array(number).cast(pa.string())
    first, last = pick(_FIRST), pick(_LAST)
    title = pick(_TITLE)
    if changed:
        title = pc.if_else(pa.array(number % CHANGED_EVERY == 0), "Director", title)
    digits = pc.utf8_lpad(text, 7, "0")
    columns: dict[str, Any] = {
        "CustomerId": pc.binary_join_element_wise("c0ffee00", pc.utf8_lpad(text, 24, "0"), ""),
        "EMail": pc.binary_join_element_wise("Contact.", digits, "@mail.example.com", ""),
        "FirstName": first,
        "LastName": last,
        "CompanyName": pick(_COMPANY),
        "JobTitle": title,
        "Telephone": pc.binary_join_element_wise("+55 11 9", digits, ""),
        "City": pa.array([name for name, _, _ in _PLACE]).take(place),
        "StateOrProvince": pa.array([state for _, state, _ in _PLACE]).take(place),
        "PostalCode": pc.utf8_slice_codeunits(digits, 2, 7),
        "CountryOrRegion": pa.array([country for _, _, country in _PLACE]).take(place),
        "LoyaltyTier": pick(["Bronze", "Silver", "Gold"]),
        "Points": spread(50_000).cast(pa.string()),
        "ModifiedOn": pa.array(["2026-03-01T22:15:00Z"] * size),
    }
    return pa.table(columns)


def make_work(root: Path, size: int) -> WorkData:
    """Return the work of one size, made now unless it is there already."""
    work = WorkData(root / str(size), size)
    done = work.folder / "done"
    mark = f"{SEED} 6"
    if done.exists() and done.read_text() == mark:
        return work
    shutil.rmtree(work.folder, ignore_errors=True)
    work.folder.mkdir(parents=True)
    tables = {"first": make_profiles(size), "changed": make_profiles(size, changed=True)}
    tables["same"] = tables["first"]
    for snapshot in ("first", "changed"):
        pq.write_table(tables[snapshot].select(list(FIELDS.values())), work.parquet(snapshot))
    _write_lake(work, tables)
    _write_sqlite(work, tables)
    done.write_text(mark)
    return work


def _write_lake(work: WorkData, tables: dict[str, pa.Table]) -> None:
    partitions: list[dict[str, Any]] = []
    for snapshot, moment in SNAPSHOTS.items():
        folder = work.csv(snapshot)
        folder.mkdir(parents=True)
        table = tables[snapshot]
        partitions.clear()  # model.json names the newest snapshot alone
        for index, start in enumerate(range(0, table.num_rows, PARTITION_ROWS), start=1):
            path = folder / f"{SEGMENT}_{index}.csv"
            pacsv.write_csv(table.slice(start, PARTITION_ROWS), path)
            partitions.append(partition(path.relative_to(work.lake), moment))
    model = lake_model(tables["first"].column_names, {SEGMENT: partitions})
    (work.lake / "model.json").write_text(json.dumps(model, indent=1))


def lake_model(columns: list[str], partitions: dict[str, list[dict[str, Any]]]) -> dict[str, Any]:
    """Return what ``model.json`` says of tables that have the same columns, all texts."""
    attributes = [{"name": name, "dataType": "string"} for name in columns]
    return {
        "application": "Customer Insights",
        "name": EXPORT,
        "version": "1.0",
        "modifiedTime": max(SNAPSHOTS.values()).isoformat(),
        "entities": [
            {"$type": "LocalEntity", "name": name, "attributes": attributes, "partitions": parts}
            for name, parts in partitions.items()
        ],
    }


def partition(path: Path, moment: datetime) -> dict[str, Any]:
    """Return how ``model.json`` names a file of a table, by its path below the export's folder."""
    return {
        "name": path.stem,
        "refreshTime": moment.isoformat(),
        "location": f"https://bench.dfs.core.windows.net/lake/{INSTANCE}/{EXPORT}/{path.as_posix()}",
        "fileFormatSettings": {
            "$type": "CsvFormatSettings",
            "columnHeaders": True,
            "delimiter": ",",
            "encoding": "UTF-8",
            "quoteStyle": "QuoteStyle.Csv",
            "csvStyle": "CsvStyle.QuoteAlways",
        },
    }


def _write_sqlite(work: WorkData, tables: dict[str, pa.Table]) -> None:
    names = list(FIELDS.values())
    with sqlite3.connect(work.sqlite) as connection:
        for snapshot in ("first", "changed"):
            connection.execute(f"create table {snapshot} ({', '.join(f'{name} text' for name in names)})")
            rows = zip(*(tables[snapshot][name].to_pylist() for name in names), strict=True)
            places = ", ".join("?" * len(names))
            connection.executemany(f"insert into {snapshot} values ({places})", rows)
    connection.close()
