"""make check: what would stop a run is told before one starts."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
from fsspec.implementations.local import LocalFileSystem
from tests.segment_exports.staged_run import Person, Stage, definition_of

from segment_emulators.lake_writer import LakeExport, write_lake
from segment_emulators.tenant import Tenant
from segment_exports.commands.checking.check_result import SegmentCheck, ToldOfRun
from segment_exports.commands.checking.export_check import check_export, check_folder, main
from segment_exports.definition import ExportDefinition, LakeSource
from segment_exports.errors import SourceError, StagingError
from segment_exports.sources.opening import lake_location, open_lake
from segment_exports.sources.refresh_evidence import SegmentState

if TYPE_CHECKING:
    from pathlib import Path

    from segment_exports.commands.checking.check_result import CheckResult

TEXT = """\
name: {name}
source: {{type: lake, path: {path}}}
segments: [HighValueSegment, {{name: ChurnProne, list: Win-back}}]
mapping: {{Email: EMail, FirstName: FirstName}}
"""


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> LakeExport:
    written = LakeExport(tmp_path_factory.mktemp("lake"), Tenant(2_000, seed=3))
    list(write_lake(written, 2))
    return written


@pytest.fixture
def folder(lake: LakeExport, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SEGMENT_EXPORTS_DEFINITIONS", str(tmp_path))
    monkeypatch.setenv("SEGMENT_EXPORTS_LAKE", str(lake.root))
    return tmp_path


def path_of(lake: LakeExport) -> str:
    return lake.folder.relative_to(lake.root).as_posix()


def opened(definition: ExportDefinition) -> Any:
    assert isinstance(definition.source, LakeSource)
    return open_lake(definition.source, LocalFileSystem(), lake_location(definition.source))


def check_command(arguments: list[str], told_of: Any = lambda _export: ToldOfRun()) -> int:
    def nowhere(_place: str | None) -> Any:
        raise StagingError("no export has run yet")

    return main(arguments, opener=opened, told_of=told_of, open_staging=nowhere)


def check(lake: LakeExport, **changes: Any) -> CheckResult:
    content: dict[str, Any] = {
        "name": "newsletter",
        "source": {"type": "lake", "path": str(lake.folder)},
        "segments": ["HighValueSegment"],
        "mapping": {"Email": "EMail"},
    }
    definition = ExportDefinition.model_validate({**content, **changes})
    return check_export(definition, opened(definition), now=datetime(2026, 2, 1, tzinfo=UTC))


def test_a_good_definition_shows_what_would_be_read(lake: LakeExport) -> None:
    result = check(lake)
    assert result.is_good
    (note,) = result.notes
    assert note.startswith("mapping.Email: 1 row would be refused, since EMail is bad_domain; one looks like")
    rows = sum(batch.num_rows for batch in lake.tenant.segment(1, "HighValueSegment"))
    empty = sum(batch["EMail"].null_count for batch in lake.tenant.segment(1, "HighValueSegment"))
    size = sum(path.stat().st_size for path in lake.files("HighValueSegment", 1))
    assert result.segments == (
        SegmentCheck(
            "HighValueSegment", "HighValueSegment", lake.tenant.snapshot_time(1), rows, rows - empty, size
        ),
    )


def test_a_segment_that_is_not_there_is_told_with_a_near_one(lake: LakeExport) -> None:
    result = check(lake, segments=["HighValueSegments", "ChurnProne"])
    assert result.problems[0].startswith(
        "no segment HighValueSegments. Did you mean HighValueSegment? There are: ChurnProne, "
    )
    assert [one.name for one in result.segments] == ["ChurnProne"]


def test_an_attribute_that_is_not_there_is_told_with_its_use_and_a_near_one(lake: LakeExport) -> None:
    result = check(
        lake,
        mapping={"Email": "Email", "custom": {"string--Tier": "LoyaltyTier"}},
        permission={"attribute": "Consent", "equals": "Yes"},
        recency="LoyaltyTier",
    )
    told = [problem.split(" It has:")[0] for problem in result.problems]
    assert told == [
        "HighValueSegment has no attribute Email, wanted for mapping.Email. Did you mean EMail?",
        "HighValueSegment has no attribute LoyaltyTier, wanted for mapping.custom.string--Tier and recency."
        " Did you mean Loyalty Tier?",
        "HighValueSegment has no attribute Consent, wanted for permission.attribute.",
    ]
    assert "It has: City, Country" in result.problems[0]
    assert result.segments[0].rows is None


def test_a_file_that_can_not_be_read_is_a_problem(lake: LakeExport, tmp_path: Path) -> None:
    broken = LakeExport(tmp_path, Tenant(500, seed=3))
    list(write_lake(broken, 1))
    with broken.files("HighValueSegment", 0)[1].open("ab") as file:
        file.write(b"one,two\n")
    (problem,) = check(broken).problems
    assert "has 2 columns; model.json gives the table" in problem


def test_a_missing_file_is_a_problem(lake: LakeExport, tmp_path: Path) -> None:
    broken = LakeExport(tmp_path, Tenant(500, seed=3))
    list(write_lake(broken, 2))
    broken.files("HighValueSegment", 1)[1].unlink()
    (problem,) = check(broken).problems
    assert problem.startswith("Not there yet: HighValueSegment: model.json names what isn't there: ")


@pytest.mark.parametrize("counted", [True, False])
def test_an_empty_file_beside_others_is_noted_also_where_nothing_is_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, counted: bool
) -> None:
    if not counted:
        monkeypatch.setattr("segment_exports.settings.bounds.COUNTED_BYTES", 0)
    cut_off = LakeExport(tmp_path, Tenant(500, seed=3))
    list(write_lake(cut_off, 1))
    empty = cut_off.files("HighValueSegment", 0)[1]
    empty.write_bytes(b"")

    result = check(cut_off)

    assert result.is_good
    (note,) = result.notes
    assert empty.relative_to(cut_off.folder).as_posix() in note


def test_a_segment_of_so_many_bytes_is_counted_and_one_of_a_byte_more_is_not(
    lake: LakeExport, monkeypatch: pytest.MonkeyPatch
) -> None:
    size = check(lake).segments[0].size_bytes
    assert size is not None
    monkeypatch.setattr("segment_exports.settings.bounds.COUNTED_BYTES", size)
    assert check(lake).segments[0].rows
    monkeypatch.setattr("segment_exports.settings.bounds.COUNTED_BYTES", size - 1)
    assert check(lake).segments[0].rows is None


def test_of_a_segment_that_is_too_large_to_count_a_sample_is_converted(
    lake: LakeExport, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("segment_exports.settings.bounds.COUNTED_BYTES", 0)
    monkeypatch.setattr("segment_exports.commands.checking.export_check.SAMPLED_ROWS", 40)
    rule = {"attribute": "Email Subscriber", "equals": "never written"}

    result = check(lake, permission=rule)

    assert result.is_good
    assert result.segments[0].rows is None
    stops, counts = result.notes[:2]
    assert stops.startswith("in a sample of 40 profiles: permission.equals matches no row: of 40 values")
    assert counts.startswith("in a sample of 40 profiles: permission Email Subscriber: 0 yes, ")


def test_a_snapshot_older_than_allowed_is_noted(lake: LakeExport) -> None:
    assert len(check(lake, max_age_hours=24 * 365).notes) == 1
    (_, note) = check(lake, max_age_hours=36).notes
    assert note == "HighValueSegment: the snapshot is older than max_age_hours (36); a run would be red"


def test_a_folder_is_checked_file_by_file(lake: LakeExport, folder: Path) -> None:
    (folder / "good.yaml").write_text(TEXT.format(name="good", path=path_of(lake)))
    (folder / "bad.yaml").write_text("name: bad\n")
    (folder / "ci.yaml").write_text(
        "name: ci\nsource: {type: api, connection: ci}\nsegments: [A]\nmapping: {Email: E}\n"
    )

    def open_or_refuse(definition: ExportDefinition) -> Any:
        if definition.source.type == "api":
            raise SourceError(f"there is no connection {definition.source.connection}")
        return opened(definition)

    results = check_folder(folder, opener=open_or_refuse)
    assert {result.export: result.is_good for result in results} == {"bad": False, "ci": False, "good": True}
    assert "there is no connection ci" in results[1].problems[0]


def test_a_list_that_is_named_no_more_is_noted_where_the_ledger_is_known(
    lake: LakeExport, folder: Path, tmp_path: Path
) -> None:
    stage = Stage(tmp_path / "staging", definition_of(name="good", segments=["A", "B"]))
    stage.run(1).whole([Person("ann@example.com", "1", ("A", "B")), Person("bob@example.com", "2", ("B",))])
    (folder / "good.yaml").write_text(TEXT.format(name="good", path=path_of(lake)))

    (result,) = check_folder(folder, opener=opened, staging=stage.staging)

    told = [note for note in result.notes if "named no more" in note]
    assert [note.split(";")[0] for note in told] == [
        "list A is named no more, but keeps 1 person whom this export put on it",
        "list B is named no more, but keeps 2 people whom this export put on it",
    ]


def test_the_opener_may_refuse(lake: LakeExport, folder: Path) -> None:
    (folder / "good.yaml").write_text(TEXT.format(name="good", path=path_of(lake)))

    def refuse(_: ExportDefinition) -> Any:
        raise SourceError("no such connection")

    assert check_folder(folder, opener=refuse)[0].problems == ("no such connection",)


def test_the_command_prints_a_table_and_succeeds(
    lake: LakeExport, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "newsletter.yaml").write_text(TEXT.format(name="newsletter", path=path_of(lake)))
    assert check_command([]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "newsletter: good"
    assert lines[1].startswith("  note: mapping.Email: ")
    assert lines[2].split() == ["segment", "list", "snapshot", "(UTC)", "rows", "with", "address", "size"]
    assert lines[3].split()[:4] == ["HighValueSegment", "HighValueSegment", "2026-01-06", "05:00"]
    assert lines[4].split()[:2] == ["ChurnProne", "Win-back"]
    assert lines[-1] == "1 export checked, none with errors"


def test_the_command_fails_on_any_error(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "newsletter.yaml").write_text(TEXT.format(name="newsletter", path="missing"))
    (folder / "bad.yaml").write_text("name: bad\nsegments: []\n")
    assert check_command([]) == 1
    out = capsys.readouterr().out
    assert "newsletter: WOULD NOT RUN\n  error: " in out
    assert "bad.yaml has 3 errors:\n    - " in out
    assert "2 exports checked, 2 with errors" in out


def test_the_command_checks_only_what_is_named(
    lake: LakeExport, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "newsletter.yaml").write_text(TEXT.format(name="newsletter", path=path_of(lake)))
    (folder / "bad.yaml").write_text("name: bad\n")
    assert check_command(["newsletter"]) == 0
    assert check_command(["nosuch"]) == 1
    assert "no definition of this name" in capsys.readouterr().out


def test_a_folder_without_definitions_is_no_success(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert check_command([]) == 1
    assert "No definitions in" in capsys.readouterr().out
    monkeypatch.setenv("SEGMENT_EXPORTS_DEFINITIONS", str(folder / "missing"))
    assert check_command([]) == 1
    assert "must name the folder of definitions" in capsys.readouterr().err


def test_settings_that_are_wrong_are_told(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SEGMENT_EXPORTS_LAKE", "s3://bucket")
    assert check_command([]) == 1
    assert capsys.readouterr().err.startswith("SEGMENT_EXPORTS_LAKE is a URL; it must be a folder")


def test_a_segment_that_is_invalid_in_customer_insights_is_a_problem(
    lake: LakeExport, monkeypatch: pytest.MonkeyPatch
) -> None:
    definition = ExportDefinition.model_validate(
        {
            "name": "newsletter",
            "source": {"type": "lake", "path": str(lake.folder)},
            "segments": ["HighValueSegment"],
            "mapping": {"Email": "EMail"},
        }
    )
    source = opened(definition)
    infos = [replace(one, state=SegmentState.INVALID) for one in source.segments()]
    monkeypatch.setattr(source, "segments", lambda: infos)

    (problem,) = check_export(definition, source).problems

    assert problem.startswith("Customer Insights calls the segment HighValueSegment invalid")


def test_it_is_told_where_falling_out_of_a_segment_ends_no_mailing(lake: LakeExport) -> None:
    asks = {"permission": {"attribute": "Email Subscriber", "equals": "Yes"}}
    told = "when_member_leaves is keep"
    assert any(told in note for note in check(lake, when_member_leaves="keep", **asks).notes)
    assert not any(told in note for note in check(lake, **asks).notes)
    assert not any(told in note for note in check(lake, when_member_leaves="keep").notes)


def test_what_ortto_can_not_hold_and_what_it_must_have_is_told_before_anything_is_sent(
    lake: LakeExport,
) -> None:
    there = {"type": "ortto", "new_people": "unsubscribed", "create_fields": True}
    mapping = {"Email": "EMail", "Phone": "Telephone", "Title": "FirstName"}
    result = check(lake, destination=there, mapping=mapping)
    assert any("would be refused (" in problem for problem in result.problems)
    assert any("phone_without_country_code" in note for note in result.notes)
    assert any("Title → Job title (text)" in note for note in result.notes)
    coded = there | {"phone_country_code": "+1"}
    assert check(lake, destination=coded, mapping=mapping).is_good


def test_what_others_tell_of_a_definition_is_a_problem_where_it_would_stop_a_run_else_a_note(
    lake: LakeExport, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "a.yaml").write_text(TEXT.format(name="a", path=path_of(lake)))

    assert check_command([], lambda export: ToldOfRun(notes=(f"{export.name} is asked in clear text",))) == 0
    told = capsys.readouterr().out
    assert told.startswith("a: good\n")
    assert "note: a is asked in clear text" in told

    assert check_command([], lambda export: ToldOfRun((f"no account for {export.name}",))) == 1
    assert capsys.readouterr().out.startswith("a: WOULD NOT RUN\n  error: no account for a\n")
