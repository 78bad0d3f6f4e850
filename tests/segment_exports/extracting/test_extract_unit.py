"""One extract task: rows of a unit become Parquet files, whole or not at all."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from segment_exports.definition import ExportDefinition, Permission, SegmentChecks
from segment_exports.errors import SourceError
from segment_exports.extracting import extract_unit as extraction
from segment_exports.extracting.extract_unit import extract_unit
from segment_exports.records.profiles import WITHOUT_PROFILE
from segment_exports.records.staging import RunFiles, Store
from segment_exports.records.warnings import recorded_warnings
from segment_exports.settings import bounds
from segment_exports.sources import ReadUnit

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from segment_exports.sources import Source

DEFINITION = ExportDefinition.model_validate(
    {
        "name": "newsletter",
        "source": {"type": "lake", "path": "lake"},
        "segments": ["A", "B"],
        "mapping": {"Email": "EMail", "FirstName": "FirstName"},
    }
)
UNIT = ReadUnit("both", {"A": "2026-01-05T05:00:00+00:00", "B": "2026-01-06T05:00:00+00:00"}, {})


class Rows:
    """A source that gives so many rows of each segment, in batches, turn by turn."""

    unread: frozenset[str] = frozenset()
    perhaps_members: Sequence[pa.RecordBatch] = ()

    def __init__(self, counts: dict[str, int], *, batch: int = 1000, previous: bool = True) -> None:
        self.given = 0
        self._counts = counts
        self._batch = batch
        self._previous = previous

    def read(self, unit: ReadUnit, attributes: Sequence[str]) -> Iterator[tuple[str, pa.RecordBatch]]:
        assert tuple(attributes) == DEFINITION.attributes
        names = [name for name in attributes if name != "PreviousCustomerId" or self._previous]
        for start in range(0, max(self._counts.values(), default=0), self._batch):
            for segment, count in self._counts.items():
                size = min(self._batch, count - start)
                if size > 0:
                    numbers = pa.array(range(start, start + size))
                    columns = [numbers.cast(pa.string()) for _ in names]
                    self.given += size
                    yield segment, pa.RecordBatch.from_arrays(columns, names=names)


@pytest.fixture
def files(tmp_path: Path) -> RunFiles:
    return RunFiles(Store.local(tmp_path), "manual__2026-01-06T05:00:00+00:00")


def extract(
    source: Any, files: RunFiles, *, definition: ExportDefinition = DEFINITION, **options: Any
) -> dict[str, Any]:
    return extract_unit(cast("Source", source), UNIT, definition, files, **options)


def profiles(files: RunFiles, segment: str) -> pa.Table:
    return pq.read_table(files.store.path(RunFiles.profiles(segment)))


def test_a_segment_with_members_that_could_not_be_read_is_not_whole(files: RunFiles) -> None:
    source = Rows({"A": 3, "B": 3})
    source.unread = frozenset({"B"})
    summary = extract(source, files)
    assert {name: told["whole"] for name, told in summary["segments"].items()} == {"A": True, "B": False}
    assert all(told["judged"] for told in summary["segments"].values())


def test_who_may_be_a_member_is_read_for_what_they_refuse_alone(files: RunFiles) -> None:
    asks = DEFINITION.model_copy(update={"permission": Permission(attribute="FirstName", equals=("0",))})
    source = Rows({"A": 3, "B": 0})
    names = list(DEFINITION.attributes)
    source.perhaps_members = [pa.RecordBatch.from_arrays([pa.array(["perhaps"])] * len(names), names=names)]
    summary = extract(source, files, definition=asks)
    assert {name: told["read"] for name, told in summary["segments"].items()} == {"A": 3, "B": 0}
    assert profiles(files, "A")["CustomerId"].to_pylist() == ["0", "1", "2", "perhaps"]
    assert profiles(files, "B")["CustomerId"].to_pylist() == ["perhaps"]

    extract(source, files)
    assert profiles(files, "A").num_rows == 3


def test_each_segment_becomes_a_file_of_string_columns_in_the_definitions_order(files: RunFiles) -> None:
    extract(Rows({"A": 2500, "B": 10}), files)
    table = profiles(files, "A")
    columns = (*DEFINITION.attributes, WITHOUT_PROFILE)
    assert table.schema == pa.schema([(name, pa.string()) for name in columns])
    assert table["CustomerId"].to_pylist() == [str(number) for number in range(2500)]
    assert profiles(files, "B").num_rows == 10


def test_what_was_read_is_counted_and_written_down(files: RunFiles) -> None:
    clock = iter([10.0, 12.5])
    summary = extract(Rows({"A": 2500, "B": 10}), files, clock=lambda: next(clock))
    assert summary == {
        "unit": "both",
        "segments": {
            "A": {"read": 2500, "snapshot": "2026-01-05T05:00:00+00:00", "whole": True, "judged": True},
            "B": {"read": 10, "snapshot": "2026-01-06T05:00:00+00:00", "whole": True, "judged": True},
        },
        "seconds": 2.5,
    }
    assert files.store.read_json(RunFiles.extract("both")) == summary


def test_an_empty_segment_is_a_file_without_rows(files: RunFiles) -> None:
    summary = extract(Rows({"A": 5}), files)
    assert summary["segments"]["B"] == {
        "read": 0,
        "snapshot": "2026-01-06T05:00:00+00:00",
        "whole": True,
        "judged": True,
    }
    assert profiles(files, "B").num_rows == 0
    assert profiles(files, "B").schema.names == [*DEFINITION.attributes, WITHOUT_PROFILE]


def test_previous_ids_are_null_where_the_source_has_none(files: RunFiles) -> None:
    extract(Rows({"A": 5, "B": 5}, previous=False), files)
    assert profiles(files, "A")["PreviousCustomerId"].null_count == 5


def test_a_sample_is_the_first_rows_of_each_segment_and_never_whole(files: RunFiles) -> None:
    source = Rows({"A": 100_000, "B": 3})
    summary = extract(source, files, sample=7)
    assert {name: one["read"] for name, one in summary["segments"].items()} == {"A": 7, "B": 3}
    assert not any(one["whole"] for one in summary["segments"].values())
    assert profiles(files, "A")["CustomerId"].to_pylist() == ["0", "1", "2", "3", "4", "5", "6"]


def test_the_rows_after_a_sample_are_read_too_where_they_may_give_no_permission(files: RunFiles) -> None:
    asking = DEFINITION.model_copy(update={"permission": Permission(attribute="EMail", equals=("Yes",))})
    summary = extract(Rows({"A": 100, "B": 3}), files, sample=7, definition=asking)
    assert summary["segments"]["A"] == {
        "read": 7,
        "snapshot": "2026-01-05T05:00:00+00:00",
        "whole": False,
        "judged": True,
    }
    assert profiles(files, "A").num_rows == 100


def test_a_sample_stops_reading_when_every_segment_has_it(files: RunFiles) -> None:
    source = Rows({"A": 100_000, "B": 100_000})
    extract(source, files, sample=7)
    assert source.given <= 2000


def test_nothing_is_half_written_when_the_source_breaks(files: RunFiles) -> None:
    class Breaking(Rows):
        def read(self, unit: ReadUnit, attributes: Sequence[str]) -> Iterator[tuple[str, pa.RecordBatch]]:
            yield from super().read(unit, attributes)
            raise SourceError("a broken row")

    with pytest.raises(SourceError, match="a broken row"):
        extract(Breaking({"A": 70_000, "B": 5}), files)
    assert files.store.names() in ([], ["profiles"])
    assert files.store.names("profiles") == []
    assert not files.store.exists(RunFiles.extract("both"))


def test_a_download_cut_off_at_100_000_rows_leaves_nothing(files: RunFiles) -> None:
    download = ReadUnit("A", {"A": "2026-01-05T05:00:00+00:00"}, {"files": ["A/2026/01/05/0500/A_1.csv"]})

    with pytest.raises(SourceError, match="exactly 100,000 rows"):
        extract_unit(cast("Source", Rows({"A": 100_000}, batch=50_000)), download, DEFINITION, files)

    assert not files.store.exists(RunFiles.profiles("A"))


def test_a_doubtful_segment_that_is_let_pass_is_a_warning_until_it_is_read_well(files: RunFiles) -> None:
    warned = DEFINITION.model_copy(
        update={
            "source": DEFINITION.source.model_copy(update={"checks": SegmentChecks(when_truncated="warn")})
        }
    )
    download = ReadUnit("A", {"A": "2026-01-05T05:00:00+00:00"}, {"files": ["A/2026/01/05/0500/A_1.csv"]})

    for rows, warnings in ((100_000, 1), (100_001, 0)):
        extract_unit(cast("Source", Rows({"A": rows}, batch=50_000)), download, warned, files)
        assert len(recorded_warnings(files.store)) == warnings


def test_a_second_try_replaces_what_the_first_left(files: RunFiles) -> None:
    extract(Rows({"A": 50, "B": 5}), files)
    extract(Rows({"A": 20, "B": 5}), files)
    assert profiles(files, "A").num_rows == 20


def test_row_groups_are_large_but_bounded(files: RunFiles) -> None:
    extract(Rows({"A": 150_000, "B": 5}, batch=9_000), files)
    with files.store.parquet_file(RunFiles.profiles("A")) as file:
        sizes = [file.metadata.row_group(number).num_rows for number in range(file.num_row_groups)]
    assert sum(sizes) == 150_000
    assert max(sizes) <= extraction.ROWS_PER_GROUP
    assert len(sizes) <= 6


def test_rows_of_many_segments_do_not_pile_up_in_memory(
    files: RunFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(extraction, "BYTES_HELD", 200_000)
    before, most = pa.total_allocated_bytes(), 0

    class Watched(Rows):
        def read(self, unit: ReadUnit, attributes: Sequence[str]) -> Iterator[tuple[str, pa.RecordBatch]]:
            nonlocal most
            for one in super().read(unit, attributes):
                most = max(most, pa.total_allocated_bytes() - before)
                yield one

    extract(Watched({"A": 60_000, "B": 60_000}), files)
    assert most < 4_000_000
    assert profiles(files, "A").num_rows == profiles(files, "B").num_rows == 60_000


def test_an_object_store_gets_the_same_files(tmp_path: Path) -> None:
    import fsspec

    files = RunFiles(Store(fsspec.filesystem("memory"), f"/staging{tmp_path}"), "run")
    extract(Rows({"A": 2500, "B": 10}), files)
    with files.store.parquet_file(RunFiles.profiles("A")) as file:
        assert file.metadata.num_rows == 2500


def test_what_the_source_doubts_is_kept_for_the_report(files: RunFiles) -> None:
    source = Rows({"A": 5, "B": 5})
    source.doubts = ["3 of 10 members have no profile"] * 2  # type: ignore[attr-defined]
    extract(source, files)
    assert recorded_warnings(files.store) == ["3 of 10 members have no profile"]


def test_a_segment_has_so_many_rows_and_not_one_more(
    files: RunFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bounds, "TABLE_ROWS", 2_000)
    extract(Rows({"A": 2_000}), files)
    with pytest.raises(SourceError, match="A segment has more than 2,000 rows, and is not read"):
        extract(Rows({"A": 2_001}), files)
