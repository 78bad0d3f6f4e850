"""Which files are parts of one table, by their names."""

from __future__ import annotations

import pytest

from segment_exports.sources.lake.locations import SnapshotFile
from segment_exports.sources.lake.parts import left_out_numbers, left_out_of_spark, number_of, parts_beside


def files(*names: str) -> list[SnapshotFile]:
    return [SnapshotFile("T", "2020/08/24/1433", name) for name in names]


@pytest.mark.parametrize(
    ("names", "left_out"),
    [
        (["T_1.csv"], []),
        (["T_0.csv"], []),
        (["T_0.csv", "T_1.csv"], []),
        (["T_2.csv", "T_1.csv", "T_3.csv"], []),
        (["T_1.csv", "T_4.csv"], ["T_2.csv", "T_3.csv"]),
        (["T_0.csv", "T_2.csv"], ["T_1.csv"]),
        (["T_2.csv"], ["T_1.csv"]),
        (["T_2.csv", "T_3.csv"], ["T_1.csv"]),
        (["other.csv"], []),
        ([], []),
    ],
)
def test_numbers_that_are_left_out(names: list[str], left_out: list[str]) -> None:
    assert left_out_numbers(files(*names)) == left_out


@pytest.mark.parametrize(
    ("name", "number"),
    [
        ("T_1.csv", 1),
        ("T_012.csv", 12),
        ("U_1.csv", None),
        ("T_1.CSV", 1),
        ("t_2.csv.gz", 2),
        ("sub/T_3.parquet", 3),
        ("T_4", 4),
        ("T_5x.csv", None),
    ],
)
def test_the_number_of_a_file(name: str, number: int | None) -> None:
    assert number_of(*files(name)) == number


@pytest.mark.parametrize(
    ("names", "left_out"),
    [
        (["part-00000-4f2a-c000.csv", "part-00001-4f2a-c000.csv"], None),
        (["part-00000.csv", "PART-r-00002-x.csv", "part-00005.csv"], (3, "part-00001")),
        (["part-00002.csv"], (2, "part-00000")),
        (["part-00000-a-c000.csv", "part-00000-a-c001.csv"], None),
        (["part-999999999.csv"], (999_999_999, "part-00000")),
        (["T_3.csv", "department-00003.csv"], None),
        ([], None),
    ],
)
def test_numbers_that_spark_leaves_out(names: list[str], left_out: tuple[int, str] | None) -> None:
    assert left_out_of_spark(files(*names)) == left_out


@pytest.mark.parametrize(
    ("named", "beside", "is_part"),
    [
        ("T_1.csv", "T_2.csv", True),
        ("T_1.csv", "t_2.CSV", True),
        ("T_1.csv", "T_2.csv.gz", True),
        ("T_1.csv", "T_2.csv.tmp", True),
        ("T_1.csv", "T_2.parquet", True),
        ("T_1.csv", "part/T_2.csv", True),
        ("T_1.csv", "part-00001-4f2a.snappy.parquet", True),
        ("T.csv", "T_1.csv", True),
        ("part-00000.csv", "T_2.csv", True),
        ("part-00000-aa-c000.csv", "part-00000-aa-c001.csv", True),
        ("Seg-1.csv", "Seg-2.csv", True),
        ("export_20260106_1.csv", "export_20260106_2.csv.gz", True),
        ("T_1.csv", "T_1.csv.gz", False),
        ("T_1.csv", "T_1.parquet", False),
        ("T_1.csv", "old/T_1.csv", False),
        ("T_1.csv", "tmp/part-00001.csv", False),
        ("T_1.csv", "copy of T_2.csv", False),
        ("T.csv", "U.csv", False),
        ("T.csv", "T.csv.md5", False),
        ("T_1.csv", "U_2.csv", False),
    ],
)
def test_a_part_beside_is_told_from_another_file_by_its_name(named: str, beside: str, is_part: bool) -> None:
    unnamed = files(beside)
    assert parts_beside(files(named), unnamed) == (unnamed if is_part else [])
