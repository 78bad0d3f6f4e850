"""A lake export as a source: its segments, which snapshots are whole, and the rows of one."""

from __future__ import annotations

import json
import shutil
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import fsspec
import pyarrow as pa
import pytest
from fsspec.implementations.local import LocalFileSystem

from segment_emulators.lake_writer import CsvFormat, Quoting, write_lake
from segment_emulators.lake_writer import LakeExport as WrittenExport
from segment_emulators.tenant import ATTRIBUTE_NAMES, Tenant
from segment_exports.errors import SourceError, SourceNotReadyError
from segment_exports.records.staging import Store
from segment_exports.settings import bounds
from segment_exports.sources import Attribute, ReadUnit, doubts_of
from segment_exports.sources.lake.seen_snapshots import SeenSnapshots
from segment_exports.sources.lake.source import LakeExport
from segment_exports.sources.lake.storage import ExportFolder
from segment_exports.sources.lake.wholeness import WRITTEN_IN, LakeRules
from segment_exports.sources.snapshot_marks import SnapshotChangedError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

FOLDER = "CustomerInsights_abcd/AutopilotExport"
FIRST, SECOND, THIRD = "2026/01/05/0500", "2026/01/06/0500", "2026/01/07/0500"
THIRD_TIME = datetime(2026, 1, 7, 5, tzinfo=UTC)
FIRST_TIME, SECOND_TIME = datetime(2026, 1, 5, 5, tzinfo=UTC), datetime(2026, 1, 6, 5, tzinfo=UTC)


class Lake:
    """A small lake made by hand, one table T of CustomerId, EMail and Subscribed."""

    def __init__(self, folder: Path) -> None:
        self.root = folder / FOLDER
        self.root.mkdir(parents=True)
        self.seen = SeenSnapshots(Store.local(folder / "staging"))

    def put(self, snapshot: str, *contents: str, first: int = 1) -> None:
        folder = self.root / "T" / snapshot
        folder.mkdir(parents=True, exist_ok=True)
        for number, content in enumerate(contents, start=first):
            (folder / f"T_{number}.csv").write_text(content, encoding="utf-8")

    def point(self, *files: str, attributes: str = "CustomerId EMail Subscribed", **more: Any) -> None:
        entity = {
            "name": "T",
            "attributes": [
                {"name": name, "dataType": "boolean" if name == "Subscribed" else "string"}
                for name in attributes.split()
            ],
            "partitions": [
                {"location": f"https://a.blob.core.windows.net/c/{FOLDER}/T/{file}"} for file in files
            ],
        }
        self.write(json.dumps({"entities": [entity | more]}))

    def write(self, model: str) -> None:
        (self.root / "model.json").write_text(model, encoding="utf-8")

    @property
    def source(self) -> LakeExport:
        return LakeExport(ExportFolder.local(self.root), seen=self.seen)

    def look(self) -> None:
        """Look at what model.json names now, as every run does."""
        self.source.snapshots("T")

    def rows(self, unit: ReadUnit, *attributes: str) -> list[dict[str, str | None]]:
        return [row for _, batch in self.source.read(unit, attributes) for row in batch.to_pylist()]


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    """A lake with two snapshots of two files each, the second in model.json; a run saw the first."""
    made = Lake(tmp_path)
    made.put(FIRST, "1,a@x.example,True\n", "2,,False\n")
    made.point(f"{FIRST}/T_1.csv", f"{FIRST}/T_2.csv")
    made.look()
    made.put(SECOND, "1,a@x.example,TRUE\n", "3,c@x.example,\n")
    made.point(f"{SECOND}/T_1.csv", f"{SECOND}/T_2.csv")
    return made


def test_announces_its_tables_with_size_and_time(lake: Lake) -> None:
    (info,) = lake.source.segments()
    assert info.name == "T"
    assert info.attributes[2] == Attribute("Subscribed", "boolean")
    assert info.evaluated_at == SECOND_TIME
    assert info.size_bytes == sum(path.stat().st_size for path in (lake.root / "T" / SECOND).iterdir())


@pytest.mark.parametrize("attributes", [None, []])
def test_a_table_whose_columns_are_described_nowhere_is_announced_with_the_words_of_a_run(
    lake: Lake, attributes: list[object] | None
) -> None:
    model = json.loads((lake.root / "model.json").read_text())
    model["entities"][0]["attributes"] = attributes
    lake.write(json.dumps(model))
    (info,) = lake.source.segments()
    with pytest.raises(SourceError) as refused:
        lake.source.snapshots("T")
    assert (info.name, info.fault) == ("T", str(refused.value))
    assert str(refused.value).endswith("model.json describes no attributes of T")


def test_has_a_snapshot_per_folder_oldest_first(lake: Lake) -> None:
    assert lake.source.snapshots("T") == [FIRST_TIME, SECOND_TIME]
    assert lake.source.unfinished("T") is None
    assert lake.source.has_history


def test_folders_are_named_in_the_time_zone_of_the_definition(lake: Lake) -> None:
    source = LakeExport(ExportFolder.local(lake.root), snapshot_timezone="America/Sao_Paulo", seen=lake.seen)
    assert source.snapshots("T")[0] == datetime(2026, 1, 5, 8, tzinfo=UTC)


@pytest.mark.parametrize(
    ("folder", "zone"), [("0001/01/01/0000", "Asia/Tokyo"), ("9999/12/31/2359", "America/Sao_Paulo")]
)
def test_a_folder_whose_time_exists_in_no_calendar_is_passed_over(lake: Lake, folder: str, zone: str) -> None:
    lake.put(folder, "1,a,true\n")
    source = LakeExport(ExportFolder.local(lake.root), snapshot_timezone=zone, seen=lake.seen)
    assert len(source.snapshots("T")) == 2
    lake.point(f"{folder}/T_1.csv")
    with pytest.raises(SourceError, match="location of partition 1 of T isn't T/<YYYY>/"):
        source.snapshots("T")


def test_a_folder_newer_than_the_model_is_still_being_written(lake: Lake) -> None:
    lake.put(THIRD, "1,a@x.example,True\n", "2,b@x.example,True\n")
    assert lake.source.snapshots("T") == [FIRST_TIME, SECOND_TIME]


def test_a_snapshot_that_lacks_a_file_of_the_model_is_not_whole(lake: Lake) -> None:
    (lake.root / "T" / SECOND / "T_2.csv").unlink()
    assert lake.source.snapshots("T") == [FIRST_TIME]
    assert lake.source.unfinished("T") == f"model.json names what isn't there: T/{SECOND}/T_2.csv"


def test_an_older_snapshot_with_a_gap_is_not_whole(lake: Lake) -> None:
    (lake.root / "T" / FIRST / "T_1.csv").unlink()
    assert lake.source.snapshots("T") == [SECOND_TIME]


def test_a_table_whose_folder_is_missing_has_no_snapshot(lake: Lake) -> None:
    lake.point(f"{SECOND}/U_1.csv", name="U")
    model = json.loads((lake.root / "model.json").read_text().replace("/T/", "/U/"))
    lake.write(json.dumps(model))
    assert lake.source.snapshots("U") == []
    assert lake.source.segments()[0].size_bytes is None


def test_a_table_without_partitions_has_no_snapshot(lake: Lake) -> None:
    lake.point()
    assert lake.source.snapshots("T") == [FIRST_TIME]
    assert "model.json names no partition of T" in (lake.source.unfinished("T") or "")


def test_a_newer_folder_that_model_json_does_not_name_is_passed_over_and_told(lake: Lake) -> None:
    lake.put(THIRD, "1,a,\n")
    source = lake.source
    assert source.snapshots("T")[-1] == SECOND_TIME
    assert source.unfinished("T") is None
    assert f"that of 2026-01-07 05:00 UTC: model.json still names {SECOND}" in (
        source.unfinished("T", SECOND_TIME) or ""
    )


def test_a_file_in_no_snapshot_is_told_where_the_table_is_read(lake: Lake) -> None:
    (lake.root / "T" / "T_3.csv").write_text("9,z@x.example,True\n")
    source = lake.source
    source.read_units({"T": SECOND_TIME})
    assert any(one.startswith("T/T_3.csv lies in no folder") for one in doubts_of(source))


def test_the_description_of_another_program_is_told_instead_of_waited_for(lake: Lake) -> None:
    (lake.root / "model.json").rename(lake.root / "default.manifest.cdm.json")
    with pytest.raises(
        SourceError, match=r"isn't there, but .*default\.manifest\.cdm\.json, which isn't read"
    ) as told:
        lake.look()
    assert not isinstance(told.value, SourceNotReadyError)


def test_a_model_whose_partitions_mix_snapshots_is_refused(lake: Lake) -> None:
    lake.point(f"{FIRST}/T_1.csv", f"{SECOND}/T_2.csv")
    with pytest.raises(SourceError, match="more than one snapshot"):
        lake.source.snapshots("T")


def test_a_unit_names_the_files_and_brings_their_rows(lake: Lake) -> None:
    (unit,) = lake.source.read_units({"T": SECOND_TIME})
    assert (unit.name, unit.snapshots) == ("T", {"T": "2026-01-06T05:00:00+00:00"})
    assert unit.detail["folder"] == SECOND
    assert [file["name"] for file in unit.detail["files"]] == ["T_1.csv", "T_2.csv"]
    unit = ReadUnit.from_json(json.loads(json.dumps(unit.to_json())))
    assert lake.rows(unit, "EMail", "CustomerId") == [
        {"EMail": "a@x.example", "CustomerId": "1"},
        {"EMail": "c@x.example", "CustomerId": "3"},
    ]


def doubts_about(lake: Lake, *contents: str) -> list[str]:
    """Write the newest snapshot of these files, and return what is doubtful about reading it."""
    shutil.rmtree(lake.root / "T" / SECOND)
    lake.put(SECOND, *contents)
    lake.point(*(f"{SECOND}/T_{number}.csv" for number in range(1, len(contents) + 1)))
    source = lake.source
    (unit,) = source.read_units({"T": SECOND_TIME})
    assert len(unit.detail["files"]) == len(contents)
    return doubts_of(source)


def test_an_empty_file_beside_others_is_doubted_and_named(lake: Lake) -> None:
    assert doubts_about(lake, "1,a@x.example,TRUE\n", "", "3,c@x.example,\n") == [
        f"1 of 3 files of T has 0 bytes (T/{SECOND}/T_2.csv): if the export was cut off, rows are missing, "
        "and the members in them count as having left. Look at the export in Customer Insights, or run it "
        "again"
    ]


def test_a_table_of_several_files_that_are_all_empty_is_doubted(lake: Lake) -> None:
    (doubt,) = doubts_about(lake, "", "")
    assert doubt.startswith("All 2 files of T have 0 bytes (")
    assert doubt.endswith("the segment counts as empty")


@pytest.mark.parametrize("content", ["", "CustomerId,EMail,Subscribed\n", "1,a@x.example,TRUE\n"])
def test_a_segment_of_one_file_may_be_empty(lake: Lake, content: str) -> None:
    assert doubts_about(lake, content) == []


def test_an_older_snapshot_is_doubted_too(lake: Lake) -> None:
    lake.put(FIRST, "1,a@x.example,True\n", "")
    lake.point(f"{FIRST}/T_1.csv", f"{FIRST}/T_2.csv")
    lake.look()
    lake.point(f"{SECOND}/T_1.csv", f"{SECOND}/T_2.csv")
    source = lake.source
    source.read_units({"T": FIRST_TIME})
    assert f"T/{FIRST}/T_2.csv" in doubts_of(source)[0]


def test_booleans_are_true_or_false_in_lower_case(lake: Lake) -> None:
    (unit,) = lake.source.read_units({"T": FIRST_TIME})
    assert [row["Subscribed"] for row in lake.rows(unit, "Subscribed")] == ["true", "false"]
    (unit,) = lake.source.read_units({"T": SECOND_TIME})
    assert [row["Subscribed"] for row in lake.rows(unit, "Subscribed")] == ["true", None]


def described(lake: Lake, culture: str | None) -> ReadUnit:
    """The third snapshot: a date and a number as a culture writes them, and a text that looks like a date."""
    lake.put(THIRD, '"1","11/20/2026 2:33:00 PM","11/20/2026","1,234.5"\n')
    names = {"CustomerId": "string", "Seen": "dateTime", "Note": "string", "Income": "double"}
    entity = {
        "name": "T",
        "attributes": [{"name": name, "dataType": kind} for name, kind in names.items()],
        "partitions": [{"location": f"https://a.blob.core.windows.net/c/{FOLDER}/T/{THIRD}/T_1.csv"}],
    }
    lake.write(json.dumps({"entities": [entity], "culture": culture}))
    (unit,) = lake.source.read_units({"T": THIRD_TIME})
    return unit


def test_dates_and_numbers_are_read_in_the_culture_of_the_model(lake: Lake) -> None:
    unit = ReadUnit.from_json(described(lake, "en-US").to_json())
    assert lake.rows(unit, "Seen", "Note", "Income") == [
        {"Seen": "2026-11-20T14:33:00", "Note": "11/20/2026", "Income": "1234.5"}
    ]


@pytest.mark.parametrize(("culture", "doubts"), [(None, 0), ("", 0), ("tlh-QX", 1)])
def test_without_a_culture_that_is_known_values_stay_as_they_are(
    lake: Lake, culture: str | None, doubts: int
) -> None:
    unit, source = described(lake, culture), lake.source
    ((_, batch),) = source.read(unit, ["Seen", "Income"])
    assert batch.to_pylist() == [{"Seen": "11/20/2026 2:33:00 PM", "Income": "1,234.5"}]
    told = doubts_of(source)
    assert len(told) == doubts
    assert all("names the culture 'tlh-QX', which isn't known here" in text for text in told)


def test_previous_ids_are_left_out_where_there_are_none(lake: Lake) -> None:
    (unit,) = lake.source.read_units({"T": FIRST_TIME})
    assert list(lake.rows(unit, "CustomerId", "PreviousCustomerId")[0]) == ["CustomerId"]


def test_an_unknown_attribute_is_told_with_those_that_exist(lake: Lake) -> None:
    (unit,) = lake.source.read_units({"T": FIRST_TIME})
    with pytest.raises(SourceError) as refused:
        lake.rows(unit, "Email", "CustomerId")
    assert str(refused.value) == (
        f"T has no attribute Email in its snapshot {FIRST}. Did you mean EMail? It has: CustomerId, EMail, "
        "Subscribed"
    )


def test_an_unknown_segment_is_told_with_those_that_exist(lake: Lake) -> None:
    with pytest.raises(SourceError, match=r"model\.json has no table U\. It has: T"):
        lake.source.snapshots("U")


def test_a_snapshot_that_is_not_there_can_not_be_read(lake: Lake) -> None:
    with pytest.raises(SourceNotReadyError, match="T has no whole snapshot of 2026-01-07 05:00 UTC"):
        lake.source.read_units({"T": datetime(2026, 1, 7, 5, tzinfo=UTC)})


def test_quotes_escaped_by_a_backslash_are_read_where_the_definition_says_so(lake: Lake) -> None:
    lake.put(SECOND, '1,"a \\"b\\" c",TRUE\n', "3,c@x.example,\n")
    source = LakeExport(ExportFolder.local(lake.root), rules=LakeRules(by_backslash=True))
    (unit,) = source.read_units({"T": SECOND_TIME})
    assert next(source.read(unit, ["EMail"]))[1].to_pydict() == {"EMail": ['a "b" c']}
    with pytest.raises(SourceError, match="csv_escape: backslash"):
        lake.rows(unit, "EMail")


HEADER, OTHER_ORDER = "CustomerId,EMail,Subscribed\n", "Subscribed,EMail,CustomerId\n"


def test_each_file_of_a_snapshot_may_name_its_columns_in_its_own_order(lake: Lake) -> None:
    lake.put(SECOND, HEADER + "1,a@x.example,TRUE\n", OTHER_ORDER.lower() + "false,c@x.example,3\n")
    source = lake.source
    (unit,) = source.read_units({"T": SECOND_TIME})
    batches = [batch for _, batch in source.read(unit, ["CustomerId", "Subscribed"])]
    assert pa.Table.from_batches(batches).to_pydict() == {
        "CustomerId": ["1", "3"],
        "Subscribed": ["true", "false"],
    }
    (doubt,) = doubts_of(source)
    assert "T_2.csv names its columns in other letter case than model.json" in doubt


@pytest.mark.parametrize("other", ["", HEADER, OTHER_ORDER])
def test_a_file_without_a_header_has_the_order_of_the_model(lake: Lake, other: str) -> None:
    lake.put(SECOND, other, "3,c@x.example,\n")
    (unit,) = lake.source.read_units({"T": SECOND_TIME})
    if other == OTHER_ORDER:
        lake.put(SECOND, other + "True,a@x.example,1\n")
        (unit,) = lake.source.read_units({"T": SECOND_TIME})
        with pytest.raises(
            SourceError, match=r"T_1\.csv names its columns in another order than model\.json, and"
        ):
            lake.rows(unit, "CustomerId")
    else:
        assert lake.rows(unit, "CustomerId") == [{"CustomerId": "3"}]


def test_a_file_that_vanished_after_the_choice_is_told(lake: Lake) -> None:
    (unit,) = lake.source.read_units({"T": SECOND_TIME})
    (lake.root / "T" / SECOND / "T_2.csv").unlink()
    with pytest.raises(SourceNotReadyError, match=r"T_2\.csv is missing; wait for the export to end"):
        lake.rows(unit, "CustomerId")


def test_a_unit_can_not_reach_other_files(lake: Lake) -> None:
    (unit,) = lake.source.read_units({"T": SECOND_TIME})
    for folder, name in (
        ("../..", "secret.csv"),
        (SECOND, "../T_1.csv"),
        (SECOND, "x.json"),
        ("", "model.json"),
    ):
        files = [unit.detail["files"][0] | {"name": name}]
        hostile = ReadUnit("T", unit.snapshots, unit.detail | {"folder": folder, "files": files})
        with pytest.raises(SourceError, match="isn't a file of T"):
            lake.rows(hostile, "CustomerId")


def test_a_snapshot_is_read_with_the_columns_that_it_had_when_it_was_chosen(lake: Lake) -> None:
    (unit,) = lake.source.read_units({"T": SECOND_TIME})
    lake.put(THIRD, "1,new,a@x.example,FALSE\n")
    lake.point(f"{THIRD}/T_1.csv", attributes="CustomerId Other EMail Subscribed")
    assert lake.rows(unit, "EMail", "Subscribed")[0] == {"EMail": "a@x.example", "Subscribed": "true"}


def test_an_older_snapshot_has_the_columns_of_its_day(lake: Lake) -> None:
    lake.point(f"{SECOND}/T_1.csv", f"{SECOND}/T_2.csv", attributes="EMail CustomerId Subscribed")
    (unit,) = lake.source.read_units({"T": FIRST_TIME})
    assert [row["CustomerId"] for row in lake.rows(unit, "CustomerId")] == ["1", "2"]
    with pytest.raises(SourceError, match=f"T has no attribute Other in its snapshot {FIRST}"):
        lake.rows(unit, "Other")


@pytest.mark.parametrize(
    "described",
    [
        {"attributes": "EMail CustomerId Subscribed"},
        {"partitions": [{"location": f"c/{FOLDER}/T/{SECOND}/T_1.csv"}]},
    ],
)
def test_a_snapshot_that_is_described_anew_after_it_was_chosen_is_refused(
    lake: Lake, described: dict[str, Any]
) -> None:
    (unit,) = lake.source.read_units({"T": SECOND_TIME})
    lake.point(f"{SECOND}/T_1.csv", f"{SECOND}/T_2.csv", **described)
    with pytest.raises(SnapshotChangedError, match="T otherwise than when this run chose it"):
        lake.rows(unit, "CustomerId")


def test_a_file_that_is_written_again_after_it_was_chosen_is_refused(lake: Lake) -> None:
    (unit,) = lake.source.read_units({"T": SECOND_TIME})
    lake.put(SECOND, "3,c@x.example,\n4,d@x.example,\n", first=2)
    with pytest.raises(SnapshotChangedError, match=r"T_2\.csv was written again since this run chose it"):
        lake.rows(unit, "CustomerId")


def test_a_file_that_is_written_again_while_it_is_read_is_refused(lake: Lake) -> None:
    (unit,) = lake.source.read_units({"T": SECOND_TIME})
    reading = lake.source.read(unit, ["CustomerId"])
    next(reading)
    lake.put(SECOND, "7,c@x.example,\n8,d@x.example,\n", first=2)
    with pytest.raises(SnapshotChangedError, match=r"T_2\.csv was written again"):
        list(reading)


def test_a_refresh_that_was_cut_off_is_not_whole_when_a_later_one_is_there(lake: Lake) -> None:
    lake.put(THIRD, "1,a,\n", "2,b,\n", "3,c,\n", "4,d,\n")
    lake.point(*(f"{THIRD}/T_{number}.csv" for number in range(1, 6)))
    assert f"isn't there: T/{THIRD}/T_5.csv" in (lake.source.unfinished("T") or "")
    lake.put("2026/01/08/0500", "1,a,\n")
    lake.point("2026/01/08/0500/T_1.csv")
    assert THIRD_TIME not in lake.source.snapshots("T")
    told = lake.source.unfinished("T", THIRD_TIME, datetime(2026, 1, 8, 5, tzinfo=UTC))
    assert told == f"that of 2026-01-07 05:00 UTC: model.json named what isn't there: T/{THIRD}/T_5.csv"
    with pytest.raises(SourceNotReadyError, match=r"model\.json named what isn't there: .*T_5\.csv"):
        lake.source.read_units({"T": THIRD_TIME})


def test_a_file_that_came_when_nobody_looked_any_more_does_not_make_its_snapshot_whole(lake: Lake) -> None:
    lake.put(THIRD, "1,a,\n")
    lake.point(f"{THIRD}/T_1.csv", f"{THIRD}/T_2.csv")
    lake.look()
    lake.put("2026/01/08/0500", "1,a,\n")
    lake.point("2026/01/08/0500/T_1.csv")
    lake.put(THIRD, "2,b,\n", first=2)
    told = lake.source.unfinished("T", THIRD_TIME, datetime(2026, 1, 8, 5, tzinfo=UTC))
    assert f"how large these were to be, which came too late: T/{THIRD}/T_2.csv" in (told or "")


def test_files_that_are_given_other_columns_later_are_read_by_their_header_or_not_at_all(lake: Lake) -> None:
    lake.put(THIRD, "1,a@x.example,True\n")
    lake.point(f"{THIRD}/T_1.csv", attributes="CustomerId EMail Subscribed")
    (unit,) = lake.source.read_units({"T": THIRD_TIME})
    assert lake.rows(unit, "Subscribed") == [{"Subscribed": "true"}]

    lake.point(f"{THIRD}/T_1.csv", attributes="CustomerId Subscribed EMail")
    for _ in range(2):
        (unit,) = lake.source.read_units({"T": THIRD_TIME})
        with pytest.raises(SourceError, match=r"or model\.json gave the same file other columns then"):
            lake.rows(unit, "Subscribed")

    lake.put(THIRD, "CustomerId,EMail,Subscribed\n1,a@x.example,True\n")
    (unit,) = lake.source.read_units({"T": THIRD_TIME})
    assert lake.rows(unit, "EMail") == [{"EMail": "a@x.example"}]

    lake.put("2026/01/08/0500", "1,True,a@x.example\n")
    lake.point("2026/01/08/0500/T_1.csv", attributes="CustomerId Subscribed EMail")
    (unit,) = lake.source.read_units({"T": datetime(2026, 1, 8, 5, tzinfo=UTC)})
    assert lake.rows(unit, "EMail") == [{"EMail": "a@x.example"}]

    lake.point("2026/01/08/0500/T_1.csv")
    lake.look()
    lake.point("2026/01/08/0500/T_1.csv", attributes="CustomerId Subscribed EMail")
    (unit,) = lake.source.read_units({"T": datetime(2026, 1, 8, 5, tzinfo=UTC)})
    with pytest.raises(SourceError, match=r"which column is which can't be known"):
        lake.rows(unit, "EMail")


def test_an_older_snapshot_whose_file_is_another_one_now_is_not_whole(lake: Lake) -> None:
    lake.put(FIRST, "1,a@x.example,True\n", "2,,False\n9,,\n")
    assert lake.source.snapshots("T") == [SECOND_TIME]
    assert "model.json named what has another size now: " in (lake.source.unfinished("T", FIRST_TIME) or "")


def test_an_older_snapshot_that_nobody_saw_is_not_whole_whatever_its_numbers(lake: Lake) -> None:
    source = LakeExport(ExportFolder.local(lake.root))
    assert source.snapshots("T") == [SECOND_TIME]
    assert "no run looked at it while model.json named it" in (source.unfinished("T", FIRST_TIME) or "")


def test_one_that_nobody_saw_is_read_where_the_definition_says_so_and_its_files_name_their_columns(
    lake: Lake,
) -> None:
    source = LakeExport(ExportFolder.local(lake.root), rules=LakeRules(unseen_allowed=True))
    lake.put(
        FIRST, "Old,subscribed,EMAIL,CustomerId\nx,TRUE,a@x.example,1\n", "CustomerId,EMail,Subscribed\n"
    )
    (unit,) = source.read_units({"T": FIRST_TIME})
    assert [batch.to_pylist() for _, batch in source.read(unit, ["CustomerId", "EMail", "Subscribed"])] == [
        [{"CustomerId": "1", "EMail": "a@x.example", "Subscribed": "true"}]
    ]
    with pytest.raises(SourceError, match=r"T_1\.csv: row 1 isn't what is to be read: it lacks: Other"):
        list(source.read(unit, ["CustomerId", "Other"]))
    lake.put(FIRST, "1,a@x.example,True\n")
    (unit,) = source.read_units({"T": FIRST_TIME})
    with pytest.raises(
        SourceError, match=r"T_1\.csv doesn't name its columns, and no run looked at the snapshot"
    ):
        list(source.read(unit, ["CustomerId"]))
    (lake.root / "T" / FIRST / "T_1.csv").unlink()
    assert source.snapshots("T") == [SECOND_TIME]


@pytest.mark.parametrize(
    ("named", "lying", "told"),
    [
        (
            (1,),
            (1, 2, 3),
            f"model.json doesn't name what lies beside the files that it names: "
            f"T/{SECOND}/T_2.csv, T/{SECOND}/T_3.csv",
        ),
        ((1, 3), (1, 3), "model.json leaves out T_2.csv between the files that it names"),
        ((1, 3), (1, 2, 3), f"lies beside the files that it names: T/{SECOND}/T_2.csv"),
        ((2,), (2,), "model.json leaves out T_1.csv between the files that it names"),
        ((0, 2), (0, 2), "model.json leaves out T_1.csv between the files that it names"),
    ],
)
def test_a_snapshot_of_which_files_are_unaccounted_for_is_not_whole_or_doubted(
    lake: Lake, named: tuple[int, ...], lying: tuple[int, ...], told: str
) -> None:
    shutil.rmtree(lake.root / "T" / SECOND)
    for number in lying:
        lake.put(SECOND, f"{number},a@x.example,True\n", first=number)
    lake.point(*(f"{SECOND}/T_{number}.csv" for number in named))
    assert lake.source.snapshots("T") == [FIRST_TIME]
    assert told in (lake.source.unfinished("T") or "")

    source = LakeExport(ExportFolder.local(lake.root), rules=LakeRules(unaccounted_allowed=True))
    (unit,) = source.read_units({"T": SECOND_TIME})
    assert len(unit.detail["files"]) == len(named)
    (doubt,) = doubts_of(source)
    assert told in doubt
    assert doubt.endswith("doesn't count as whole, and nobody leaves its list for not being in it")
    assert (unit.whole, unit.judged) == (False, named == lying)


@pytest.mark.parametrize("name", ["T_3.csv.gz", "t_3.csv", "part/T_3.csv", "part-00003.parquet"])
def test_a_part_of_another_ending_or_place_is_waited_for_too(lake: Lake, name: str) -> None:
    path = lake.root / "T" / SECOND / name
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(b"x")
    assert lake.source.snapshots("T") == [FIRST_TIME]
    assert f"lies beside the files that it names: T/{SECOND}/{name}" in (lake.source.unfinished("T") or "")


def test_a_numbered_file_beside_one_without_a_number_is_waited_for(lake: Lake) -> None:
    (lake.root / "T" / SECOND / "T_2.csv").rename(lake.root / "T" / SECOND / "T.csv")
    lake.point(f"{SECOND}/T.csv")
    assert f"that it names: T/{SECOND}/T_1.csv" in (lake.source.unfinished("T") or "")


def test_numbers_that_spark_leaves_out_are_doubted(lake: Lake) -> None:
    shutil.rmtree(lake.root / "T" / SECOND)
    lake.put(SECOND, "1,a@x.example,True\n", first=0)
    (lake.root / "T" / SECOND / "T_0.csv").rename(lake.root / "T" / SECOND / "part-00002-4f.csv")
    lake.point(f"{SECOND}/part-00002-4f.csv")
    source = lake.source
    (unit,) = source.read_units({"T": SECOND_TIME})
    assert unit.whole
    (doubt,) = doubts_of(source)
    assert doubt.startswith(
        "T: between the files that model.json names 2 parts are left out (the first is part-"
    )


def test_what_lies_beside_and_is_no_data_stops_and_doubts_nothing(lake: Lake) -> None:
    for name in ("_SUCCESS", "_committed_17", ".T_3.csv.crc", "model.json", "_delta_log/0.json"):
        path = lake.root / "T" / SECOND / name
        path.parent.mkdir(exist_ok=True)
        path.write_text("{}")
    (lake.root / "T" / SECOND / "folder").write_bytes(b"")
    source = lake.source
    (unit,) = source.read_units({"T": SECOND_TIME})
    assert (unit.whole, unit.judged, doubts_of(source)) == (True, True, [])


@pytest.mark.parametrize("content", ["\ufeff", "\n", "\r\n\r\n"])
def test_a_file_of_nothing_but_line_ends_beside_others_is_doubted(lake: Lake, content: str) -> None:
    lake.put(SECOND, content, first=2)
    source = lake.source
    (unit,) = source.read_units({"T": SECOND_TIME})
    assert sum(batch.num_rows for _, batch in source.read(unit, ["CustomerId"])) == 1
    (doubt,) = doubts_of(source)
    assert "T_2.csv holds nothing but line ends: if the export was cut off, rows are missing" in doubt


def test_a_file_that_is_named_twice_is_read_once(lake: Lake) -> None:
    lake.point(f"{SECOND}/T_1.csv", f"{SECOND}/T_2.csv", f"{SECOND}/T_1.csv")
    (unit,) = lake.source.read_units({"T": SECOND_TIME})
    assert [row["CustomerId"] for row in lake.rows(unit, "CustomerId")] == ["1", "3"]


def test_a_file_of_another_name_beside_them_is_doubted(lake: Lake) -> None:
    (lake.root / "T" / SECOND / "copy of T_1.csv").write_text("1,a,b\n")
    source = lake.source
    source.read_units({"T": SECOND_TIME})
    assert doubts_of(source) == [
        f"T: copy of T_1.csv in the folder {SECOND} is no file that model.json names, and is not read"
    ]


class TestASegmentWithoutAFile:
    """An empty segment beside one that has members: model.json names no file of it."""

    def source(self, lake: Lake, minutes: float, rules: LakeRules) -> LakeExport:
        model = json.loads((lake.root / "model.json").read_text())
        empty = {"name": "Empty", "attributes": [{"name": "CustomerId"}], "partitions": []}
        lake.write(json.dumps({"entities": [model["entities"][0], empty]}))
        return LakeExport(
            ExportFolder.local(lake.root),
            rules=rules,
            seen=lake.seen,
            now=lambda: SECOND_TIME + timedelta(minutes=minutes),
        )

    def test_is_waited_for_while_the_refresh_may_still_write(self, lake: Lake) -> None:
        source = self.source(lake, 59, LakeRules(absent_is_empty_after=WRITTEN_IN))
        assert source.snapshots("Empty") == []
        assert "model.json names no partition of Empty. It may be written yet" in (
            source.unfinished("Empty") or ""
        )

    def test_is_empty_an_hour_after_the_refresh_of_the_others_and_doubted(self, lake: Lake) -> None:
        source = self.source(lake, 60, LakeRules(absent_is_empty_after=WRITTEN_IN))
        assert source.snapshots("Empty") == source.snapshots("T")[-1:]
        (unit,) = source.read_units({"Empty": SECOND_TIME})
        assert list(source.read(unit, ["CustomerId"])) == []
        (doubt,) = doubts_of(source)
        assert doubt.startswith("model.json names no file of Empty: the segment counts as empty")

    @pytest.mark.parametrize("folder", [SECOND, "2026/01/06/0512", "2026/01/06/0455"])
    @pytest.mark.parametrize("name", ["Empty_1.csv", "Empty.csv", "people.parquet"])
    def test_is_not_empty_where_files_of_it_lie_there(self, lake: Lake, folder: str, name: str) -> None:
        (lake.root / "Empty" / folder).mkdir(parents=True)
        (lake.root / "Empty" / folder / name).write_text("1,a@x.example,\n")
        source = self.source(lake, 24 * 60, LakeRules(absent_is_empty_after=WRITTEN_IN))
        for _ in range(2):
            assert source.snapshots("Empty") == []
            assert source.unfinished("Empty") == (
                f"model.json names no partition, and yet there are Empty/{folder}/{name}"
            )

    @pytest.mark.parametrize(("age", "is_there"), [(timedelta(), True), (None, False)])
    def test_is_empty_at_once_or_never_where_the_definition_says_so(
        self, lake: Lake, age: timedelta | None, is_there: bool
    ) -> None:
        source = self.source(lake, 0, LakeRules(absent_is_empty_after=age))
        assert bool(source.snapshots("Empty")) is is_there

    def test_was_empty_on_its_day_when_it_is_backfilled(self, lake: Lake) -> None:
        rules = LakeRules(absent_is_empty_after=timedelta())
        self.source(lake, 0, rules).snapshots("Empty")
        lake.put(THIRD, "1,a,\n")
        lake.point(f"{THIRD}/T_1.csv")
        assert self.source(lake, 24 * 60, rules).snapshots("Empty") == [SECOND_TIME, THIRD_TIME]


def test_without_a_model_the_folder_to_name_is_told(tmp_path: Path, lake: Lake) -> None:
    source = LakeExport(ExportFolder.local(tmp_path))
    with pytest.raises(SourceError) as refused:
        source.segments()
    assert "source.path must be the export's folder, with model.json" in str(refused.value)
    assert f"Below it there are: {lake.root}" in str(refused.value)


def test_an_empty_model_is_one_that_is_being_written(lake: Lake) -> None:
    lake.write("")
    with pytest.raises(SourceNotReadyError, match="is empty; Customer Insights may be writing it"):
        lake.source.snapshots("T")


@pytest.mark.parametrize("content", ['{"entities": [', '{"entities": []}\n"partitions": []}', "\x00\x00"])
def test_a_model_that_is_no_json_is_one_that_is_being_written(lake: Lake, content: str) -> None:
    lake.write(content)
    with pytest.raises(
        SourceNotReadyError, match=r"model\.json isn't whole: it can't be read as JSON\. Customer"
    ):
        lake.source.snapshots("T")


def test_a_model_of_another_shape_is_told(lake: Lake) -> None:
    lake.write('{"entities": {}}')
    with pytest.raises(SourceError, match=r"model\.json can't be used: entities: is a mapping") as refused:
        lake.source.snapshots("T")
    assert not isinstance(refused.value, SourceNotReadyError)


def test_a_model_that_is_missing_beside_its_tables_is_being_replaced(lake: Lake) -> None:
    (lake.root / "model.json").unlink()
    with pytest.raises(
        SourceNotReadyError, match=r"model\.json isn't there; Customer Insights may be writing it"
    ):
        lake.source.snapshots("T")


@pytest.mark.parametrize(
    "other",
    [
        {"partitions": {"x": 1}},
        {"partitions": [{"name": "U_1.csv"}]},
        {"partitions": [{"location": "x.csv", "fileFormatSettings": {"delimiter": "||"}}]},
        {"attributes": [{"name": "A"}, {"name": "A"}]},
        {"attributes": [{"dataType": "string"}]},
        {"attributes": "none"},
    ],
)
def test_a_fault_of_another_table_is_nobodys_business(lake: Lake, other: dict[str, Any]) -> None:
    model = json.loads((lake.root / "model.json").read_text())
    broken = {"name": "U", "attributes": [{"name": "CustomerId"}], "partitions": []} | other
    lake.write(json.dumps({"entities": [broken, *model["entities"], "nothing", {"name": None}]}))
    assert lake.source.snapshots("T") == [FIRST_TIME, SECOND_TIME]
    infos = {info.name: info for info in lake.source.segments()}
    assert infos["T"].fault is None
    assert "U" in (infos["U"].fault or "")
    with pytest.raises(SourceError, match="U"):
        lake.source.snapshots("U")


def test_a_file_system_that_fails_is_told_without_a_traceback(lake: Lake) -> None:
    class Refusing(LocalFileSystem):
        cachable = False

        def info(self, path: str, **kwargs: Any) -> dict[str, Any]:
            raise PermissionError("with a token in it")

    with pytest.raises(SourceError) as refused:
        LakeExport(ExportFolder(Refusing(), str(lake.root))).segments()
    assert str(refused.value).endswith(
        "model.json may not be read (PermissionError): the user of the worker must be allowed to read it"
    )


def test_an_object_store_is_read_as_a_folder_is(lake: Lake) -> None:
    memory = fsspec.filesystem("memory")
    memory.put(str(lake.root) + "/", f"/container/{FOLDER}", recursive=True)
    source = LakeExport(ExportFolder(memory, f"/container/{FOLDER}"))
    assert source.snapshots("T") == [SECOND_TIME]
    (unit,) = source.read_units({"T": SECOND_TIME})
    batches = [batch for _, batch in source.read(unit, ["CustomerId", "Subscribed"])]
    assert pa.Table.from_batches(batches).to_pydict() == {
        "CustomerId": ["1", "3"],
        "Subscribed": ["true", None],
    }


FORMATS = {
    "defaults": CsvFormat(declared=False),
    "declared": CsvFormat(),
    "header": CsvFormat(header=True, delimiter=";", quoting=Quoting.WHERE_NEEDED),
    "undeclared header": CsvFormat(header=True, declared=False),
    "UTF-16": CsvFormat(encoding="UTF-16LE", delimiter="\t"),
}


@pytest.mark.parametrize("layout", FORMATS.values(), ids=FORMATS)
def test_a_generated_export_is_read_value_by_value(tmp_path: Path, layout: CsvFormat) -> None:
    tenant = Tenant(3_000, seed=11)
    written = WrittenExport(tmp_path, tenant, csv=layout, partitions=2)
    seen = SeenSnapshots(Store.local(tmp_path / "staging"))
    source = LakeExport(ExportFolder.local(written.folder), seen=seen)
    times = []
    for time in write_lake(written, 2):
        times.append(time)
        for segment in tenant.segments:
            source.snapshots(segment)
    for number, time in enumerate(times):
        units = source.read_units(dict.fromkeys(tenant.segments, time))
        found = {segment: batch for unit in units for segment, batch in _whole(source, unit)}
        for segment in tenant.segments:
            expected = pa.Table.from_batches(tenant.segment(number, segment)).combine_chunks()
            assert found[segment].select(list(ATTRIBUTE_NAMES)).equals(expected.select(list(ATTRIBUTE_NAMES)))


def _whole(source: LakeExport, unit: ReadUnit) -> Iterator[tuple[str, pa.Table]]:
    batches = [batch for _, batch in source.read(unit, ATTRIBUTE_NAMES)]
    yield unit.name, pa.Table.from_batches(batches).combine_chunks()


def test_model_json_has_so_many_bytes_and_not_one_more(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    size = (lake.root / "model.json").stat().st_size
    monkeypatch.setattr(bounds, "MODEL_BYTES", size)
    lake.look()
    monkeypatch.setattr(bounds, "MODEL_BYTES", size - 1)
    with pytest.raises(SourceError, match=rf"model\.json has more than {size - 1:,} bytes, and is not read"):
        lake.look()


def test_a_table_has_so_many_bytes_in_a_snapshot_and_not_one_more(
    lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    newest = {"T": lake.source.snapshots("T")[-1]}
    size = sum(file.stat().st_size for file in (lake.root / "T" / SECOND).iterdir())
    monkeypatch.setattr(bounds, "TABLE_BYTES", size)
    lake.source.read_units(newest)
    monkeypatch.setattr(bounds, "TABLE_BYTES", size - 1)
    with pytest.raises(SourceError, match=f"have {size} bytes together; at most {size - 1} are read"):
        lake.source.read_units(newest)


def test_a_table_has_so_many_files_and_not_one_more(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bounds, "LISTED_FILES", 4)
    lake.look()
    monkeypatch.setattr(bounds, "LISTED_FILES", 3)
    with pytest.raises(SourceError, match="holds 4 files; at most 3 are looked at"):
        lake.look()
