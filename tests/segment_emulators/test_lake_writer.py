"""The written lake, read back with Python's own csv module as its model.json says."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import pyarrow as pa
import pytest

from segment_emulators.lake_writer import CsvFormat, LakeExport, Quoting, main, write_lake
from segment_emulators.tenant import ATTRIBUTE_NAMES, SEGMENTS, Tenant

Row = tuple[str, ...]


@pytest.fixture(scope="module")
def tenant() -> Tenant:
    return Tenant(1_500)


def expected(tenant: Tenant, snapshot: int, table: str) -> list[Row]:
    """Return a table's rows as the tenant has them, empty for null."""
    batches = tenant.profiles(snapshot) if table == "Customer" else tenant.segment(snapshot, table)
    rows = pa.Table.from_batches(batches).to_pylist()
    return sorted(tuple(row[name] or "" for name in ATTRIBUTE_NAMES) for row in rows)


def model_of(export: LakeExport) -> dict[str, Any]:
    return json.loads((export.folder / "model.json").read_text(encoding="utf-8"))


def path_of(export: LakeExport, location: str) -> Path:
    """Find a partition's file by the part of its URL below the container."""
    assert location.startswith("https://")
    return export.root / Path(*unquote(urlsplit(location).path).strip("/").split("/")[1:])


def read(export: LakeExport, entity: dict[str, Any]) -> list[Row]:
    """Read an entity by its partitions; what a partition doesn't say is the specification's default."""
    rows: list[Row] = []
    names = tuple(attribute["name"] for attribute in entity["attributes"])
    for partition in entity["partitions"]:
        settings = partition.get("fileFormatSettings", {})
        text = path_of(export, partition["location"]).read_bytes().decode(settings.get("encoding", "UTF-8"))
        reader = csv.reader(
            io.StringIO(text, newline=""), delimiter=settings.get("delimiter", ","), strict=True
        )
        found = [tuple(row) for row in reader]
        if settings.get("columnHeaders", False):
            assert found.pop(0) == names
        rows += found
    return sorted(rows)


@pytest.mark.parametrize(
    "format_",
    [
        CsvFormat(),
        CsvFormat(declared=False),
        CsvFormat(header=True),
        CsvFormat(header=True, delimiter=";", quoting=Quoting.WHERE_NEEDED),
        CsvFormat(delimiter="\t", quoting=Quoting.WHERE_NEEDED),
        CsvFormat(delimiter="|"),
        CsvFormat(header=True, encoding="UTF-16"),
    ],
    ids=str,
)
def test_the_files_hold_what_the_tenant_has(tmp_path: Path, tenant: Tenant, format_: CsvFormat) -> None:
    export = LakeExport(tmp_path, tenant, csv=format_)
    export.write(0)
    entities = {entity["name"]: entity for entity in model_of(export)["entities"]}
    assert list(entities) == list(SEGMENTS)
    for name, entity in entities.items():
        assert read(export, entity) == expected(tenant, 0, name)


def test_without_settings_every_value_stands_in_quotes_and_there_is_no_header(
    tmp_path: Path, tenant: Tenant
) -> None:
    export = LakeExport(tmp_path, tenant, csv=CsvFormat(declared=False))
    export.write(0)
    line = export.files("ChurnProne", 0)[0].read_text(encoding="utf-8").split("\n", 1)[0]
    assert line.startswith('"')
    assert line.endswith('"')
    assert line.count('","') == len(ATTRIBUTE_NAMES) - 1
    for entity in model_of(export)["entities"]:
        assert all("fileFormatSettings" not in partition for partition in entity["partitions"])


def test_quotes_only_where_they_are_needed(tmp_path: Path, tenant: Tenant) -> None:
    export = LakeExport(tmp_path, tenant, csv=CsvFormat(quoting=Quoting.WHERE_NEEDED))
    export.write(0)
    text = "".join(path.read_text(encoding="utf-8") for path in export.files("NewsletterReaders", 0))
    assert 0 < text.count('"') < 100
    assert '"João ""Bob"", Jr."' in text


def test_where_the_files_lie_and_what_the_model_says(tmp_path: Path, tenant: Tenant) -> None:
    export = LakeExport(tmp_path, tenant, instance="abc-1", export="My export", partitions=2)
    export.write(0)
    folder = tmp_path / "CustomerInsights_abc-1" / "My export"
    assert sorted(
        path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()
    ) == sorted(
        ["model.json"]
        + [f"{name}/2026/01/05/0500/{name}_{number}.csv" for name in SEGMENTS for number in (1, 2)]
    )
    model = model_of(export)
    assert model["version"] == "1.0"
    entity = model["entities"][0]
    assert (entity["$type"], entity["name"]) == ("LocalEntity", "HighValueSegment")
    assert {"name": "RewardPoints", "dataType": "int64"} in entity["attributes"]
    assert entity["partitions"][1] == {
        "name": "HighValueSegment_2",
        "refreshTime": "2026-01-05T05:00:00Z",
        "location": "https://contosolake.blob.core.windows.net/customerinsights/CustomerInsights_abc-1/"
        "My%20export/HighValueSegment/2026/01/05/0500/HighValueSegment_2.csv",
        "fileFormatSettings": {
            "$type": "CsvFormatSettings",
            "columnHeaders": False,
            "delimiter": ",",
            "quoteStyle": "QuoteStyle.Csv",
            "csvStyle": "CsvStyle.QuoteAlways",
            "encoding": "UTF-8",
        },
    }


def test_every_partition_has_rows(tmp_path: Path, tenant: Tenant) -> None:
    export = LakeExport(tmp_path, tenant, partitions=5)
    export.write(0)
    for table in SEGMENTS:
        assert all(path.stat().st_size > 1000 for path in export.files(table, 0))


def test_two_snapshots_pile_up_and_the_model_names_the_newest(tmp_path: Path, tenant: Tenant) -> None:
    export = LakeExport(tmp_path, tenant)
    times = list(write_lake(export, 2))
    assert times == [tenant.snapshot_time(0), tenant.snapshot_time(1)]
    assert all(path.exists() for path in export.files("ChurnProne", 0))
    for entity in model_of(export)["entities"]:
        assert all("/2026/01/06/0500/" in partition["location"] for partition in entity["partitions"])
        assert read(export, entity) == expected(tenant, 1, entity["name"])


def test_an_unfinished_snapshot_is_data_that_no_model_names(tmp_path: Path, tenant: Tenant) -> None:
    export = LakeExport(tmp_path, tenant)
    list(write_lake(export, 2, unfinished=True))
    assert all(path.exists() for path in export.files("ChurnProne", 1))
    assert "2026/01/06" not in json.dumps(model_of(export))
    export.publish(1)
    assert "2026/01/06" in json.dumps(model_of(export))


def test_data_may_be_written_in_part(tmp_path: Path, tenant: Tenant) -> None:
    export = LakeExport(tmp_path, tenant)
    export.write_data(0, partitions=1)
    assert [path.exists() for path in export.files("ChurnProne", 0)] == [True, False, False]
    assert not (export.folder / "model.json").exists()
    assert not list(export.folder.glob(".*"))


def test_the_customer_table_and_an_empty_segment(tmp_path: Path) -> None:
    tenant = Tenant(200, segments={"Nobody": 0.0})
    export = LakeExport(tmp_path, tenant, tables=["Customer", "Nobody"], partitions=1)
    export.write(0)
    customers, nobody = model_of(export)["entities"]
    assert read(export, customers) == expected(tenant, 0, "Customer")
    assert read(export, nobody) == []


class TestCommand:
    def test_it_writes_and_says_what(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        arguments = ["--folder", str(tmp_path), "--customers", "300", "--header", "--quoting", "where_needed"]
        assert main([*arguments, "--delimiter", ";", "--export", "X", "--seed", "3"]) == 0
        told = capsys.readouterr().out.splitlines()
        assert [line.rsplit(" ", 1)[1] for line in told] == ["2026-01-05T05:00:00Z", "2026-01-06T05:00:00Z"]
        tenant = Tenant(300, 3)
        export = LakeExport(tmp_path, tenant, export="X")
        assert read(export, model_of(export)["entities"][0]) == expected(tenant, 1, "HighValueSegment")

    @pytest.mark.parametrize(
        ("arguments", "told"),
        [
            (["--table", "Typo"], "--table Typo: there are HighValueSegment, ChurnProne"),
            (["--first-snapshot", "2026-01-05T05:00"], "needs a time zone"),
            (["--quoting", "never"], "invalid choice"),
            (["--encoding", "utf-99"], "unknown encoding"),
            (["--encoding", "latin-1"], "latin-1"),
            (["--customers", "0"], "--customers"),
            (["--delimiter", "::"], "--delimiter"),
        ],
    )
    def test_a_wrong_option_is_told(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], told: str
    ) -> None:
        with pytest.raises(SystemExit):
            main(["--folder", str(tmp_path), *arguments])
        assert told in capsys.readouterr().err
