"""A location of model.json leads to a file of this export, or is refused."""

from __future__ import annotations

import re
from contextlib import suppress
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from segment_exports.errors import SourceError
from segment_exports.sources.lake.locations import SnapshotFile, data_file, listed_file, located_files

ROOT = "lake/CustomerInsights_abcd/AutopilotExport"
TABLE = "HighValueSegment"
TAIL = f"{TABLE}/2020/08/24/1433/{TABLE}_1.csv"
FILE = SnapshotFile(TABLE, "2020/08/24/1433", f"{TABLE}_1.csv")


@pytest.mark.parametrize(
    ("root", "location"),
    [
        (
            ROOT,
            f"https://account.blob.core.windows.net/container/CustomerInsights_abcd/AutopilotExport/{TAIL}",
        ),
        (
            ROOT,
            f"https://account.dfs.core.windows.net:443/c/CustomerInsights_abcd/AutopilotExport/{TAIL}?sv=1&sig=x",
        ),
        (ROOT, f"https://a.example/c/CustomerInsights%5Fabcd/AutopilotExport/{TAIL}"),
        (ROOT, f"CustomerInsights_abcd/AutopilotExport/{TAIL}"),
        (ROOT, TAIL),
        (ROOT, f"https://account.dfs.core.windows.net/container/some/folder/{TAIL}"),
        ("copied/by/hand", f"https://a.example/c/CustomerInsights_abcd/AutopilotExport/{TAIL}"),
        ("/mnt/lake", f"abfss://c@a.dfs.core.windows.net/CustomerInsights_abcd/X/{TAIL}"),
    ],
)
def test_only_the_part_below_the_export_counts(root: str, location: str) -> None:
    assert located_files([location], root, TABLE) == [FILE]


@pytest.mark.parametrize(
    "location",
    [
        f"https://a.example/c/CustomerInsights_abcd/AutopilotExport/../Other/{TAIL}",
        f"https://a.example/c/CustomerInsights_abcd/AutopilotExport/%2e%2e/Other/{TAIL}",
        f"https://a.example/c/CustomerInsights_abcd/AutopilotExport/%252e%252e/{TAIL}",
        f"https://a.example/c/CustomerInsights_abcd/AutopilotExport/{TABLE}/2020/08/24/1433/..%2F..%2Fx.csv",
        f"https://a.example/c/CustomerInsights_abcd/AutopilotExport/{TABLE}/2020/08/24/1433/..\\x.csv",
        f"https://a.example/c/CustomerInsights_abcd/AutopilotExport/{TABLE}/2020/08/24/1433/a%5Cb.csv",
        f"https://a.example/c/CustomerInsights_abcd/AutopilotExport/{TABLE}/2020/08/24/1433/a%00.csv",
        f"https://a.example/c/CustomerInsights_abcd/AutopilotExport/{TABLE}/2020/08/24/1433/a%252fb.csv",
        f"https://a.example/c/CustomerInsights_abcd/AutopilotExport//{TAIL}",
        f"https://a.example/c/CustomerInsights_abcd/AutopilotExport/{TABLE}/2020/08/24/1433/%ff.csv",
        f"https://a.example/c/CustomerInsights_abcd/Auto\tpilotExport/{TAIL}",
        "https://[",
        "",
        "..",
        "/etc/passwd",
        "file:///etc/passwd",
        f"https://a.example/c/CustomerInsights_abcd/AutopilotExport/Customer/2020/08/24/1433/{TABLE}_1.csv",
        f"https://a.example/c/CustomerInsights_abcd/AutopilotExport/{TABLE}/2020/13/24/1433/{TABLE}_1.csv",
        f"https://a.example/c/CustomerInsights_abcd/AutopilotExport/{TABLE}/2020/08/24/2533/{TABLE}_1.csv",
        f"https://a.example/c/CustomerInsights_abcd/AutopilotExport/{TABLE}/2020/08/24/{TABLE}_1.csv",
        f"https://a.example/c/CustomerInsights_abcd/AutopilotExport/{TABLE}/2020/08/24/1433/{TABLE}_1.exe",
        f"https://a.example/c/CustomerInsights_abcd/OtherExport/{TAIL}",
        f"https://a.example/c/CustomerInsights_other/AutopilotExport/{TAIL}",
    ],
)
def test_a_location_that_leads_elsewhere_is_refused(location: str) -> None:
    with pytest.raises(SourceError, match=r"model\.json"):
        located_files([location], ROOT, TABLE)


def test_partitions_of_two_exports_are_refused() -> None:
    locations = [f"c/CustomerInsights_abcd/{export}/{TAIL}" for export in ("One", "Two")]
    with pytest.raises(SourceError, match="more than one export"):
        located_files(locations, "copied", TABLE)


def test_the_message_does_not_repeat_the_location() -> None:
    with pytest.raises(SourceError) as refused:
        located_files(["https://a.example/x?sig=very-secret-signature"], ROOT, TABLE)
    assert "secret" not in str(refused.value)


_PIECES = st.sampled_from(
    [
        "..",
        ".",
        "",
        "%2e%2e",
        "%252e",
        "\\",
        "%5c",
        "/",
        "c",
        "CustomerInsights_abcd",
        "AutopilotExport",
        TABLE,
        "2020",
        "08",
        "24",
        "1433",
        f"{TABLE}_1.csv",
        "https://a.example",
        "\x00",
        "%00",
        "\u2024\u2024",
        "‥",
        "~",
    ]
)


@settings(max_examples=300)
@given(st.lists(_PIECES, max_size=12).map("/".join) | st.text(max_size=80))
@example(f"https://a.example/c/CustomerInsights_abcd/AutopilotExport/{TAIL}")
def test_whatever_stands_there_nothing_outside_the_table_is_reached(location: str) -> None:
    with suppress(SourceError):
        for file in located_files([location], ROOT, TABLE):
            assert re.fullmatch(
                rf"{TABLE}/[0-9]{{4}}/[0-9]{{2}}/[0-9]{{2}}/[0-9]{{4}}/[^/\\]+\.csv", file.path
            )


@pytest.mark.parametrize(
    ("folder", "time"),
    [
        ("2026/10/25/0130", datetime(2026, 10, 24, 23, 30, tzinfo=UTC)),
        ("2026/10/25/0235", datetime(2026, 10, 25, 1, 35, tzinfo=UTC)),
        ("2026/10/25/0330", datetime(2026, 10, 25, 2, 30, tzinfo=UTC)),
        ("2026/03/29/0235", datetime(2026, 3, 29, 1, 35, tzinfo=UTC)),
        ("2026/03/29/0330", datetime(2026, 3, 29, 1, 30, tzinfo=UTC)),
    ],
)
def test_where_clocks_change_a_snapshot_is_not_before_the_schedule_of_its_refresh(
    folder: str, time: datetime
) -> None:
    assert SnapshotFile("T", folder, "").time(ZoneInfo("Europe/Berlin")) == time


def test_a_folder_names_its_time_in_the_zone_of_the_definition() -> None:
    assert FILE.time(ZoneInfo("UTC")) == datetime(2020, 8, 24, 14, 33, tzinfo=UTC)
    assert FILE.time(ZoneInfo("America/Sao_Paulo")) == datetime(2020, 8, 24, 17, 33, tzinfo=UTC)


FOLDER = f"{ROOT}/{TABLE}/2020/08/24/1433"


@pytest.mark.parametrize(
    "path",
    [
        f"{ROOT}/Other/2020/08/24/1433/x.csv",
        f"{ROOT}/readme.txt",
        f"{ROOT}/{TABLE}/2020/08/24/x.csv",
        f"{ROOT}/{TABLE}/2020/13/24/1433/x.csv",
        f"{FOLDER}/_SUCCESS",
        f"{FOLDER}/_committed_1234",
        f"{FOLDER}/_temporary/0/x.csv",
        f"{FOLDER}/.x.csv.crc",
        f"{FOLDER}/model.json",
        f"{FOLDER}/model_2020.json",
        f"{FOLDER}/default.manifest.cdm.json",
    ],
)
def test_what_is_no_data_of_the_table_is_passed_over_in_a_listing(path: str) -> None:
    assert listed_file(path, ROOT, TABLE) is None


@pytest.mark.parametrize("name", ["x.csv", "x.csv.gz", "x.parquet", "x/y.csv", "x"])
def test_all_else_in_a_folder_of_a_snapshot_is_listed_and_read_only_where_it_is_csv(name: str) -> None:
    file = listed_file(f"{FOLDER}/{name}", ROOT, TABLE)
    assert file == SnapshotFile(TABLE, "2020/08/24/1433", name)
    assert (data_file(file.path, TABLE) == file) is (name == "x.csv")
